"""Requests that are bad around their content: another kind of it, another method or path, or no HTTP at all."""

from random import Random

from tests.library.service.asked import BINARY, CSV, JSON, World, http
from tests.library.service.bad_rows import some, written
from tests.library.service.conftest import SECRET

METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
KINDS = (
    None,
    *("", "text/plain", "text/html", "application/x-www-form-urlencoded", "application/jsonx", "application/jso", "json"),
    *("multipart/form-data; boundary=x", "application/xml", "application/msgpack", "*/*", "application/json, text/csv", ";", "a" * 9000),
)
ENCODINGS = ("gzip", "br", "deflate", "zstd", "compress", "x", "identity, gzip", "gzip, identity")
GET_PATHS = ("/version", "/healthz", "/readyz", "/metrics", "/openapi.json")
SEGMENTS = (
    "..",
    ".",
    "%2e%2e",
    "%00",
    "%ff",
    "%2f",
    "etc",
    "passwd",
    "predict",
    "a" * 3000,
    SECRET,
    "~",
    "*",
    "a;b",
    "%F0%9F%9A%B2",
    "\\",
    "$",
)
# No HTTP, or HTTP that means two things; BODY is put in the place of a body.
WIRE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"POST /predict HTTP/9.9\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
    b"FROBNICATE /predict HTTP/1.1\r\nhost: x\r\n\r\n",
    b"post /predict HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST predict HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /pre dict HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nno colon\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nbad name: x\r\n\r\n",
    b"POST /predict HTTP/1.1\r\n: x\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nx: a\x00b\r\n\r\n",
    b"POST /predict HTTP/1.1\r\ncontent-length: x\r\n\r\n{}",
    b"POST /predict HTTP/1.1\r\ncontent-length: -2\r\n\r\n{}",
    b"POST /predict HTTP/1.1\r\ncontent-length: 2.0\r\n\r\n{}",
    b"POST /predict HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n{}",
    b"POST /predict HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    b"POST /predict HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /predict HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    b"POST /predict HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}x\r\n",
    b"POST /predict HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n",
    b"POST /predict HTTP/1.1\r\ntransfer-encoding: nonsense\r\n\r\n{}",
)


def path(random: Random, world: World) -> str:
    """Return a path at which rows are taken."""
    return world.path(random.choice(world.forms))


def other_content(random: Random, world: World) -> bytes:
    """Call the content something else, or say that it is compressed."""
    form = random.choice(world.forms)
    content = written(form, some(random, world))
    if random.random() < 0.5:
        return http(world.path(form), content, content_encoding=random.choice(ENCODINGS))
    # Triton's client names no kind at all, and is answered.
    return http(world.path(form), content, random.choice([each for each in KINDS if each is not None or form.contracts != "v2"]))


def other_kind(random: Random, world: World) -> bytes:
    """Call the content what another route takes."""
    taken = {"/invocations": CSV, f"/v2/models/{world.name}/infer": BINARY}
    to = path(random, world)
    return http(to, b"{}", random.choice([each for each in (CSV, BINARY) if taken.get(to) != each]))


def other_method(random: Random, world: World) -> tuple[str, bytes]:
    """Ask with a method that a path does not take."""
    if random.random() < 0.7:
        method = random.choice(METHODS)
        return method, http(path(random, world), random.choice([b"", b"{}"]), method=method)
    method = random.choice(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    return method, http(random.choice(GET_PATHS), random.choice([b"", b"{}"]), random.choice([JSON, None]), method)


def other_path(random: Random, world: World) -> tuple[str, bytes]:
    """Ask at a path that is none."""
    method = random.choice(["GET", "POST", "PUT", "DELETE"])
    models = [f"/v1/models/{SECRET}:predict", f"/v2/models/{SECRET}/infer", f"/v2/models/{world.name}/versions/{SECRET}/infer"]
    odd = "/".join(["", *random.choices(SEGMENTS, k=random.randint(1, 6)), SECRET])
    near = path(random, world) + random.choice(["/", "//", "/x", "%00", "%20", "x", ".json"])
    found = random.choice([odd, odd, odd, near, random.choice(models)])
    return (method, http(found, method=method)) if found is odd else ("POST", http(found, b"{}"))


def no_http(random: Random, _: World) -> bytes:
    """Send what is no HTTP, or means two things."""
    odd = random.choice(WIRE)
    return odd if random.random() < 0.7 else bytes([random.randrange(128, 256)]) + random.randbytes(random.randrange(300)) + b"\r\n\r\n"


def odd_headers(random: Random, content: bytes) -> bytes:
    """Add headers that change nothing to a request."""
    names = ["x-request-id", "accept", "cookie", "expect", "user-agent", "x-forwarded-for", "authorization", "accept-encoding", SECRET]
    values = [
        b"",
        b"a" * 5000,
        b"\xff\xfe",
        b"\t x \t",
        b"../../etc/passwd",
        b"${jndi:x}",
        b"\xf0\x9f\x9a\xb2",
        b"x" * 64,
        b"=?utf-8?q?x?=",
    ]
    lines = [f"{random.choice(names)}: ".encode() + random.choice(values) for _ in range(random.randint(1, 30))]
    head, _, rest = content.partition(b"\r\n\r\n")
    return head + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + rest
