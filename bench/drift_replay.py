"""A release that learnt from 2011 is asked the hours of 2012, and those of 2011 again: what drifts, and when."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench import results
from bench.gate_cost import AUTHOR, copy, git, python
from slipway.gate import drift_scores as drift
from slipway.operate.process import serve_release
from slipway.serving.frames import records
from slipway.watch.drift import Figures, read_figures
from slipway.watch.drift_report import PREDICTIONS

# Each hour is asked so often, so that a day has enough rows to say something.
TIMES, WEEK = 10, 7
Counts = NDArray[np.float64]
YEARS = {"again": 2011, "next": 2012}
HEAD = ("", "mean of 2011", "of 2012", "2012: first found", "days", "largest PSI", "drift above", "2011 again: days")


@dataclass
class Found:
    """On how many days a feature had drifted, from when on, and how far at most."""

    days: int = 0
    first: str | None = None
    psi: float = 0.0
    threshold: float = 0.0

    def look(self, date: str, week: drift.Window, day: drift.Window) -> None:
        """Look at the end of a day, once there is a week."""
        if week.psi > self.psi:
            self.psi, self.threshold = float(week.psi), float(week.threshold)
        if drift.has_drifted(week, day):
            self.days, self.first = self.days + 1, self.first or date


def hours() -> pd.DataFrame:
    """Return both years, in order."""
    names = ("data/train.csv", "validation/reference.csv")
    return pd.concat([pd.read_csv(results.ROOT / name) for name in names], ignore_index=True)


def trained(root: Path) -> Path:
    """Train a copy of the project on 2011, and return its bundle."""
    copy(root)
    rows = hours()
    rows[rows["dteday"].str.startswith("2011")].to_csv(root / "data" / "train.csv", index=False)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, *AUTHOR, "commit", "--quiet", "--message", "One year")
    python(root, "-m", "slipway.cli", "train")
    return root / "build" / "bundle"


def counts(text: str, reference: Figures) -> dict[str, Counts]:
    """Return how often each bin was asked or answered so far."""
    found = read_figures(text, "ml_input_bin_total", "ml_prediction_bin_total")
    return {name: np.array([found[name][each] for each in bins]) for name, bins in reference.items()}


def year(bundle: Path, rows: pd.DataFrame) -> dict[str, Found]:
    """Ask a service, day by day, and look at the end of each."""
    with serve_release(results.ROOT, bundle) as url, httpx.Client(base_url=url, timeout=60) as client:

        def said() -> str:
            return client.get("/metrics").raise_for_status().text

        text = said()
        reference = read_figures(text, "ml_reference_share", "ml_prediction_reference_share")
        usual = read_figures(text, "ml_reference_psi", "ml_prediction_reference_psi")
        learnt, days = read_figures(text, "ml_reference_rows")[PREDICTIONS][""], [counts(text, reference)]
        found = {name: Found() for name in reference}
        columns = client.get("/version").json()["manifest"]["features"]["columns"]
        for date, of_day in rows.groupby("dteday"):
            client.post("/predict", json=records(of_day[columns]) * TIMES).raise_for_status()
            days.append(counts(said(), reference))
            if len(days) > WEEK:
                look(found, str(date), days, {name: np.array(list(bins.values())) for name, bins in reference.items()}, learnt, usual)
    return found


def look(
    found: dict[str, Found], date: str, days: list[dict[str, Counts]], shares: dict[str, Counts], learnt: float, usual: Figures
) -> None:
    """Look at each feature at the end of a day."""
    for name, each in found.items():
        windows = [
            drift.score_window(days[-1][name] - days[-1 - length][name], shares[name], learnt, usual[name][""]) for length in (WEEK, 1)
        ]
        each.look(date, *windows)


def replay() -> dict[str, dict[str, Found]]:
    """Replay both years."""
    rows = hours()
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        bundle = trained(Path(folder).resolve())
        return {name: year(bundle, rows[rows["dteday"].str.startswith(str(number))]) for name, number in YEARS.items()}


def table(replayed: dict[str, dict[str, Found]]) -> str:
    """Write what was found, beside what a person sees in the data."""
    rows = hours()
    means = {number: rows[rows["dteday"].str.startswith(str(number))].mean(numeric_only=True) for number in YEARS.values()}
    cells = []
    for name, each in sorted(replayed["next"].items(), key=lambda item: (-item[1].days, item[0])):
        seen = [f"{means[number][name]:.3g}" if name in means[number] else "–" for number in YEARS.values()]
        cells.append(
            (
                name,
                *seen,
                each.first or "never",
                str(each.days),
                f"{each.psi:.2f}",
                f"{each.threshold:.2f}",
                str(replayed["again"][name].days),
            )
        )
    return results.markdown(HEAD, cells)
