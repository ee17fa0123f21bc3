"""What a model file may name: rules over types and functions, never a list that the file brings.

A file of skops is a tree of nodes. Each names a type or a function, and how it is made (`__loader__`). The rules hold each name against its
loader, so that loading calls nothing that the file chooses: an object is made without its `__init__` and given its attributes, and only
plain values such as a date are made by a call. Classes of scikit-learn, numpy and scipy hold numbers and settings; those that open files,
import, or run text are left out. A crafted file can still crash the process or answer wrongly: its hash is checked before.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from slipway.serving.nodes import Keys, Node, Part, nodes

# Parts of the libraries that read files, start processes or belong to tests; a module with one of these words in its path is not imported.
CLOSED = {
    *("__main__", "_build_utils", "_testing", "callback", "conftest", "datasets", "discovery", "estimator_checks", "experimental"),
    *("externals", "f2py", "parallel", "testing", "tests"),
}
# scipy.stats is missing on purpose: its distributions run text of their own state (`exec`) when they are loaded.
OPEN_SCIPY = ("scipy.interpolate.", "scipy.sparse.", "scipy.spatial.")
# Their models are read by their own C++ readers, which take numbers and no code.
BOOSTING = ("catboost", "lightgbm", "xgboost")
NUMBERS = (np.generic, np.dtype, np.random.BitGenerator, np.random.Generator, np.random.RandomState, np.random.SeedSequence)
ARRAYS = (np.ndarray, np.ma.MaskedArray)

CONTAINERS = ("builtins.dict", "builtins.list", "builtins.set", "builtins.tuple", "collections.Counter", "collections.OrderedDict")
# The one kind of node that calls what it names, with arguments of the file.
MADE_BY_A_CALL = (
    *("builtins.complex", "builtins.frozenset", "builtins.range", "decimal.Decimal", "fractions.Fraction", "uuid.UUID"),
    *("datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "datetime.timezone", "zoneinfo.ZoneInfo"),
)
KEYS = ("builtins.bool", "builtins.float", "builtins.int", "builtins.str")
PLAIN = (*CONTAINERS, *MADE_BY_A_CALL, *KEYS, "builtins.bytearray", "builtins.bytes", "builtins.object", "builtins.slice")
# Numbers in, numbers out, whatever they are given. The last four are held by estimators of scikit-learn.
FUNCTIONS = (
    *("numpy.argmax", "numpy.argmin", "numpy.array", "numpy.asarray", "numpy.average", "numpy.clip", "numpy.cumsum", "numpy.diff"),
    *("numpy.amax", "numpy.amin", "numpy.any", "numpy.all", "numpy.max", "numpy.mean", "numpy.median", "numpy.min", "numpy.nan_to_num"),
    *("numpy.nanmax", "numpy.nanmean", "numpy.nanmedian", "numpy.nanmin", "numpy.nanstd", "numpy.nansum", "numpy.prod", "numpy.ptp"),
    *("numpy.ravel", "numpy.reshape", "numpy.round", "numpy.around", "numpy.squeeze", "numpy.std", "numpy.sum", "numpy.transpose"),
    *("numpy.unique", "numpy.var", "numpy.where", "numpy.linalg.norm", "builtins.abs", "builtins.len", "builtins.max", "builtins.min"),
    *("builtins.round", "builtins.sum", "sklearn.cluster._kmeans._kmeans_single_elkan", "sklearn.cluster._kmeans._kmeans_single_lloyd"),
    *("sklearn.utils.validation.check_array", "scipy._lib.array_api_compat.numpy._aliases.asarray"),
)
# Packages whose public functions score, compare or rescale numbers.
OF_NUMBERS = ("sklearn.feature_selection", "sklearn.metrics", "sklearn.metrics.pairwise", "sklearn.preprocessing")


class NotTrusted(Exception):
    """A file names what is not loaded."""

    def __init__(self, parts: list[Part]) -> None:
        super().__init__(f"it names {', '.join(each.path for each in parts)}")
        self.parts = parts


def check(schema: Node) -> list[str]:
    """Return the names in a file's tree of nodes. Raises NotTrusted when one of them may not be loaded."""
    rule, rule_of_keys = cache(lambda part: part.loader in LOADERS and LOADERS[part.loader](part)), cache(names_key)
    found, refused = dict[str, None](), dict[Part, None]()
    everything = [*nodes(schema)]
    keys = Keys.within(everything)
    for node in everything:
        part = Part(str(node["__loader__"]), str(node.get("__module__")), str(node.get("__class__")))
        if keys.allow(node) and (rule_of_keys if keys.hold(node) else rule)(part):
            found[part.path] = None
        else:
            refused[part] = None
    if refused:
        raise NotTrusted(list(refused))
    return list(found)


def names_key(part: Part) -> bool:
    """Tell whether this is the type of a key."""
    return part.loader == "TypeNode" and (part.path in KEYS or subclass(resolve(part), np.generic))


def resolve(part: Part) -> Any:
    """Return what is defined under a name, where its module may be imported; None otherwise."""
    if part.path not in (*PLAIN, *FUNCTIONS) and not may_import(part.module):
        return None
    try:
        found = getattr(importlib.import_module(part.module), part.name, None)
    except Exception:  # whatever a module raises that is not made to be imported here
        return None
    # By another module's name one could reach what that module imports, such as `os.system`. A ufunc does not say where it is from.
    return found if isinstance(found, np.ufunc) or getattr(found, "__module__", None) == part.module else None


def may_import(module: str) -> bool:
    """Tell whether a file may have a module imported."""
    top, *inner = module.split(".")
    return top == "model" or (top in ("numpy", "scipy", "sklearn", *BOOSTING) and not CLOSED.intersection(inner))


def subclass(found: Any, kinds: Any) -> bool:
    """Tell whether something is a class of some kinds."""
    return isinstance(found, type) and issubclass(found, kinds)


def holds_values(part: Part) -> bool:
    """Tell whether a class holds numbers and settings only, or is written in `model/` of the release itself."""
    found, top = resolve(part), part.module.partition(".")[0]
    if not isinstance(found, type):
        return False
    if top == "numpy":
        return issubclass(found, NUMBERS) or found in ARRAYS
    if top == "scipy":
        return part.module.startswith(OPEN_SCIPY)
    if top in BOOSTING:
        return hasattr(found, "predict") and (hasattr(found, "get_params") or found.__name__ == "Booster")
    return top in ("model", "sklearn") or part.path in PLAIN


def computes(part: Part) -> bool:
    """Tell whether a function only computes, or is written in `model/` of the release itself."""
    found = resolve(part)
    if found is None or isinstance(found, type) or not callable(found):
        return False
    public = (getattr(importlib.import_module(package), part.name, None) for package in OF_NUMBERS if package in part.module)
    return part.module.partition(".")[0] == "model" or isinstance(found, np.ufunc) or part.path in FUNCTIONS or found in public


def is_plain(part: Part) -> bool:
    """Tell whether a class that is handed around, and may be called, is one of plain values, or is written in `model/`."""
    return holds_values(part) and (part.path in PLAIN or part.module.partition(".")[0] == "model" or subclass(resolve(part), np.generic))


def only(*paths: str) -> Callable[[Part], bool]:
    """Return a rule that lets some names pass."""
    return lambda part: part.path in paths


def a(*kinds: type) -> Callable[[Part], bool]:
    """Return a rule that lets such classes pass."""
    return lambda part: holds_values(part) and subclass(resolve(part), kinds)


def loss(part: Part) -> bool:
    """Let the compiled losses of scikit-learn pass, which are made of a number or two."""
    return part.module.startswith(("sklearn._loss.", "sklearn.linear_model._sgd_fast")) and holds_values(part)


LOADERS: dict[str, Callable[[Part], bool]] = {
    "BytearrayNode": only("builtins.bytearray"),
    "BytesNode": only("builtins.bytes"),
    "ConstructorFromReduceNode": only(*MADE_BY_A_CALL),
    "DTypeNode": only("numpy.dtype"),
    "DefaultDictNode": only("collections.defaultdict"),
    "DictNode": a(dict),
    "FunctionNode": computes,
    "JsonNode": only("builtins.str"),
    "ListNode": a(list),
    "LossNode": loss,
    "MaskedArrayNode": only("numpy.ma.MaskedArray"),
    "NdArrayNode": a(np.ndarray, np.generic),
    "ObjectNode": holds_values,
    "OperatorFuncNode": only("operator.itemgetter"),
    "PartialNode": only("functools.partial"),
    "RandomGeneratorNode": a(np.random.Generator),
    "RandomStateNode": a(np.random.RandomState),
    "SetNode": a(set),
    "SliceNode": only("builtins.slice"),
    "SparseMatrixNode": holds_values,
    "TreeNode": only("sklearn.tree._tree.Tree"),
    "TupleNode": a(tuple),
    "TypeNode": lambda part: is_plain(part) or computes(part),
}
