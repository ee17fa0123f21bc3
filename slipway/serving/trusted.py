"""What a model file may name: rules over types and functions, never a list that the file brings.

A file of skops is a tree of nodes. Each names a type or a function, and how it is made (`__loader__`). The rules hold each name against its
loader, so that loading calls nothing that the file chooses: an object is made without its `__init__` and given its attributes, and only
plain values such as a date are made by a call. Classes of scikit-learn, numpy and scipy hold numbers and settings; those that open files,
import, or run text are left out. A crafted file can still crash the process or answer wrongly: its hash is checked before.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Node = dict[str, Any]

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


class Part(NamedTuple):
    """A type or a function that a file names, and the kind of node that names it."""

    loader: str
    module: str
    name: str

    @property
    def path(self) -> str:
        """The full name, such as `sklearn.tree._tree.Tree`."""
        return f"{self.module}.{self.name}"


def is_node(value: Any) -> bool:
    """Return whether a value is a node. A key of the owner's with that name leads to a node, not to text."""
    return isinstance(value, dict) and isinstance(value.get("__loader__"), str)


def find_nodes(value: Any) -> Iterator[Node]:
    """Yield each node within a value, in the order in which the file has them; nothing is made of it."""
    left = [value]
    while left:
        each = left.pop()
        if is_node(each):
            yield each
        if isinstance(each, dict | list):
            left.extend(reversed(each.values() if isinstance(each, dict) else each))


@dataclass(frozen=True)
class Keys:
    """Where the types of keys stand: skops calls each with its key.

    skops takes what it loaded once again wherever its number stands, so these numbers may stand for nothing else.
    """

    lists: set[int]
    types: set[int]
    numbers: set[Any]
    repeated: set[Any]

    @classmethod
    def find(cls, everything: list[Node]) -> "Keys":
        """Find the keys among all nodes of a file."""
        times = Counter(node.get("__id__") for node in everything)
        lists = [node["key_types"] for node in everything if "key_types" in node]
        types = [each for key_types in lists for each in find_nodes(key_types) if each is not key_types]
        numbers = {each["__id__"] for each in types if "__id__" in each}
        return cls({*map(id, lists)}, {*map(id, types)}, numbers, {number for number, count in times.items() if count > 1} - {None})

    def allows(self, node: Node) -> bool:
        """Return whether a node is no list of key types, or one with a number of its own."""
        return id(node) not in self.lists or (node.get("__id__") not in self.repeated and node["__loader__"] == "ListNode")

    def includes(self, node: Node) -> bool:
        """Return whether a node is the type of a key, or has the number of one."""
        return id(node) in self.types or ("__id__" in node and node["__id__"] in self.numbers)


class NotTrusted(Exception):
    """A file names what is not loaded."""

    def __init__(self, parts: list[Part]) -> None:
        super().__init__(f"it names {', '.join(each.path for each in parts)}")
        self.parts = parts


def check_names(schema: Node) -> list[str]:
    """Return the names in a file's tree of nodes. Raises NotTrusted when one of them may not be loaded."""
    rule, rule_of_keys = cache(lambda part: part.loader in LOADERS and LOADERS[part.loader](part)), cache(_names_key)
    found, refused = dict[str, None](), dict[Part, None]()
    everything = [*find_nodes(schema)]
    keys = Keys.find(everything)
    for node in everything:
        part = Part(str(node["__loader__"]), str(node.get("__module__")), str(node.get("__class__")))
        if keys.allows(node) and (rule_of_keys if keys.includes(node) else rule)(part):
            found[part.path] = None
        else:
            refused[part] = None
    if refused:
        raise NotTrusted(list(refused))
    return list(found)


def _names_key(part: Part) -> bool:
    return part.loader == "TypeNode" and (part.path in KEYS or _is_subclass(_resolve(part), np.generic))


def _resolve(part: Part) -> Any:
    # Return what is defined under a name, where its module may be imported; None otherwise.
    if part.path not in (*PLAIN, *FUNCTIONS) and not _may_import(part.module):
        return None
    try:
        found = getattr(importlib.import_module(part.module), part.name, None)
    except Exception:  # whatever a module raises that is not made to be imported here
        return None
    # By another module's name one could reach what that module imports, such as `os.system`. A ufunc does not say where it is from.
    return found if isinstance(found, np.ufunc) or getattr(found, "__module__", None) == part.module else None


def _may_import(module: str) -> bool:
    top, *inner = module.split(".")
    return top == "model" or (top in ("numpy", "scipy", "sklearn", *BOOSTING) and not CLOSED.intersection(inner))


def _is_subclass(found: Any, kinds: Any) -> bool:
    return isinstance(found, type) and issubclass(found, kinds)


def _holds_values(part: Part) -> bool:
    # A class that holds numbers and settings only, or is written in `model/` of the release itself.
    found, top = _resolve(part), part.module.partition(".")[0]
    if not isinstance(found, type):
        return False
    if top == "numpy":
        return issubclass(found, NUMBERS) or found in ARRAYS
    if top == "scipy":
        return part.module.startswith(OPEN_SCIPY)
    if top in BOOSTING:
        return hasattr(found, "predict") and (hasattr(found, "get_params") or found.__name__ == "Booster")
    return top in ("model", "sklearn") or part.path in PLAIN


def _computes(part: Part) -> bool:
    # A function that only computes, or is written in `model/` of the release itself.
    found = _resolve(part)
    if found is None or isinstance(found, type) or not callable(found):
        return False
    public = (getattr(importlib.import_module(package), part.name, None) for package in OF_NUMBERS if package in part.module)
    return part.module.partition(".")[0] == "model" or isinstance(found, np.ufunc) or part.path in FUNCTIONS or found in public


def _is_plain(part: Part) -> bool:
    # A class that is handed around, and may be called: one of plain values, or written in `model/`.
    ours = part.module.partition(".")[0] == "model"
    return _holds_values(part) and (ours or part.path in PLAIN or _is_subclass(_resolve(part), np.generic))


def _allow(*paths: str) -> Callable[[Part], bool]:
    return lambda part: part.path in paths


def _allow_kinds(*kinds: type) -> Callable[[Part], bool]:
    return lambda part: _holds_values(part) and _is_subclass(_resolve(part), kinds)


def _is_loss(part: Part) -> bool:
    # The compiled losses of scikit-learn are made of a number or two.
    return part.module.startswith(("sklearn._loss.", "sklearn.linear_model._sgd_fast")) and _holds_values(part)


LOADERS: dict[str, Callable[[Part], bool]] = {
    "BytearrayNode": _allow("builtins.bytearray"),
    "BytesNode": _allow("builtins.bytes"),
    "ConstructorFromReduceNode": _allow(*MADE_BY_A_CALL),
    "DTypeNode": _allow("numpy.dtype"),
    "DefaultDictNode": _allow("collections.defaultdict"),
    "DictNode": _allow_kinds(dict),
    "FunctionNode": _computes,
    "JsonNode": _allow("builtins.str"),
    "ListNode": _allow_kinds(list),
    "LossNode": _is_loss,
    "MaskedArrayNode": _allow("numpy.ma.MaskedArray"),
    "NdArrayNode": _allow_kinds(np.ndarray, np.generic),
    "ObjectNode": _holds_values,
    "OperatorFuncNode": _allow("operator.itemgetter"),
    "PartialNode": _allow("functools.partial"),
    "RandomGeneratorNode": _allow_kinds(np.random.Generator),
    "RandomStateNode": _allow_kinds(np.random.RandomState),
    "SetNode": _allow_kinds(set),
    "SliceNode": _allow("builtins.slice"),
    "SparseMatrixNode": _holds_values,
    "TreeNode": _allow("sklearn.tree._tree.Tree"),
    "TupleNode": _allow_kinds(tuple),
    "TypeNode": lambda part: _is_plain(part) or _computes(part),
}
