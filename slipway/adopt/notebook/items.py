"""Attributes and items of values, conditions and lists in a notebook, as far as its text shows them."""

import ast
from collections.abc import Sequence

from slipway.adopt.notebook import frames
from slipway.adopt.notebook.frames import Arguments
from slipway.adopt.notebook.searches import set_best
from slipway.adopt.notebook.selection import is_type, list_types, select_positions
from slipway.adopt.notebook.state import State
from slipway.adopt.notebook.values import (
    TEXT,
    TIME,
    Computed,
    Dataset,
    Frame,
    Made,
    NotFollowed,
    Searched,
    Several,
    Statistic,
    Value,
    as_made,
)

# Loops over more numbers are followed once.
MOST_NUMBERS = 500
# Functions of pandas that tell the type of a column.
TYPES = {"is_string_dtype": "object", "is_object_dtype": "object", "is_numeric_dtype": "number"}


def read_attribute(at: State, node: ast.Attribute) -> Value:
    """Return what an attribute stands for. Raises NotFollowed."""
    if at.find_path(node):
        return Made(node)
    owner = at.value(node.value)
    match owner:
        case Frame() if node.attr == "columns":
            return as_made(owner.columns)
        case Frame() if node.attr in ("dtype", "dtypes") and owner.alone:
            return as_made(owner.parts[0].kind)
        case Frame() | Computed() if node.attr in ("values", "array", "T"):
            return owner
        case Frame() if node.attr in owner.columns and not owner.alone:
            return owner.select([node.attr], alone=True)
        case Frame() | Computed() if node.attr in ("dt", "str") or _is_accessor(owner):
            computed = frames.as_computed(owner)
            kind = TEXT if node.attr == "str" else TIME if node.attr == "dt" else "float64"
            return Computed(ast.Attribute(computed.node, node.attr, ast.Load()), computed.frame, kind)
        case Dataset():
            return _read_dataset(owner, node.attr)
        case Searched() if node.attr == "best_params_" and owner.best:
            return Made(owner.best)
        case Searched() if node.attr == "best_estimator_":
            if owner.best is None:
                at.note(node, "the notebook does not show the best parameters of the search: the first of each list, or none, are set")
            return set_best(owner)
        case Made() if node.attr == "values":
            return owner
    raise NotFollowed(f"`{ast.unparse(node)}` is known only when it is run")


def _is_accessor(value: Value) -> bool:
    return isinstance(value, Computed) and isinstance(value.node, ast.Attribute) and value.node.attr in ("dt", "str")


def _read_dataset(found: Dataset, name: str) -> Value:
    features = [each for each in found.frame.columns if each != found.target]
    kinds: dict[str, Value] = {"frame": found.frame, "data": found.frame.select(features), "feature_names": as_made(features)}
    if found.target in found.frame.columns:
        kinds["target"] = found.frame.select([found.target], alone=True)
    if name not in kinds:
        raise NotFollowed(f"{name} of a data set of scikit-learn")
    return kinds[name]


def read_item(at: State, node: ast.Subscript) -> Value:
    """Return an element, columns or rows. Raises NotFollowed."""
    if isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "loc"):
        frame = at.value(node.value.value)
        if isinstance(frame, Frame) and not frame.alone:
            return _select_at(at, frame, node) if isinstance(node.slice, ast.Tuple) else _select_rows(at, frame, node)
        return frame
    owner = at.value(node.value)
    match owner:
        case Computed() if _is_accessor(owner):  # letters of text
            index = ast.parse(ast.unparse(node.slice), mode="eval").body if not isinstance(node.slice, ast.Slice) else node.slice
            return Computed(ast.Subscript(owner.node, index, ast.Load()), owner.frame, TEXT)
        case Computed() | Frame(alone=True) if isinstance(node.slice, ast.Constant | ast.UnaryOp):
            raise NotFollowed(f"`{ast.unparse(node)}` is one value of a column")
        case Statistic() | Computed() | Frame(alone=True):
            return owner  # rows of a column
        case Several() if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            return owner.values[node.slice.value]
        case Dataset():
            return _read_dataset(owner, str(at.literal(node.slice)))
        case Frame():
            array = isinstance(node.slice, ast.Tuple) and any(isinstance(each, ast.Slice) for each in node.slice.elts)
            return _select_at(at, owner, node) if array else _select(at, owner, node)
    return _read_element(at, owner, node)


def _select_at(at: State, frame: Frame, node: ast.Subscript) -> Value:
    assert isinstance(node.slice, ast.Tuple)
    chosen = node.slice.elts[-1]
    if isinstance(chosen, ast.Compare) and isinstance(chosen.ops[0], ast.NotEq):  # df.loc[:, df.columns != "y"]
        gone = at.literal(chosen.comparators[0])
        return frame.select([name for name in frame.columns if name != gone])
    return select_positions(frame, node.slice, at.literal)


def _select(at: State, frame: Frame, node: ast.Subscript) -> Value:
    if isinstance(node.slice, ast.Slice):
        return frame
    try:
        found = at.value(node.slice)
        names = found.literal() if isinstance(found, Made) else None
    except NotFollowed:
        names = None
    if not isinstance(names, str | list | tuple):
        return _select_rows(at, frame, node)
    return frame.select(frames.list_names(names), alone=isinstance(names, str))


def _select_rows(at: State, frame: Frame, node: ast.Subscript) -> Frame:
    if any(isinstance(each, ast.Compare | ast.Invert | ast.BitAnd) for each in ast.walk(node.slice)):
        what = f"rows are chosen by `{ast.unparse(node.slice)}`; here all rows of the table are taken: leave them out in load"
        return frame.add_note(at.place(node), what)
    return frame


def _read_element(at: State, owner: Value, node: ast.Subscript) -> Value:
    if isinstance(owner, Made) and isinstance(node.slice, ast.Slice):
        ends = [None if each is None else at.literal(each) for each in (node.slice.lower, node.slice.upper, node.slice.step)]
        found = owner.literal()
        if isinstance(found, list | tuple | str):
            return as_made(found[slice(*ends)])
    if isinstance(owner, Made) and isinstance(owner.node, ast.Dict):
        index = at.literal(node.slice)
        for key, item in zip(owner.node.keys, owner.node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == index:
                return Made(item)
    if isinstance(owner, Made) and isinstance(owner.node, ast.List | ast.Tuple):
        index = at.literal(node.slice)
        if isinstance(index, int) and -len(owner.node.elts) <= index < len(owner.node.elts):
            return Made(owner.node.elts[index])
    raise NotFollowed(f"`{ast.unparse(node)}` is known only when it is run")


def decide(at: State, node: ast.expr) -> bool:
    """Return what a condition on literals is. Raises NotFollowed."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(decide(at, each) for each in values)
        case ast.BoolOp(values=values):
            return any(decide(at, each) for each in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not decide(at, operand)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compare(at, left, operator, right)
        case ast.Constant(value=bool() as value):
            return value
        case ast.Call(args=[argument]) if word := TYPES.get(at.find_path(node.func).rpartition(".")[2]):
            column = at.value(argument)
            if isinstance(column, Frame) and column.alone:
                return is_type(column.parts[0].kind, word)
    raise NotFollowed(f"the condition `{ast.unparse(node)}` depends on the data")


def _compare(at: State, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool:
    if not isinstance(operator, ast.In | ast.NotIn | ast.Eq | ast.NotEq):
        raise NotFollowed(f"`{ast.unparse(left)}` depends on the data")
    differs = isinstance(operator, ast.NotIn | ast.NotEq)
    if isinstance(left, ast.Attribute) and left.attr in ("dtype", "dtypes"):
        return any(is_type(at.literal(left), word) for word in list_types(right)) != differs
    one, other = at.literal(left), at.literal(right)
    same = one in other if isinstance(operator, ast.In | ast.NotIn) else one == other
    return bool(same) != differs


def list_turns(at: State, iterated: ast.expr) -> Sequence[ast.expr] | None:
    """Return what a loop goes over, None where the text does not show it."""
    if isinstance(iterated, ast.List | ast.Tuple) and all(isinstance(each, ast.Name) for each in iterated.elts):
        return iterated.elts
    if isinstance(iterated, ast.Name) and iterated.id in at.aliases:
        return at.aliases[iterated.id]
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Attribute) and iterated.func.attr in ("items", "iteritems"):
        return _list_columns(at, iterated.func.value) or _list_turns(at, iterated)
    return _list_turns(at, iterated)


def _list_columns(at: State, owner: ast.expr) -> Sequence[ast.expr] | None:
    """Return the columns of a frame with their names."""
    try:
        found = at.value(owner)
    except NotFollowed:
        return None
    if not isinstance(found, Frame):
        return None
    names = [ast.Constant(each) for each in found.columns]
    return [ast.Tuple([each, ast.Subscript(owner, each, ast.Load())], ast.Load()) for each in names]


def _list_turns(at: State, iterated: ast.expr) -> Sequence[ast.expr] | None:
    try:
        found = at.value(iterated)
    except NotFollowed:
        return None
    if isinstance(found, Frame) and not found.alone:
        return [ast.Constant(each) for each in found.columns]
    if isinstance(found, Made) and isinstance(found.node, ast.List | ast.Tuple | ast.Set):
        return found.node.elts
    if isinstance(found, Made) and isinstance(found.node, ast.Call) and ast.unparse(found.node.func) == "range":
        numbers = range(*(Made(each).literal() for each in found.node.args))
        return [ast.Constant(each) for each in numbers] if len(numbers) <= MOST_NUMBERS else None
    return [key for key in found.node.keys if key] if isinstance(found, Made) and isinstance(found.node, ast.Dict) else None


def list_comprehension(at: State, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    """Return a list whose elements the text shows. Raises NotFollowed."""
    one = node.generators[0]
    turns = list_turns(at, one.iter)
    if turns is None or len(node.generators) != 1 or not isinstance(one.target, ast.Name):
        raise NotFollowed(f"`{ast.unparse(node)}` lists what depends on the data")
    kept, before = list[ast.expr](), dict(at.values)
    try:
        for turn in turns:
            at.values[one.target.id] = at.value(turn)
            if all(decide(at, each) for each in one.ifs):
                kept.append(at.make(node.elt))
    finally:
        at.values = before
    return Made(ast.List(kept, ast.Load()))


def call_list(owner: Made, name: str, arguments: Arguments) -> Value:
    """Follow a method of a list, or of the names of columns. Raises NotFollowed."""
    if name in ("tolist", "to_list", "copy", "keys"):
        return owner
    first = arguments.positional[0] if arguments.positional else None
    if name == "items" and isinstance(owner.node, ast.Dict):
        pairs = zip(owner.node.keys, owner.node.values, strict=True)
        return Made(ast.List([ast.Tuple([key, item], ast.Load()) for key, item in pairs if key], ast.Load()))
    if name in ("difference", "drop") and isinstance(first, Made):
        gone = frames.list_names(first.literal())
        kept = [each for each in owner.literal() if each not in gone]
        return as_made(sorted(kept) if name == "difference" else kept)
    raise NotFollowed(f".{name}() of a list")
