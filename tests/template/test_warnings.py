"""What ends a test, by pyproject.toml: a warning of the library's own code does, one of the owner's model does not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = """
import warnings
import numpy as np
import pandas as pd
from pydantic import BaseModel
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import column_or_1d

class Row(BaseModel):
    copy: int
    json: float

def converge(): LogisticRegression(max_iter=1).fit(np.arange(20.0).reshape(-1, 2), [0, 1] * 5)
def convert(): column_or_1d(np.zeros((3, 1)), warn=True)
def encode(): OneHotEncoder(handle_unknown="ignore", drop="first").fit([["a"], ["b"]]).transform([["c"]])
def divide(): np.log(np.zeros(3))
def warn(): warnings.warn("mine")
def warn_caller(): warnings.warn("mine", stacklevel=2)
def warn_of_the_future(): warnings.warn("mine", FutureWarning, stacklevel=2)
def deprecate(): warnings.warn("mine", DeprecationWarning)
def leave_open(): open(__file__)
def read(): pd.read_csv(open(__file__), sep=chr(1), header=None, quoting=3)
"""
OURS = """
import threading
import warnings
import model.estimator

def call(name): return getattr(model.estimator, name)()
def warn(): warnings.warn("ours", RuntimeWarning)
def warn_caller(): warnings.warn("of the tests", DeprecationWarning, stacklevel=2)
def deprecate(): warnings.warn("ours", DeprecationWarning)
def leave_open(): open(__file__)
def fail_in_a_thread():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
"""
TESTS = """
import pytest
from model import estimator
from pipeline import ours

THEIRS = ["converge", "convert", "encode", "divide", "warn", "warn_caller", "warn_of_the_future", "deprecate", "leave_open", "read"]

@pytest.mark.parametrize("name", THEIRS)
def test_theirs(name): getattr(estimator, name)()

@pytest.mark.parametrize("name", [each for each in THEIRS if each != "warn_of_the_future"])
def test_theirs_called_by_ours(name): ours.call(name)

@pytest.mark.parametrize("name", ["warn", "warn_caller", "deprecate", "leave_open", "fail_in_a_thread"])
def test_ours(name): getattr(ours, name)()
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How each test of a project ended that warns in all these ways."""
    root = tmp_path_factory.mktemp("project")
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    files = {"model/estimator.py": MODEL, "pipeline/ours.py": OURS, "tests/test_each.py": TESTS}
    for path, text in files.items():
        (root / path).parent.mkdir()
        (root / path).with_name("__init__.py").touch()
        (root / path).write_text(text, encoding="utf-8")
    shutil.copyfile(ROOT / "tests" / "library" / "warned.py", root / "tests" / "conftest.py")
    command = [sys.executable, "-m", "pytest", "-n", "0", "-rA", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S+::(\w+\[\w+\])", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return {name: outcome for outcome, name in found}


def test_no_warning_of_the_owner_s_model_ends_a_test(outcomes: dict[str, str]) -> None:
    theirs = {name: outcome for name, outcome in outcomes.items() if "theirs" in name}
    assert len(theirs) == 19
    assert {name for name, outcome in theirs.items() if outcome != "PASSED"} == set()


def test_a_warning_of_the_library_s_ends_a_test(outcomes: dict[str, str]) -> None:
    ours = {name: outcome for name, outcome in outcomes.items() if "ours[" in name and "theirs" not in name}
    assert len(ours) == 5
    assert {name for name, outcome in ours.items() if outcome == "PASSED"} == set()
