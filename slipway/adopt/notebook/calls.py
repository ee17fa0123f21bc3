"""What a call in a notebook returns: of pandas and numpy, of an estimator, of the notebook's own functions."""

import ast
from dataclasses import replace

from slipway.adopt.notebook import frames
from slipway.adopt.notebook.cells import Place
from slipway.adopt.notebook.columns import pass_back
from slipway.adopt.notebook.estimators import (
    RESAMPLERS,
    STACKED,
    apply_each,
    call_estimator,
    keep_validated,
    make_call,
    search,
    stack,
)
from slipway.adopt.notebook.frames import Arguments
from slipway.adopt.notebook.items import call_list
from slipway.adopt.notebook.searches import SEARCHES
from slipway.adopt.notebook.selection import select_types
from slipway.adopt.notebook.state import Definition, State
from slipway.adopt.notebook.values import (
    TIME,
    Computed,
    Dataset,
    Frame,
    Made,
    NotFollowed,
    Operation,
    Part,
    Searched,
    Several,
    Value,
    as_made,
)
from slipway.say import one_line

DEPTH = 4
VALIDATIONS = ("cross_val_score", "cross_validate", "cross_val_predict")
# What returns the columns of its first argument.
SAME = {f"numpy.{name}" for name in ("array", "asarray", "ravel")}
SAME |= {"pandas.DataFrame", "pandas.Series", "scipy.sparse.csr_matrix", "sklearn.utils.shuffle"}


def call(at: State, node: ast.Call, path: str, receiver: Value | None, arguments: Arguments, starred: list[ast.expr]) -> Value:
    """Return what a call gives, by the full name of what is imported, or by what it is called on. Raises NotFollowed."""
    _watch(at, node, path, arguments)
    found = _call_function(at, node, path, arguments) if receiver is None else _call_method(at, node, receiver, arguments)
    return found if found is not None else make_call(at, node, receiver, arguments, starred)


def _watch(at: State, node: ast.Call, path: str, arguments: Arguments) -> None:
    """Keep what is said of scores, splits and resampling."""
    name = path.rpartition(".")[2]
    if path.startswith("sklearn.metrics.") and name.endswith(("_score", "_error", "_loss", "_deviance", "log_loss")):
        at.scores.append((at.place(node), name))
    scoring = arguments.named.get("scoring")
    if isinstance(scoring, Made) and isinstance(scoring.node, ast.Constant):
        at.scores.append((at.place(node), str(scoring.node.value)))
    if path.startswith("sklearn.model_selection.") and (name == "train_test_split" or name.endswith(("Fold", "Split", "Out"))):
        at.splits.append((at.place(node), f"{name}({_write_keywords(node)})"))
    if path.startswith(RESAMPLERS) and ("sampling" in path or "combine" in path):
        at.note(node, f"{name} resamples the rows to learn from; the model is fitted on all as they are: class_weight does the like")


def _write_keywords(node: ast.Call) -> str:
    return ", ".join(f"{each.arg}={ast.unparse(each.value)}" for each in node.keywords if each.arg and each.arg != "random_state")


# --- functions


def _call_function(at: State, node: ast.Call, path: str, arguments: Arguments) -> Value | None:
    name, first = path.rpartition(".")[2], arguments.positional[0] if arguments.positional else None
    if path.startswith("pandas.read_"):
        return _read(at, node, arguments)
    if path.startswith("sklearn.datasets.") and name.startswith(("load_", "fetch_")):
        return _load(at, arguments)
    if name == "train_test_split" and path:
        return _split(at, node, arguments)
    if name in VALIDATIONS and path:
        keep_validated(at, node, arguments)
        raise NotFollowed("scores are known only when it is run")
    if name in SEARCHES and path and isinstance(first or arguments.named.get("estimator"), Made):
        return search(at, node, arguments)
    if path == "pandas.get_dummies":
        return frames.encode_dummies(arguments)
    if path in STACKED:
        return stack(path, first, arguments)
    if path == "pandas.to_datetime" and first:
        return frames.read_times(first)
    if path.startswith("sklearn.") and name == "set_config" and (output := arguments.literal(99, "transform_output")):
        at.output = str(output)
    if path in SAME and isinstance(first, Frame | Computed):
        return first
    elementwise = path.startswith("numpy.") and name in frames.ELEMENTWISE
    if elementwise and any(isinstance(each, Frame | Computed) for each in arguments.positional):
        return _compute(node, arguments)
    if not path and isinstance(node.func, ast.Name):
        return _call_own(at, node.func.id, node, arguments)
    return None


def _split(at: State, node: ast.Call, arguments: Arguments) -> Several:
    """Return both parts of what train_test_split gets, with how it splits."""
    text = f"rows were split by train_test_split({_write_keywords(node)}); adopt holds rows back in its own way, see below"
    found = [each.add_note(at.place(node), text) if isinstance(each, Frame) else each for each in arguments.positional]
    return Several(tuple(each for each in found for _ in (0, 1)))


def _read(at: State, node: ast.Call, arguments: Arguments) -> Frame:
    """Return the table that is read, with its times where the notebook reads them as such."""
    frame = Frame(tuple(Part((each,), kind=kind) for each, kind in at.kinds.items()))
    frame = frame.add_note(at.place(node), f"`{one_line(ast.unparse(node), 60)}`: the table given here stands for what this reads")
    times = arguments.named.get("parse_dates")
    for each in frames.list_names(times.literal()) if isinstance(times, Made) and isinstance(times.node, ast.List) else []:
        if frame.find(each):
            computed = frames.read_times(frame.select([each], alone=True))
            frame = frame.compute(Operation(each, computed.node, computed.reads, at.place(node)), TIME)
    index = arguments.named.get("index_col")
    if isinstance(index, Made) and isinstance(index.node, ast.Constant) and index.node.value is not None:
        gone = frame.columns[index.node.value] if isinstance(index.node.value, int) else index.node.value
        frame = frame.select([each for each in frame.columns if each != gone])
    return frame.select(frames.list_names(arguments.literal(99, "usecols"))) if "usecols" in arguments.named else frame


def _load(at: State, arguments: Arguments) -> Dataset | Several:
    frame = Frame(tuple(Part((each,), kind=kind) for each, kind in at.kinds.items()))
    if not arguments.literal(9, "return_X_y", False):
        return Dataset(frame, at.target)
    return Several((frame.select([each for each in frame.columns if each != at.target]), frame.select([at.target], alone=True)))


def _compute(node: ast.Call, arguments: Arguments) -> Computed:
    if arguments.named:
        raise NotFollowed("a function of numpy with named arguments")
    columns = [frames.as_computed(each) for each in arguments.positional if not isinstance(each, Made)]
    nodes = [frames.as_node(each) for each in arguments.positional]
    return Computed(ast.Call(node.func, nodes, []), max((each.frame for each in columns), key=lambda each: len(each.operations)), "float64")


def _call_own(at: State, name: str, node: ast.Call, arguments: Arguments) -> Value | None:
    definition = at.definitions.get(name)
    if definition is None or isinstance(definition.node, ast.ClassDef):
        return None
    given = [*arguments.positional, *arguments.named.values()]
    if given and all(isinstance(each, Made) for each in given) and _branches(definition.node):
        return None  # build() calls it
    scope: dict[str, Value] = {}
    try:
        return _inline(at, definition, node, arguments, scope)
    except NotFollowed as error:
        if given and all(isinstance(each, Made) for each in given):
            return None
        raise NotFollowed(f"the function {name}: {error.why}", error.place, error.code) from error
    finally:
        pass_back(at, definition.node, node, scope)


def _branches(node: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.If | ast.For | ast.While | ast.Try | ast.With | ast.Yield) for each in ast.walk(node))


def _inline(at: State, definition: Definition, node: ast.Call, arguments: Arguments, scope: dict[str, Value]) -> Value:
    """Follow the statements of a function of the notebook with the arguments that it gets."""
    function = definition.node
    assert isinstance(function, ast.FunctionDef)
    names = [each.arg for each in function.args.args]
    if at.depth >= DEPTH or len(arguments.positional) > len(names) or len(node.args) != len(arguments.positional):
        raise NotFollowed("its arguments are not followed")
    defaults = dict(zip(names[::-1], function.args.defaults[::-1], strict=False))
    before, cell, imports = dict(at.values), at.cell, dict(at.imports)
    bound = {name: Made(each) for name, each in defaults.items()} | dict(zip(names, arguments.positional, strict=False)) | arguments.named
    at.depth += 1
    at.cell = next((each for each in at.cells if each.number == definition.place.cell), cell)
    try:
        at.values = {**before, **bound}
        found = at.run(at, function.body)
    finally:
        scope |= at.values
        at.values, at.cell, at.imports = before, cell, imports
        at.depth -= 1
    return found if found is not None else as_made(None)


# --- methods


def _call_method(at: State, node: ast.Call, receiver: Value, arguments: Arguments) -> Value | None:
    assert isinstance(node.func, ast.Attribute)
    name = node.func.attr
    match receiver:
        case Frame() if not receiver.alone:
            return _call_frame(at, node, receiver, name, arguments)
        case Frame() | Computed():
            return _call_series(receiver, name, arguments, at.place(node))
        case Made() if isinstance(receiver.node, ast.List | ast.Tuple | ast.Dict | ast.Set):
            return call_list(receiver, name, arguments)
        case Made() | Searched():
            return call_estimator(at, node, receiver, name, arguments)
    raise NotFollowed(f".{name}() of what is not followed")


def _call_series(column: Frame | Computed, name: str, arguments: Arguments, place: Place) -> Value:
    if name in (*frames.ROWS_ONLY, *frames.INTO_ARRAY, *frames.FEWER_ROWS, "to_numpy", "ravel", "flatten"):
        return column
    if name in ("to_frame", "reshape"):
        return replace(column, alone=False) if isinstance(column, Frame) else column
    if name == "fillna" and isinstance(column, Frame):
        return frames.fill(column, arguments, place)
    return frames.call_column(column, name, arguments)


def _call_frame(at: State, node: ast.Call, frame: Frame, name: str, arguments: Arguments) -> Value:
    if name in frames.FEWER_ROWS:
        if name in ("dropna", "query"):
            return frame.add_note(at.place(node), f"{name} leaves rows out; here all rows of the table are taken: leave them out in load")
        return frame
    if name in (*frames.ROWS_ONLY, *frames.INTO_ARRAY, "to_numpy"):
        return frame
    if name == "drop":
        return frames.drop(frame, arguments)
    if name == "fillna":
        return frames.fill(frame, arguments, at.place(node))
    if name == "apply" and node.args and ast.unparse(node.args[0]).endswith(".fit_transform"):
        encoder = at.value(node.args[0].value) if isinstance(node.args[0], ast.Attribute) else None
        if isinstance(encoder, Made):
            return apply_each(at, encoder, frame)
    if name == "rename" and isinstance(names := arguments.named.get("columns"), Made):
        return frames.rename(frame, names.literal(), at.place(node))
    if name == "select_dtypes":
        return select_types(frame, arguments)
    if name == "pop":
        column = arguments.literal(0, "item")
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            at.values[node.func.value.id] = frame.select([each for each in frame.columns if each != column])
        return frame.select([column], alone=True)
    if name in ("isnull", "isna", "describe", "info", "corr", "groupby", "plot", "hist", "nunique", "mean", "median", "sum"):
        raise NotFollowed(f".{name}() is known only when it is run")
    return frame.add_note(at.place(node), f".{name}() of the table is not followed; the table given here has to be as it is after that")
