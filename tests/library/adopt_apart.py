"""Adopt tables one after another, each in processes of its own: `python -m tests.library.adopt_apart` reads a request a line.

What takes seconds to import is imported once, and each step of adopt is a fork of that, since it imports another `model/`.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# Of other packages only: the library imports `model`, which is another one in each step.
PACKAGES = "docker duckdb fastapi great_expectations httpx numpy pandas pydantic scipy.stats skops.io threadpoolctl yaml"
for name in PACKAGES.split():
    importlib.import_module(name)
for name in ("compose", "ensemble", "feature_extraction.text", "impute", "linear_model", "metrics", "pipeline", "preprocessing"):
    importlib.import_module(f"sklearn.{name}")

from slipway import adopt, project  # noqa: E402


def fork(work: Callable[[], int], folder: Path, output: Any) -> int:
    """Do work in a folder, in a process whose output goes into a file; returns its exit code."""
    sys.stdout.flush()
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 70
    with suppress(BaseException):
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        try:
            code = work()
        except Exception:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run_step(command: Sequence[str], cwd: Path, few_rows: int, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Stand for `subprocess.run`: a module of the library is run in a fork, anything else as it is."""
    module, *words = command[2:]
    if not module.startswith("slipway"):
        return subprocess.run(command, cwd=cwd, **options)

    def work() -> int:
        if module == "slipway.cli":
            return int(importlib.import_module(module).main(words, cwd))
        few = importlib.import_module("slipway.adopt.baseline").FEW_ROWS
        few.update(dict.fromkeys(few, few_rows))
        return int(importlib.import_module(module).main(*words))

    with tempfile.TemporaryFile("w+") as output:
        code = fork(work, cwd, output)
        output.seek(0)
        return subprocess.CompletedProcess(command, code, stderr=output.read())


def adopt_table(root: str, table: str, target: str, few_rows: int, **options: Any) -> int:
    """Adopt a table in a project, then have the declaration take all rows of both files. Returns the exit code."""
    place = Path(root)

    class Shim:
        PIPE = subprocess.PIPE

        @staticmethod
        def run(command: Sequence[str], cwd: Path, **options: Any) -> "subprocess.CompletedProcess[str]":
            done = run_step(command, cwd, few_rows, **options)
            if command[2] == "slipway.cli":
                print(done.stderr)
            return done

    vars(adopt)["subprocess"] = Shim
    code = adopt.adopt(project.load(place, None), table, target, **options).exit_code
    if code or options.get("dry_run"):
        return code
    with tempfile.TemporaryFile("w+") as output:
        refused = fork(lambda: check_rows(place), place, output)
        output.seek(0)
        print(output.read())
    return refused


def check_rows(root: Path) -> int:
    """Take all rows of both files as they are declared: none is refused, none is in both."""
    dataset = importlib.import_module("slipway.gate.dataset")
    train, reference = (dataset.read(root / name) for name in ("data/train.csv", "validation/reference.csv"))
    print(f"{len(train)} and {len(reference)} rows")
    assert len(train) > len(reference) > 0
    assert not set(dataset.hash_rows(train)) & set(dataset.hash_rows(reference))
    return 0


if __name__ == "__main__":
    for request in sys.stdin:
        with tempfile.TemporaryFile("w+") as printed:
            asked = json.loads(request)
            ended = fork(lambda asked=asked: adopt_table(**asked), Path(asked["root"]), printed)  # type: ignore[misc]
            printed.seek(0)
            print(json.dumps([ended, printed.read()]), flush=True)
