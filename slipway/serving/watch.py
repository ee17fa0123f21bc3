"""Counts what is asked and answered, by bins of the training data. Batches gather and are counted together, which costs next to nothing."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from slipway.serving import metrics
from slipway.serving.answers import Answers
from slipway.serving.bins import Bins, Watched
from slipway.serving.rows import Columns

# Counted after so many rows or seconds, and before each look at the figures.
ROWS, SECONDS = 2048, 1.0


class Watch:
    """The counts of one release. `seen` and `timed` run in the model's thread, `flush` also where the figures are asked for."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.lock = threading.Lock()
        self.gathered: list[tuple[Columns, Answers]] = []
        self.rows, self.flushed = 0, time.monotonic()
        # Of several worker processes one is asked for the figures of all, so each counts at once.
        self.at_once = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self.last: tuple[Columns, Answers] | None = None
        self.features = {name: [metrics.INPUTS.labels(name, each) for each in bins.names] for name, bins in watched.features.items()}
        self.predictions = [metrics.PREDICTIONS.labels(each) for each in watched.predictions.names]

    @contextmanager
    def timed(self, rows: int) -> Iterator[None]:
        """Time one call of the model."""
        start = time.perf_counter()
        yield
        metrics.PREDICT_SECONDS.observe(time.perf_counter() - start)
        metrics.BATCH_ROWS.observe(rows)

    def seen(self, columns: Columns, answers: Answers) -> None:
        """Keep a batch until it is counted."""
        with self.lock:
            self.gathered.append((columns, answers))
            self.rows += len(answers)
        if self.at_once or self.rows >= ROWS or time.monotonic() - self.flushed > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Count what has gathered."""
        with self.lock:
            gathered, self.gathered, self.rows, self.flushed = self.gathered, [], 0, time.monotonic()
            if not gathered:
                return
            columns = {name: np.concatenate([each[name] for each, _ in gathered]) for name in gathered[0][0]}
            answers = np.concatenate([each for _, each in gathered])
            for name, bins in self.watched.features.items():
                add(self.features[name], bins, columns[name])
            add(self.predictions, self.watched.predictions, answers if answers.ndim == 1 else answers.argmax(axis=1))
            add_up(answers)
            self.changes(columns, answers)

    def changes(self, columns: Columns, answers: Answers) -> None:
        """Count rows that differ from the row before, and answers: where rows do and answers do not, the model has become a constant."""
        if self.last:
            before, answered = self.last
            columns = {name: np.concatenate([before[name], values]) for name, values in columns.items()}
            answers = np.concatenate([answered, answers])
        self.last = {name: values[-1:] for name, values in columns.items()}, answers[-1:]
        rows = np.any([differs(values) for values in columns.values()], axis=0)
        metrics.ROWS_CHANGED.inc(int(rows.sum()))
        metrics.ANSWERS_CHANGED.inc(int((rows & differs(answers)).sum()))


def differs(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each value but the first whether it differs from the one before, shape (n - 1,); two that are missing do not differ."""
    now, before = values[1:], values[:-1]
    changed = (now != before) & ~((now != now) & (before != before))  # NaN alone is not itself
    return np.asarray(changed.any(axis=1) if changed.ndim == 2 else changed)


def add(counters: list[Counter], bins: Bins, values: NDArray[Any]) -> None:
    """Add a column's counts."""
    for counter, count in zip(counters, bins.count(values).tolist(), strict=True):
        if count:
            counter.inc(count)


def add_up(answers: Answers) -> None:
    """Add answers to their sums, for a mean; those of a multiclass task have none."""
    if answers.ndim == 1:
        metrics.PREDICTION_SUM.labels("positive").inc(float(answers.clip(min=0).sum()))
        metrics.PREDICTION_SUM.labels("negative").inc(float(-answers.clip(max=0).sum()))
