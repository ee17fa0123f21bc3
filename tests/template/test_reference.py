"""The pages under docs/reference/ are what the code says now, and leave nothing out."""

import re
from pathlib import Path

import pytest

from slipway import errors, project
from slipway.cli import VERBS
from slipway.rules import Thresholds
from slipway.serving.release import Config
from tests.template.site.reference.__main__ import FOLDER, PAGES, write_page

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert read(name) == write_page(name), "write it anew: .venv/bin/python -m tests.template.site.reference"


def test_there_is_a_page_for_each_file() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(PAGES)


def test_each_verb_and_each_option_has_its_place() -> None:
    for name, verb in VERBS.items():
        section = re.split(rf"^##+ {name}$", read("verbs"), flags=re.MULTILINE)[1]
        for option in verb.options:
            assert re.search(rf"^\| `{option if option.startswith('-') else option.upper()}\b", section, re.MULTILINE), (name, option)


def test_each_setting_is_explained() -> None:
    rows = {
        name: (form, text) for name, form, _, text in re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", read("settings"), re.MULTILINE)
    }
    known = {name for names in project.NAMES.values() for name in names}
    known |= set(project.TOP) - set(project.NAMES) - {"environments"}
    known |= set(Config.model_fields) | set(Thresholds.model_fields) - {"slices", "freshness", "floors"}
    known |= {"min", "max", "min_rows", "min_groups", "column", "max_days"}
    assert set(rows) == known
    assert [name for name, (form, text) in rows.items() if not (form and text)] == []


def test_each_file_and_each_error_has_words() -> None:
    assert re.findall(r"^\| `.*\|\s*\|$", read("files"), re.MULTILINE) == []
    codes = set(re.findall(r"^\| (\d+) \|", read("errors"), re.MULTILINE))
    assert codes >= {
        str(each.exit_code) for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.PipelineError)
    }
