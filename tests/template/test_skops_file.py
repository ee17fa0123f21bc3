"""Whatever a model holds as data is data; what hangs on the process is not in its file; what is not stored is refused by its name."""

import functools
import itertools
import json
import operator
import re
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.signal
from lightgbm import LGBMRegressor
from scipy.stats import loguniform, norm
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVR

from slipway.bundle import skops_file
from slipway.errors import ModelRefused
from slipway.serving.pipeline import load_model
from tests.template.estimators.rows import NUMBERS, REGRESSION, ROWS, Ratio, add_own_module

# Every field of a node of skops, and attributes that are looked for by their name.
WORDS = [
    *(
        "file",
        "content",
        "type",
        "shape",
        "attrs",
        "func",
        "args",
        "kwds",
        "obj",
        "data",
        "mask",
        "main",
        "protocol",
        "is_json",
        "key_types",
    ),
    *(
        "__id__",
        "__class__",
        "__module__",
        "__loader__",
        "__reduce__",
        "_stop_words_id",
        "cv_results_",
        "refit_time_",
        "param_distributions",
    ),
    *("mean_fit_time", "schema.json", "140.npy", "true", "false", "null", "NaN", "", "1", "Größe", "a.b"),
]
STEPS = [word for word in WORDS if "__" not in word]


def stored(model: Any, folder: Path) -> Any:
    """Store a model twice, with the same bytes, and return what is loaded again."""
    for name in ("one", "two"):
        skops_file.save(model, folder / name)
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    return load_model(folder / "one")


def own(**attributes: Any) -> Any:
    """Return a step of somebody's own that holds something."""
    add_own_module()
    step = Ratio()
    for name, value in attributes.items():
        setattr(step, name, value)
    return step


def test_a_vocabulary_of_such_words(tmp_path: Path) -> None:
    of_blanks = {"token_pattern": r"\S+", "lowercase": False}
    model = make_pipeline(CountVectorizer(**of_blanks), LogisticRegression())
    notes = [f"{word} {other}" for word, other in itertools.pairwise(WORDS)]
    model.fit(notes, [number % 2 for number in range(len(notes))])
    found = stored(model, tmp_path)
    assert found[0].vocabulary_ == model[0].vocabulary_
    assert found.predict_proba(notes).tolist() == model.predict_proba(notes).tolist()


@pytest.mark.parametrize("word", STEPS)
def test_a_step_of_such_a_name(word: str, tmp_path: Path) -> None:
    rows = ROWS[NUMBERS]
    encode = ColumnTransformer([(word, StandardScaler(), NUMBERS)])
    model = Pipeline([(word, encode), ("last", Ridge())]).fit(rows, REGRESSION)
    found = stored(model, tmp_path)
    assert found.steps[0][0] == word
    assert found.predict(rows).tolist() == model.predict(rows).tolist()


def test_columns_and_categories_of_such_names(tmp_path: Path) -> None:
    rows = pd.DataFrame({word: [word, other] for word, other in zip(WORDS, WORDS[1:] + WORDS[:1], strict=True)})
    model = OneHotEncoder().fit(rows)
    assert stored(model, tmp_path).get_feature_names_out().tolist() == model.get_feature_names_out().tolist()


@pytest.mark.parametrize(
    "make", [str, lambda word: [word], lambda word: {word: word}, lambda word: np.array([word])], ids=["str", "list", "dict", "array"]
)
def test_a_dict_with_such_keys(make: Any, tmp_path: Path) -> None:
    held = {word: make(word) for word in WORDS}
    found = stored(own(held=held), tmp_path).held
    assert list(found) == WORDS
    assert all(np.array_equal(found[word], held[word]) for word in WORDS)


@pytest.mark.parametrize("word", [word for word in WORDS if word.isidentifier() and not word.startswith("__")])
def test_an_attribute_of_such_a_name(word: str, tmp_path: Path) -> None:
    # What a search and a CountVectorizer call so is not kept as it is.
    held = {"_stop_words_id": 0, "refit_time_": 0.0}.get(word, {"file": [1, 2], "content": {"__id__": "x"}})
    assert getattr(stored(own(**{word: held}), tmp_path), word) == held


@pytest.mark.parametrize("keys", [[True, False], [False, True], [1, 2], [1.5, float("inf")], ["true", "false"], [0, -1], [np.int64(3)]])
def test_the_keys_of_a_dict_keep_their_types(keys: list[Any], tmp_path: Path) -> None:
    assert stored(own(held=dict.fromkeys(keys, "x")), tmp_path).held == dict.fromkeys(keys, "x")


def test_what_is_held_twice_is_held_twice(tmp_path: Path) -> None:
    both = np.arange(3.0)
    found = stored(own(one=both, other={"file": both}), tmp_path)
    assert found.one is found.other["file"]
    assert found.one.tolist() == [0, 1, 2]


def test_a_search_is_stored_without_the_clock(tmp_path: Path) -> None:
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2)
    for name in ("one", "two"):
        skops_file.save(search.fit(ROWS[NUMBERS], REGRESSION), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = load_model(tmp_path / "one")
    assert found.refit_time_ == 0
    assert found.cv_results_["mean_fit_time"] is None
    assert found.cv_results_["mean_test_score"].tolist() == search.cv_results_["mean_test_score"].tolist()


def test_what_a_search_drew_from_is_stored_by_name(tmp_path: Path) -> None:
    search = RandomizedSearchCV(Ridge(), {"alpha": loguniform(0.1, 1), "file": norm}, n_iter=1, cv=2)
    search.param_distributions["file"] = norm
    assert stored(search, tmp_path).param_distributions == {
        "alpha": "scipy.stats._distn_infrastructure.rv_continuous_frozen",
        "file": "scipy.stats._continuous_distns.norm_gen",
    }


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_is_stored_in_an_order(kind: Any, tmp_path: Path) -> None:
    both = (kind([0, 8]), kind([8, 0]))
    assert [*both[0]] != [*both[1]], "they collide, so that the one that came first is first"
    for name, numbers in zip(("one", "two"), both, strict=True):
        skops_file.save(own(held=[numbers, kind(["file", 1, ("a", "b")])]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert load_model(tmp_path / "one").held == [{0, 8}, {"file", 1, ("a", "b")}]


def test_no_part_is_left_over(tmp_path: Path) -> None:
    skops_file.save(GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(ROWS[NUMBERS], REGRESSION), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as file:
        schema = file.read("schema.json").decode()
        assert {name for name in file.namelist() if name not in schema} == {"schema.json"}
        assert json.loads(schema)["__loader__"] == "ObjectNode"


# --- what is refused


def outer() -> Any:
    """Return a function that has no place of its own."""

    def nested(rows: Any) -> Any:
        return rows

    return nested


def step(function: Any) -> Any:
    """Return a pipeline that calls a function."""
    return make_pipeline(FunctionTransformer(function), Ridge())


def in_a_notebook(function: Any) -> Any:
    """Return a function as a notebook has it."""
    function.__module__ = "__main__"
    return function


def in_model(function: Any) -> Any:
    """Return a nested function as a file of model/ has it."""
    function.__module__ = "model.data"
    return function


def of_itself() -> Any:
    """Return a step that holds itself."""
    found = own()
    found.held = {"self": found}
    return found


NAMED = r"Next: write it as a class or a named function at the top of a file of model/, .*; then \./run train\.$"
WRAPPED = r"Next: put the call into a function at the top of a file of model/, .*; then \./run train\.$"
PLAIN = r"Next: keep only numbers, text, lists, dicts with keys of text or numbers, and numpy arrays in a part; .*; then \./run train\.$"
REFUSED: dict[str, tuple[Any, str]] = {
    "a lambda": (lambda: step(lambda rows: rows), rf"<lambda>, a lambda, .* {NAMED}"),
    "a notebook": (lambda: step(in_a_notebook(outer())), rf"__main__\.nested, written in a notebook or a script, .* {NAMED}"),
    "a nested function": (lambda: step(in_model(outer())), rf"model\.data\.nested, written inside another function or class, .* {NAMED}"),
    "another folder": (
        lambda: step(outer),
        rf"tests\.template\.test_skops_file\.outer, written in tests/template/test_skops_file\.py, .* {NAMED}",
    ),
    "a method": (lambda: step(own().transform), rf"a method of an object, .* {WRAPPED}"),
    "a method of str": (lambda: step(str.lower), rf"a method of a type, such as str\.lower, .* {WRAPPED}"),
    "numpy.load": (
        lambda: step(np.load),
        rf"numpy\.load, a part of numpy that is not among those known to do nothing but compute.* {WRAPPED}",
    ),
    "scipy": (lambda: step(scipy.signal.detrend), rf"scipy\.signal\..*\.detrend, a part of scipy that .* {WRAPPED}"),
    "a third package": (
        lambda: own(held=joblib.hashing.Hasher),
        r"joblib\.hashing\.Hasher, a part of the package joblib; only.*"
        r"extend it in a file of model/ \(`class Own\(Hasher\)`\), use that, and add joblib to requirements/serve\.in, \./run lock; then",
    ),
    "memory": (
        lambda: make_pipeline(StandardScaler(), Ridge(), memory=joblib.Memory(None)),
        r"joblib\.memory\.Memory, a cache on this machine's disk\..* Next: leave out memory=\.\.\. in model/estimator\.py; then",
    ),
    "Birch": (
        lambda: make_pipeline(Birch(), Ridge()),
        r"Next: use another estimator instead of Birch, which skops cannot store; then",
    ),
    "a frame in scikit-learn": (
        lambda: SVR(kernel=rbf_kernel),
        r"SVR\._BaseLibSVM__Xfit, of type pandas\..* put FunctionTransformer\(np\.asarray\) before",
    ),
    "a frame": (
        lambda: own(held=ROWS),
        r"Ratio\.held, of type pandas\.DataFrame .* Next: keep its values, with \.to_numpy\(\) or \.to_dict\(\)",
    ),
    "a time of pandas": (lambda: own(held=[pd.Timestamp(0)]), r"pandas\.Timestamp, an object of pandas, .* Next: keep its values, with"),
    "a distribution": (
        lambda: own(held=norm(0, 1)),
        r"a distribution of scipy, which runs code .* Next: keep its parameters, and make the distribution",
    ),
    "a record": (
        lambda: own(held=np.rec.array([1])),
        r"numpy\.rec\.recarray, a part of numpy .* keep what it holds as a numpy array; then",
    ),
    "a lock": (lambda: own(held=threading.Lock()), rf"_thread\.lock, no plain value\..* {PLAIN}"),
    "a pattern": (lambda: own(held=re.compile("a")), rf"re\.Pattern, no plain value\..* {PLAIN}"),
    "a path": (lambda: own(held=Path("a")), rf"pathlib.*Path, no plain value\..* {PLAIN}"),
    "an attribute": (lambda: own(held=operator.attrgetter("a")), rf"operator\.attrgetter, no plain value\..* {PLAIN}"),
    "a complex number": (lambda: own(held={"file": [1j]}), rf"Ratio\.held\.file\.0, of type builtins\.complex .* {PLAIN}"),
    "keys of two numbers": (lambda: own(held={(1, 2): 3}), rf"Ratio\.held, of type builtins\.dict .*not tuple\).* {PLAIN}"),
    "no key": (lambda: own(held={None: 3}), r"builtins\.NoneType, the type of a key .* Next: take text or a number as that key; then"),
    "keys that are one as text": (lambda: own(held={1: 2, "1": 3}), r"such as 1 and '1', among: 1\. .*Next: give it keys of one type"),
    "itself": (of_itself, r"a part of it refers to itself.* Next: keep no reference to the whole in a part; then"),
}


def save_and_load(model: Any, path: Path) -> None:
    """Do what training does with a fitted pipeline."""
    skops_file.save(model, path)
    skops_file.refuse_unloadable(path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_stored_is_refused_with_the_edit(name: str, tmp_path: Path) -> None:
    made, message = REFUSED[name]
    model = made()
    if name in ("Birch", "a frame in scikit-learn"):
        model.fit(ROWS[NUMBERS], REGRESSION)
    with pytest.raises(ModelRefused) as refused:
        save_and_load(model, tmp_path / "model")
    assert re.search(message, str(refused.value)), str(refused.value)
    assert str(refused.value).count("Nothing was changed. Next: ") == 1


def test_a_partial_of_what_is_refused_is_refused(tmp_path: Path) -> None:
    skops_file.save(step(functools.partial(np.load, mmap_mode="r")), tmp_path / "model")
    with pytest.raises(ModelRefused, match=r"holds numpy\.load, "):
        skops_file.refuse_unloadable(tmp_path / "model")


def test_a_damaged_file_is_refused_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"no zip")
    with pytest.raises(ModelRefused, match="BadZipFile: File is not a zip file"):
        skops_file.refuse_unloadable(tmp_path / "model")


def test_the_module_of_the_owner_is_looked_up_and_not_believed(tmp_path: Path) -> None:
    """A name in `model/` that leads to what `model/` only imports is refused, as is one that is gone."""
    skops_file.save(own(), tmp_path / "model")
    del sys.modules["model.steps"].Ratio
    with pytest.raises(ModelRefused, match=r"model\.steps\.Ratio, written inside another function or class"):
        skops_file.refuse_unloadable(tmp_path / "model")


def test_how_many_cores_lightgbm_found_is_not_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cores in (1, 2):
        monkeypatch.setattr("lightgbm.sklearn._LGBMCpuCount", lambda cores=cores, **_: cores)
        model = LGBMRegressor(n_estimators=3, min_child_samples=5, random_state=0, verbose=-1).fit(ROWS[NUMBERS], REGRESSION)
        assert f"[num_threads: {cores}]" in model.booster_.model_to_string()
        skops_file.save(model, tmp_path / str(cores))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert np.array_equal(load_model(tmp_path / "2").predict(ROWS[NUMBERS]), model.predict(ROWS[NUMBERS]))


def test_whether_equal_words_are_one_object_is_not_in_the_file(tmp_path: Path) -> None:
    word = "a word with a blank"
    for name, other in (("one", word), ("two", "".join([*word]))):
        skops_file.save(own(held=[word, other]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
