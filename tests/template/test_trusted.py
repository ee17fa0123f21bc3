"""A crafted model file is refused before anything that it names is made, called or, outside of a few packages, imported."""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sklearn
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io._audit import NODE_TYPE_MAPPING

from slipway.serving import trusted
from slipway.serving.manifest import ReleaseError
from slipway.serving.pipeline import load_model
from slipway.serving.trusted import LOADERS

Node = dict[str, Any]


def node(loader: str, path: str, **fields: Any) -> Node:
    """Return a node that names something."""
    module, _, name = path.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, **fields}


def value(plain: Any) -> Node:
    """Return the node of a plain value."""
    return node("JsonNode", "builtins.str", content=json.dumps(plain), is_json=True)


def several(*of: Node, loader: str = "TupleNode", path: str = "builtins.tuple", **fields: Any) -> Node:
    """Return the node of a tuple or a list."""
    return node(loader, path, content=list(of), **fields)


def mapping(content: dict[str, Node], keys: Node | None = None) -> Node:
    """Return the node of a dict."""
    types = several(*(node("TypeNode", "builtins.str") for _ in content), loader="ListNode", path="builtins.list")
    return node("DictNode", "builtins.dict", content=content, key_types=keys or types)


def thing(path: str, **attributes: Node) -> Node:
    """Return the node of an object with attributes."""
    return node("ObjectNode", path, content=mapping({"_sklearn_version": value(sklearn.__version__), **attributes}))


def called(path: str, *arguments: Any) -> Node:
    """Return the node that calls something with arguments."""
    return node("ConstructorFromReduceNode", path, content=several(*map(value, arguments)))


def function(path: str) -> Node:
    """Return the node of a function, which would be called when the model answers."""
    return thing("sklearn.preprocessing._function_transformer.FunctionTransformer", func=node("FunctionNode", path))


def method(path: str, name: str) -> Node:
    """Return the node of a method of an object."""
    return node("MethodNode", path, content={"func": name, "obj": thing(path)})


def partial(path: str, *arguments: Any) -> Node:
    """Return the node of a function with arguments."""
    kept = {"func": node("FunctionNode", path), "args": several(*map(value, arguments)), "kwds": mapping({}), "namespace": value(None)}
    return node("PartialNode", "functools.partial", content=kept)


def keyed_by(caller: Node) -> Node:
    """Return the node of a dict whose key is called with something."""
    return mapping({"touch pwned": value(1)}, several(caller, loader="ListNode", path="builtins.list"))


# A list that stands first under the number of the list of key types: skops takes it again, whatever stands there the second time.
SMUGGLED = several(
    several(node("FunctionNode", "model.data.load"), loader="ListNode", path="builtins.list", __id__=7),
    mapping({"touch pwned": value(1)}, several(node("TypeNode", "builtins.str"), loader="ListNode", path="builtins.list", __id__=7)),
)
DISTRIBUTION = "scipy.stats._continuous_distns.norm_gen"
HOSTILE: dict[str, Node] = {
    "os.system, called": called("posix.system", "touch pwned"),
    "os.system, by another's import": called("sklearn.datasets._base.os.system", "touch pwned"),
    "os.system, as a function": function("posix.system"),
    "eval": called("builtins.eval", "1"),
    "exec as a key": keyed_by(node("TypeNode", "builtins.exec")),
    "open": called("builtins.open", "/etc/passwd"),
    "getattr": partial("builtins.getattr", "a"),
    "import": function("importlib.import_module"),
    "subprocess": called("subprocess.Popen", ["touch", "pwned"]),
    "a map": called("builtins.map", "a"),
    "a pickle of numpy": function("numpy.load"),
    "text of numpy": function("numpy.fromfile"),
    "a file of numpy": called("numpy.memmap", "pwned"),
    "a file of numpy as an array": node("NdArrayNode", "numpy.memmap", type="json", content=[], shape=several(value(0))),
    "a file of numpy as a key": keyed_by(node("TypeNode", "numpy.memmap")),
    "a download of numpy": called("numpy.lib.npyio.DataSource", "pwned"),
    "a function in all elements": called("numpy.vectorize", "a"),
    "a compiler of numpy": function("numpy.f2py.compile"),
    "a test of numpy": function("numpy.testing._private.utils.runstring"),
    "an array that asks to be called": called("numpy.ndarray", [1]),
    "a pickle of joblib": function("joblib.numpy_pickle.load"),
    "a cache of joblib": thing("joblib.memory.Memory"),
    "processes of joblib": function("joblib.parallel.Parallel"),
    "data of scikit-learn": function("sklearn.datasets._base.load_files"),
    "a class of its data": thing("sklearn.datasets._base.RemoteFileMetadata"),
    "its tests": function("sklearn.utils._testing.assert_run_python_script_without_output"),
    "its processes": thing("sklearn.utils.parallel.Parallel"),
    "its copies of others": thing("sklearn.externals._packaging.version.Version"),
    "its callbacks": thing("sklearn.callback._transport.ManagerTransport"),
    "a function of its": function("sklearn.utils.validation.check_memory"),
    "what it imported": function("sklearn.utils.validation.joblib"),
    "one of its estimators, called": called("sklearn.linear_model._base.LinearRegression", True),
    "one of its estimators as a function": thing(
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        func=node("TypeNode", "sklearn.frozen._frozen.FrozenEstimator"),
    ),
    "a distribution, which runs its text": thing(DISTRIBUTION, _parse_arg_template=value("import os; os.system('touch pwned')")),
    "files of scipy": thing("scipy.io._netcdf.netcdf_file"),
    "C of scipy": thing("scipy._lib._ccallback.LowLevelCallable"),
    "text of pandas": function("pandas.io.parsers.readers.read_csv"),
    "a pickle of pandas": function("pandas.io.pickle.read_pickle"),
    "a function of ours": function("slipway.serving.release.load"),
    "a step of ours": called("pipeline.build.build", "a"),
    "a function of model/ as a key": keyed_by(node("FunctionNode", "model.data.load")),
    "a function of model/, called": called("model.data.load", "data/train.csv"),
    "a library in model/": function("model.data.pd"),
    "a class that model/ imports": called("model.data.Path", "a"),
    "an object of a class that model/ imports": thing("model.data.Path"),
    "a class that scikit-learn imports": thing("sklearn.ensemble._forest.Parallel"),
    "a method": method("sklearn.linear_model._base.LinearRegression", "fit"),
    "an attribute by its path": node("OperatorFuncNode", "operator.attrgetter", attrs=several(value("__class__"))),
    "a method by its name": node("OperatorFuncNode", "operator.methodcaller", attrs=several(value("tofile"), value("pwned"))),
    "a call": node("OperatorFuncNode", "operator.call", attrs=several(node("FunctionNode", "posix.system"), value("touch pwned"))),
    "a key type by its number": SMUGGLED,
    "data for XGBoost from a file": called("xgboost.core.DMatrix", "pwned"),
    "data for LightGBM from a file": thing("lightgbm.basic.Dataset"),
    "data for CatBoost from a file": thing("catboost.core.Pool"),
    "a loader that nobody knows": node("EvilNode", "builtins.str"),
    "another module under a name": node("FunctionNode", "numpy.log1p", __module__=""),
    "an old function": {**node("FunctionNode", "numpy.log1p", content={"module_path": "posix", "function": "system"}), "protocol": 0},
}
# Refused by skops, after our look at the nodes; and for how they are loaded.
LATER = {"an old function"}
BY_THEIR_LOADER = {"a key type by its number": {"builtins.list"}, "a loader that nobody knows": {"builtins.str"}}


def written(schema: Node, path: Path) -> Path:
    """Write a model file."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", json.dumps({"protocol": 2, "_skops_version": "0.16.0", **schema}))
    return path


# What is named beside that, to get there.
AROUND = {"builtins.tuple", "builtins.list", "builtins.dict", "builtins.str", "functools.partial"}
AROUND |= {f"sklearn.{name}" for name in ("preprocessing._function_transformer.FunctionTransformer", "linear_model._base.LinearRegression")}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_crafted_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReleaseError, match="is not a model that may be loaded") as refused:
        load_model(written(HOSTILE[name], tmp_path / "model.skops"))
    parts = getattr(refused.value.__cause__, "parts", [])
    if name not in LATER:
        assert parts
        assert {
            each.path for each in parts if each.loader not in ("MethodNode", "ConstructorFromReduceNode")
        } & AROUND == BY_THEIR_LOADER.get(name, set())
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]


@pytest.mark.parametrize("module", ["this", "antigravity", "numpy.f2py.__main__", "sklearn.conftest", "numpy.testing.overrides", "turtle"])
def test_a_module_is_not_imported_to_look_at_it(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ReleaseError):
        load_model(written(function(f"{module}.run"), tmp_path / "model.skops"))
    assert module not in sys.modules


def test_the_way_in_which_they_are_written_is_that_of_a_model_that_is_loaded(tmp_path: Path) -> None:
    """So that the files above are refused for what they name, and not for how they are written."""
    clip = thing(
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        func=partial("numpy.clip", 0),
        kw_args=mapping({"a": called("builtins.frozenset", [1]), "b": function("numpy.log1p")}),
        accept_sparse=keyed_by(node("TypeNode", "builtins.str")),
    )
    found = load_model(written(clip, tmp_path / "model.skops"))
    assert isinstance(found, FunctionTransformer)
    assert found.accept_sparse == {"touch pwned": 1}


def test_the_names_are_told(tmp_path: Path) -> None:
    both = several(function("numpy.load"), called("numpy.memmap", "pwned"))
    with pytest.raises(ReleaseError, match=r"it names numpy\.load, numpy\.memmap$"):
        load_model(written(both, tmp_path / "model.skops"))


def test_skops_itself_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without our look at the nodes, no name is trusted but those that it returns."""
    monkeypatch.setattr(trusted, "check_names", lambda _: [])
    with pytest.raises(ReleaseError, match="Untrusted types"):
        load_model(written(function("numpy.load"), tmp_path / "model.skops"))


def test_each_kind_of_node_has_a_rule_or_is_refused_on_purpose() -> None:
    known = {loader for loader, _ in NODE_TYPE_MAPPING}
    assert known - set(LOADERS) == {"MethodNode", "CachedNode", "QuantileForestNode"}
    assert set(LOADERS) <= known


def test_a_file_with_two_trees_is_looked_at_as_it_is_loaded(tmp_path: Path) -> None:
    """zipfile takes the last of two parts with one name, here as in skops."""
    skops.io.dump(make_pipeline(LinearRegression()), path := tmp_path / "model.skops")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr("schema.json", json.dumps({"protocol": 2, "_skops_version": "0.16.0", **called("posix.system", "touch pwned")}))
    with pytest.raises(ReleaseError, match=r"it names posix\.system"):
        load_model(path)
