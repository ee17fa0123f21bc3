"""`./run keys`: who may ask at the public address. Keys belong to where releases run, and outlive them."""

import json
import re
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from slipway.errors import PipelineError
from slipway.operate import chain, lock, targets
from slipway.operate.targets import Target
from slipway.project import Callers, Project
from slipway.say import line, report_warning, table, warn

# As `slipway.serving.access` reads them: a file for each key, so that two who change keys at once overwrite nothing.
SETTINGS, KEY, USED = "settings.json", "key-", "used"
MARK = "x-caller-address"
PREFIX, KEY_BYTES = "slipway_", 32
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
CHANGED = re.compile(r"^ml_access_changed_timestamp_seconds (\S+)$", re.MULTILINE)
LAST_USED = re.compile(r'^ml_key_used_timestamp_seconds\{caller="([a-z0-9-]+)"\} (\S+)$', re.MULTILINE)
# Within so long every replica has read what was written; else it is written again, for as long as a node may be away.
TAKEN_SECONDS, WAIT_SECONDS = 3, 60
Record = dict[str, Any]


def keys(project: Project, action: str, name: str = "") -> None:
    """Add a key and print it once, list the keys, revoke one, or apply [callers] of project.toml. Raises PipelineError."""
    if (action in ("add", "revoke")) != bool(name):
        found = f"takes no name, found {name!r}. Expected: nothing behind it" if name else "has no name. Expected: a caller's, as planning"
        then = {"add": "add planning", "revoke": "list"}.get(action, action)
        raise PipelineError(f"./run keys {action} {found}. Nothing was done. Next: ./run keys {then}.")
    target = targets.load_target(project)
    {"add": _add_key, "list": _list_keys, "revoke": _revoke_key, "apply": _apply_settings}[action](project, target, name)


def _add_key(project: Project, target: Target, name: str) -> None:
    before = read_records(target.read_access()).get(name)
    if not NAME.fullmatch(name) or (before and before["sha256"]):
        problem = f"{name!r} has a key already" if before else f"{name!r} is no name"
        raise PipelineError(
            f"{problem}. Expected: a name of small letters, digits and hyphens without a key, such as planning-2. Next: ./run keys list."
        )
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    # A random key of 256 bits cannot be guessed from its hash, however fast that is computed: no salt, and no slow hash.
    record = {"sha256": sha256(key.encode()).hexdigest(), "made": chain.format_now(), "by": lock.find_user()}
    write_everywhere(target, f"{KEY}{name}.json", record)
    needed = "Callers need it from now on." if project.callers.keys else "It is not needed until [callers] keys = true in project.toml."
    line(f"The key of {name}, which is shown only once:\n\n{key}\n\n{needed} Callers send it as Authorization: Bearer KEY.")


def _revoke_key(project: Project, target: Target, name: str) -> None:
    records = read_records(target.read_access())
    good = [each for each, record in records.items() if record["sha256"]]
    if name not in good:
        expected = " or ".join(good) or "a caller with a key, but there is none"
        raise PipelineError(f"{name!r} has no key. Expected: {expected}. Next: ./run keys list.")
    record = {**records[name], "sha256": None, "revoked": chain.format_now(), "by": lock.find_user()}
    write_everywhere(target, f"{KEY}{name}.json", record)
    none = " No key is left: all callers get 401." if project.callers.keys and good == [name] else ""
    line(f"The key of {name} is rejected from now on.{none}")


def _list_keys(project: Project, target: Target, _: str) -> None:
    files = target.read_access()
    days = keep_uses(target, files)
    rows = [format_key(name, each, days.get(name, "never")) for name, each in sorted(read_records(files).items())]
    line(table(["name", "is", "last use"], rows))
    line(f"[callers] keys = {str(project.callers.keys).lower()} in project.toml. Next: ./run keys add NAME, ./run keys revoke NAME.")


def _apply_settings(project: Project, target: Target, _: str) -> None:
    if record := find_change(project, target.read_access()):
        write_everywhere(target, SETTINGS, record)
    callers = project.callers
    asked = "with a key" if callers.keys else "without a key"
    line(f"Callers are answered on {', '.join(callers.routes)}, {asked}; all other routes answer only inside.")


def publish_settings(project: Project, target: Target) -> None:
    """Before a deploy: write [callers] of project.toml where it has changed, and keep what the live release knows of last uses."""
    files = target.read_access()
    if record := find_change(project, files):
        target.write_access(SETTINGS, json.dumps(record))
    with suppress(PipelineError):  # nothing is live, or it does not answer
        keep_uses(target, files)


def find_change(project: Project, files: dict[str, str]) -> Record | None:
    """Return what is to be written for [callers] in project.toml, None where that holds already. Raises PipelineError."""
    proxy = project.root / "infra" / "haproxy.cfg"
    if project.target == "docker" and project.callers != Callers() and MARK not in proxy.read_text(encoding="utf-8"):
        raise PipelineError(
            f"{proxy} does not mark callers, so every route would answer them without a key. Nothing was changed. "
            f"Next: in its frontend callers, http-request set-header {MARK} %[src] if {{ dst_port 8000 }}."
        )
    callers, before = project.callers, json.loads(files.get(SETTINGS, "{}"))
    wanted = {"routes": [*callers.routes], "keys": callers.keys, "per_second": callers.per_second}
    before.pop("at", None)
    return None if before == wanted else {**wanted, "at": choose_time(files)}


def choose_time(files: dict[str, str]) -> float:
    """Return when a file is written: later than all others, whatever the clocks say. Replicas name the last that they have read."""
    newest = max((json.loads(text)["at"] for name, text in files.items() if name != USED), default=0)
    return round(max(time.time(), newest + 0.001), 3)


def read_records(files: dict[str, str]) -> dict[str, Record]:
    """Return what is kept of each key, by the caller's name."""
    return {name[len(KEY) : -len(".json")]: json.loads(text) for name, text in files.items() if name.startswith(KEY)}


def format_key(name: str, record: Record, day: str) -> list[str]:
    """Return a key as a row of the table."""
    made = f"made {chain.format_age(record['made'])} ({record['made'][:10]})"
    return [name, made if record["sha256"] else f"revoked {record['revoked'][:10]} by {record['by']}", day]


def write_everywhere(target: Target, file: str, record: Record) -> None:
    """Write a file, and wait until every replica of the live release has read it. Raises PipelineError."""
    record = {**record, "at": choose_time(target.read_access())}
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        target.write_access(file, json.dumps(record))
        if target.read_live_sequence() is None or _is_taken(target, record["at"]):
            return
        if time.monotonic() > deadline:
            raise PipelineError(
                f"It is written, but not every replica has read it within {WAIT_SECONDS} s. Next: ./run status, then type the same again."
            )


def _is_taken(target: Target, at: float) -> bool:
    until = time.monotonic() + TAKEN_SECONDS
    while True:
        found = [CHANGED.search(text) for [text] in target.ask_live(("/metrics", None)).values()]
        if not all(found):
            warn("the live release was built before keys existed, and asks for none. Next: ./run deploy TAG of a newer release.")
            return True
        if all(each and float(each[1]) >= at for each in found):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


def keep_uses(target: Target, files: dict[str, str]) -> dict[str, str]:
    """Return the day of each key's last use: a release knows it while it runs, so it is kept. Raises PipelineError."""
    kept: dict[str, str] = json.loads(files.get(USED, "{}"))
    days = dict(kept)
    if read_records(files) and target.read_live_sequence() is not None:
        for [text] in target.ask_live(("/metrics", None)).values():
            for name, seconds in LAST_USED.findall(text):
                days[name] = max(days.get(name, ""), datetime.fromtimestamp(float(seconds), UTC).date().isoformat())
    if days != kept:
        target.write_access(USED, json.dumps(days))
    return days


def warn_open(project: Project, tag: str, files: Path) -> None:
    """Warn where the live release, as its files say, does not tell callers and those inside apart."""
    if project.callers.keys and not json.loads((files / "manifest.json").read_bytes()).get("access_control"):
        found = f"{tag} was built before keys existed: every route answers at the public address, without a key"
        report_warning(f"{found}. Next: ./run deploy TAG, of a newer release")
