"""Requests with more content than is allowed, or with less than they announced."""

import json
from random import Random

from tests.library.service.asked import CSV, JSON, NAMES, World, http, text
from tests.library.service.bad_http import path
from tests.library.service.bad_rows import some, written
from tests.library.service.bad_tables import cells


def more_rows(random: Random, world: World) -> bytes:
    """Send more rows than one request may have."""
    rows = [world.rows[0]] * (world.max_rows + random.randint(1, 20))
    if random.random() < 0.1 and {"mlflow", "sagemaker"} & set(world.contracts):
        return http("/invocations", text(cells(rows), random.choice([NAMES, None])), CSV)
    form = random.choice(world.forms)
    return http(world.path(form), json.dumps(form.wrap(rows)).encode())


def more_bytes(random: Random, world: World) -> bytes:
    """Send more bytes than one request may have: with their length, without, or the length alone."""
    size, to = world.max_bytes + random.randint(1, 100_000), path(random, world)
    how = random.randrange(3)
    if how == 0:
        return http(to, b" " * size)
    if how == 1:
        return http(to, content_length=str(random.choice([size, 10**12, 10**18])))
    head = f"POST {to} HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [b" " * 50_000] * (size // 50_000 + 1)) + b"0\r\n\r\n"


def cut_off(random: Random, world: World) -> bytes:
    """Send less content than was announced."""
    form = random.choice(world.forms)
    whole = http(world.path(form), written(form, some(random, world)))
    return whole[: len(whole) - random.randint(1, len(whole) - whole.index(b"\r\n\r\n") - 4)]
