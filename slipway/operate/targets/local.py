# ruff: noqa: D102  # `Target` documents them
"""Releases as folders of this machine, served by uvicorn's supervisor: no engine, no root. Linux and macOS."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from slipway.errors import Busy, Moved, PipelineError
from slipway.operate.chain import Deployment, format_now, parse_record
from slipway.operate.journal import Event, format_line, list_proven, parse_history
from slipway.operate.process import build_fetch, compute_digest, explain_failures, refuse_taken, serve_release
from slipway.operate.targets import Fetch
from slipway.operate.targets.supervisor import Supervisor, kill_orphans, list_workers
from slipway.project import Project
from slipway.say import warn

# Which deployment a release's folder is, for the chain and for the service in it.
NOTE = "deployment.json"


class Local:
    """`releases/DIGEST/` are the releases, the link `current` is the live one."""

    def __init__(self, project: Project) -> None:
        if os.name == "nt":
            raise PipelineError(
                "The target local needs Linux or macOS, and this is Windows. Next: type the same inside WSL, or use --target docker. "
                "A model is judged without either: ./run train, then ./run validate --champion none."
            )
        self.project = project
        self.state = project.state / "local"
        self.current = self.state / "current"
        self.pointer, self.history_file = self.state / project.environment, self.state / "history.jsonl"
        self.lock = LockFile(self.state / "lock.json")
        self.supervisor = Supervisor(project, self.state)
        self.last_sequence: int | None = None
        for name in ("commits", "signatures"):
            (self.state / name).mkdir(parents=True, exist_ok=True)

    def push_release(self, commit: str) -> str:
        digest = compute_digest(self.project.release)
        if not self._folder(digest).exists():
            part = self.state / "releases" / "part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(self.project.release, part)
            part.rename(self._folder(digest))
        _write_whole(self.state / "commits" / commit, digest)
        return digest

    def find_digest(self, commit: str) -> str:
        path = self.state / "commits" / commit
        if not path.is_file():
            raise PipelineError(
                f"No release was pushed for commit {commit[:12]}: it was never judged, or did not pass. Next, on that commit: ./run "
                "train, ./run validate, ./run build, ./run push, each with --target local."
            )
        return path.read_text(encoding="utf-8")

    def fetch_release(self, digest: str) -> Path:
        """Check the folder against its digest."""
        folder = self._folder(digest)
        if not folder.is_dir() or compute_digest(folder) != digest:
            raise PipelineError(f"The release {digest} in {folder} is gone or was changed. Next: push its commit again.")
        return folder / "release"

    fetch_rollback_files = fetch_release  # nothing is further away

    def locate_release(self, digest: str) -> str:
        return str(self._folder(digest))

    def read_signature(self, digest: str) -> bytes | None:
        stored = _read(self._locate_signature(digest))
        return stored.encode() if stored is not None else None

    def store_signature(self, digest: str, signature: bytes) -> None:
        _write_whole(self._locate_signature(digest), signature.decode())

    def list_deployments(self) -> list[Deployment]:
        return list(map(_read_note, self.state.glob(f"releases/*/{NOTE}")))

    def read_live_sequence(self) -> int | None:
        return _read_note(self.current / NOTE).sequence if self.current.is_symlink() else None

    def read_state(self) -> tuple[list[Event], int | None]:
        self.last_sequence = self.read_live_sequence()
        return self.read_history(), self.last_sequence

    @contextmanager
    def stage_release(self, deployment: Deployment, proven: bool) -> Iterator[Fetch]:  # noqa: ARG002  # it runs beside the live one
        """Serve the release on a port of its own; the workers for callers come up in `switch`."""
        kill_orphans(self.state / "releases")
        if not self.supervisor.find_process() and not self.supervisor.list_orphans():
            refuse_taken(self.project.host, self.project.port)
        folder = self._folder(deployment.digest)
        with serve_release(folder, folder / "release", RELEASE_TAG=deployment.tag, RELEASE_DIGEST=deployment.digest) as url:
            yield build_fetch(url)

    def is_warm(self, deployment: Deployment) -> bool:  # noqa: ARG002  # the same for all
        """Only the live release runs."""
        return False

    def switch_traffic(self, deployment: Deployment) -> None:
        """Move the link and have the supervisor start new workers one by one, each before it stops an old one. Raises Moved."""
        if self.read_live_sequence() != self.last_sequence:
            raise Moved("Meanwhile, another deploy or rollback has switched traffic. Next: ./run status.")
        _write_whole(self._folder(deployment.digest) / NOTE, json.dumps(deployment.record()))
        link = self.current.with_name("current.new")
        link.unlink(missing_ok=True)
        link.symlink_to(self._folder(deployment.digest))
        link.replace(self.current)
        self.last_sequence = deployment.sequence
        running = self.supervisor.find_process()
        if running and self.supervisor.can_roll(running):
            self.supervisor.roll(running)
            if not self.supervisor.inside.is_file():
                warn(
                    f"The service was started by an older release: {self.project.address} answers every route until ./run down and a "
                    "deploy."
                )
        else:
            self.supervisor.stop()
            self.supervisor.stop_orphans()
            self.supervisor.start()

    def ask_live(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        with explain_failures(self.supervisor.read_log):
            return {"the service": build_fetch(self.supervisor.url)(*questions)}

    def read_running_digest(self) -> str:
        """Hash the files behind the link again."""
        return compute_digest(self.current.resolve())

    def name_images(self, deployment: Deployment) -> dict[str, str]:  # noqa: ARG002  # a folder stands on none
        return {}

    def describe_processes(self) -> str:
        found = self.supervisor.find_process()
        return f"workers {', '.join(map(str, sorted(list_workers(found))))}" if found else "no workers"

    def discard_release(self, deployment: Deployment) -> None:
        """Remove the note, or put back that of an earlier deploy of the release; a first one that failed leaves nothing that serves."""
        if self.read_live_sequence() == deployment.sequence:
            self.supervisor.stop()
            self.current.unlink()
        if deployment in self.list_deployments():  # not an earlier deployment of the same release
            note = self._folder(deployment.digest) / NOTE
            note.unlink()
            if earlier := [each for each in list_proven(self.read_history()) if each.digest == deployment.digest]:
                _write_whole(note, json.dumps(earlier[-1].record()))

    def remove_old_releases(self, live: Deployment, kept: list[Deployment]) -> None:
        """Do nothing: old workers are gone with the switch, and folders are small."""

    def notify_monitoring(self, live: Deployment | None, start: bool = False) -> None:
        """Do nothing: there is monitoring on the target docker only."""

    def read_pointer(self) -> str | None:
        return _read(self.pointer)

    def move_pointer(self, digest: str) -> None:
        _write_whole(self.pointer, digest)

    def read_access(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self.supervisor.access.glob("[!.]*")}

    def write_access(self, name: str, text: str) -> None:
        self.supervisor.access.mkdir(exist_ok=True)
        _write_whole(self.supervisor.access / name, text)

    def append_event(self, event: Event) -> None:
        before = _read(self.history_file) or ""
        try:
            with self.history_file.open("a", encoding="utf-8") as file:
                file.write(format_line(before, event))
        except OSError as error:
            raise _refuse_unwritten(self.history_file, error) from error

    def read_history(self) -> list[Event]:
        return parse_history(_read(self.history_file) or "")

    def format_address(self) -> str:
        return self.project.address

    def stop_all(self) -> None:
        self.supervisor.stop()

    def _folder(self, digest: str) -> Path:
        return self.state / "releases" / digest.removeprefix("sha256:")

    def _locate_signature(self, digest: str) -> Path:
        return self.state / "signatures" / digest.removeprefix("sha256:")


class LockFile:
    """The lock of an environment: a file that names its holder, and the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Create the lock file, whole; only one can. A lock of a process that is gone does not count."""
        found = self.read_holder()
        ours = self.path.with_name(f"lock-{os.getpid()}.json")
        _write_whole(ours, json.dumps({**holder, "pid": str(os.getpid()), "began": str(psutil.Process().create_time())}))
        try:
            if found and (takeover or "gone" in found):
                self.path.unlink(missing_ok=True)
            self.path.hardlink_to(ours)
        except FileExistsError as error:
            raise Busy(f"{found}") from error
        except OSError as error:  # a file system without hard links
            raise PipelineError(
                f"The lock cannot be taken in {self.path.parent}: {error}. Nothing was changed. Next: move the project to a local disk."
            ) from error
        finally:
            ours.unlink(missing_ok=True)

    def read_holder(self) -> dict[str, str] | None:
        try:
            found: dict[str, str] = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:  # a full disk, or somebody's hand
            return {"what": "a run that was interrupted", "by": "somebody", "at": format_now(), "token": "", "gone": "yes"}
        return found if _is_alive(found) else found | {"gone": "yes"}

    def release(self) -> None:
        self.path.unlink(missing_ok=True)


def _is_alive(holder: dict[str, str]) -> bool:
    """Tell whether the process that holds a lock goes on: numbers of processes are used again, also after a restart of the machine."""
    try:
        process = psutil.Process(int(holder["pid"]))
        began = str(process.create_time())
        return process.status() != psutil.STATUS_ZOMBIE and holder.get("began", began) == began
    except psutil.NoSuchProcess:
        return False


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _read_note(path: Path) -> Deployment:
    return parse_record(json.loads(path.read_bytes()))


def _write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises PipelineError where there is no room, or nothing may be written."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _refuse_unwritten(path, error) from error


def _refuse_unwritten(path: Path, error: OSError) -> PipelineError:
    return PipelineError(f"{path} cannot be written: {error}. Next: make room there, or let this user write there.")
