"""Asks a service that really runs what it refuses, and writes what it says into docs/inputs.md.

    .venv/bin/python -m tests.template.inputs_page

It needs a bundle (./run train).
"""

import asyncio
import gzip
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.results import markdown
from slipway.operate.process import serve_release
from tests.library.service.asked import JSON, http
from tests.library.service.bad_inputs import Case
from tests.library.service.raw_client import Client

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "inputs.md"
BEGIN, END = "<!-- inputs -->\n", "\n<!-- end of inputs -->"
HEAD = ("what is sent", "status", "what the answer says")
ROW: dict[str, Any] = {
    "season": 4,
    "yr": 1,
    "mnth": 10,
    "hr": 0,
    "holiday": 0,
    "weekday": 1,
    "workingday": 1,
    "weathersit": 1,
    "temp": 0.46,
    "atemp": 0.4545,
    "hum": 0.72,
    "windspeed": 0.1045,
}
SHOWN = 110


def case(what: str, content: bytes, status: int, **more: Any) -> Case:
    """Send content as rows."""
    return Case(what, http("/predict", content, **more), (status,))


def value(what: str, name: str, written: str) -> Case:
    """Send a row in which one value is written so."""
    return case(what, json.dumps({**ROW, name: "HERE"}).replace('"HERE"', written).encode(), 422)


def rows(what: str, status: int, *sent: Any) -> Case:
    """Send a list of rows."""
    return case(what, json.dumps(sent).encode(), status)


def inputs() -> list[Case]:
    """Return what is sent, and the status that is due."""
    whole = json.dumps(ROW).encode()
    without = {name: value for name, value in ROW.items() if name != "hum"}
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [b" " * 50_000] * 50) + b"0\r\n\r\n"
    in_parts = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return [
        case("JSON that is cut off", whole[:-1], 422),
        case("nothing", b"", 422),
        rows("an empty list", 422),
        rows("a row without `hum`", 422, ROW, without),
        rows("a misspelt field: `humidity`", 422, {**without, "humidity": 0.72}),
        rows("a field too many", 422, {**ROW, "note": "?"}),
        case("a field twice", whole.replace(b"{", b'{"hr": 5, ', 1), 422),
        value("`NaN`", "temp", "NaN"),
        value("`Infinity`", "temp", "Infinity"),
        value("`-Infinity`", "temp", "-Infinity"),
        value("`1e999`", "temp", "1e999"),
        value("a whole number of 400 digits", "hr", "9" * 400),
        value("a whole number of 5,000 digits", "hr", "9" * 5000),
        value('a number as a word: `"3"`', "hr", '"3"'),
        value("`true` for a number", "hr", "true"),
        value("`null` where no value may be missing", "hr", "null"),
        value("`0.5` for a whole number", "hr", "0.5"),
        value("month 13", "mnth", "13"),
        value("a temperature of 1.5, out of range", "temp", "1.5"),
        value("a word for a category that is a number", "season", '"spring"'),
        value("a number that is no category", "season", "9"),
        value("a list for a value", "hr", "[1]"),
        case("half a character (a lone surrogate)", whole.replace(b"{", b'{"\\ud800": 1, ', 1), 422),
        case("bytes that are no UTF-8", whole.replace(b"{", b'{"\xff": 1, ', 1), 422),
        case("a byte order mark", b"\xef\xbb\xbf" + whole, 422),
        case("UTF-16", json.dumps(ROW).encode("utf-16"), 422),
        case("250 levels of nesting", b"[" * 250 + b"]" * 250, 422),
        case("100,000 levels of nesting", b"[" * 100_000 + b"]" * 100_000, 413),
        rows("1,001 rows", 413, *[ROW] * 1001),
        rows("15,000 rows, 2.5 MB", 413, *[ROW] * 15_000),
        case("50 MB", b" " * 50_000_000, 413),
        Case("2.5 MB in chunks, without their length", in_parts + chunked, (413,), alone=True),
        case("another content type", whole, 415, kind="text/plain"),
        case("no content type", whole, 415, kind=None),
        case("10 MB of zeros, compressed to 10 kB", gzip.compress(bytes(10_000_000)), 415, content_encoding="gzip"),
        Case("`GET /predict`", http("/predict", method="GET"), (405,), method="GET"),
        Case("a path that is none", http("/predictions", whole), (404,)),
        Case("a header that is none", http("/predict", whole).replace(b"host: ", b"ho st: ", 1), (400,), alone=True),
        case("right, with 20 headers nobody knows", whole, 200, **{f"x-odd-{each}": "\xff" * 200 for each in range(20)}),
        case("right", whole, 200),
    ]


def open_inputs() -> list[Case]:
    """Return what is sent where `season` is declared as `Literal[1, 2, 3, 4] | int`."""
    return [rows("a category that training never saw, where others may come", 200, ROW, {**ROW, "season": 9})]


async def ask(port: int, cases: Sequence[Case]) -> list[tuple[Case, int, str]]:
    """Send each; returns status and content of the answers."""
    client, found = Client(port), []
    for each in cases:
        if each.alone:
            client.close()
        answer = await client.ask(each)
        if each.alone or answer.headers.get("connection") == "close":
            client.close()
        found.append((each, answer.status, answer.body.decode()))
    client.close()
    return found


def seen(bundle: Path) -> list[tuple[Case, int, str]]:
    """Ask a release, and the same with a feature that is open."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for room in ("model", "service", "slipway"):
            shutil.copytree(ROOT / room, Path(folder) / room)
        declared = Path(folder) / "model" / "features.py"
        text = declared.read_text(encoding="utf-8")
        assert text.count("season: Literal[1, 2, 3, 4]") == 1
        declared.write_text(text.replace("season: Literal[1, 2, 3, 4]", "season: Literal[1, 2, 3, 4] | int"), encoding="utf-8")
        for code, cases in ((ROOT, inputs()), (Path(folder), open_inputs())):
            with serve_release(code, bundle) as url:
                found += asyncio.run(ask(int(url.rpartition(":")[2]), cases))
        return found


def said(body: str) -> str:
    """Shorten what an answer says; predictions differ from release to release."""
    try:
        found = json.loads(body)
    except ValueError:
        return body
    if "predictions" in found:
        return "the predictions" + "".join(f", and `{json.dumps({name: found[name]})}`" for name in found if name != "predictions")
    text = str(found["error"])
    return text if len(text) <= SHOWN else text[:SHOWN].rpartition(" ")[0] + " …"


def table(found: Sequence[tuple[Case, int, str]]) -> str:
    """Write the table of the page."""
    return markdown(HEAD, [(each.family, str(status), said(body).replace("|", "\\|")) for each, status, body in found])


def main() -> None:
    """Ask, and write the table."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}{table(seen(ROOT / 'build' / 'bundle'))}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
