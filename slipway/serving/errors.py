"""One shape for every error, {"error": sentence}. It says where and what is expected, and never repeats the caller's values."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

SHOWN = 5


class Refused(HTTPException):
    """A request that is not answered: its status, and a sentence without the caller's values."""


class Shed(Refused):
    """A request for which there is no room at the moment; `reason` is "queue" (too many wait) or "late" (it waited for too long)."""

    def __init__(self, reason: str) -> None:
        super().__init__(503, "Too many requests wait for the model. Send it again in a second.", {"retry-after": "1"})
        self.reason = reason


def install(app: FastAPI) -> None:
    """Make an app answer its errors in this shape."""

    async def failed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        request.state.refused = error
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def broken(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"error": "The service failed; its log says why."}, 500)

    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(Exception, broken)


def too_many(rows: int, limit: int) -> Refused:
    """Return the answer to a request with more rows than the serving config allows."""
    return Refused(413, f"{rows} rows in one request; at most {limit}. Send them in several requests.")


def sentence(error: ValidationError, fields: Sequence[str]) -> str:
    """Say where the input is wrong and what is expected."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    said = "; ".join(f"{place(error['loc'], fields)}: {error['msg']}" for error in errors[:SHOWN])
    more = len(errors) - SHOWN
    return said + (f"; and {more} more" if more > 0 else "")


def place(location: Sequence[Any], fields: Sequence[str]) -> str:
    """Name a place in the request: row number and field, only if the field is a declared one."""
    row = f"row {location[0]}, " if location and isinstance(location[0], int) else ""
    # Of a value that may have several types, the last part is one of these.
    field = next((part for part in location if part in fields), "the request")
    return row + field
