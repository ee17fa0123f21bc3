"""Adopts tables, notebooks and models, each in a project of its own, and says how far each gets: verdict, own tests, rehearsal."""

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench import results
from bench.adopt_tables import TABLES, WHOLE, Adopted, bake
from slipway import git, project, rehearsal

CODE = ("model", "pipeline", "validation/thresholds.toml", "validation/expectations.json")
# A line is left to a person where a draft or a decision waits for what no table says: a case to sign, a figure that the business sets, a
# pipeline to replace, a doubt, or what of a notebook could not be followed. One more is where the data are from.
WAITING = ("model/behaviour.py", "model/estimator.py", "validation/thresholds.toml", "build/adopt.md")
LEFT = re.compile(
    r"signed: nobody yet|^(?:min|max) = |Replace it by your own|may as well be|if they only name something|in load\b|write it there"
    r"|goes into pipeline/train.py|have to be in requirements",
    re.MULTILINE,
)
HEAD = ("table", "rows", "adopt, s", "lines written", "lines left", "verdict", "own tests", "rehearsal")
STEPS = ("verdict", "tests", "demo")
FIELDS = ("rows", "seconds", "written", "left", *STEPS)
STORE = results.RESULTS / "adopt.json"


class Ended(Exception):
    """A command failed; the text is the last line that it printed."""


def run(root: Path, *words: str) -> str:
    """Run a module in a project, in this environment; returns what it printed. Raises Ended."""
    variables = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", *words], cwd=root, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1].replace(f"{root.parent}/", "")
        raise Ended(f"{last[:300]} ({' '.join(words[:2])})")
    return done.stdout


def count_lines(root: Path, printed: str) -> dict[str, int]:
    """Return how many lines of code and settings adopt wrote, and how many it leaves to a person."""
    numbers = git.run_git(root, "diff", "--numstat", "HEAD~1", "--", *CODE).splitlines()
    texts = [(root / name).read_text(encoding="utf-8") for name in WAITING]
    left = 1 + printed.count("not asked, since") + sum(len(LEFT.findall(text)) for text in texts)
    return {"written": sum(int(each.split("\t")[0]) for each in numbers), "left": left}


def measure(root: Path, made: Adopted, whole: bool, found: dict[str, Any]) -> None:
    """Adopt, train, judge, test and rehearse; what is found on the way is kept. Raises Ended."""
    table, target, options = made
    start = time.monotonic()
    printed = run(root, "slipway.cli", "adopt", str(table), "--target", target, *options)
    [rows] = re.findall(r"held back: [\d,]+ of ([\d,]+) rows", printed)
    found |= {"seconds": round(time.monotonic() - start, 1), "rows": int(rows.replace(",", ""))}
    rehearsal.commit(project.load(root), "Adopt our table")
    found |= count_lines(root, printed)
    run(root, "slipway.cli", "train")
    run(root, "slipway.cli", "validate", "--target", "local")
    found["verdict"] = "PASS"
    files = () if whole else ("tests/test_model.py", "tests/test_service.py")
    found["tests"] = " ".join(re.findall(r"\d+ (?:passed|skipped)", run(root, "pytest", "-n", "0", *files)))
    if whole:
        report = run(root, "slipway.cli", "demo", "--target", "local")
        found["demo"] = "{1} of {0} failed".format(*re.findall(r"Requests: (\d+), failed: (\d+)", report)[0])
    found["green"] = True


def try_one(name: str, baked: Path, folder: Path) -> dict[str, Any]:
    """Return what is found of a table; where a command fails, its last line stands in the place of what comes next."""
    found: dict[str, Any] = {"green": False}
    shutil.copytree(baked, folder / "project", symlinks=True)
    try:
        measure(folder / "project", TABLES[name](folder), name in WHOLE, found)
    except Ended as error:
        found[next(each for each in STEPS if each not in found)] = str(error)
    return found


def load() -> dict[str, Any]:
    """Return the rows that are there."""
    return dict(json.loads(STORE.read_bytes())["rows"]) if STORE.is_file() else {}


def keep(name: str, row: dict[str, Any]) -> None:
    """Write a row among those of before; another run may do so at the same time."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = {**load(), name: row}
        seconds, left = ([each[field] for each in rows.values() if field in each] or [0] for field in ("seconds", "left"))
        figures = {"tables": len(rows), "green": sum(each["green"] for each in rows.values())}
        figures |= {"median_seconds": median(seconds), "most_left": max(left)}
        results.write("adopt", figures, rows={each: rows[each] for each in TABLES if each in rows})


def main() -> None:
    """Adopt what has no row yet, or what is named, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=TABLES, help="this one, also where it has a row; may be repeated")
    names = parser.parse_args().only or [name for name in TABLES if name not in load()]
    with tempfile.TemporaryDirectory(prefix="adopt-") as made:
        baked = bake(Path(made))
        for name in names:
            with tempfile.TemporaryDirectory(prefix="table-") as folder:
                row = try_one(name, baked, Path(folder))
            keep(name, row)
            print(name, json.dumps(row), flush=True)
    print(results.markdown(HEAD, [[name, *(str(row.get(field, "–")) for field in FIELDS)] for name, row in load().items()]))


if __name__ == "__main__":
    main()
