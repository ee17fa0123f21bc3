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
from slipway.operate.chain import Deployment, from_record, now
from slipway.operate.digest import digest_of
from slipway.operate.journal import Event, appended, events
from slipway.operate.process import over_http, refuse_taken, serving
from slipway.operate.service_log import explain_failures
from slipway.operate.targets import Fetch
from slipway.operate.targets.supervisor import Supervisor, end_orphans, workers
from slipway.project import Project

# Which deployment a release's folder is, for the chain and for the service in it.
NOTE = "deployment.json"


class Local:
    """`releases/DIGEST/` are the releases, the link `current` is the live one."""

    def __init__(self, project: Project) -> None:
        if os.name == "nt":
            raise PipelineError("The target local needs Linux or macOS. On Windows, run it inside WSL, or use --target docker.")
        self.project = project
        self.state = project.state / "local"
        self.current = self.state / "current"
        self.lock = self.state / "lock.json"
        self.supervisor = Supervisor(project, self.state)
        self.seen: int | None = None
        (self.state / "commits").mkdir(parents=True, exist_ok=True)

    def push(self, commit: str) -> str:
        """Copy the built release into the store."""
        digest = digest_of(self.project.release)
        if not self.folder(digest).exists():
            part = self.state / "releases" / "part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(self.project.release, part)
            part.rename(self.folder(digest))
        write(self.state / "commits" / commit, digest)
        return digest

    def find(self, commit: str) -> str:
        """Look the commit up in the store."""
        path = self.state / "commits" / commit
        if not path.is_file():
            raise PipelineError(
                f"No release was pushed for commit {commit[:12]}: it was never judged, or not passed. "
                f"Next, on that commit: ./run train, ./run validate, ./run build, ./run push, each with --target local."
            )
        return path.read_text(encoding="utf-8")

    def fetch(self, digest: str) -> Path:
        """Check the folder against its digest."""
        folder = self.folder(digest)
        if not folder.is_dir() or digest_of(folder) != digest:
            raise PipelineError(f"The release {digest} in {folder} is gone or was changed. Next: push its commit again.")
        return folder / "release"

    def recall(self, digest: str) -> Path:
        """Fetch it: nothing is further away."""
        return self.fetch(digest)

    def predictor(self, digest: str) -> str:
        """Return the release's folder."""
        return str(self.folder(digest))

    def deployed(self) -> list[Deployment]:
        """Read the notes in the releases' folders."""
        notes = self.state.glob(f"releases/*/{NOTE}")
        return [from_record(json.loads(note.read_bytes())) for note in notes]

    def live_sequence(self) -> int | None:
        """Follow the link to the note there."""
        return from_record(json.loads((self.current / NOTE).read_bytes())).sequence if self.current.is_symlink() else None

    def look(self) -> tuple[list[Event], int | None]:
        """Read both."""
        self.seen = self.live_sequence()
        return self.history(), self.seen

    @contextmanager
    def staged(self, deployment: Deployment) -> Iterator[Fetch]:
        """Serve the release on a port of its own; the workers for callers come up in `switch`."""
        end_orphans(self.state / "releases")
        if not self.supervisor.running() and not self.supervisor.left():
            refuse_taken(self.project.host, self.project.port)
        folder = self.folder(deployment.digest)
        with serving(folder, folder / "release", RELEASE_TAG=deployment.tag, RELEASE_DIGEST=deployment.digest) as url:
            yield over_http(url)

    def warm(self, deployment: Deployment) -> bool:  # noqa: ARG002  # the same for all
        """Only what is live runs."""
        return False

    def switch(self, deployment: Deployment) -> None:
        """Move the link and have the supervisor bring up new workers one by one, each before it retires an old one. Raises Moved."""
        if self.live_sequence() != self.seen:
            raise Moved("Another deploy or rollback has switched meanwhile. Next: ./run status.")
        write(self.folder(deployment.digest) / NOTE, json.dumps(deployment.record()))
        link = self.current.with_name("current.new")
        link.unlink(missing_ok=True)
        link.symlink_to(self.folder(deployment.digest))
        link.replace(self.current)
        self.seen = deployment.sequence
        running = self.supervisor.running()
        if running and self.supervisor.can_roll(running):
            self.supervisor.roll(running)
        else:
            self.supervisor.stop()
            self.supervisor.clear()
            self.supervisor.start()

    def ask(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask at the public address."""
        with explain_failures(self.supervisor.read_log):
            return {"the service": over_http(self.supervisor.url())(*questions)}

    def running_digest(self) -> str:
        """Hash the files behind the link again."""
        return digest_of(self.current.resolve())

    def running(self) -> str:
        """Name the workers."""
        found = self.supervisor.running()
        return f"workers {', '.join(map(str, sorted(workers(found))))}" if found else "no workers"

    def discard(self, deployment: Deployment) -> None:
        """Remove the note, so that nothing rolls back to it; a first release that failed leaves nothing that serves."""
        if self.live_sequence() == deployment.sequence:
            self.supervisor.stop()
            self.current.unlink()
        if deployment in self.deployed():  # not an earlier deployment of the same release
            (self.folder(deployment.digest) / NOTE).unlink()

    def tidy(self, live: Deployment, kept: list[Deployment]) -> None:
        """Nothing: old workers are gone with the switch, and folders are small."""

    def tell(self, live: Deployment | None, begin: bool = False) -> None:
        """Nothing: only the target docker is watched."""

    def production(self) -> str | None:
        """Read the pointer."""
        path = self.state / "production"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def point(self, digest: str) -> None:
        """Write the pointer."""
        write(self.state / "production", digest)

    def note(self, event: Event) -> None:
        """Append a line."""
        path = self.state / "history.jsonl"
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        with path.open("a", encoding="utf-8") as file:
            file.write(appended(before, event))

    def history(self) -> list[Event]:
        """Read the lines."""
        path = self.state / "history.jsonl"
        return events(path.read_text(encoding="utf-8")) if path.is_file() else []

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Create the lock file, whole; only one can. A lock of a process that is gone does not count."""
        found = self.holder()
        ours = self.lock.with_name(f"lock-{os.getpid()}.json")
        write(ours, json.dumps({**holder, "pid": str(os.getpid())}))
        try:
            if found and (takeover or "gone" in found):
                self.lock.unlink(missing_ok=True)
            self.lock.hardlink_to(ours)
        except FileExistsError as error:
            raise Busy(f"{found}") from error
        except OSError as error:  # a file system without hard links
            raise PipelineError(
                f"The lock cannot be taken in {self.state}: {error}. Nothing was changed. Next: move the project to a local disk."
            ) from error
        finally:
            ours.unlink(missing_ok=True)

    def holder(self) -> dict[str, str] | None:
        """Read the lock file."""
        try:
            found: dict[str, str] = json.loads(self.lock.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:  # a full disk, or somebody's hand
            return {"what": "a run that was cut short", "by": "somebody", "at": now(), "token": "", "gone": "yes"}
        return found if psutil.pid_exists(int(found["pid"])) else found | {"gone": "yes"}

    def release(self) -> None:
        """Remove the lock file."""
        self.lock.unlink(missing_ok=True)

    def where(self) -> str:
        """Name the address on this machine."""
        return self.project.address

    def stop(self) -> None:
        """Stop the service altogether."""
        self.supervisor.stop()

    def folder(self, digest: str) -> Path:
        """Return the folder of a release."""
        return self.state / "releases" / digest.removeprefix("sha256:")


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises PipelineError where there is no room, or nothing may be written."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise PipelineError(f"{path} cannot be written: {error}. Next: make room there, or let this user write there.") from error
