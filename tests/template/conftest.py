"""A clean copy of the template, and `bake`: cookiecutter as a person calls it, in a home folder of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Environment = dict[str, str]
Said = subprocess.CompletedProcess[str]
Cookiecutter = Callable[..., Said]
Bake = Callable[..., Path]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Variables under which neither the settings, the cookiecutters nor the git identity of a person are used."""
    home = tmp_path_factory.mktemp("home")
    config = home / "cookiecutter.yaml"
    config.write_text(json.dumps({f"{kind}_dir": str(home / kind) for kind in ("cookiecutters", "replay")}))
    own = {"HOME": home, "USERPROFILE": home, "XDG_CONFIG_HOME": home, "TMPDIR": home, "COOKIECUTTER_CONFIG": config}
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**foreign, **{name: str(path) for name, path in own.items()}, "GIT_CONFIG_NOSYSTEM": "1"}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, environment: Environment) -> Path:
    """A git repository of what this working tree would commit."""
    copy = tmp_path_factory.mktemp("template") / "slipway"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    for name in names.split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    for arguments in (["init", "-b", "main"], ["add", "--all", "--force"], [*author, "commit", "-m", "Template"]):
        subprocess.run(["git", *arguments], cwd=copy, env=environment, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="session")
def cookiecutter(template: Path, environment: Environment) -> Cookiecutter:
    """Calls cookiecutter in a folder, and returns what it said."""

    def call(cwd: Path, *options: str | Path, source: str | Path = template, typed: str = "", **variables: str) -> Said:
        command = [sys.executable, "-m", "cookiecutter", source, *options]
        given = environment | variables
        return subprocess.run(command, cwd=cwd, env=given, input=typed, check=False, capture_output=True, text=True)

    return call


@pytest.fixture(scope="session")
def bake(template: Path, cookiecutter: Cookiecutter) -> Bake:
    """Makes a project in an empty folder from the answers given and the defaults, and returns its path."""

    def made(into: Path, source: str | Path = template, **answers: str) -> Path:
        into.mkdir(exist_ok=True)
        given = [f"{question}={answer}" for question, answer in answers.items()]
        done = cookiecutter(into.parent, "--no-input", "--output-dir", into, *given, source=source)
        assert done.returncode == 0, done.stdout + done.stderr
        [project] = into.iterdir()
        return project

    return made
