"""Calls of estimators: what is fitted, what is transformed apart, and how steps are put together."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slipway.adopt.notebook import frames
from slipway.adopt.notebook.frames import Arguments
from slipway.adopt.notebook.searches import find_best, set_best
from slipway.adopt.notebook.state import Fit, State, name_class
from slipway.adopt.notebook.values import TEXT, Frame, Made, NotFollowed, Part, Searched, Several, Unknown, Value, as_made
from slipway.say import one_line

RESAMPLERS = "imblearn."
STACKED = ("numpy.hstack", "numpy.column_stack", "numpy.concatenate", "scipy.sparse.hstack", "pandas.concat")


def call_estimator(at: State, node: ast.Call, receiver: Made | Searched, name: str, arguments: Arguments) -> Value | None:
    """Follow a method of an estimator; None where it returns the estimator with something set."""
    rows = arguments.find(0, "X")
    if name in ("fit", "fit_predict", "partial_fit"):
        truth = arguments.find(1, "y")
        if truth is not None and rows is not None:
            others = tuple(each.arg for each in node.keywords if each.arg and each.arg not in ("X", "y"))
            at.fits.append(Fit(at.place(node), receiver, rows, truth, others))
        elif isinstance(receiver, Made):
            at.fitted[ast.unparse(receiver.node)] = rows.columns if isinstance(rows, Frame) else []
        return receiver
    if name == "fit_resample":
        return Several(tuple(arguments.positional))
    if name in ("fit_transform", "transform"):
        if isinstance(receiver, Made) and isinstance(rows, Frame):
            if name == "transform" and at.fitted.get(text := ast.unparse(receiver.node), rows.columns) != rows.columns:
                what = f"`{one_line(text, 60)}` was fitted on other rows or columns; here it is fitted on {', '.join(rows.columns)}"
                rows = rows.add_note(at.place(node), what)
            return transform(at, receiver, rows)
        raise NotFollowed("what is transformed is not followed")
    if name in ("set_params", "set_output") and isinstance(receiver, Made):
        return None
    raise NotFollowed(f".{name}() is known only when it is run")


def transform(at: State, transformer: Made, frame: Frame) -> Frame:
    """Return rows after a transformer that is fitted apart: it becomes a step."""
    if name_class(transformer.node) in ("LabelEncoder", "LabelBinarizer"):
        return frames.encode_labels(frame, at.target)
    if frame.alone and not frame.steps:
        part = frame.parts[0]
        alone = part.alone if part.chain else part.kind == TEXT or name_class(transformer.node).endswith("Vectorizer")
        return replace(frame, parts=(replace(part, chain=(*part.chain, transformer.node), alone=alone),), alone=False)
    return replace(frame, steps=(*frame.steps, transformer.node))


def apply_each(at: State, encoder: Made, frame: Frame) -> Frame:
    """Return a frame each of whose columns goes through a transformer of its own."""
    return frames.encode_labels(frame, at.target) if name_class(encoder.node) == "LabelEncoder" else frames.chain(frame, encoder.node)


def gather_parts(parts: Sequence[Part]) -> ast.expr:
    """Return a ColumnTransformer with the steps of each part, its columns in the order of the parts."""
    entries: list[ast.expr] = []
    names = dict[str, int]()
    for chain, columns, alone in _merge(parts):
        name = "rest" if not chain else columns[0] if alone else name_class(chain[-1]).lower()
        names[name] = names.get(name, 0) + 1
        label = name if names[name] == 1 else f"{name}_{names[name]}"
        step = ast.Constant("passthrough") if not chain else chain[0] if len(chain) == 1 else make_pipeline(chain)
        entries.append(ast.Tuple([ast.Constant(label), step, as_made(columns[0] if alone else list(columns)).node], ast.Load()))
    return ast.Call(ast.Name("ColumnTransformer", ast.Load()), [ast.List(entries, ast.Load())], [])


def _merge(parts: Sequence[Part]) -> list[tuple[tuple[ast.expr, ...], list[str], bool]]:
    """Return the chains with their columns, those that follow each other with the same chain as one."""
    found: list[tuple[tuple[ast.expr, ...], list[str], bool]] = []
    for part in parts:
        same = found and [ast.unparse(each) for each in found[-1][0]] == [ast.unparse(each) for each in part.chain]
        if same and not part.alone and not found[-1][2] and len(part.columns) == 1:
            found[-1][1].extend(part.columns)
        else:
            found.append((part.chain, list(part.columns), part.alone))
    return found


def make_pipeline(steps: Sequence[ast.expr]) -> ast.expr:
    """Return a call of make_pipeline."""
    return ast.Call(ast.Name("make_pipeline", ast.Load()), list(steps), [])


def make_call(at: State, node: ast.Call, receiver: Value | None, arguments: Arguments, starred: list[ast.expr]) -> Made:
    """Return a call of what is imported or defined, with what it gets."""
    function: ast.expr = node.func
    if receiver is not None:
        assert isinstance(receiver, Made)
        assert isinstance(node.func, ast.Attribute)
        function = ast.Attribute(receiver.node, node.func.attr, ast.Load())
    elif isinstance(node.func, ast.Name) and not isinstance(found := at.read(node.func.id), Made):
        raise NotFollowed(f"{node.func.id} is {type(found).__name__.lower()}")
    elif isinstance(node.func, ast.Name) and isinstance(found := at.read(node.func.id), Made):
        function = found.node
    nodes = [_as_argument(each) for each in arguments.positional]
    if isinstance(function, ast.Name) and function.id == "dict" and not nodes:
        return Made(ast.Dict([ast.Constant(each) for each in arguments.named], [_as_argument(each) for each in arguments.named.values()]))
    if isinstance(function, ast.Name) and function.id == "str" and len(nodes) == 1 and isinstance(nodes[0], ast.Constant):
        return as_made(str(nodes[0].value))
    keywords = [ast.keyword(name, _as_argument(each)) for name, each in arguments.named.items()]
    return Made(_drop_resamplers(at, ast.Call(function, [*nodes, *(ast.Starred(each, ast.Load()) for each in starred)], keywords)))


def _as_argument(value: Any) -> ast.expr:
    if isinstance(value, Searched):
        return set_best(value).node
    if isinstance(value, Unknown):
        raise value.error
    if isinstance(value, Made):
        return value.node
    raise NotFollowed("it gets columns of the table")


def _drop_resamplers(at: State, made: ast.Call) -> ast.Call:
    """Return a pipeline of imbalanced-learn as one of scikit-learn, without the steps that resample."""
    if not at.find_path(made.func).startswith("imblearn.pipeline."):
        return made
    name = at.find_path(made.func).rpartition(".")[2]
    steps = made.args[0].elts if name == "Pipeline" and isinstance(made.args[0], ast.List) else made.args
    kept = [each for each in steps if not _is_resampler(at, each.elts[1] if isinstance(each, ast.Tuple) else each)]
    arguments: list[ast.expr] = [ast.List(kept, ast.Load())] if name == "Pipeline" else list(kept)
    return ast.Call(ast.Name(name, ast.Load()), arguments, made.keywords)


def _is_resampler(at: State, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and at.find_path(node.func).startswith(RESAMPLERS)


def search(at: State, node: ast.Call, arguments: Arguments) -> Searched:
    """Return a search, with the best parameters that the notebook shows."""
    made = make_call(at, node, None, arguments, [])
    estimator = arguments.find(0, "estimator")
    assert isinstance(made.node, ast.Call)
    assert isinstance(estimator, Made)
    following = [each for each in at.cells if each.number >= at.cell.number]
    return Searched(estimator, made.node, at.place(node), best=find_best(made.node, following))


def keep_validated(at: State, node: ast.Call, arguments: Arguments) -> None:
    """Keep an estimator that is fitted by cross-validation."""
    model, rows, truth = (arguments.find(number, name) for number, name in enumerate(("estimator", "X", "y")))
    if isinstance(model, Made | Searched) and rows is not None and truth is not None:
        at.fits.append(Fit(at.place(node), model, rows, truth))


def stack(path: str, first: Value | None, arguments: Arguments) -> Frame:
    """Follow hstack, concat and the like, along columns. Raises NotFollowed."""
    found = first.values if isinstance(first, Several) else ()
    if path in ("pandas.concat", "numpy.concatenate") and arguments.literal(1, "axis", 0) not in (1, "columns"):
        raise NotFollowed("rows of several tables are joined")
    whole = [each if isinstance(each, Frame) else None for each in found]
    if not whole or None in whole:
        raise NotFollowed("columns are joined that are not followed")
    return frames.join([each for each in whole if each], gather_parts)
