"""Follow a failure through the parts of a pipeline, by the objects that were at work."""

from collections.abc import Iterable, Iterator
from typing import Any

# How the compositions of scikit-learn keep parts that have names.
NAMED = ("steps", "transformers", "transformer_list", "estimators")
Step = tuple[str, str]


def follow_steps(working: Iterable[Any]) -> list[Step]:
    """Return the way from the whole to the part that failed, as name and class of each; `working` is the `self` of each frame."""
    path: list[Step] = []
    known: list[tuple[str, Any]] = []
    last = None
    for each in working:
        if each is last or not hasattr(type(each), "get_params"):
            continue
        last = each
        name = name_part(each, known)
        if name is not None or not path:
            path.append((name or "", type(each).__name__))
            known = list(named_parts(each))
    return path


def describe_steps(path: list[Step]) -> str:
    """Return how the owner calls a part: the names on the way to it, and its class."""
    names = "/".join(name for name, _ in path if name)
    return f"step {names} ({path[-1][1]})" if names else path[-1][1]


def name_part(part: Any, known: list[tuple[str, Any]]) -> str | None:
    """Return the name of a part; a copy is known by what it was made with, None where that fits several or none."""
    same = [name for name, each in known if each is part]
    alike = [name for name, each in known if type(each) is type(part)]
    if len(alike) > 1:
        alike = [name for name, each in known if type(each) is type(part) and describe(each) == describe(part)]
    return next(iter(same), None) or (alike[0] if len(alike) == 1 else None)


def named_parts(whole: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a composition, with the names that the owner gave them."""
    for attribute, value in vars(whole).items():
        if attribute in NAMED and isinstance(value, list | tuple):
            yield from ((each[0], each[1]) for each in value if isinstance(each, tuple) and len(each) > 1)
        elif hasattr(type(value), "get_params") and not attribute.endswith("_"):
            yield attribute, value


def describe(part: Any) -> str:
    """Return a part with what it was made with."""
    try:
        return repr(part)
    except Exception:  # a class of the owner's, whatever it prints of itself
        return type(part).__name__
