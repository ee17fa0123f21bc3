"""`python -m slipway.serving`: how the image, a release folder and `./run serve` start; settings come from the environment."""

import os
import sys

import uvicorn

from slipway.serving.log import CONFIG


def main() -> None:
    """Serve the release in `RELEASE_DIR` on `HOST` and `PORT`, with `WORKERS` processes; Vertex AI names its port in `AIP_HTTP_PORT`.

    SageMaker starts an image with the argument `serve`, which says nothing new.
    """
    if sys.argv[1:] not in ([], ["serve"]):
        sys.exit("There is nothing to say but `serve`; settings come from the environment.")
    vertex = os.environ.get("AIP_HTTP_PORT")
    uvicorn.run(
        "service.app:create",
        factory=True,
        host=os.environ.get("HOST", "0.0.0.0" if vertex else "127.0.0.1"),
        port=int(vertex or os.environ.get("PORT", "8080")),
        workers=int(os.environ.get("WORKERS", "1")),
        # A new worker has this long to load before uvicorn keeps the old one instead.
        timeout_worker_healthcheck=60,
        timeout_graceful_shutdown=20,
        access_log=False,
        log_config=CONFIG,
        server_header=False,
    )


if __name__ == "__main__":
    main()
