"""docs/faults.md says what the tests of this folder declare."""

import re

from tests.library.faults import page

FIGURES = [re.compile(r"\d+ of [1-9]\d*"), re.compile(r"\d+\.\d s")]


def test_the_page_says_what_the_tests_declare() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    shown = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    assert text.startswith(page.TEXT)
    assert shown[0] == page.HEAD
    rows = shown[2:]  # below the head and its line
    said = [(int(row[0]), row[1], row[2], row[3]) for row in rows]
    told = [(each, target) for each in page.declared() for target in page.TARGETS if each.told(target)]
    assert said == [(each.number, each.what, target, each.happens[target]) for each, target in told]
    for *_, sentence, failed, recovery in rows:
        if sentence.startswith(page.NOT_HERE):
            assert (failed, recovery) == ("–", "–")
        else:
            assert all(form.fullmatch(cell) for form, cell in zip(FIGURES, (failed, recovery), strict=True))


def test_every_fault_of_the_list_is_declared() -> None:
    assert {each.number for each in page.declared()} == set(range(1, 34))
