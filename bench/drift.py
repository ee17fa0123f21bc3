"""How often drift is found where there is none, and how soon where there is: by `slipway/gate/drift_scores.py` on drawn requests."""

import argparse
import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bench import drift_replay, results
from slipway.gate import drift_scores as drift

# Requests a day, and how many features are watched for how long.
RATES = (100, 1000, 10_000)
FEATURES, DAYS, WEEK = 4000, 30, 7
LEARNT, BINS, SHIFT = 15_000, 10, 0.3
HOURS = 24
# How many features are drawn at once.
CHUNK = 500
# The usual rule: PSI of a day's rows above this, whatever their number.
USUAL = (0.1, 0.2)
HEAD = ("requests a day", "false alarms a feature and month", "PSI of a day > 0.1", "> 0.2", "rows until found", "days", "95 of 100 within")
Counts = NDArray[np.float64]


def shifted() -> Counts:
    """Return the shares of a normal feature's tenths after its mean has moved."""
    edges = ndtri(np.linspace(0, 1, BINS + 1))
    return np.diff(ndtr(edges - SHIFT))


def drawn(random: np.random.Generator, rate: int, shares: Counts, hours: int, features: int) -> Counts:
    """Draw requests by hour and bin, shape (features, hours, bins)."""
    rows = random.poisson(rate / HOURS, size=(features, hours))
    return random.multinomial(rows, shares).astype(float)


def windows(counts: Counts, days: int) -> Counts:
    """Add the hours of so many days up to each hour, shape (features, hours, bins)."""
    total = np.cumsum(counts, axis=1)
    before = np.zeros_like(total)
    before[:, days * HOURS :] = total[:, : -days * HOURS]
    return total - before


def looked(counts: Counts, learnt: Counts) -> tuple[NDArray[np.bool_], Counts]:
    """Look each hour, by what each feature learnt, shape (features, bins); returns whether it has drifted, and the PSI of the last day."""
    week, day = windows(counts, WEEK), windows(counts, 1)
    found, psi = np.empty(counts.shape[:2], dtype=bool), np.empty(counts.shape[:2])
    for each, reference in enumerate(learnt):
        last = drift.score_window(day[each], reference, LEARNT, 0.0)
        found[each] = drift.has_drifted(drift.score_window(week[each], reference, LEARNT, 0.0), last)
        psi[each] = last.psi
    return found, psi


def chunks(rate: int, shares: Counts, days: int, features: int) -> Iterator[tuple[NDArray[np.bool_], Counts, Counts]]:
    """Draw a quiet week, then days of these shares; yields of each hour of those what was found, the PSI, and the rows so far."""
    even = np.full(BINS, 1 / BINS)
    for number in range(0, features, CHUNK):
        random = np.random.default_rng([rate, days, number])
        some = min(CHUNK, features - number)
        learnt = random.multinomial(LEARNT, even, size=some) / LEARNT
        quiet, then = drawn(random, rate, even, WEEK * HOURS, some), drawn(random, rate, shares, days * HOURS, some)
        found, psi = looked(np.concatenate([quiet, then], axis=1), learnt)
        yield found[:, WEEK * HOURS :], psi[:, WEEK * HOURS :], np.cumsum(then.sum(axis=2), axis=1)


def quiet(rate: int, features: int) -> dict[str, float]:
    """Return how many of the features of which nothing has changed alarm within a month."""
    parts = [(found.any(axis=1), psi.max(axis=1)) for found, psi, _ in chunks(rate, np.full(BINS, 1 / BINS), DAYS, features)]
    highest = np.concatenate([psi for _, psi in parts])
    usual = {f"usual_{limit}": float((highest > limit).mean()) for limit in USUAL}
    return {"false_alarms": float(np.concatenate([found for found, _ in parts]).mean()), **usual}


def moved(rate: int, features: int) -> dict[str, float]:
    """Return after how many rows and days a feature that has moved is found."""
    rows, days = [], []
    for found, _, so_far in chunks(rate, shifted(), DAYS, features):
        first = np.where(found.any(axis=1), found.argmax(axis=1), found.shape[1])
        days.append((first + 1) / HOURS)
        rows.append(np.where(first < found.shape[1], so_far[np.arange(len(first)), np.minimum(first, found.shape[1] - 1)], np.inf))
    told = np.concatenate(days)
    return {"rows": float(np.median(np.concatenate(rows))), "days": float(np.median(told)), "days_95": float(np.quantile(told, 0.95))}


def main() -> None:
    """Print the tables, and write them down when enough was drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=FEATURES, help=f"how many are drawn; fewer than {FEATURES} are not written down")
    features: int = parser.parse_args().features
    found = {rate: {**quiet(rate, features), **moved(rate, max(features // 10, 20))} for rate in RATES}
    rows = [
        (
            f"{rate:,}",
            f"{each['false_alarms']:.2%}",
            *(f"{each[f'usual_{limit}']:.1%}" for limit in USUAL),
            *(f"{each['rows']:,.0f}", f"{each['days']:.1f}", f"{each['days_95']:.1f} days"),
        )
        for rate, each in found.items()
    ]
    print(results.markdown(HEAD, rows))
    replayed = drift_replay.replay()
    print(drift_replay.table(replayed))
    figures = {
        "false_alarms_per_feature_month": max(each["false_alarms"] for each in found.values()),
        "rows_to_detect": found[1000]["rows"],
        **{f"rows_to_detect_{rate}": each["rows"] for rate, each in found.items()},
        "replayed_again_alarms": sum(each.days for each in replayed["again"].values()),
    }
    print(json.dumps(figures, indent=2))
    if features >= FEATURES:
        said = {year: {name: vars(each) for name, each in features.items()} for year, features in replayed.items()}
        results.write("drift", figures, by_requests_a_day={str(rate): each for rate, each in found.items()}, replayed=said)


if __name__ == "__main__":
    main()
