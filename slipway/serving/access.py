"""Who may ask at the public address: on which routes, with which keys, how often. Inside, everything answers without a key.

Inside is a port of its own (`INSIDE`), or behind the proxy of the target docker whatever that has not marked. What holds outside belongs to
where a release runs, not to the release: small files in the folders of `ACCESS`, which are read again while they change.
"""

import asyncio
import hmac
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from slipway.serving import metrics
from slipway.serving.requests import Refused

# The proxy writes the caller's address here, whatever the caller sent.
MARK = b"x-caller-address"
PREDICT, SCHEMA = "predict", "/openapi.json"
# What a load balancer and a browser ask, who have no key.
WITHOUT_KEY = frozenset(("/healthz", "/docs", SCHEMA))
# No key is named so: names have neither spaces nor brackets.
NO_KEY, UNKNOWN_KEY = "(none)", "(unknown)"
HALF = 16
SETTINGS, KEY = "settings.json", "key-"
# A revoked key is refused within two seconds.
LOOK_SECONDS = 0.5
DAY = 86400

log = logging.getLogger("service.access")


class Settings(BaseModel):
    """What holds for all callers: `settings.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: float = 0
    routes: tuple[str, ...] = (PREDICT, "/healthz", "/docs")
    keys: bool = False
    per_second: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Access:
    """What holds at the moment: of each key its name and its hash, and when that was last changed."""

    settings: Settings
    keys: tuple[tuple[str, bytes], ...] = ()
    changed: float = 0.0


# Where the files cannot be read there is no key that is good.
CLOSED = Access(Settings(keys=True))


def read_access(folders: Iterable[Path]) -> Access:
    """Read what holds: of each file the newest of all folders. Raises OSError, ValueError, KeyError."""
    newest: dict[str, dict[str, Any]] = {}
    for path in (path for folder in folders for path in folder.glob("*.json")):
        found = json.loads(path.read_bytes())
        if found["at"] >= newest.get(path.name, found)["at"]:
            newest[path.name] = found
    settings = Settings.model_validate(newest.get(SETTINGS, {}))
    keys = {name: found for name, found in newest.items() if name.startswith(KEY)}
    good = ((name[len(KEY) : -5], bytes.fromhex(found["sha256"])) for name, found in keys.items() if found["sha256"])
    return Access(settings, tuple(good), max([settings.at, *(found["at"] for found in keys.values())]))


def find_key(presented: bytes, keys: Mapping[bytes, tuple[str, bytes]]) -> str:
    """Return the name of a key that a request brings, of keys by the first half of their hash.

    How long it takes to find that half says nothing about a key, which nobody knows from its hash; the whole is compared in constant time.
    """
    digest = sha256(presented).digest()
    name, expected = keys.get(digest[:HALF], (UNKNOWN_KEY, b""))
    return name if hmac.compare_digest(digest, expected) else UNKNOWN_KEY


def _read_key(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"x-api-key":
            return value
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
    return None


class Guard:
    """Decides who may ask. `predicting` are the predict routes of the contracts that are on."""

    def __init__(self, predicting: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
        self.predicting = (*predicting,)
        self.folders = [Path(each) for each in environment.get("ACCESS", "").split(os.pathsep) if each]
        self.inside = int(environment.get("INSIDE", "").rpartition(":")[2] or 0)
        self.seen: Any = None
        self.second, self.counts = 0, dict[str, int]()
        self.used: dict[str, int] = {}
        self._apply(CLOSED)
        self.refresh()

    async def follow(self) -> None:
        """Read the files again whenever they have changed, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.refresh()

    def refresh(self) -> None:
        """Read the files if they have changed; where they cannot be read, what held before goes on."""
        self.day = int(time.time() // DAY)
        try:
            # When a file was written: the engine gives what it writes into a volume any other time.
            seen = [(each.path, each.stat().st_ctime_ns) for folder in self.folders if folder.is_dir() for each in os.scandir(folder)]
            if seen != self.seen:
                self._apply(read_access(self.folders))
                self.seen = seen
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            log.warning("the files in ACCESS cannot be read", extra={"reason": repr(error)[:200]})

    def _apply(self, access: Access) -> None:
        named: Mapping[str, Iterable[str]] = {PREDICT: self.predicting, "/docs": ("/docs", SCHEMA)}
        paths = [path for each in access.settings.routes for path in named.get(each, (each,))]
        self.patterns = [compile_path(path)[0] for path in paths if "{" in path]
        self.paths, self.access = {*paths}, access
        # Good keys that were brought since the files changed, each found by Python's keyed hash of it, whose time says nothing about it.
        self.brought: dict[bytes, str] = {}
        self.keys = {digest[:HALF]: (name, digest) for name, digest in access.keys}
        metrics.ACCESS_CHANGED.set(access.changed)

    def find_address(self, scope: Scope) -> str | None:
        """Return the address of a caller, None of who asks inside."""
        if self.inside:
            return None if scope["server"][1] == self.inside else str((scope["client"] or ("unknown",))[0])
        for name, value in scope["headers"]:
            if name == MARK:
                return str(value, "latin-1")
        return None

    def admits(self, path: str) -> bool:
        """Tell whether callers reach a path, or a route by its path with names in braces."""
        return path in self.paths or any(each.match(path) for each in self.patterns)

    def refuse(self, scope: Scope, address: str) -> Refused | None:
        """Return why a caller gets no answer, None where there is one. Notes in the scope who asks."""
        path, settings = scope["path"], self.access.settings
        presented = _read_key(scope["headers"])
        scope["caller"] = name = NO_KEY if presented is None else self.brought.get(presented) or self._find_key(presented)
        if not self.admits(path):
            return Refused(404, "Not Found")
        if path in WITHOUT_KEY:
            return None
        known = name not in (NO_KEY, UNKNOWN_KEY)
        if known:
            self._note_use(name)
        elif settings.keys:
            return Refused(401, "A key is needed: Authorization: Bearer KEY, or X-API-Key: KEY.", {"www-authenticate": "Bearer"})
        if settings.per_second and self._count(name if known else address) > settings.per_second:
            return Refused(429, f"More than {settings.per_second} requests in a second. Send it again in a second.", {"retry-after": "1"})
        return None

    def _find_key(self, presented: bytes) -> str:
        name = find_key(presented, self.keys)
        if name != UNKNOWN_KEY:
            self.brought[presented] = name
        return name

    def _count(self, who: str) -> int:
        # Of this process, in this second: what is kept does not grow with the number of callers.
        if (second := int(time.monotonic())) != self.second:
            self.second, self.counts = second, {}
        self.counts[who] = count = self.counts.get(who, 0) + 1
        return count

    def _note_use(self, name: str) -> None:
        if self.used.get(name) != self.day:
            self.used[name] = self.day
            metrics.KEY_USED.labels(name).set(self.day * DAY)


class AccessControl:
    """Refuses who may not ask."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        address = None if scope["type"] == "lifespan" else self.guard.find_address(scope)
        refused = None if address is None else self.guard.refuse(scope, address)
        if refused is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            scope.setdefault("state", {})["refused"] = refused
            await JSONResponse({"error": refused.detail}, refused.status_code, refused.headers)(scope, receive, send)
