"""Leave without a failed request: a server that just stops cuts keep-alive connections off without warning."""

import asyncio
import os
import signal
from types import FrameType
from typing import Any


class Drain:
    """While it is on, every answer carries `Connection: close`, so that callers reconnect to another server."""

    on = False
    ended = False

    def leave(self) -> None:
        """End the process at once where the server has ended as it was told to. To be called at exit, after all others.

        While Python takes itself apart, some tenths of a second, a process does not answer its supervisor. uvicorn's, when it asks just
        then, waits for that answer a minute before it starts another worker.
        """
        if self.ended:
            os._exit(0)

    def install(self, seconds: float, shared: bool = False) -> None:
        """Put a pause before the server's own SIGTERM handler. Call it in the event loop, after the server has set its handler.

        `shared` says that other processes listen on the same socket.
        """
        stop: Any = signal.getsignal(signal.SIGTERM)
        server: Any = getattr(stop, "__self__", None)
        loop = asyncio.get_running_loop()

        def end(number: int, frame: FrameType | None) -> None:
            self.ended = shared
            if hasattr(server, "should_exit"):
                server.should_exit = True  # its handler would do the same, and then end the process by the signal instead of with 0
            elif callable(stop):
                stop(number, frame)

        def begin(number: int, frame: FrameType | None) -> None:
            self.on = True
            # Where another worker accepts in its place, this one takes no more callers: uvicorn drops those whose request it has not read.
            for listener in getattr(server, "servers", []) if shared else []:
                loop.call_soon_threadsafe(listener.close)
            loop.call_soon_threadsafe(loop.call_later, seconds, end, number, frame)

        signal.signal(signal.SIGTERM, begin)
