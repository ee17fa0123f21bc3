"""`python -m slipway.serving`: how the image, a release folder and `./run serve` start; settings come from the environment."""

import json
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from slipway.serving.protocol import JoiningProtocol

# What every record has; all else stands in `extra`.
USUAL = {*vars(logging.makeLogRecord({})), "message", "color_message", "taskName"}


class Json(logging.Formatter):
    """Writes a record as one JSON object a line, with what stands in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in USUAL}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "slipway.serving.__main__.Json"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"uvicorn": {"handlers": [], "propagate": True}},
}


def main() -> None:
    """Serve the release in `RELEASE_DIR` on `HOST` and `PORT`, with `WORKERS` processes; Vertex AI names its port in `AIP_HTTP_PORT`.

    Where there is an `INSIDE`, HOST:PORT, what callers do not reach answers there only (`slipway.serving.access`).
    SageMaker starts an image with the argument `serve`, which changes nothing.
    """
    if sys.argv[1:] not in ([], ["serve"]):
        sys.exit("There is nothing to say but `serve`; settings come from the environment.")
    vertex = os.environ.get("AIP_HTTP_PORT")
    host = os.environ.get("HOST", "0.0.0.0" if vertex else "127.0.0.1")
    config = build_config(host, int(vertex or os.environ.get("PORT", "8080")))
    inner = []
    if inside := os.environ.get("INSIDE"):
        inner.append(build_config(inside.rpartition(":")[0], int(inside.rpartition(":")[2])).bind_socket())
    if config.workers > 1:
        return Multiprocess(config, sockets=[config.bind_socket(), *inner]).run()
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        # Without sockets it binds its own, and says so, once the release is loaded.
        server.run([config.bind_socket(), *inner] if inner else None)
    if not server.started:
        sys.exit(STARTUP_FAILURE)
    return None


def build_config(host: str, port: int) -> uvicorn.Config:
    """Return the settings of the server."""
    return uvicorn.Config(
        "service.app:create",
        factory=True,
        host=host,
        port=port,
        http=JoiningProtocol,
        workers=int(os.environ.get("WORKERS", "1")),
        # A new worker has this long to load before uvicorn keeps the old one instead.
        timeout_worker_healthcheck=60,
        timeout_graceful_shutdown=20,
        access_log=False,
        log_config=LOG_CONFIG,
        server_header=False,
    )


if __name__ == "__main__":
    main()
