"""The benchmarks still run, and what they last measured is what the gate promises."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import adopt, bad_inputs, serving_figures, serving_picture, switch_figures
from bench.adopt_tables import TABLES
from bench.serving_peers.servers import SERVERS
from bench.steady_load import CALLERS, Answer, Caller, Failure, Kind, Seen
from bench.switch_figures import Cycle, Verb
from slipway.adopt.baseline import FEW_ROWS
from tests.library.service import raw_client

ROOT = Path(__file__).parents[2]
GOALS = [
    ("gate_errors", "equal_fail", 0.05),
    ("gate_errors", "one_margin_pass", 0.05),
    ("gate_errors", "two_margins_pass", 0.01),
    ("gate_cost", "seconds_10k", 10),
    ("gate_cost", "peak_mb_1m", 1000),
    ("switching", "docker_failed", 0),
    ("switching", "local_failed", 0),
    ("switching", "kubernetes_failed", 0),
    ("switching", "docker_warm_switch_seconds", 0.3),
    ("switching", "docker_warm_seconds", 1),
    ("switching", "docker_cold_seconds", 15),
    ("switching", "local_cold_seconds", 15),
    ("serving", "p50_vs_best_peer", 1 / 12),
    ("serving", "p99_vs_best_peer", 0.5),
    ("serving", "p99_32_vs_best_peer", 0.5),
    ("serving", "rows1000_vs_best_peer", 1),
    ("serving", "cold_vs_mlflow", 0.25),
    ("serving", "pss_vs_mlflow", 0.25),
    ("serving", "image_vs_mlflow", 0.3),
    ("drift", "false_alarms_per_feature_month", 0.01),
    ("drift", "replayed_again_alarms", 0),
    ("bad_inputs", "errors", 0),
    ("bad_inputs", "dropped", 0),
    ("bad_inputs", "wrong", 0),
    ("bad_inputs", "memory_growth", 0.05),
]


def figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "bench" / "results" / f"{name}.json").read_bytes())["figures"]
    return found


@pytest.mark.parametrize(("name", "figure", "most"), GOALS)
def test_what_was_measured_is_within_the_goal(name: str, figure: str, most: float) -> None:
    assert 0 <= figures(name)[figure] <= most


def test_each_table_that_was_adopted_is_green_but_the_one_with_too_few_rows() -> None:
    rows = json.loads((ROOT / "bench" / "results" / "adopt.json").read_bytes())["rows"]
    assert [name for name in TABLES if name in rows] == list(rows)
    assert {name for name, row in rows.items() if not row["green"]} <= {"linnerud"}


def test_what_is_left_to_a_person_is_counted() -> None:
    lines = ["    # drafted from row 3; must it hold? signed: nobody yet", "max = 70.0", "    max = 3", "it may as well be %m/%d/%Y"]
    assert len(adopt.LEFT.findall("\n".join(lines))) == 3


def test_the_baseline_is_linear_up_to_the_number_of_rows_that_was_measured() -> None:
    found = {tuple(name.split(", ")): share for name, share in figures("adopt_baseline").items()}
    few = {"amounts": FEW_ROWS["regression"], "classes": FEW_ROWS["multiclass"]}
    assert {kind for kind, _ in found} == set(few)
    assert all((share >= 0.5) == (int(size) <= few[kind]) for (kind, size), share in found.items())


def test_harm_in_one_slice_was_caught() -> None:
    assert figures("gate_errors")["slice_two_margins_caught"] >= 0.8


def test_enough_switches_were_measured() -> None:
    assert all(figures("switching")[f"{target}_cycles"] == 20 for target in ("local", "docker", "kubernetes"))


def test_the_page_on_scale_has_what_was_measured_last() -> None:
    found, page = figures("scale"), (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert f"{round(found['1_of_2_requests_per_second'], -2):,.0f} requests/s, p99 {found['1_of_2_p99_ms']:.0f} ms" in page
    assert all(f"{found[f'{name}_core_microseconds']:.0f} µs" in page for name in ("pod", "proxy"))
    for pods in (1, 2, 3, 4):
        rate, of_one = (found[f"{pods}_of_250m_{name}"] for name in ("requests_per_second", "of_one"))
        assert f"| {pods} | {round(rate, -2):,.0f} | {of_one:g} |" in page


def test_the_service_gives_more_than_the_best_of_its_peers() -> None:
    assert figures("serving")["rps32_vs_best_peer"] >= 3


def test_being_watched_costs_little() -> None:
    assert figures("serving")["metrics_cost"] <= 0.05  # below 0 it is noise


def test_all_servers_were_measured_in_enough_rounds() -> None:
    rounds = json.loads((ROOT / "bench" / "results" / "serving.json").read_bytes())["rounds"]
    assert {name: len(each) for name, each in rounds.items()} == dict.fromkeys([server.name for server in SERVERS], 4)


def test_enough_bad_inputs_were_sent_and_the_service_was_right_afterwards() -> None:
    assert figures("bad_inputs")["requests"] >= 100_000
    assert figures("bad_inputs")["right_afterwards"] == 1


def test_bad_inputs_can_be_measured_and_a_quick_look_is_not_written_down() -> None:
    before = (ROOT / "bench" / "results" / "bad_inputs.json").read_bytes()
    command = [sys.executable, "-m", "bench.bad_inputs", "--number", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"requests": 300,' in done.stdout
    assert (ROOT / "bench" / "results" / "bad_inputs.json").read_bytes() == before


def test_an_error_of_the_service_is_counted() -> None:
    seen = raw_client.Seen({"a": Counter({"500": 2, "503": 1, "422": 3}), "b": Counter({"504": 1})}, ["one"], 4)
    found = bad_inputs.figures(seen, 0.5, correct=False)
    assert (found["requests"], found["errors"], found["not_available"], found["dropped"], found["wrong"]) == (7, 3, 1, 4, 1)
    assert "| a | 6 | 422: 3, 500: 2, 503: 1 |" in bad_inputs.table(seen)


def test_the_error_rates_can_be_measured_and_a_quick_look_is_not_written_down() -> None:
    before = (ROOT / "bench" / "results" / "gate_errors.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate_errors", "--draws", "2"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [worst] = [line for line in done.stdout.splitlines() if line.startswith("| worse by 2 margins everywhere ")]
    assert "| 100.0%" in worst
    assert (ROOT / "bench" / "results" / "gate_errors.json").read_bytes() == before


async def outcome(kind: Kind, *answers: bytes) -> Seen:
    """Ask a server that gives these answers, each in a turn of its own, and closes every connection after the one answer."""
    left, seen = list(answers), Seen([], [])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(left.pop(0))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        caller = Caller(CALLERS.index(kind), f"{host}:{port}", seen)
        for _ in answers:
            await caller.ask(b"a request")
        caller.close()
    return seen


def answered(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "x-release: v1", "content-length: 2", *headers, "", "[]"]).encode()


def test_a_close_that_was_announced_is_no_failure_and_one_that_was_not_is() -> None:
    keeps = Kind(True, False)
    announced = asyncio.run(outcome(keeps, answered("200 OK", "connection: close"), answered("200 OK", "Connection: Close")))
    assert (len(announced.answers), announced.failures) == (2, [])
    silent = asyncio.run(outcome(keeps, answered("200 OK"), answered("200 OK")))
    assert (len(silent.answers), len(silent.failures)) == (1, 1)
    assert "on a kept connection" in silent.failures[0].text


@pytest.mark.parametrize(
    ("answer", "told"), [(answered("503 No"), "503: []"), (b"", "IncompleteReadError"), (answered("200 OK")[:-1], "IncompleteReadError")]
)
def test_whatever_is_not_answered_with_200_failed(answer: bytes, told: str) -> None:
    seen = asyncio.run(outcome(Kind(False, False), answer))
    assert seen.answers == []
    assert told in seen.failures[0].text


def test_what_switches_come_to() -> None:
    verbs = [Verb("deploy", 1.0, 2.0, 3.0, 0.5), Verb("rollback", 4.0, 4.5, 5.0, 0.25), Verb("resume", 5.5, 5.5, 6.0, 0.0)]
    times = {0.5: "a", 1.5: "a", 1.75: "b", 3.5: "b", 4.25: "b", 4.75: "a", 5.75: "a"}
    answers = [Answer(at, 20.0 if at in (0.5, 3.5) else 30.0, release, 0) for at, release in times.items()]
    seen = Seen(answers, [Failure(4.5, 4.25, str(CALLERS[0]), "reset")])
    cycles = [Cycle(False, *verbs)]
    found = switch_figures.figures(seen, cycles)
    assert (found["requests"], found["failed"], found["p99_ratio_during"]) == (8, 1, 1.5)
    assert (found["warm_seconds"], found["warm_command_seconds"], found["warm_switch_seconds"]) == (0.5, 1.0, 0.5)
    assert switch_figures.table(seen, cycles)[0]["deploy_switch_seconds"] == 0.25
    assert switch_figures.failures(seen, cycles) == [
        "cycle 1, 0.50 s after rollback began: keep-alive, 1 row: reset after 0.250 s",
    ]


def told(ours: list[float], textbook: list[float], litserve: list[float]) -> dict[str, list[dict[str, float]]]:
    """Rounds in which the first figures are requests a second and the second ones milliseconds, all others 1."""
    names = {each.figure for each in serving_figures.COMPARISONS}
    each: dict[str, list[float]] = {"slipway": ours, "textbook": textbook, "litserve": litserve, "mlflow": [1, 1]}
    return {name: [{**dict.fromkeys(names, 1.0), "rps_32": value, "p50_ms_1": value} for value in values] for name, values in each.items()}


def test_a_server_is_compared_with_the_best_of_its_peers_round_by_round() -> None:
    found = {each.name: each for each in serving_figures.ratios(told([60, 80], [10, 20], [30, 20]))}
    assert found["rps32_vs_best_peer"] == ("rps32_vs_best_peer", "litserve", 3.0, 2.0, 4.0)
    assert found["p50_vs_best_peer"].peer == "mlflow"
    assert (found["cold_vs_mlflow"].peer, found["cold_vs_mlflow"].median) == ("mlflow", 1.0)


def test_what_metrics_cost_is_a_share_of_the_requests_without_them() -> None:
    assert serving_figures.metrics_cost([(95, 100), (99, 100), (100, 100)])[2:] == (0.01, 0.0, 0.05)


def test_the_picture_shows_each_server_but_the_floor() -> None:
    drawn = serving_picture.draw({**told([60, 80], [10, 20], [30, 20]), "constant": [{"rps_32": 9e9, "p50_ms_1": 0.01}]})
    assert ">70</text>" in drawn
    assert drawn.count(">litserve</text>") == 2
    assert "constant" not in drawn
