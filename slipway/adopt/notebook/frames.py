"""What functions and methods of pandas and numpy do to columns, by their names and arguments alone."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slipway.adopt.notebook.cells import Place
from slipway.adopt.notebook.values import (
    TEXT,
    TIME,
    Computed,
    Frame,
    Made,
    NotFollowed,
    Operation,
    Part,
    Statistic,
    Unknown,
    Value,
    read_column,
)

# What leaves columns as they are, whatever it does with rows or with the index.
ROWS_ONLY = ("copy", "reset_index", "sample", "sort_values", "sort_index", "infer_objects", "convert_dtypes")
INTO_ARRAY = ("toarray", "todense", "tocsr", "ravel", "squeeze")
FEWER_ROWS = ("dropna", "drop_duplicates", "query", "head", "tail", "nlargest", "nsmallest")
# Methods whose result in a row depends on that row alone.
BY_ROW = {"abs", "add", "sub", "mul", "div", "pow", "clip", "round", "map", "apply", "astype", "fillna", "replace", "isna", "isnull"}
BY_ROW |= {"notna", "notnull", "isin", "between", "eq", "ne", "gt", "ge", "lt", "le", "where", "mask", "truediv", "floordiv", "mod"}
ELEMENTWISE = {"log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "square", "abs", "sin", "cos", "tan", "where", "power", "sign"}
ELEMENTWISE |= {"floor", "ceil", "round", "clip", "minimum", "maximum", "radians", "hypot", "arctan2", "isnan", "logical_and", "logical_or"}
NUMBERS, WORDS = ("int64", "float64", "number", "int", "float"), ("object", "str", "string", "category", "O")
ENCODER = 'OneHotEncoder(handle_unknown="ignore", sparse_output=False{})'
# Transformers that treat each column by itself, so that columns may be written back.
COLUMN_WISE = {"StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "QuantileTransformer", "PowerTransformer", "SimpleImputer"}
COLUMN_WISE |= {"OrdinalEncoder", "LabelEncoder", "FunctionTransformer", "Binarizer"}
ORDINAL = 'OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)'


@dataclass(frozen=True)
class Arguments:
    """The arguments of a call."""

    positional: Sequence[Value] = ()
    named: dict[str, Value] = field(default_factory=dict)

    def find(self, number: int, name: str) -> Value | None:
        """Return an argument by its position or name."""
        return self.positional[number] if number < len(self.positional) else self.named.get(name)

    def literal(self, number: int, name: str, default: Any = None) -> Any:
        """Return a literal argument. Raises NotFollowed where it is none."""
        found = self.find(number, name)
        if found is None:
            return default
        if isinstance(found, Unknown):
            raise found.error
        if not isinstance(found, Made):
            raise NotFollowed(f"the argument {name} depends on the data")
        return found.literal()


def parse_expression(text: str) -> ast.expr:
    """Return the tree of an expression."""
    return ast.parse(text, mode="eval").body


def as_computed(value: Value) -> Computed:
    """Return a column as a value for each row. Raises NotFollowed."""
    if isinstance(value, Unknown):
        raise value.error
    if isinstance(value, Computed):
        return value
    if isinstance(value, Frame) and value.alone and not value.steps and not value.parts[0].chain:
        return Computed(read_column(value.columns[0]), value, value.parts[0].kind)
    raise NotFollowed("it is computed from what a transformer returned, or from several columns at once")


def list_names(value: Any) -> list[str]:
    """Return column names, of which a single one may stand alone."""
    return [str(each) for each in (value if isinstance(value, list | tuple | set) else [value])]


# --- methods of a frame or a column


def drop(frame: Frame, arguments: Arguments) -> Frame:
    """Follow DataFrame.drop."""
    axis = arguments.literal(1, "axis", 0)
    names = arguments.literal(9, "columns") if "columns" in arguments.named else None
    if names is None and axis not in (1, "columns"):
        return frame  # rows
    gone = list_names(names if names is not None else arguments.literal(0, "labels"))
    prefixes = tuple(part.label.removesuffix("*") for part in frame.parts if part.label)
    if spread := [name for name in gone if prefixes and name.startswith(prefixes) and name not in frame.columns]:
        raise NotFollowed(f"{', '.join(spread)} is one of several columns that get_dummies makes")
    return frame.select([name for name in frame.columns if name not in gone])


def fill(frame: Frame, arguments: Arguments, place: Place) -> Value:
    """Follow fillna: a constant for each row, or a figure that an imputer learns."""
    value = arguments.find(0, "value")
    if isinstance(value, Statistic):
        if not frame.alone or value.column != frame.columns[0]:
            raise NotFollowed("fillna with a figure of another column")
        return chain(frame, parse_expression(f'SimpleImputer(strategy="{value.name}")'))
    if not isinstance(value, Made):
        raise NotFollowed("fillna with what the text does not show")
    if frame.alone:
        computed = as_computed(frame)
        return Computed(_call_method(computed.node, "fillna", [value.node]), frame, computed.kind)
    given = value.literal()
    found = given if isinstance(given, dict) else dict.fromkeys(frame.columns, given)
    for name, constant in found.items():
        part = frame.find(name)
        if part and (part.kind == TEXT) != isinstance(constant, str) and not part.chain:  # an imputer takes no other type
            filled = _call_method(read_column(name), "fillna", [ast.Constant(constant)])
            frame = frame.compute(Operation(name, filled, frozenset({name}), place), part.kind)
        elif part and len(part.columns) == 1 and not part.label:
            imputer = parse_expression(f'SimpleImputer(strategy="constant", fill_value={constant!r})')
            frame = frame.replace_part(name, replace(part, chain=(*part.chain, imputer)))
    return frame


def rename(frame: Frame, names: dict[str, str], place: Place) -> Frame:
    """Return a frame with other names for columns; those that the table has already stay."""
    for old, new in names.items():
        part = frame.find(old)
        if part and old != new:
            renamed = frame.replace_part(old, Part((new,), kind=part.kind))
            operation = Operation(new, read_column(old), frozenset({old}), place)
            if part.chain or frame.steps:
                raise NotFollowed("columns are renamed after they were transformed")
            frame = replace(renamed, operations=(*frame.operations, operation))
    return frame


def chain(frame: Frame, node: ast.expr) -> Frame:
    """Return a frame each of whose columns goes through one more step of its own."""
    return replace(frame, parts=tuple(replace(part, chain=(*part.chain, node)) for part in frame.parts))


def call_column(frame: Frame | Computed, name: str, arguments: Arguments) -> Value:
    """Follow a method of a column."""
    if name in ("mean", "median"):
        return Statistic(min(as_computed(frame).reads), name)
    if name == "mode":
        return Statistic(min(as_computed(frame).reads), "most_frequent")
    computed = as_computed(frame)
    if "expand" in arguments.named:
        raise NotFollowed(f".{name}() makes several columns")
    if name == "astype" and isinstance(found := arguments.find(0, "dtype"), Made):
        word = found.literal() if isinstance(found.node, ast.Constant) else ast.unparse(found.node).rpartition(".")[2]
        if word == "category":
            return frame
        kind = TEXT if word in WORDS else "float64"
    elif name in BY_ROW or (isinstance(computed.node, ast.Attribute) and computed.node.attr in ("dt", "str")):
        kind = TEXT if computed.kind == TEXT and name not in ("len", "count", "contains", "map", "isna", "notna", "isin") else "float64"
    else:
        raise NotFollowed(f".{name}() depends on other rows, or is not known here")
    return Computed(_call_method(computed.node, name, *_list_nodes(arguments)), computed.frame, kind)


def _list_nodes(arguments: Arguments) -> tuple[list[ast.expr], dict[str, ast.expr]]:
    return [as_node(each) for each in arguments.positional], {name: as_node(each) for name, each in arguments.named.items()}


def as_node(value: Value) -> ast.expr:
    """Return a value as part of an expression for each row."""
    return value.node if isinstance(value, Made) else as_computed(value).node


def _call_method(owner: ast.expr, name: str, nodes: Sequence[ast.expr], named: dict[str, ast.expr] | None = None) -> ast.expr:
    keywords = [ast.keyword(each, node) for each, node in (named or {}).items()]
    return ast.Call(ast.Attribute(owner, name, ast.Load()), list(nodes), keywords)


# --- functions of pandas and numpy


def read_times(value: Value) -> Computed:
    """Follow to_datetime: the pipeline gets times as text in one form, whatever the file has."""
    computed = as_computed(value)
    node = parse_expression('pd.to_datetime(x, format="ISO8601", errors="coerce")')
    assert isinstance(node, ast.Call)
    node.args = [computed.node]
    return Computed(node, computed.frame, TIME)


def encode_dummies(arguments: Arguments) -> Frame:
    """Follow get_dummies: other columns first, then those of each category, as pandas orders them."""
    frame = arguments.find(0, "data")
    if not isinstance(frame, Frame) or frame.steps:
        raise NotFollowed("get_dummies of what is not followed")
    given = arguments.literal(4, "columns")
    if arguments.literal(3, "dummy_na", False):
        raise NotFollowed("get_dummies with dummy_na")
    texts = [part.columns[0] for part in frame.parts if part.kind == TEXT and not part.label]
    names = list_names(given) if given else frame.columns if frame.alone else texts
    encoder = parse_expression(ENCODER.format(', drop="first"' if arguments.literal(6, "drop_first", False) else ""))
    encoded = [part for part in frame.parts if part.columns[0] in names and not part.label]
    if len(encoded) != len(set(names)):
        raise NotFollowed(f"get_dummies of {', '.join(set(names) - set(frame.columns)) or 'what a transformer returned'}")
    ordered = sorted(encoded, key=lambda part: names.index(part.columns[0]))
    parts = [part for part in frame.parts if part not in encoded]
    spread = (replace(part, chain=(*part.chain, encoder), kind="float64", label=f"{part.columns[0]}_*") for part in ordered)
    return replace(frame, parts=(*parts, *spread), alone=False)


def join(frames: Sequence[Frame], gather: Callable[[Sequence[Part]], ast.expr]) -> Frame:
    """Follow hstack and concat with axis=1: the columns of several frames side by side."""
    parts: list[Part] = []
    for each in frames:
        if not each.steps:
            parts += each.parts
            continue
        raw = all(not part.chain for part in each.parts)
        parts.append(Part(tuple(each.columns), each.steps if raw else (gather(each.parts), *each.steps), "float64"))
    operations = tuple(dict.fromkeys(operation for each in frames for operation in each.operations))
    return Frame(tuple(parts), operations, notes=tuple(dict.fromkeys(note for each in frames for note in each.notes)))


def encode_labels(frame: Frame, target: str) -> Frame:
    """Follow LabelEncoder: nothing for the target, whose classes are numbered anyway, else an encoder with unknowns."""
    return frame if frame.columns == [target] else replace(chain(frame, parse_expression(ORDINAL)), alone=False)
