"""One shape for every error, {"error": sentence}. It says where and what is expected, and never repeats the caller's values."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

SHOWN = 5


def install(app: FastAPI, fields: Sequence[str]) -> None:
    """Make an app answer its errors in this shape."""

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"error": sentence(error.errors(), fields)}, 422)

    async def failed(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StarletteHTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def broken(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"error": "The service failed; its log says why."}, 500)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(StarletteHTTPException, failed)
    app.add_exception_handler(Exception, broken)


def too_many(rows: int, limit: int) -> HTTPException:
    """Return the answer to a request with more rows than the serving config allows."""
    return HTTPException(413, f"{rows} rows in one request; at most {limit}. Send them in several requests.")


def sentence(errors: Sequence[Any], fields: Sequence[str]) -> str:
    """Say where the input is wrong and what is expected."""
    said = "; ".join(f"{place(error['loc'], fields)}: {error['msg']}" for error in errors[:SHOWN])
    more = len(errors) - SHOWN
    return said + (f"; and {more} more" if more > 0 else "")


def place(location: Sequence[Any], fields: Sequence[str]) -> str:
    """Name a place in the request: row number and field, only if the field is a declared one."""
    # Of JSON that cannot be read, the second part is a position in its text.
    row = next((f"row {part}, " for part in location[2:] if isinstance(part, int)), "")
    field = location[-1]
    return row + (field if field in fields else "the request")
