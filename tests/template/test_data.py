"""docs/data.md: its commands in order, with the real DVC and a folder as its remote; the lines for CI pass the project's own tests."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import chdir
from inspect import signature
from pathlib import Path

import pytest

from slipway import rehearsal
from slipway.bundle import data_reference
from slipway.serving.manifest import read, sha256
from tests.conftest import Road
from tests.library import test_workflows

pytestmark = pytest.mark.road

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
LOCK = HERE / "dvc.txt"
POINTER = "data/train.csv.dvc"
IN_CI = {"ci": 1, "train-validate-build-push": 1, "drill": 1}
REFUSING = "#!/bin/sh\necho no >&2\nexit 1\n"


def commands(heading: str) -> list[str]:
    """Return the commands of a section."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line.removeprefix("$ ") for line in section.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def dvc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The real DVC on the PATH, from its lock, in an environment of its own."""
    folder = tmp_path_factory.mktemp("dvc")
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--require-hashes", "--python", python, "--requirement", LOCK], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("DVC_NO_ANALYTICS", "1")
        for kind in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
            patch.setenv(f"DVC_{kind}_DIR", str(folder / kind.lower()))
        yield


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A project whose repository on GitHub is a folder here, and beside it a file with newer rows."""
    road = Road.copied(tmp_path_factory.mktemp("data") / "project")
    road.git("init", "--quiet", "--bare", "../github.git")
    road.git("remote", "add", "origin", "../github.git")
    beside(road, "newer.csv", -1)
    return road


def beside(road: Road, name: str, last: int) -> Path:
    """Write a file with the training data but some last rows."""
    file = road.root.parent / name
    lines = road.project.train_data.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:last]), encoding="utf-8")
    return file


def follow(road: Road, heading: str) -> None:
    """Type what a section says, `dvc pull` as on another machine; the project's own commands run in this process."""
    for command in commands(heading):
        if command == "dvc pull":
            road.project.train_data.unlink()
            shutil.rmtree(road.root / ".dvc" / "cache")
        if command.startswith("./run "):
            with chdir(road.root):
                road.must(*command.split()[1:])
        else:
            shell(road, command.replace("s3://your-bucket/data", str(road.root.parent / "store")))


def shell(road: Road, command: str) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run(["bash", "-c", command], cwd=road.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def followed(road: Road, dvc: None) -> str:
    """Follow the page, until data that DVC keeps were pulled and learnt from; returns the model that was trained while git kept them."""
    del dvc
    follow(road, "Retraining")
    road.must("train")
    model = read(road.project.bundle)[0].model.sha256
    shutil.rmtree(road.project.bundle)
    follow(road, "With DVC, when it outgrows git")
    return model


def test_what_train_says_of_data_that_were_not_committed_is_on_the_page(road: Road) -> None:
    [command] = commands("In git, while it is small")
    beside(road, "project/data/train.csv", -2)
    said = road.run(*command.split()[1:])
    road.git("checkout", "HEAD", "--", "data/train.csv")
    shown = " ".join(PAGE.partition(f"$ {command}\n")[2].partition("```")[0].split())
    assert re.sub("[0-9a-f]{12}", "HASH", said.text) == re.sub("[0-9a-f]{12}", "HASH", shown)


def test_pulled_data_give_the_same_model_and_the_manifest_refers_to_them(road: Road, followed: str) -> None:
    manifest = read(road.project.bundle)[0]
    assert (manifest.model.sha256, manifest.dirty) == (followed, False)
    assert manifest.data.sha256 == sha256(road.project.train_data.read_bytes())
    assert manifest.data.dvc_md5 == data_reference.hash_md5(road.project.train_data)
    assert f"md5: {manifest.data.dvc_md5}\n" in road.git("show", f"HEAD:{POINTER}")
    assert road.git("ls-files", "data/train.csv") == road.git("status", "--porcelain") == ""
    assert road.git("rev-parse", "@{upstream}") == road.git("rev-parse", "HEAD^")


@pytest.mark.usefixtures("followed")
def test_other_data_than_the_reference_are_refused_and_never_built_from(road: Road) -> None:
    kept = road.project.train_data.read_bytes()
    beside(road, "project/data/train.csv", -1)
    said = road.run("train")
    assert (said.code, "Next: dvc pull, to get that file back; or dvc add data/train.csv and git commit" in said.text) == (2, True)
    road.must("train", "--uncommitted-data")
    manifest = read(road.project.bundle)[0]
    assert (manifest.dirty, manifest.data.dvc_md5) == (True, None)
    road.project.train_data.write_bytes(kept)
    said = road.run("build")
    assert (said.code, "was trained from a tree with uncommitted changes" in said.text) == (2, True)


@pytest.mark.usefixtures("followed")
def test_retraining_commits_the_reference_alone_or_changes_nothing(road: Road) -> None:
    before, file = road.git("rev-parse", "--abbrev-ref", "HEAD"), beside(road, "newest.csv", -2)
    kept = road.project.train_data.read_bytes()
    hook = road.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REFUSING, encoding="utf-8")
    hook.chmod(0o755)
    said = road.run("retrain", "--data", str(file))
    hook.unlink()
    assert (said.code, road.git("rev-parse", "--abbrev-ref", "HEAD"), road.project.train_data.read_bytes()) == (2, before, kept)
    assert (road.git("status", "--porcelain"), road.git("branch", "--list", "retrain-*").count("\n")) == ("", 0)
    said = road.must("retrain", "--data", str(file))
    assert road.git("diff", "--name-only", before) == POINTER
    assert road.project.train_data.read_bytes() == file.read_bytes()
    assert data_reference.read_reference(road.project).held
    assert " dvc push && git push --set-upstream origin retrain-" in said.text
    shell(road, f"git switch --quiet {before} && dvc checkout")
    assert road.project.train_data.read_bytes() == kept


@pytest.mark.usefixtures("followed")
def test_a_rehearsal_has_the_data_without_dvc(road: Road, tmp_path: Path) -> None:
    rehearsal.copy(road.root, tmp_path)
    assert (tmp_path / "data" / "train.csv").read_bytes() == road.project.train_data.read_bytes()
    assert not {"train.csv.dvc", ".gitignore"} & {each.name for each in (tmp_path / "data").iterdir()}


def test_the_lines_for_ci_pass_the_project_s_own_tests(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, step = re.findall("```yaml\n(.*?)```", PAGE, re.DOTALL)
    job = re.compile(r"(    runs-on: (?:(?!\n  \w).)*?setup-uv.*?\n)(      - (?:run|uses): )", re.DOTALL)
    monkeypatch.setattr(test_workflows, "ROOT", road.root)
    checks = [each for name, each in vars(test_workflows).items() if name.startswith("test_") and [*signature(each).parameters] == ["path"]]
    for name, jobs in IN_CI.items():
        path = road.root / ".github" / "workflows" / f"{name}.yml"
        text = job.sub(rf"{environment}\1{step}\2", path.read_text(encoding="utf-8"))
        assert (text.count(environment), text.count(step)) == (jobs, jobs)
        path.write_text(text, encoding="utf-8")
        for check in checks:
            check(path)
    test_workflows.test_zizmor_finds_nothing()
    road.git("checkout", "--", ".github")


def test_the_page_names_the_version_that_was_tried() -> None:
    [version] = re.findall(r"^dvc==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"dvc\[s3\]==([\w.]+)", PAGE)) == {version}
