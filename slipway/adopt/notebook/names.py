"""Which names an expression of a notebook needs: its own classes, functions and constants, and imports."""

import ast
from collections.abc import Iterator, Sequence
from sys import stdlib_module_names

from slipway.adopt.notebook.cells import Place
from slipway.adopt.notebook.state import State
from slipway.adopt.notebook.values import Made

# What is written here, and perhaps not imported in the notebook.
WRITTEN = {
    "ColumnTransformer": "from sklearn.compose import ColumnTransformer",
    "TransformedTargetRegressor": "from sklearn.compose import TransformedTargetRegressor",
    "SimpleImputer": "from sklearn.impute import SimpleImputer",
    "Pipeline": "from sklearn.pipeline import Pipeline",
    "make_pipeline": "from sklearn.pipeline import make_pipeline",
    "FunctionTransformer": "from sklearn.preprocessing import FunctionTransformer",
    "OneHotEncoder": "from sklearn.preprocessing import OneHotEncoder",
    "OrdinalEncoder": "from sklearn.preprocessing import OrdinalEncoder",
    "pd": "import pandas as pd",
}
# What of scikit-learn has to be enabled by an import.
ENABLED = {"IterativeImputer": "enable_iterative_imputer", "HalvingGridSearchCV": "enable_halving_search_cv"}
# What the lock of the service has.
LOCKED = ("sklearn", "numpy", "pandas", "scipy", "joblib", "threadpoolctl")
# Packages by what is imported. Others are for a person to name: a name that a notebook imports may be a file beside it.
PACKAGES = {
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "nltk": ("nltk",),
    "statsmodels": ("statsmodels",),
    "xgboost": ('xgboost-cpu; sys_platform != "darwin"', 'xgboost; sys_platform == "darwin"'),
    "imblearn": ("imbalanced-learn",),
    "category_encoders": ("category-encoders",),
    "feature_engine": ("feature-engine",),
}


def list_own(nodes: Sequence[ast.AST], at: State) -> Iterator[str]:
    """Yield the classes, functions and constants of the notebook that expressions need, and those that these need."""
    seen, more = set[str](), [*nodes]
    while more:
        node = more.pop()
        for name in list_names(node):
            if name in seen:
                continue
            seen.add(name)
            if name in at.definitions:
                yield name
                more.append(at.definitions[name].node)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef) and isinstance(found := at.values.get(name), Made):
                yield name
                more.append(found.node)


def list_lacking(used: set[str], at: State) -> Iterator[tuple[str, Place]]:
    """Yield the names that copied code uses, and that have no value that can be copied."""
    for each in (at.definitions[name] for name in sorted(used) if name in at.definitions):
        for name in list_names(each.node):
            if name in at.values and not isinstance(at.values[name], Made):
                yield name, each.place


def list_names(node: ast.AST) -> list[str]:
    """Return the names that are read and not bound in a tree."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    bound = {each.id for each in names if isinstance(each.ctx, ast.Store)} | {
        each.arg for each in ast.walk(node) if isinstance(each, ast.arg)
    }
    return list(dict.fromkeys(each.id for each in names if isinstance(each.ctx, ast.Load) and each.id not in bound))


def list_imports(nodes: Sequence[ast.AST], at: State, own: set[str], more: Sequence[str] = ()) -> list[str]:
    """Return the lines that import what expressions use, and from model.steps what is the notebook's own."""
    names = list(dict.fromkeys([*(name for node in nodes for name in list_names(node)), *more]))
    lines = [at.lines.get(name) or WRITTEN.get(name, "") for name in names if name not in own]
    enabled = [f"from sklearn.experimental import {ENABLED[name]}  # noqa: F401" for name in names if name in ENABLED]
    used = sorted(own & set(names))
    return [*enabled, *dict.fromkeys(each for each in lines if each), *([f"from model.steps import {', '.join(used)}"] if used else [])]


def list_modules(texts: Sequence[str]) -> list[str]:
    """Return the packages that drafts import beside those that a project has."""
    found = set[str]()
    for node in (each for text in texts if text for each in ast.walk(ast.parse(text))):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return sorted(found - set(LOCKED) - stdlib_module_names - {"model", "slipway"})
