"""Run verbs in many projects from one process, which has imported the libraries already: a fork for each.

It reads a line of JSON for each run, [folder, words, file for what is printed], and answers with its exit code.
"""

import json
import os
import runpy
import sys
import traceback
import warnings

warnings.simplefilter("ignore")
import great_expectations.expectations.registry  # noqa: E402, F401
import pandas  # noqa: E402, F401
import sklearn.compose  # noqa: E402
import sklearn.ensemble  # noqa: E402
import sklearn.model_selection  # noqa: E402, F401
import skops.io  # noqa: E402, F401


def run(folder: str, words: list[str], output: str) -> int:
    """Run `python -m` with words in a folder; returns the exit code."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = words
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 99
    return 0


def main() -> None:
    """Run what is asked, until the input ends."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = run(*json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


main()
