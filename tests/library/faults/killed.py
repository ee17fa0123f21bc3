"""A verb that is killed: `python -m tests.library.faults.killed STEP STEPS ROOT VERB...`, with SIGKILL right before its STEP-th step.

A step is whatever changes something: a request to the engine, a command to the cluster, a file of the project's `.deploy` or a signal.
STEP 0 kills nothing; one more than there are steps kills right after the last. The file STEPS gets a line for each step that was come to.
"""

import functools
import io
import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from requests import PreparedRequest, Response

from slipway import project
from slipway.cli import main
from slipway.operate.connection import Connection
from slipway.operate.targets import cluster

# What a service or the proxy is asked by a command in its container changes nothing.
ASKING = re.compile(r"HTTP/1.0|show (info|servers)")
NAMES = re.compile(r"[0-9a-f]{12,}|road-[0-9a-f]{8}[-a-z0-9]*|127\.0\.0\.1:\d+|(?<=name=)\S+|(?<=lock-)\d+")


class Steps:
    """Counts steps, and ends the process before one of them. The same step many times in a row (waiting) is one."""

    def __init__(self, last: int, told: Path) -> None:
        self.last, self.told, self.count, self.before = last, told, 0, ""

    def come_to(self, what: str) -> None:
        """Come to a step."""
        step = NAMES.sub("*", " ".join(what.split()))[:120]
        if step == self.before:
            return
        self.before = step
        self.count += 1
        with open(os.open(self.told, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "w") as file:  # noqa: PTH123
            file.write(step + "\n")
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def on_docker(steps: Steps) -> None:
    """Come to a step with each request that changes something; a command is one when it is started, with what it was made for.

    What a thread asks is none, since nothing waits for it: a rollback has its lock started there.
    """
    send, commands = Connection.send, dict[str, list[str]]()

    @functools.wraps(send)
    def counted(self: Connection, request: PreparedRequest, stream: bool = False, **settings: Any) -> Response:
        path = str(request.path_url).partition("?")[0]
        if path.endswith("/exec"):
            answer = send(self, request, stream, **settings)
            commands[answer.json()["Id"]] = json.loads(request.body or "{}")["Cmd"]
            return answer
        command = commands.get(path.split("/")[-2], [])
        ours = threading.current_thread() is threading.main_thread()
        if ours and request.method not in {"GET", "HEAD"} and not ASKING.search(" ".join(command)):
            what = "run " + " ".join(command[:3]) if command else f"{request.method} {request.path_url}"
            steps.come_to(what)
        return send(self, request, stream, **settings)

    Connection.send = counted  # type: ignore[method-assign]


def on_local(steps: Steps, state: Path) -> None:
    """Come to a step with each change of a file, before and after it is opened, and with each signal and each process."""
    opened = io.open

    def ours(path: object) -> bool:
        return isinstance(path, str | os.PathLike) and Path(os.fspath(path)).is_relative_to(state)

    def counted(file: Any, mode: str = "r", *arguments: Any, **settings: Any) -> Any:
        if not ours(file) or mode.startswith("r"):
            return opened(file, mode, *arguments, **settings)
        steps.come_to(f"open {Path(file).name}")
        found = opened(file, mode, *arguments, **settings)
        steps.come_to(f"write {Path(file).name}")
        return found

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"os.rename", "os.remove", "os.rmdir", "os.symlink"}:
            path = arguments[1] if event == "os.symlink" else arguments[0]
            if ours(path) and (event == "os.symlink" or os.path.lexists(path)):
                steps.come_to(f"{event} {Path(path).name}")
        elif event == "os.kill" and arguments[1] != 0 and arguments[0] != os.getpid():
            steps.come_to(f"signal {arguments[1]}")
        elif event == "subprocess.Popen" and "slipway.serving" in arguments[1]:
            steps.come_to("start a process")

    io.open = counted
    sys.addaudithook(audited)


def on_kubernetes(steps: Steps) -> None:
    """Come to a step with each command that changes something; the lease is renewed in a thread, whenever that is due."""
    call = cluster.run_command

    def counted(command: tuple[str, ...], stdin: str | None) -> Any:
        words = [each for each in command if not each.startswith("--")]
        if words[1] in {"create", "replace", "apply", "delete", "upgrade", "uninstall"}:
            kind = re.findall(r'"kind": "(\w+)"', stdin or "")
            steps.come_to(" ".join([*words[:3], *kind[:1]]))
        return call(command, stdin)

    cluster.run_command = counted


def run(last: int, told: Path, root: Path, words: list[str]) -> int:
    """Run a verb up to a step."""
    steps = Steps(last, told)
    at = project.load(root, words[words.index("--target") + 1])
    if at.target == "docker":
        on_docker(steps)
    elif at.target == "kubernetes":
        on_kubernetes(steps)
    else:
        on_local(steps, at.state)
    code = main(words, root=root)
    steps.come_to("the end")
    return code


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
