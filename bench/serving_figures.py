"""What the measured servers come to. Pure: from the figures of each server in each round."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from bench.serving_peers.servers import OURS, PEERS

# Of a server in a round: the name of a figure and what was measured.
Measured = Mapping[str, float]
Told = Mapping[str, Sequence[Measured]]


class Comparison(NamedTuple):
    """A goal's figure: which measured figure it compares, with whom, and whether more is better."""

    name: str
    figure: str
    peers: tuple[str, ...] = PEERS
    more: bool = False


COMPARISONS = (
    Comparison("rps32_vs_best_peer", "rps_32", more=True),
    Comparison("rps64_vs_best_peer", "rps_64", more=True),
    Comparison("p50_vs_best_peer", "p50_ms_1"),
    Comparison("p99_vs_best_peer", "p99_ms_1"),
    Comparison("p99_32_vs_best_peer", "p99_ms_32"),
    Comparison("p99_64_vs_best_peer", "p99_ms_64"),
    Comparison("rows1000_vs_best_peer", "rows1000_ms"),
    Comparison("cold_vs_mlflow", "cold_seconds", ("mlflow",)),
    Comparison("pss_vs_mlflow", "pss_mb", ("mlflow",)),
)


class Ratio(NamedTuple):
    """Ours to theirs: the median of the rounds, the smallest and the largest."""

    name: str
    peer: str
    median: float
    low: float
    high: float


def middle(rounds: Sequence[Measured], figure: str) -> float:
    """Return the median of a figure over the rounds."""
    return median(each[figure] for each in rounds)


def best(told: Told, comparison: Comparison) -> str:
    """Return the best of the peers that were measured, by the medians of the rounds."""
    names = [name for name in comparison.peers if name in told]
    return (max if comparison.more else min)(names, key=lambda name: middle(told[name], comparison.figure))


def ratio(told: Told, comparison: Comparison) -> Ratio:
    """Compare round by round, so that what the machine does meanwhile weighs on both."""
    peer = best(told, comparison)
    pairs = zip(told[OURS], told[peer], strict=True)
    return spread(comparison.name, peer, [ours[comparison.figure] / theirs[comparison.figure] for ours, theirs in pairs])


def spread(name: str, peer: str, values: Sequence[float]) -> Ratio:
    """Return median, smallest and largest."""
    return Ratio(name, peer, *(round(found(values), 4) for found in (median, min, max)))


def ratios(told: Told) -> list[Ratio]:
    """Return all ratios that can be told."""
    return [ratio(told, each) for each in COMPARISONS if OURS in told and any(name in told for name in each.peers)]


def metrics_cost(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the share of requests for a second of a core that the metrics cost, from pairs of with and without; below 0 it is noise."""
    return spread("metrics_cost", "the same without", [1 - ours / silent for ours, silent in pairs])
