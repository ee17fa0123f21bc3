"""The pages of MLflow: what was trained, how it was judged, what is live."""

import os
import subprocess
import time
from importlib.metadata import version

import httpx
from uv import find_uv_bin

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate.process import refuse_taken
from slipway.project import Project
from slipway.say import line, open_in_browser
from slipway.tracking import ledger

HOST, SECONDS = "127.0.0.1", 5
# Its background jobs judge answers of language models: they would be ten processes that nobody here needs.
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def mlflow(project: Project, port: int, no_open: bool) -> None:
    """Open the server's pages; or show those of the project's own file, until that is stopped (Ctrl-C). Raises PipelineError."""
    uri = ledger.uri(project)
    if uri.startswith("http"):
        _open_pages(uri, no_open)
        return
    ledger.refuse_folder(project)
    refuse_taken(HOST, port, "take another with --port")
    line("starting MLflow (the first time its pages are fetched, which takes a minute) ...")
    process = subprocess.Popen(_build_command(uri, port), cwd=project.root, env={**os.environ, **SETTINGS})
    try:
        _wait_until_ready(process, url := f"http://{HOST}:{port}")
        _open_pages(url, no_open)
        line("Ctrl-C stops it")
        process.wait()
    except KeyboardInterrupt:
        line("stopped")
    finally:
        process.terminate()
        process.wait()


def _build_command(uri: str, port: int) -> list[str]:
    # The verbs do with a tenth of MLflow; the package with the pages is fetched by uv, which keeps it.
    fetched = [find_uv_bin(), "tool", "run", "--quiet", "--from", f"mlflow=={version('mlflow-skinny')}"]
    return [*fetched, "mlflow", "server", "--backend-store-uri", uri, "--host", HOST, "--port", str(port), "--workers", "1"]


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    while not is_ready(url):
        if process.poll() is not None:
            raise PipelineError("MLflow ended instead of showing its pages; what it said is above. Next: mend that, then ./run mlflow.")
        time.sleep(0.2)


def is_ready(url: str) -> bool:
    """Tell whether a server answers."""
    try:
        return http_client.send_request("GET", f"{url}/health", SECONDS).is_success
    except httpx.TransportError:
        return False


def _open_pages(url: str, no_open: bool) -> None:
    line(f"MLflow: {url}")
    if not no_open:
        open_in_browser(url)
