"""Sends requests as bytes, over connections that are kept, and holds each answer against what it may be."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from slipway.serving.parity import TOLERANCE, distance
from tests.library.service.bad_inputs import Case
from tests.library.service.conftest import SECRET

TIMEOUT_SECONDS = 30
NO_ANSWER = "no answer"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Seen:
    """How often each family got each status, and what was not as it has to be."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    dropped: int = 0

    def note(self, case: Case, answer: Answer | None) -> None:
        """Count an answer, None where there was none."""
        status = NO_ANSWER if answer is None else str(answer.status)
        self.counts.setdefault(case.family, Counter())[status] += 1
        self.dropped += answer is None and not case.ends
        said = ("no answer" if not case.ends else "") if answer is None else fault(case, answer)
        if said:
            self.wrong.append(f"{case.family}: {said}, to {case.sent[:500]!r}")


def fault(case: Case, answer: Answer) -> str:
    """Return what is wrong with an answer, nothing where it is as it has to be."""
    if answer.status not in (*case.statuses, 503):
        return f"{answer.status} instead of {case.statuses}"
    if answer.status == 405 and "allow" not in answer.headers:
        return "405 without Allow"
    if SECRET.encode() in answer.body:
        return "it repeats what was sent"
    if case.answers is not None and answer.status == 200:
        return "" if close(json.loads(answer.body), case.answers) else "other answers than recorded"
    # What is no HTTP does not get as far as the service: its server answers.
    plain = case.alone and answer.status == 400
    return "" if plain or case.method == "HEAD" or list(json.loads(answer.body)) == ["error"] else "an error of another shape"


def close(said: dict[str, Any], recorded: list[Any]) -> bool:
    """Tell whether answers are those recorded, in whichever form."""
    if "predictions" in said:
        return distance(said["predictions"], recorded) <= TOLERANCE
    [output] = [each for each in said["outputs"] if each["name"] == "predictions"]
    return distance(output["data"], [value for each in recorded for value in (each if isinstance(each, list) else [each])]) <= TOLERANCE


class Client:
    """One client, with one connection at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.kept: Streams | None = None

    async def run(self, cases: Iterator[Case], seen: Seen) -> None:
        """Send cases until there are no more."""
        for case in cases:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    answer = await self.ask(case)
            except (OSError, EOFError, TimeoutError):
                answer = None
            seen.note(case, answer)
            if answer is None or case.alone or answer.headers.get("connection", "").lower() == "close":
                self.close()
        self.close()

    async def ask(self, case: Case) -> Answer:
        """Send a request and read its answer, which may come before all is sent."""
        if case.alone:
            self.close()
        reader, writer = self.kept = self.kept or await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(case.sent)
        if case.ends:
            writer.write_eof()
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        code = int(status.split(" ")[1])
        return Answer(code, headers, b"" if case.method == "HEAD" else await content(reader, headers))

    def close(self) -> None:
        """Close the connection."""
        if self.kept:
            self.kept[1].close()
        self.kept = None


async def content(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """Read what an answer contains; without a length it goes on until the connection ends."""
    return await (reader.readexactly(int(headers["content-length"])) if "content-length" in headers else reader.read())


async def send(port: int, cases: Iterator[Case], clients: int) -> Seen:
    """Send all cases, from several clients at once."""
    seen = Seen()
    await asyncio.gather(*(Client(port).run(cases, seen) for _ in range(clients)))
    return seen
