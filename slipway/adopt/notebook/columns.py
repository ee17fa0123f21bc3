"""What statements do to columns, keys and parts of what has a name: it is followed, or kept as unknown."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slipway.adopt.notebook import frames
from slipway.adopt.notebook.selection import select_positions
from slipway.adopt.notebook.state import TURNING, State, name_class
from slipway.adopt.notebook.values import UNKNOWN, Computed, Frame, Made, NotFollowed, Operation, Part, Searched, Unknown, Value

# Methods that change what they are called on.
CHANGING = ("append", "extend", "insert", "remove", "update", "pop", "set_params", "set_output", "setdefault", "clear", "add")


def delete_columns(at: State, targets: Sequence[ast.expr]) -> None:
    """Follow `del frame["column"]`. Raises NotFollowed."""
    for each in targets:
        owner, frame = _find_owner(at, each) if isinstance(each, ast.Subscript) else ("", None)
        if isinstance(frame, Frame) and isinstance(each, ast.Subscript):
            gone = frames.list_names(at.literal(each.slice))
            at.values[owner] = frame.select([name for name in frame.columns if name not in gone])


def lose_changed(at: State, call: ast.Call, error: NotFollowed) -> None:
    """Keep that a method changes what it is called on in a way that is not followed."""
    if not isinstance(call.func, ast.Attribute):
        return
    owner, name = call.func.value, _find_root(call.func)
    value = at.values.get(name)
    if isinstance(value, Made | Searched) and call.func.attr in CHANGING:
        at.values[name] = Unknown(error)
    elif isinstance(value, Frame) and any(each.arg == "inplace" for each in call.keywords):
        if isinstance(owner, ast.Subscript | ast.Attribute):
            lose_columns(at, owner, error)
        else:
            at.values[name] = Unknown(error)
    elif any(each.arg == "inplace" for each in call.keywords):
        _note_turning(at, call, name)


def _note_turning(at: State, node: ast.AST, name: str) -> None:
    """Say that columns are set of a table that differs from turn to turn of a loop."""
    value = at.values.get(name)
    if isinstance(value, Unknown) and value.error.why == TURNING:
        at.note(node, f"a loop changes {name}, and the text does not show which table that is: compare build() and load with it")


def pass_back(at: State, function: ast.FunctionDef, node: ast.Call, scope: dict[str, Value]) -> None:
    """Bind the tables that a function changes in place to what they are after it."""
    changed = _find_changed(function)
    for each, argument in zip(function.args.args, node.args, strict=False):
        if each.arg in changed and isinstance(argument, ast.Name) and isinstance(at.values.get(argument.id), Frame):
            after = scope.get(each.arg)
            error = NotFollowed(f"the function {function.name} changes it", at.place(node), ast.unparse(node))
            at.values[argument.id] = after if isinstance(after, Frame) and not changed[each.arg] else Unknown(error)


def _find_changed(function: ast.FunctionDef) -> dict[str, bool]:
    """Return which arguments a function changes in place, and whether it gives their names to something else later."""
    found: dict[str, bool] = {}
    bound = set[str]()
    nodes = [each for each in ast.walk(ast.Module(function.body, [])) if isinstance(each, ast.expr)]
    for each in function.args.args:
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            if _is_change(node, each.arg) and each.arg not in bound:
                found[each.arg] = False
            elif isinstance(node, ast.Name) and node.id == each.arg and isinstance(node.ctx, ast.Store):
                bound.add(each.arg)
                found = {name: rebound or name == each.arg for name, rebound in found.items()}
    return found


def _is_change(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _find_root(node) == name
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _find_root(node.func) == name
    return called and isinstance(node, ast.Call) and any(each.arg == "inplace" for each in node.keywords)


def _find_root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def lose_columns(at: State, target: ast.Subscript | ast.Attribute, error: NotFollowed) -> None:
    """Keep that columns, or a part of an estimator, are set in a way that is not followed."""
    name = _find_root(target)
    frame = at.values.get(name)
    if isinstance(frame, Made | Searched):
        at.values[name] = Unknown(error)
    if not isinstance(frame, Frame):
        return
    try:
        columns = frames.list_names(_name_columns(at, target, frame, some_rows=True))
    except NotFollowed:
        at.values[name] = Unknown(error)
        return
    for column in columns:
        frame = frame.replace_part(column, replace(frame.find(column) or Part((column,), kind=UNKNOWN), error=error))
    at.values[name] = frame


def _find_owner(at: State, target: ast.Subscript | ast.Attribute) -> tuple[str, Value | None]:
    owner = target.value.value if isinstance(target.value, ast.Attribute) and target.value.attr in ("loc", "iloc") else target.value
    return (owner.id, at.values.get(owner.id)) if isinstance(owner, ast.Name) else ("", None)


def set_key(at: State, name: str, index: ast.expr, value: Value) -> None:
    """Set a key of a dictionary that has a name. Raises NotFollowed."""
    owner = at.values[name]
    if not isinstance(owner, Made) or not isinstance(owner.node, ast.Dict) or not isinstance(value, Made):
        raise NotFollowed("an element is set that the text does not show")
    key = at.make(index)
    pairs = {ast.unparse(each): (each, item) for each, item in zip(owner.node.keys, owner.node.values, strict=True) if each}
    pairs[ast.unparse(key)] = (key, value.node)
    at.bind(name, Made(ast.Dict([each for each, _ in pairs.values()], [item for _, item in pairs.values()])))


def _name_columns(at: State, target: ast.Subscript | ast.Attribute, frame: Frame, some_rows: bool = False) -> Any:
    """Return which column, or columns, are set. Raises NotFollowed, also where it is for some rows alone."""
    if isinstance(target, ast.Attribute):
        return target.attr
    index = target.slice
    if isinstance(index, ast.Tuple) and len(index.elts) == 2:  # .loc[rows, columns], or an array
        if not some_rows and not isinstance(index.elts[0], ast.Slice):
            raise NotFollowed("only some rows of a column are set")
        found = select_positions(frame, index, at.literal)
        return found.columns[0] if found.alone else found.columns
    return at.literal(index)


def set_columns(at: State, target: ast.Subscript | ast.Attribute, value: Value) -> None:
    """Set columns of a frame: computed from the same row, or as a transformer returned them. Raises NotFollowed."""
    owner, frame = _find_owner(at, target)
    if not isinstance(frame, Frame):
        if isinstance(target.value, ast.Subscript | ast.Attribute):  # such as a step of a pipeline
            raise NotFollowed("a part of it is set")
        _note_turning(at, target, owner)
        return
    if isinstance(target, ast.Attribute) and target.attr not in frame.columns:
        if target.attr == "columns":
            at.values[owner] = _rename_columns(at, frame, value, target)
        return
    names = _name_columns(at, target, frame)
    if isinstance(value, Frame) and (value.steps or any(part.chain for part in value.parts)):
        at.values[owner] = _write_back(frame, frames.list_names(names), value)
        return
    if isinstance(value, Frame) and value.columns == frames.list_names(names):
        return
    computed = Computed(value.node, frame) if isinstance(value, Made) else frames.as_computed(value)
    if not isinstance(names, str):
        raise NotFollowed("several columns are computed at once")
    if names in at.kinds and names not in computed.reads and names != at.target:
        what = f"{names!r} is computed here, and is a column of the table, too: taken from the table"
        at.values[owner] = frame.add_note(at.place(target), what)
        return
    at.values[owner] = frame.compute(Operation(names, computed.node, computed.reads, at.place(target)), computed.kind)


def _rename_columns(at: State, frame: Frame, value: Value, target: ast.Attribute) -> Frame:
    names = frames.list_names(value.literal()) if isinstance(value, Made) else []
    if len(names) != len(frame.columns):
        raise NotFollowed("columns are renamed in a way that the text does not show")
    return frames.rename(frame, dict(zip(frame.columns, names, strict=True)), at.place(target))


def _write_back(frame: Frame, names: Sequence[str], value: Frame) -> Frame:
    """Return a frame with columns as a transformer returned them."""
    if value.columns != list(names):
        raise NotFollowed("columns are replaced by what was learnt from others")
    for node in value.steps:
        if name_class(node) not in frames.COLUMN_WISE:
            raise NotFollowed(f"{name_class(node)} reads several columns, and they are written back")
    for name in names:
        part = value.find(name)
        assert part
        frame = frame.replace_part(name, Part((name,), (*part.chain, *value.steps), "float64"))
    return frame


def change(at: State, owner: ast.Name, name: str, arguments: Sequence[ast.expr]) -> None:
    """Follow append, extend, remove and update of a list or a dictionary. Raises NotFollowed."""
    found = at.read(owner.id)
    if not isinstance(found, Made):
        return
    given = at.make(arguments[0])
    node = found.node
    if name == "append" and isinstance(node, ast.List):
        node = ast.List([*node.elts, given], ast.Load())
    elif name == "extend" and isinstance(node, ast.List) and isinstance(given, ast.List | ast.Tuple):
        node = ast.List([*node.elts, *given.elts], ast.Load())
    elif name == "remove" and isinstance(node, ast.List):
        node = ast.List([each for each in node.elts if ast.unparse(each) != ast.unparse(given)], ast.Load())
    elif name == "update" and isinstance(node, ast.Dict) and isinstance(given, ast.Dict):
        node = ast.Dict([*node.keys, *given.keys], [*node.values, *given.values])
    else:
        raise NotFollowed(f".{name}() changes what is not followed")
    at.bind(owner.id, Made(node))
