"""The first page: short, with pictures that show what the pages of the code have today, in words too, and figures that were measured."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from slipway.gate.page import format_page
from slipway.rehearsal import report as rehearsal_report
from tests.library import test_page as pages
from tests.template.pictures import PICTURES, Picture, cut, describe, read_headings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES, BYTES = 120, 200_000
# The words of a picture for those who cannot see it: the verdict, in any case.
WORDS = {"gate": ("PASS",), "rehearsal": ("passed", "PASS", "FAIL")}

each_picture = pytest.mark.parametrize("picture", PICTURES, ids=lambda each: each.name)


MAKE: dict[str, Callable[[Path], str]] = {
    "gate": lambda _: format_page(pages.full()),
    "rehearsal": lambda each: rehearsal_report.format_page(pages.rehearsal(), each),
}


def load_figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "bench" / "results" / f"{name}.json").read_bytes())
    return found


def test_the_first_page_is_short() -> None:
    assert len(README.splitlines()) <= LINES


@each_picture
def test_a_picture_is_small_and_its_words_are_beside_it(picture: Picture) -> None:
    assert picture.path.stat().st_size < BYTES
    [words] = re.findall(rf"!\[([^\]]+)\]\({picture.path.relative_to(ROOT).as_posix()}\)", README)
    assert [each for each in WORDS[picture.name] if each not in words] == []


@each_picture
def test_a_picture_shows_the_headings_of_today_s_page(picture: Picture, tmp_path: Path) -> None:
    size, headings = describe(picture.path)
    assert size == picture.size
    shown = read_headings(cut(MAKE[picture.name](tmp_path), picture.before))
    assert headings == shown, "Next: ./run demo, then .venv/bin/python -m tests.template.pictures"


def test_an_empty_picture_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "white").save(tmp_path / "empty.png")
    with pytest.raises(ValueError, match="shows almost nothing"):
        describe(tmp_path / "empty.png")


def test_a_heading_that_a_page_does_not_have_is_told() -> None:
    with pytest.raises(ValueError, match="no heading begins with 'Nothing'"):
        cut("<h2>Something</h2>", "Nothing")


def test_the_pipeline_is_drawn_with_words_for_those_who_cannot_see_it() -> None:
    [drawn] = re.findall(r"```mermaid\n(.*?)```", README, re.DOTALL)
    assert "accTitle: " in drawn
    assert "accDescr: " in drawn


def test_the_figures_are_those_that_were_measured() -> None:
    gate, switching, serving = (load_figures(name)["figures"] for name in ("gate_errors", "switching", "serving"))
    requests = sum(value for name, value in switching.items() if name.endswith("_requests"))
    failed = sum(value for name, value in switching.items() if name.endswith("_failed"))
    figures = (
        f"equal model in {100 * gate['equal_fail']:.1f} %",
        f"two margins in {100 * gate['two_margins_pass']:.0f} %",
        f"{failed} of {requests:,} requests failed",
        f"proven after {switching['docker_warm_seconds']:.2f} s",
        f"{serving['rps32_vs_best_peer']:.1f} times the best of six other servers",
    )
    text = " ".join(README.split())
    assert [each for each in figures if each not in text] == []
