"""Follow the statements of a notebook from cell to cell: what is assigned to names, keys and columns. Nothing is run."""

import ast
from collections.abc import Sequence

from slipway.adopt.notebook.cells import Notebook
from slipway.adopt.notebook.columns import change, delete_columns, lose_changed, lose_columns, set_columns, set_key
from slipway.adopt.notebook.evaluate import evaluate, name_lambda
from slipway.adopt.notebook.items import decide, list_turns
from slipway.adopt.notebook.state import TURNING, Definition, State
from slipway.adopt.notebook.values import Dataset, Frame, Made, NotFollowed, Several, Unknown, Value
from slipway.say import one_line

TURNS, MOST_TURNS = 200, 5000


def follow(notebook: Notebook, kinds: dict[str, str], target: str) -> State:
    """Return what all cells say; `kinds` are the types of the table's columns."""
    at = State(kinds, target, notebook.cells, notebook.cells[0], execute, evaluate)
    for at.cell in notebook.cells:
        execute(at, at.cell.body)
    return at


def execute(at: State, body: Sequence[ast.stmt]) -> Value | None:
    """Follow statements; returns what a `return` among them gives. Raises NotFollowed for that one alone."""
    for each in body:
        if isinstance(each, ast.Return):
            return evaluate(at, each.value) if each.value else None
        try:
            _execute(at, each)
        except NotFollowed as error:
            _bind_unknown(at, each, at.locate(error, each))
        except (IndexError, KeyError, TypeError, ValueError, RecursionError) as error:  # code that would not run, or is beyond this
            _bind_unknown(at, each, at.locate(NotFollowed(f"it is not understood ({error})"), each))
    return None


def _execute(at: State, statement: ast.stmt) -> None:
    match statement:
        case ast.Import() | ast.ImportFrom():
            _import(at, statement)
        case ast.FunctionDef() | ast.ClassDef():
            _define(at, statement)
        case ast.Assign(targets=targets, value=value):
            found = _evaluate_named(at, value, targets[0])
            for target in targets:
                _assign(at, target, found)
                _keep_alias(at, target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            _assign(at, target, _evaluate_named(at, value, target))
        case ast.AugAssign(target=target, op=operator, value=value):
            loaded = ast.parse(ast.unparse(target), mode="eval").body
            _assign(at, target, evaluate(at, ast.copy_location(ast.BinOp(loaded, operator, value), statement)))
        case ast.Expr(value=value):
            _evaluate_alone(at, value)
        case ast.Delete(targets=targets):
            delete_columns(at, targets)
        case ast.For():
            _repeat(at, statement)
        case ast.If(test=test, body=body, orelse=orelse):
            _branch(at, test, body, orelse)
        case ast.With(body=body) | ast.While(body=body):
            _run_all(at, body)
        case ast.Try(body=body, finalbody=final):
            _run_all(at, [*body, *final])


def _run_all(at: State, body: Sequence[ast.stmt]) -> None:
    if any(isinstance(each, ast.Return) for each in body):
        raise NotFollowed("it returns from within a block")
    execute(at, body)


def _import(at: State, statement: ast.Import | ast.ImportFrom) -> None:
    for each in statement.names:
        if isinstance(statement, ast.ImportFrom):
            name, path = each.asname or each.name, f"{'.' * statement.level}{statement.module or ''}.{each.name}"
        else:
            name = each.asname or each.name.partition(".")[0]
            path = each.name if each.asname else name
        at.forget(name)
        at.imports[name] = path
        at.lines[name] = ast.unparse(_import_one(statement, each))


def _import_one(statement: ast.Import | ast.ImportFrom, name: ast.alias) -> ast.stmt:
    """Return the import of one name alone; a pipeline of imbalanced-learn is one of scikit-learn without its resampling."""
    if isinstance(statement, ast.Import):
        return ast.Import([name])
    module = "sklearn.pipeline" if statement.module == "imblearn.pipeline" else statement.module
    return ast.ImportFrom(module, [name], statement.level)


def _define(at: State, node: ast.FunctionDef | ast.ClassDef) -> None:
    source = ast.get_source_segment(at.cell.source, node, padded=True) or ast.unparse(node)
    decorators = "".join(f"@{ast.unparse(each)}\n" for each in node.decorator_list)
    at.definitions[node.name] = Definition(node, decorators + source if not node.col_offset else ast.unparse(node), at.place(node))
    at.forget(node.name)


def _evaluate_named(at: State, node: ast.expr, target: ast.expr) -> Value:
    """Return a value; a lambda is called as what it is assigned to."""
    if isinstance(target, ast.Name) and isinstance(node, ast.Lambda):
        return name_lambda(at, node, target.id)
    return evaluate(at, node)


def _bind_unknown(at: State, statement: ast.stmt, error: NotFollowed) -> None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in targets:
        for each in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            if isinstance(each, ast.Name):
                at.forget(each.id)
                at.values[each.id] = Unknown(error)
            elif isinstance(each, ast.Subscript | ast.Attribute):
                lose_columns(at, each, error)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        lose_changed(at, statement.value, error)
    if not isinstance(statement, ast.FunctionDef | ast.ClassDef):  # a block sets what each statement in it does
        for nested in (each for name in ("body", "orelse", "finalbody") for each in getattr(statement, name, ())):
            _bind_unknown(at, nested, error)


# --- blocks


def _repeat(at: State, statement: ast.For) -> None:
    """Follow a loop over literals turn by turn, over anything else once."""
    turns = list_turns(at, statement.iter)
    if turns is None:
        for each in ast.walk(statement.target):
            if isinstance(each, ast.Name):
                at.values[each.id] = Unknown(NotFollowed(TURNING, at.place(statement), each.id))
        return _run_all(at, statement.body)
    for turn in turns[:TURNS]:
        at.turns += 1
        if at.turns > MOST_TURNS:
            raise NotFollowed("its turns are too many")
        if isinstance(turn, ast.Name) and isinstance(statement.target, ast.Name):
            _run_all(at, _rename(statement.body, statement.target.id, turn.id))
        else:
            _assign(at, statement.target, evaluate(at, turn))
            _run_all(at, statement.body)
    return None


def _rename(body: Sequence[ast.stmt], name: str, other: str) -> list[ast.stmt]:
    """Return statements in which a name is another one."""
    copied = ast.parse(ast.unparse(ast.Module(list(body), [])))
    for old, new in zip(ast.walk(ast.Module(list(body), [])), ast.walk(copied), strict=False):
        if isinstance(new, ast.Name) and new.id == name:
            new.id = other
        if hasattr(new, "lineno") and hasattr(old, "lineno"):
            new.lineno = old.lineno
    return copied.body


def _branch(at: State, test: ast.expr, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]) -> None:
    if ast.unparse(test).startswith("__name__"):
        return _run_all(at, body)
    try:
        holds = decide(at, test)
    except NotFollowed:
        if at.depth:
            raise
        names = {each.id for node in body for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
        _run_all(at, body)
        if any(isinstance(at.values.get(name), Frame) or _is_call(at.values.get(name)) for name in names):
            at.note(test, f"whether `{one_line(ast.unparse(test), 60)}` holds is not followed; taken as if it does")
        return None
    return _run_all(at, body if holds else orelse)


def _is_call(value: Value | None) -> bool:
    return isinstance(value, Made) and isinstance(value.node, ast.Call)


# --- assignments


def _assign(at: State, target: ast.expr, value: Value) -> None:
    match target:
        case ast.Name(id=name):
            if isinstance(value, Made) and isinstance(value.node, ast.Name) and value.node.id == name:
                return  # a lambda, which is defined under that name
            at.bind(name, value)
        case ast.Tuple(elts=names) | ast.List(elts=names):
            for each, part in zip(names, _unpack(value, len(names)), strict=True):
                _assign(at, each, part)
        case ast.Subscript(value=ast.Name(id=name)) if isinstance(at.values.get(name), Made):
            set_key(at, name, target.slice, value)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if isinstance(found := at.values.get(name), Made):
            if not attribute.endswith("_"):
                node = value.node if isinstance(value, Made) else ast.Constant(None)
                call = ast.Call(ast.Attribute(found.node, "set_params", ast.Load()), [], [ast.keyword(attribute, node)])
                at.values[name] = Made(call) if isinstance(value, Made) else found
        case ast.Subscript() | ast.Attribute():
            set_columns(at, target, value)


def _keep_alias(at: State, target: ast.expr, value: ast.expr) -> None:
    """Keep which tables a list names: a loop over it changes those."""
    elements = value.elts if isinstance(value, ast.List | ast.Tuple) else []
    if isinstance(target, ast.Name) and elements and all(isinstance(each, ast.Name) for each in elements):
        at.aliases[target.id] = elements


def _unpack(value: Value, number: int) -> Sequence[Value]:
    if isinstance(value, Several) and len(value.values) == number:
        return value.values
    if isinstance(value, Made) and isinstance(value.node, ast.Tuple | ast.List) and len(value.node.elts) == number:
        return [Made(each) for each in value.node.elts]
    if isinstance(value, Dataset) and number == 2:
        features = [each for each in value.frame.columns if each != value.target]
        return value.frame.select(features), value.frame.select([value.target], alone=True)
    raise NotFollowed("several names are assigned what the text does not show")


def _evaluate_alone(at: State, node: ast.expr) -> None:
    """Follow a call that changes what it is called on."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        evaluate(at, node)
        return
    inplace = any(each.arg == "inplace" and ast.unparse(each.value) == "True" for each in node.keywords)
    owner, name = node.func.value, node.func.attr
    if inplace and isinstance(owner, ast.Name | ast.Subscript | ast.Attribute):
        kept = ast.Call(node.func, node.args, [each for each in node.keywords if each.arg != "inplace"])
        _execute(at, ast.copy_location(ast.Assign([owner], ast.copy_location(kept, node)), node))
    elif name in ("set_params", "set_output") and isinstance(owner, ast.Name):
        _assign(at, owner, evaluate(at, node))
    elif name in ("append", "extend", "remove", "update") and isinstance(owner, ast.Name):
        change(at, owner, name, node.args)
    else:
        evaluate(at, node)
