"""What the models of XGBoost and LightGBM say of themselves, in the bytes and the text that they are stored as."""

import re
from collections.abc import Mapping
from typing import Any

from slipway.adopt.pickle_tree import Blob, Record

# XGBoost stores UBJSON: it begins with the names of the columns, and ends with its version as three small numbers.
VERSION = re.compile(rb"version\[#L\0{7}\x03i(.)i(.)i(.)", re.DOTALL)
NAMES = re.compile(rb"feature_names\[#L\0{4}(.{4})", re.DOTALL)
# LightGBM stores text; columns without names are called so.
LINE = re.compile(r"^feature_names=(.+)$", re.MULTILINE)
UNNAMED = re.compile(r"Column_\d+")
HEAD = 4000


def read_xgboost_version(booster: Record) -> str:
    """Return the version of XGBoost that made a booster, nothing where it does not say."""
    handle = booster.state.get("handle")
    tail = handle.tail if isinstance(handle, Blob) else handle if isinstance(handle, bytes) else b""
    found = VERSION.search(tail)
    return ".".join(str(each[0]) for each in found.groups()) if found else ""


def read_booster_columns(state: Mapping[Any, Any]) -> list[str]:
    """Return the columns that a model of XGBoost or LightGBM saw, by the attributes of its estimator; none where it saw no names."""
    booster = state.get("_Booster")
    stored = booster.state if isinstance(booster, Record) else {}
    handle = stored.get("handle", stored.get("_handle"))
    if isinstance(handle, str):
        found = LINE.search(handle[:HEAD])
        names = found[1].split() if found else []
        return [] if any(UNNAMED.fullmatch(each) for each in names) else names
    return _read_names(handle.head if isinstance(handle, Blob) else handle if isinstance(handle, bytes) else b"")


def _read_names(content: bytes) -> list[str]:
    """Return the texts in the list of names; none where not all of them are there."""
    found = NAMES.search(content)
    count, at, names = int.from_bytes(found[1], "big") if found else 0, found.end() if found else 0, list[str]()
    while len(names) < count:
        if content[at : at + 2] != b"SL" or at + 10 > len(content):
            return []
        end = at + 10 + int.from_bytes(content[at + 2 : at + 10], "big")
        if end > len(content):
            return []
        names.append(content[at + 10 : end].decode("utf-8", "replace"))
        at = end
    return names
