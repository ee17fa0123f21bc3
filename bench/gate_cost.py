"""What the gate costs: seconds and peak memory for reference datasets of many sizes, each in a process of its own."""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

from bench import memory, results

# This process imports nothing large: on Linux the peak memory of a process begins with that of the one that started it.
SIZES = (10_000, 100_000, 1_000_000)
HEAD = ("reference rows", "seconds", "gate's peak, MB", "a service's peak, MB", "imports, seconds")
AUTHOR = ("-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")


def git(root: Path, *arguments: str) -> str:
    """Run git in a folder."""
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout


def prepare(root: Path) -> None:
    """Copy the project, make its first commit, train, and keep the bundle as champion too."""
    copy(root)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, *AUTHOR, "commit", "--quiet", "--message", "The project")
    python(root, "-m", "slipway.cli", "train")
    shutil.copytree(root / "build" / "bundle", root / "build" / "champion")


def copy(root: Path) -> None:
    """Copy the project's files."""
    for name in git(results.ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        if name and (results.ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(results.ROOT / name, root / name)


def python(root: Path, *words: str) -> str:
    """Run Python in the copy; what goes wrong is shown."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}"}
    return subprocess.run([sys.executable, *words], cwd=root, env=settings, stdout=subprocess.PIPE, text=True, check=True).stdout


def repeated(lines: list[str], column: int) -> Iterator[str]:
    """Repeat the rows of a CSV file with days that go on, one after the other, so that no day comes twice."""
    cells = [line.split(",") for line in lines]
    days = sorted({date.fromisoformat(row[column]) for row in cells})
    for again in count(1):
        later = {str(day): str(day + again * (days[-1] - days[0] + timedelta(days=1))) for day in days}
        yield from (",".join([*row[:column], later[row[column]], *row[column + 1 :]]) for row in cells)


def enlarge(root: Path, rows: int) -> None:
    """Write a reference dataset of so many rows."""
    head, *lines = (results.ROOT / "validation" / "reference.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    with (root / "validation" / "reference.csv").open("w", encoding="utf-8") as file:
        file.write(head)
        file.writelines(islice(repeated(lines, head.split(",").index("dteday")), rows))


def measure(root: Path) -> dict[str, float]:
    """Judge the copy's bundle against itself, in this process; the imports come before, and are timed apart."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, about each other
        import great_expectations  # noqa: F401

        from slipway import project, rules
        from slipway.gate.judge import judge
        from slipway.operate import promotion
    ready = time.perf_counter()
    of = project.load(root, "local")
    with memory.watched() as peaks:
        judged = judge(of, str(of.bundle), promotion.resolve_champion(of, str(root / "build" / "champion")), rules.load_rules(of))
    done = time.perf_counter()
    assert judged.verdict.value == "PASS", judged.reasons
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = {"peak_mb": round(own * 1024 / 1e6), "child_peak_mb": round(max(peaks) * 1024 / 1e6)}
    return {"rows": judged.reference_rows, "seconds": round(done - ready, 2), **peak, "import_seconds": round(ready - started, 2)}


def row(told: dict[str, Any]) -> list[str]:
    """Return a line of the table."""
    cells = (f"{told['seconds']:.1f}", f"{told['peak_mb']}", f"{told['child_peak_mb']}", f"{told['import_seconds']:.1f}")
    return [f"{told['rows']:,}", *cells]


def figures(table: list[dict[str, float]]) -> dict[str, float]:
    """Return the figures that the goals are about."""
    small, middle, large = table
    return {
        "seconds_10k": small["seconds"],
        "seconds_100k": middle["seconds"],
        "seconds_1m": large["seconds"],
        "peak_mb_1m": large["peak_mb"],
        "child_peak_mb_1m": large["child_peak_mb"],
        "import_seconds": large["import_seconds"],
        "ratio_1m_to_100k": round(large["seconds"] / middle["seconds"], 2),
    }


def main() -> None:
    """Measure each size, print the table and write the results."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--measure", type=Path, metavar="FOLDER", help="measure the copy in a folder, in this process")
    options.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    asked = options.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    table = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for rows in asked.sizes:
            enlarge(Path(folder), rows)
            table.append(json.loads(python(Path(folder), "-m", "bench.gate_cost", "--measure", folder).splitlines()[-1]))
            print(table[-1], flush=True)
    print(results.markdown(HEAD, [row(told) for told in table]))
    if tuple(asked.sizes) == SIZES:
        results.write("gate_cost", figures(table), table=table)


if __name__ == "__main__":
    main()
