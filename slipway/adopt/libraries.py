"""Classes and functions that a draft may name: those of a library that a release may load, by the name under which it is public."""

import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

from slipway.adopt.pickle_tree import Name
from slipway.serving.trusted import BOOSTING, CLOSED, LOADERS, Part

# What is written `np.log1p`, `float` and so on, and what is imported from a public module.
BUILT_IN = ("builtins", "__builtin__")
IMPORTED = ("sklearn", "numpy", *BOOSTING)
PACKAGES = {"sklearn": "scikit-learn"}


@dataclass(frozen=True)
class Public:
    """A class or a function, and the module that it is imported from."""

    module: str
    name: str
    found: Any


def names_library(name: Name) -> bool:
    """Tell whether a name is one of a library that is known here, or of Python's own types."""
    return name.top in (*IMPORTED, *BUILT_IN)


def names_no_model(name: Name) -> bool:
    """Tell whether a name is of a package that has tables and values, and no models."""
    return name.top in ("numpy", "pandas", "polars", "scipy", *sys.stdlib_module_names) or name.module in BUILT_IN


@cache
def find_public(name: Name) -> Public | None:
    """Return what a library has under a name, None where it has nothing that a release may load.

    Only modules of the libraries are imported. A class that has moved since is found by its name in the public module above.
    """
    if name.module in BUILT_IN:
        return _check("builtins", name.name, getattr(importlib.import_module("builtins"), name.name, None))
    parts = name.module.split(".")
    if name.top not in IMPORTED or CLOSED.intersection(parts):
        return None
    public = [".".join(parts[:end]) for end in range(1, len(parts) + 1) if not any(each.startswith("_") for each in parts[:end])]
    for module in public:
        found = getattr(_import(module), name.name, None)
        if found is not None and (checked := _check(module, name.name, found)):
            return checked
    return None


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception:  # whatever a module of another version, or one that lacks a package, raises
        return None


def _check(module: str, name: str, found: Any) -> Public | None:
    """Return something of a library where a release may load it."""
    home = getattr(found, "__module__", None) or module
    loaders = ("TypeNode", "ObjectNode") if isinstance(found, type) else ("FunctionNode",)
    parts = [Part(loader, each, name) for loader in loaders for each in dict.fromkeys((home, module))]
    return Public(module, name, found) if any(LOADERS[each.loader](each) for each in parts) else None


def list_parameters(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class, with those of its parents where it takes any others."""
    found: dict[str, inspect.Parameter] = {}
    for each in kind.__mro__:
        if "__init__" not in vars(each) or each is object:
            continue
        parameters = list(inspect.signature(vars(each)["__init__"]).parameters.values())[1:]
        kinds = {parameter.kind for parameter in parameters}
        plain = (each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY))
        found.update({each.name: each for each in plain if each.name not in found})
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return found


def read_versions(tops: Iterable[str]) -> dict[str, str]:
    """Return which version of each package is installed, nothing where none is."""
    found = {}
    for top in sorted(tops):
        name = PACKAGES.get(top, top)
        names = [name, *_list_distributions().get(top, ())]
        found[name] = next((each for each in map(_read_version, names) if each), "")
    return found


@cache
def _list_distributions() -> Mapping[str, Sequence[str]]:
    return packages_distributions()


def _read_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
