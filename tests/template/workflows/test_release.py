"""release.yml, executed: a tag of the template publishes its version, with what CHANGELOG.md says, and nothing that does not agree."""

import json
import zipfile
from pathlib import Path

import pytest

from slipway import __version__
from slipway.git import run_git
from slipway.template.changelog import read_versions
from tests.library.test_workflows import FOLDER, jobs, parse
from tests.template.workflows.scenario import Ran, Scenario
from tests.template.workflows.test_files import tool

ROOT = Path(__file__).parents[3]
TAG = f"v{__version__}"


@pytest.fixture
def on(template: Path, tmp_path: Path) -> Scenario:
    """The template as GitHub would have it, on main."""
    work = tmp_path / "template" / "slipway"
    run_git(template, "clone", "--quiet", str(template), str(work))
    run_git(work, "remote", "remove", "origin")
    run_git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "origin.git"))
    run_git(work, "remote", "add", "origin", str(tmp_path / "origin.git"))
    run_git(work, "push", "--quiet", "origin", "main")
    return Scenario(tool("act"), work, "", "Some-Owner/slipway", "", [], [], [])


def release(on: Scenario, tag: str, visibility: str = "public") -> Ran:
    """Push a tag of what is checked out, and do what that starts."""
    on.git("tag", tag)
    on.git("push", "--quiet", "origin", tag)
    told = {"visibility": visibility}
    return on.run("release", "push", f"refs/tags/{tag}", on.git("rev-parse", "HEAD"), repository=told)


def test_a_tag_publishes_an_attested_archive_with_what_the_changelog_says(on: Scenario) -> None:
    ran = release(on, TAG).ended(0)
    published = ran.artifacts / "published"
    assert sorted(path.name for path in published.iterdir()) == ["notes.md", f"slipway-{TAG}.zip"]
    said = (published / "notes.md").read_text(encoding="utf-8").strip()
    assert said == read_versions((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[TAG]
    with zipfile.ZipFile(published / f"slipway-{TAG}.zip") as archive:
        names = {name.removeprefix("slipway/") for name in archive.namelist() if not name.endswith("/")}
    assert names == set(on.git("ls-files").splitlines())
    [attested] = [json.loads(line) for line in (ran.artifacts / "attest").read_text().splitlines()]
    assert (attested["subject-path"], attested["push-to-registry"]) == ("release/*.zip", "false")
    asked = (ran.artifacts / "gh").read_text().splitlines()
    assert asked[:4] == ["release", "create", TAG, f"release/slipway-{TAG}.zip"]
    assert "--verify-tag" in asked


def test_a_private_repository_publishes_without_attesting(on: Scenario) -> None:
    ran = release(on, TAG, "private").ended(0)
    assert (ran.artifacts / "published").is_dir()
    assert not (ran.artifacts / "attest").exists()


def test_a_tag_that_is_not_the_version_publishes_nothing(on: Scenario) -> None:
    ran = release(on, "v99.0.0").ended(1)
    assert f"The tag is 'v99.0.0'. Expected: '{TAG}'" in ran.log
    assert not (ran.artifacts / "published").exists()
    assert not (ran.artifacts / "attest").exists()


def test_a_commit_that_was_not_merged_publishes_nothing(on: Scenario) -> None:
    on.commit("Not merged")
    ran = release(on, TAG).ended(1)
    assert "**Nothing was published: the tag's commit is not on the default branch.**" in ran.summary
    assert not (ran.artifacts / "published").exists()


def test_in_the_template_a_tag_also_starts_a_deploy_and_the_two_share_nothing() -> None:
    """What deploys ends green there, as long as no host is set; what publishes reaches no host, no registry and no list of deployments."""
    release, deploy = (parse(FOLDER / f"{name}.yml") for name in ("release", "deploy"))
    assert release["on"]["push"] == deploy["on"]["push"] == {"tags": ["v*"]}
    assert release["concurrency"]["group"].partition("-")[0] != deploy["concurrency"]["group"].partition("-")[0]
    rights = {name: job["permissions"] for name, job in jobs("release").items()}
    assert rights == {
        "build": {"contents": "read"},
        "attest": {"id-token": "write", "attestations": "write"},
        "publish": {"contents": "write"},
    }
    assert all("environment" not in job and "secrets." not in str(job) for job in jobs("release").values())
