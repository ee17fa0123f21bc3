"""The floor: a bare ASGI app that reads a request and answers always the same."""

import uvicorn
from starlette.types import Receive, Scope, Send

from bench.serving_peers import listening

BODY = b'{"predictions":[53.1516499733414]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(_: Scope, receive: Receive, send: Send) -> None:
    """Answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(app, host=listening.HOST, port=listening.PORT, access_log=False, lifespan="off")
