"""Say why a part of a fitted pipeline is not stored or not loaded, whose it is, and what to write in its place."""

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import packages_distributions
from typing import Any

import skops.io

from slipway.errors import ModelRefused
from slipway.serving.trusted import BOOSTING, Part

LIBRARIES = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
NAMED = (
    "write it as a class or a named function at the top of a file of model/, such as model/steps.py, and import it in model/estimator.py"
)
WRAPPED = "put the call into a function at the top of a file of model/, such as model/steps.py, and import that in model/estimator.py"
PLAIN = "keep only numbers, text, lists, dicts with keys of text or numbers, and numpy arrays in a part; make all else where it is used"

FRAMES = (
    "keep its values, with .to_numpy() or .to_dict(); "
    "where a part of scikit-learn keeps it, put FunctionTransformer(np.asarray) before that part"
)


def refuse_parts(parts: Sequence[Part]) -> ModelRefused:
    """Return the refusal of a pipeline that names what may not be loaded."""
    reason, edit = _explain(parts[0])
    others = f" Also rejected: {', '.join(each.path for each in parts[1:6])}." if parts[1:] else ""
    return ModelRefused(
        f"The fitted pipeline holds {parts[0].path}, {reason}.{others} Nothing was changed. Next: {edit}; then ./run train."
    )


def refuse_unsaved(error: BaseException, pipeline: Any = None) -> ModelRefused:
    """Return the refusal of a pipeline that cannot be written, or not be read again."""
    if isinstance(error, RecursionError):
        where, reason, edit = "", "a part of it refers to itself", "keep no reference to the whole in a part"
    else:
        chain = _find_unsaved("", pipeline) if pipeline is not None else []
        where = f", {'.'.join(name for name, _ in chain if name)}, of type {_name_type(chain[-1][1])}" if chain else ""
        reason, edit = " ".join(str(error).split()) or "no reason given", _suggest_edit([value for _, value in chain])
    return ModelRefused(
        f"The fitted pipeline has a part that skops does not store{where} ({type(error).__name__}: {reason}). Nothing was changed. "
        f"Next: {edit}; then ./run train."
    )


def _suggest_edit(chain: Sequence[Any]) -> str:
    """Return the edit that mends what is not stored, by what holds it: the last of a chain of objects, each within the one before."""
    top = type(chain[-1]).__module__.partition(".")[0] if chain else ""
    if top == "pandas":
        return FRAMES
    if top == "sklearn":
        estimators = [type(each).__name__ for each in chain if hasattr(each, "get_params")]
        return f"use another estimator instead of {estimators[-1]}, which skops cannot store"
    return PLAIN


def _find_unsaved(name: str, value: Any, seen: frozenset[int] = frozenset()) -> list[tuple[str, Any]]:
    """Return the way to the innermost part that skops does not store: names, and what they stand for."""
    for each_name, each in _list_parts(value):
        if id(each) not in seen and not _is_saved(each):
            return [(name or type(value).__name__, value), *_find_unsaved(str(each_name), each, seen | {id(each)})]
    return [(name, value)]


def _name_type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _list_parts(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple | set):
        return enumerate(value)
    return () if type(value).__module__.partition(".")[0] == "pandas" else getattr(value, "__dict__", {}).items()


def _is_saved(value: Any) -> bool:
    try:
        skops.io.dumps(value)
    except Exception:  # whatever a part raises when it is asked for its state
        return False
    return True


def _explain(part: Part) -> tuple[str, str]:
    top = part.module.partition(".")[0]
    return _explain_kind(part) or _explain_library(part, top) or _explain_foreign(part, top)


def _explain_kind(part: Part) -> tuple[str, str] | None:
    if part.loader == "MethodNode":
        return "a method of an object, which is not loaded", WRAPPED
    if part.path == "builtins.method_descriptor":
        return "a method of a type, such as str.lower, which is not loaded", WRAPPED
    if part.path == "builtins.NoneType":
        return "the type of a key in a dict: None is not stored as a key", "take text or a number as that key"
    if part.path == "joblib.memory.Memory":
        return "a cache on this machine's disk", "leave out memory=... in model/estimator.py"
    if part.name == "<lambda>":
        return "a lambda, which the service cannot find by its name", NAMED
    if part.module == "__main__":
        return "written in a notebook or a script, where the service cannot find it", NAMED
    if part.module.partition(".")[0] == "model":
        return "written inside another function or class, where the service cannot find it", NAMED
    return None


def _explain_library(part: Part, top: str) -> tuple[str, str] | None:
    if part.module.startswith("scipy.stats."):
        return (
            "a distribution of scipy, which runs code of its own when it is loaded",
            "keep its parameters, and make the distribution where it is used",
        )
    if top == "pandas":
        return "an object of pandas, which skops does not store", FRAMES
    if top in LIBRARIES and part.loader in ("FunctionNode", "TypeNode"):
        return (
            f"a part of {LIBRARIES[top]} that is not among those known to do nothing but compute",
            WRAPPED,
        )
    if top in (*LIBRARIES, *BOOSTING):
        return (
            f"a part of {LIBRARIES.get(top, top)} that reads files, runs code, or is no model",
            "take another in its place, or keep what it holds as a numpy array",
        )
    return None


def _explain_foreign(part: Part, top: str) -> tuple[str, str]:
    if top in sys.stdlib_module_names:
        return "no plain value", PLAIN
    if packages := packages_distributions().get(top):
        package = packages[0]
        return (
            f"a part of the package {package}; only those of scikit-learn, numpy, scipy, xgboost, lightgbm and catboost are loaded",
            f"extend it in a file of model/ (`class Own({part.name})`), use that, and add {package} to requirements/serve.in, ./run lock",
        )
    return f"written in {part.module.replace('.', '/')}.py, but of your files, a release contains only model/", NAMED
