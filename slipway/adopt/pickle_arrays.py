"""Arrays and numbers of numpy in the tree of a pickle, and the bytes of arrays that joblib writes between the opcodes."""

import math
import re
from itertools import islice
from typing import Any

import numpy as np

from slipway.adopt.pickle_reader import Source, read_nested
from slipway.adopt.pickle_tree import KEPT, Name, NotRead, Record

CODE = re.compile(r"(b1|[iuf][1248]|f16|c(8|16|32)|[USV]\d{1,9}|[mM]8|O8?|O4)")
# Those that are read; of the others only the size is needed.
READ = re.compile(r"(b1|[iuf][248]|[iu]1|[US]\d{1,9})")
MOST_DIMENSIONS = 64
# Of an index of pandas the values are among the first things that it holds.
FIRST = 10
# Where the state of a dtype has its flags, and the flag of Python objects.
FLAGS, HAS_OBJECTS = 7, 1
RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
FROM_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
INDEX = ("pandas.core.indexes.base._new_Index", "pandas.indexes.base._new_Index")
BACKED = "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked"


def read_array(record: Record, source: Source) -> None:
    """Read or skip the bytes that joblib wrote behind an array. Raises NotRead."""
    state = record.states[-1] if isinstance(record.states[-1], dict) else {}
    code, size, objects = _measure(state.get("dtype"))
    if objects:
        read_nested(record, source)
        return
    count = size * math.prod(_read_shape(state.get("shape")))
    if state.get("numpy_array_alignment_bytes") is not None:
        padding = source.read(1)
        source.skip(padding[0] if padding else 0)
    if count <= KEPT and code:
        record.items.append(source.read(count))
    else:
        source.skip(count)


def _measure(dtype: Any) -> tuple[str, int, bool]:
    """Return the code of a dtype, its size in bytes, and whether it holds Python objects. Raises NotRead."""
    code = dtype.arguments[0] if isinstance(dtype, Record) and dtype.arguments else None
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise NotRead(f"an array is of an unknown type, {str(code)[:20]!r}")
    state: tuple[Any, ...] = dtype.states[-1] if dtype.states and isinstance(dtype.states[-1], tuple) else ()
    flags = state[FLAGS] if len(state) > FLAGS and isinstance(state[FLAGS], int) else 0
    digits = int(re.sub(r"\D", "", code) or 8)
    return code, digits * 4 if code[0] == "U" else digits, code[0] == "O" or bool(flags & HAS_OBJECTS)


def _read_shape(shape: Any) -> tuple[int, ...]:
    numbers = tuple(map(_read_size, shape)) if isinstance(shape, tuple) and len(shape) <= MOST_DIMENSIONS else (-1,)
    if not all(isinstance(each, int) and 0 <= each < 2**63 for each in numbers):
        raise NotRead("an array has no shape")
    return numbers


def _read_size(value: Any) -> Any:
    return read_number(value) if isinstance(value, Record) else value


def read_number(record: Record) -> Any:
    """Return a number or a text of numpy, None of what is none."""
    if record.path not in SCALAR or len(record.arguments) != 2:
        return None
    found = _decode(record.arguments[0], record.arguments[1])
    return found[0] if found else None


def _decode(dtype: Any, content: Any) -> list[Any] | None:
    """Return bytes as the values of a plain dtype."""
    code, _, objects = _measure(dtype)
    if objects or not isinstance(content, bytes) or not READ.fullmatch(code):
        return None
    state: tuple[Any, ...] = dtype.states[-1] if dtype.states else ()
    order = state[1] if len(state) > 1 and state[1] in ("<", ">") else "<"
    kind = np.dtype(code if code[0] == "b" or code[1:] == "1" else order + code)
    if not kind.itemsize or len(content) % kind.itemsize:
        return None
    return list(np.frombuffer(content, dtype=kind).tolist())


def read_values(record: Record, depth: int = 0) -> list[Any] | None:
    """Return the values of an array of numpy or an index of pandas as lists, None of what is none or too large."""
    try:
        return _read_values(record, depth)
    except (NotRead, ValueError, TypeError, IndexError, OverflowError):
        return None


def _read_values(record: Record, depth: int) -> list[Any] | None:
    if depth > 3:
        return None
    if record.path in INDEX or record.path == BACKED or record.path.startswith("pandas."):
        parts = [record.arguments, *record.states[-1:], *record.items[:1]]
        arrays = (each for part in parts for each in _list_records(part))
        return next((found for each in arrays if (found := read_values(each, depth + 1)) is not None), None)
    shape, found, fortran = _find_content(record)
    if found is None:
        return None
    values = np.empty(len(found), dtype=object)
    values[:] = found
    return list(values.reshape(_read_shape(shape), order="F" if fortran else "C").tolist())


def _list_records(value: Any, depth: int = 0) -> list[Record]:
    """Return the records within the first values of tuples and dicts."""
    if isinstance(value, Record):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [each for part in islice(values, FIRST) for each in _list_records(part, depth + 1)] if depth < 2 else []


def _find_content(record: Record) -> tuple[Any, list[Any] | None, bool]:
    """Return the shape of an array, its values in a row, and whether columns come first."""
    if record.path in RECONSTRUCT and record.states:
        _, shape, dtype, fortran, content = record.states[-1]
        return shape, content if isinstance(content, list) else _decode(dtype, content), bool(fortran)
    if record.path in FROM_BUFFER and len(record.arguments) == 4:
        content, dtype, shape, order = record.arguments
        return shape, _decode(dtype, content), order == "F"
    state = record.state
    if isinstance(state.get("subclass"), Name) and record.items:
        if isinstance(record.items[0], Record):
            return _find_content(record.items[0])
        return state.get("shape"), _decode(state.get("dtype"), record.items[0]), state.get("order") == "F"
    return (), None, False
