"""`./run VERB`: the verbs in the order of the road."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from slipway import http_client, project
from slipway.errors import PipelineError
from slipway.owner import explain_failure, is_owners, show_warnings
from slipway.say import summary

ROOT = Path(__file__).resolve().parents[1]
RULES: dict[str, Any] = {"default": "", "dest": "ref", "metavar": "REF"}
# What a verb's description begins with that people have no need of: the list of verbs does not show it.
HIDDEN = "\0"
JSON: dict[str, Any] = {"action": "store_true", "dest": "as_json", "help": "print JSON instead of a table"}

# Where the library has the function of a verb; the others are the steps in pipeline/, each a module of the verb's name.
MODULES = {
    "slipway.bundle.serve": ("serve",),
    "slipway.doctor": ("doctor",),
    "slipway.operate.promotion": ("rejudge",),
    "slipway.operate.status": ("history", "status"),
    "slipway.operate.upkeep": ("down", "resume", "up"),
    "slipway.operate.workflow": ("host", "record"),
    "slipway.rehearsal.demo": ("demo",),
    "slipway.template.update": ("update",),
    "slipway.tracking.track": ("track",),
    "slipway.tracking.ui": ("ui",),
    "slipway.watch.drift": ("drift",),
    "slipway.watch.outcomes": ("outcomes",),
    "slipway.watch.retrain": ("retrain",),
}
# Verb: what it does, and its options. Its module is imported when it is called, since MLflow and Great Expectations cost some seconds.
VERBS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "train": (
        "fit the model on data/train.csv and write build/bundle",
        {
            "--uncommitted-data": {
                "action": "store_true",
                "help": "for a try at your own desk: learn from data that no commit refers to; nothing can be built from that",
            }
        },
    ),
    "validate": (
        "judge build/bundle on the reference dataset: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 2 could not judge",
        {
            "--champion": {
                "default": "live",
                "help": "live: what the target serves (default); production: what the registry's pointer says; none: a first release; "
                "or a bundle's folder, an image, a URL",
            },
            "--rules": {
                **RULES,
                "help": "take thresholds, expectations and reference dataset from this git ref, so that a change cannot loosen them",
            },
            "--data-docs": {"action": "store_true", "help": "write what Great Expectations says of the data as pages, too"},
        },
    ),
    "build": ("make the release from build/bundle and its PASS: an image, or a folder for the target local", {}),
    "push": ("store the release where deploys find it", {}),
    "deploy": (
        "put the release of a git tag before callers, and prove it",
        {
            "tag": {"help": "a tag, such as v1.2.3"},
            "--rules": {**RULES, "help": "judge again where the verdict was made by other rules than those of this git ref"},
            "--judge-again": {"action": "store_true", "help": "judge here, whatever the verdict says that the release carries"},
            "--approved-by": {"default": "", "metavar": "NAME", "help": "who answers for it although the gate does not say PASS"},
            "--reason": {"default": "", "metavar": "TEXT", "help": "why; kept in the history"},
        },
    ),
    "rollback": (
        "put back what served before, and prove it",
        {
            "--to": {"default": "", "metavar": "TAG", "help": "an earlier release instead of the prior one"},
            "--reason": {"default": "", "help": "kept in the history"},
            "--accept-contract": {"action": "store_true", "help": "also when callers will have to send other requests than now"},
        },
    ),
    "up": ("start what stays on the host: the proxy, and what watches ([watch] in project.toml); say where to look", {}),
    "down": (
        "stop what answers: on this machine (local); from a host or a cluster everything is taken away",
        {"--remove": {"default": "", "metavar": "NAME", "help": "the project's name: releases and history of a host or cluster go, too"}},
    ),
    "resume": ("let deploys go on, which a rollback holds back", {"--reason": {"default": "", "help": "kept in the history"}}),
    "status": ("what is live, and what a rollback would do", {"--json": JSON}),
    "history": ("what was deployed and rolled back", {"--json": JSON}),
    "host": (
        HIDDEN + "in a workflow: write the way to the host into ~/.ssh, from the secrets of the environment production",
        {"--required": {"action": "store_true", "help": "fail, instead of saying that deploys are skipped, where there are none"}},
    ),
    "record": (
        HIDDEN + "in a workflow: tell GitHub which tag was deployed, and how that ended; only a warning where that fails",
        {
            "tag": {"nargs": "?", "default": "", "help": "what was deployed; default: what is live"},
            "--outcome": {"default": "success", "choices": ["success", "failure", "cancelled"], "help": "how the job ended"},
        },
    ),
    "rejudge": (
        HIDDEN,
        {
            "candidate": {"help": "an image, or a release's folder"},
            "--champion": {"default": "", "help": "the same of what is live; none: a first release"},
            "--verdict": {"default": "", "help": "the verdict that the champion carries"},
            "--tag": {"default": "", "help": "the champion's"},
            "--rules": RULES,
            "--into": {"required": True, "metavar": "FILE", "help": "where to write the verdict"},
        },
    ),
    "doctor": (
        "look at the model's folder, GitHub, the host and the registry; say what to mend: 0 nothing, 8 something, 2 it cannot tell",
        {
            "--fix": {"action": "store_true", "help": "do what `gh` can do, each after showing it and a yes"},
            "--model": {"action": "store_true", "help": "look at model/, data/ and validation/ only"},
        },
    ),
    "drift": (
        "compare what was asked lately with what the live release learnt from: 0 as it was, 9 something has drifted",
        {
            "file": {"nargs": "?", "default": "", "help": "a CSV file of rows that the release is asked; default: Prometheus has counted"},
            "--prometheus": {
                "default": os.environ.get("PROMETHEUS_URL") or "http://127.0.0.1:9090",
                "metavar": "URL",
                "help": "default: PROMETHEUS_URL, or what ./run up started",
            },
            "--release": {
                "default": "",
                "help": "a tag that Prometheus knows; with a file: live (default), or a bundle's folder, an image, a URL",
            },
            "--all-seasons": {
                "action": "store_true",
                "help": "the rows are from as long a time as the training data, such as a whole year: no season is an excuse",
            },
            "--issue": {"action": "store_true", "help": "in a workflow: open, update or close an issue, instead of ending with 9"},
        },
    ),
    "outcomes": (
        "when the truth is known: is the live release still better than those before it? 0 PASS, 1 FAIL, 3 INCONCLUSIVE",
        {"file": {"help": "a CSV file with the features, and what was true in the target's column"}},
    ),
    "update": (
        "bring what the template changed since onto a branch of its own, and run the tests there: 0 done, 10 the tests fail",
        {
            "--to": {"default": "", "metavar": "TAG", "help": "a version of the template; default: the newest"},
            "--no-test": {"action": "store_true", "help": "leave the tests to you"},
        },
    ),
    "retrain": (
        "put other training data in a commit on a branch of its own, if they may be learnt from; a person decides on the pull request",
        {"--data": {"required": True, "metavar": "FILE", "help": "what to learn from instead of data/train.csv, in the same form"}},
    ),
    "ui": (
        "open the pages of MLflow: what was trained, how it was judged, what serves",
        {
            "--port": {"type": int, "default": 5001, "help": "of the pages of this project's own file; default: 5001"},
            "--no-browser": {"action": "store_true", "help": "only say where they are"},
        },
    ),
    "track": ("record in MLflow what it missed while it was down: the bundle, its verdict, and what serves", {}),
    "serve": ("answer from build/bundle on this machine, for a first look", {"--port": {"type": int, "default": 8081}}),
    "demo": (
        "rehearse the whole road in a folder of its own: train, judge, deploy, refuse, roll back, under load",
        {"--keep": {"action": "store_true", "help": "leave it running at the end"}},
    ),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="./run", description="From a notebook's model to a service, and back.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (told, options) in VERBS.items():
        shown: dict[str, Any] = {} if told.startswith(HIDDEN) else {"help": told}
        verb = verbs.add_parser(name, **shown, description=told.removeprefix(HIDDEN))
        for option, settings in options.items():
            verb.add_argument(option, **settings)
        verb.add_argument("--target", choices=project.TARGETS, help="where it runs; default: [deploy] target in project.toml")
    return top


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run one verb on a checkout and return its exit code, which `slipway/errors.py` lists."""
    given = vars(parser().parse_args(arguments))
    verb, target = given.pop("verb"), given.pop("target")
    http_client.spare_own()
    try:
        with show_warnings():
            done = run_verb(verb, project.load(root, target), given)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        summary(f"**{verb}**: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception:  # what nobody thought of is no verdict: Python's own exit code for it is 1, the gate's FAIL
        traceback.print_exc()
        return PipelineError.exit_code
    return int(getattr(done, "exit_code", 0))


def find_module(verb: str) -> str:
    """Return the module that has the function of a verb."""
    return next((module for module, verbs in MODULES.items() if verb in verbs), f"pipeline.{verb}")


def run_verb(verb: str, at: project.Project, given: dict[str, Any]) -> Any:
    """Import a verb and run it. Raises PipelineError, also for whatever the owner's code raises when nothing else has caught it."""
    step, then = "import", f"./run {verb}"
    try:
        function = getattr(import_module(find_module(verb)), verb)
        step = "verb"
        return function(at, **given)
    except (PipelineError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, too: a module of the owner's must not end the process, and say that all is well
        if not is_owners(error):
            raise
        raise explain_failure(error, step, "model/" if step == "import" else then, then) from error


if __name__ == "__main__":
    # A workflow that is cancelled, too, shall stop what it started; not by way of SIGINT, which what runs in the background may ignore.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
