"""Whether an expression makes an estimator that predicts, and what it tells."""

import ast
from importlib import import_module
from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin

from slipway.adopt.notebook.searches import is_method
from slipway.adopt.notebook.state import State, name_class
from slipway.adopt.notebook.values import Made, Searched

DEEP = ("tensorflow", "keras", "torch", "fastai", "pytorch_lightning", "statsmodels", "prophet")


def is_predictor(at: State, model: Made | Searched, sure: bool = False) -> bool:
    """Tell whether an expression makes what predicts, as far as its name says; `sure` takes estimators of scikit-learn alone."""
    node = model.estimator.node if isinstance(model, Searched) else model.node
    if not isinstance(node, ast.Call):
        return False
    if is_method(node) and isinstance(node.func, ast.Attribute):
        return is_predictor(at, Made(node.func.value), sure)
    name, path = name_class(node), at.find_path(node.func) or ast.unparse(node.func)
    if name in ("Pipeline", "make_pipeline"):
        return (last := _find_last(node)) is not None and is_predictor(at, Made(last), sure)
    if path.startswith("sklearn."):
        made = _import(path)
        return isinstance(made, type) and issubclass(made, ClassifierMixin | RegressorMixin)
    if sure:
        return False
    return (
        not path.startswith(DEEP)
        and not path.startswith("imblearn.")
        and not name.endswith(("Transformer", "Encoder", "Scaler", "Imputer"))
    )


def is_classifier(at: State, node: ast.expr) -> bool:
    """Tell whether an estimator tells classes, by its class or the name of that."""
    if not isinstance(node, ast.Call):
        return False
    if is_method(node) and isinstance(node.func, ast.Attribute):
        return is_classifier(at, node.func.value)
    if name_class(node) in ("Pipeline", "make_pipeline"):
        return (last := _find_last(node)) is not None and is_classifier(at, last)
    made = _import(at.find_path(node.func)) if at.find_path(node.func).startswith("sklearn.") else None
    return issubclass(made, ClassifierMixin) if isinstance(made, type) else "Regress" not in name_class(node)


def _find_last(node: ast.Call) -> ast.expr | None:
    if name_class(node) == "make_pipeline":
        return node.args[-1] if node.args else None
    last = steps.elts[-1] if (steps := find_steps(node)) else None
    return last.elts[1] if isinstance(last, ast.Tuple) else None


def find_steps(node: ast.Call) -> ast.List | None:
    """Return the list of steps in a call of Pipeline."""
    found = node.args[0] if node.args else next((each.value for each in node.keywords if each.arg == "steps"), None)
    return found if name_class(node) == "Pipeline" and isinstance(found, ast.List) and found.elts else None


def _import(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None
