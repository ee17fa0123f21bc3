"""Any estimator: fitted, stored, loaded in another process, it answers as before; what is none is refused before it is fitted.

Where there is a graph for it, that answers alike.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import all_estimators

from slipway.bundle import skops_file
from slipway.bundle.estimators import refuse_kind
from slipway.errors import ModelRefused
from slipway.serving.parity import TOLERANCE
from tests.template.estimators import by_name, compiled
from tests.template.estimators.load import CASES, answers, fit, path_of
from tests.template.estimators.rows import add_own_module

# scikit-learn warns of what it will change, and of so few rows.
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[2]
NAMES = [name for name, _ in all_estimators()]
each_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit, store and ask everything here, and have another process load and ask it, and make it again."""
    folder = tmp_path_factory.mktemp("stored")
    add_own_module()
    for name, case in CASES.items():
        path = path_of(name, folder)
        try:
            fitted = fit(case)
            skops_file.save(fitted, path.with_suffix(".skops"))
            np.save(path.with_suffix(".before.npy"), answers(fitted, case.rows, case.task))
            path.with_suffix(".graph").write_text(compiled.compare(fitted, case), encoding="utf-8")
        except Exception as error:  # whatever an estimator raises; its own test tells
            path.with_suffix(".error").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
    given = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-m", "tests.template.estimators.load", folder], cwd=ROOT, env=given, check=True)
    return folder


@each_case
def test_it_answers_as_before(name: str, folder: Path) -> None:
    path = path_of(name, folder)
    error = path.with_suffix(".error")
    assert not error.exists(), error.read_text(encoding="utf-8")
    before, after = np.load(path.with_suffix(".before.npy")), np.load(path.with_suffix(".after.npy"))
    assert before.shape == after.shape
    assert np.abs(before - after).max() <= 1e-9


@each_case
def test_another_process_makes_the_same_file(name: str, folder: Path) -> None:
    path = path_of(name, folder)
    assert path.with_suffix(".skops").read_bytes() == path.with_suffix(".again").read_bytes()


@each_case
def test_its_graph_answers_alike_or_it_says_why_it_has_none(name: str, folder: Path) -> None:
    found = path_of(name, folder).with_suffix(".graph").read_text(encoding="utf-8")
    if name in compiled.NOT_COMPILED:
        assert found.endswith(compiled.NOT_COMPILED[name])
    else:
        assert float(found) <= TOLERANCE


def test_every_case_is_in_one_list_of_those_with_a_graph_and_those_without() -> None:
    both = [*compiled.COMPILED, *compiled.NOT_COMPILED]
    assert sorted(both) == sorted(CASES), "put each into one list of tests/template/estimators/compiled.py"


def test_every_estimator_of_scikit_learn_is_in_one_list() -> None:
    lists = (by_name.WORKS, set(by_name.REFUSED), by_name.STEPS | by_name.NO_STEPS)
    wrong = {name: sum(name in each for each in lists) for name in NAMES}
    assert [name for name, number in wrong.items() if number != 1] == [], "put each into one list of tests/template/estimators/by_name.py"
    assert sorted(set().union(*lists) - set(NAMES)) == [], "scikit-learn has these no longer"


@pytest.mark.parametrize("name", sorted(by_name.REFUSED))
def test_what_cannot_be_judged_is_refused(name: str) -> None:
    made_by = dict(all_estimators())[name]
    with pytest.raises(ModelRefused, match=by_name.REFUSED[name]):
        refuse_kind(by_name.make(name, made_by), by_name.task_of(name, made_by), "target")


@pytest.mark.parametrize("name", sorted(by_name.STEPS | by_name.NO_STEPS))
def test_what_does_not_predict_is_refused_as_the_last_step(name: str) -> None:
    with pytest.raises(ModelRefused, match="comes last and does not predict"):
        refuse_kind(by_name.make(name, dict(all_estimators())[name]), "regression", "target")
