"""What a rehearsal learns from, whatever the owner's `load` is: the text of the file is cut and changed, and `load` reads it back."""

import gzip
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import features
from slipway.errors import PipelineError
from slipway.gate import dataset
from slipway.rehearsal import data as rehearsal_data
from slipway.rehearsal.data import Data, LeftOut

ROWS = 40
Load = Callable[[Path], pd.DataFrame]
# The same rows each time: a number with fractions, some text, and a target of two classes.
AMOUNTS = [number / 4 + 0.25 for number in range(ROWS)]
TEXTS = [f"größe {number}, of many" for number in range(ROWS)]
TARGETS = [number % 3 == 0 for number in range(ROWS)]


def frame(**names: str) -> pd.DataFrame:
    return pd.DataFrame({"amount": AMOUNTS, "text": TEXTS, "gone": np.array(TARGETS).astype(int)}).rename(columns=names)


def read(**options: Any) -> Load:
    return lambda path: pd.read_csv(path, **options)


def quoted_lines() -> bytes:
    return frame().assign(text=[f'two\nlines "{each}"' for each in TEXTS]).to_csv(index=False).encode()


def with_quotes_in_text() -> bytes:
    lines = [f'{amount}\t"{text}\t{int(gone)}' for amount, text, gone in zip(AMOUNTS, TEXTS, TARGETS, strict=True)]
    return "\n".join(["amount\ttext\tgone", *lines]).encode()


def renamed(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path, encoding="latin-1").rename(columns={"Amount (€)": "amount", "Text": "text"})
    return rows.assign(gone=(rows["Left?"] == "Yes").astype(int)).drop(columns="Left?")


def other_names() -> bytes:
    rows = frame(amount="Amount (EUR)", text="Text", gone="Left?")
    return rows.assign(**{"Left?": np.where(rows["Left?"], "Yes", "No")}).to_csv(index=False).encode("latin-1")


def filtered(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).query("amount > 1")


WITHOUT_HEADER = {"header": None, "names": ["amount", "text", "gone"]}
# What is in the file, and how the owner reads it.
READABLE: dict[str, tuple[bytes, Load]] = {
    "plain": (frame().to_csv(index=False).encode(), read()),
    "windows": (frame().to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig"), read()),
    "semicolon and decimal comma": (
        frame().to_csv(index=False, sep=";", decimal=",").encode("latin-1"),
        read(sep=";", decimal=",", encoding="latin-1"),
    ),
    "tab": (frame().to_csv(index=False, sep="\t").encode(), read(sep="\t")),
    "lines in quotes": (quoted_lines(), read()),
    "quotes that are text": (with_quotes_in_text(), read(sep="\t", quoting=3)),
    "all in quotes": (frame().to_csv(index=False, quoting=1).encode(), read()),
    "no header": (frame().to_csv(index=False, header=False).encode(), read(**WITHOUT_HEADER)),
    "lines before": (b"# made by X\n# 2026\n" + frame().to_csv(index=False).encode(), read(comment="#")),
    "lines to skip": (b"made by X\n\n" + frame().to_csv(index=False).encode(), read(skiprows=2)),
    "other names and values": (other_names(), lambda path: renamed(path).rename(columns={"Amount (EUR)": "amount"})),
    "an index": (frame().to_csv().encode(), read(index_col=0)),
    "rows are dropped": (frame().to_csv(index=False).encode(), filtered),
    "empty lines": (frame().to_csv(index=False, lineterminator="\n\n").encode(), read()),
}


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, Load], Data]:
    """Begins a rehearsal with a file and an owner's `load`."""
    monkeypatch.setattr(dataset, "list_inputs", lambda: ["text", "amount"])
    monkeypatch.setattr(features, "TARGET", "gone")
    monkeypatch.setattr(features, "TASK", "binary")

    def began(content: bytes, load: Load) -> Data:
        def reading(path: Path) -> pd.DataFrame:
            try:
                return load(path)
            except (OSError, ValueError, KeyError) as error:
                raise PipelineError(str(error)) from error

        monkeypatch.setattr(dataset, "read", reading)
        (tmp_path / "train.csv").write_bytes(content)
        return rehearsal_data.read_data(tmp_path / "train.csv")

    return began


@pytest.mark.parametrize("name", READABLE)
def test_what_the_owner_reads_is_cut_and_changed_as_text(name: str, begin: Callable[[bytes, Load], Data]) -> None:
    content, load = READABLE[name]
    data = begin(content, load)
    before = load(data.path).reset_index(drop=True)
    part = data.write_oldest()
    assert part.startswith("the oldest ")
    earlier = load(data.path).reset_index(drop=True)
    assert 0.7 * len(before) < len(earlier) < len(before)
    pd.testing.assert_frame_equal(earlier, before.head(len(earlier)))
    assert data.path.read_bytes() == content[: data.path.stat().st_size]  # byte by byte
    assert data.write_all() == len(before)
    assert data.path.read_bytes() == content
    data.write_shuffled()
    shuffled = load(data.path).reset_index(drop=True)
    pd.testing.assert_frame_equal(shuffled.drop(columns="gone"), before.drop(columns="gone"))
    assert shuffled["gone"].tolist() != before["gone"].tolist()
    assert len(before) == ROWS or name == "rows are dropped"
    assert sorted(shuffled["gone"]) == sorted(before["gone"]) or name == "rows are dropped"


@pytest.mark.parametrize("name", [each for each in READABLE if each != "rows are dropped"])
def test_a_number_in_another_unit_is_read_as_that(name: str, begin: Callable[[bytes, Load], Data]) -> None:
    content, load = READABLE[name]
    data = begin(content, load)
    before = load(data.path)
    assert data.write_other_unit() == "amount"
    after = load(data.path)
    np.testing.assert_allclose(after["amount"], before["amount"] * 100)
    pd.testing.assert_frame_equal(after.drop(columns="amount"), before.drop(columns="amount"))


def test_where_the_oldest_rows_lack_a_class_some_of_all_are_taken(begin: Callable[[bytes, Load], Data]) -> None:
    data = begin(frame().sort_values("gone").assign(gone=[0] * (ROWS - 4) + [1] * 4).to_csv(index=False).encode(), read())
    assert data.write_oldest() == "34 rows, six of each seven"
    assert set(pd.read_csv(data.path)["gone"]) == {0, 1}


def as_parquet(path: Path) -> pd.DataFrame:
    return pd.read_csv(StringIO(path.read_bytes().replace(b"\0", b"").decode()))


LEFT_OUT: dict[str, tuple[bytes, Load]] = {
    "not text": (b"PAR1\0" + frame().to_csv(index=False).encode(), lambda path: as_parquet(path).rename(columns={"PAR1amount": "amount"})),
    "compressed": (gzip.compress(frame().to_csv(index=False).encode(), mtime=0), read(compression="gzip")),
    "one line": (json.dumps(frame().to_dict("records")).encode(), lambda path: pd.read_json(path)),
    "from elsewhere": (frame().to_csv(index=False).encode(), lambda _: frame()),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_cannot_be_had_from_the_file_is_left_out_and_the_file_is_whole(name: str, begin: Callable[[bytes, Load], Data]) -> None:
    content, load = LEFT_OUT[name]
    data = begin(content, load)
    for step in (data.write_oldest, data.write_other_unit, data.write_shuffled):
        with pytest.raises(LeftOut, match=r"data/train\.csv"):
            step()
        assert data.path.read_bytes() == content


def with_target(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path)
    return rows.assign(gone=TARGETS[: len(rows)])


def test_a_target_that_is_made_of_others_is_not_shuffled_and_the_rest_is_had(begin: Callable[[bytes, Load], Data]) -> None:
    data = begin(frame().drop(columns="gone").to_csv(index=False).encode(), with_target)
    assert data.write_oldest().startswith("the oldest 34 rows")
    with pytest.raises(LeftOut, match=r"the target gone is not in data/train\.csv as model/data\.py reads it"):
        data.write_shuffled()
    assert data.write_other_unit() == "amount"


def test_without_a_number_there_is_no_other_unit(begin: Callable[[bytes, Load], Data], monkeypatch: pytest.MonkeyPatch) -> None:
    data = begin(frame().to_csv(index=False).encode(), read())
    monkeypatch.setattr(dataset, "list_inputs", lambda: ["text"])
    with pytest.raises(LeftOut, match="no feature is a number"):
        data.write_other_unit()


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (b"0.24", b"24.00"),
        (b"36", b"3600"),
        (b'" 12,5"', b'" 1250,0"'),
        (b"-1e-3", b"-0.100"),
        (b"", b""),
        (b"NA", b"NA"),
        (b"1 of 2", b"1 of 2"),
        (b"2026-01-02", b"2026-01-02"),
    ],
)
def test_a_hundredfold_is_written_as_the_number_was(cell: bytes, found: bytes) -> None:
    assert rehearsal_data.multiply_cell(cell) == found
