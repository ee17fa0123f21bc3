"""`./run VERB`: the verbs in the order of the pipeline."""

import argparse
import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from slipway import __version__, http_client, project
from slipway.errors import PipelineError
from slipway.operate import ssh
from slipway.owner import explain_failure, is_owners, show_warnings
from slipway.say import summary

ROOT = Path(__file__).resolve().parents[1]
RULES: dict[str, Any] = {"default": "", "dest": "ref", "metavar": "REF"}
ENVIRONMENT = "production (default), or staging, which needs [environments.staging] in project.toml"
# After these the summary says what serves.
SWITCHING = {"host", "wait", "deploy", "rollback"}
# These ask the host in any case.
ON_HOST = {"deploy", "rollback", "resume", "unlock", "status", "history"}
JSON: dict[str, Any] = {"action": "store_true", "dest": "as_json", "help": "print JSON instead of a table"}


class Verb:
    """What a verb does, the module that has its function, and its options. Workflows and other verbs call those that are hidden."""

    def __init__(self, module: str, description: str, *options: tuple[str, dict[str, Any]], hidden: bool = False) -> None:
        self.module, self.description, self.options, self.hidden = module, description, dict(options), hidden


def option(name: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    """Return an option of a verb, with what `argparse.ArgumentParser.add_argument` takes."""
    return name, settings


# A verb's module is imported when the verb is called, since MLflow and Great Expectations cost some seconds.
# A full disk, a file system that is only read, a folder that this user may not write to.
NOT_WRITTEN = (errno.ENOSPC, errno.EROFS, errno.EACCES)
VERBS = {
    "adopt": Verb(
        "slipway.adopt",
        "draft model/, data/ and validation/ for your own table: 0 all fits, 8 something must be fixed",
        option("file", help="CSV, as any program writes it, or Parquet"),
        option("--target", required=True, metavar="COLUMN", dest="column", help="the column to learn"),
        option(
            "--task",
            default="",
            choices=("regression", "classification"),
            help="regression predicts amounts, classification classes; default: decided from the column",
        ),
        option("--positive", default="", metavar="VALUE", help="the one of two classes whose probability is answered"),
        option("--notebook", default="", metavar="FILE", help="use the estimator of a notebook; the notebook is read, never run"),
        option("--model", default="", metavar="FILE", help="draft build() from a fitted model (pickle, joblib, skops) without loading it"),
        option("--answers", default="", metavar="COLUMN", help="the column with the predictions of your former model, to compare with"),
        option("--dry-run", action="store_true", help="print the decisions; change nothing"),
        option("--force", action="store_true", help="also overwrite files that a person has edited"),
    ),
    "train": Verb(
        "pipeline.train",
        "fit the model on data/train.csv and write build/bundle",
        option(
            "--uncommitted-data",
            action="store_true",
            help="train on data that is not committed, for a try; such a bundle cannot be built",
        ),
    ),
    "validate": Verb(
        "pipeline.validate",
        "judge build/bundle on the reference dataset: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 2 could not judge",
        option(
            "--champion",
            default="live",
            help="live: the live release of the target (default); production: the release that the registry's pointer names; none: a "
            "first release; or a bundle's folder, an image, a URL",
        ),
        option(
            "--rules",
            **RULES,
            help="use thresholds, expectations and reference dataset of this git ref, so that a change cannot loosen them",
        ),
        option("--data-docs", action="store_true", help="also write the pages of Great Expectations about the data"),
    ),
    "build": Verb("pipeline.build", "build the release from build/bundle and its PASS: an image, or a folder for the target local"),
    "push": Verb("pipeline.push", "store the release in the registry, where deploys find it"),
    "sign": Verb(
        "slipway.operate.signing",
        "sign a release that passed, with the key in SIGNING_KEY; once the project has .github/allowed_signers, only signed releases are "
        "deployed",
        option("commit", nargs="?", default="HEAD", help="the release of this commit or tag; default: the commit that is checked out"),
        option("--digest", default="", help="this image, instead of the one that the registry has for the commit"),
        option(
            "--new-key",
            action="store_true",
            help="make a pair of keys: the private key becomes a secret on GitHub, the public key a line in .github/allowed_signers",
        ),
    ),
    "deploy": Verb(
        "pipeline.deploy",
        "deploy the release of a git tag, and prove it",
        option("tag", help="a tag, such as v1.2.3"),
        option("--rules", **RULES, help="judge again if the verdict was made by other rules than those of this git ref"),
        option("--judge-again", action="store_true", help="judge again on this machine, whatever verdict the release has"),
        option("--approved-by", default="", metavar="NAME", help="who approves the release although the gate does not say PASS"),
        option("--reason", default="", metavar="TEXT", help="the reason, kept in the history"),
        option("--resume", action="store_true", help="deploy although a rollback holds deploys; the hold ends once this deploy is proven"),
    ),
    "rollback": Verb(
        "pipeline.rollback",
        "make the previous release live again, and prove it",
        option("--to", default="", metavar="TAG", help="go back to this release instead of the previous one"),
        option("--reason", default="", help="kept in the history"),
        option("--accept-contract", action="store_true", help="roll back even if callers have to change their requests"),
    ),
    "up": Verb("slipway.operate.upkeep", "start the proxy and monitoring ([watch] in project.toml) on the host, and print their addresses"),
    "alert": Verb(
        "slipway.operate.alert",
        "show who receives alerts ([watch] notify in project.toml); store the receiver's secret; send a test alert",
        option("--test", action="store_true", help="send a test alert, and wait until it is delivered"),
        option(
            "--secret", action="store_true", help="read the receiver's secret from the keyboard or standard input, and write it to the host"
        ),
    ),
    "down": Verb(
        "slipway.operate.upkeep",
        "stop the service on this machine (local); with --remove, remove everything from a host or a cluster",
        option(
            "--remove",
            default="",
            metavar="NAME",
            help="the project's name, to confirm the removal",
        ),
    ),
    "keys": Verb(
        "slipway.operate.access",
        "add, list and revoke the keys of callers; apply [callers] of project.toml to the live release",
        option("action", choices=("add", "list", "revoke", "apply")),
        option("name", nargs="?", default="", help="the caller, such as planning"),
    ),
    "resume": Verb(
        "slipway.operate.upkeep",
        "allow deploys again, after a rollback has held them",
        option("--reason", default="", help="kept in the history"),
    ),
    "prune": Verb(
        "slipway.operate.prune",
        "remove old images from the registry, except those that were deployed, tagged or merged recently",
        option("--dry-run", action="store_true", help="print what would be removed; remove nothing"),
        option("--days", type=int, default=30, help="keep images that are younger than this; default: 30"),
        option("--keep", type=int, default=20, metavar="MERGES", help="keep the images of this many last merges; default: 20"),
    ),
    "unlock": Verb(
        "slipway.operate.upkeep",
        "free the lock of a deploy or rollback that was killed",
        option("--reason", default="", help="the reason, kept in the history; required"),
    ),
    "status": Verb("slipway.operate.status", "show which release is live, and what a rollback would do", option("--json", **JSON)),
    "history": Verb("slipway.operate.status", "list deploys and rollbacks", option("--json", **JSON)),
    "host": Verb(
        "slipway.operate.workflow",
        "in a workflow: write the SSH settings of the host for the steps after it, from the secrets of the environment production",
        option("--required", action="store_true", help="fail if a secret is missing, instead of skipping the deploy"),
        hidden=True,
    ),
    "host-account": Verb(
        "slipway.operate.host_account",
        "print the line for authorized_keys on the host; with it, the key of deploys opens only the Docker engine",
    ),
    "record": Verb(
        "slipway.operate.workflow",
        "in a workflow: record on GitHub which tag was deployed and how that ended, and update its issue; if that fails, only warn",
        option("tag", nargs="?", default="", help="the tag that was deployed; default: the live one"),
        option("--outcome", default="success", choices=["success", "failure", "cancelled"], help="how the job ended"),
        option("--drill", action="store_true", help="it was a drill: update only the issue about drills"),
        hidden=True,
    ),
    "wait": Verb(
        "slipway.operate.workflow",
        "in a workflow: wait while the image of a tag's commit is being built",
        option("tag", help="the tag to be deployed"),
        hidden=True,
    ),
    "rejudge": Verb(
        "slipway.operate.promotion",
        "",
        option("candidate", help="an image, or a release's folder"),
        option("--champion", default="", help="the live release, as an image or a folder; none: a first release"),
        option("--verdict", default="", help="the champion's verdict"),
        option("--tag", default="", help="the champion's tag"),
        option("--rules", **RULES),
        option("--into", required=True, metavar="FILE", help="where to write the verdict"),
        hidden=True,
    ),
    "doctor": Verb(
        "slipway.doctor",
        "check model/, GitHub, the host and the registry, and say what to fix: 0 nothing, 8 something, 2 not known",
        option("--fix", action="store_true", help="show each command that `gh` can run, and run it after your yes"),
        option("--model", action="store_true", help="check model/, data/ and validation/ only"),
    ),
    "drift": Verb(
        "slipway.watch.drift",
        "compare recent requests with the training data of the live release: 0 no drift, 9 drift",
        option("file", nargs="?", default="", help="a CSV file of requested rows; default: the counts in Prometheus"),
        option(
            "--prometheus",
            default=os.environ.get("PROMETHEUS_URL") or "http://127.0.0.1:9090",
            metavar="URL",
            help="default: PROMETHEUS_URL, or what ./run up started",
        ),
        option(
            "--release", default="", help="a tag that Prometheus knows; with a file: live (default), or a bundle's folder, an image, a URL"
        ),
        option(
            "--all-seasons",
            action="store_true",
            help="the rows span as long a time as the training data, such as a whole year; then no difference counts as a season",
        ),
        option("--issue", action="store_true", help="in a workflow: open, update or close an issue, instead of ending with 9"),
    ),
    "outcomes": Verb(
        "slipway.watch.outcomes",
        "compare the live release with those before it, when the true values are known: 0 PASS, 1 FAIL, 3 INCONCLUSIVE",
        option("file", help="a CSV file with the features, and the true value in the target's column"),
    ),
    "update": Verb(
        "slipway.template.update",
        "apply a newer version of the template on a new branch, and run the tests there: 0 done, 10 the tests fail",
        option("--to", default="", metavar="TAG", help="a version of the template; default: the newest"),
        option("--no-test", action="store_true", help="do not run the tests"),
    ),
    "retrain": Verb(
        "slipway.watch.retrain",
        "check new training data and commit them on a new branch; a person decides on the pull request",
        option("--data", required=True, metavar="FILE", help="the file that replaces data/train.csv, with the same columns"),
    ),
    "ui": Verb(
        "slipway.watch.ui",
        "open one page of what there is: reports, the live release, MLflow, monitoring; and the command for what is missing",
        option("--no-open", action="store_true", help="only write the page, and print what is on it"),
    ),
    "mlflow": Verb(
        "slipway.tracking.pages",
        "start and open the pages of MLflow: trainings, verdicts, the live release",
        option("--port", type=int, default=5001, help="the port of the pages; default: 5001"),
        option("--no-open", action="store_true", help="only print the address"),
    ),
    "track": Verb(
        "slipway.tracking.track", "record in MLflow what was missed while it was down: the bundle, its verdict, the live release"
    ),
    "serve": Verb(
        "slipway.bundle.assembly", "serve build/bundle on this machine, for a first look", option("--port", type=int, default=8081)
    ),
    "demo": Verb(
        "slipway.rehearsal.demo",
        "rehearse the whole pipeline in a folder of its own: train, judge, deploy, refuse, roll back, under load",
        option("--keep", action="store_true", help="leave it running at the end"),
        option("--open", action="store_true", dest="in_browser", help="open the report in the browser"),
    ),
}


class Parser(argparse.ArgumentParser):
    """A command line that says what is wrong with it as all messages do."""

    def error(self, message: str) -> NoReturn:
        """Raise PipelineError."""
        found = re.sub(r"invalid choice: (.+) \(choose from (.+)\)", _list_choices, message)
        raise PipelineError(f"{found}. Nothing was done. Next: {self.prog} --help.")


def _list_choices(found: re.Match[str]) -> str:
    hidden = {name for name, verb in VERBS.items() if verb.hidden}
    shown = [each for each in found[2].split(", ") if each.strip("'") not in hidden]
    return f"found {found[1]}. Expected: one of {', '.join(shown)}"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = Parser(prog="./run", description="From a notebook's model to a service, and back.")
    top.add_argument("--version", action="version", version=f"slipway {__version__}", help="print the version of slipway/")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        listed: dict[str, Any] = {} if verb.hidden else {"help": verb.description}
        options = verbs.add_parser(name, **listed, description=verb.description)
        for each, settings in verb.options.items():
            options.add_argument(each, **settings)
        if "--target" not in verb.options:
            options.add_argument("--target", choices=project.TARGETS, help="where it runs; default: [deploy] target in project.toml")
            options.add_argument("--environment", choices=project.ENVIRONMENTS, default=project.PRODUCTION, help=ENVIRONMENT)
    return top


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run one verb on a checkout and return its exit code, which `slipway/errors.py` lists."""
    try:
        options = vars(parser().parse_args(arguments))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        summary(f"**The live release was not changed:** {error}")
        return error.exit_code
    verb, target = options.pop("verb"), options.pop("target", None)
    environment = options.pop("environment", project.PRODUCTION)
    http_client.bypass_proxy()
    try:
        with show_warnings():
            done = _run_verb(verb, project.load(root, target, environment), options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        summary(_describe_failure(root, target, environment, verb, error))
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        summary(f"**{verb} was interrupted.** Next, on a machine that reaches the host: `./run status` (docs/rollback.md).")
        return 130
    except Exception as error:  # a fault of the library's is no verdict: Python's own exit code for it is 1, the gate's FAIL
        traceback.print_exc()
        summary(_describe_failure(root, target, environment, verb, error))
        return PipelineError.exit_code
    return int(getattr(done, "exit_code", 0))


def _describe_failure(root: Path, target: str | None, environment: str, verb: str, error: Exception) -> str:
    if verb in SWITCHING and os.environ.get("GITHUB_STEP_SUMMARY"):
        from slipway.operate.status import describe_failure  # imported here: the others do without a target

        with suppress(PipelineError):  # project.toml cannot be read
            return describe_failure(project.load(root, target, environment), verb, error)
    return f"**{verb}**: {error}"


def _run_verb(verb: str, at: project.Project, options: dict[str, Any]) -> Any:
    step, then = "import", f"./run {verb}"
    if verb in ON_HOST and at.target == "docker":
        ssh.start_tunnel()  # while the verb is imported
    try:
        function = getattr(import_module(VERBS[verb].module), verb.replace("-", "_"))
        step = "verb"
        return function(at, **options)
    except (PipelineError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, too: a module of the owner's must not end the process as if all were well
        if not is_owners(error):
            if getattr(error, "errno", None) in NOT_WRITTEN:
                raise _explain_unwritten(error, then) from error
            raise
        raise explain_failure(error, step, "model/" if step == "import" else then, then) from error


def _explain_unwritten(error: BaseException, then: str) -> PipelineError:
    name = getattr(error, "filename", None) or "A file"
    return PipelineError(f"{name} cannot be written: {error}. Next: make room there, or let this user write there; then {then}.")


if __name__ == "__main__":
    # A workflow that is cancelled stops what it started, too. SIGINT would not do: processes in the background may ignore it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
