"""The benchmarks still run, and what they last measured is what the gate promises."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GOALS = [
    ("gate_errors", "equal_fail", 0.05),
    ("gate_errors", "one_margin_pass", 0.05),
    ("gate_errors", "two_margins_pass", 0.01),
    ("gate_cost", "seconds_10k", 10),
    ("gate_cost", "peak_mb_1m", 1000),
    ("switching", "docker_failed", 0),
    ("switching", "local_failed", 0),
    ("switching", "docker_warm_seconds", 1),
    ("switching", "docker_warm_switch_seconds", 0.3),
    ("switching", "docker_cold_seconds", 15),
    ("switching", "local_cold_seconds", 15),
]


def figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "bench" / "results" / f"{name}.json").read_bytes())["figures"]
    return found


@pytest.mark.parametrize(("name", "figure", "most"), GOALS)
def test_what_was_measured_is_within_the_goal(name: str, figure: str, most: float) -> None:
    assert 0 <= figures(name)[figure] <= most


def test_harm_in_one_slice_was_caught() -> None:
    assert figures("gate_errors")["slice_two_margins_caught"] >= 0.8


def test_enough_switches_were_measured() -> None:
    assert all(figures("switching")[f"{target}_cycles"] == 20 for target in ("local", "docker"))


def test_switching_can_be_measured_and_a_quick_look_is_not_written_down() -> None:
    before = (ROOT / "bench" / "results" / "switching.json").read_bytes()
    command = [sys.executable, "-m", "bench.switching", "--cycles", "1", "--target", "local"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [row] = [line for line in done.stdout.splitlines() if line.startswith("| local ")]
    assert row.split("|")[4].strip() == "0"
    assert (ROOT / "bench" / "results" / "switching.json").read_bytes() == before


def test_the_error_rates_can_be_measured_and_a_quick_look_is_not_written_down() -> None:
    before = (ROOT / "bench" / "results" / "gate_errors.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate_errors", "--draws", "2"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [worst] = [line for line in done.stdout.splitlines() if line.startswith("| worse by 2 margins everywhere ")]
    assert "| 100.0%" in worst
    assert (ROOT / "bench" / "results" / "gate_errors.json").read_bytes() == before
