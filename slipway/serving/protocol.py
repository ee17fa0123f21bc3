"""uvicorn's protocol, with one write for an answer: it writes head and content apart, and each write costs more than the model."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

END_OF_HEAD = b"\r\n\r\n"


class JoinedWrites:
    """A transport that keeps a head until its content comes; of what comes without any, until the end of the event loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport, self.loop, self.head = transport, loop, b""

    def write(self, data: bytes) -> None:
        """Write, or keep a head."""
        if not self.head and data.endswith(END_OF_HEAD):
            self.head = data
            self.loop.call_soon(self.flush)
        else:
            head, self.head = self.head, b""
            self.transport.write(head + data)

    def flush(self) -> None:
        """Write a head that was kept."""
        head, self.head = self.head, b""
        if head and not self.transport.is_closing():
            self.transport.write(head)

    def close(self) -> None:
        """Close, behind what was kept."""
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class JoiningProtocol(HttpToolsProtocol):
    """Answers HTTP/1.1."""

    def connection_made(self, transport: Any) -> None:
        """Begin a connection."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]  # it is one, by what it hands on
