"""What a newcomer reads and opens: CONTRIBUTING.md names what there is, the issue forms are forms, and the devcontainer is pinned."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import VERBS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n\n((?:(?!## ).*\n)+)", PAGE, re.MULTILINE))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
PATH = re.compile(r"`((?:slipway|tests|docs|validation|service|pipeline|requirements|\{\{cookiecutter)[\w{}./-]*/[\w./-]*)`")
# A function, class or constant, and the file that the page says has it.
NAMED = re.compile(r"`(\w+)`[^`]{0,20} (?:in|of)\s+`([\w/]+\.py)`")
WRITTEN = {"slipway/operate/targets/NAME.py", "tests/template/gate/repeated.py"}  # by whoever follows the page
IMAGE = re.compile(r"[\w./-]+:\d+\.\d+\.\d+-[\w.-]+@sha256:[0-9a-f]{64}")
FEATURE = re.compile(r"ghcr\.io/devcontainers/features/[\w-]+:\d+\.\d+\.\d+")


def test_what_the_page_names_is_there() -> None:
    paths = set(PATH.findall(PAGE))
    assert paths >= WRITTEN
    assert [path for path in paths - WRITTEN if not (ROOT / path).exists()] == []
    found = NAMED.findall(PAGE)
    assert len(found) > 6
    assert [pair for pair in found if not re.search(rf"\b{pair[0]}\b", (ROOT / pair[1]).read_text(encoding="utf-8"))] == []


def test_the_commands_of_the_page_are_there() -> None:
    typed = [line.split()[1:] for line in PAGE.splitlines() if line.strip().startswith("$ ./run")]
    assert len(typed) >= 6
    for _, verb, *words in typed:
        assert verb in {"check", "test", *VERBS}
        assert [word for word in words if not (ROOT / word).is_file()] == []


@pytest.mark.parametrize("what", ["check to the gate", "contract", "target"])
def test_what_it_takes_to_add_something_is_short(what: str) -> None:
    [section] = [text for name, text in SECTIONS.items() if name in (f"Add a {what}", f"Add an {what}")]
    assert len([line for line in section.splitlines() if line.strip()]) < 30


def test_the_issue_forms_are_forms() -> None:
    assert {path.stem for path in FORMS} == {"bug", "model", "idea"}
    config = ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"
    for kind, paths in {"forms": FORMS, "config": [config]}.items():
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.github-issue-{kind}", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "./run --version" in (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8")


def test_a_codespace_starts_from_what_is_pinned_and_has_what_the_demo_takes() -> None:
    opened: dict[str, Any] = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert IMAGE.fullmatch(opened["image"])
    assert [name for name in opened["features"] if not FEATURE.fullmatch(name)] == []
    assert any("/docker-in-docker:" in name for name in opened["features"])
    program, *words = opened["postCreateCommand"].split()
    assert os.access(ROOT / program, os.X_OK)
    assert words == ["--help"]  # makes the environment
    assert "demo" in VERBS
    assert opened["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
