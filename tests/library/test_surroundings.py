"""The way to a rollback where a person's machine is not as ours: proxies, umask, git settings, a folder of a repository, its name, IPv6."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from slipway import git, http_client, project, rehearsal
from slipway.cli import ROOT
from slipway.operate import targets
from slipway.operate.process import free_port
from tests.conftest import PROJECT
from tests.library import cluster
from tests.library.test_repository import SETTINGS

pytestmark = pytest.mark.road

FOLDER = "all of 'ours' #1; größer & [new]/services/own model"
REASON = "it answers | nonsense\n| v9.9.9 | deploy |\r\n\x1b[2J"
# Nobody listens there, and no SOCKS is installed.
PROXIES = {each: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY") for each in (name, name.lower())}
SOCKS = dict.fromkeys(("ALL_PROXY", "all_proxy"), "socks5h://127.0.0.1:9")


def loopback() -> str:
    """Return an address of the loopback: of IPv6 where there is one."""
    try:
        http_client.try_bind("::1", 0)
    except OSError:
        return "127.0.0.1"
    return "[::1]"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that is a folder of a repository, with two releases deployed and one rolled back."""
    top = tmp_path_factory.mktemp("surroundings")
    root = top / FOLDER
    rehearsal.copy(ROOT, root)
    own = PROJECT.format(name="surrounded", port=free_port()).replace("127.0.0.1", loopback())
    (root / "project.toml").write_text(own, encoding="utf-8")
    cluster.shrink(root)
    (top / "others.txt").write_text("theirs\n", encoding="utf-8")
    git.run_git(top, "init", "--quiet", "--initial-branch=main")
    git.run_git(top, "add", "--all")
    (top / "git").mkdir()
    (top / "git" / "config").write_text(SETTINGS.format(folder=top / "git"), encoding="utf-8")
    try:
        for tag in ("v1.0.0", "v1.1.0"):
            git.run_git(top, "commit", "--quiet", "--allow-empty", "--message", tag)
            for verb in ("train", "validate", "build", "push"):
                run(root, verb)
            git.run_git(top, "tag", tag)
            (top / "others.txt").write_text(f"not committed beside {tag}\n", encoding="utf-8")
            run(root, "deploy", tag, "--rules", "main")
        run(root, "rollback", "--reason", REASON)
        yield root
    finally:
        targets.load_target(project.load(root, "local")).stop_all()


def run(root: Path, *words: str) -> str:
    """Run a verb in a process of its own, and return what it prints. Nothing of it is left to be recorded later."""
    around = {**os.environ, **PROXIES, **SOCKS, "GIT_CONFIG_GLOBAL": str(root.parents[2] / "git" / "config")}
    del around["MLFLOW_TRACKING_URI"]
    command = [sys.executable, "-m", "slipway.cli", *words, "--target", "local"]
    done = subprocess.run(command, cwd=root, env=around, umask=0o077, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    assert "MLflow could not" not in done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_what_was_rolled_back_to_serves(root: Path) -> None:
    here = project.load(root, "local")
    with http_client.open_client(http_client.format_url(here.host, here.port), timeout=10) as client:
        assert client.get("/healthz").headers["x-release"] == "v1.0.0"
    assert httpx.URL(http_client.format_url(here.host, here.port)).port == here.port
    assert "v1.0.0, as expected" in run(root, "status")


def test_a_reason_is_one_row_and_the_record_has_it_as_it_was_given(root: Path) -> None:
    lines = run(root, "history").splitlines()
    assert [line.split(" | ")[1].split()[0] for line in lines[2:]] == ["rollback", "deploy", "deploy"]
    assert "rollback (it answers \\| nonsense \\| v9.9.9 \\| deploy \\| \\x1b[2J)" in lines[2]
    assert json.loads(run(root, "history", "--json"))[0]["what"] == f"rollback ({REASON})"


def test_the_release_has_the_modes_that_git_knows(root: Path) -> None:
    found = [each for each in (root / "build" / "release").rglob("*") if "__pycache__" not in each.parts]
    assert {f"{each.stat().st_mode:o}" for each in found} == {"40755", "100644"}


def test_the_runs_are_recorded(root: Path) -> None:
    assert (root / "mlflow.db").stat().st_size > 0
    assert [*(root / "mlartifacts").rglob("bundle/manifest.json")]
    assert "recorded: v1.0.0 serves" in run(root, "track")
