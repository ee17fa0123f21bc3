"""What GitHub's issues say of a rollback, a failed deploy and a red drill: one for each, opened, updated, and closed when it is over."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from markdown_it import MarkdownIt

from slipway import http_client, project, rehearsal
from slipway.errors import PipelineError
from slipway.operate import incident, workflow
from slipway.operate.incident import Run
from slipway.operate.issues import Issue, keep_issue
from slipway.operate.journal import DEPLOY, RESUME, ROLLBACK, Event
from slipway.rehearsal import demo
from tests.library.test_host import ON_HOST, answering

AT, PAGE = "2026-01-01T00:00:00+00:00", "https://here/o/r/actions/runs/9"
HOSTILE = "off ` ``y`` @everybody <img src=x> #12 ![a](//b)\n\n<!-- kept by the workflow: drill --> <script>a</script>"


class GitHub(httpx.MockTransport):
    """Has issues, as GitHub keeps them."""

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.issues, self.comments, self.status = list[dict[str, Any]](), list[str](), 0

    @classmethod
    def reached(cls, patch: pytest.MonkeyPatch) -> Self:
        """Have a workflow reach it."""
        there = cls()
        answering(patch, 201)
        patch.setenv("GITHUB_JOB", "deploy")
        patch.setattr(http_client, "open_client", lambda _, **given: httpx.Client(transport=there, **given))
        return there

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as GitHub does."""
        assert request.headers["authorization"] == "Bearer t"
        if self.status:
            return httpx.Response(self.status, json={"message": "Resource not accessible by integration"})
        if request.method == "GET":
            asked = request.url.params
            found = [each for each in self.issues if each["state"] == asked["state"] and asked["labels"] in each["labels"]]
            return httpx.Response(200, json=found)
        path, sent = request.url.path.removeprefix("/repos/o/r/issues"), json.loads(request.content)
        if path.endswith("/comments"):
            self.comments.append(sent["body"])
        elif request.method == "PATCH":
            self.issues[int(path[1:]) - 1].update(sent)
        elif not path:
            self.issues.append({"number": len(self.issues) + 1, "state": "open", **sent})
            return httpx.Response(201, json=self.issues[-1])
        return httpx.Response(201, json={"id": 7})


def event(kind: str, tag: str = "v1.3.0", what: str = "") -> Event:
    return Event(kind, what or kind, tag, AT, "alice", before="v1.4.0")


def describe(outcome: str, *kinds: str, live: str = "v1.3.0", job: str = "deploy") -> Issue:
    return incident.describe_environment("production", live, [event(kind) for kind in kinds], Run(job, "v1.4.0", outcome, PAGE))


# --- what it says


@pytest.mark.parametrize(
    ("found", "title"),
    [
        (describe("success", DEPLOY, ROLLBACK), "Production runs v1.3.0 after a rollback; deploys are held"),
        (describe("failure", DEPLOY, ROLLBACK), "Production runs v1.3.0 after a rollback; deploys are held"),
        (describe("failure", ROLLBACK, RESUME), "Production: deploy of v1.4.0 failed; v1.3.0 is live"),
        (describe("cancelled", DEPLOY), "Production: deploy of v1.4.0 was cancelled; v1.3.0 is live"),
        (describe("failure", job="rollback", live=""), "Production: rollback of v1.4.0 failed; the live release is not known"),
        (describe("success", ROLLBACK, RESUME, DEPLOY), ""),
        (describe("success", DEPLOY), ""),
    ],
    ids=["rollback", "held deploy", "failed after resume", "cancelled", "failed rollback, no host", "deployed after it", "deployed"],
)
def test_it_is_open_while_deploys_are_held_or_the_last_run_failed(found: Issue, title: str) -> None:
    assert (found.is_open, found.title if found.is_open else "") == (bool(title), title)
    assert PAGE in found.body


def test_it_says_who_why_and_what_to_type() -> None:
    held = incident.describe_environment("production", "v1.3.0", [event(ROLLBACK, what="rollback (answers are off)")], RUN)
    for part in ("v1.3.0 is live", "rollback (answers are off)", "alice", AT, "v1.4.0", PAGE, "./run resume", "*resume* ticked"):
        assert part in held.body
    failed = describe("failure", DEPLOY).body
    assert ("./run deploy TAG" in failed, "./run rollback --reason" in failed) == (True, True)
    assert "./run rollback --to TAG" in describe("failure", job="rollback").body


RUN = Run("rollback", "", "success", PAGE)


def test_what_a_person_wrote_is_shown_and_does_nothing() -> None:
    said = event(ROLLBACK, tag=HOSTILE, what=HOSTILE)
    for found in (
        incident.describe_environment("production", HOSTILE, [said], RUN),
        incident.describe_environment("production", HOSTILE, [], Run("deploy", HOSTILE, "failure", PAGE)),
        incident.describe_drill(HOSTILE + "\n````\n@everybody", Run("drill", "", "failure", PAGE)),
    ):
        tokens = [each for block in MarkdownIt().parse(found.mark + found.body) for each in (block, *(block.children or []))]
        plain = " ".join(each.content for each in tokens if each.type in {"text", "html_inline", "html_block"})
        assert {"@everybody", "<img", "#12", "<script"} & set(plain.replace(">", " ").split()) == set()
        assert [each.type for each in tokens if each.type in {"html_inline", "image", "link_open"}] == []
        assert "@everybody" in "".join(each.content for each in tokens if each.type in {"code_inline", "fence"})


# --- what GitHub has


def kept(there: GitHub) -> list[tuple[str, str]]:
    return [(each["title"], each["state"]) for each in there.issues]


def test_one_issue_is_opened_updated_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = GitHub.reached(monkeypatch)
    failed, held, over = describe("failure", DEPLOY), describe("success", ROLLBACK), describe("success", DEPLOY)
    assert [keep_issue(each) for each in (over, failed, failed)] == ["no issue to change", "issue 1: opened", "issue 1: updated"]
    assert there.comments == []
    assert keep_issue(held) == "issue 1: updated"
    assert kept(there) == [(held.title, "open")]
    assert there.comments[0].startswith(f"Now: {held.title}\n")
    assert keep_issue(over) == "issue 1: closed"
    assert there.comments[1].startswith("This is resolved: v1.3.0 is live\n")
    assert keep_issue(failed) == "issue 2: opened"
    assert kept(there) == [(held.title, "closed"), (failed.title, "open")]


@pytest.mark.parametrize("there_is", [{"body": None}, {"body": "> {mark}"}, {"labels": ["bug"]}, {"pull_request": {}}], ids=str)
def test_what_a_person_wrote_is_no_issue_of_the_workflow(there_is: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    there, failed = GitHub.reached(monkeypatch), describe("failure", DEPLOY)
    other = {"number": 1, "state": "open", "title": failed.title, "body": failed.mark, "labels": ["production"], **there_is}
    if other["body"]:
        other["body"] = other["body"].format(mark=failed.mark)
    there.issues.append(other.copy())
    assert keep_issue(failed) == "issue 2: opened"
    keep_issue(describe("success", DEPLOY))
    assert there.issues[0] == other
    assert there.issues[1]["state"] == "closed"


# --- the verb


def test_a_deploy_that_fails_on_a_host_that_is_gone_opens_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = GitHub.reached(monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    workflow.record(ON_HOST, "v1.4.0", "failure")
    assert kept(there) == [("Production: deploy of v1.4.0 failed; the live release is not known", "open")]


def test_a_drill_that_a_step_ends_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there, place = GitHub.reached(monkeypatch), replace(ON_HOST, root=tmp_path)
    ours = replace(place, root=tmp_path / "build" / "rehearsal" / "project")
    ours.root.mkdir(parents=True)

    def fail(_: project.Project, progress: demo.Progress) -> None:
        with progress.step("build and push v1.0.0"):
            raise PipelineError("The image was not built: no space left on device. Next: ./run build again.")

    for name, stand_in in {"choose_target": lambda _: ("docker", ""), "prepare": lambda *_: ours, "clear": lambda _: None}.items():
        monkeypatch.setattr(rehearsal, name, stand_in)
    monkeypatch.setattr(demo, "_rehearse", fail)
    with pytest.raises(PipelineError):
        demo.demo(place, keep=False, in_browser=False)
    workflow.record(place, "", "failure", drill=True)
    assert "build and push v1.0.0" in there.issues[0]["body"]
    assert "no space left on device" in there.issues[0]["body"]


def test_a_red_drill_opens_one_with_its_report_and_a_green_one_closes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = GitHub.reached(monkeypatch)
    monkeypatch.setenv("GITHUB_JOB", "drill")
    place = replace(ON_HOST, root=tmp_path)
    workflow.record(place, "", "failure", drill=True)
    assert "There is no report" in there.issues[0]["body"]
    (tmp_path / "build" / "rehearsal").mkdir(parents=True)
    (tmp_path / "build" / "rehearsal" / "report.md").write_text("## Rehearsal on docker: FAILED\n")
    workflow.record(place, "", "failure", drill=True)
    assert "Rehearsal on docker: FAILED" in there.issues[0]["body"]
    workflow.record(place, "", "success", drill=True)
    assert kept(there) == [("The drill failed: a rollback may fail, too", "closed")]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_what_github_does_not_take_is_a_warning(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    GitHub.reached(monkeypatch).status = status
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    workflow.record(ON_HOST, "v1.4.0", "failure")
    pointer, missed, deployment, issue = capsys.readouterr().out.splitlines()
    assert pointer.startswith("::warning::the live release could not be asked, so GitHub's record does not name it: ")
    assert missed.startswith("::warning::GitHub's list of deployments still lacks what it missed before: ")
    assert deployment.startswith("::warning::GitHub's list of deployments does not show this one: ")
    assert issue.startswith("::warning::GitHub's issue does not say so: ")
    assert str(status) in issue
    assert "warning: GitHub's issue does not say so" in (tmp_path / "summary").read_text()
