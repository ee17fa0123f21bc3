"""What an expression of a notebook stands for: part of build(), or columns of the table. Nothing is run."""

import ast
import copy
from collections.abc import Callable, Sequence
from typing import Any

from slipway.adopt.notebook import frames
from slipway.adopt.notebook.calls import call
from slipway.adopt.notebook.frames import Arguments
from slipway.adopt.notebook.items import list_comprehension, read_attribute, read_item
from slipway.adopt.notebook.searches import set_best
from slipway.adopt.notebook.state import Definition, State
from slipway.adopt.notebook.values import TEXT, Computed, Frame, Made, NotFollowed, Searched, Several, Unknown, Value, as_made

FOLDED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.BitOr: lambda one, other: one | other,
}


def evaluate(at: State, node: ast.expr) -> Value:
    """Return what an expression stands for. Raises NotFollowed."""
    match node:
        case ast.Name(id=name):
            return at.read(name)
        case ast.Attribute():
            return read_attribute(at, node)
        case ast.Subscript():
            return read_item(at, node)
        case ast.Call():
            return _call(at, node)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return list_comprehension(at, node)
        case ast.Lambda():
            return name_lambda(at, node, "")
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if elements:
            return _gather(at, node, elements)
    return _rebuild(at, node)


def _gather(at: State, node: ast.expr, elements: Sequence[ast.expr]) -> Value:
    found = [None if isinstance(each, ast.Starred) else evaluate(at, each) for each in elements]
    if all(isinstance(each, Made) for each in found):
        made = copy.copy(node)
        assert isinstance(made, ast.Tuple | ast.List)
        made.elts = [each.node for each in found if isinstance(each, Made)]
        return Made(made)
    several = tuple(each for each in found if each is not None)
    if len(several) == len(found) and any(isinstance(each, Frame | Computed) for each in several):
        return Several(several)
    return _rebuild(at, node)


def _rebuild(at: State, node: ast.expr) -> Value:
    """Return an expression of its parts: one that build() may hold, or one for each row."""
    computed: list[Computed] = []
    rebuilt = copy.copy(node)
    for name, part in ast.iter_fields(node):
        if isinstance(part, list):
            setattr(rebuilt, name, [_rebuild_part(at, each, computed) for each in part])
        elif isinstance(part, ast.expr):
            setattr(rebuilt, name, _rebuild_part(at, part, computed))
    if not computed:
        return Made(_fold(rebuilt))
    if not isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare):
        raise NotFollowed("it holds columns of the table")
    kind = TEXT if any(each.kind == TEXT for each in computed) and isinstance(node, ast.BinOp) else "float64"
    return Computed(rebuilt, max((each.frame for each in computed), key=lambda each: len(each.operations)), kind)


def _rebuild_part(at: State, part: Any, computed: list[Computed]) -> Any:
    if isinstance(part, ast.Starred):
        return ast.Starred(at.make(part.value), ast.Load())
    if not isinstance(part, ast.expr):
        return part
    found = evaluate(at, part)
    if isinstance(found, Made):
        return found.node
    if isinstance(found, Searched):
        return set_best(found).node
    computed.append(frames.as_computed(found))
    return computed[-1].node


def _fold(node: ast.expr) -> ast.expr:
    """Return the sum of lists, and the like, as a literal."""
    if isinstance(node, ast.BinOp) and type(node.op) in FOLDED:
        try:
            one, other = ast.literal_eval(node.left), ast.literal_eval(node.right)
            return as_made(FOLDED[type(node.op)](one, other)).node
        except (ValueError, TypeError):
            pass
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.FormattedValue) and not each.format_spec else each for each in node.values]
        texts = [str(each.value) for each in parts if isinstance(each, ast.Constant)]
        return ast.Constant("".join(texts)) if len(texts) == len(parts) else node
    if isinstance(node, ast.Dict):  # {**one, "b": 2}
        pairs = [pair for key, value in zip(node.keys, node.values, strict=True) for pair in _list_pairs(key, value)]
        return ast.Dict([key for key, _ in pairs], [value for _, value in pairs])
    return node


def _list_pairs(key: ast.expr | None, value: ast.expr) -> list[tuple[ast.expr | None, ast.expr]]:
    return list(zip(value.keys, value.values, strict=True)) if key is None and isinstance(value, ast.Dict) else [(key, value)]


# --- calls and lambdas


def _call(at: State, node: ast.Call) -> Value:
    path = at.find_path(node.func)
    try:
        receiver = evaluate(at, node.func.value) if not path and isinstance(node.func, ast.Attribute) else None
        return _call_evaluated(at, node, path, receiver)
    except NotFollowed as error:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "fit" and len(node.args) + len(node.keywords) > 1:
            at.missed.append(NotFollowed(error.why, at.place(node), ast.unparse(node.func)))
        raise


def _call_evaluated(at: State, node: ast.Call, path: str, receiver: Value | None) -> Value:
    positional = [_evaluate_argument(at, each) for each in node.args if not isinstance(each, ast.Starred)]
    named = {each.arg: _evaluate_argument(at, each.value) for each in node.keywords if each.arg}
    for each in node.keywords:
        if each.arg is None:
            named |= _expand(at, each.value)
    starred = [at.make(each.value) for each in node.args if isinstance(each, ast.Starred)]
    return call(at, node, path, receiver, Arguments(positional, named), starred)


def _evaluate_argument(at: State, node: ast.expr) -> Value:
    try:
        return evaluate(at, node)
    except NotFollowed as error:
        return Unknown(at.locate(error, node))


def _expand(at: State, node: ast.expr) -> dict[str, Value]:
    found = at.make(node)
    if not isinstance(found, ast.Dict) or not all(isinstance(each, ast.Constant) for each in found.keys):
        raise NotFollowed(f"`**{ast.unparse(node)}` is no literal")
    return {str(key.value): Made(value) for key, value in zip(found.keys, found.values, strict=True) if isinstance(key, ast.Constant)}


def name_lambda(at: State, node: ast.Lambda, name: str) -> Made:
    """Return a lambda as a function with a name, which can be stored."""
    at.lambdas += not name
    name = name or f"apply_{at.lambdas}"
    function = ast.parse(f"def {name}(x):\n    return x").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.args, function.body = node.args, [ast.Return(node.body)]
    at.definitions[name] = Definition(function, ast.unparse(ast.fix_missing_locations(function)), at.place(node), is_lambda=True)
    at.forget(name)
    return Made(ast.Name(name, ast.Load()))
