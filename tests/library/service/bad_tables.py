"""Tables that are bad whatever the model is: tensors that disagree with each other, in JSON and in binary, and CSV."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from slipway.serving.declared import FEATURES
from tests.library.service.asked import CSV, NAMES, Row, World, binary, http, infer, tensors, text
from tests.library.service.bad_rows import NO_NUMBERS, OUTSIDE, some
from tests.library.service.conftest import FAR, NUMBERS, SECRET

# Columns in which a cell may not be empty.
FULL = [each.name for each in FEATURES if not each.optional]
# What a member may never be.
ODD: dict[str, list[Any]] = {
    "name": [None, FAR, SECRET, [], ""],
    "datatype": ["FP128", "fp64", "", None, 7, SECRET, []],
    "shape": [[], [0], [-1], [FAR], [1.5], ["1"], None, 1, {}, [1, 2], [1, 1, 1], [10**30]],
    "data": [None, [], {}, SECRET, FAR, [[]], [None] * 7],
    "parameters": [[], FAR, SECRET, {"binary_data_size": 4}, {"binary_data_size": -1}, {"binary_data_size": 10**30}],
}
WHOLE: dict[str, list[Any]] = {
    "inputs": [None, [], {}, SECRET, [None], [[]], [SECRET], [{}]],
    "outputs": [{}, SECRET, [None], [{"name": SECRET}], [{"name": "predictions"}] * 2, [{"name": "predictions", "parameters": 1}]],
    "id": [FAR, [], {}, True],
    "parameters": [[], FAR, {"binary_data_output": SECRET}, {"binary_data_output": 1}],
}


def infer_path(world: World) -> str:
    """The path of the Open Inference Protocol."""
    return f"/v2/models/{world.name}/infer"


def bad_tensors(random: Random, world: World) -> bytes:
    """Send tensors of which one, or what is around them, is wrong."""
    asked, how = tensors(some(random, world)), random.randrange(5)
    inputs: list[Any] = asked["inputs"]
    if how == 0:
        inputs.pop(random.randrange(len(inputs)))
    elif how == 1:
        inputs.append(random.choice(inputs))
    elif how == 2:
        name = random.choice(list(WHOLE))
        asked[name] = random.choice(WHOLE[name])
    elif how == 3:
        spoil(random, random.choice(inputs))
    else:
        random.choice(inputs)["data"].append(0)
    return http(infer_path(world), json.dumps(asked).encode())


def spoil(random: Random, tensor: dict[str, Any]) -> None:
    """Spoil a tensor."""
    name = random.choice(list(ODD))
    rows = tensor["shape"][0]
    # A shape or a number of values that is right by chance is not spoilt.
    odd = [each for each in ODD[name] if not (name == "data" and isinstance(each, list) and len(each) == rows)]
    tensor[name] = random.choice(odd)


def bad_binary(random: Random, world: World) -> bytes:
    """Send binary tensors that are cut off, too long, or begin elsewhere."""
    full = [row for row in world.rows if None not in row.values()]
    if not full:
        return bad_tensors(random, world)
    asked, behind = binary(random.sample(full, random.randint(1, min(5, len(full)))))
    path, how = infer_path(world), random.randrange(5)
    if how == 0:
        return infer(path, asked, behind[: random.randrange(len(behind))])
    if how == 1:
        return infer(path, asked, behind + random.randbytes(random.randint(1, 50)))
    if how == 2:
        whole = len(json.dumps(asked))
        odd = ["", "x", "-1", "1.5", "9" * 30, str(whole + len(behind) + 1), str(random.randrange(whole))]
        return infer(path, asked, behind, random.choice(odd))
    if how == 3:
        random.choice(asked["inputs"])["parameters"]["binary_data_size"] += random.choice([-1, 1, 8, 10**9, 10**30, -(10**6)])
        return infer(path, asked, behind)
    return infer(path, asked, random.randbytes(len(behind) + 1))


def cells(rows: list[Row]) -> list[list[Any]]:
    """Return the cells of rows; a missing value is an empty cell."""
    return [["" if row[name] is None else row[name] for name in NAMES] for row in rows]


def bad_cell(random: Random, world: World) -> bytes:
    """Write CSV with a cell that its column may not have."""
    table = cells(some(random, world))
    odd: list[tuple[str, Any]] = [(name, random.choice([*NO_NUMBERS, SECRET, "true", "1,5"])) for name in NUMBERS]
    if not odd and not OUTSIDE and not FULL:
        return bad_line(random, world)
    name, cell = random.choice([*odd, *OUTSIDE] or [(name, "") for name in FULL])
    random.choice(table)[NAMES.index(name)] = cell
    return text(table, random.choice([NAMES, None]))


def bad_line(random: Random, world: World) -> bytes:
    """Write CSV with a line that has too many cells, or none."""
    table = cells(some(random, world))
    line = random.choice(table)
    line[:] = random.choice([[*line, ""], [*line, SECRET], [*line, *line], []])
    return text(table, random.choice([NAMES, None]))


def bad_header(random: Random, world: World) -> bytes:
    """Write CSV with a header that names a column twice."""
    return text(cells(some(random, world)), random.choice([[*NAMES, NAMES[0]], [*NAMES, SECRET], NAMES[:1] * (len(NAMES) + 1)]))


# Each makes CSV that is wrong.
TABLES: list[Callable[[Random, World], bytes]] = [
    bad_cell,
    bad_cell,
    bad_line,
    bad_header,
    lambda random, world: text(cells(some(random, world))) + b'"' + random.randbytes(random.randrange(50)).replace(b'"', b""),
    lambda random, world: text(cells(some(random, world))) + bytes([random.randrange(128, 256)]),
    lambda random, _: b"\xff" + random.randbytes(random.randrange(200)),
    lambda random, world: text(cells(some(random, world))).decode().encode("utf-16"),
    lambda random, _: random.choice([b"", text([]), b"\xef\xbb\xbf"]),
]


def bad_csv(random: Random, world: World) -> bytes:
    """Send CSV that is wrong."""
    return http("/invocations", random.choice(TABLES)(random, world), CSV)
