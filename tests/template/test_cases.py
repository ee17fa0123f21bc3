"""What the doctor prints, pasted, is green within two rounds: for situations that were reported, and for data of others."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from sklearn import datasets

from tests.template import paste
from tests.template.cases.situations import LOAD, REFERENCE, ROWS, SITUATIONS, Situation

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
ROUNDS = 2
ESTIMATOR = '''"""What is fitted."""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from model import features


def select_words(rows):
    """Return the columns that hold no numbers."""
    return [name for name in rows if rows[name].dtype.kind not in "ifb"]


def build():
    """Return the unfitted pipeline."""
    last = HistGradientBoostingRegressor if features.TASK == "regression" else HistGradientBoostingClassifier
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encode = ColumnTransformer([("words", words, select_words)], remainder="passthrough")
    return Pipeline([("encode", encode), ("predict", last(max_iter=3, random_state=0))])
'''
METRICS = '''"""How an answer is judged."""

from model import features
from slipway.gate import losses

loss = losses.absolute if features.TASK == "regression" else losses.log_loss


def metrics(truth, answers):
    """Figures."""
    return {"mean_loss": float(loss(truth, answers).mean())}
'''


@dataclass(frozen=True)
class Printed:
    """How a run ended, and what it printed."""

    code: int
    text: str


Run = Callable[..., Printed]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs `python -m` in a project, in a fork of a process that has imported the libraries."""
    output = tmp_path_factory.mktemp("printed") / "output"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-P", str(HERE / "forks.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, env=environment, cwd=output.parent, text=True, **pipes) as server:  # type: ignore[call-overload]

        def call(project: Path, *words: str) -> Printed:
            server.stdin.write(json.dumps([str(project), words, str(output)]) + "\n")
            server.stdin.flush()
            return Printed(int(server.stdout.readline()), output.read_text(encoding="utf-8"))

        yield call
        server.stdin.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, with a model that takes any columns."""
    for name in ("model", "pipeline", "service", "slipway", "validation", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copyfile(ROOT / "project.toml", tmp_path / "project.toml")
    shutil.copyfile(HERE / "ask_next_year.py", tmp_path / "ask_next_year.py")
    (tmp_path / "model" / "estimator.py").write_text(ESTIMATOR, encoding="utf-8")
    (tmp_path / "model" / "metrics.py").write_text(METRICS, encoding="utf-8")
    return tmp_path


def converge(run: Run, project: Path) -> list[str]:
    """Paste what the doctor prints until it is green; returns what it printed, round by round."""
    printed = []
    for _ in range(ROUNDS + 1):
        found = run(project, "slipway.cli", "doctor", "--model")
        printed.append(found.text)
        assert "Traceback" not in found.text, found.text
        if found.code == 0:
            return printed
        paste.apply(found.text, project)
    pytest.fail("\n\n".join(printed))


def ask_next_year(run: Run, project: Path, *natural: str) -> None:
    """Ask for rows whose numbers are a tenth beyond the largest."""
    found = run(project, "ask_next_year", *natural)
    assert (found.code, json.loads(found.text)) == (0, None)


def write_situation(project: Path, situation: Situation) -> None:
    """Put a situation into a project that has nothing else of its own."""
    options = {"index": False, **situation.written}
    situation.rows(0, ROWS).to_csv(project / "data" / "train.csv", **options)
    situation.rows(ROWS, REFERENCE).to_csv(project / "validation" / "reference.csv", **options)
    (project / "model" / "features.py").write_text(situation.features(), encoding="utf-8")
    if situation.body:
        (project / "model" / "data.py").write_text(LOAD.replace("{body}", situation.body), encoding="utf-8")


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_that_was_reported(run: Run, project: Path, name: str) -> None:
    situation = SITUATIONS[name]
    write_situation(project, situation)
    printed = converge(run, project)
    assert situation.expected in "\n".join(printed)
    ask_next_year(run, project)


# --- data of others, where the declaration is that of the example


def write_split(project: Path, rows: pd.DataFrame) -> None:
    """Put a table into a project, a fifth of it held out."""
    mixed = rows.sample(frac=1, random_state=0)
    held_out = len(mixed) // 5
    mixed.iloc[held_out:].to_csv(project / "data" / "train.csv", index=False, encoding="utf-8-sig")
    mixed.iloc[:held_out].to_csv(project / "validation" / "reference.csv", index=False, encoding="utf-8-sig")


def read_packed(name: str) -> pd.DataFrame:
    """Read a table as it is written."""
    with gzip.open(HERE / "data" / f"{name}.csv.gz", "rt", encoding="utf-8-sig") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


NATURAL = {"telco-churn": ["SeniorCitizen"], "ames-housing": ["MoSold"]}


@pytest.mark.parametrize("name", NATURAL)
def test_data_of_others_from_the_declaration_of_another_model(run: Run, project: Path, name: str) -> None:
    write_split(project, read_packed(name))
    printed = converge(run, project)
    assert len(printed) == ROUNDS + 1
    ask_next_year(run, project, *NATURAL[name])


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_a_data_set_of_scikit_learn(run: Run, project: Path, name: str) -> None:
    write_split(project, getattr(datasets, f"load_{name}")(as_frame=True).frame)
    converge(run, project)
    ask_next_year(run, project)
