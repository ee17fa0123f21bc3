"""How a service is asked from inside its own place: the command that does it, run here."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from slipway.errors import PipelineError
from slipway.operate.process import free_port
from slipway.operate.targets import images

# What a model with some hundred features is asked for its proof: more than Linux takes in one word.
WIDE = [{f"feature_{number}": number / 3 for number in range(400)}] * 32


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/echo" else 503)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def by_words(command: list[str], given: str) -> tuple[int, str]:
    """Run a command as the target docker does."""
    done = subprocess.run([sys.executable, *command[1:], *images.split_words(given)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def by_input(command: list[str], given: str) -> tuple[int, str]:
    """Run a command as the target kubernetes does."""
    done = subprocess.run([sys.executable, *command[1:]], input=given, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("run", [by_words, by_input])
def test_a_wide_model_is_asked_too(address: str, run: images.Run) -> None:
    assert len(json.dumps(WIDE)) > 3 * images.WORD
    assert images.build_fetch(run, "it", address)(("/echo", WIDE), ("/echo", [1])) == [WIDE, [1]]


@pytest.mark.parametrize("run", [by_words, by_input])
def test_who_does_not_answer_well_is_told(address: str, run: images.Run) -> None:
    with pytest.raises(PipelineError, match=r"it does not answer as expected: /other: HTTP/1\.0 503 .*\[1\]\. Next: \./run status\."):
        images.build_fetch(run, "it", address)(("/other", [1]))
    with pytest.raises(PipelineError, match=r"it does not answer as expected: /echo: .*refused\. Next: "):
        images.build_fetch(run, "it", f"127.0.0.1:{free_port()}")(("/echo", [1]))
