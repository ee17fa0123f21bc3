"""A fitted model is read by its names, and never loaded: what is drafted from it, and what is said of a file that is none."""

import bz2
import functools
import gzip
import inspect
import io
import lzma
import os
import pickle
import pickletools
import sys
import types
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from catboost import CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

from slipway.adopt import answers, draft, own_steps, seen
from slipway.adopt.before import Before, read_before
from slipway.adopt.fitted import classifies, read_fitted
from slipway.adopt.model_file import read_model
from slipway.adopt.pickle_arrays import read_array, read_values
from slipway.adopt.pickle_reader import Source, read_tree
from slipway.adopt.pickle_tree import NotRead, Record
from slipway.adopt.rebuild import draft_estimator
from slipway.adopt.target import Target, describe_target
from slipway.errors import PipelineError
from tests.library.test_adopt import make_rows, take_first

cloudpickle: Any = import_module("cloudpickle")  # it has no types
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
VERSION = "scikit-learn 1.2.2"


def make_table(rows: int = 60) -> pd.DataFrame:
    """Return features of each kind."""
    draw = np.random.default_rng(0)
    words = ["late", "good", "broken"]
    return pd.DataFrame(
        {
            "size": draw.uniform(1, 9, rows),
            "rooms": draw.integers(1, 6, rows),
            "region": draw.choice(["n", "s"], rows),
            "note": [" ".join(draw.choice(words, 3)) for _ in range(rows)],
        }
    )


X = make_table()
CLASS = (X["size"] > 4).astype(int)
AMOUNT = 3 * X["size"] + X["rooms"]


def prepare() -> ColumnTransformer:
    """Return a step with each way to name columns."""
    scale = Pipeline([("fill", SimpleImputer(strategy="median", missing_values=np.nan)), ("scale", StandardScaler(with_mean=False))])
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=np.int64(1), token_pattern=r"(?u)\b\w+\b")  # noqa: S106  # a pattern
    return ColumnTransformer(
        [
            ("numbers", scale, X[["size", "rooms"]].columns),
            (
                "region",
                OneHotEncoder(handle_unknown="ignore", dtype=np.float32, categories=[np.array(["n", "s"], dtype=object)]),
                ["region"],
            ),
            ("note", words, "note"),
            ("all", FunctionTransformer(np.log1p, feature_names_out="one-to-one"), make_column_selector(dtype_include=float)),
        ],
        sparse_threshold=0.0,
    )


MODELS: dict[str, tuple[Any, Any]] = {
    "forest": (make_pipeline(prepare(), RandomForestClassifier(5, max_features=0.5, class_weight={0: 1, 1: 5}, random_state=3)), CLASS),
    "search": (
        GridSearchCV(make_pipeline(prepare(), LogisticRegression(max_iter=300)), {"logisticregression__C": np.logspace(-2, 1, 3)}, cv=2),
        CLASS,
    ),
    "nested": (
        Pipeline(
            [
                ("prepare", prepare()),
                ("choose", FeatureUnion([("best", SelectKBest(f_classif, k=3)), ("none", "passthrough")])),
                (
                    "vote",
                    VotingClassifier(
                        [
                            ("tree", CalibratedClassifierCV(DecisionTreeClassifier(max_depth=2, random_state=0), cv=2)),
                            ("line", LogisticRegression(C=0.5)),
                        ],
                        voting="soft",
                    ),
                ),
            ]
        ),
        CLASS,
    ),
    "amount": (
        make_pipeline(
            ColumnTransformer(
                [
                    ("target", TargetEncoder(cv=KFold(3, shuffle=True, random_state=0)), [2]),
                    ("power", PowerTransformer(), slice(0, 2)),
                ]
            ),
            TransformedTargetRegressor(Ridge(alpha=np.float64(0.3)), func=np.log1p, inverse_func=np.expm1),
        ),
        AMOUNT,
    ),
    "catboost": (
        make_pipeline(prepare(), CatBoostRegressor(iterations=2, depth=2, verbose=0, allow_writing_files=False, random_seed=1)),
        AMOUNT,
    ),
    "xgboost": (make_pipeline(prepare(), xgboost.XGBClassifier(n_estimators=2, max_depth=2, seed=1, reg_lambda=2)), CLASS),
    "lightgbm": (
        make_pipeline(prepare(), lightgbm.LGBMRegressor(n_estimators=2, max_bin=15, num_leaves=3, verbose=-1, random_state=1)),
        AMOUNT,
    ),
}


@functools.cache
def fit(name: str) -> Any:
    """Return a model of each kind, fitted once."""
    model, target = MODELS[name]
    return model.fit(X, target)


def write(tmp_path: Path, content: bytes, name: str = "model.pkl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def build(path: Path) -> Any:
    """Return what the drafted build() gives."""
    module = types.ModuleType("drafted")
    exec(compile(draft_estimator(read_fitted(path)).text, "estimator.py", "exec"), module.__dict__)  # noqa: S102
    return module.build()


def describe(value: Any) -> Any:
    """Return parameters so that they can be compared."""
    if hasattr(value, "get_params"):
        return type(value).__name__, {key: describe(each) for key, each in value.get_params(deep=False).items()}
    if isinstance(value, np.ndarray | pd.Index | list):
        return [describe(each) for each in value]
    if isinstance(value, tuple):
        return tuple(map(describe, value))
    if isinstance(value, float) and value != value:
        return "nan"
    public = type(value).__module__.startswith("sklearn.")
    return (type(value).__name__, describe([*vars(value).items()])) if public else value


WAYS: dict[str, Callable[[Any], bytes]] = {
    **{f"protocol {each}": functools.partial(pickle.dumps, protocol=each) for each in PROTOCOLS},
    "joblib": lambda model: dump(model, 0),
    **{
        f"joblib {each}": functools.partial(lambda way, model: dump(model, (way, 3)), each)
        for each in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
    "joblib protocol 2": lambda model: dump(model, 0, protocol=2),
}


def dump(model: Any, compress: Any, protocol: int | None = None) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file, compress=compress, protocol=protocol)
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_build_gives_the_same_classes_and_parameters(name: str, way: str, tmp_path: Path) -> None:
    fitted = fit(name)
    path = write(tmp_path, WAYS[way](fitted))
    made, expected = build(path), getattr(fitted, "best_estimator_", fitted)
    assert describe(made) == describe(expected)
    assert not hasattr(made.steps[0][1], "n_features_in_")
    found = read_fitted(path)
    assert (found.columns, classifies(found)) == (tuple(X), MODELS[name][1] is CLASS)
    assert found.made_with["scikit-learn"] == found.installed["scikit-learn"]


def test_defaults_are_left_out_and_what_is_by_chance_is_fixed(tmp_path: Path) -> None:
    drafted = draft_estimator(read_fitted(write(tmp_path, pickle.dumps(make_pipeline(StandardScaler(), RandomForestClassifier())))))
    assert (
        'Pipeline([("standardscaler", StandardScaler()), ("randomforestclassifier", RandomForestClassifier(random_state=0))])'
        in drafted.text
    )
    assert drafted.notes == ["RandomForestClassifier: random_state=0 is drafted, so that the same data give the same model"]
    assert "numpy" not in drafted.text


def test_a_search_says_what_it_chose(tmp_path: Path) -> None:
    drafted = draft_estimator(read_fitted(write(tmp_path, pickle.dumps(fit("search")))))
    assert any('what it chose is drafted, and not the search, with {"logisticregression__C": ' in each for each in drafted.notes)
    assert "GridSearchCV" not in drafted.text


def test_a_skops_file_is_loaded_after_its_check(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(fit("amount"), path)
    assert describe(build(path)) == describe(fit("amount"))
    found = read_fitted(path)
    assert found.made_with == found.installed
    assert "loaded after its check" in " ".join(found.format_notes())


class Own(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """A step of the owner's."""

    def __init__(self, low: float = 0.0) -> None:
        self.low = low

    def fit(self, rows: Any, _: Any = None) -> "Own":
        self.seen = len(rows)
        return self

    def transform(self, rows: Any) -> Any:
        return rows


def own_function(rows: Any) -> Any:
    return rows


def test_the_owner_s_own_parts_are_listed(tmp_path: Path) -> None:
    model = make_pipeline(Own(0.5), FunctionTransformer(own_function), LinearRegression()).fit(X[["size"]], AMOUNT)
    path = write(tmp_path, pickle.dumps(model))
    drafted = draft_estimator(read_fitted(path))
    assert drafted.own == [f"{__name__}.Own", f"{__name__}.own_function"]
    assert "from model.steps import Own, own_function\n" in drafted.text
    assert "seen=60" in drafted.text  # without the class nobody knows that it is no parameter
    (tmp_path / "model").mkdir()
    refusal = own_steps.find_unwritten(tmp_path, drafted.own)
    assert f"{__name__}.Own, {__name__}.own_function, which the file only names" in refusal
    steps = tmp_path / "model" / "steps.py"
    steps.write_text("from elsewhere import own_function\n" + inspect.getsource(Own))
    assert own_steps.find_unwritten(tmp_path, drafted.own) == ""
    assert '("own", Own(low=0.5))' in draft_estimator(read_fitted(path), own_steps.read_parameters(steps)).text
    steps.write_text("def own_function(:\n")
    with pytest.raises(PipelineError, match=r"model/steps\.py cannot be read: .*Next: correct that line"):
        own_steps.find_unwritten(tmp_path, drafted.own)


def test_what_a_person_wrote_in_steps_stays_theirs(tmp_path: Path) -> None:
    drafts = tmp_path / "build"
    for folder in (tmp_path, drafts):
        (folder / "model").mkdir(parents=True)
        (folder / "model" / "estimator.py").write_text("from model.steps import Own\n")
    (tmp_path / "model" / "steps.py").write_text("class Own: ...\n")
    with own_steps.lend_steps(tmp_path, drafts, needed=True):
        assert (drafts / "model" / "steps.py").read_text() == "class Own: ...\n"
    assert not (drafts / "model" / "steps.py").exists()  # so that it is not recorded as a draft
    with own_steps.lend_steps(tmp_path, drafts, needed=False):
        assert not (drafts / "model" / "steps.py").exists()


def test_the_versions_are_said(tmp_path: Path) -> None:
    here = read_fitted(write(tmp_path, pickle.dumps(fit("forest")))).installed["scikit-learn"]
    old = pickle.dumps(fit("forest"), 2).replace(here.encode(), b"1.2.2")
    notes = read_fitted(write(tmp_path, old)).format_notes()
    assert f"made with {VERSION}, {here} is installed here" in notes
    found = read_fitted(write(tmp_path, pickle.dumps(fit("xgboost"))))
    assert found.made_with["xgboost"] == found.installed["xgboost"]
    assert any(
        "the file does not say which lightgbm made it" in each
        for each in read_fitted(write(tmp_path, pickle.dumps(fit("lightgbm")))).format_notes()
    )


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (xgboost.XGBRegressor(n_estimators=2), ("size", "rooms in all")),
        (xgboost.XGBRegressor(n_estimators=200), ("size", "rooms in all")),
        (lightgbm.LGBMRegressor(n_estimators=2, verbose=-1), ("size", "rooms_in_all")),
    ],
)
def test_a_booster_alone_says_its_columns(model: Any, named: tuple[str, ...], tmp_path: Path) -> None:
    rows = X[["size", "rooms"]].rename(columns={"rooms": "rooms in all"})
    for protocol in PROTOCOLS:
        found = read_fitted(write(tmp_path, pickle.dumps(model.fit(rows, AMOUNT), protocol)))
        assert found.columns == named
        assert seen.match_columns(found, list(map(str, rows))).columns == tuple(rows)
    assert read_fitted(write(tmp_path, pickle.dumps(model.fit(rows.to_numpy(), AMOUNT)))).columns is None


def test_what_an_old_version_called_otherwise_is_found(tmp_path: Path) -> None:
    content = pickle.dumps(make_pipeline(StandardScaler(), LogisticRegression(C=2.0)), 0)
    old = content.replace(b"sklearn.preprocessing._data", b"sklearn.preprocessing.data").replace(
        b"linear_model._logistic", b"linear_model.logistic"
    )
    assert old.count(b"._data") + old.count(b"._logistic") == 0
    assert "LogisticRegression(C=2.0)" in draft_estimator(read_fitted(write(tmp_path, old))).text
    with pytest.raises(PipelineError, match=r"holds sklearn\.preprocessing\.data\.OldScaler, which is not in the version here"):
        Before(read_fitted(write(tmp_path, old.replace(b"StandardScaler", b"OldScaler")))).draft_files(tmp_path, make_target())


def make_target() -> Target:
    return describe_target(pd.Series(["yes", "no"] * 10, name="bought"), take_first, amount=False)


def test_a_parameter_that_is_no_more_is_said_and_a_place_on_a_disk_is_left_out(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression(), memory="/tmp/elsewhere")  # noqa: S108
    model.steps[1][1].multi_clas = "ovr"
    drafted = draft_estimator(read_fitted(write(tmp_path, pickle.dumps(model))))
    assert "elsewhere" not in drafted.text
    assert "Pipeline: memory is left out, since it names a place on a disk" in drafted.notes
    assert "LogisticRegression: multi_clas: no parameter of the version here, left out" in drafted.notes


@pytest.mark.parametrize(
    ("model", "old", "text"),
    [
        (
            RandomForestClassifier(random_state=0),
            {"max_features": "auto", "min_impurity_split": None},
            "RandomForestClassifier(random_state=0)",
        ),
        (RandomForestRegressor(random_state=0), {"max_features": "auto", "criterion": "mse"}, "RandomForestRegressor(random_state=0)"),
        (LogisticRegression(), {"penalty": "l2", "l1_ratio": None, "multi_class": "auto"}, "LogisticRegression()"),
        (
            LogisticRegression(),
            {"penalty": "l1", "solver": "liblinear"},
            'LogisticRegression(penalty="l1", solver="liblinear", random_state=0)',
        ),
        (CalibratedClassifierCV(), {"base_estimator": LogisticRegression(C=2.0), "cv": "prefit"}, "(estimator=LogisticRegression(C=2.0))"),
        (StandardScaler().set_output(transform="pandas"), {}, 'StandardScaler().set_output(transform="pandas")'),
    ],
)
def test_values_of_old_versions_are_those_of_today(model: Any, old: dict[str, Any], text: str, tmp_path: Path) -> None:
    if "base_estimator" in old:
        del model.estimator
    vars(model).update(old)
    drafted = draft_estimator(read_fitted(write(tmp_path, pickle.dumps(model))))
    assert text in drafted.text
    assert not any("no parameter" in each for each in drafted.notes)


def test_a_model_in_a_dict_is_found_and_several_are_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, pickle.dumps({"features": list(X), "model": fit("amount"), "at": "2024"}))
    assert describe(build(path)) == describe(fit("amount"))
    path = write(tmp_path, pickle.dumps({"scaler": StandardScaler(), "model": Ridge()}))
    with pytest.raises(
        PipelineError, match=r"several parts: model \(Ridge\), scaler \(StandardScaler\)\. Expected: one estimator.* Next: "
    ):
        read_fitted(path)


# What is never run.


def attempt(function: Callable[[], Any]) -> Any:
    """Return what a function returns, or the sentence that it raises."""
    try:
        return function()
    except (PipelineError, NotRead) as error:
        return error


class Attack:
    """Writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


class Quiet:
    """Calls what is harmless by its name, and writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return np.savetxt, (str(self.path), [1])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", [Attack, Quiet])
@pytest.mark.parametrize(
    "wrap", [lambda it: it, lambda it: {"model": it}, lambda it: make_pipeline(StandardScaler(), FunctionTransformer(it))]
)
def test_what_a_pickle_calls_is_not_called(kind: Any, wrap: Callable[[Any], Any], protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = write(tmp_path, pickle.dumps(wrap(kind(trace)), protocol))
    found = attempt(lambda: draft_estimator(read_fitted(path)).text)
    assert "Next: " in str(found) if isinstance(found, PipelineError) else "savetxt" not in found
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # noqa: S301  # to see that it would
    assert trace.exists()


@pytest.mark.parametrize("function", [np.load, np.fromfile, np.savetxt, os.path.join, eval, print])
def test_a_draft_names_only_what_a_release_may_load(function: Any, tmp_path: Path) -> None:
    path = write(tmp_path, pickle.dumps(make_pipeline(FunctionTransformer(function), Ridge())))
    found = attempt(lambda: Before(read_fitted(path)).draft_files(tmp_path, make_target()))
    assert "Expected: " in str(found) if isinstance(found, PipelineError) else "from model.steps import join" in found["estimator"]


def test_code_in_a_pickle_is_not_drafted(tmp_path: Path) -> None:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        made = cloudpickle.dumps(make_pipeline(FunctionTransformer(lambda rows: rows), Ridge()))
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    with pytest.raises(
        PipelineError, match=r"model\.pkl carries code \(cloudpickle\..* It was not run.* Next: write these as named functions"
    ):
        read_fitted(write(tmp_path, made))
    plain = cloudpickle.dumps(fit("forest"))
    assert describe(build(write(tmp_path, plain))) == describe(fit("forest"))


# What is no model.


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, "{}")
    return file.getvalue()


MODEL = pickle.dumps(fit("forest"))
DEEP = b"".join([b"\x80\x04", b"(" * 100_000, b"t" * 100_000, b"."])
NO_MODELS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty"),
    "text": (b"import numpy as np\n", "cannot be read as a pickle"),
    "half a pickle": (MODEL[: len(MODEL) // 2], "cannot be read as a pickle"),
    "half a joblib file": (dump(fit("forest"), 0)[:-400], "cannot be read as a pickle"),
    "half a compressed one": (dump(fit("forest"), 3)[:-400], "damaged or cut off"),
    "half a gzip file": (gzip.compress(MODEL)[:-400], "damaged or cut off"),
    "a value of a terabyte": (b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"abc.", "a value claims 1,099,511,627,776 bytes"),
    "a long that is none": (b"\x80\x04\x8b\xff\xff\xff\xff.", "cannot be read as a pickle"),
    "deep": (DEEP, "no estimator"),
    "an empty stack": (b"\x80\x04.", "cannot be read as a pickle"),
    "a memo that is not there": (b"\x80\x04h\x05.", "cannot be read as a pickle"),
    "no opcode": (b"\x80\x04\xff\xff", "cannot be read as a pickle"),
    "a number": (pickle.dumps(3), "a value of type int"),
    "a table": (pickle.dumps(X), "no estimator"),
    "a class": (pickle.dumps(Ridge), "the name sklearn.linear_model._ridge.Ridge"),
    "onnx": (b"\x08\x07\x12\x08skl2onnx\x1a", "an ONNX graph"),
    "pmml": (b'<?xml version="1.0"?><PMML/>', "PMML"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "Keras"),
    "keras": (zipped("config.json", "model.weights.h5"), "Keras"),
    "torch": (zipped("archive/data.pkl"), "PyTorch"),
    "another zip file": (zipped("a.txt"), "a zip file with a.txt"),
    "no zip file": (b"PK\x03\x04abc", "a damaged zip file"),
    "skops that is none": (zipped("schema.json"), "cannot be read"),
    "r": (gzip.compress(b"X\n\0\0\0\x03\0\x04"), "a file of R"),
    "r xz": (lzma.compress(b"RDX3\nX\n"), "a file of R"),
    "r bz2": (bz2.compress(b"X\n\0\0\0\x02"), "a file of R"),
    "lz4": (b"\x04\x22\x4d\x18abc", "lz4"),
    "xgboost": (b'{"learner":{}}', "XGBoost"),
    "lightgbm": (b"tree\nversion=v4\n", "LightGBM"),
    "catboost": (b"CBM1abc", "CatBoost"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    "bytes without an end": (zlib.compress(b"\x80\x04"), "cannot be read as a pickle"),
}


@pytest.mark.parametrize(("content", "message"), NO_MODELS.values(), ids=NO_MODELS)
def test_a_file_that_is_no_model_is_a_sentence(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as told:
        read_fitted(write(tmp_path, content))
    said = str(told.value)
    assert message in said
    assert said.startswith("model.pkl ")
    assert "Expected: " in said
    assert "Next: " in said
    assert len(said) < 600


def test_a_path_that_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nothing\.pkl is no file\. Expected: .* Next: "):
        read_model(tmp_path / "nothing.pkl")
    write(tmp_path, MODEL)
    with pytest.raises(PipelineError, match=r"is a folder\. .* Next: --model .*model\.pkl"):
        read_model(tmp_path)


def test_an_array_that_claims_more_than_there_is_a_sentence(tmp_path: Path) -> None:
    content = dump(np.arange(4000.0), 0)
    at = content.index((4000).to_bytes(2, "little"))
    longer = content[:at] + (60_000).to_bytes(2, "little") + content[at + 2 :]
    with pytest.raises(PipelineError, match=r"an array claims 480,000 bytes, and 32,.* are left"):
        read_model(write(tmp_path, longer))


def test_names_that_are_repeated_without_end_are_not_written(tmp_path: Path) -> None:
    doubled = b"".join(b"(" + b"h%c" % each + b"h%c" % each + b"t\x94" for each in range(1, 60))
    bomb = b"\x80\x04K\x01\x94" + b"(h\x00h\x00t\x94" + doubled
    content = bomb + b"\x8c\x08__main__\x8c\x03Foo\x93)\x81}\x8c\x01ah\x3bsb."
    drafted = draft_estimator(read_fitted(write(tmp_path, content)))
    assert "build() -> Foo" in drafted.text
    assert drafted.notes == ["Foo: a is a value that is too large; its default is drafted"]


OPCODES = [each.code.encode("latin1") for each in pickletools.opcodes]


@given(parts=st.lists(st.one_of(st.sampled_from(OPCODES), st.binary(max_size=9)), max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_a_tree_or_a_sentence(parts: list[bytes]) -> None:
    found = attempt(lambda: read_tree(Source(io.BytesIO(b"".join(parts) + b".")), read_array))
    assert str(found)


@given(at=st.integers(0, len(MODEL) - 1), byte=st.integers(0, 255))
@settings(deadline=None, max_examples=40)
def test_a_damaged_model_is_a_draft_or_a_sentence(at: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("damaged") / "model.pkl"
    path.write_bytes(MODEL[:at] + bytes([byte]) + MODEL[at + 1 :])
    found = attempt(lambda: Before(read_fitted(path)).draft_files(path.parent, make_target()))
    assert "Next: " in str(found) if isinstance(found, PipelineError) else "def build()" in found["estimator"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        np.array([[1, 2], [3, 4]]),
        np.asfortranarray([[1.5, 2], [3, 4]]),
        np.array(["a", "bé"]),
        np.array(["a", None], dtype=object),
        pd.Index(["a", "b"]),
    ],
    ids=["whole", "columns first", "text", "objects", "index"],
)
def test_values_of_arrays_are_read(value: Any, protocol: int) -> None:
    for content in (pickle.dumps(value, protocol), dump(value, 0)):
        root = read_tree(Source(io.BytesIO(content)), read_array).root
        assert isinstance(root, Record)
        assert read_values(root) == value.tolist()


# With a table.


def draft_with(tmp_path: Path, rows: pd.DataFrame, model: Any, answers: str = "", target: str = "amount") -> draft.Drafted:
    rows.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "model").mkdir(exist_ok=True)
    path = write(tmp_path, pickle.dumps(model)) if model is not None else ""
    return draft.draft(tmp_path / "table.csv", target, tmp_path, take_first, read_before(str(path), answers))


def fit_on(columns: list[str]) -> Any:
    rows = make_rows()
    return make_pipeline(StandardScaler(), Ridge()).fit(rows[columns].astype(float), rows["amount"].astype(float))


def test_the_features_are_what_the_model_saw_in_its_order(tmp_path: Path) -> None:
    rows = make_rows().assign(before=lambda each: each["amount"])
    found = draft_with(tmp_path, rows, fit_on(["zip", "rooms", "area", "same"]), "before")
    assert (found.refusal, found.before.answers_column) == ("", "before")
    features = (tmp_path / "model" / "features.py").read_text()
    order = [features.index(f"    {name}: ") for name in ("zip", "rooms", "area", "same")]
    assert order == sorted(order)
    assert "# region: left out, the model did not see it" in features
    assert "# before: left out, answers of the model before" in features
    assert "Ridge" in (tmp_path / "model" / "estimator.py").read_text()
    notes = draft.format_notes(found)
    assert "estimator: the Pipeline of model.pkl, fitted anew" in notes
    assert any(each.startswith("made with scikit-learn") for each in notes)


MISFITS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "a column that lacks": (
        lambda: make_pipeline(StandardScaler(), Ridge()).fit(X[["size", "rooms"]], AMOUNT),
        "amount",
        "saw size, which the table does not have; it has order, ",
    ),
    "a column that gives the target away": (lambda: fit_on(["area", "doubled"]), "amount", "left out: doubled (alone tells the target"),
    "columns without names": (
        lambda: make_pipeline(StandardScaler(), Ridge()).fit(X[["size", "rooms"]].to_numpy(), AMOUNT),
        "amount",
        "saw 2 columns without names, and this table has ",
    ),
    "another target": (lambda: fit("forest"), "amount", "answers classes, and amount is the target of a regression task"),
    "a step without a model": (
        lambda: make_pipeline(prepare(), StandardScaler()),
        "amount",
        "ends with StandardScaler, which does not predict",
    ),
    "a class of the owner's": (lambda: make_pipeline(Own(), Ridge()), "amount", "which the file only names"),
}


@pytest.mark.parametrize(("make", "target", "message"), MISFITS.values(), ids=MISFITS)
def test_a_model_that_does_not_fit_the_table_is_a_sentence(make: Callable[[], Any], target: str, message: str, tmp_path: Path) -> None:
    found = draft_with(tmp_path, make_rows(), make(), target=target)
    assert message in found.refusal
    assert "Expected: " in found.refusal
    assert "Next: " in found.refusal
    assert (tmp_path / "model" / "estimator.py").is_file()


def test_answers_that_are_no_column_or_the_target_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"There is no column 'befor'.* Next: --answers with"):
        draft_with(tmp_path, make_rows(), None, "befor")
    with pytest.raises(PipelineError, match=r"'amount' is the target and the answers.* Next: --answers with"):
        draft_with(tmp_path, make_rows(), None, "amount")


def test_the_model_answers_what_a_person_would_be_asked(tmp_path: Path) -> None:
    rows = make_rows().assign(stars=lambda each: each["rooms"], kept=lambda each: np.where(each["region"] == "north", "stay", "go"))
    regress = make_pipeline(StandardScaler(), Ridge()).fit(rows[["area"]].astype(float), rows["stars"].astype(float))
    assert draft_with(tmp_path, rows, regress, target="stars").target.task == "regression"
    for classes in (["go", "stay"], ["stay", "go"]):
        classify = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[["area"]].astype(float), rows["kept"])
        classify[-1].classes_ = np.array(classes)
        assert draft_with(tmp_path, rows, classify, target="kept").target.positive == classes[1]


# Answers.

TRUTH = np.linspace(0, 10, 101)


@pytest.mark.parametrize(
    ("ours", "before", "classes", "message"),
    [
        (
            TRUTH,
            TRUTH,
            None,
            "largest difference 0, median 0 (0.0% of their spread), correlation 1.0000: its answers are nearly the same as before",
        ),
        (TRUTH, TRUTH[::-1], None, "correlation -1.0000: its answers differ from before"),
        (TRUTH, TRUTH * 100, None, "in the same order, on another scale"),
        (TRUTH, np.full(101, 3.0), None, "correlation 0.0000: its answers differ"),
        (TRUTH / 10, TRUTH / 10, ["no", "yes"], "; 100.0% get the same class: its answers are nearly the same as before"),
        (
            TRUTH / 10,
            np.where(TRUTH > 5, "yes", "no"),
            ["no", "yes"],
            "100.0% get the same class: its answers are nearly the same as before",
        ),
        (
            TRUTH / 10,
            (TRUTH > 2).astype(float),
            [0, 1],
            "70.3% get the same class, most often where it was 1 (30 rows): its answers differ",
        ),
        (np.eye(3)[[0, 1, 2] * 5], np.array(["a", "b", "c"] * 5), ["a", "b", "c"], "100.0% get the same class"),
        (
            np.eye(3)[[0, 1, 2] * 5],
            np.array(["a", "b", "x"] * 5),
            ["a", "b", "c"],
            "not compared, since they are 'a', 'b', 'x'. Expected: one of 'a', 'b'",
        ),
        (TRUTH, np.array(["high"] * 101), None, "not compared, since they are 'high'. Expected: numbers"),
        (TRUTH, np.full(101, np.nan), None, "there are none, so nothing is compared"),
    ],
)
def test_answers_are_compared(ours: Any, before: Any, classes: list[Any] | None, message: str) -> None:
    found = answers.compare_answers(ours, pd.Series(before, name="old"), classes)
    assert message in found
    assert found.startswith("answers in old, on ")


def test_rows_without_an_answer_are_left_out() -> None:
    before = pd.Series(TRUTH, name="old").where(lambda each: each > 1)
    assert answers.compare_answers(TRUTH, before, None).startswith("answers in old, on 90 rows held back: largest difference 0,")
    labels = pd.Series(["yes", "", None, "no"], name="old", dtype=object)
    assert "on 2 rows held back: 100.0% get the same class" in answers.compare_answers(np.array([0.9, 0, 0, 0.1]), labels, ["no", "yes"])
