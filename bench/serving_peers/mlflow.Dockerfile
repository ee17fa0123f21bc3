# MLflow's server, built as infra/Dockerfile builds Slipway's. Its packages are all that `pip install mlflow` brings.
FROM python:3.13-slim AS packages
COPY mlflow.txt .
RUN python -m venv /venv \
 && /venv/bin/pip install --quiet --no-cache-dir --only-binary :all: --requirement mlflow.txt \
 && /venv/bin/pip uninstall --quiet --yes pip \
 && find /venv -type d -name tests -prune -exec rm -r {} +

FROM python:3.13-slim
COPY --from=packages /venv /venv
COPY model /model
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
USER 10001
EXPOSE 8080
CMD ["mlflow", "models", "serve", "-m", "/model", "--env-manager", "local", "-w", "1", "-h", "0.0.0.0", "-p", "8080"]
