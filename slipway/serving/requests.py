"""The content of a request, up to a limit, and the one shape of every error: {"error": sentence}.

A sentence says where the request is wrong and what is expected, and never repeats the caller's values.
"""

from collections.abc import Collection, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope

JSON = "application/json"
MOST_ERRORS = 5


class Refused(HTTPException):
    """A request that is not answered: its status, and a sentence without the caller's values."""


class Shed(Refused):
    """A request for which there is no room at the moment; `reason` is "queue" (too many wait) or "late" (it waited for too long)."""

    def __init__(self, reason: str) -> None:
        super().__init__(503, "Too many requests wait for the model. Send the request again in a second.", {"retry-after": "1"})
        self.reason = reason


def install_error_handlers(app: FastAPI) -> None:
    """Make an app answer its errors in this shape."""

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        request.state.refused = error
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def fail(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"error": "The service failed; its log has the reason."}, 500)

    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(Exception, fail)


async def read_body(request: Request, limit: int, kinds: Collection[str] = (JSON,)) -> bytes:
    """Return a request's content. Raises Refused for another kind of content, and for more bytes than the limit."""
    return await read_content(request.scope, request.receive, limit, kinds)


async def read_content(scope: Scope, receive: Receive, limit: int, kinds: Collection[str] = (JSON,)) -> bytes:
    """Return a request's content, as `read_body` does."""
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if kind not in kinds:
        raise Refused(415, f"The content-type must be {' or '.join(kinds)}.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(415, "The content must not be compressed: send it without content-encoding.")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise _refuse_size(limit)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The content was cut off.")  # nobody reads it; the log and the counts do not call it a failure of ours
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > limit:
            raise _refuse_size(limit)
    return b"".join(parts)


def _refuse_size(limit: int) -> Refused:
    # The connection stays: the server reads the rest and drops it. A caller who is cut off as it sends does not see the answer.
    return Refused(413, f"The content has more than {limit} bytes. Send it in several requests.")


def describe_invalid(error: ValidationError, fields: Sequence[str]) -> str:
    """Return where the input is wrong and what is expected; only declared fields are named."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    places = "; ".join(f"{_describe_place(each['loc'], fields)}: {each['msg']}" for each in errors[:MOST_ERRORS])
    more = len(errors) - MOST_ERRORS
    return places + (f"; and {more} more" if more > 0 else "")


def _describe_place(location: Sequence[Any], fields: Sequence[str]) -> str:
    row = f"row {location[0]}, " if location and isinstance(location[0], int) else ""
    # Of a value that may have several types, the last part is one of these.
    field = next((part for part in location if part in fields), "the request")
    return row + field
