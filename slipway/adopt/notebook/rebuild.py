"""Write what a notebook learns as build(), with its own steps beside it."""

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from slipway.adopt.notebook.frames import parse_expression
from slipway.adopt.notebook.learnt import Learnt, Target
from slipway.adopt.notebook.names import PACKAGES, list_imports, list_lacking, list_modules, list_names, list_own
from slipway.adopt.notebook.searches import set_best
from slipway.adopt.notebook.state import State, name_class
from slipway.adopt.notebook.values import Frame, Made, NotFollowed, Operation
from slipway.adopt.notebook.wrap import wrap
from slipway.say import one_line

ESTIMATOR = '''"""What is fitted: the estimator of {name}, {place}, drafted by `./run adopt`."""
{exempt}
{imports}
{constants}

def build() -> Any:
    """Return the unfitted estimator."""
    return {body}
'''
STEPS = '''"""Steps of the pipeline that are the notebook's own. They travel with the release."""
{exempt}
{imports}
{body}
'''
# What is copied is not in the style of the project, nor typed.
EXEMPT = "# mypy: ignore-errors\n# ruff: noqa\n# Copied from a notebook; without these lines, `./run check` says what to correct.\n"
UNTYPED = '# mypy: disable-error-code="no-untyped-call"\n'
PREPARE = '''

def prepare_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute columns as the notebook does, each from its own row."""
    rows = rows.copy()
{lines}
    return rows[{columns}]
'''
SEARCH = '''"""The search of {name}, {place}, drafted by `./run adopt`; pipeline/train.py calls it where SEARCH_FIRST is True."""

from pathlib import Path
from typing import Any
{imports}
import pandas as pd

from slipway.gate import dataset
from slipway.say import line


def find_best(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
    """Return the best parameters for rows of a file, and print them."""
    truth = dataset.read_truth(rows, dataset.read_classes(rows, path), path)
    found = {body}
    found.fit(rows[{columns}], {truth})
    searched = {searched}
    line(f"best parameters: {{searched.best_params_}}, with a score of {{searched.best_score_:.4g}}")
    return dict(searched.best_params_)
'''


@dataclass(frozen=True)
class Rebuilt:
    """The drafts: files by their names, packages that they need, columns that the model sees, and sentences for people."""

    estimator: str
    steps: str
    search: str
    packages: list[str]
    lacking: list[str]  # imports that are not installed
    columns: list[str]
    explicit: set[str]
    notes: list[str]


def rebuild(learnt: Learnt, at: State, name: str) -> Rebuilt:
    """Return the drafts of model/ for what a notebook learns."""
    operations = _keep_needed(learnt.rows)
    columns = _list_inputs(learnt.rows, operations)
    model = set_best(learnt.searched) if learnt.searched else learnt.model
    whole = wrap(model.node, learnt.rows, learnt.target, bool(operations))
    if at.output and isinstance(whole, ast.Call) and name_class(whole) in ("Pipeline", "make_pipeline", "set_params"):
        whole = ast.Call(ast.Attribute(whole, "set_output", ast.Load()), [], [ast.keyword("transform", ast.Constant(at.output))])
    steps, used = _write_steps(whole, learnt.rows, operations, at)
    _refuse_names(at, used, operations)
    constants = _name_lists(whole, at)
    estimator = ESTIMATOR.format(
        name=name,
        place=learnt.place,
        exempt=UNTYPED if steps else "",
        imports="\n".join(["from typing import Any", *list_imports([whole], at, used)]),
        constants="".join(f"\n{each} = {ast.unparse(node)}" for each, node in constants.items()),
        body=ast.unparse(ast.fix_missing_locations(_Named(constants).visit(copy.deepcopy(whole)))),
    )
    search = _write_search(learnt, at, name, bool(operations)) if learnt.searched else ""
    modules = list_modules([estimator, steps])
    packages = [line for each in modules for line in PACKAGES.get(each, ())]
    lacking = [each for each in modules if find_spec(each) is None]
    others = [each for each in modules if each not in PACKAGES]
    explicit = _list_explicit(at, whole) | {name for each in operations for name in each.reads}
    notes = list(_describe(learnt, operations, used, at))
    if others:
        notes.append(f"model/ imports {', '.join(others)}: their packages have to be in requirements/serve.in")
    return Rebuilt(estimator, steps, search, packages, lacking, columns, explicit, notes)


def _refuse_names(at: State, used: set[str], operations: Sequence[Operation]) -> None:
    """Raise NotFollowed for a function that has the name of one that is written here, and for what is computed from the target."""
    for name in {"build", *(["prepare_rows"] * bool(operations))} & used & at.definitions.keys():
        raise NotFollowed(
            f"{name} is a function of the notebook, and one that adopt writes: give it another name", at.definitions[name].place
        )
    for each in operations:
        if at.target in each.reads:
            raise NotFollowed(f"{each.column!r} is computed from {at.target!r}, the target, which no request has", each.place)


# --- the steps


def _keep_needed(rows: Frame) -> list[Operation]:
    """Return the computed columns that the model sees, with those that they are computed from."""
    needed, kept = set(rows.inputs), list[Operation]()
    for each in reversed(rows.operations):
        if each.column in needed:
            kept.append(each)
            needed = (needed - ({each.column} - each.reads)) | each.reads
    return kept[::-1]


def _list_inputs(rows: Frame, operations: Sequence[Operation]) -> list[str]:
    """Return the columns of the table that the model is to be given, in the notebook's order."""
    made, read = set[str](), list[str]()
    for each in operations:
        read += [name for name in sorted(each.reads) if name not in made]
        made |= {each.column}
    first = [name for name in rows.inputs if name not in made or name in read]
    return list(dict.fromkeys([*first, *read]))


def _write_steps(whole: ast.expr, rows: Frame, operations: Sequence[Operation], at: State) -> tuple[str, set[str]]:
    """Return model/steps.py, and which names the estimator imports of it."""
    nodes = [whole, *(each.node for each in operations)]
    own = list(list_own(nodes, at))
    if not own and not operations:
        return "", set()
    definitions = [at.definitions[each] for each in own if each in at.definitions]
    definitions.sort(key=lambda each: (each.place.cell, each.place.line))
    constants = {each: node for each in own if each not in at.definitions and isinstance(node := at.values[each], Made)}
    late = {each for each, node in constants.items() if set(list_names(node.node)) & at.definitions.keys()}  # made by functions
    parts = [f"{each} = {ast.unparse(node.node)}" for each, node in constants.items() if each not in late]
    parts += [f"\n\n# {each.place} of the notebook\n{each.source}" for each in definitions]
    parts += [f"\n\n{each} = {ast.unparse(constants[each].node)}" for each in sorted(late)]
    if operations:
        lines = [f"    rows[{each.column!r}] = {ast.unparse(each.node)}  # {each.place}" for each in operations]
        parts.append(PREPARE.format(lines="\n".join(lines), columns=repr(rows.inputs)))
    trees = [*(each.node for each in definitions), *(each.node for each in operations), *(each.node for each in constants.values())]
    imports = list_imports(trees, at, set(), ["pd"] * bool(operations))
    text = STEPS.format(exempt=EXEMPT if definitions else "", imports="\n".join(imports), body="\n".join(parts))
    return text, {*own, *(["prepare_rows"] * bool(operations))}


def _name_lists(whole: ast.expr, at: State) -> dict[str, ast.expr]:
    """Return lists of columns that have a name in the notebook, as constants."""
    lists = {ast.unparse(each) for each in ast.walk(whole) if isinstance(each, ast.List) and _is_columns(each)}
    named = {ast.unparse(each.node): name for name, each in at.values.items() if isinstance(each, Made)}
    found: dict[str, ast.expr] = {}
    for text in sorted(lists & named.keys()):
        if (name := named[text].upper()) not in (*found, *list_names(whole)):
            found[name] = parse_expression(text)
    return found


def _is_columns(node: ast.List) -> bool:
    return len(node.elts) > 1 and all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in node.elts)


class _Named(ast.NodeTransformer):
    """Puts constants in the place of lists."""

    def __init__(self, constants: dict[str, ast.expr]) -> None:
        self.names = {ast.unparse(node): name for name, node in constants.items()}

    def visit_List(self, node: ast.List) -> ast.expr:
        if _is_columns(node) and (name := self.names.get(ast.unparse(node))):
            return ast.Name(name, ast.Load())
        self.generic_visit(node)
        return node


def _write_search(learnt: Learnt, at: State, name: str, prepared: bool) -> str:
    searched = learnt.searched
    assert searched
    whole = wrap(searched.call, replace(learnt.rows, alone=False), Target(learnt.target.column), prepared)
    function = learnt.target.function
    columns = repr(learnt.rows.inputs[0]) if learnt.rows.alone and whole is searched.call else "dataset.list_inputs()"
    trees = [whole, *([function] if function else [])]
    own = {*list_own(trees, at), "prepare_rows"}
    return SEARCH.format(
        name=name,
        place=searched.place,
        imports="\n".join(list_imports(trees, at, own)),
        body=ast.unparse(ast.fix_missing_locations(whole)),
        columns=columns,
        truth=f"{ast.unparse(function)}(truth)" if function else "truth",
        searched="found" if whole is searched.call else "found[-1]",
    )


# --- sentences


def _list_explicit(at: State, whole: ast.expr) -> set[str]:
    """Return the columns that the notebook names where it chooses what the model sees."""
    trees: list[ast.AST] = [whole]
    for cell in at.cells:
        for each in (node for statement in cell.body for node in ast.walk(statement)):
            if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.List):
                trees.append(each.slice)
            elif isinstance(each, ast.Assign) and isinstance(each.value, ast.List):
                trees.append(each.value)
    return {each.value for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def _describe(learnt: Learnt, operations: Sequence[Operation], used: set[str], at: State) -> Iterator[str]:
    if operations:
        names, places = (list(dict.fromkeys(each)) for each in zip(*((each.column, each.place) for each in operations), strict=True))
        where = one_line("; ".join(map(str, places)), 80)
        yield f"{where}: prepare_rows, a step in model/steps.py, computes {one_line(', '.join(names), 80)}"
    for name, place in list_lacking(used, at):
        yield f"{place}: model/steps.py uses {name}, which is known only when the notebook is run: write it there"
    if copied := [f"{name} ({at.definitions[name].place})" for name in sorted(used & at.definitions.keys())]:
        yield f"model/steps.py has a copy of {one_line(', '.join(copied), 120)}"
    for name in sorted(used):
        if name in at.definitions and at.definitions[name].is_lambda:
            yield f"{at.definitions[name].place}: a lambda cannot be stored: it is the function {name} in model/steps.py"
    for node in dict.fromkeys(ast.unparse(each) for each in learnt.rows.steps):
        yield f"`{node}` was fitted apart: it is a step of build()"
    chains: dict[str, list[str]] = {}
    for part in learnt.rows.parts:
        for step in part.chain:
            chains.setdefault(ast.unparse(step), []).extend(part.columns)
    spread = {name for part in learnt.rows.parts if part.label for name in part.columns}  # by get_dummies
    for text, names in chains.items():
        gaps = "; of missing cells it makes a column, get_dummies none" if spread & set(names) and "OneHotEncoder" in text else ""
        yield f"`{text}` on {one_line(', '.join(names), 80)} is a step of build(){gaps}"
