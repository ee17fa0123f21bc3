"""./run, the front door: speaks to every Python, makes .venv once, hands over."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE_VERSION = (
    "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); sys.argv = ['run', 'demo']; runpy.run_path('run', run_name='__main__')"
)
TOO_OLD = "is too old: 3.11 or later is needed. Next: python3.13 run demo, say.\n"

posix = pytest.mark.skipif(os.name == "nt", reason="the fakes are shell scripts")


def said(command: list[str], cwd: Path, path: str | None = None) -> tuple[int, str, str]:
    """Run a command and return its exit code and what it printed."""
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def older_pythons() -> list[str]:
    """Return the Pythons of this machine that are too old, where there are any."""
    installed = [str(each) for each in Path.home().glob(".pyenv/versions/*/bin")]
    path = os.pathsep.join([*installed, os.environ.get("PATH", "")])
    found = [shutil.which(f"python3.{minor}", path=path) for minor in range(6, 11)]
    return [each for each in found if each and said([each, "-c", ""], ROOT)[0] == 0]


def script(path: Path, text: str) -> None:
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def door(tmp_path: Path) -> Path:
    """A folder with `run`, a lock, the pipeline, a .venv whose Python is this one, and a `uv` that only says what it was told."""
    shutil.copyfile(ROOT / "run", tmp_path / "run")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "work.txt").write_text("# a lock\n", encoding="utf-8")
    for room in ("model", "pipeline", "service", "validation"):
        (tmp_path / room).symlink_to(ROOT / room)
    script(tmp_path / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    script(tmp_path / "bin" / "uv", f'echo "$@" >> "{tmp_path}/uv.log"')
    stamp(tmp_path)
    return tmp_path


def stamp(door: Path) -> str:
    """Stamp .venv as made from the lock that is there, and return the stamp."""
    made_from = sys.version.encode() + (door / "requirements" / "work.txt").read_bytes()
    text = hashlib.sha256(made_from).hexdigest()
    (door / ".venv" / ".locks-sha256").write_text(text, encoding="utf-8")
    return text


def run(door: Path, *words: str) -> tuple[int, str, str]:
    """Call `run`."""
    return said([sys.executable, "run", *words], door, f"{door / 'bin'}{os.pathsep}{os.environ['PATH']}")


def uv_was_told(door: Path) -> list[str]:
    """Return what `uv` was told, a line a call."""
    log = door / "uv.log"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


@posix
def test_a_python_that_is_too_old_is_told_so_in_one_sentence(door: Path) -> None:
    assert said([sys.executable, "-c", FAKE_VERSION], door) == (1, "", f"Python 3.8 {TOO_OLD}")


@posix
def test_older_pythons_that_are_here_are_told_so_too(door: Path) -> None:
    if not (pythons := older_pythons()):
        pytest.skip("no Python older than 3.11 is here")
    for python in pythons:
        code, out, err = said([python, "run", "demo"], door)
        assert (code, out) == (1, "")
        assert err == f"Python {Path(python).name.removeprefix('python')} {TOO_OLD}"


def test_older_pythons_can_read_it() -> None:
    ast.parse((ROOT / "run").read_text(encoding="utf-8"), feature_version=(3, 6))


@posix
def test_an_environment_made_from_this_lock_is_not_made_again(door: Path) -> None:
    code, out, err = run(door, "--help")
    assert (code, err) == (0, "")
    assert "./run demo         the whole road, rehearsed on this machine" in out
    assert "usage: ./run" in out
    assert uv_was_told(door) == []


@posix
def test_an_environment_is_made_again_once_when_the_lock_changes(door: Path) -> None:
    (door / "requirements" / "work.txt").write_text("# another lock\n", encoding="utf-8")
    _, _, err = run(door, "--help")
    assert err == "setting up .venv with uv, once ...\n"
    made, installed = uv_was_told(door)
    assert made == f"venv --quiet --clear --python {sys.executable} {door / '.venv'}"
    assert installed == (
        f"pip install --compile-bytecode --python {door / '.venv/bin/python'} --quiet --require-hashes --only-binary :all: "
        f"--requirement {door / 'requirements/work.txt'}"
    )
    written = (door / ".venv" / ".locks-sha256").read_text(encoding="utf-8")
    assert written == stamp(door)
    run(door, "--help")
    assert len(uv_was_told(door)) == 2


@posix
def test_an_environment_that_could_not_be_made_is_not_taken_for_one(door: Path) -> None:
    (door / ".venv" / ".locks-sha256").unlink()
    script(door / "bin" / "uv", "exit 7")
    assert run(door, "--help")[0] == 7
    assert not (door / ".venv" / ".locks-sha256").exists()


@posix
def test_an_unknown_verb_is_told_the_known_ones(door: Path) -> None:
    code, out, err = run(door, "fly")
    assert (code, out) == (2, "")
    assert "argument VERB: invalid choice: 'fly' (choose from " in err


@posix
def test_the_exit_code_is_that_of_the_task_and_the_words_are_handed_over(door: Path) -> None:
    script(door / ".venv" / "bin" / "python", 'echo "$@"; exit 3')
    assert run(door, "validate", "--champion", "none")[:2] == (3, "-m pipeline validate --champion none\n")
    assert run(door, "test", "-k", "gate")[:2] == (3, "-m pytest -k gate\n")
