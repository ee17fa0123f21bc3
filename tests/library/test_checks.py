"""A project's own rules refuse by sentences, what is wrong in them is reported with its line, and a change cannot loosen them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model import features
from slipway import git, project, rules
from slipway.errors import OwnerError
from slipway.gate.comparison import Sides
from slipway.gate.judge import run_checks
from slipway.gate.losses import Values

ROOT = Path(__file__).resolve().parents[2]
TRUTH, OURS, THEIRS = (np.array(each) for each in ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [0.0, 2.0, 3.0]))
HEAD = "def check(rows, truth, candidate, champion):\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a project's checks."""
    for constant, value in {"TASK": "regression", "TARGET": "truth", "GROUP": None}.items():
        monkeypatch.setattr(features, constant, value)
    (tmp_path / "validation").mkdir()
    return tmp_path / "validation"


def run(folder: Path, text: str, ours: Values = OURS, theirs: Values | None = THEIRS) -> list[str]:
    """Run checks on three rows."""
    (folder / "checks.py").write_text(text, encoding="utf-8")
    return run_checks(folder / "checks.py", sides(ours, theirs))


def sides(ours: Values, theirs: Values | None) -> Sides:
    return Sides(pd.DataFrame({"truth": TRUTH, "place": ["a", "b", "b"]}), ours, theirs, np.zeros(3))


def test_the_project_s_own_refuse_nothing(folder: Path) -> None:
    assert run(folder, (ROOT / "validation" / "checks.py").read_text(encoding="utf-8")) == []


def test_a_project_without_any_refuses_nothing(folder: Path) -> None:
    assert run_checks(folder / "checks.py", sides(OURS, THEIRS)) == []


def test_they_get_the_rows_the_truth_and_both_answers(folder: Path) -> None:
    text = HEAD + '    return [f"{rows.place.tolist()} {truth.tolist()} {candidate.tolist()} {champion.tolist()}"]\n'
    assert run(folder, text) == [f"['a', 'b', 'b'] {TRUTH.tolist()} {OURS.tolist()} {THEIRS.tolist()}"]
    assert run(folder, HEAD + '    return ["first"] if champion is None else []\n', theirs=None) == ["first"]


def test_a_refusal_is_one_line(folder: Path) -> None:
    assert run(folder, HEAD + '    return ["Too\\n  low.", "Too high."]\n') == ["Too low.", "Too high."]


def test_what_they_change_is_a_copy(folder: Path) -> None:
    text = HEAD + "    candidate[:] = truth[:] = champion[:] = 0\n    rows['place'] = None\n    return []\n"
    compared = sides(OURS, THEIRS)
    (folder / "checks.py").write_text(text, encoding="utf-8")
    assert run_checks(folder / "checks.py", compared) == []
    assert (compared.ours.tolist(), compared.truth.tolist()) == ([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    assert not compared.reference.isna().any(axis=None)


def test_answers_that_are_no_numbers_are_not_checked(folder: Path) -> None:
    assert run(folder, HEAD + "    raise ValueError\n", ours=np.array([1.0, np.nan, 2.0])) == []


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        (HEAD + "    return [str(1 / 0)]\n", "validation/checks.py, line 2, in check", "ZeroDivisionError: division by zero"),
        ("import nothing_of_that_name\n", "validation/checks.py, line 1", "No module named 'nothing_of_that_name'"),
        ("def check(:\n", "validation/checks.py, line 1", "SyntaxError"),
        ("raise SystemExit(0)\n", "validation/checks.py, line 1", "SystemExit: 0"),
        ("x = 1\n", "validation/checks.py", "KeyError: 'check'"),
        ("def check(rows):\n    return []\n", "validation/checks.py", "takes 1 positional argument but 4 were given"),
        (HEAD + "    return None\n", "validation/checks.py", "check returned None"),
        (HEAD + "    return 'no'\n", "validation/checks.py", "check returned 'no'"),
        (HEAD + "    return [1]\n", "validation/checks.py", "check returned [1]"),
        (HEAD + "    return [' ']\n", "validation/checks.py", "check returned [' ']"),
    ],
)
def test_what_is_wrong_in_them_is_reported_with_its_line(folder: Path, text: str, where: str, found: str) -> None:
    with pytest.raises(OwnerError) as caught:
        run(folder, text)
    assert caught.value.where.startswith(where)
    assert found in caught.value.found
    assert caught.value.doing == "checking the answers on the reference dataset"
    assert "Next: " in str(caught.value)
    assert str(caught.value).endswith("then ./run validate.")
    assert caught.value.exit_code == 2


def test_those_of_another_commit_judge_a_change(folder: Path) -> None:
    root = folder.parent
    for name in (*rules.TAKEN, *rules.OWN, "project.toml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    (folder / "checks.py").unlink()
    git.run_git(root, "init", "--quiet", "--initial-branch=main")
    git.run_git(root, "add", "--all")
    git.run_git(root, "commit", "--quiet", "--message=without")
    git.run_git(root, "branch", "without")
    (folder / "checks.py").write_text(HEAD + '    return ["strict"]\n', encoding="utf-8")
    git.run_git(root, "add", "--all")
    git.run_git(root, "commit", "--quiet", "--message=strict")
    (folder / "checks.py").write_text(HEAD + "    return []\n", encoding="utf-8")
    here, strict = (rules.load_rules(project.load(root), ref) for ref in (None, "main"))
    assert run_checks(here.checks, sides(OURS, None)) == []
    assert run_checks(strict.checks, sides(OURS, None)) == ["strict"]
    assert "This change alters validation/checks.py. The gate ignores that" in rules.describe_altered(strict)[0]
    without = rules.load_rules(project.load(root), "without")
    assert not without.checks.exists()
    assert git.hash_files(root, "without", rules.TAKEN)[-1] is None
    assert git.hash_files(root, "main", rules.TAKEN)[-1] is not None
