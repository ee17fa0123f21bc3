"""Compare the requests with the training data of the live release, by Prometheus or on a file of rows; keep an issue on GitHub."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from prometheus_client.parser import text_string_to_metric_families

from model import features
from slipway import http_client
from slipway.errors import Drifted, OwnerError, PipelineError
from slipway.gate import dataset
from slipway.gate.predictor import open_predictor
from slipway.operate import chain, issues, promotion
from slipway.project import Project
from slipway.say import line, summary
from slipway.watch import write_report
from slipway.watch.drift_report import PREDICTIONS, BinCounts, DriftReport, DriftVerdict, format_markdown, format_page, judge_drift

# By feature (the predictions have none) and bin.
Figures = Mapping[str, Mapping[str, float]]
LIVE = "release_recorded or on () topk(1, sum by (release) (increase(ml_prediction_bin_total[1d])))"
PROMETHEUS_SECONDS = 60


def drift(project: Project, file: str, prometheus: str, release: str, all_seasons: bool, issue: bool) -> DriftReport | None:
    """Write and print build/drift/. Raises Drifted where something has drifted, PipelineError where that cannot be decided.

    With `issue`, an issue on GitHub takes the place of the exit code.
    """
    if issue and not os.environ.get("PROMETHEUS_URL"):
        line("skipped: set the variable PROMETHEUS_URL to the address of the Prometheus that monitors the service.")
        summary("skipped: set the variable PROMETHEUS_URL.")
        return None
    if file:
        report = _judge_file(project, Path(file), release or promotion.LIVE, all_seasons)
    else:
        report = _judge_requests(Prometheus(prometheus), release)
    write_report(project.root / "build" / "drift", report, format_markdown(report), format_page(report))
    if issue:
        update_issue(report)
    elif report.drifted:
        names = ", ".join(report.drifted)
        raise Drifted(f"{names}: drifted from the training data of {report.release}. Next: open build/drift/drift.html.")
    return report


def _judge_requests(server: "Prometheus", release: str) -> DriftReport:
    tag = release or server.find_live()
    counts, rows = server.count(tag)
    source = f"the last seven days, by {server.url}"
    return judge_drift(tag or "the live release", source, chain.format_now(), counts, rows, server.is_settled(tag))


def _judge_file(project: Project, path: Path, release: str, all_seasons: bool) -> DriftReport:
    """Have a release answer the rows of a file, and read what it counted meanwhile."""
    rows = read_requests(path)
    found = promotion.resolve_champion(project, release)
    if found is None:
        raise PipelineError("No release is live. Next: ./run deploy TAG, or --release build/bundle.")
    with open_predictor(project, found.predictor) as predictor:
        before = predictor.client.get("/metrics").raise_for_status().text
        predictor.answer(rows)
        counts, reference_rows = count_between(before, predictor.client.get("/metrics").raise_for_status().text)
        tag = found.tag or predictor.tag
    if all_seasons:
        counts = [replace(each, usual=0.0) for each in counts]
    return judge_drift(tag, path.name, chain.format_now(), counts, reference_rows)


def read_requests(path: Path) -> pd.DataFrame:
    """Read rows whose truth is not known yet. Raises PipelineError."""
    try:
        return dataset.read(path)
    except OwnerError as error:
        if features.TARGET not in error.found:
            raise
        raise PipelineError(
            f"{error.where}: {error.found}. load in model/data.py wants the column {features.TARGET}, which what was asked lately need not "
            f'have. Next: let it do without (if "{features.TARGET}" in rows: ...), or put that column into {path.name}.'
        ) from error


class Prometheus:
    """Reads what a Prometheus gathered of one release. Each method raises PipelineError."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def query(self, query: str) -> list[Any]:
        """Return the series that answer a query, as Prometheus gives them."""
        try:
            response = http_client.send_request("POST", f"{self.url}/api/v1/query", PROMETHEUS_SECONDS, data={"query": query})
            answer = response.json()
        except (httpx.HTTPError, ValueError, httpx.InvalidURL) as error:
            raise PipelineError(
                f"Prometheus at {self.url} does not answer: {error}. "
                "Next: ./run up starts it; of a remote host, forward its port with ssh -L, or give --prometheus URL."
            ) from error
        if answer.get("status") != "success":
            raise PipelineError(f"Prometheus at {self.url} does not answer {query!r}: {answer.get('error', answer)}. Next: open its page.")
        series: list[Any] = answer["data"]["result"]
        return series

    def find_live(self) -> str:
        """Return the tag of the live release."""
        found = self.query(LIVE)
        if not found:
            raise PipelineError(f"Prometheus at {self.url} has found no release that answers. Next: open {self.url}/targets.")
        return str(found[0]["metric"].get("release", ""))

    def is_settled(self, release: str) -> bool:
        """Tell whether a release answered almost all of the last seven days, and the service was asked before them."""
        ours = f'sum(increase(ml_prediction_bin_total{{release="{release}"}}[7d])) > 0.95 * sum(increase(ml_prediction_bin_total[7d]))'
        return bool(self.query(f"{ours} and on () sum(increase(ml_prediction_bin_total[2d] offset 7d)) > 0"))

    def count(self, release: str) -> tuple[list[BinCounts], float]:
        """Return what a release counted in seven days and in one, and the number of rows of its training data."""
        label = f'{{release="{release}"}}'

        def count_rows(window: str) -> Figures:
            inputs, answers = (f"increase(ml_{each}_bin_total{label}[{window}])" for each in ("input", "prediction"))
            return self._figures(f"sum by (feature, bin) ({inputs})", f"sum by (bin) ({answers})")

        shares = self._figures(f"max by (feature, bin) (ml_reference_share{label})", f"max by (bin) (ml_prediction_reference_share{label})")
        usual = self._figures(f"max by (feature) (ml_reference_psi{label})", f"max(ml_prediction_reference_psi{label})")
        reference_rows = self._figures(f"max(ml_reference_rows{label})").get(PREDICTIONS, {}).get("", 0.0)
        if not shares or not reference_rows:
            raise PipelineError(f"Prometheus at {self.url} has no metrics of release {release!r}. Next: open {self.url}/targets.")
        return _combine(shares, usual, count_rows("7d"), count_rows("1d")), reference_rows

    def _figures(self, *queries: str) -> Figures:
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for series in (series for query in queries for series in self.query(query)):
            found[series["metric"].get("feature", PREDICTIONS)][series["metric"].get("bin", "")] = float(series["value"][1])
        return found


def count_between(before: str, after: str) -> tuple[list[BinCounts], float]:
    """Return what a service counted between two texts of its /metrics, and the number of rows of its training data."""
    counters = "ml_input_bin_total", "ml_prediction_bin_total"
    old = read_figures(before, *counters)
    rows = {
        name: {bin_: count - old.get(name, {}).get(bin_, 0.0) for bin_, count in counts.items()}
        for name, counts in read_figures(after, *counters).items()
    }
    shares = read_figures(after, "ml_reference_share", "ml_prediction_reference_share")
    usual = read_figures(after, "ml_reference_psi", "ml_prediction_reference_psi")
    return _combine(shares, usual, rows, None), read_figures(after, "ml_reference_rows")[PREDICTIONS][""]


def read_figures(text: str, *metrics: str) -> Figures:
    """Return the values of metrics in Prometheus' text format, by feature and bin."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in metrics:
                found[sample.labels.get("feature", PREDICTIONS)][sample.labels.get("bin", "")] = sample.value
    return found


def _combine(shares: Figures, usual: Figures, week: Figures, day: Figures | None) -> list[BinCounts]:
    def count(rows: Figures, name: str) -> Any:
        return np.array([rows.get(name, {}).get(bin_, 0.0) for bin_ in shares[name]])

    return [
        BinCounts(
            name,
            list(bins),
            np.array(list(bins.values())),
            usual.get(name, {}).get("", 0.0),
            count(week, name),
            None if day is None else count(day, name),
        )
        for name, bins in shares.items()
    ]


def update_issue(report: DriftReport) -> None:
    """Open the issue, update it, or close it when it is over. Raises PipelineError where GitHub does not take it."""
    try:
        wanted = describe_issue(report)
        line(issues.keep_issue(wanted) if wanted else "no issue to change")
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise PipelineError(f"The issue could not be written: {error!r}. Next: run the workflow drift again.") from error


def describe_issue(report: DriftReport) -> issues.Issue | None:
    """Return how the issue is to be, None where that is undecided."""
    if report.verdict is DriftVerdict.DRIFT:
        names = report.drifted
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        title = f"Drift: {', '.join(names[:3])}{more}, since {report.release} was trained"
        return issues.Issue("drift", True, title, format_markdown(report))
    if report.verdict is DriftVerdict.NO_DRIFT:
        return issues.Issue("drift", False, "no drift", format_markdown(report))
    return None
