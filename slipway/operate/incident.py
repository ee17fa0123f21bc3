"""What GitHub's issue of an environment, or of the drill, says: what is live, what happened, and what to type. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.operate import journal
from slipway.operate.issues import Issue, quote, quote_block
from slipway.operate.journal import Event
from slipway.say import one_line

ENDED = {"failure": "failed", "cancelled": "was cancelled"}
DEPLOY_AGAIN = "The summary of the run has the reason. Deploy again: *Actions*, *deploy*, *Run workflow*. Or by hand: `./run deploy TAG`."
ROLL_BACK = 'If the live release misbehaves: *Actions*, *rollback*, *Run workflow*. Or by hand: `./run rollback --reason "WHY"`.'
ROLL_BACK_AGAIN = 'The summary of the run has the reason. By hand, also to another release: `./run rollback --to TAG --reason "WHY"`.'
RESUME = (
    'Once the cause is fixed: *Actions*, *deploy*, *Run workflow*, with *resume* ticked. Or by hand: `./run resume --reason "WHY"`, then '
    "`./run deploy TAG`."
)
NO_REPORT = "There is no report, because the drill ended before. The log of the run has the reason."
HELP = "`./run status` shows which release is live. The page for this is `docs/rollback.md`."


@dataclass(frozen=True)
class Run:
    """A run of a workflow: what it did (the name of its job), with which tag, how that ended, and its page."""

    job: str
    tag: str
    outcome: str
    url: str

    @property
    def title(self) -> str:
        """Name it, and say how it ended."""
        return f"{self.job}{f' of {one_line(self.tag, 60)}' if self.tag else ''} {ENDED.get(self.outcome, 'succeeded')}"


def describe_environment(environment: str, live: str, events: Sequence[Event], run: Run) -> Issue:
    """Return the issue after a deploy or a rollback: open while a rollback holds deploys, and after a run that failed.

    `live` is the tag of the live release; empty where nothing is live, or where that is unknown.
    """
    held = journal.find_hold(events)
    serves = f"{live} is live" if live else "the live release is not known"
    lines = [f"- last run: {quote(run.title)}, {run.url}"]
    if held:
        title = f"{environment.capitalize()} runs {held.tag} after a rollback; deploys are held"
        was = [f"- before: {quote(held.before)}"] if held.before else []
        lines = [f"- what: {quote(held.what)}", f"- by: {quote(held.by)}, {held.at}", *was, *lines]
        return Issue(environment, True, title, _format(serves, lines, RESUME, "a deploy is proven"))
    if run.outcome in ENDED:
        act = ROLL_BACK_AGAIN if run.job == "rollback" else f"{DEPLOY_AGAIN} {ROLL_BACK}"
        body = _format(serves, lines, act, "a deploy or a rollback is proven")
        return Issue(environment, True, f"{environment.capitalize()}: {run.title}; {serves}", body)
    return Issue(environment, False, serves, "\n".join(lines))


def _format(serves: str, lines: list[str], act: str, end: str) -> str:
    return "\n\n".join([f"**{quote(serves)}**", "\n".join(lines), act, f"{HELP} The issue is closed when {end}."])


def describe_drill(report: str, run: Run) -> Issue:
    """Return the issue after a drill, with its report, which is empty where it did not come that far."""
    found = quote_block(report) if report.strip() else NO_REPORT
    again = "Repeat it: *Actions*, *drill*, *Run workflow*. Or by hand: `./run demo --target docker`. The live release is not affected."
    if run.outcome not in ENDED:
        return Issue("drill", False, "the drill passed", run.url)
    return Issue("drill", True, f"The {run.title}: a rollback may fail, too", f"{run.url}\n\n{found}\n\n{again}")
