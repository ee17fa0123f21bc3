"""Every command in both READMEs, on the page for 3 a.m. and on that for a new model is run: in a project, as where there is no engine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slipway import project
from slipway.operate.process import free_port
from slipway.operate.targets.local import Local

pytestmark = pytest.mark.road

ROOT = Path(__file__).parents[2]
# With these a command might open a page in the browser.
SCREEN = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
# What runs the commands of the template's own README.
RUN_BY = {
    "./run demo": "tests/library/test_demo.py",
    "./run test --all": ".ci/run",
    "cookiecutter https://github.com/OWNER/slipway": "tests/template/test_bake.py",
}


def commands(readme: Path) -> list[str]:
    """Return what a page says to type, but for what wants a table of one's own: tests/template/test_adopt.py runs that."""
    found = [line.removeprefix("$ ") for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("$ ")]
    return [each for each in found if not each.startswith("./run adopt ")]


@pytest.fixture
def baked(tmp_path: Path, bake: Callable[..., Path], environment: dict[str, str]) -> Iterator[Path]:
    """A project for the target local on a free port, whose repository on GitHub is a folder here."""
    made = bake(tmp_path / "baked")
    settings = made / "project.toml"
    text = settings.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    text = text.replace('target = "docker"', 'target = "local"').replace("seconds = 30", "seconds = 2")
    settings.write_text(text, encoding="utf-8")
    bare = tmp_path / "github.git"
    url = "https://github.com/your-github-name/slipway-example.git"
    author = (["config", "user.name", "Test"], ["config", "user.email", "test@example.invalid"])
    remote = (["init", "--bare", "-qb", "main", str(bare)], ["config", f"url.{bare}.insteadOf", url])
    for words in (*author, *remote, ["commit", "-qam", "Place"]):
        subprocess.run(["git", *words], cwd=made, env=environment, check=True)
    yield made
    Local(project.load(made, "local")).stop_all()


def test_the_commands_of_the_project_s_readme_work_in_order(baked: Path, environment: dict[str, str]) -> None:
    # The caches of packages stay where they are: only what a person set up is hidden.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {
        "PATH": path,
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
        "DOCKER_HOST": "unix:///nowhere.sock",
    }
    given = {**{name: value for name, value in environment.items() if name != "REQUIRE_DOCKER"}, **own}
    given = {name: value for name, value in given.items() if not name.startswith(("PYTEST", "VIRTUAL_ENV", *SCREEN))}
    found = commands(baked / "README.md")
    assert len(found) > 15
    # The page for 3 a.m. begins with something to go back from. A lock may have new hashes: of files a release got since.
    for command in [
        *found,
        "git commit -qam Locks || true",
        "./run resume",
        "./run deploy v1.1.0",
        *commands(baked / "docs" / "rollback.md"),
        *(each for each in commands(baked / "docs" / "your-model.md") if each not in found),
    ]:
        done = subprocess.run(["bash", "-c", command], cwd=baked, env=given, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
    pushed = subprocess.run(["git", "ls-remote", "origin"], cwd=baked, env=given, check=True, capture_output=True, text=True).stdout
    assert "refs/heads/main" in pushed
    assert "refs/tags/v1.2.0" in pushed


def test_the_commands_of_the_template_s_readme_are_run_elsewhere() -> None:
    assert set(commands(ROOT / "README.md")) == set(RUN_BY)
    assert all((ROOT / place).is_file() for place in RUN_BY.values())
