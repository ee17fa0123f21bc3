"""An answer is one write: a head waits for its content, and goes by itself where none comes in the same turn."""

import asyncio
from typing import Any

import pytest

from slipway.serving.protocol import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name


def play(*steps: Any) -> Transport:
    """Write, close (None) and let the event loop turn (0), one after the other."""

    async def run() -> Transport:
        transport = Transport()
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        for step in steps:
            if step is None:
                joined.close()
            elif step == 0:
                await asyncio.sleep(0)
            else:
                joined.write(step)
        assert joined.get_extra_info("peername") == "peername"
        return transport

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("steps", "written"),
    [
        ((HEAD, b"{}"), [HEAD + b"{}"]),
        ((HEAD, 0, b"{}"), [HEAD, b"{}"]),
        ((HEAD, b"{}", 0, HEAD, b"[]", 0), [HEAD + b"{}", HEAD + b"[]"]),
        ((HEAD, HEAD, 0), [HEAD + HEAD]),
        ((HEAD, b"5\r\nhello\r\n", b"0\r\n\r\n", 0), [HEAD + b"5\r\nhello\r\n", b"0\r\n\r\n"]),
        ((HEAD, None, 0), [HEAD]),
        ((b"{}",), [b"{}"]),
    ],
    ids=["one write", "content comes later", "two answers", "two heads", "parts", "closed", "content alone"],
)
def test_a_head_goes_with_its_content(steps: tuple[Any, ...], written: list[bytes]) -> None:
    assert play(*steps).written == written


def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    async def run() -> list[bytes]:
        transport = Transport()
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        joined.write(HEAD)
        transport.closed = True
        await asyncio.sleep(0)
        return transport.written

    assert asyncio.run(run()) == []
