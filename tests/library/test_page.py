"""The pages: the verdict by word and colour, every number and text in its place, and nothing fetched from outside."""

import html
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from slipway.gate import dataset, markup
from slipway.gate.page import format_page
from slipway.rehearsal import data as rehearsal_data
from slipway.rehearsal import report as rehearsal_report
from slipway.report import NEXT, Best, Case, Data, Finding, Harm, Image, Judgement, Outcome, Side, Slice

STYLE = markup.FRAME.with_suffix(".css").read_text(encoding="utf-8")
VOID = {"br", "meta", "link", "img", "hr", "input"}
HOSTILE = "<script>alert(1)</script>\"'&` x`"


class Read(HTMLParser):
    """What is on a page: its elements, each closed in order, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += "" if self.open[-1:] == ["style"] else data

    def pictures(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == "svg" and "role" in attributes]

    def headings(self) -> list[str]:
        return [tag for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]


def read(text: str) -> Read:
    """Read a page, all of whose elements are closed."""
    found = Read(text)
    assert found.open == []
    return found


def side(tag: str, loss: float | None = 40.0) -> Side:
    return Side(tag=tag, digest=f"sha256:{'ab' * 32}", manifest_sha256="cd" * 32, loss=loss, metrics={"error": 41.25})


def harm(low: float, mean: float, high: float, margin: float = 5.0) -> Harm:
    return Harm(mean=mean, low=low, high=high, margin=margin, rows=2000, groups=90)


def part(name: str, p: float | None, failed: bool = False, half: float = 2.0) -> Slice:
    """Return a slice; one that fails is worse by 8."""
    mean = 8.0 if failed else 1.0
    return Slice(**harm(mean - half, mean, mean + half).model_dump(), name=name, p=p, failed=failed)


def judged(**changed: Any) -> Judgement:
    """Return a judgement with a champion and without pictures, but for what is changed."""
    given: dict[str, Any] = {
        "verdict": Outcome.PASS,
        "exit_code": 0,
        "reasons": ["It is not worse."],
        "candidate": side("v2.0.0"),
        "champion": side("v1.0.0", 43.5),
        "trivial_loss": 150.0,
        "harm": harm(-3, -1, 1),
        "data": Data(expectations=30, findings=[], overlap=[]),
        "reference_sha256": "12" * 32,
        "reference_rows": 2000,
        "reference_uses": 4,
        "rules": "this checkout",
        "thresholds_sha256": "34" * 32,
        "expectations_sha256": "56" * 32,
        "seed": 7,
        "at": "2026-01-02T03:04:05+00:00",
        "task": "regression",
    }
    return Judgement(**given | changed)


def points(count: int, champion: bool = True, classes: int = 0) -> list[tuple[float, float, float | None]]:
    """Return a sample; of a classification, probabilities."""
    if classes:
        return [(float(each % classes), each / count, 0.5 if champion else None) for each in range(count)]
    return [(float(each), each * 1.1, each * 0.9 if champion else None) for each in range(count)]


def full(**changed: Any) -> Judgement:
    """Return a judgement that has everything, and as much of it as there may be."""
    given = {
        "notes": ["Something to know."],
        "slices": [part(f"a slice with a rather long name that somebody gave it, number {each}", 0.5) for each in range(100)],
        "best": Best(tag="v0.9.0", manifest_sha256="78" * 32, loss=39.5, reference_sha256="12" * 32),
        "behaviour": [Case(name="night", kind="minimum", holds=True, told="2 of 2 hold")],
        "image": Image(golden_difference=1e-12, p99_ms=12.34, size_mb=412.0, failures=[]),
        "sample": points(500),
        "over_time": [(f"day {each}", 40.0 + each, 50.0 - each) for each in range(60)],
    }
    return judged(**given | changed)


# --- the whole page


@pytest.mark.parametrize("outcome", Outcome)
def test_the_verdict_is_said_by_word_and_by_colour(outcome: Outcome) -> None:
    text = format_page(judged(verdict=outcome, reasons=["First reason.", "Second reason."], notes=["A note."]))
    assert f"<title>{outcome.value}: " in text
    assert re.search(f'<h1 class="verdict {outcome.value.lower()}">.*{outcome.value}</h1>', text)
    for said in ("First reason.", "Second reason.", "A note.", NEXT[outcome].replace("`", "")):
        assert said in read(text).said


def test_every_verdict_has_a_symbol_of_its_own() -> None:
    found = {
        re.sub("[A-Z]+</h1>.*", "", format_page(judged(verdict=each)).split("</small>")[1], flags=re.DOTALL).strip() for each in Outcome
    }
    assert len(found) == len(Outcome)


@pytest.mark.parametrize("judgement", [full(), judged(), judged(champion=None, harm=None)], ids=["full", "plain", "first release"])
def test_a_page_is_whole_and_needs_nothing_from_outside(judgement: Judgement) -> None:
    text = format_page(judgement)
    found = read(text)
    assert dict(found.elements)["html"] == {"lang": "en"}
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in found.elements}
    assert not {"src", "href", "xlink:href"} & {name for _, attributes in found.elements for name in attributes}
    assert re.findall(r"url\(|@import|https?:|data:|\$\w", text) == []


def test_a_page_with_all_there_may_be_stays_small() -> None:
    assert len(format_page(full()).encode()) < 150_000


def test_headings_are_in_order_and_pictures_say_what_they_are() -> None:
    found = read(format_page(full()))
    levels = [int(each[1]) for each in found.headings()]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert found.pictures()
    assert all(each["role"] == "img" and each["aria-label"] for each in found.pictures())


def test_what_people_wrote_is_text_and_never_html() -> None:
    hostile = Side(tag=HOSTILE, digest=HOSTILE, manifest_sha256=HOSTILE, loss=1.0, metrics={HOSTILE: 1.0})
    text = format_page(
        full(
            reasons=[HOSTILE],
            notes=[HOSTILE],
            candidate=hostile,
            champion=hostile,
            slices=[part(HOSTILE, 0.5), part(HOSTILE, None), part(HOSTILE, 0.001, failed=True)],
            best=Best(tag=HOSTILE, manifest_sha256=HOSTILE, loss=1.0, reference_sha256=HOSTILE),
            data=Data(expectations=1, findings=[Finding(column=HOSTILE, expectation=HOSTILE, observed=HOSTILE, rows=[1])], overlap=None),
            behaviour=[Case(name=HOSTILE, kind=HOSTILE, holds=False, told=HOSTILE)],
            image=Image(golden_difference=None, p99_ms=None, size_mb=1.0, failures=[HOSTILE]),
            reference_sha256=HOSTILE,
            rules=HOSTILE,
            thresholds_sha256=HOSTILE,
            expectations_sha256=HOSTILE,
            at=HOSTILE,
            over_time=[(HOSTILE, 1.0, 2.0), (HOSTILE, 2.0, 1.0)],
        )
    )
    found = read(text)
    assert "script" not in {tag for tag, _ in found.elements}
    assert "<script>alert(1)</script>" in found.said
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb: WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    parts = [int(digits[each : each + 2], 16) / 255 for each in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_in_both_themes(theme: int) -> None:
    colours = dict(re.findall(r"--(\w+): (#\w+)", re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[theme]))
    paper = luminance(colours["paper"])
    for name in ("ink", "quiet", "first", "second", *(each.value.lower() for each in Outcome)):
        lighter, darker = sorted([luminance(colours[name]), paper], reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, name


# --- what was compared


def test_both_sides_and_the_rules_are_named() -> None:
    said = read(format_page(judged(rules="commit 0123abc"))).said
    for expected in ("v2.0.0", "v1.0.0", "ab" * 6, "cd" * 6, "12" * 6, "34" * 6, "56" * 6, "commit 0123abc", "2000 rows in 90 groups"):
        assert expected in said
    assert "with this one: 4" in said
    assert "2026-01-02 03:04:05" in said


def test_what_is_not_there_yet_is_said() -> None:
    candidate = Side(tag="commit abc", digest="none", manifest_sha256="cd" * 32, loss=None, metrics={})
    said = read(format_page(judged(candidate=candidate, reference_uses=None))).said
    assert "commit abc, no image yet" in said
    assert "it is not known how often it was used" in said


def test_a_first_release_is_held_against_a_trivial_model() -> None:
    text = format_page(
        judged(champion=None, harm=harm(-120, -110, -100, 0), sample=points(9, champion=False), over_time=[("a", 1, None), ("b", 2, None)])
    )
    said = read(text).said
    assert "this is a first release" in said
    assert "minus that of the trivial model" in said
    assert ">champion</th>" not in text
    assert "<h3>champion</h3>" not in text
    assert text.count("<polyline") == 1
    assert "champion" not in said


def test_what_was_not_compared_is_said() -> None:
    assert "Not compared" in read(format_page(judged(verdict=Outcome.FAIL, harm=None))).said


def test_the_metrics_of_both_sides_are_beside_each_other_and_a_dash_is_for_none() -> None:
    champion = Side(tag="v1", digest="none", manifest_sha256="", loss=43.5, metrics={"other": 0.5})
    text = format_page(judged(champion=champion, best=Best(tag="v0.9", manifest_sha256="", loss=39.5, reference_sha256="")))
    assert "<td>loss (lower is better)</td><td>40</td><td>43.5</td>" in text
    assert "<td>error</td><td>41.25</td><td>–</td>" in text
    assert "<td>other</td><td>–</td><td>0.5</td>" in text
    assert "trivial model is 150; that of v0.9, the best release so far on this dataset, is 39.5." in text


@pytest.mark.parametrize(("found", "tone"), [(harm(-3, -1, 1), "pass"), (harm(6, 7, 8), "fail"), (harm(-9, 0, 9), "inconclusive")])
def test_the_bar_has_its_own_colour_whatever_else_refuses(found: Harm, tone: str) -> None:
    assert f'<figure><div class="{tone}">' in format_page(judged(verdict=Outcome.FAIL, harm=found))


# --- slices


def test_slices_that_fail_are_first_and_those_not_judged_say_so() -> None:
    text = format_page(judged(slices=[part("fine", 0.5), part("tiny", None), part("bad", 0.0001, failed=True)]))
    found = re.findall(r'<div class="(\w+)"><span>(\w+) <b>([^<]+)</b>', text)
    assert found == [("fail", "bad", "✗ worse"), ("judged", "fine", "ok"), ("unjudged", "tiny", "not judged: too few")]
    assert "+8 (from +6 to +10), margin 5, p &lt; 0.001, 2000 rows" in text
    assert "+1 (from -1 to +3), margin 5, p 0.5, 2000 rows" in text


def test_a_bar_that_is_too_wide_to_be_judged_does_not_squeeze_the_others() -> None:
    text = format_page(judged(harm=None, slices=[part("fine", 0.5), part("tiny", None, half=1000)]))
    fine, tiny = re.findall(r'<line class="bar" x1="([\d.]+)%" x2="([\d.]+)%"', text)
    assert float(fine[1]) - float(fine[0]) > 40
    assert tiny == ("0.0", "100.0")
    assert (text.count("◀"), text.count("▶")) == (1, 1)


# --- data, behaviour, image


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (None, "It is not known whether"),
        ([], "No row of the reference dataset is in the training data."),
        ([3, 14], "also in the training data: 2, so their answers may be remembered and not predicted. Counted from 0: 3, 14."),
        (list(range(120)), "48, 49 and 70 more."),
    ],
    ids=["not known", "none", "some", "many"],
)
def test_rows_that_were_learnt_from_are_counted_and_named(overlap: list[int] | None, expected: str) -> None:
    assert expected in read(format_page(judged(data=Data(expectations=30, findings=[], overlap=overlap)))).said


def test_what_the_data_does_not_meet_is_a_table() -> None:
    found = Finding(column="height", expectation="at most 3", observed="5 of 9 rows", rows=[0, 7])
    text = format_page(judged(data=Data(expectations=30, findings=[found], overlap=[])))
    assert "1 of 30 expectations" in text
    assert "<td>height</td><td>at most 3</td><td>5 of 9 rows</td><td>0, 7</td>" in text
    assert "All 30 expectations on the training data hold." in format_page(judged())


def test_behaviour_that_does_not_hold_is_marked() -> None:
    cases = [Case(name="a", kind="minimum", holds=True, told="fine"), Case(name="b", kind="direction", holds=False, told="lower")]
    text = format_page(judged(behaviour=cases))
    assert '<td>a</td><td>minimum</td><td><b class="pass">✓ yes</b></td><td>fine</td>' in text
    assert '<td>b</td><td>direction</td><td><b class="fail">✗ no</b></td><td>lower</td>' in text


def test_the_image_is_there_once_it_is_built() -> None:
    assert "The built image" not in format_page(judged())
    built = Image(golden_difference=2e-12, p99_ms=12.34, size_mb=412.0, base="python:3@sha256:0", answered="a graph", failures=[])
    good = read(format_page(judged(image=built))).said
    assert all(expected in good for expected in ("2e-12", "12.3 ms", "412 MB", "python:3@sha256:0", "a graph", "Nothing is wrong with it."))
    bad = read(format_page(judged(image=Image(golden_difference=None, p99_ms=None, size_mb=1.0, failures=["It did not start."])))).said
    assert "It did not start." in bad
    assert not any(each in bad for each in ("Nothing is wrong", "answered by"))


def test_sections_with_nothing_in_them_are_left_out() -> None:
    said = read(format_page(judged())).said
    assert not any(each in said for each in ("in each slice", "Predicted", "Probability", "Error over time", "Behaviour"))


# --- pictures


@pytest.mark.parametrize(
    ("task", "classes", "title", "diagonals"),
    [
        ("regression", 0, "Predicted against actual", 2),
        ("binary", 2, "Probability against class", 0),
        ("multiclass", 5, "Probability against class", 0),
    ],
)
def test_each_task_has_its_picture_of_both_sides(task: str, classes: int, title: str, diagonals: int) -> None:
    text = format_page(judged(harm=None, task=task, sample=points(50, classes=classes)))
    assert f"<h2>{title}</h2>" in text
    assert text.count('<line class="margin"') == diagonals
    assert re.findall(r"<h3>(\w+)</h3>", text) == ["candidate", "champion"]
    assert text.count("<circle") == 100
    assert "50 rows are shown." in text


def test_the_same_judgement_gives_the_same_page() -> None:
    judgement = full(task="binary", sample=points(100, classes=2))
    assert format_page(judgement) == format_page(judgement)


def test_points_of_a_class_stay_nearest_to_it() -> None:
    moved = markup.spread_points([(float(each % 3), 0.5) for each in range(300)])
    assert [round(across) for across, _ in moved] == [each % 3 for each in range(300)]
    assert len({across for across, _ in moved}) == 300


def test_lines_have_their_first_and_last_label() -> None:
    text = format_page(judged(over_time=[("monday", 1.0, 2.0), ("tuesday", 2.0, 1.0), ("sunday", 3.0, 0.0)]))
    assert '<div class="ends"><span>monday</span><span>sunday</span></div>' in text
    assert "tuesday" not in text
    assert text.count("<polyline") == 2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (-0.03, 1.03, [0, 0.5, 1]),
        (-7, 11, [-5, 0, 5, 10]),
        (0.001, 0.0014, [0.001, 0.0011, 0.0012, 0.0013, 0.0014]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert markup.Scale(low, high).ticks() == pytest.approx(expected)


@pytest.mark.parametrize(
    "values",
    [[], [0.0], [5.0, 5.0], [1e-300, 2e-300], [-1e300, 1e300], [1e20, 1e20 + 65536], [float("nan"), 1.0], [float("inf"), -float("inf")]],
    ids=["none", "zero", "alike", "tiny", "huge", "close", "not a number", "infinite"],
)
def test_whatever_the_values_they_can_be_drawn(values: list[float]) -> None:
    scale = markup.make_scale(values)
    assert scale.low < scale.high
    assert len(scale.ticks()) <= 6
    assert all(0 <= scale.at(value) <= 100 for value in values if value == value)
    drawn = markup.draw_lines([values], "x") + markup.draw_scatter([(value, value) for value in values], scale, scale, ("x", "y"), False)
    assert re.findall(r'"[^"]*(?:nan|inf)[^"]*"', drawn) == []


@pytest.mark.parametrize("found", [harm(-3, -1, 1), harm(50, 60, 70), harm(-90, -80, -70), harm(-1, 0, 1, 0), harm(2, 2, 2, 0)])
def test_zero_margin_and_interval_are_where_they_belong(found: Harm) -> None:
    scale = markup.make_scale([found.low, found.high, found.margin, 0.0])
    text = markup.draw_bar(found, scale, "x")
    at = {kind: float(each) for kind, each in re.findall(r'class="(zero|margin|bar)" x1="([\d.]+)%"', text)}
    assert at == {"zero": scale.at(0), "margin": scale.at(found.margin), "bar": scale.at(found.low)}
    assert (at["zero"] < at["margin"]) == (found.margin > 0)
    assert f'<rect class="zone" width="{scale.at(found.margin)}%"' in text
    assert "◀" not in text
    assert "▶" not in text
    assert "no difference" in markup.draw_marks(found, scale)


# --- the rehearsal's page


def rehearsal() -> dict[str, Any]:
    verdicts = {name: {"verdict": expected, "exit_code": 0, "reasons": [HOSTILE]} for name, expected in rehearsal_report.EXPECTED.items()}
    return {
        "target": "local",
        "steps": [{"name": "train", "seconds": 1.0, "outcome": "done"}],
        "verdicts": verdicts,
        "left_out": [],
        "requests": {"total": 2, "failed": 0, "by_release": {"v1": 1, "v2": 1}, "by_second": [[0, "v1", 1], [1, "v2", 1]]},
        "rollback": {"seconds": 1.5, "from": "v2", "to": "v1", "proof": dict.fromkeys(rehearsal_report.PROOF.values(), True)},
    }


def test_the_rehearsal_links_the_pages_of_the_gate_that_are_there(tmp_path: Path) -> None:
    for name in ("gate-v1.0.0.html", "gate-nothing-learnt.html"):
        (tmp_path / name).touch()
    text = rehearsal_report.format_page(rehearsal(), tmp_path)
    assert re.findall(r'<td><a href="([^"]+)">([^<]+)</a></td>', text) == [
        ("gate-v1.0.0.html", "v1.0.0"),
        ("gate-nothing-learnt.html", "nothing learnt"),
    ]
    assert "<td>v1.1.0</td>" in text


def test_both_pages_have_the_same_frame(tmp_path: Path) -> None:
    text = rehearsal_report.format_page(rehearsal(), tmp_path)
    assert "<title>Rehearsal on local: passed</title>" in text
    assert STYLE in text
    assert STYLE in format_page(judged())
    assert html.escape("<script>") in text
    assert "script" not in {tag for tag, _ in read(text).elements}


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"another unit": None, "left out": "another unit"}, True),  # a model without a number has no other unit
        ({"nothing learnt": None, "left out": "nothing learnt"}, True),
        ({"nothing learnt": None, "left out": "another unit"}, False),
        ({"nothing learnt": None}, False),
        ({"another unit": "PASS"}, False),
        ({"v1.1.0": "FAIL"}, False),
    ],
    ids=str,
)
def test_a_rehearsal_passes_with_the_verdicts_that_are_expected(changed: dict[str, str | None], holds: bool) -> None:
    report = rehearsal()
    for name, verdict in changed.items():
        if name == "left out":
            report["left_out"].append(verdict)
        elif verdict:
            report["verdicts"][name]["verdict"] = verdict
        else:
            del report["verdicts"][name]
    assert rehearsal_report.has_passed(report) == holds


@pytest.mark.parametrize(
    ("columns", "name"),
    [({"w": ["a"], "n": [1], "x": [0.5]}, "x n"), ({"b": [True], "z": [0.0], "n": [1]}, "n"), ({"w": ["a"], "b": [True]}, "")],
    ids=["fractions", "whole numbers", "none"],
)
def test_what_is_measured_is_tried_in_another_unit(columns: dict[str, list[Any]], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "list_inputs", lambda: list(columns))
    assert rehearsal_data.list_numbers(pd.DataFrame(columns)) == name.split()
