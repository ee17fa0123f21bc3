"""The rehearsal: the whole road in a folder of its own, under load, with a report at the end."""

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
from slipway.operate.switch import Done, attempt, state_of
from slipway.operate.targets.docker import Docker
from slipway.project import Project
from slipway.rehearsal import callers, commit
from slipway.rehearsal import data as rehearsal_data
from slipway.rehearsal import report as rehearsal_report
from slipway.rehearsal.data import Data, LeftOut


@dataclass
class Story:
    """What happened, step by step; the verbs' own words go to `log.txt`."""

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
                yield lambda said: outcome.append(said)
        except BaseException as error:
            outcome.append(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            raise
        finally:
            seconds = time.monotonic() - start
            self.steps.append({"name": name, "seconds": round(seconds, 1), "outcome": outcome[-1]})
            print(f"{seconds:6.1f} s  {outcome[-1]}", flush=True)


@dataclass(frozen=True)
class Ended:
    """How the rehearsal went."""

    exit_code: int


def demo(project: Project, keep: bool) -> Ended:
    """Rehearse. Raises PipelineError when a step cannot be done; whatever happens, nothing is left running unless `keep`."""
    chosen, why = rehearsal.choose(project.target if project.asked else None)
    print(f"rehearsal on {chosen}: {why}", flush=True)
    ours = rehearsal.prepare(project, chosen)
    folder = ours.root.parent
    story = Story(folder)
    finished = False
    try:
        play(ours, story)
        finished = True
    finally:
        if not (keep and finished):
            rehearsal.clear(ours)
    report = rehearsal_report.write(folder, chosen, story.steps, story.verdicts, story.left_out, story.done)
    print(rehearsal_report.markdown(report) + f"\n\nThe report: {folder / 'report.html'}")
    if keep:
        print(f"It goes on running: http://{ours.address}/docs (./run demo again clears it away)")
    if not rehearsal_report.as_expected(report):
        return Ended(1)
    if chosen == "docker" and project.watch:
        attempt("the rehearsal was not noted where alerts look for it", lambda: note(project))
    return Ended(0)


def note(project: Project) -> None:
    """Have what watches the project on this machine's engine, if something does, know that a rollback was rehearsed."""
    target = Docker(project)
    if target.monitoring.volume.write_drill():
        target.notify_monitoring(state_of(target).live)


def play(project: Project, story: Story) -> None:
    """Take the road four times and go back."""
    data = rehearsal_data.begin(project.train_data)
    earlier = oldest(data)
    learn(project, story, "v1.0.0", earlier)
    first = project.train_data.read_bytes()
    release(project, story, "v1.0.0")
    with callers(project, story.folder):
        if not learn(project, story, "v1.1.0", f"on all {data.all()} rows"):
            # More rows do not make every model better in every slice, and the gate is right then. One like the first can always follow it.
            project.train_data.write_bytes(first)
            learn(project, story, "v1.1.0", "on the rows of v1.0.0 instead")
        release(project, story, "v1.1.0")
        unit(project, story, data)
        nothing_learnt(project, story, data)
        with story.step("roll back under load") as say:
            story.done = rollback(project, None, "rehearsal")
            say(f"{story.done.before.tag if story.done.before else ''} -> {story.done.after.tag}, proven in {story.done.seconds:.1f} s")


def oldest(data: Data) -> str:
    """Have the oldest rows learnt from, all where that cannot be, and say which these are."""
    try:
        return f"on {data.earlier()}"
    except LeftOut as reason:
        return f"on all {data.all()} rows, since {reason}"


def learn(project: Project, story: Story, tag: str, told: str) -> bool:
    """Train on what lies there, and tell whether the gate lets the model pass."""
    commit(project, tag)
    with story.step(f"train {tag} {told}"):
        train(project)
    return judge(project, story, tag)


def release(project: Project, story: Story, tag: str) -> None:
    """Take what passed down the rest of the road."""
    with story.step(f"build and push {tag}"):
        build(project)
        push(project)
    rehearsal.tag(project, tag)
    with story.step(f"deploy {tag}, prove it") as say:
        say(f"{deploy(project, tag).after.tag} serves, proven")


def unit(project: Project, story: Story, data: Data) -> None:
    """Try data in another unit: the expectations refuse it before anything is fitted."""
    try:
        name = data.other_unit()
    except LeftOut as reason:
        return leave_out(story, "another unit", "candidate from data in another unit", reason)
    commit(project, "another unit")
    with story.step(f"candidate from data with {name} in another unit") as say:
        try:
            train(project)
        except PipelineError as error:
            story.verdicts["another unit"] = {"verdict": "FAIL", "exit_code": error.exit_code, "reasons": [str(error).splitlines()[0]]}
            say("FAIL, as it should: the expectations do not hold")
        else:
            story.verdicts["another unit"] = {
                "verdict": "PASS",
                "exit_code": 0,
                "reasons": ["validation/expectations.json did not notice."],
            }
            say("not noticed: validation/expectations.json needs tighter ranges")


def nothing_learnt(project: Project, story: Story, data: Data) -> None:
    """Try a candidate that learnt nothing, since its targets are shuffled: the gate refuses it."""
    try:
        data.nothing_learnt()
    except LeftOut as reason:
        return leave_out(story, "nothing learnt", "candidate that learnt nothing", reason)
    commit(project, "nothing learnt")
    with story.step("candidate that learnt nothing: train"):
        train(project)
    judge(project, story, "nothing learnt")
    return None


def leave_out(story: Story, verdict: str, step: str, reason: LeftOut) -> None:
    """Say that a verdict is not to be had, and why."""
    story.left_out.append(verdict)
    with story.step(step) as say:
        say(f"left out: {reason}")


def judge(project: Project, story: Story, name: str) -> bool:
    """Judge what was trained against what is live, and tell whether it passed."""
    with story.step(f"gate: judge {name} against what is live") as say:
        judged = validate(project, "live")
        shutil.copyfile(project.gate.with_suffix(".html"), story.folder / f"gate-{name.replace(' ', '-')}.html")
        story.verdicts[name] = {"verdict": judged.verdict.value, "exit_code": judged.exit_code, "reasons": judged.reasons}
        meant = ", as it should" if rehearsal_report.EXPECTED[name] == judged.verdict.value else ""
        say(judged.verdict.value + ("" if judged.exit_code == 0 else f"{meant}: nothing is promoted"))
    return judged.exit_code == 0
