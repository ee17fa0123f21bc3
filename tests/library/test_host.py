"""What workflows ask beside the road: the way to the host from three secrets, and GitHub's record of what was deployed."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway import http_client, project
from slipway.cli import ROOT, main
from slipway.errors import PipelineError
from slipway.operate import switch, workflow

ON_HOST, ON_CLUSTER = (project.load(ROOT, target) for target in ("docker", "kubernetes"))
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----"
GIVEN = {"DEPLOY_HOST": "deploy@203.0.113.7:2222", "DEPLOY_KNOWN_HOSTS": "[203.0.113.7]:2222 ssh-ed25519 AAAA", "DEPLOY_SSH_KEY": KEY}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runner's home, with the files of a step; no secret is set."""
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("RUNNER_TEMP", raising=False)
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
    assert not (told / ".ssh").exists()


def test_the_way_to_the_host_is_written_for_ssh_and_only_once(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    assert workflow.host(ON_HOST, required=True)
    workflow.host(ON_HOST, required=True)
    folder = told / ".ssh"
    assert (folder / "known_hosts").read_text() == GIVEN["DEPLOY_KNOWN_HOSTS"] + "\n"
    assert (folder / "config").read_text() == f'Host 203.0.113.7\n  IdentityFile "{folder / "deploy_key"}"\n  IdentitiesOnly yes\n'
    assert ((folder / "deploy_key").read_text(), (folder / "deploy_key").stat().st_mode & 0o777) == (KEY + "\n", 0o600)


@pytest.mark.parametrize(
    ("words", "way", "serves"),
    [
        (["rollback", "--target", "local"], "", "**Nothing is deployed. rollback failed:** Nothing is deployed, so there is nothing to "),
        (["rollback", "--target", "docker"], "unix:///nowhere.sock", "**What serves could not be asked (No Docker engine answers on unix:"),
        (
            ["host", "--required"],
            "",
            "**What serves was not changed. host failed:** There is no way to the host: DEPLOY_HOST, DEPLOY_KNOWN_",
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
    return sent


def test_github_is_told_the_tag_and_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = answering(monkeypatch, 201)
    workflow.record(ON_HOST, "v1.4.0", "cancelled")
    (path, made), (status_path, status) = sent
    assert (path, made["ref"], made["environment"], made["required_contexts"]) == ("/repos/o/r/deployments", "v1.4.0", "production", [])
    assert (status_path, status["state"]) == ("/repos/o/r/deployments/7/statuses", "error")
    assert status["log_url"] == "https://here/o/r/actions/runs/9"


def test_outside_a_workflow_what_is_not_set_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    workflow.record(ON_HOST, "v1.4.0", "success")
    assert "'GITHUB_SERVER_URL' is not set, as it is in a workflow. The live release is not affected." in capsys.readouterr().err


def test_what_github_does_not_take_is_a_warning(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 403)
    workflow.record(ON_HOST, "v1.4.0", "success")
    assert "GitHub's list of deployments does not show this one" in (told / "summary").read_text()


def test_the_way_to_a_cluster_is_a_kubeconfig(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ENV", str(told / "env"))
    assert workflow.host(ON_CLUSTER, required=False) is False
    assert "deploy skipped: set DEPLOY_KUBECONFIG in" in (told / "summary").read_text()
    with pytest.raises(PipelineError, match=r"DEPLOY_KUBECONFIG is not set\. Nothing was changed\. Next: "):
        workflow.host(ON_CLUSTER, required=True)
    monkeypatch.setenv("DEPLOY_KUBECONFIG", "apiVersion: v1\n")
    monkeypatch.setenv("RUNNER_TEMP", str(told))
    assert workflow.host(ON_CLUSTER, required=True)
    path = told / "kubeconfig"
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("apiVersion: v1", 0o600)
    assert (told / "env").read_text() == f"KUBECONFIG={path}\n"
