"""A table alone, as a new user has it: adopt leaves a project whose pipeline is green, and never touches what a person has edited."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library.test_adopt import make_rows

pytestmark = pytest.mark.road

Adopt = Callable[..., "subprocess.CompletedProcess[str]"]


def write_messy(path: Path) -> str:
    """Write a table as a program in Germany does, with all kinds of columns; the target is a word. Returns its name."""
    rows = make_rows(700)
    amount = rows.pop("amount").astype(float)
    rows = rows.drop(columns="doubled").rename(columns={"area": "Fläche m²", "region": " Gebiet", "at": "Datum"})
    rows["Datum"] = [f"{each[8:10]}.{each[5:7]}.{each[:4]}" for each in rows["Datum"]]
    rows["Fläche m²"] = [each.replace(".", ",") if number % 50 else "k.A." for number, each in enumerate(rows["Fläche m²"])]
    rows["gekündigt"] = [("ja" if each > 700 else "nein") if number % 90 else "" for number, each in enumerate(amount)]
    rows.to_csv(path, sep=";", index=False, encoding="cp1252")
    return "gekündigt"


def write_plain(path: Path) -> str:
    """Write a table of categories and numbers with gaps, large enough for trees; the target is an amount. Returns its name."""
    rows = make_rows(1500).drop(columns=["note", "doubled", "at", "customer_id"])
    rows.loc[::17, "area"] = ""
    rows.to_csv(path, index=False)
    return "amount"


@pytest.fixture(scope="module", params=[write_messy, write_plain], ids=["messy", "plain"])
def write(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """How a table is written."""
    found: Callable[[Path], str] = request.param
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, bake: Callable[..., Path]) -> Path:
    """A project as it begins."""
    return bake(tmp_path_factory.mktemp("adopt") / "baked")


@pytest.fixture(scope="module")
def run(project: Path, environment: dict[str, str]) -> Adopt:
    """Runs a module in the project."""

    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", *words], cwd=project, env=environment, check=False, capture_output=True, text=True)

    return call


def test_a_table_alone_becomes_a_project_that_is_green(project: Path, run: Adopt, write: Callable[[Path], str], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    target = write(table)
    adopt = ("slipway.cli", "adopt", str(table), "--target", target)
    done = run(*adopt, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    commit(project)
    # The pipeline and the types once, with the table that has more of both.
    tests = [] if write is write_messy else ["tests/test_model.py", "tests/test_service.py"]
    for words in (["slipway.cli", "train"], ["slipway.cli", "validate", "--target", "local"], ["pytest", "-n", "0", *tests]):
        said = run(*words)
        assert said.returncode == 0, said.stdout + said.stderr
    assert " skipped" not in said.stdout
    for words in (["ruff", "check"], ["ruff", "format", "--check"], *([] if tests else [["mypy"]])):
        assert (said := run(*words)).returncode == 0, said.stdout + said.stderr
    decisions = (project / "build" / "adopt.md").read_text(encoding="utf-8")
    assert all(f"| {name} " in decisions for name in ("order", "mail", "same", target))


def test_what_a_person_has_edited_stays(project: Path, run: Adopt, tmp_path: Path) -> None:
    table, estimator = tmp_path / "table.csv", project / "model" / "estimator.py"
    target = write_plain(table)
    adopt = ("slipway.cli", "adopt", str(table), "--target", target)
    assert run(*adopt).returncode == 0
    assert git(project, "status", "--porcelain") == ""  # the same table again, and nothing is other than before
    before = estimator.read_text(encoding="utf-8")
    estimator.write_text(before + "\n# by a person\n", encoding="utf-8")
    told = run(*adopt)
    assert told.returncode == 2
    assert "model/estimator.py: you edited these since the project was made or adopted" in told.stderr
    tried = run(*adopt, "--dry-run", "--force")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "they would change model/estimator.py." in tried.stdout
    assert estimator.read_text(encoding="utf-8").endswith("# by a person\n")
    assert git(project, "status", "--porcelain").split() == ["M", "model/estimator.py"]


def git(project: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=project, check=True, capture_output=True, text=True).stdout


def commit(project: Path) -> None:
    git(project, "add", "--all")
    git(project, "-c", "user.name=Test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "-m", "Adopt a table")
