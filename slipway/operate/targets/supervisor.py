"""The process that serves on the target `local`: uvicorn's supervisor with its workers."""

import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate.process import STARTED_BY, build_environment, format_log_end, free_port, read_end, service_command, wait_ready
from slipway.project import Project
from slipway.serving.manifest import read

WORKERS = 2
LOOPBACK = "127.0.0.1"
ROLL_SECONDS = 120
STOP_SECONDS = 30


class Supervisor:
    """Serves the release that the link `current` in a folder points to; `pid` in the same folder names its process."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.folder = project, folder
        self.pid, self.log = folder / "pid", folder / "service.log"
        # The port where everything answers, and what holds for callers.
        self.inside, self.access = folder / "inside", folder / "access"

    @property
    def url(self) -> str:
        """Where everything answers; a service that an older release has started has one port for all."""
        if self.inside.is_file():
            return http_client.format_url(LOOPBACK, int(self.inside.read_text(encoding="utf-8")))
        return http_client.format_url(self.project.host, self.project.port)

    def start(self) -> None:
        """Start, and leave it running. Raises PipelineError with the end of its log."""
        metrics = self.folder / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)  # counts of an earlier start would go on
        metrics.mkdir()
        current = self.folder / "current"
        port = str(free_port())
        settings = {"HOST": self.project.host, "PORT": str(self.project.port), "WORKERS": str(WORKERS)}
        self.inside.unlink(missing_ok=True)
        if read(current / "release")[0].access_control:
            # An older release would not listen there, and workers of newer ones that it starts later would find all callers outside.
            settings |= {"INSIDE": f"{LOOPBACK}:{port}", "ACCESS": str(self.access)}
            self.inside.write_text(port, encoding="utf-8")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                service_command(current),
                cwd=self.folder,
                env=build_environment(current, current / "release", PROMETHEUS_MULTIPROC_DIR=str(metrics), **settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid.write_text(str(process.pid), encoding="utf-8")
        wait_ready(self.url, lambda: process.poll() is None, self._read_log_end)
        process.returncode = 0  # it outlives us: no warning that it still runs

    def can_roll(self, running: psutil.Process) -> bool:
        """Tell whether it can start workers of the release that `current` points to: older releases start by another module."""
        return service_command(self.folder / "current")[-1] in running.cmdline()

    def roll(self, running: psutil.Process) -> None:
        """Replace all workers, each new one before an old one goes. Raises PipelineError when the new ones do not come up."""
        old = list_workers(running)
        if sys.platform != "win32":  # Local does not begin there
            running.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + ROLL_SECONDS
        while old & list_workers(running):
            if time.monotonic() > deadline:
                raise PipelineError(f"The workers were not replaced within {ROLL_SECONDS} s. {self._read_log_end()}")
            time.sleep(0.05)
        wait_ready(self.url, running.is_running, self._read_log_end)

    def stop(self) -> None:
        """Stop the service: with SIGTERM, and after half a minute with SIGKILL."""
        if running := self.find_process():
            everything = [running, *running.children(recursive=True)]
            running.terminate()
            _wait_or_kill(everything)

    def stop_orphans(self) -> None:
        """Stop workers whose supervisor was killed: they go on answering, and hold the address."""
        orphans = self.list_orphans()
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _wait_or_kill(orphans)

    def list_orphans(self) -> list[psutil.Process]:
        """Return the workers whose supervisor was killed; only right while none runs."""
        return [each for each in psutil.process_iter() if _is_worker(each, self.folder)]

    def find_process(self) -> psutil.Process | None:
        """Return the running supervisor, None where there is none."""
        try:
            process = psutil.Process(int(self.pid.read_text(encoding="utf-8")))
            # Numbers of processes are used again: it is ours only if it works in our folder.
            ours = process.is_running() and process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.folder.resolve()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def read_log(self) -> str:
        """Return the last megabyte of the service's log."""
        with self.log.open("rb") as log:
            return read_end(log)

    def _read_log_end(self) -> str:
        with self.log.open("rb") as log:
            return format_log_end(log)


def kill_orphans(folder: Path) -> None:
    """Kill the services that were staged in the folders of a folder by a run that was killed."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).parent == folder.resolve():
                by = process.environ().get(STARTED_BY)
                if by and not psutil.pid_exists(int(by)):
                    process.kill()


def list_workers(supervisor: psutil.Process) -> set[int]:
    """Return the numbers of the processes that serve: the supervisor's children, but for its tracker and for those that ended."""
    found = set()
    for child in supervisor.children():
        with suppress(psutil.Error):
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def _is_worker(process: psutil.Process, folder: Path) -> bool:
    """Tell whether a process is a worker of the service in a folder; somebody's shell there is not."""
    try:
        return Path(process.cwd()) == folder.resolve() and "multiprocessing" in " ".join(process.cmdline())
    except (OSError, psutil.Error):
        return False


def _wait_or_kill(processes: list[psutil.Process]) -> None:
    for process in psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
