"""Watch a new release for a while after the switch. What is not well then is not promoted: the release before serves again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from pipeline.chain import Deployment
from pipeline.errors import BakeError, Busy, PipelineError
from pipeline.project import Bake
from pipeline.say import line
from pipeline.targets import Target

ROUTE = "/predict"
EVERY = 1.0  # seconds
# Below so many requests, a share or a percentile of them says nothing.
FEW = 20
BACK = "What served before serves again. Next: ./run status."


@dataclass(frozen=True)
class Reading:
    """What a release has answered so far, and which processes answer; `within` counts requests by the seconds they took at most."""

    requests: float
    errors: float
    within: dict[float, float]
    running: str


def read(exposition: str, running: str) -> Reading:
    """Read a service's metrics."""
    samples = [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]
    mine = [each for each in samples if each.labels.get("route") == ROUTE]
    counts = [each for each in mine if each.name == "ml_requests_total"]
    return Reading(
        requests=sum(each.value for each in counts),
        errors=sum(each.value for each in counts if each.labels["code"].startswith("5")),
        within={float(each.labels["le"]): each.value for each in mine if each.name == "ml_request_seconds_bucket"},
        running=running,
    )


def broken(before: Reading, now: Reading, limits: Bake) -> list[str]:
    """Say which conditions do not hold between two readings."""
    requests, errors = now.requests - before.requests, now.errors - before.errors
    said = []
    if now.running != before.running:
        said.append(f"restarts: {before.running} runs no more, {now.running} does")
    if errors > limits.max_error_share * max(requests, FEW):
        said.append(f"errors: {errors:.0f} of {requests:.0f} requests, at most {limits.max_error_share:.1%} are allowed")
    slowest = 1000 * percentile(before, now)
    if requests >= FEW and slowest > limits.p99_ms:
        said.append(f"latency: 99 of 100 requests took up to {slowest:g} ms, at most {limits.p99_ms:g} ms are allowed")
    return said


def percentile(before: Reading, now: Reading) -> float:
    """Return within how many seconds 99 of 100 requests between two readings were answered: the upper bound of a bucket."""
    counts = {bound: count - before.within.get(bound, 0.0) for bound, count in now.within.items()}
    return min((bound for bound, count in counts.items() if count >= 0.99 * counts[math.inf]), default=0.0)


def watch(target: Target, new: Deployment, limits: Bake, before: Reading, still_ours: Callable[[], None]) -> None:
    """Watch a release since a reading that was taken at the switch. Raises BakeError with what failed, or could not be read."""
    line(f"watching {new.tag} for {limits.seconds:g} s")
    deadline = time.monotonic() + limits.seconds
    try:
        while time.monotonic() < deadline:
            time.sleep(min(EVERY, limits.seconds))
            still_ours()
            if said := broken(before, reading(target), limits):
                raise BakeError(f"{new.tag} failed while it was watched: {'; '.join(said)}. {BACK}")
    except (BakeError, Busy):
        raise
    except PipelineError as error:
        raise BakeError(f"{new.tag} could not be watched, which counts as failed: {error} {BACK}") from error


def reading(target: Target) -> Reading:
    """Take a reading. Raises PipelineError when the service is not ready, or cannot be asked."""
    fetch = target.public()
    fetch("/readyz", None)
    return read(fetch("/metrics", None), target.running())
