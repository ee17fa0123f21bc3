"""What the service counts, for Prometheus: requests, calls of the model, and values and answers by bins of the training data."""

import math
import os
import threading
import time
from collections import Counter as Sums
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from slipway.serving.answers import Answers
from slipway.serving.bins import Bins, Watched
from slipway.serving.release import Release
from slipway.serving.rows import Columns, Record, Values, stack_records, to_records

# Rows and requests are counted after so many of them or so many seconds, and before the figures are read.
COUNTED, COUNTED_SECONDS = 2048, 1.0
# Of fewer rows it is cheaper to make columns when they are counted, of many at once, than to join theirs.
FEW = 32


class Amounts(Histogram):
    """A histogram to which many amounts are added at once; each by itself would cost as much as they do together."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Add amounts."""
        self._sum.inc(math.fsum(amounts))
        for place, count in enumerate(np.bincount(np.searchsorted(self._upper_bounds, amounts)).tolist()):
            if count:
                self._buckets[place].inc(count)


REQUESTS = Counter("ml_requests_total", "Requests answered.", ["route", "code"])
SECONDS = Amounts(
    "ml_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PREDICT_SECONDS = Amounts(
    "ml_predict_seconds",
    "Time of one call of the model, with a batch of rows.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
BATCH_ROWS = Amounts("ml_batch_rows", "Rows in one call of the model.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024))
# livesum and livemax: with several worker processes, of those that are alive.
LiveGauge = partial(Gauge, multiprocess_mode="livemax")
QUEUE = Gauge("ml_queue_depth", "Requests that wait for the model.", multiprocess_mode="livesum")
SHED = Counter("ml_shed_total", "Requests refused because too many waited (queue), or they waited for too long (late).", ["reason"])
INPUTS = Counter("ml_input_bin_total", "Values asked, by bins of the training data.", ["feature", "bin"])
PREDICTIONS = Counter("ml_prediction_bin_total", "Answers, by bins of those to the training data.", ["bin"])
# A counter never falls, so what is below 0 is added up apart.
PREDICTION_SUM = Counter("ml_prediction_sum_total", "Sum of the answers, of those above 0 and of those below.", ["sign"])
INPUT_SHARE = LiveGauge("ml_reference_share", "Share of a bin in the training data.", ["feature", "bin"])
PREDICTION_SHARE = LiveGauge("ml_prediction_reference_share", "Share of a bin in the answers to the training data.", ["bin"])
INPUT_USUAL = LiveGauge("ml_reference_psi", "Largest PSI of a part of the training data against all of it.", ["feature"])
PREDICTION_USUAL = LiveGauge(
    "ml_prediction_reference_psi", "Largest PSI of the answers to a part of the training data against those to all."
)
REFERENCE_ROWS = LiveGauge("ml_reference_rows", "Rows of the training data.")
LOADED = LiveGauge("ml_release_loaded_timestamp_seconds", "When the release was loaded.")
# Who asks from outside: the name of a key, never a key.
CALLER_REQUESTS = Counter("ml_caller_requests_total", "Requests at the public address, by the name of their key.", ["caller", "code"])
KEY_USED = Gauge("ml_key_used_timestamp_seconds", "The day of a key's last use.", ["caller"], multiprocess_mode="max")
ACCESS_CHANGED = Gauge(
    "ml_access_changed_timestamp_seconds", "When keys and routes that hold were last changed.", multiprocess_mode="livemin"
)
ROWS_CHANGED = Counter("ml_rows_changed_total", "Rows that differed from the row before.")
ANSWERS_CHANGED = Counter("ml_answers_changed_total", "Rows that differed from the row before, and were answered otherwise.")
RELEASE = LiveGauge(
    "ml_release_info", "The release that answers.", ["tag", "digest", "commit", "model_sha256", "data_sha256", "config_sha256"]
)


def publish_release(release: Release) -> None:
    """Publish which release answers, and what its training data looked like."""
    manifest = release.manifest
    labels = (release.tag, release.digest, manifest.commit, manifest.model.sha256, manifest.data.sha256, manifest.config.sha256)
    RELEASE.labels(*labels).set(1)
    LOADED.set(time.time())
    REFERENCE_ROWS.set(manifest.data.rows)
    _publish_shares(release.watched)
    for reason in ("queue", "late"):
        SHED.labels(reason)


def _publish_shares(watched: Watched) -> None:
    for feature, bins in watched.features.items():
        for name, share in add_equal_names(bins.names, bins.shares).items():
            INPUT_SHARE.labels(feature, name).set(share)
        INPUT_USUAL.labels(feature).set(bins.usual)
    for name, share in add_equal_names(watched.predictions.names, watched.predictions.shares).items():
        PREDICTION_SHARE.labels(name).set(share)
    PREDICTION_USUAL.set(watched.predictions.usual)


def add_equal_names(names: list[str], shares: list[float]) -> dict[str, float]:
    """Add up the shares of equal names: a word may be called as a bin of ours is."""
    sums: Sums[str] = Sums()
    for name, share in zip(names, shares, strict=True):
        sums[name] += share  # type: ignore[assignment]  # a Counter holds any number
    return dict(sums)


def format_metrics() -> bytes:
    """Return all metrics in Prometheus' text format, summed over worker processes where there are several."""
    ANSWERED.flush()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def retire_worker() -> None:
    """Take this worker process out of the live figures."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


class Gathering:
    """What gathers until it is counted together with more, which costs a fraction of counting each by itself."""

    def __init__(self) -> None:
        # One of several worker processes answers for all, so each counts at once.
        self.at_once = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._restart()

    def _restart(self) -> None:
        self.number, self.flushed = 0, time.monotonic()

    def _is_due(self, more: int) -> bool:
        self.number += more
        return self.at_once or self.number >= COUNTED or time.monotonic() - self.flushed > COUNTED_SECONDS


class RequestCounter(Gathering):
    """Counts requests, in the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered: dict[tuple[str, int, str], list[float]] = defaultdict(list)

    def add(self, route: str, code: int, caller: str, seconds: float) -> None:
        """Keep a request until it is counted; `caller` is the name of a key, or empty."""
        self.gathered[route, code, caller].append(seconds)
        if self._is_due(1):
            self.flush()

    def flush(self) -> None:
        """Count what has gathered."""
        gathered, self.gathered = self.gathered, defaultdict(list)
        self._restart()
        for (route, code, caller), seconds in gathered.items():
            REQUESTS.labels(route, str(code)).inc(len(seconds))
            SECONDS.labels(route).observe_all(seconds)
            if caller:
                CALLER_REQUESTS.labels(caller, str(code)).inc(len(seconds))


# Of all apps in this process, as the registry is.
ANSWERED = RequestCounter()


class DriftCounter(Gathering):
    """Counts calls of the model, and their values and answers by bins of the training data.

    `add` runs where the model answers, in the event loop or its thread; `flush` also where the figures are read.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self.watched = watched
        self.lock = threading.Lock()
        self._clear()
        self.last: tuple[Columns, Answers] | None = None
        self.features = {name: [INPUTS.labels(name, each) for each in bins.names] for name, bins in watched.features.items()}
        self.predictions = [PREDICTIONS.labels(each) for each in watched.predictions.names]

    def _clear(self) -> None:
        # Of each call the answers and the seconds; and what was asked, where few rows of several calls are one list.
        self.gathered: list[Answers] = []
        self.seconds: list[float] = []
        self.asked: list[Columns | list[Record]] = []

    def add(self, asked: Columns | list[Values], answers: Answers, seconds: float) -> None:
        """Keep what was asked in a call of the model, as columns or as rows, its answers and its time, until it is counted."""
        with self.lock:
            self.gathered.append(answers)
            self.seconds.append(seconds)
            found = to_records(asked) if isinstance(asked, list) else asked
            if isinstance(found, list) and self.asked and isinstance(self.asked[-1], list):
                self.asked[-1] += found
            else:
                self.asked.append(found)
            due = self._is_due(len(answers))
        if due:
            self.flush()

    def flush(self) -> None:
        """Count what has gathered."""
        with self.lock:
            gathered, seconds, asked = self.gathered, self.seconds, self.asked
            self._clear()
            self._restart()
            if gathered:
                PREDICT_SECONDS.observe_all(seconds)
                BATCH_ROWS.observe_all([len(each) for each in gathered])
                self._count(_join([each if isinstance(each, dict) else stack_records(each) for each in asked]), np.concatenate(gathered))

    def _count(self, columns: Columns, answers: Answers) -> None:
        for name, bins in self.watched.features.items():
            _add_counts(self.features[name], bins, columns[name])
        _add_counts(self.predictions, self.watched.predictions, answers if answers.ndim == 1 else answers.argmax(axis=1))
        add_sums(answers)
        self._count_changes(columns, answers)

    def _count_changes(self, columns: Columns, answers: Answers) -> None:
        # Where rows differ from the row before, and their answers do not, the model has become a constant.
        if self.last:
            before, answered = self.last
            columns, answers = _join([before, columns]), np.concatenate([answered, answers])
        self.last = {name: values[-1:] for name, values in columns.items()}, answers[-1:]
        rows = np.any([_differ(values) for values in columns.values()], axis=0)
        ROWS_CHANGED.inc(int(rows.sum()))
        ANSWERS_CHANGED.inc(int((rows & _differ(answers)).sum()))


def _join(parts: list[Columns]) -> Columns:
    return parts[0] if len(parts) == 1 else {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}


def _differ(values: NDArray[Any]) -> NDArray[np.bool_]:
    # Each value but the first against the one before, shape (n - 1,); two that are missing do not differ.
    now, before = values[1:], values[:-1]
    changed = now != before
    if values.dtype.kind not in "ib":
        changed &= ~((now != now) & (before != before))  # NaN alone is not itself
    return np.asarray(changed.any(axis=1) if changed.ndim == 2 else changed)


def _add_counts(counters: list[Counter], bins: Bins, values: NDArray[Any]) -> None:
    for counter, count in zip(counters, bins.count(values).tolist(), strict=True):
        if count:
            counter.inc(count)


def add_sums(answers: Answers) -> None:
    """Add answers to their sums, for their mean; a multiclass task has none."""
    if answers.ndim == 1:
        PREDICTION_SUM.labels("positive").inc(float(answers.clip(min=0).sum()))
        PREDICTION_SUM.labels("negative").inc(float(-answers.clip(max=0).sum()))
