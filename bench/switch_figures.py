"""What the switches come to. Pure: from what callers saw and when the commands ran."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from bench.steady_load import CALLERS, Answer, Seen

SHOWN = 10


class Verb(NamedTuple):
    """A command: when it started, printed its proof and ended, and the seconds that it said it took."""

    name: str
    start: float
    proof: float
    end: float
    said: float

    @property
    def seconds(self) -> float:
        """Return the seconds to the proof, the start of Python and the imports included."""
        return self.proof - self.start

    def meanwhile(self, at: float) -> bool:
        """Tell whether the command ran at a time."""
        return self.start <= at <= self.end


class Cycle(NamedTuple):
    """A deploy, the rollback after it, and what lets deploys go on; `cold`: the release before did not run when it was put back."""

    cold: bool
    deploy: Verb
    rollback: Verb
    resume: Verb

    @property
    def verbs(self) -> tuple[Verb, ...]:
        """Return the commands."""
        return self.deploy, self.rollback, self.resume


def figures(seen: Seen, cycles: Sequence[Cycle]) -> dict[str, float]:
    """Return the figures of one target."""
    verbs = [verb for cycle in cycles for verb in cycle.verbs]
    within = [each.milliseconds for each in seen.answers if any(verb.meanwhile(each.at) for verb in verbs)]
    outside = [each.milliseconds for each in seen.answers if not any(verb.meanwhile(each.at) for verb in verbs)]
    times = sorted(each.at for each in seen.answers)
    return {
        "cycles": len(cycles),
        "requests": len(seen.answers) + len(seen.failures),
        "failed": len(seen.failures),
        "requests_per_second": round(len(times) / (times[-1] - times[0]), 1),
        "longest_silence_seconds": round(max(later - at for at, later in pairwise(times)), 3),
        "p99_ms_outside": p99(outside),
        "p99_ms_during": p99(within),
        "p99_ratio_during": round(p99(within) / p99(outside), 2),
        **spread("deploy_seconds", [each.deploy.seconds for each in cycles]),
        **of_rollbacks("warm", seen, [each.rollback for each in cycles if not each.cold]),
        **of_rollbacks("cold", seen, [each.rollback for each in cycles if each.cold]),
    }


def of_rollbacks(kind: str, seen: Seen, rollbacks: Sequence[Verb]) -> dict[str, float]:
    """Return what the rollbacks of a kind took: to the proof, to the end of the command, and the switch itself."""
    return {
        f"{kind}_rollbacks": len(rollbacks),
        **spread(f"{kind}_seconds", [each.seconds for each in rollbacks]),
        **spread(f"{kind}_said_seconds", [each.said for each in rollbacks]),
        **spread(f"{kind}_command_seconds", [each.end - each.start for each in rollbacks]),
        **spread(f"{kind}_switch_seconds", [handover(seen.answers, each) for each in rollbacks]),
    }


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return median and maximum, nothing where there are no values."""
    return {name: round(median(values), 3), f"{name}_max": round(max(values), 3)} if values else {}


def handover(answers: Sequence[Answer], verb: Verb) -> float:
    """Return the seconds between the last answer of the release before and the first of the other, whichever came first."""
    mine = [each for each in answers if verb.meanwhile(each.at)]
    before, after = mine[0].release, mine[-1].release
    return abs(max(each.at for each in mine if each.release == before) - min(each.at for each in mine if each.release == after))


def p99(milliseconds: Sequence[float]) -> float:
    """Return within how many milliseconds 99 of 100 requests were answered."""
    return sorted(milliseconds)[int(0.99 * len(milliseconds))]


def table(seen: Seen, cycles: Sequence[Cycle]) -> list[dict[str, Any]]:
    """Return each cycle's own figures."""
    return [
        {
            "cold": cycle.cold,
            **{f"{verb.name}_command_seconds": round(verb.end - verb.start, 3) for verb in cycle.verbs},
            **{f"{verb.name}_seconds": round(verb.seconds, 3) for verb in cycle.verbs[:2]},
            **{f"{verb.name}_said_seconds": verb.said for verb in cycle.verbs[:2]},
            **{f"{verb.name}_switch_seconds": round(handover(seen.answers, verb), 3) for verb in cycle.verbs[:2]},
            "failed": sum(cycle.deploy.start <= each.at <= cycle.resume.end for each in seen.failures),
        }
        for cycle in cycles
    ]


def failures(seen: Seen, cycles: Sequence[Cycle]) -> list[str]:
    """Tell the first failures: in which cycle, how long after which command began, which kind of caller, and what it saw."""
    told = []
    for each in seen.failures[:SHOWN]:
        running = [
            f"cycle {number}, {each.at - verb.start:.2f} s after {verb.name} began"
            for number, cycle in enumerate(cycles, 1)
            for verb in cycle.verbs
            if verb.meanwhile(each.at)
        ]
        told.append(f"{', '.join(running) or 'between two commands'}: {each.kind}: {each.text} after {each.at - each.sent:.3f} s")
    return told


def by_kind(seen: Seen) -> dict[str, dict[str, int]]:
    """Count requests and failures of each kind of caller."""
    kinds = dict.fromkeys(map(str, CALLERS))
    asked = {kind: sum(str(CALLERS[each.caller]) == kind for each in seen.answers) for kind in kinds}
    failed = {kind: sum(each.kind == kind for each in seen.failures) for kind in kinds}
    return {kind: {"requests": asked[kind] + failed[kind], "failed": failed[kind]} for kind in kinds}
