"""Say why a part of a fitted pipeline is not stored or not loaded, whose it is, and what to write in its place."""

from collections.abc import Sequence
from importlib.metadata import packages_distributions

from pipeline.errors import ModelRefused
from service.trusted import BOOSTING, Part

LIBRARIES = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
NAMED = (
    "write it as a class or a named function at the top of a file of model/, such as model/steps.py, and import it in model/estimator.py"
)
PLAIN = "keep numbers, text, lists, dicts and numpy arrays in it, and make everything else where it is used"


def refuse_parts(parts: Sequence[Part]) -> ModelRefused:
    """Return the refusal of a pipeline that names what may not be loaded."""
    reason, edit = explain(parts[0])
    others = f" Refused as well: {', '.join(each.path for each in parts[1:6])}." if parts[1:] else ""
    return ModelRefused(
        f"The fitted pipeline holds {parts[0].path}, {reason}.{others} Nothing was changed. Next: {edit}; then ./run train."
    )


def refuse_unsaved(error: BaseException) -> ModelRefused:
    """Return the refusal of a pipeline that cannot be written, or not be read again."""
    said = " ".join(str(error).split()) or "no reason given"
    edit = f"in a class of your own {PLAIN}; a part of a library: take another in its place"
    if isinstance(error, RecursionError):
        said, edit = "a part of it refers to itself", "keep no reference to the whole in a part"
    return ModelRefused(
        f"The fitted pipeline has a part that skops does not store ({type(error).__name__}: {said}). Nothing was changed. "
        f"Next: {edit}; then ./run train."
    )


def explain(part: Part) -> tuple[str, str]:
    """Return what a part is, as the end of a sentence, and the edit that mends it."""
    top = part.module.partition(".")[0]
    return of_any_package(part) or of_a_library(part, top) or of_no_library(part, top)


def of_any_package(part: Part) -> tuple[str, str] | None:
    """Explain what is refused by its kind, wherever it is written."""
    if part.loader == "MethodNode":
        return "a method of an object, which is not loaded", f"put the call into a function: {NAMED}"
    if part.path == "builtins.method_descriptor":
        return "a method of a type, such as str.lower, which is not loaded", f"put the call into a function: {NAMED}"
    if part.path == "builtins.NoneType":
        return "the type of a key in a dict: None is not stored as a key", "take text or a number as that key"
    if part.path == "joblib.memory.Memory":
        return "a cache on this machine's disk", "leave out memory=... in model/estimator.py"
    if part.name == "<lambda>" or part.module.partition(".")[0] in ("__main__", "model"):
        return "a lambda, or what is written in a notebook, a script or another function, where the service cannot find it", NAMED
    return None


def of_a_library(part: Part, top: str) -> tuple[str, str] | None:
    """Explain what is refused of scikit-learn, numpy, scipy, pandas and the packages for boosting."""
    if part.module.startswith("scipy.stats."):
        return (
            "a distribution of scipy, which runs code of its own when it is loaded",
            "keep its parameters, and make the distribution where it is used",
        )
    if top == "pandas":
        return "an object of pandas, which skops does not store", "keep its values, with .to_numpy() or .to_dict()"
    if top in LIBRARIES and part.loader in ("FunctionNode", "TypeNode"):
        return (
            f"a part of {LIBRARIES[top]} that is not among those known to do nothing but compute",
            f"call it in a function of your own: {NAMED}",
        )
    if top in (*LIBRARIES, *BOOSTING):
        return (
            f"a part of {LIBRARIES.get(top, top)} that reads files, runs code, or is no model",
            "take another in its place, or keep what it holds as a numpy array",
        )
    return None


def of_no_library(part: Part, top: str) -> tuple[str, str]:
    """Explain what is refused because nobody has looked at what its code does."""
    if packages := packages_distributions().get(top):
        package = packages[0]
        return (
            f"a part of the package {package}, and only those of scikit-learn, numpy, scipy, xgboost, lightgbm and catboost are loaded",
            f"extend it in a file of model/ (`class Own({part.name})`), use that, and add {package} to requirements/serve.in, ./run lock",
        )
    return f"written in {part.module.replace('.', '/')}.py, and a release has of your files only model/", NAMED
