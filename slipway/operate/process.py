"""A release's folder: its digest, its own service as a process of this machine, and why that failed, from its log."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from slipway import http_client
from slipway.errors import NotServing, PipelineError, ServiceFailed

# What a release's folder holds.
RELEASE_CODE = ("service", "model", "slipway/serving")
RELEASE_FILES = ("slipway/__init__.py",)
# The folder of the one lock that its image is built from.
REQUIREMENTS = "requirements"
RELEASE = "release"
# A busy host may take twenty times as long as a quiet one to start a service; meanwhile the release before serves.
START_SECONDS = 180
# How a service answers when its own code, or the model's, failed.
FAILED = 500
LOG_BYTES = 1_000_000
# In the environment of a service of `serving`: the number of the process that is to end it.
STARTED_BY = "STARTED_BY"
# A traceback is logged after the answer is sent.
LOGGED_WITHIN_SECONDS = 5.0
TRACEBACK = "Traceback (most recent call last):"
FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$')
OWN = re.compile(r"(?:^|[/\\])(model[/\\][^/\\]+\.py)$")
SHOWN = 300


def compute_digest(folder: Path) -> str:
    """Return the digest of a release's folder: the hash of the names and hashes of its files."""
    from slipway.serving.manifest import canonical, sha256  # imported here: a rollback on docker has no time for it

    parts = (folder / name for name in (*RELEASE_CODE, *RELEASE_FILES, REQUIREMENTS, RELEASE))
    files = [each for part in parts for each in ([part] if part.is_file() else part.rglob("*")) if each.is_file()]
    hashes = {each.relative_to(folder).as_posix(): sha256(each.read_bytes()) for each in files if "__pycache__" not in each.parts}
    return "sha256:" + sha256(canonical(hashes))


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_taken(host: str, port: int, otherwise: str = "change [deploy] address in project.toml") -> None:
    """Raise PipelineError when somebody listens on an address already; `otherwise` says how to take another."""
    try:
        http_client.try_bind(host, port)
    except OSError as error:
        at = http_client.format_address(host, port)
        raise PipelineError(f"{at} cannot be listened on: {error.strerror}. Stop what uses it, or {otherwise}.") from error


def build_environment(code: Path, release: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a service: its code, its release, one thread for numeric libraries."""
    ours = {"PYTHONPATH": str(code), "RELEASE_DIR": str(release), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **ours, **settings}


def service_command(code: Path) -> list[str]:
    """Return the command that starts the service of a release's code; older releases start as `service`."""
    return [sys.executable, "-m", "slipway.serving" if (code / "slipway").is_dir() else "service"]


@contextmanager
def serve_release(code: Path, release: Path, **settings: str) -> Iterator[str]:
    """Serve a release on a free port of the loopback; yields its URL once it is ready. Raises PipelineError with the end of its log."""
    port = free_port()
    settings = {**settings, STARTED_BY: str(os.getpid())}
    with _open_log() as (writing, log):
        process = subprocess.Popen(
            service_command(code),
            cwd=code,
            env=build_environment(code, release, PORT=str(port), **settings),
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_ready(url, lambda: process.poll() is None, lambda: format_log_end(log))
            with explain_failures(lambda: read_end(log)):
                yield url
        finally:
            process.kill()
            process.wait()


@contextmanager
def _open_log() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open a new file to write and to read, each at a position of its own; a run that is killed leaves none behind."""
    descriptor, name = tempfile.mkstemp()
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as writing, path.open("rb") as reading:
            with suppress(PermissionError):  # Windows removes no file that is open
                path.unlink()
            yield writing, reading
    finally:
        with suppress(PermissionError):  # there, what wrote it may be ending yet
            path.unlink(missing_ok=True)


def wait_ready(url: str, alive: Callable[[], bool], read_end: Callable[[], str]) -> None:
    """Wait until a service is ready. Raises NotServing when it ends or takes too long, with the end of its log."""
    import httpx

    deadline = time.monotonic() + START_SECONDS
    with http_client.open_client(url, timeout=5) as client:
        while time.monotonic() < deadline:
            if not alive():
                raise NotServing(f"The service ended instead of becoming ready. {read_end()} Next: fix that, then try again.")
            with suppress(httpx.TransportError):
                if client.get("/readyz").status_code == 200:
                    return
            time.sleep(0.05)
    raise NotServing(f"The service was not ready after {START_SECONDS} s. {read_end()} Next: fix that, then try again.")


def read_end(log: IO[bytes]) -> str:
    """Return the last of a log that is being written; it is opened for reading, so that its position is not the writer's."""
    size = os.fstat(log.fileno()).st_size
    log.seek(max(0, size - LOG_BYTES))
    return log.read(LOG_BYTES).decode(errors="replace")


def format_log_end(log: IO[bytes], lines: int = 5) -> str:
    """Return the end of a log."""
    log.seek(0)
    return "It said: " + " / ".join(log.read().decode(errors="replace").strip().splitlines()[-lines:])


def build_fetch(url: str) -> Callable[..., list[Any]]:
    """Return a function that asks a service at a URL."""
    import httpx  # imported here, as above: a rollback on docker does without, and has no time for it

    def ask(path: str, body: Any) -> Any:
        try:
            response = http_client.send_request("GET" if body is None else "POST", url + path, 30, json=body)
            if response.status_code == FAILED:
                raise ServiceFailed(f"{url}{path} failed.")
            response.raise_for_status()
            return response.text if path == "/metrics" else response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise PipelineError(f"{url}{path} does not answer as expected: {error}. Next: ./run status.") from error

    return lambda *questions: [ask(path, body) for path, body in questions]


@contextmanager
def explain_failures(read: Callable[[], str]) -> Iterator[None]:
    """Add to a failure of a service what its log says of it. Raises ServiceFailed."""
    try:
        yield
    except ServiceFailed as error:
        raise ServiceFailed(f"{error} {wait_for_reason(read)}") from error


def wait_for_reason(read: Callable[[], str]) -> str:
    """Return why a service failed, as soon as its log has a traceback; otherwise the end of its log."""
    deadline = time.monotonic() + LOGGED_WITHIN_SECONDS
    while True:
        log = read()
        if (reason := describe_failure(log)) or time.monotonic() > deadline:
            return reason or f"Its log ends: {' / '.join(log.strip().splitlines()[-5:])[-SHOWN:] or 'it is empty'}. Next: mend that."
        time.sleep(0.05)


def describe_failure(log: str) -> str:
    """Say where the last traceback of a log ends, by preference in `model/`, and with what; empty where there is none."""
    lines = _find_traceback(log).splitlines()
    frames = [found for line in lines if (found := FRAME.match(line))]
    if not frames:
        return ""
    at = next((each for each in reversed(frames) if OWN.search(each["file"])), frames[-1])
    own = OWN.search(at["file"])
    file = own[1].replace("\\", "/") if own else at["file"]
    ends = max(number for number, line in enumerate(lines) if FRAME.match(line))
    raised = next((line for line in lines[ends + 1 :] if line and not line[0].isspace()), "an exception")
    return (
        f"It was in {file}, line {at['line']}, {at['function']}: {raised[:SHOWN].rstrip('.: ')}. "
        f"Next: correct {'that' if own else 'model/'}, then ./run train."
    )


def _find_traceback(log: str) -> str:
    """Return the last traceback of a log, which has it in a line of JSON, or as Python prints it."""
    for line in reversed(log.splitlines()):
        with suppress(ValueError):
            logged: Any = json.loads(line)
            if isinstance(logged, dict) and TRACEBACK in str(logged.get("traceback")):
                return str(logged["traceback"])
    start = log.rfind(TRACEBACK)
    return log[start:] if start >= 0 else ""
