"""What a description in JSON Schema cannot say of the service, for schemathesis; BUNDLE names the release that is asked."""

import json
import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

from tests.library.service.asked import BINARY, CSV, World, tensors, text
from tests.library.service.bad_tables import cells

ROWS = st.lists(st.sampled_from(World.of(Path(os.environ["BUNDLE"])).rows), min_size=1, max_size=5)


def whole(value: Any) -> Any:
    """Write 3.0 as 3: to JSON Schema both are whole numbers, to the service only the latter."""
    if isinstance(value, list):
        return [whole(each) for each in value]
    if isinstance(value, dict):
        return {name: whole(each) for name, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def map_body(_: schemathesis.HookContext, body: Any) -> Any:
    """Have what is sent hold to that."""
    return whole(body)


# What is right in CSV, and as tensors of which none is binary, which is content of the binary kind too.
schemathesis.openapi.media_type(CSV, ROWS.map(lambda rows: text(cells(rows))))
schemathesis.openapi.media_type(BINARY, ROWS.map(lambda rows: json.dumps(tensors(rows)).encode()))
