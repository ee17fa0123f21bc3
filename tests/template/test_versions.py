"""The template has one version: in the code, in CHANGELOG.md, and in the tag that releases it."""

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from slipway import __version__
from slipway.cli import main
from slipway.template.changelog import HEADING, describe_new, read_versions

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
OLDER = "# Changes\n\n## Unreleased\n\nSoon.\n\n## v1.0.0 (2026-11-30)\n\nThe first.\n"
RELEASED = (
    "CHANGELOG.md",
    ".github/release.py",
    *(f"slipway/{name}.py" for name in ("__init__", "template/__init__", "template/changelog")),
)
NEWER = OLDER.replace("## v1.0.0", "## v1.1.0 (2027-01-11)\n\nMore.\n\n## v1.0.1 (2026-12-24)\n\nCorrected.\n\n## v1.0.0")


def test_the_version_in_the_code_is_the_newest_of_the_changelog() -> None:
    assert next(iter(read_versions(TEXT))) == f"v{__version__}"


def test_the_versions_go_down_with_their_dates_and_say_what_an_owner_has_to_do() -> None:
    versions = read_versions(TEXT)
    numbers = [tuple(int(part) for part in version[1:].split(".")) for version in versions]
    dates = [date.fromisoformat(found[2]) for found in HEADING.finditer(TEXT)]
    assert numbers == sorted(set(numbers), reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert [version for version, part in versions.items() if "**What you have to do**: " not in part] == []
    assert len(re.findall(r"^## ", TEXT, re.MULTILINE)) == len(versions) + 1
    assert TEXT.index("\n## Unreleased\n") < TEXT.index("\n## v")


def test_what_is_new_is_what_the_older_one_does_not_have() -> None:
    assert describe_new(OLDER, NEWER) == "v1.1.0\n\nMore.\n\nv1.0.1\n\nCorrected."
    assert describe_new("", OLDER) == "v1.0.0\n\nThe first."
    assert describe_new(NEWER, OLDER) == describe_new(NEWER, NEWER) == describe_new("", "") == ""


def test_the_command_line_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"slipway {__version__}\n")


def hold(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ".github/release.py", tag], cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the release reads, in a folder of its own."""
    for name in RELEASED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_release_says_what_the_changelog_says_of_its_version(copy: Path) -> None:
    done = hold(copy, f"v{__version__}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == read_versions(TEXT)[f"v{__version__}"]


@pytest.mark.parametrize("tag", ["v9.9.9", __version__, f"v{__version__}-rc1", "nightly"])
def test_a_tag_of_another_version_is_not_released(tag: str, copy: Path) -> None:
    done = hold(copy, tag)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"The tag is {tag!r}. Expected: 'v{__version__}', as slipway/__init__.py has it. Next: ")


def test_a_version_that_the_changelog_does_not_begin_with_is_not_released(copy: Path) -> None:
    text = TEXT.replace(f"\n## v{__version__} (", f"\n## v99.0.0 (2027-01-11)\n\nMore.\n\n## v{__version__} (")
    (copy / "CHANGELOG.md").write_text(text, encoding="utf-8")
    done = hold(copy, f"v{__version__}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"The newest version in CHANGELOG.md is 'v99.0.0'. Expected: 'v{__version__}', as slipway/__init__.py has it"
    )
