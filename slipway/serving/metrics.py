"""What the service counts, for Prometheus."""

import os
import time
from collections import Counter as Sums

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from slipway.serving.bins import Watched
from slipway.serving.release import Release

REQUESTS = Counter("ml_requests_total", "Requests answered.", ["route", "code"])
SECONDS = Histogram(
    "ml_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PREDICT_SECONDS = Histogram(
    "ml_predict_seconds",
    "Time of one call of the model, with a batch of rows.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
BATCH_ROWS = Histogram("ml_batch_rows", "Rows in one call of the model.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024))
# livesum and livemax: with several worker processes, of those that are alive.
QUEUE = Gauge("ml_queue_depth", "Requests that wait for the model.", multiprocess_mode="livesum")
SHED = Counter("ml_shed_total", "Requests refused because too many waited (queue), or they waited for too long (late).", ["reason"])
INPUTS = Counter("ml_input_bin_total", "Values asked, by bins of the training data.", ["feature", "bin"])
PREDICTIONS = Counter("ml_prediction_bin_total", "Answers, by bins of those to the training data.", ["bin"])
# A counter never falls, so what is below 0 is added up apart.
PREDICTION_SUM = Counter("ml_prediction_sum_total", "Sum of the answers, of those above 0 and of those below.", ["sign"])
INPUT_SHARE = Gauge("ml_reference_share", "Share of a bin in the training data.", ["feature", "bin"], multiprocess_mode="livemax")
PREDICTION_SHARE = Gauge(
    "ml_prediction_reference_share", "Share of a bin in the answers to the training data.", ["bin"], multiprocess_mode="livemax"
)
INPUT_USUAL = Gauge(
    "ml_reference_psi", "Largest PSI of a part of the training data against all of it.", ["feature"], multiprocess_mode="livemax"
)
PREDICTION_USUAL = Gauge(
    "ml_prediction_reference_psi",
    "Largest PSI of the answers to a part of the training data against those to all.",
    multiprocess_mode="livemax",
)
REFERENCE_ROWS = Gauge("ml_reference_rows", "Rows of the training data.", multiprocess_mode="livemax")
LOADED = Gauge("ml_release_loaded_timestamp_seconds", "When the release was loaded.", multiprocess_mode="livemax")
ROWS_CHANGED = Counter("ml_rows_changed_total", "Rows that differed from the row before.")
ANSWERS_CHANGED = Counter("ml_answers_changed_total", "Rows that differed from the row before, and were answered otherwise.")
RELEASE = Gauge(
    "ml_release_info",
    "The release that answers.",
    ["tag", "digest", "commit", "model_sha256", "data_sha256", "config_sha256"],
    multiprocess_mode="livemax",
)


def announce(release: Release) -> None:
    """Publish which release answers, and what its training data looked like."""
    manifest = release.manifest
    labels = (release.tag, release.digest, manifest.commit, manifest.model.sha256, manifest.data.sha256, manifest.config.sha256)
    RELEASE.labels(*labels).set(1)
    LOADED.set(time.time())
    REFERENCE_ROWS.set(manifest.data.rows)
    publish(release.watched)
    for reason in ("queue", "late"):
        SHED.labels(reason)


def publish(watched: Watched) -> None:
    """Publish the shares of the training data's bins; a word may be called as a bin of ours is, so equal names are added up."""
    for feature, bins in watched.features.items():
        for name, share in added(bins.names, bins.shares).items():
            INPUT_SHARE.labels(feature, name).set(share)
        INPUT_USUAL.labels(feature).set(bins.usual)
    for name, share in added(watched.predictions.names, watched.predictions.shares).items():
        PREDICTION_SHARE.labels(name).set(share)
    PREDICTION_USUAL.set(watched.predictions.usual)


def added(names: list[str], shares: list[float]) -> dict[str, float]:
    """Add up the shares of equal names."""
    sums: Sums[str] = Sums()
    for name, share in zip(names, shares, strict=True):
        sums[name] += share  # type: ignore[assignment]  # a Counter holds any number
    return dict(sums)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format, summed over worker processes where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def retire() -> None:
    """Take this worker process out of the live figures."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
