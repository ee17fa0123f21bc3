"""What a release has counted of what it was asked: from the figures that it gives itself, or from a Prometheus that has gathered them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from slipway import http_client
from slipway.errors import PipelineError
from slipway.watch.drift_report import NAMED, Counted

# By feature (the predictions have none) and bin.
Rows = Mapping[str, Mapping[str, float]]
LIVE = "release_recorded or on () topk(1, sum by (release) (increase(ml_prediction_bin_total[1d])))"
SECONDS = 60


def figures(text: str, name: str) -> Rows:
    """Return the values of a metric in Prometheus' text format."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                found[sample.labels.get("feature", NAMED)][sample.labels.get("bin", "")] = sample.value
    return found


class Prometheus:
    """Asks a Prometheus about one release."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def ask(self, query: str) -> list[Any]:
        """Return the answer to a query, as Prometheus gives it. Raises PipelineError."""
        try:
            response = http_client.request("POST", f"{self.url}/api/v1/query", SECONDS, data={"query": query})
            said = response.json()
        except (httpx.HTTPError, ValueError, httpx.InvalidURL) as error:
            raise PipelineError(
                f"Prometheus at {self.url} does not answer: {error}. "
                "Next: ./run up starts it; of a remote host, forward its port with ssh -L, or give --prometheus URL."
            ) from error
        if said.get("status") != "success":
            raise PipelineError(f"Prometheus at {self.url} does not answer {query!r}: {said.get('error', said)}. Next: look at its page.")
        result: list[Any] = said["data"]["result"]
        return result

    def live(self) -> str:
        """Return the release that is live. Raises PipelineError."""
        found = self.ask(LIVE)
        if not found:
            raise PipelineError(f"Prometheus at {self.url} knows of no release that answers. Next: look at {self.url}/targets.")
        return str(found[0]["metric"].get("release", ""))

    def settled(self, release: str) -> bool:
        """Tell whether a release answered almost all of the last seven days, and the service was asked before them."""
        ours = f'sum(increase(ml_prediction_bin_total{{release="{release}"}}[7d])) > 0.95 * sum(increase(ml_prediction_bin_total[7d]))'
        return bool(self.ask(f"{ours} and on () sum(increase(ml_prediction_bin_total[2d] offset 7d)) > 0"))

    def figures(self, query: str) -> Rows:
        """Return the answer to a query by feature and bin."""
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for each in self.ask(query):
            found[each["metric"].get("feature", NAMED)][each["metric"].get("bin", "")] = float(each["value"][1])
        return found

    def counted(self, release: str) -> tuple[list[Counted], float]:
        """Return what was counted, and the rows of the training data. Raises PipelineError."""
        of = f'{{release="{release}"}}'

        def both(inputs: str, answers: str) -> Rows:
            return {**self.figures(inputs), **self.figures(answers)}

        def rows(window: str) -> Rows:
            return both(
                f"sum by (feature, bin) (increase(ml_input_bin_total{of}[{window}]))",
                f"sum by (bin) (increase(ml_prediction_bin_total{of}[{window}]))",
            )

        shares = both(f"max by (feature, bin) (ml_reference_share{of})", f"max by (bin) (ml_prediction_reference_share{of})")
        usual = both(f"max by (feature) (ml_reference_psi{of})", f"max(ml_prediction_reference_psi{of})")
        learnt = self.figures(f"max(ml_reference_rows{of})").get(NAMED, {}).get("", 0.0)
        if not shares or not learnt:
            raise PipelineError(f"Prometheus at {self.url} has nothing of release {release!r}. Next: look at {self.url}/targets.")
        return together(shares, usual, rows("7d"), rows("1d")), learnt


def together(shares: Rows, usual: Rows, week: Rows, day: Rows | None) -> list[Counted]:
    """Put the figures of each feature together."""

    def counts(rows: Rows, name: str) -> Any:
        return np.array([rows.get(name, {}).get(each, 0.0) for each in shares[name]])

    return [
        Counted(
            name,
            list(bins),
            np.array(list(bins.values())),
            usual.get(name, {}).get("", 0.0),
            counts(week, name),
            counts(day, name) if day is not None else None,
        )
        for name, bins in shares.items()
    ]


def itself(before: str, after: str) -> tuple[list[Counted], float]:
    """Return what a service counted between two looks at its figures, and the rows of its training data."""

    def both(text: str, inputs: str, answers: str) -> Rows:
        return {**figures(text, inputs), **figures(text, answers)}

    counters = "ml_input_bin_total", "ml_prediction_bin_total"
    old = both(before, *counters)
    rows = {
        name: {each: value - old.get(name, {}).get(each, 0.0) for each, value in found.items()}
        for name, found in both(after, *counters).items()
    }
    shares = both(after, "ml_reference_share", "ml_prediction_reference_share")
    usual = both(after, "ml_reference_psi", "ml_prediction_reference_psi")
    return together(shares, usual, rows, None), figures(after, "ml_reference_rows")[NAMED][""]
