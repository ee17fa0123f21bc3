"""Leave without a failed request: a server that just stops cuts keep-alive connections off without warning."""

import asyncio
import signal
from types import FrameType
from typing import Any


class Drain:
    """While it is on, every answer carries `Connection: close`, so that callers reconnect to another server."""

    on = False

    def install(self, seconds: float, shared: bool = False) -> None:
        """Put a pause before the server's own SIGTERM handler. Call it in the event loop, after the server has set its handler.

        `shared` says that other processes listen on the same socket.
        """
        stop: Any = signal.getsignal(signal.SIGTERM)
        loop = asyncio.get_running_loop()

        def begin(number: int, frame: FrameType | None) -> None:
            self.on = True
            # Where another worker accepts in its place, this one takes no more callers: uvicorn drops those whose request it has not read.
            for server in getattr(getattr(stop, "__self__", None), "servers", []) if shared else []:
                loop.call_soon_threadsafe(server.close)
            if callable(stop):
                loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, begin)
