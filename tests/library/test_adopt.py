"""What adopt decides of columns and rows, the drafts it writes, and what it says of input that is none."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, r2_score

from slipway import cli
from slipway.adopt import decide, draft, files, judges, place, split, table
from slipway.adopt.disguises import find_summands
from slipway.adopt.personal import find_personal
from slipway.adopt.target import Options, describe_target
from slipway.adopt.times import find_forms
from slipway.adopt.units import find_units
from slipway.doctor.kinds import read_kind
from slipway.errors import PipelineError
from slipway.rules import load_thresholds


def take_first(question: str, answers: Sequence[str]) -> str:
    """Answer as without a terminal."""
    assert question
    return answers[0]


def make_rows(number: int = 400) -> pd.DataFrame:
    """Return a table with a column of nearly each kind, as text."""
    draw = np.random.default_rng(0)
    area, region = draw.uniform(10, 400, number).round(1), draw.choice(["north", "south", "east"], number)
    amount = 3 * area + 200 * (region == "south") + draw.normal(0, 60, number)
    return pd.DataFrame(
        {
            "order": [f"A{each:06d}" for each in range(number)],
            "customer_id": draw.integers(0, number // 8, number).astype(str),
            "at": pd.date_range("2025-01-01 07:00", periods=number, freq="7h").strftime("%Y-%m-%d %H:%M"),
            "mail": [f"k{each}@example.org" for each in range(number)],
            "area": area.astype(str),
            "rooms": draw.integers(1, 5, number).astype(str),
            "region": region,
            "zip": [f"{each:05d}" for each in draw.integers(100, 140, number)],
            "new": draw.choice(["true", "false", ""], number),
            "note": [" ".join(draw.choice(["late", "good", "broken", "fast", "call"], 5)) for _ in range(number)],
            "same": "1",
            "none": "",
            "doubled": (2 * amount.round(2)).astype(str),
            "amount": amount.round(2).astype(str),
        }
    )


@pytest.mark.parametrize(("name", "letter", "role"), [("order_no", "K", "group"), ("Kunden-Nr.", "K", "group"), ("floor_no", "", "number")])
def test_what_is_called_a_number_is_a_key_where_it_has_letters(name: str, letter: str, role: str) -> None:
    rows = make_rows().rename(columns={"customer_id": name})
    rows[name] = letter + rows[name]
    assert {each.column: each.role for each in decide.decide_columns(rows, "amount", "regression")}[name] == role


def test_each_column_is_what_it_holds() -> None:
    found = {each.column: each for each in decide.decide_columns(make_rows(), "amount", "regression")}
    assert {name: each.role for name, each in found.items()} == {
        **dict.fromkeys(["order", "mail", "same", "none", "doubled"], "left out"),
        "customer_id": "group",
        "at": "time",
        "area": "number",
        "rooms": "number",
        "region": "category",
        "zip": "code",
        "new": "flag",
        "note": "text",
        "amount": "target",
    }
    assert "mail addresses" in found["mail"].reason
    assert "probably reveals the target" in found["doubled"].reason
    declared = {name: each.draft.declared for name, each in found.items() if each.draft}
    assert (declared["zip"], declared["new"], declared["at"]) == ("Annotated[str, Field(max_length=20)]", "bool | None", "datetime")
    assert all(each.reason for each in found.values())


@pytest.mark.parametrize(
    ("write", "role"),
    [(lambda n: f"{n}1 a {n}2 b", "code"), (lambda n: f"[ {n % 7} ] : {n} ; x", "code"), (lambda n: f"late {n} a b", "text")],
    ids=["each word once", "letters alone", "a word of all"],
)
def test_text_whose_words_come_once_teaches_nothing(write: Callable[[int], str], role: str) -> None:
    rows = make_rows()
    rows["note"] = [write(number) for number in range(len(rows))]
    assert {each.column: each.role for each in decide.decide_columns(rows, "amount", "regression")}["note"] == role


def test_a_code_that_may_be_missing_is_declared_so_under_another_name() -> None:
    rows = make_rows().rename(columns={"zip": "Zip Code"})
    rows["Zip Code"] = rows["Zip Code"].str.lstrip("0")  # a number to a program
    rows.loc[::9, "Zip Code"] = ""
    [found] = [each for each in decide.decide_columns(rows, "amount", "regression") if each.column == "Zip Code"]
    assert found.role == "code"
    assert found.draft
    assert found.draft.declared == 'Annotated[Annotated[str, Field(max_length=40)] | None, Field(alias="Zip Code")]'


@pytest.mark.parametrize(
    ("name", "cells", "what"),
    [
        ("contact", ["a@b.de", "c.d@e.org"], "mail addresses"),
        ("contact", ["+49 30 1234567", "(030) 123-4567"], "telephone numbers"),
        ("konto", ["DE89 3704 0044 0532 0130 00"], "bank accounts"),
        ("Last Name", ["Meier", "Kim"], "it is called Last Name"),
        ("firstName", ["Ada", "Kim"], "it is called firstName"),
        ("telephone", ["4930123456", "4930123457"], "it is called telephone"),
        ("mobile_minutes", ["120", "300"], ""),
        ("file_name", ["a.txt", "b.txt"], ""),
        ("town", ["Ulm", "Jena"], ""),
    ],
)
def test_what_tells_of_a_person_is_seen(name: str, cells: list[str], what: str) -> None:
    assert find_personal(name, read_kind([pd.Series(cells, name=name)])) == what


@pytest.mark.parametrize(
    ("numbers", "names"),
    [(range(7, 5000, 42), True), ([*range(0, 420, 42), *range(462, 2100, 42)], True), ([3, 1, 2] * 40, False), (range(100, 0, -1), False)],
    ids=["sampled", "with a gap", "repeated", "falling"],
)
def test_a_number_of_the_row_is_none_of_its_features(numbers: Sequence[int], names: bool) -> None:
    assert decide.names_its_row("instant", read_kind([pd.Series([str(each) for each in numbers])])) is names


def test_what_adds_up_to_the_target_is_left_out() -> None:
    draw = np.random.default_rng(0)
    features = {name: pd.Series(draw.integers(0, 50, 200)) for name in ("casual", "registered", "hour")}
    total = features["casual"] + features["registered"]
    assert find_summands(features, total) == ["casual", "registered"]
    assert find_summands(features, total + draw.normal(0, 5, 200)) == []
    assert find_summands({name: features[name] for name in ("casual", "registered")}, total) == []  # nothing would be left


@pytest.mark.parametrize(
    ("cells", "forms"),
    [
        (["31.12.2025", "01.02.2026"], ["%d.%m.%Y"]),
        (["12/31/2025", "01/02/2026"], ["%m/%d/%Y"]),
        (["31/12/2025 23:59", "01/02/2026 00:00"], ["%d/%m/%Y %H:%M"]),
        (["5 Jan 2026", "28 Feb 2026"], ["%d %b %Y"]),
        (["01/02/2026", "03/04/2026"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["31.12.2025", "2026-01-01"], []),
        (["31.02.2025"], []),
    ],
)
def test_times_are_read_as_they_are_written(cells: list[str], forms: list[str]) -> None:
    assert find_forms(cells) == forms


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1.812,37 €", "5,00 €", ""], ["1812.37", "5.00", ""]),
        (["15 %", "0 %", "n/a"], ["15", "0", ""]),
        (["$1,234.50", "$3.00", "$-17.25"], ["1234.50", "3.00", "-17.25"]),
        (["3 kg", "4 g"], None),
        (["kind 3", "kind 4"], None),
        (["007 s", "3 s"], None),
        (["A1", "A2"], None),
        (["12", "3"], None),
    ],
)
def test_a_number_is_taken_without_its_unit(cells: list[str], numbers: list[str | None] | None) -> None:
    rows = pd.DataFrame({"a": cells}, dtype=object)
    lines = [line for _, line in find_units(rows, ";")]
    for each in lines:
        exec(each, {"rows": rows})  # noqa: S102
    assert len(lines) == (numbers is not None)
    assert rows["a"].tolist() == (numbers or cells)


# Rows that are held back.


@given(
    groups=st.lists(st.integers(0, 40), min_size=60, max_size=200),
    classes=st.integers(2, 4),
    share=st.floats(0.1, 0.4),
    timed=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_units_stay_on_one_side_and_all_classes_are_learnt(groups: list[int], classes: int, share: float, timed: bool) -> None:
    rows = len(groups)
    labels = [group % classes for group in groups]
    order = pd.Series(pd.date_range("2025-01-01", periods=rows)) if timed else None
    held, why = split.choose_reference(groups, order, labels, round(share * rows))
    assert held.shape == (rows,)
    assert why
    units = pd.DataFrame({"unit": groups, "held": held})
    assert (units.groupby("unit")["held"].nunique() == 1).all()
    assert {label for label, chosen in zip(labels, held, strict=True) if not chosen} == set(labels)


def test_the_newest_rows_are_held_back_and_a_time_is_on_one_side() -> None:
    days = pd.Series(pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-02", "2025-01-03", "2025-01-04", "2025-01-04"]))
    held, why = split.choose_reference(range(6), days, [0, 1, 0, 1, 0, 1], 2)
    assert (held.tolist(), why) == ([False] * 4 + [True] * 2, "the newest rows")
    held, _ = split.choose_reference(range(6), days, [0, 1, 0, 1, 0, 1], 4)
    assert held.tolist() == [False] * 3 + [True] * 3
    held, why = split.choose_reference(range(6), days, [0, 0, 0, 0, 1, 1], 2)  # the new class would not be learnt
    assert why.startswith("at random")


def test_so_many_rows_decide() -> None:
    differences = np.random.default_rng(0).normal(0, 2.0, 10_000)
    needed = split.count_needed(differences, None, 0.1)
    assert needed == pytest.approx((2.487 * 2.0 / 0.1) ** 2, rel=0.05)
    alike = np.repeat(differences[:1000], 10)  # ten rows of a group say the same
    by_groups = split.count_needed(alike, np.repeat(np.arange(1000), 10), 0.1)
    assert by_groups == pytest.approx(10 * needed, rel=0.1)
    assert split.count_needed(differences, None, 0.0) == 0
    sizes = [split.choose_size(rows, needed) for rows, needed in [(400, 5), (400, 0), (100_000, 3000), (1_000_000, 0)]]
    assert sizes == [80, 120, 3000, 50_000]


# Files.


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_a_sample_has_whole_rows(every: int, tmp_path: Path) -> None:
    rows = [f'{number},"a\nb {number}"\n' for number in range(20)]
    lines = ("x,y\n" + "".join(rows)).encode().splitlines(keepends=True)
    assert b"".join(table.sample_lines(lines, every)).decode() == "x,y\n" + "".join(rows[::every])
    path = tmp_path / "large.csv"
    path.write_text("x,y\n" + "".join(f"{number},1\n" for number in range(20_000)))
    found = table.read_source(path, most=path.stat().st_size // every + every)
    assert found.notes == (() if every == 1 else (f"0 MB: one row in {every} is taken, at even distances",))
    assert len(found.raw.table) == -(-20_000 // every)


def test_parquet_is_read_as_what_it_holds(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "table.parquet"
    rows = pd.DataFrame({"number": range(80), "day": pd.date_range("2025-01-01", periods=80), "even": [True, False] * 40})
    rows["word"] = [None if number % 3 == 0 else f"n{number}" for number in range(80)]
    more = "[number, 1] AS list, {'a': number} AS struct, encode('a') AS bytes, to_seconds(number) AS lasted, 1.50::DECIMAL(9, 2) AS sum"
    duckdb.from_df(rows).project(f"*, {more}").write_parquet(str(path))
    found = table.read_source(path)
    first, second = found.raw.table.iloc[:2].values.tolist()
    assert first == ["0", "2025-01-01", "True", "", "0.0", "1.5"]
    assert second == ["1", "2025-01-02", "False", "n1", "1.0", "1.5"]
    assert [each.partition(":")[0] for each in found.notes] == ["Parquet", "list", "struct", "bytes", "lasted"]
    assert len(table.read_source(path, most=path.stat().st_size // 2 + 1).raw.table) == 40
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(PipelineError, match="cannot be read as Parquet"):
        table.read_source(path)


THRESHOLDS = Path(cli.ROOT, "validation", "thresholds.toml")


def test_floors_take_the_place_of_others_and_nothing_else_changes(tmp_path: Path) -> None:
    text = THRESHOLDS.read_text(encoding="utf-8")
    once = files.format_thresholds(text, {"log_loss": 0.5, "accuracy": 0.7}, "dteday")
    assert "[floors.log_loss]\nmax = 0.5\n[floors.accuracy]\nmin = 0.7\n" in once
    assert "mean_absolute_error" not in once
    path = tmp_path / "thresholds.toml"
    path.write_text(files.format_thresholds(once, {}, "dteday"), encoding="utf-8")
    assert load_thresholds(path).floors == {}  # where no figure is better than a trivial model's
    assert files.format_thresholds(once, {"log_loss": 0.5, "accuracy": 0.7}, "dteday") == once
    assert [each for each in text.splitlines() if each not in once.splitlines()] == [
        "[floors.mean_absolute_error]",
        "max = 70.0",
        "[floors.r2]",
    ]


@pytest.mark.parametrize(("value", "up", "floor"), [(71.3, True, 72), (0.5678, False, 0.56), (-0.031, False, -0.031), (0.0, True, 0)])
def test_a_floor_has_two_digits_on_the_side_where_it_holds(value: float, up: bool, floor: float) -> None:
    assert judges.round_floor(value, up) == pytest.approx(floor)


@pytest.mark.parametrize(("rows", "target", "linear"), [(100, "area", True), (101, "area", False), (600, "new", True)])
def test_a_linear_baseline_is_for_few_rows_and_of_classes_for_more(rows: int, target: str, linear: bool, tmp_path: Path) -> None:
    make_rows(rows)[["area", "rooms", "region", "new"]].replace({"new": {"": "true"}}).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "model").mkdir()
    assert draft.draft(tmp_path / "table.csv", target, tmp_path, take_first).linear is linear
    assert ("HistGradientBoosting" in (tmp_path / "model" / "estimator.py").read_text()) is not linear


@pytest.mark.parametrize(("rows", "columns", "amounts"), [(300, 100, False), (90, 200, True)])
def test_a_linear_baseline_learns_few_rows_of_many_numbers_not_by_heart(rows: int, columns: int, amounts: bool, tmp_path: Path) -> None:
    draw = np.random.default_rng(columns)
    numbers = draw.normal(size=(2 * rows, columns))
    hidden = numbers[:, :4].sum(1) + 2 * draw.normal(size=2 * rows)
    truth = hidden if amounts else (hidden > 0).astype(int)
    table = pd.DataFrame(numbers, columns=[f"v{each}" for each in range(columns)])
    table.assign(outcome=truth).head(rows).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "model").mkdir()
    assert draft.draft(tmp_path / "table.csv", "outcome", tmp_path, take_first).linear
    estimator: dict[str, Any] = {}
    exec((tmp_path / "model" / "estimator.py").read_text(), estimator)  # noqa: S102
    fitted = estimator["build"]().fit(table[:rows], truth[:rows])
    if amounts:
        assert r2_score(truth[rows:], fitted.predict(table[rows:])) > 0
    else:
        assert log_loss(truth[rows:], fitted.predict_proba(table[rows:])) < np.log(2)


def test_drafts_can_be_run(tmp_path: Path) -> None:
    rows = make_rows()
    rows.to_csv(tmp_path / "orders.csv", index=False)
    (tmp_path / "model").mkdir()
    found = draft.draft(tmp_path / "orders.csv", "amount", tmp_path, take_first)
    assert found.target.task == "regression"
    for name in ("features", "data", "estimator", "steps", "metrics"):
        compile((tmp_path / "model" / f"{name}.py").read_text(), name, "exec")
    assert "k0@example.org" not in (tmp_path / "data" / "train.csv").read_text()  # git never forgets


# What is no table, or has nothing to learn.

WRONG = {
    "no such file": (None, "amount", "is no file"),
    "no such column": ("a,amount\n" + "1,2\n" * 50, "amont", "There is no column 'amont'. Expected: one of 'amount'"),
    "an empty file": ("", "amount", "holds no table"),
    "a header alone": ("a,amount\n", "amount", "holds no table"),
    "one row": ("a,amount\n1,2\n", "amount", "has 1 row. Expected: 30 at least"),
    "a row too long": (
        "a,amount\n" + "1,2\n" * 50 + "1,2,3\n" + "1,2\n" * 9,
        "amount",
        "line 52: it has 3 cells. Expected: 2",
    ),
    "a row too short": ("a,amount\n" + "1,2\n" * 20 + "1\n" + "1,2\n" * 29, "amount", "line 22: it has 1 cells. Expected: 2, as the line"),
    "names too few": ("a,amount\n" + "1,2,3\n" * 50, "amount", "line 2: it has 3 cells. Expected: 2"),
    "one class": ("a,amount\n" + "".join(f"{number},yes\n" for number in range(50)), "amount", "is 'yes' in all rows"),
    "no target": ("a,amount\n" + "".join(f"{number},\n" for number in range(50)), "amount", "is empty in all 50 rows"),
    "a class of one row": (
        "a,amount\n1,no\n" + "".join(f"{number % 7},yes\n" for number in range(50)),
        "amount",
        "50 rows of 'yes', 1 rows of 'no'",
    ),
    "words without end": ("a,amount\n" + "".join(f"{number % 7},w{number}\n" for number in range(90)), "amount", "90 different values"),
    "nothing to tell it by": ("a,amount\n" + "".join(f"1,{number % 9}.5\n" for number in range(90)), "amount", "No column is left"),
    "an image": ("\x89PNG\x00\x00" * 40, "amount", "holds no table"),
}


@pytest.mark.parametrize(("content", "target", "message"), WRONG.values(), ids=WRONG)
def test_input_that_is_none_is_a_sentence(content: str | None, target: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    (tmp_path / "model").mkdir()
    with pytest.raises(PipelineError) as told:
        draft.draft(path, target, tmp_path, take_first)
    assert message in str(told.value)
    assert "Expected: " in str(told.value)
    assert "Next: " in str(told.value)


def test_gaps_in_the_target_and_rare_classes_are_left_out(tmp_path: Path) -> None:
    lines = [f"{number % 17},{('yes', 'no', '')[number % 3]}" for number in range(90)] + ["1,maybe"] * 2
    (tmp_path / "table.csv").write_text("a,bought\n" + "\n".join(lines) + "\n")
    (tmp_path / "model").mkdir()
    found = draft.draft(tmp_path / "table.csv", "bought", tmp_path, take_first)
    assert "30 rows have no bought: left out" in found.notes
    assert any("'maybe' has 2 rows" in each for each in found.notes)
    assert (found.target.task, found.target.positive) == ("binary", "yes")


OPTIONS = {
    "an amount": ("grade", ("regression", ""), ("regression", None)),
    "classes": ("grade", ("classification", ""), ("multiclass", None)),
    "one of two": ("bought", ("", "no"), ("binary", "no")),
    "0 of 0 and 1": ("paid", ("", "0"), ("binary", 0)),
    "1 of 0 and 1": ("paid", ("", "1"), ("binary", None)),
    "an amount of two": ("paid", ("regression", ""), ("regression", None)),
    "no numbers": ("bought", ("regression", ""), "--task regression, and bought has values such as 'yes', 'no'. Expected: numbers."),
    "no such value": ("bought", ("", "ja"), "--positive 'ja' is no value of bought. Expected: 'yes' or 'no'. Next: --positive 'yes'"),
    "positive of three": ("grade", ("", "3"), "--positive '3', and grade is 3 classes. Expected: two classes. Next: "),
    "positive of amounts": ("grade", ("regression", "3"), "--positive '3', and grade is an amount. Expected: two classes. Next: "),
}


@pytest.mark.parametrize(("target", "options", "found"), OPTIONS.values(), ids=OPTIONS)
def test_options_answer_what_would_be_asked(target: str, options: tuple[str, str], found: Any, tmp_path: Path) -> None:
    rows = "".join(f"{number % 17},{1 + number % 3},{('yes', 'no')[number % 2]},{number // 2 % 2}\n" for number in range(90))
    (tmp_path / "table.csv").write_text(f"a,grade,bought,paid\n{rows}")
    (tmp_path / "model").mkdir()
    if isinstance(found, str):
        with pytest.raises(PipelineError) as told:
            draft.draft(tmp_path / "table.csv", target, tmp_path, take_first, options=Options(*options))
        assert found in str(told.value)
    else:
        drafted = draft.draft(tmp_path / "table.csv", target, tmp_path, take_first, options=Options(*options)).target
        assert (drafted.task, drafted.positive) == found


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("ja", "nein"), ("Oui", "Non"), ("tak", "nie"), ("да", "нет"), ("是", "否")])
def test_yes_is_positive_in_any_language_and_nobody_is_asked(yes: str, no: str) -> None:
    def ask(question: str, answers: Sequence[str]) -> str:
        raise AssertionError(question, answers)

    column = pd.Series([yes] * 6 + [no] * 5, name="left")  # the rarer one is not meant
    assert describe_target(column, ask, amount=False).positive == yes


# What a person has edited.


def test_an_edit_is_told_from_a_draft(tmp_path: Path) -> None:
    drafts = tmp_path / "build" / "adopt"
    (drafts / "model").mkdir(parents=True)
    (drafts / "model" / "features.py").write_text("drafted\n")
    assert place.find_changed(tmp_path, drafts) == ["model/features.py"]
    assert place.find_edited(tmp_path, ["model/features.py"]) == []  # it is not there yet
    place.write_files(tmp_path, drafts, ["model/features.py"], {"name": "table.csv"})
    record = json.loads((tmp_path / place.RECORD).read_text())
    assert (list(record["files"]), record["table"]) == (["model/features.py"], {"name": "table.csv"})
    assert place.find_changed(tmp_path, drafts) == []
    (drafts / "model" / "features.py").write_text("drafted anew\n")
    place.refuse_edited(tmp_path, place.find_changed(tmp_path, drafts), drafts)
    (tmp_path / "model" / "features.py").write_text("edited\n")
    with pytest.raises(PipelineError, match=r"model/features.py: you edited .* Nothing was changed.* --force"):
        place.refuse_edited(tmp_path, place.find_changed(tmp_path, drafts), drafts)


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts, names = tmp_path / "build" / "adopt", ["model/features.py", "model/metrics.py"]
    for folder, text in ((tmp_path, "mine\n"), (drafts, "drafted\n")):
        (folder / "model").mkdir(parents=True)
        for name in names:
            (folder / name).write_text(text)

    def fill(_: Path, to: Path) -> None:
        to.write_bytes(b"draf")
        if to.name.startswith("metrics"):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", fill)
    with pytest.raises(OSError, match="No space left"):
        place.write_files(tmp_path, drafts, names, {})
    assert {path.name: path.read_text() for path in (tmp_path / "model").iterdir()} == {"features.py": "mine\n", "metrics.py": "mine\n"}
