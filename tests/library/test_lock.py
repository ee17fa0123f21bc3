"""The lock of a run that was killed: known as such on each target, and freed. The cluster's lease is in test_pods.py."""

import json
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway import project
from slipway.cli import ROOT, main
from slipway.errors import Busy, PipelineError
from slipway.operate import docker_engine, journal, targets
from slipway.operate.targets import Lock, compose, containers
from slipway.operate.targets.local import LockFile
from tests.conftest import wait_until

HOLDER = {"what": "rollback", "by": "somebody", "at": "2026-11-29T22:00:00+00:00", "token": "theirs"}
OURS = {**HOLDER, "what": "deploy v2", "token": "ours"}
TAKE = "import sys, time; from tests.library.test_lock import HOLDER, {lock}; lock = {lock}({name!r}); {settings}"
HOLD = f"{TAKE}; lock.acquire(HOLDER, takeover={{takeover}}); print('held', flush=True); time.sleep(600)"
# Killed before the thread has started the container.
UNSTARTED = (
    f"{TAKE}; type(lock)._keep_alive = lambda *_: None; lock.acquire(HOLDER, takeover=True); print('held', flush=True); time.sleep(600)"
)


def lock_file(path: str) -> LockFile:
    return LockFile(Path(path))


def lock_container(name: str) -> containers.LockContainer:
    image = str(compose.load(project.load(ROOT))["services"]["proxy"]["image"])
    return containers.LockContainer(docker_engine.connect(), name, lambda: image)


@contextmanager
def holder(code: str) -> Iterator["subprocess.Popen[str]"]:
    """Hold a lock in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def refused(lock: Lock) -> bool:
    """Tell whether a deploy is refused."""
    try:
        lock.acquire(OURS, takeover=False)
    except Busy:
        return True
    return False


def is_gone(lock: Lock) -> bool:
    """Tell whether the holder is known to be gone."""
    return "gone" in (lock.read_holder() or {})


def test_a_lock_on_this_machine_goes_with_its_process(tmp_path: Path) -> None:
    lock = lock_file(str(tmp_path / "lock.json"))
    with holder(HOLD.format(lock="lock_file", name=str(lock.path), settings="pass", takeover=True)) as process:
        assert (refused(lock), is_gone(lock)) == (True, False)
        process.kill()  # and nobody has waited for it: it is a zombie
        wait_until(lambda: is_gone(lock))
    assert is_gone(lock)
    assert not refused(lock)


def test_a_process_that_got_the_number_of_one_that_ended_holds_nothing(tmp_path: Path) -> None:
    lock = lock_file(str(tmp_path / "lock.json"))
    lock.acquire(HOLDER, takeover=False)
    assert (refused(lock), is_gone(lock)) == (True, False)
    found = json.loads(lock.path.read_bytes())
    lock.path.write_text(json.dumps({**found, "began": "1.0"}), encoding="utf-8")
    assert is_gone(lock)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[containers.LockContainer]:
    """The lock of a host, on which who was not heard of for two seconds is gone."""
    monkeypatch.setattr(containers, "GONE_SECONDS", 2)
    lock = lock_container(f"lock-{uuid.uuid4().hex[:8]}")
    yield lock
    lock.release()


def hold_there(far: containers.LockContainer, code: str, takeover: bool) -> str:
    """Return code that holds a host's lock, and is heard of five times a second."""
    settings = "from slipway.operate.targets import containers; containers.GONE_SECONDS, containers.BEAT_SECONDS = 2, 0.2"
    return code.format(lock="lock_container", name=far.name, settings=settings, takeover=takeover)


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()


def stop(process: "subprocess.Popen[str]") -> None:
    """Have its connection stay, as that of a machine that was switched off."""
    process.send_signal(signal.SIGSTOP)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("code", "takeover", "end"),
    [(HOLD, False, kill), (HOLD, True, kill), (HOLD, True, stop), (UNSTARTED, True, kill)],
    ids=["a deploy", "a rollback", "a rollback that is out of reach", "a rollback at its first step"],
)
def test_a_lock_on_a_host_goes_with_who_holds_it(
    far: containers.LockContainer, code: str, takeover: bool, end: Callable[["subprocess.Popen[str]"], None]
) -> None:
    with holder(hold_there(far, code, takeover)) as process:
        if code is HOLD:
            wait_until(lambda: status(far) == "running")
            beats = seconds_up(far)
            wait_until(lambda: seconds_up(far) > beats + 2.5)  # it would have ended by itself
        assert (refused(far), is_gone(far)) == (True, False)
        end(process)
        wait_until(lambda: is_gone(far))
        assert not refused(far)
        assert (far.read_holder() or {})["token"] == "ours"


def status(far: containers.LockContainer) -> str:
    found = containers.find_container(far.client, far.name)
    return str(found.status) if found else "none"


def seconds_up(far: containers.LockContainer) -> float:
    """Return for how long the container has run, by the host's clock."""
    found = containers.find_container(far.client, far.name)
    assert found
    now = containers.parse_time(far.client.info()["SystemTime"])
    return (now - containers.parse_time(found.attrs["State"]["StartedAt"])).total_seconds()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A checkout whose target is this machine, with a history that a rollback has ended."""
    shutil.copyfile(ROOT / "project.toml", tmp_path / "project.toml")
    history = project.load(tmp_path, "local").state / "local" / "history.jsonl"
    history.parent.mkdir(parents=True)
    event = journal.Event(journal.ROLLBACK, "rollback (off)", "v1.0.0", HOLDER["at"], "somebody")
    history.write_text(json.dumps(event.record()) + "\n", encoding="utf-8")
    return tmp_path


def test_unlocking_frees_what_is_dead_and_keeps_it_in_the_history(local: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = project.load(local, "local").state / "local"
    lock, verb = lock_file(str(state / "lock.json")), ["unlock", "--target", "local"]
    assert main([*verb, "--reason", "a try"], local) == 0
    assert "Nobody holds the lock" in capsys.readouterr().out
    assert main([*verb, "--reason", " "], local) == 2
    with holder(HOLD.format(lock="lock_file", name=str(lock.path), settings="pass", takeover=True)):
        assert main([*verb, "--reason", "a try"], local) == 5
        assert "rollback by somebody is running here" in capsys.readouterr().err
        assert lock.path.exists()
    assert main([*verb, "--reason", "the runner is gone"], local) == 0
    assert "Freed: rollback by somebody" in capsys.readouterr().out
    assert lock.read_holder() is None
    before, event = journal.parse_history((state / "history.jsonl").read_text(encoding="utf-8"))
    assert (event.kind, event.what) == (journal.UNLOCK, "unlock (rollback by somebody: the runner is gone)")
    assert journal.find_hold([before, event]) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_on_a_full_disk_a_dead_lock_is_freed_and_a_hold_stays(
    local: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = project.load(local, "local").state / "local"
    (state / "history.jsonl").unlink()
    (state / "history.jsonl").symlink_to("/dev/full")
    (state / "lock.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/full")
    assert main(["unlock", "--target", "local", "--reason", "the runner is gone"], local) == 0
    said = capsys.readouterr()
    assert "Freed: a run that was interrupted" in said.out
    assert re.search(r"warning: the history does not have it: .* cannot be written: .*No space.* Next: make room there", said.err)
    assert "warning: the summary was not written: [Errno 28]" in said.err
    code = "import sys; from pathlib import Path; from slipway.cli import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", code, str(local), "unlock", "--target", "local", "--reason", "a try"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0][:42]) == (2, "error: The output cannot be written: [Errn")
    assert "Traceback" not in done.stderr
    with pytest.raises(PipelineError, match="cannot be written"):
        targets.load_target(project.load(local, "local")).append_event(
            journal.Event(journal.RESUME, "resume", "v1.0.0", HOLDER["at"], "somebody")
        )
