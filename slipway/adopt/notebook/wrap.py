"""An estimator with all that a notebook does before it, as steps of one pipeline."""

import ast
import copy
from collections.abc import Sequence

from slipway.adopt.notebook.estimators import gather_parts, make_pipeline
from slipway.adopt.notebook.frames import parse_expression
from slipway.adopt.notebook.learnt import Target
from slipway.adopt.notebook.predictors import find_steps
from slipway.adopt.notebook.searches import is_method
from slipway.adopt.notebook.state import name_class
from slipway.adopt.notebook.values import Frame, NotFollowed


def wrap(model: ast.expr, rows: Frame, target: Target, prepared: bool) -> ast.expr:
    """Return the estimator with all that was done before it as steps."""
    steps = [parse_expression("FunctionTransformer(prepare_rows)")] * prepared
    if any(part.chain for part in rows.parts):
        steps.append(gather_parts(rows.parts))
    steps += rows.steps
    if rows.alone:
        steps, model = _take_text(steps[:prepared], steps[prepared:], model, rows.inputs[0])
    whole = make_pipeline([*steps, model]) if steps else model
    if target.transformer:
        keywords = [ast.keyword("regressor", whole), ast.keyword("transformer", target.transformer)]
        return ast.Call(ast.Name("TransformedTargetRegressor", ast.Load()), [], keywords)
    if target.function is None or target.inverse is None:
        return whole
    keywords = [ast.keyword("regressor", whole), ast.keyword("func", target.function), ast.keyword("inverse_func", target.inverse)]
    return ast.Call(ast.Name("TransformedTargetRegressor", ast.Load()), [], keywords)


def _take_text(before: Sequence[ast.expr], steps: Sequence[ast.expr], model: ast.expr, column: str) -> tuple[list[ast.expr], ast.expr]:
    """Return steps of which the first gets one column as text, and not the whole row."""
    if steps:
        return [*before, _select_text(steps[0], column), *steps[1:]], model
    return list(before), _select_in_first(model, column)


def _select_text(node: ast.expr, column: str) -> ast.expr:
    entry = ast.Tuple([ast.Constant("text"), node, ast.Constant(column)], ast.Load())
    return ast.Call(ast.Name("ColumnTransformer", ast.Load()), [ast.List([entry], ast.Load())], [])


def _select_in_first(model: ast.expr, column: str) -> ast.expr:
    """Return a pipeline whose first step gets one column; parameters that are set for that step are set one level deeper."""
    if not isinstance(model, ast.Call):
        raise NotFollowed("a column of text is given to what is no pipeline")
    model = copy.deepcopy(model)
    if is_method(model) and isinstance(model.func, ast.Attribute):
        inner = model.func.value
        model.func.value = _select_in_first(inner, column)
        model.keywords = [ast.keyword(_deepen(each.arg, inner), each.value) for each in model.keywords]
        return model
    if name_class(model) == "make_pipeline" and model.args:
        model.args[0] = _select_text(model.args[0], column)
    elif (steps := find_steps(model)) and isinstance(steps.elts[0], ast.Tuple):
        steps.elts[0].elts[1] = _select_text(steps.elts[0].elts[1], column)
    return model


def _deepen(name: str | None, model: ast.expr) -> str | None:
    """Return the name of a parameter of a pipeline whose first step is now in a ColumnTransformer."""
    assert isinstance(model, ast.Call)
    if name_class(model) == "make_pipeline":
        old, new = name_class(model.args[0]).lower(), "columntransformer"
    else:
        steps = find_steps(model)
        old = new = str(ast.literal_eval(steps.elts[0].elts[0])) if steps and isinstance(steps.elts[0], ast.Tuple) else ""
    return f"{new}__text__{name.partition('__')[2]}" if name and old and name.startswith(f"{old}__") else name
