"""The content of a request, up to a limit."""

from collections.abc import Collection

from fastapi import Request
from starlette.requests import ClientDisconnect

from slipway.serving.errors import Refused

JSON = "application/json"


async def read(request: Request, limit: int, kinds: Collection[str] = (JSON,)) -> bytes:
    """Return a request's content. Raises Refused for another kind of content, and for more bytes than the limit."""
    headers = dict(request.scope["headers"])
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if kind not in kinds:
        raise Refused(415, f"The content-type has to be {' or '.join(kinds)}.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(415, "The content has to be sent as it is, without content-encoding.")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise too_long(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_long(limit)
            parts.append(part)
    except ClientDisconnect:
        raise Refused(400, "The content was cut off.") from None  # nobody reads it; the log and the counts do not call it a failure of ours
    return b"".join(parts)


def too_long(limit: int) -> Refused:
    """Return the answer to a request with more bytes than the serving config allows.

    The connection stays: the server reads the rest and forgets it, while a caller who is cut off as it sends does not see the answer.
    """
    return Refused(413, f"The content has more than {limit} bytes. Send it in several requests.")
