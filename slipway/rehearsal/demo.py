"""The rehearsal: the whole pipeline in a folder of its own, under load, with a report at the end."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.build import build
from pipeline.deploy import deploy
from pipeline.push import push
from pipeline.rollback import rollback
from pipeline.train import train
from pipeline.validate import validate
from slipway import rehearsal
from slipway.errors import PipelineError
from slipway.operate.switch import Done, attempt, read_state
from slipway.operate.targets.docker import Docker
from slipway.project import Project
from slipway.rehearsal import commit, keep_calling
from slipway.rehearsal import data as rehearsal_data
from slipway.rehearsal import report as rehearsal_report
from slipway.rehearsal.data import Data, LeftOut
from slipway.say import open_in_browser


@dataclass
class Progress:
    """The steps so far; what the verbs print goes to `log.txt`."""

    folder: Path
    steps: list[dict[str, Any]] = field(default_factory=list)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    done: Done | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a step and print its line; yields a way to say how it ended."""
        start, outcome = time.monotonic(), ["done"]
        print(f"{name:<58}", end="", flush=True)
        try:
            with (self.folder / "log.txt").open("a") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                print(f"\n# {name}", flush=True)
                yield outcome.append
        except BaseException as error:
            outcome.append(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            raise
        finally:
            seconds = time.monotonic() - start
            self.steps.append({"name": name, "seconds": round(seconds, 1), "outcome": outcome[-1]})
            print(f"{seconds:6.1f} s  {outcome[-1]}", flush=True)


@dataclass(frozen=True)
class Ended:
    """The exit code of the rehearsal, for `slipway.cli`."""

    exit_code: int


def demo(project: Project, keep: bool, in_browser: bool) -> Ended:
    """Rehearse. Raises PipelineError when a step cannot be done; everything is stopped at the end, unless `keep`."""
    chosen, why = rehearsal.choose_target(project.target if project.target_named else None)
    print(f"rehearsal on {chosen}: {why}", flush=True)
    ours = rehearsal.prepare(project, chosen)
    folder = ours.root.parent
    progress = Progress(folder)
    finished = False
    try:
        _rehearse(ours, progress)
        finished = True
    except Exception:
        rehearsal_report.write_unfinished(folder, chosen, progress.steps)
        raise
    finally:
        if not (keep and finished):
            rehearsal.clear(ours)
    report = rehearsal_report.write_report(folder, chosen, progress.steps, progress.verdicts, progress.left_out, progress.done)
    print(rehearsal_report.format_markdown(report) + f"\n\nThe report: {folder / 'report.html'}")
    if keep:
        print(f"It keeps running: http://{ours.address}/docs (./run demo again removes it)")
    if in_browser:
        open_in_browser((folder / "report.html").as_uri())
    if not rehearsal_report.has_passed(report):
        return Ended(1)
    if chosen == "docker" and project.watch:
        attempt("the rehearsal was not noted where alerts look for it", lambda: note_drill(project))
    return Ended(0)


def note_drill(project: Project) -> None:
    """Notify this machine's monitoring of the project, where there is one, of a rehearsed rollback."""
    target = Docker(project)
    if target.monitoring.volume.write_drill():
        target.notify_monitoring(read_state(target).live)


def _rehearse(project: Project, progress: Progress) -> None:
    data = rehearsal_data.read_data(project.train_data)
    _learn(project, progress, "v1.0.0", _choose_oldest(data))
    first = project.train_data.read_bytes()
    _release(project, progress, "v1.0.0")
    with keep_calling(project, progress.folder):
        if not _learn(project, progress, "v1.1.0", f"on all {data.write_all()} rows"):
            # More rows do not make every model better in every slice, and the gate is right then. One like the first can always follow it.
            project.train_data.write_bytes(first)
            _learn(project, progress, "v1.1.0", "on the rows of v1.0.0 instead")
        _release(project, progress, "v1.1.0")
        _try_other_unit(project, progress, data)
        _try_shuffled(project, progress, data)
        with progress.step("roll back under load") as report_outcome:
            progress.done = done = rollback(project, None, "rehearsal")
            report_outcome(f"{done.before.tag if done.before else ''} -> {done.after.tag}, proven in {done.seconds:.1f} s")


def _choose_oldest(data: Data) -> str:
    try:
        return f"on {data.write_oldest()}"
    except LeftOut as reason:
        return f"on all {data.write_all()} rows, since {reason}"


def _learn(project: Project, progress: Progress, tag: str, rows: str) -> bool:
    commit(project, tag)
    with progress.step(f"train {tag} {rows}"):
        train(project)
    return _judge(project, progress, tag)


def _release(project: Project, progress: Progress, tag: str) -> None:
    with progress.step(f"build and push {tag}"):
        build(project)
        push(project)
    rehearsal.tag(project, tag)
    with progress.step(f"deploy {tag}, prove it") as report_outcome:
        report_outcome(f"{deploy(project, tag).after.tag} serves, proven")


def _try_other_unit(project: Project, progress: Progress, data: Data) -> None:
    """Train on data in another unit: the expectations refuse it before anything is fitted."""
    try:
        name = data.write_other_unit()
    except LeftOut as reason:
        return _leave_out(progress, "another unit", "candidate from data in another unit", reason)
    commit(project, "another unit")
    with progress.step(f"candidate from data with {name} in another unit") as report_outcome:
        try:
            train(project)
        except PipelineError as error:
            progress.verdicts["another unit"] = {"verdict": "FAIL", "exit_code": error.exit_code, "reasons": [str(error).splitlines()[0]]}
            report_outcome("FAIL, as expected: the expectations do not hold")
        else:
            reasons = ["validation/expectations.json did not notice."]
            progress.verdicts["another unit"] = {"verdict": "PASS", "exit_code": 0, "reasons": reasons}
            report_outcome("not noticed: validation/expectations.json needs tighter ranges")


def _try_shuffled(project: Project, progress: Progress, data: Data) -> None:
    """Train a candidate on shuffled targets: the gate refuses it."""
    try:
        data.write_shuffled()
    except LeftOut as reason:
        return _leave_out(progress, "nothing learnt", "candidate that learnt nothing", reason)
    commit(project, "nothing learnt")
    with progress.step("candidate that learnt nothing: train"):
        train(project)
    _judge(project, progress, "nothing learnt")
    return None


def _leave_out(progress: Progress, verdict: str, step: str, reason: LeftOut) -> None:
    progress.left_out.append(verdict)
    with progress.step(step) as report_outcome:
        report_outcome(f"left out: {reason}")


def _judge(project: Project, progress: Progress, name: str) -> bool:
    with progress.step(f"gate: judge {name} against what is live") as report_outcome:
        judged = validate(project, "live")
        shutil.copyfile(project.gate.with_suffix(".html"), progress.folder / f"gate-{name.replace(' ', '-')}.html")
        progress.verdicts[name] = {"verdict": judged.verdict.value, "exit_code": judged.exit_code, "reasons": judged.reasons}
        expected = ", as expected" if rehearsal_report.EXPECTED[name] == judged.verdict.value else ""
        report_outcome(judged.verdict.value + ("" if judged.exit_code == 0 else f"{expected}: nothing is promoted"))
    return judged.exit_code == 0
