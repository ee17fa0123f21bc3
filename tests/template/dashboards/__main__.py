"""Writes the dashboards into infra/watch/grafana/dashboards/.

.venv/bin/python -m tests.template.dashboards
"""

from tests.template.dashboards.written import FOLDER, texts

if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
