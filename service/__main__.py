"""`python -m service`: how the image, a release folder and `./run serve` start; settings come from the environment."""

import os

import uvicorn


def main() -> None:
    """Serve the release in `RELEASE_DIR` on `HOST` and `PORT`, with `WORKERS` processes."""
    uvicorn.run(
        "service.app:create",
        factory=True,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8080")),
        workers=int(os.environ.get("WORKERS", "1")),
        # A new worker has this long to load before uvicorn keeps the old one instead.
        timeout_worker_healthcheck=60,
        timeout_graceful_shutdown=20,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
