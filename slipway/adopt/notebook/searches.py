"""Searches for parameters: the best ones, as the notebook printed them, and the search as a function of its own."""

import ast
import re
from collections.abc import Iterator, Sequence

from slipway.adopt.notebook.cells import Cell
from slipway.adopt.notebook.values import Made, Searched

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
SPACES = ("param_grid", "param_distributions")
NUMPY = re.compile(r"np\.(?:float64|int64|str_|bool_)\(((?:'[^']*'|[^()])*)\)")


def find_space(call: ast.Call) -> ast.expr | None:
    """Return what a search goes through."""
    named = next((each.value for each in call.keywords if each.arg in SPACES), None)
    return named or (call.args[1] if len(call.args) > 1 else None)


def list_spaces(call: ast.Call) -> list[ast.Dict]:
    """Return the dictionaries of what is searched."""
    space = find_space(call)
    found = space.elts if isinstance(space, ast.List | ast.Tuple) else [space]
    return [each for each in found if isinstance(each, ast.Dict)]


def find_best(call: ast.Call, cells: Sequence[Cell]) -> ast.Dict | None:
    """Return the best parameters that some cells printed: the last dictionary with names of the search alone."""
    spaces = list_spaces(call)
    printed = [each for cell in cells if "best_params_" in cell.source for each in _list_dictionaries(cell.printed)]
    found = [each for each in printed if any(_is_of(each, space) for space in spaces)]
    return found[-1] if found else None


def _is_of(found: ast.Dict, space: ast.Dict) -> bool:
    """Tell whether parameters are a choice from a space."""
    choices = {key.value: value for key, value in zip(space.keys, space.values, strict=True) if isinstance(key, ast.Constant)}
    chosen = [(key.value, value) for key, value in zip(found.keys, found.values, strict=True) if isinstance(key, ast.Constant)]
    return bool(chosen) and all(name in choices and _may_be(value, choices[name]) for name, value in chosen)


def _may_be(value: ast.expr, choices: ast.expr) -> bool:
    if not isinstance(choices, ast.List | ast.Tuple):
        return not isinstance(value, ast.List)
    try:
        return ast.literal_eval(value) in ast.literal_eval(choices)
    except (ValueError, TypeError):
        return not isinstance(value, ast.List)


def _list_dictionaries(printed: str) -> Iterator[ast.Dict]:
    for start in (found.start() for found in re.finditer(r"\{\s*'", printed)):
        text = NUMPY.sub(r"\1", printed[start : _find_end(printed, start)])
        try:
            node = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if isinstance(node, ast.Dict):
            yield node


def _find_end(text: str, start: int) -> int:
    level = 0
    for number, each in enumerate(text[start:], start):
        level += (each in "{[(") - (each in "}])")
        if level == 0:
            return number + 1
    return len(text)


def set_best(found: Searched) -> Made:
    """Return the estimator of a search with its best parameters, as it is where those are not known."""
    best = found.best
    if best is None:
        return found.estimator
    names = [str(each.value) for each in best.keys if isinstance(each, ast.Constant)]
    if all(each.isidentifier() for each in names):
        keywords = [ast.keyword(name, value) for name, value in zip(names, best.values, strict=True)]
    else:
        keywords = [ast.keyword(None, best)]
    owner = found.estimator.node
    if isinstance(owner, ast.Call) and not any("__" in name for name in names) and not is_method(owner):
        kept = [each for each in owner.keywords if each.arg not in names]
        return Made(ast.Call(owner.func, owner.args, [*kept, *keywords]))
    return Made(ast.Call(ast.Attribute(owner, "set_params", ast.Load()), [], keywords))


def is_method(call: ast.Call) -> bool:
    """Tell whether a method such as set_params is called on an estimator that is made in the same expression."""
    return isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)
