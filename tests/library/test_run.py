"""./run, the front door: speaks to every Python, makes the environment that a verb needs once, hands over."""

import ast
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE_VERSION = (
    "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); sys.argv = ['run', 'demo']; runpy.run_path('run', run_name='__main__')"
)
TOO_OLD = "is too old: 3.11 or later is needed. Next, for example: python3.13 run demo.\n"

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
    """A folder with `run`, locks, the pipeline, an environment to work in with this Python, and a `uv` that only notes its words."""
    shutil.copyfile(ROOT / "run", tmp_path / "run")
    shutil.copyfile(ROOT / "project.toml", tmp_path / "project.toml")
    (tmp_path / "requirements").mkdir()
    for name in ("work", "operate"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"# a lock to {name}\n", encoding="utf-8")
    for room in ("model", "pipeline", "service", "slipway"):
        (tmp_path / room).symlink_to(ROOT / room)
    script(tmp_path / "bin" / "uv", f'echo "$@" >> "{tmp_path}/uv.log"')
    make(tmp_path, "work", f'exec "{sys.executable}" "$@"')
    return tmp_path


def folder_of(door: Path, kind: str) -> Path:
    """Return where `run` has an environment for the locks that are there."""
    found: Path = runpy.run_path(str(door / "run"))["folder_of"](kind)
    return found


def make(door: Path, kind: str, python: str) -> Path:
    """Make an environment whose Python is a shell script."""
    made = folder_of(door, kind)
    script(made / "bin" / "python", python)
    (made / "made").touch()
    return made


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


def test_on_windows_commands_are_where_windows_has_them_and_write_utf8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment whose Python is not found would be made again at each call."""
    door = runpy.run_path(str(ROOT / "run"))
    made = tmp_path / "work-1"
    (made / "Scripts").mkdir(parents=True)
    for name in ("made", "Scripts/python.exe"):
        (made / name).touch()
    assert not door["is_made"](made)
    monkeypatch.setenv("PYTHONUTF8", "")  # so that it is put back
    monkeypatch.delenv("PYTHONUTF8")
    door["speak_utf8"]()
    assert "PYTHONUTF8" not in os.environ
    with monkeypatch.context() as patch:  # pytest itself would stumble there
        patch.setattr("os.name", "nt")
        found, ruff = door["is_made"](made), door["tool"](made, "ruff")
        door["speak_utf8"]()
    assert (found, ruff, os.environ["PYTHONUTF8"]) == (True, made / "Scripts" / "ruff.exe", "1")


def test_older_pythons_can_read_it() -> None:
    ast.parse((ROOT / "run").read_text(encoding="utf-8"), feature_version=(3, 6))


@posix
def test_an_environment_made_from_this_lock_is_not_made_again(door: Path) -> None:
    code, out, err = run(door, "--help")
    assert (code, err) == (0, "")
    assert "./run demo         the whole pipeline, rehearsed on this machine" in out
    assert "usage: ./run" in out
    assert uv_was_told(door) == []
    assert (door / ".venv").resolve() == folder_of(door, "work")


@posix
def test_an_environment_is_made_beside_the_others_when_the_lock_changes(door: Path) -> None:
    before = folder_of(door, "work")
    (door / "requirements" / "work.txt").write_text("# another lock\n", encoding="utf-8")
    folder = folder_of(door, "work")
    script(folder / "bin" / "python", "")  # as uv would
    script(door / "bin" / "uv", f'echo "$@" >> "{door}/uv.log"; mkdir -p "{folder}/bin"; touch "{folder}/bin/python"')
    _, _, err = run(door, "--help")
    assert err.splitlines()[0] == f"setting up .environments/{folder.name} with uv, once ..."
    made, installed = uv_was_told(door)
    assert made == f"venv --quiet --python {sys.executable} {folder}"
    assert installed == (
        f"pip install --compile-bytecode --python {folder / 'bin/python'} --quiet --require-hashes --only-binary :all: "
        f"--requirement {door / 'requirements/work.txt'}"
    )
    assert (before / "made").exists(), "something may still run in it"
    assert (door / ".venv").resolve() == folder
    run(door, "--help")
    assert len(uv_was_told(door)) == 2


@posix
def test_an_environment_that_could_not_be_made_is_not_taken_for_one(door: Path) -> None:
    (folder_of(door, "work") / "made").unlink()
    script(door / "bin" / "uv", "echo no network >&2; exit 1")
    for _ in range(2):
        code, _, err = run(door, "validate")
        assert code == 2, "1 would be the gate's FAIL"
        assert "no network\nerror: The environment .environments/work-" in err
        assert err.endswith("Next: check that this machine reaches the package index and has room, then type the same again.\n")


@posix
def test_where_no_environment_can_be_written_one_sentence_says_so(door: Path) -> None:
    shutil.rmtree(door / ".environments")
    (door / ".environments").write_text("", encoding="utf-8")
    code, _, err = run(door, "validate")
    assert (code, err.count("\n"), "could not be made: [Errno " in err) == (2, 1, True)


@posix
def test_an_environment_whose_python_is_gone_is_made_again(door: Path) -> None:
    (folder_of(door, "work") / "bin" / "python").unlink()
    run(door, "--help")
    assert len(uv_was_told(door)) == 2


@posix
def test_another_python_takes_the_environment_that_is_there(door: Path) -> None:
    """A shell's Python and that of cron would else make it anew by turns, under whatever runs in it."""
    other = "import runpy, sys; sys.version = '3.12.99'; sys.argv = ['run', '--help']; runpy.run_path('run', run_name='__main__')"
    assert said([sys.executable, "-c", other], door)[0] == 0
    assert uv_was_told(door) == []


@posix
def test_two_first_calls_make_it_once(door: Path) -> None:
    folder = folder_of(door, "work")
    shutil.rmtree(folder)
    script(door / "bin" / "uv", f'echo "$@" >> "{door}/uv.log"; mkdir -p "{folder}/bin"; ln -sf /bin/true "{folder}/bin/python"; sleep 0.2')
    path = f"{door / 'bin'}{os.pathsep}{os.environ['PATH']}"
    calls = [subprocess.Popen([sys.executable, "run", "train"], cwd=door, env={**os.environ, "PATH": path}) for _ in range(3)]
    assert [each.wait() for each in calls] == [0, 0, 0]
    assert len(uv_was_told(door)) == 2


@posix
def test_an_environment_that_was_not_used_for_a_month_is_removed_when_another_is_made(door: Path) -> None:
    old = make(door, "work", "")
    (door / "requirements" / "work.txt").write_text("# another lock\n", encoding="utf-8")
    lately = make(door, "work", "")
    os.utime(old / "made", (0, 0))
    (door / "requirements" / "work.txt").write_text("# a third lock\n", encoding="utf-8")
    run(door, "--help")
    assert (old.exists(), lately.exists()) == (False, True)


@posix
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        *((("rollback", "--target", "docker"), "operate"), (("status",), "operate")),
        (("deploy", "v1.0.0", "--target=kubernetes"), "operate"),
        *(
            (("rollback", "--target", "local"), "work"),
            (("deploy", "--target=local", "v1.0.0"), "work"),
            (("rollback", "--tar", "local"), "work"),
        ),
        *((("train",), "work"), (("test",), "work"), (("demo",), "work"), (("rejudge",), "work")),
    ],
)
def test_a_verb_gets_the_environment_that_it_needs(door: Path, words: tuple[str, ...], kind: str) -> None:
    shutil.rmtree(folder_of(door, "work"))
    make(door, kind, f"echo {kind}")
    assert run(door, *words)[1] == f"{kind}\n"
    assert uv_was_told(door) == []


@posix
def test_a_verb_takes_the_environment_to_work_in_where_that_is_made(door: Path) -> None:
    """There, MLflow's packages are at hand too: what serves is recorded at once."""
    make(door, "work", "echo work")
    assert run(door, "status")[1] == "work\n"
    make(door, "operate", "echo operate")
    assert run(door, "status")[1] == "work\n"
    assert uv_was_told(door) == []


@posix
def test_a_verb_that_operates_makes_no_more_than_it_needs(door: Path) -> None:
    shutil.rmtree(folder_of(door, "work"))
    run(door, "rollback", "--target", "docker")
    assert [f"operate-{each.partition('operate-')[2][:12]}" for each in uv_was_told(door)] == [folder_of(door, "operate").name] * 2
    assert "operate.txt" in uv_was_told(door)[1]
    assert not (door / ".venv").exists()


@posix
def test_packages_that_were_kept_are_taken_and_the_index_only_where_they_do_not_fit(door: Path) -> None:
    shutil.rmtree(folder_of(door, "work"))
    wheels = door / ".environments" / "wheels"
    wheels.mkdir()
    for fits, calls in ((True, 2), (False, 3)):
        (door / "uv.log").unlink(missing_ok=True)
        script(door / "bin" / "uv", f'echo "$@" >> "{door}/uv.log"' + ("" if fits else '; case "$*" in *--no-index*) exit 1;; esac'))
        run(door, "rollback", "--target", "docker")
        told = uv_was_told(door)
        assert len(told) == calls
        assert told[1] == told[-1] + f" --no-index --find-links {wheels}" if not fits else told[1].endswith(f"--find-links {wheels}")
        assert all("--require-hashes" in each and "--compile-bytecode" not in each for each in told[1:])
    run(door, "train")
    assert "--find-links" not in uv_was_told(door)[-1], "they are those to operate with"


@posix
@pytest.mark.parametrize("poisoned", [False, True])
def test_with_plain_pip_and_no_index_what_was_kept_is_enough_and_is_checked(door: Path, poisoned: bool) -> None:
    """For real: a runner has Python and pip, and no more."""
    shutil.rmtree(folder_of(door, "work"))
    wheels = door / ".environments" / "wheels"
    wheels.mkdir()
    hashed = wheel(wheels, "kept")
    (door / "requirements" / "operate.txt").write_text(f"kept==1.0 --hash=sha256:{hashed}\n", encoding="utf-8")
    if poisoned:
        wheel(wheels, "kept", "raise SystemExit('poison')")
    base = str(getattr(sys, "_base_executable", sys.executable))  # this one may have no pip
    summary = door / "summary.md"
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "GITHUB_STEP_SUMMARY": str(summary)}
    command = [base, "run", "rollback", "--target", "docker", "--help"]
    done = subprocess.run(
        command, cwd=door, env={**os.environ, **nowhere, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert (folder_of(door, "operate") / "made").exists() is not poisoned, done.stderr
    if poisoned:
        assert done.returncode == 2
        assert "DO NOT MATCH THE HASHES" in done.stderr
        first = summary.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(
            "**The live release was not changed: `./run rollback` could not start.** The environment .environments/operate-"
        )
        assert (
            "could not be made: the reason is in the log of this step. By hand, on a machine with this repository that reaches the"
        ) in first
        assert "Next: " not in first, "one advice is enough"
    else:
        python = str(folder_of(door, "operate") / "bin" / "python")
        assert said([python, "-c", "import kept; print(kept.NAME)"], door)[:2] == (0, "kept\n")


def wheel(folder: Path, name: str, code: str = "") -> str:
    """Write a wheel with one module, and return its hash."""
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"NAME = {name!r}\n{code}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@posix
def test_a_folder_that_an_older_run_made_is_left_alone(door: Path) -> None:
    script(door / ".venv" / "bin" / "python", "")
    assert run(door, "--help")[0] == 0
    assert not (door / ".venv").is_symlink()


@posix
def test_an_unknown_verb_is_told_the_known_ones(door: Path) -> None:
    code, out, err = run(door, "fly")
    assert (code, out) == (2, "")
    assert "argument VERB: found 'fly'. Expected: one of " in err


@posix
def test_the_exit_code_is_that_of_the_task_and_the_words_are_handed_over(door: Path) -> None:
    make(door, "work", 'echo "$@"; exit 3')
    assert run(door, "validate", "--champion", "none")[:2] == (3, "-m slipway.cli validate --champion none\n")
    assert run(door, "test", "-k", "gate")[:2] == (3, "-m pytest -k gate\n")
