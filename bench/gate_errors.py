"""How often the gate is wrong, where the truth is known: simulated reference datasets for models trained on the example's data."""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import candidates, results
from bench.candidates import Drawn, Material
from slipway import rules
from slipway.gate import comparison
from slipway.gate.losses import Values
from slipway.report import Outcome
from slipway.rules import Thresholds

DRAWS = 500
HEAD = ("candidate", "PASS", "FAIL", "INCONCLUSIVE", '"not worse" passes', '"at most 2 % worse" passes')


@dataclass(frozen=True)
class Seen:
    """What the gate says of one draw, for which slices it refuses, and whether two common rules on the mean would pass the candidate."""

    outcome: Outcome
    refused: list[str]
    not_worse: bool
    nearly: bool


@dataclass(frozen=True)
class Line:
    """What was seen of one kind of candidate."""

    name: str
    seen: list[Seen]

    def share(self, counts: Callable[[Seen], bool]) -> float:
        """Return the share of draws that count."""
        return sum(map(counts, self.seen)) / len(self.seen)

    def of(self, outcome: Outcome) -> float:
        """Return the share of an outcome."""
        return self.share(lambda seen: seen.outcome is outcome)

    def described(self) -> dict[str, Any]:
        """Return all numbers."""
        told = {each.value: {"share": self.of(each), "interval": wilson(self.of(each), len(self.seen))} for each in Outcome}
        common = {"not_worse_passes": self.share(lambda seen: seen.not_worse), "two_percent_passes": self.share(lambda seen: seen.nearly)}
        refused = Counter(name for seen in self.seen for name in seen.refused)
        shares = {name: count / len(self.seen) for name, count in refused.most_common()}
        return {"candidate": self.name, "draws": len(self.seen), **told, **common, "slices_that_refuse": shares}


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share. Source: Wilson, "Probable inference", JASA 22 (1927)."""
    middle, scale = share + z**2 / (2 * count), 1 + z**2 / count
    half = z * float(np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)))
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def look(of: Material, difference: Values, drawn: Drawn, rules: Thresholds, seed: int) -> Seen:
    """Have the gate judge one draw by its own code."""
    said = comparison.compare(candidates.fed(of, difference, drawn), rules, [], seed, 0.0)
    mean, champion = float(difference[drawn.rows].mean()), float(of.champion[drawn.rows].mean())
    assert said.harm is not None
    assert abs(said.harm.mean - mean) < 1e-9, "what was fed is not what was meant"
    return Seen(said.verdict.outcome, [each.name for each in said.slices if each.failed], mean <= 0, mean <= 0.02 * champion)


def simulate(draws: int, seed: int) -> list[Line]:
    """Judge each kind of candidate on the same draws, which the trained candidates take in turn; prints each line when it is known."""
    random = np.random.default_rng(seed)
    of = candidates.material(random)
    demands = rules.load_thresholds(results.ROOT / "validation" / "thresholds.toml").model_copy(update={"floors": {}})
    days = candidates.by_day(of.reference)
    drawn = [candidates.draw(days, random) for _ in range(draws)]
    lines = []
    print(results.markdown(HEAD, []), flush=True)
    for name, shift in candidates.shifts(of, demands).items():
        seen = [look(of, of.differences[i % len(of.differences)] + shift, each, demands, seed + i) for i, each in enumerate(drawn)]
        lines.append(Line(name, seen))
        print(row(lines[-1]), flush=True)
    lines.append(Line("the slices together", [each for line in lines if " where " in line.name for each in line.seen]))
    print(row(lines[-1]))
    return lines


def row(line: Line) -> str:
    """Return a line of the table."""
    told = line.described()
    cells = [f"{told[each.value]['share']:.1%} ({' to '.join(f'{end:.1%}' for end in told[each.value]['interval'])})" for each in Outcome]
    return "| " + " | ".join([line.name, *cells, f"{told['not_worse_passes']:.1%}", f"{told['two_percent_passes']:.1%}"]) + " |"


def figures(lines: Sequence[Line]) -> dict[str, float]:
    """Return the figures that the goals are about."""
    equal, half, one, two = lines[:4]
    return {
        "equal_fail": equal.of(Outcome.FAIL),
        "equal_pass": equal.of(Outcome.PASS),
        "half_margin_pass": half.of(Outcome.PASS),
        "one_margin_pass": one.of(Outcome.PASS),
        "two_margins_pass": two.of(Outcome.PASS),
        "slice_two_margins_caught": lines[-1].of(Outcome.FAIL),
    }


def main() -> None:
    """Simulate, print the table and write the results."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--draws", type=int, default=DRAWS, help="fewer are for a quick look, and not written down")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    lines = simulate(asked.draws, asked.seed)
    if asked.draws >= DRAWS:
        results.write("gate_errors", figures(lines), table=[line.described() for line in lines], draws=asked.draws, seed=asked.seed)


if __name__ == "__main__":
    main()
