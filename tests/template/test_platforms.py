"""docs/platforms.md was held against the platforms' own tools as it is now; what installs within seconds is held again here."""

import sysconfig
from pathlib import Path

import pytest

from tests.template.platforms.page import PAGE
from tests.template.platforms.run import BEGIN, CHECKS, END, Check, holds, python, table

HERE = [each for each in CHECKS if each.script in ("with_moto", "with_azure")]


def test_the_page_was_held_against_every_tool_as_it_is_now() -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = text.partition(BEGIN)[2].partition(END)[0]
    assert found == table(dict.fromkeys(CHECKS, True)), "hold it again: .venv/bin/python -m tests.template.platforms.run"


@pytest.mark.road
@pytest.mark.parametrize("check", HERE, ids=[each.script for each in HERE])
def test_the_page_holds(check: Check, tmp_path: Path) -> None:
    assert holds(check, python(check, Path(sysconfig.get_path("scripts")) / "uv", tmp_path))
