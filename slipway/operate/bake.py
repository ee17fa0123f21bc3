"""Watch a new release for a while after the switch. One that fails then is not promoted: the release before serves again."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slipway.errors import BakeError, Busy, PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.targets import Target
from slipway.project import Bake
from slipway.say import line

ROUTE = "/predict"
EVERY = 1.0  # seconds
# Below so many requests, a share or a percentile of them says nothing.
FEW = 20
CHANCE = 1e-6
BACK = "The previous release is live again. Next: ./run status."


@dataclass(frozen=True)
class Reading:
    """What a release has answered so far, and which processes answer.

    `within` counts requests by the seconds they took at most, `rows` those that differed from the row before, `answers` those of them whose
    answer differed too.
    """

    requests: float
    errors: float
    within: dict[float, float]
    rows: float
    answers: float
    running: str


@dataclass(frozen=True)
class Watch:
    """What a release has to hold while it is watched, since a reading that was taken at the switch.

    `enough` is how many different rows may get one answer in a row.
    """

    limits: Bake
    enough: float
    before: Reading
    last: dict[str, Reading] = field(default_factory=dict)  # of each replica its last reading, also when it is gone


def parse_metrics(exposition: str, running: str) -> Reading:
    """Read a service's metrics."""
    from prometheus_client.parser import text_string_to_metric_families  # imported here: a rollback has no time for it

    samples = [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]
    mine = [each for each in samples if each.labels.get("route") == ROUTE]
    counts = [each for each in mine if each.name == "ml_requests_total"]
    return Reading(
        requests=sum(each.value for each in counts),
        errors=sum(each.value for each in counts if each.labels["code"].startswith("5")),
        within={float(each.labels["le"]): each.value for each in mine if each.name == "ml_request_seconds_bucket"},
        rows=sum(each.value for each in samples if each.name == "ml_rows_changed_total"),
        answers=sum(each.value for each in samples if each.name == "ml_answers_changed_total"),
        running=running,
    )


def start_watch(target: Target, limits: Bake, files: Path) -> Watch:
    """Take the reading at the switch. Raises PipelineError when it cannot be taken."""
    answers = json.loads((files / "golden.json").read_bytes())["answers"]
    last = dict[str, Reading]()
    return Watch(limits, count_enough(answers), take_reading(target, last), last)


def count_enough(answers: Sequence[Any]) -> float:
    """Return from how many rows with one answer on chance is no explanation: it goes by how often the golden rows get their commonest."""
    commonest = max(Counter(map(json.dumps, answers)).values()) / len(answers)
    return math.inf if commonest == 1 else max(FEW, math.log(CHANCE) / math.log(commonest))


def find_failures(watch: Watch, now: Reading) -> list[str]:
    """Return which conditions a release breaks between the first reading and this one, a phrase each."""
    before, limits = watch.before, watch.limits
    requests, errors = now.requests - before.requests, now.errors - before.errors
    failures = []
    if now.running != before.running:
        failures.append(f"restarts: first {before.running}, then {now.running}")
    if errors > limits.max_error_share * max(requests, FEW):
        failures.append(f"errors: {errors:.0f} of {requests:.0f} requests, at most {limits.max_error_share:.1%} are allowed")
    slowest = 1000 * _find_percentile(before, now)
    if requests >= FEW and slowest > limits.p99_ms:
        failures.append(f"latency: 99 of 100 requests took up to {slowest:g} ms, at most {limits.p99_ms:g} ms are allowed")
    rows = now.rows - before.rows
    if rows >= watch.enough and now.answers == before.answers:
        failures.append(f"predictions: {rows:.0f} rows, each other than the one before, got one answer")
    return failures


def _find_percentile(before: Reading, now: Reading) -> float:
    """Return within how many seconds 99 of 100 requests between two readings were answered: the upper bound of a bucket."""
    counts = {bound: count - before.within.get(bound, 0.0) for bound, count in now.within.items()}
    return min((bound for bound, count in counts.items() if count >= 0.99 * counts[math.inf]), default=0.0)


def watch_release(target: Target, new: Deployment, watch: Watch, check_lock: Callable[[], None]) -> None:
    """Watch a release for its time. Raises BakeError with what failed, or could not be read."""
    line(f"monitoring {new.tag} for {watch.limits.seconds:g} s")
    deadline = time.monotonic() + watch.limits.seconds
    try:
        proven = take_reading(target, watch.last)
        # The golden rows of the proof, which are answered well, are no callers'.
        watch = replace(watch, before=replace(watch.before, rows=proven.rows, answers=proven.answers))
        while time.monotonic() < deadline:
            time.sleep(min(EVERY, watch.limits.seconds))
            check_lock()
            if failures := find_failures(watch, take_reading(target, watch.last)):
                raise BakeError(f"{new.tag} failed while it was monitored: {'; '.join(failures)}. {BACK}")
    except (BakeError, Busy):
        raise
    except PipelineError as error:
        raise BakeError(f"{new.tag} could not be monitored, which counts as failed: {error} {BACK}") from error


def take_reading(target: Target, last: dict[str, Reading]) -> Reading:
    """Take a reading of all replicas together. Raises PipelineError when one is not ready, or cannot be asked."""
    running = target.describe_processes()
    answered = target.ask_live(("/readyz", None), ("/metrics", None))
    last |= {name: parse_metrics(exposition, running) for name, (_, exposition) in answered.items()}
    return sum_readings(list(last.values()), running)


def sum_readings(readings: Sequence[Reading], running: str) -> Reading:
    """Return what replicas have answered together."""
    within = Counter[float]()
    for each in readings:
        within.update(each.within)
    sums = {name: sum(getattr(each, name) for each in readings) for name in ("requests", "errors", "rows", "answers")}
    return Reading(within=dict(within), running=running, **sums)
