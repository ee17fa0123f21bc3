"""What the owner's code raises is one sentence with its line, what it warns of one line. The code is written for the test."""

import ast
import io
import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from slipway import git, rehearsal
from slipway.cli import ROOT, VERBS, main
from slipway.errors import DataRefused, ModelRefused, OwnerError, PipelineError
from slipway.owner import READERS, STEPS, choose_hint, explain_failure, is_owners, owner_step, place, refuse_reserved_fields, run_owner
from slipway.owner.hints import HINTS
from slipway.owner.raised import LONGEST, find_moved_module

Write = Callable[..., dict[str, Any]]
IMPORTS = """
import warnings
import numpy as np, pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
"""
ROWS = pd.DataFrame(
    {
        "plan": ["basic", "plus", "pro"] * 20,
        "months": np.arange(60.0),
        "spent": [np.nan, *range(59)],
        "message": [f"a message, the number {number}" for number in range(60)],
        "at": ["2026-01-31T15:00:00"] * 60,
    }
)
TARGET = pd.Series([0, 1] * 30)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file of the owner's and runs it as an import does; MARK in it is the line that is to be named."""
    folder = tmp_path.resolve() / "model"
    folder.mkdir()
    monkeypatch.setattr(place, "find_model_folder", lambda: folder)

    def written(text: str, file: str = "estimator.py") -> dict[str, Any]:
        (folder / file).write_text(IMPORTS + dedent(text), encoding="utf-8")
        return runpy.run_path(str(folder / file))

    return written


def marked(text: str) -> int:
    """Return the line that is marked."""
    return next(number for number, line in enumerate((IMPORTS + dedent(text)).splitlines(), 1) if "MARK" in line)


def fail(write: Write, text: str, columns: list[str], ask: bool = False) -> str:
    """Have an owner's estimator fail, and return the sentence."""

    def run() -> None:
        fitted = write(text)["build"]().fit(ROWS[columns], TARGET)
        fitted.predict_proba(ROWS[columns].replace("pro", "another"))

    return str(caught("answer" if ask else "fit", run, on="data/train.csv"))


def caught(step: str, run: Callable[[], object], **words: str) -> OwnerError:
    """Return what a step raises."""
    with pytest.raises(OwnerError) as raised, owner_step(step, **words):
        run()
    return raised.value


@pytest.mark.parametrize(
    ("columns", "text", "where", "said"),
    [
        (
            ["message"],
            """
            def build():
                return make_pipeline(TfidfVectorizer(), LogisticRegression())  # MARK
            """,
            "step logisticregression (LogisticRegression)",
            "[1, 60]. While: fitting on data/train.csv. Expected: text as one column",
        ),
        (
            ["spent", "months"],
            """
            def build():
                drop = FunctionTransformer(lambda rows: rows.dropna())
                return Pipeline([("drop", drop), ("learn", LogisticRegression())])  # MARK
            """,
            "step learn (LogisticRegression)",
            "[59, 60]. While: fitting on data/train.csv. Expected: steps that keep the number and the order of rows",
        ),
        (
            ["plan", "spent"],
            """
            def build():
                encode = ColumnTransformer([
                    ("plan", make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler()), ["plan"]),  # MARK
                    ("spent", make_pipeline(SimpleImputer(), StandardScaler()), ["spent"]),
                ])
                return Pipeline([("encode", encode), ("learn", LogisticRegression())])
            """,
            "step encode/plan/standardscaler (StandardScaler)",
            "could not convert string to float: 'basic'. While: fitting on data/train.csv. Expected: numbers",
        ),
        (
            ["spent"],
            """
            def build():
                return Pipeline([
                    ("keep", FunctionTransformer()),
                    ("learn", LogisticRegression()),  # MARK
                ])
            """,
            "step learn (LogisticRegression)",
            "put an imputer before it, such as SimpleImputer()",
        ),
        (
            ["months"],
            """
            def build():
                return LogisticRegression(class_weight={"no": 1, "yes": 5})  # MARK
            """,
            "LogisticRegression",
            'write class_weight with these numbers, such as {0: 1, 1: 5}, or "balanced"',
        ),
        (
            ["months"],
            """
            def build():
                pick = ColumnTransformer([("gone", StandardScaler(), ["tenure"])])  # MARK
                return make_pipeline(pick, LogisticRegression())
            """,
            "step columntransformer (ColumnTransformer)",
            "Expected: columns that Row in model/features.py declares",
        ),
        (
            ["months"],
            """
            def build():
                pick = ColumnTransformer([("gone", StandardScaler(), [7])])  # MARK
                return make_pipeline(pick, LogisticRegression())
            """,
            "step columntransformer (ColumnTransformer)",
            "write the columns' names instead of their numbers",
        ),
        (
            ["plan"],
            """
            def build():
                return GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1, 2]})  # MARK
            """,
            "GridSearchCV",
            "All the 10 fits failed: ValueError: could not convert string to float: 'basic'. While",
        ),
        (
            ["months", "spent"],
            """
            def build():
                scaled = ("scaled", make_pipeline(StandardScaler(), LinearSVC()))  # MARK
                return StackingClassifier([("first", make_pipeline(SimpleImputer(), LogisticRegression())), scaled])
            """,
            "step scaled/linearsvc (LinearSVC)",
            "Input X contains NaN",
        ),
        (
            ["message", "months"],
            """
            def build():
                words = ColumnTransformer([("words", TfidfVectorizer(), "message")])
                return Pipeline([("words", words), ("learn", GaussianNB())])
            """.replace("GaussianNB())])", "GaussianNB())])  # MARK"),
            "step learn (GaussianNB)",
            "sparse_threshold=0",
        ),
    ],
    ids=["text", "rows", "words", "missing", "class weight", "column", "number", "search", "stacking", "sparse"],
)
def test_what_the_library_refuses_names_the_line_that_made_the_step(
    write: Write, columns: list[str], text: str, where: str, said: str
) -> None:
    sentence = fail(write, text, columns)
    assert sentence.startswith(f"model/estimator.py, line {marked(text)}, {where}: ")
    assert said in sentence
    assert sentence.endswith("; then ./run train.")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("columns", "text", "said"),
    [
        (
            ["plan"],
            """
            def build():
                return Pipeline([
                    ("encode", OneHotEncoder()),  # MARK
                    ("learn", LogisticRegression()),
                ])
            """,
            'handle_unknown="ignore"',
        ),
        (
            ["months"],
            """
            def build():
                return Pipeline([
                    ("scale", StandardScaler()),
                    ("learn", LinearSVC()),  # MARK
                ])
            """,
            "CalibratedClassifierCV(LinearSVC())",
        ),
        (
            ["months"],
            """
            def build():
                return VotingClassifier([("one", LogisticRegression())], voting="hard")  # MARK
            """,
            'voting="soft"',
        ),
        (
            ["months"],
            """
            def build():
                return make_pipeline(StandardScaler(), SGDClassifier())  # MARK
            """,
            'loss="log_loss"',
        ),
    ],
    ids=["category", "LinearSVC", "voting", "SGD"],
)
def test_what_cannot_answer_names_the_line_that_made_the_step(write: Write, columns: list[str], text: str, said: str) -> None:
    sentence = fail(write, text, columns, ask=True)
    assert sentence.startswith(f"model/estimator.py, line {marked(text)}, ")
    assert ". While: answering data/train.csv. Expected: an " in sentence
    assert said in sentence


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('return pd.to_datetime(rows["at"], format="%Y-%m-%d %H:%M:%S").to_frame()  # MARK', "Expected: times in one form"),
        ('return rows[["tenure"]]  # MARK', "Expected: columns that Row in model/features.py declares"),
        ("return rows.assign(more=[1, 2])  # MARK", "Expected: steps that keep the number and the order of rows"),
        ("raise SystemExit(0)  # MARK", "in transform: SystemExit: 0. While: fitting on data/train.csv. Expected: code that only defines"),
        ("return self.transform(rows)  # MARK", "RecursionError"),
        ("return np.zeros((10**9, 10**9))  # MARK", "Expected: a model that fits into the memory"),
        ("assert rows.empty, rows  # MARK", "AssertionError: "),
        ("assert rows.empty  # MARK", "AssertionError: assert rows.empty"),
        ('raise ValueError("one\\ntwo \\x1b[31mred\\x1b[0m " + "x" * 2000)  # MARK', "ValueError: one two red xxx"),
        ('raise ExceptionGroup("both", [ValueError("first"), KeyError("second")])  # MARK', "(from ValueError: first)"),
        ('raise RuntimeError from KeyError("months")  # MARK', "RuntimeError: from KeyError: 'months'"),
        ('raise ValueError("not encoded") from KeyError("months")  # MARK', "ValueError: not encoded (from KeyError: 'months')"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})  # MARK", "Odd"),
        ("return missing_name  # MARK", "NameError: name 'missing_name' is not defined. While"),
    ],
)
def test_whatever_a_step_of_the_owner_s_raises_names_its_line(write: Write, body: str, said: str) -> None:
    text = f"""
    class Own(TransformerMixin, BaseEstimator):
        def fit(self, rows, target=None):
            return self

        def transform(self, rows):
            {body}

    def build():
        return make_pipeline(Own(), LogisticRegression())
    """
    sentence = fail(write, text, ["at", "months"])
    assert sentence.startswith(f"model/estimator.py, line {marked(text)}, in transform: ")
    assert said in sentence
    assert "\n" not in sentence
    assert len(sentence) < LONGEST + 500


def test_a_line_that_failed_in_another_process_is_named(write: Write) -> None:
    text = """
    def hour(rows):
        return pd.to_datetime(rows["at"], format="%Y").dt.hour.to_frame()  # MARK

    def build():
        return GridSearchCV(make_pipeline(FunctionTransformer(hour), LogisticRegression()), {"logisticregression__C": [1]}, n_jobs=2)
    """
    assert fail(write, text, ["at"]).startswith(f"model/estimator.py, line {marked(text)}, in hour: ValueError: All the 5 fits failed: ")


@pytest.mark.parametrize(
    ("step", "file", "text", "said"),
    [
        ("build", "estimator.py", "def build(rows):  # MARK\n    return rows", "missing 1 required positional argument"),
        ("loss", "metrics.py", "def loss(truth):  # MARK\n    return truth", "Expected: the arguments with which"),
        ("import", "features.py", "class Row(  # MARK\n", "SyntaxError: "),
        ("import", "features.py", "class Row:\n    class: int  # MARK", "a column whose name is no name in Python"),
        (
            "import",
            "features.py",
            "from pydantic import BaseModel\nclass Row(BaseModel):  # MARK\n    a: np.ndarray",
            "Expected: features of int",
        ),
        (
            "import",
            "estimator.py",
            "import a_package_of_nobody.part  # MARK",
            "add a-package-of-nobody to requirements/serve.in, then ./run lock",
        ),
        ("import", "estimator.py", "from sklearn.linear_model import Logistic  # MARK", "Next: correct the name; then"),
    ],
)
def test_a_file_of_the_owner_s_that_does_not_fit_is_named_with_its_line(write: Write, step: str, file: str, text: str, said: str) -> None:
    given = ["rows", "answers"] if step == "loss" else []
    sentence = str(caught(step, lambda: write(text, file)[STEPS[step].name](*given), then="./run doctor"))
    assert sentence.startswith(f"model/{file}, line {marked(text)}: ")
    assert said in sentence
    assert sentence.endswith("then ./run doctor.")


@pytest.mark.parametrize("error", [DataRefused("data"), ModelRefused("model"), PipelineError("else"), KeyboardInterrupt()])
def test_what_is_a_sentence_already_and_an_interruption_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, owner_step("fit"):
        raise error
    assert raised.value is error


def test_a_function_that_is_run_returns_what_it_returns() -> None:
    assert run_owner("metrics", dict, mean=1.5) == {"mean": 1.5}


def test_an_error_says_its_parts_too() -> None:
    error = explain_failure(ValueError("odd"), "loss", "validation/reference.csv", "./run validate")
    assert (error.exit_code, error.found, error.doing) == (2, "ValueError: odd", "computing the loss on validation/reference.csv")
    assert error.where.startswith("model/metrics.py")
    assert error.fix.endswith("then ./run validate")


@pytest.mark.parametrize("hint", HINTS, ids=lambda hint: hint.expected[:30])
def test_a_hint_is_a_clause(hint: Any) -> None:
    assert hint.expected[-1] not in ".;"
    assert hint.fix[-1] not in ".;"


# --- warnings


def shown(run: Callable[[], object]) -> list[str]:
    """Return the lines that are printed."""
    with redirect_stderr(io.StringIO()) as printed:
        run()
    return printed.getvalue().splitlines()


def test_each_warning_is_one_line_once_and_no_error(write: Write) -> None:
    text = """
    def build():
        for number in range(5):
            warnings.warn(f"fit number {number} is\\nodd")  # MARK
        warnings.warn("of the caller", FutureWarning, stacklevel=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.warn("nobody shall see this")
        np.log(np.zeros(3))
        return Pipeline([("learn", LogisticRegression(max_iter=1))])
    """

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with owner_step("fit"):
                write(text)["build"]().fit(ROWS[["months"]], TARGET)

    line = marked(text)
    lines = shown(run)
    assert lines[:3] == [
        f"warning: model/estimator.py, line {line}: UserWarning: fit number 0 is odd",
        f"warning: model/estimator.py, line {line + 1}, in build: FutureWarning: of the caller",
        f"warning: model/estimator.py, line {line + 5}: RuntimeWarning: divide by zero encountered in log",
    ]
    [last] = lines[3:]
    assert last.startswith(f"warning: model/estimator.py, line {line + 6}, step learn (LogisticRegression): ConvergenceWarning: ")


def test_what_the_owner_silences_stays_silent(write: Write) -> None:
    def run() -> None:
        with owner_step("import"):
            write("warnings.filterwarnings('ignore')\nwarnings.warn('nobody shall see this')")

    assert shown(run) == []


def test_a_warning_that_has_nothing_to_do_with_the_owner_is_left_alone() -> None:
    with pytest.warns(UserWarning, match="of ours"):
        warnings.warn("of ours", stacklevel=1)


# --- names of features


@pytest.mark.parametrize("name", ["mro", "register", "model_copy", "_hidden"])
@pytest.mark.filterwarnings("ignore:Field name")
def test_a_feature_with_a_name_of_pydantic_s_own_is_refused(write: Write, name: str) -> None:
    text = f"from pydantic import BaseModel\nclass Row(BaseModel):\n    months: int\n    {name}: int  # MARK"
    with pytest.raises(OwnerError) as raised:
        refuse_reserved_fields(write(text, "features.py")["Row"])
    assert str(raised.value).startswith(f"model/features.py, line {marked(text)}: {name} ")
    assert f'rows.rename(columns={{"{name}": "{name.strip("_") if name.startswith("_") else name + "_"}"}})' in str(raised.value)


def test_a_feature_may_be_called_as_a_method_of_pydantic_that_is_no_more() -> None:
    class Row(BaseModel):
        copy: int  # type: ignore[assignment]
        json: float | None  # type: ignore[assignment]
        dict: str  # type: ignore[assignment]
        schema: bool  # type: ignore[assignment]
        validate: int  # type: ignore[assignment]
        model_year: int

    refuse_reserved_fields(Row)


# --- the verbs, in projects whose model is broken


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model cannot be imported."""
    root = tmp_path_factory.mktemp("broken") / "project"
    rehearsal.copy(ROOT, root)
    git.run_git(root, "init", "--quiet", "--initial-branch=main")
    git.run_git(root, "add", "--all")
    git.run_git(root, "commit", "--quiet", "--message", "The project")
    features = root / "model" / "features.py"
    features.write_text(f"import sys\nsys.exit(0)\n{features.read_text(encoding='utf-8')}", encoding="utf-8")
    return root


def run(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a verb in a project."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "slipway.cli", *words, "--target", "local"]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [("train",), ("validate",), ("drift", "rows.csv")], ids=lambda words: words[0])
def test_a_verb_that_needs_a_broken_model_says_so_in_a_sentence(broken: Path, words: tuple[str, ...]) -> None:
    done = run(broken, *words)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: model/features.py, line 2: SystemExit: 0. While: importing model/. Expected: ")
    assert line.endswith(f"; then ./run {words[0]}.")


@pytest.mark.parametrize("words", [("status",), ("history",)], ids=lambda words: words[0])
def test_a_verb_that_only_looks_needs_no_model(broken: Path, words: tuple[str, ...]) -> None:
    done = run(broken, *words)
    assert (done.returncode, done.stderr) == (0, "")


def imported(module: str) -> set[str]:
    """Return all of ours that a module may import, wherever in it, and what that imports."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = ROOT / Path(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in found or not path.is_file():
            continue
        found.add(name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                waiting += [str(node.module), *(f"{node.module}.{each.name}" for each in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [each.name for each in node.names]
    return found


@pytest.mark.parametrize("verb", ["rollback", "resume", "status", "history", "up", "record"])
def test_what_puts_back_a_release_and_what_looks_never_imports_the_model(verb: str) -> None:
    assert verb in VERBS
    found = imported(VERBS[verb].module)
    assert {"slipway.errors", VERBS[verb].module} < found
    assert [name for name in found if name.split(".")[0] == "model"] == []


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("slipway.operate.status.history", lambda *_, **__: [][1])
    assert main(["history"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_error_of_ours_is_not_the_owner_s() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        _ = 1 / 0
    assert not is_owners(raised.value)


def test_the_files_that_read_row_are_there() -> None:
    assert [each for each in READERS if not (ROOT / each).is_file()] == []


@pytest.mark.parametrize(
    ("line", "now"),
    [
        ("from validation import losses", "slipway.gate.losses"),
        ("from validation.losses import Values", "slipway.gate.losses"),
        ("import service.trusted", "slipway.serving.trusted"),
        ("from pipeline import targets", "slipway.operate.targets"),
        ("from pipeline import nothing", None),
        ("import missing.losses", None),
    ],
)
def test_an_import_from_where_the_library_was_names_where_it_is(line: str, now: str | None) -> None:
    with pytest.raises(ImportError) as raised:
        exec(line)  # noqa: S102
    assert find_moved_module(raised.value) == now
    hint = choose_hint(raised.value, str(raised.value), "import")
    assert (hint is not None and hint.fix == f"correct that import: it is {now} now") == bool(now)
