"""What workflows ask beside the road: the way to the host from three secrets, and GitHub's record of what was deployed."""

import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from slipway import git, http_client, project
from slipway.cli import ROOT, main
from slipway.errors import PipelineError
from slipway.operate import journal, pointer, ssh, switch, targets, workflow
from slipway.operate.chain import Deployment
from slipway.operate.targets import Target

ON_HOST, ON_CLUSTER = (project.load(ROOT, target) for target in ("docker", "kubernetes"))
A, B, AT = "v1.0.0", "v1.1.0", "2026-11-29T22:00:00+00:00"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----"
GIVEN = {"DEPLOY_HOST": "deploy@203.0.113.7:2222", "DEPLOY_KNOWN_HOSTS": "[203.0.113.7]:2222 ssh-ed25519 AAAA", "DEPLOY_SSH_KEY": KEY}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runner's home, with the files of a step; no secret is set."""
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "env"))
    monkeypatch.delenv(ssh.CONFIG, raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    return tmp_path


def test_without_secrets_a_deploy_is_skipped_visibly(told: Path) -> None:
    assert workflow.host(ON_HOST, required=False) is False
    assert (told / "output").read_text() == "there=false\n"
    assert "deploy skipped: set DEPLOY_HOST, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY" in (told / "summary").read_text()
    with pytest.raises(PipelineError, match=r"DEPLOY_HOST, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY are not set\. Nothing was changed\. Next: "):
        workflow.host(ON_HOST, required=True)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"DEPLOY_KNOWN_HOSTS": " "}, r"DEPLOY_KNOWN_HOSTS is not set\. Nothing was changed\. Next: "),
        ({"DEPLOY_HOST": "203.0.113.7"}, r"DEPLOY_HOST is '203.0.113.7'\. Expected: user@host or user@host:port\. Next: "),
        ({"DEPLOY_SSH_KEY": "ssh-ed25519 AAAA"}, r"DEPLOY_SSH_KEY does not hold a private key\. Expected: the whole file.*Next: "),
    ],
)
def test_a_secret_that_is_not_fit_is_told(told: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], sentence: str) -> None:
    for name, value in {**GIVEN, **wrong}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PipelineError, match=sentence):
        workflow.host(ON_HOST, required=False)
    assert [path for path in told.rglob("*") if path.is_file()] == []


def test_each_run_has_a_way_to_the_host_of_its_own(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    for key, known in (
        (KEY, "[203.0.113.7]:2222 ssh-ed25519 AAAA"),
        (KEY.replace("secret", "other"), "[203.0.113.7]:2222 ssh-ed25519 BBBB"),
    ):
        monkeypatch.setenv("DEPLOY_SSH_KEY", key)
        monkeypatch.setenv("DEPLOY_KNOWN_HOSTS", known)
        assert workflow.host(ON_HOST, required=True)
    first, second = (Path(line.removeprefix(f"{ssh.CONFIG}=")) for line in (told / "env").read_text().splitlines())
    for config, key, known in ((first, "secret", "AAAA"), (second, "other", "BBBB")):
        folder, files = config.parent, [config, config.with_name("key"), config.with_name("known_hosts")]
        assert (folder.parent, folder.stat().st_mode & 0o777, sorted(folder.iterdir())) == (told / "temp", 0o700, files)
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert key in files[1].read_text()
        assert files[2].read_text().endswith(f"{known}\n")
        done = subprocess.run(["ssh", "-G", "-F", config, "deploy@203.0.113.7"], check=True, capture_output=True, text=True)
        read, wanted = done.stdout.splitlines(), {"identitiesonly yes", f"identityfile {files[1]}", f"userknownhostsfile {files[2]}"}
        assert wanted <= set(read)
    assert not (told / ".ssh").exists()


def test_another_ci_names_where_the_way_to_the_host_is_written(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_ENV")
    with pytest.raises(PipelineError, match=r"SLIPWAY_SSH_CONFIG has to name a file.*Next: export SLIPWAY_SSH_CONFIG="):
        workflow.host(ON_HOST, required=True)
    monkeypatch.setenv(ssh.CONFIG, str(told / "config"))
    assert workflow.host(ON_HOST, required=True)
    assert f'IdentityFile "{told / "key"}"' in (told / "config").read_text()
    with pytest.raises(PipelineError, match="has to name a file that is not there yet"):  # such as a person's own
        workflow.host(ON_HOST, required=True)


@pytest.mark.parametrize(
    ("words", "way", "serves"),
    [
        (["rollback", "--target", "local"], "", "**Nothing is deployed. rollback failed:** Nothing is deployed, so there is nothing to "),
        (
            ["rollback", "--target", "docker"],
            "unix:///nowhere.sock",
            "**The live release could not be asked (No Docker engine answers on unix:",
        ),
        (
            ["host", "--required"],
            "",
            "**The live release was not changed. host failed:** The host cannot be reached: DEPLOY_HOST, DEPLOY_KNOWN_",
        ),
    ],
    ids=["asked", "out of reach", "before"],
)
def test_the_summary_of_what_failed_begins_with_what_serves(
    told: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], way: str, serves: str
) -> None:
    shutil.copyfile(ROOT / "project.toml", told / "project.toml")
    monkeypatch.setenv("DOCKER_HOST", way)
    assert main(words, told) == 2
    first = (told / "summary").read_text().splitlines()[0]
    assert first.startswith(serves)
    assert first.endswith("`./run status`, then `./run rollback --reason TEXT` or `./run deploy TAG` (docs/rollback.md).")


def test_what_fails_after_the_proof_is_a_warning_on_the_page(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise OSError("one\n::error::two")

    switch.attempt("the pointer `production` was not moved", fail)
    said = "the pointer `production` was not moved: one ::error::two"
    assert capsys.readouterr().out == f"::warning::{said}\n"
    assert (told / "summary").read_text().startswith("warning: the pointer `production` was not moved: one")


def answering(patch: pytest.MonkeyPatch, status: int) -> list[tuple[str, Any]]:
    """Have GitHub answer with a status; returns what it is sent."""
    sent = list[tuple[str, Any]]()

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, json.loads(request.content)))
        return httpx.Response(status, json={"id": 7})

    there = httpx.MockTransport(answer)
    patch.setattr(http_client, "open_client", lambda _, **settings: httpx.Client(**settings, transport=there))
    for name, value in {"SERVER_URL": "https://here", "API_URL": "https://api", "REPOSITORY": "o/r", "RUN_ID": "9", "TOKEN": "t"}.items():
        patch.setenv(f"GITHUB_{name}", value)
    patch.delenv("GITHUB_JOB", raising=False)  # without it, no issue is kept
    return sent


def asked(patch: pytest.MonkeyPatch, *answers: Any) -> None:
    """Have GitHub answer with these, one after the other, and the last again and again; what is no JSON is a status."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        found = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    answering(patch, 200)
    there = httpx.MockTransport(answer)
    patch.setattr(http_client, "open_client", lambda _, **settings: httpx.Client(**settings, transport=there))


def builds(status: str) -> dict[str, Any]:
    return {"workflow_runs": [{"status": "completed", "html_url": "an earlier one"}, {"status": status, "html_url": "https://run"}]}


@pytest.mark.parametrize(
    ("answers", "stored", "waits"),
    [
        ([builds("queued"), builds("in_progress"), builds("completed")], False, 2),
        ([builds("queued")], True, 0),
        ([builds("completed")], False, 0),
        ([404], False, 0),
        ([{"message": "Not Found"}], False, 0),
    ],
    ids=["until it ends", "until it is there", "nothing goes on", "no right to know", "another answer"],
)
def test_a_tag_waits_while_its_image_is_being_built(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: list[Any], stored: bool, waits: int
) -> None:
    asked(monkeypatch, *answers)
    slept = list[float]()
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(git, "find_tag_commit", lambda *_: "c0ffee")
    monkeypatch.setattr(workflow, "has_image", lambda *_: stored)
    workflow.wait(ON_HOST, "v1.4.0")
    assert len(slept) == waits
    assert capsys.readouterr().out.count("v1.4.0 waits for its image, which is being built: https://run") == waits


def test_a_tag_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, builds("in_progress"))
    clock = iter(range(0, 10**6, 600))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(git, "find_tag_commit", lambda *_: "c0ffee")
    monkeypatch.setattr(workflow, "has_image", lambda *_: False)
    with pytest.raises(
        PipelineError, match=r"https://run has not ended after 25 minutes\. Nothing was changed\. Next: deploy v1\.4\.0 again"
    ):
        workflow.wait(ON_HOST, "v1.4.0")


OLD, NEW = "sha256:old", "sha256:new"
LAGS: dict[str, Any] = {"id": 7, "ref": "v1.0.0", "payload": {"tag": "v1.0.0", "live": OLD, "production": NEW}}


@pytest.mark.parametrize(
    ("named", "answers", "live"),
    [
        (NEW, [[LAGS], [{"state": "success"}]], OLD),
        (NEW, [[{**LAGS, "payload": json.dumps(LAGS["payload"])}], [{"state": "success"}]], OLD),
        (OLD, [[LAGS], [{"state": "success"}]], None),
        ("sha256:newer", [[LAGS], [{"state": "success"}]], None),
        (NEW, [[LAGS], [{"state": "failure"}]], None),
        (NEW, [[{**LAGS, "payload": ""}], [{"state": "success"}]], None),
        (NEW, [[]], None),
        (NEW, [403], None),
    ],
    ids=["lags", "lags, as text", "was moved", "was moved by hand", "a deploy that failed", "an older record", "no record", "no right"],
)
def test_while_the_pointer_lags_behind_the_gate_knows_what_is_live(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: str, answers: list[Any], live: str | None
) -> None:
    asked(monkeypatch, *answers)
    found = pointer.find_live(named)
    assert (found.live if found else None) == live
    assert ("GitHub's list of deployments does not say what is live" in capsys.readouterr().err) == (answers == [403])


class Lagging:
    """A target whose pointer was not moved with the rollback, and whose registry answers again, or does not."""

    def __init__(self, down: bool) -> None:
        self.down, self.named = down, NEW
        kept = [
            Deployment(tag, digest, "c", "m", "1", None, number, AT, "x") for number, (tag, digest) in enumerate(((A, OLD), (B, NEW)), 1)
        ]
        kinds = ((journal.DEPLOY, 0), (journal.DEPLOY, 1), (journal.ROLLBACK, 0))
        self.events = [
            journal.Event(kind, kind, kept[at].tag, AT.replace("22:00", f"22:0{number}"), "x", release=kept[at])
            for number, (kind, at) in enumerate(kinds)
        ]
        self.live = 1

    def read_state(self) -> tuple[list[journal.Event], int]:
        return self.events, self.live

    def read_history(self) -> list[journal.Event]:
        return self.events

    def list_deployments(self) -> list[Deployment]:
        return []

    def read_pointer(self) -> str:
        if self.down:
            raise PipelineError("The registry could not be asked.")
        return self.named

    def move_pointer(self, digest: str) -> None:
        self.named = digest


def test_the_next_verb_moves_a_pointer_that_lags_behind_or_records_that_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    place = Lagging(down=False)
    assert pointer.retry_pointer(cast(Target, place)) == pointer.Recorded(A, OLD, OLD, place.events[-1].at)
    assert place.named == OLD
    place = Lagging(down=True)
    assert pointer.retry_pointer(cast(Target, place)) == pointer.Recorded(A, OLD, NEW, place.events[-1].at)
    assert "the pointer `production` lags behind v1.0.0, which is live: The registry could not" in capsys.readouterr().err


def test_github_is_told_the_tag_and_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = answering(monkeypatch, 201)
    workflow.record(ON_HOST, "v1.4.0", "cancelled")
    (path, made), (status_path, status) = sent
    assert (path, made["ref"], made["environment"], made["required_contexts"]) == ("/repos/o/r/deployments", "v1.4.0", "production", [])
    assert (status_path, status["state"]) == ("/repos/o/r/deployments/7/statuses", "error")
    assert status["log_url"] == "https://here/o/r/actions/runs/9"


class Recording:
    """GitHub, which keeps deployments; while it is away it answers 503."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.away, self.made = False, list[dict[str, Any]]()
        answering(patch, 200)
        there = httpx.MockTransport(self.answer)
        patch.setattr(http_client, "open_client", lambda _, **settings: httpx.Client(**settings, transport=there))

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            return httpx.Response(503)
        if request.method == "GET":
            found = self.made[int(request.url.path.split("/")[-2])]["states"] if request.url.path.endswith("/statuses") else self.made[::-1]
            return httpx.Response(200, json=found)
        if request.url.path.endswith("/statuses"):
            self.made[int(request.url.path.split("/")[-2])]["states"].append(json.loads(request.content))
            return httpx.Response(201)
        self.made.append({"id": len(self.made), "states": [], **json.loads(request.content)})
        return httpx.Response(201, json=self.made[-1])


def test_the_next_record_adds_what_github_missed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    there, place = Recording(monkeypatch), Lagging(down=False)
    monkeypatch.setattr(targets, "load_target", lambda _: place)
    later = place.events[1:]
    del place.events[1:]
    place.live = 1
    workflow.record(ON_HOST, A, "success")
    there.away = True
    place.events.append(later[0])
    place.live = 2
    workflow.record(ON_HOST, B, "success")
    assert "GitHub's list of deployments does not show this one" in capsys.readouterr().err
    there.away = False
    place.events.append(later[1])
    place.live = 1
    workflow.record(ON_HOST, "", "success")
    workflow.record(ON_HOST, "v9.9.9", "failure")
    assert [(each["ref"], each["states"][0]["state"]) for each in there.made] == [
        *((A, "success"), (B, "success"), (A, "success")),
        ("v9.9.9", "failure"),
    ]
    assert f"recorded on GitHub, which had missed it: {B}, " in capsys.readouterr().out
    assert pointer.fetch_recorded("production") == pointer.Recorded(A, OLD, OLD, later[1].at)
    place.down, place.named = True, NEW
    place.events.append(replace(later[1], at=AT.replace("22:00", "22:09")))
    workflow.record(ON_HOST, "v9.9.9", "failure")
    assert pointer.find_live(NEW) == pointer.Recorded(A, OLD, NEW, place.events[-1].at), "by hand, and the registry is down since"


def test_outside_a_workflow_what_is_not_set_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    workflow.record(ON_HOST, "v1.4.0", "success")
    assert "'GITHUB_API_URL' is not set, as it is in a workflow. The live release is not affected." in capsys.readouterr().err


def test_what_github_does_not_take_is_a_warning(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 403)
    workflow.record(ON_HOST, "v1.4.0", "success")
    assert "GitHub's list of deployments does not show this one" in (told / "summary").read_text()


def test_the_way_to_a_cluster_is_a_kubeconfig(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workflow.host(ON_CLUSTER, required=False) is False
    assert "deploy skipped: set DEPLOY_KUBECONFIG in" in (told / "summary").read_text()
    with pytest.raises(PipelineError, match=r"DEPLOY_KUBECONFIG is not set\. Nothing was changed\. Next: "):
        workflow.host(ON_CLUSTER, required=True)
    monkeypatch.setenv("DEPLOY_KUBECONFIG", "apiVersion: v1\n")
    assert workflow.host(ON_CLUSTER, required=True)
    [path] = (told / "temp").glob("*/kubeconfig")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("apiVersion: v1", 0o600)
    assert (told / "env").read_text() == f"KUBECONFIG={path}\n"
