"""The doctor: each thing it may find, asked of a server that answers in the shapes of GitHub's API, and of the engine of this machine."""

import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import docker
import pytest

from slipway import doctor, project
from slipway.cli import ROOT, main
from slipway.doctor import api, github, host, signatures
from slipway.doctor.finding import Finding
from slipway.errors import PipelineError
from slipway.operate import docker_engine, signing
from slipway.operate.process import free_port
from slipway.project import Project
from tests.library.test_proxy import pem

NAME, IMAGES = "Some-Owner/demand", "ghcr.io/some-owner/demand"
BUILD = f"/repos/{NAME}/environments/build"
OF, ENVIRONMENT, PACKAGE = f"/repos/{NAME}", f"/repos/{NAME}/environments/production", "/packages/container/demand"
REVIEWERS = {"id": 2, "type": "required_reviewers", "prevent_self_review": False, "reviewers": [{"type": "User", "reviewer": {"id": 7}}]}
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
STATUS = {"type": "required_status_checks", "parameters": {"required_status_checks": [{"context": "all green", "integration_id": 15368}]}}
PLAN = (403, {"message": "Upgrade to GitHub Pro or make this repository public to enable this feature.", "status": "403"})
RULESET = {"id": 9, "name": "tags", "target": "tag", "source_type": "Repository", "enforcement": "active"}
TAGS = {"conditions": {"ref_name": {"include": ["refs/tags/v*"], "exclude": []}}, "rules": [{"type": "deletion"}, {"type": "update"}]}
PLACE = {"id": 1, "name": "production", "can_admins_bypass": False, "deployment_branch_policy": CUSTOM, "protection_rules": [REVIEWERS]}
SECRETS = {"secrets": [{"name": name} for name in ("DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY")]}
SELECTED = {"enabled": True, "allowed_actions": "selected"}
PRIVATE = {"full_name": NAME, "default_branch": "main", "private": True}
POLICIES = {"branch_policies": [{"name": "main", "type": "branch"}, {"name": "v*", "type": "tag"}]}
# What GitHub answers where all is well.
WELL: dict[str, Any] = {
    OF: {"full_name": NAME, "default_branch": "main", "private": False, "visibility": "public"},
    f"{OF}/actions/permissions": {"enabled": True, "allowed_actions": "all"},
    f"{OF}/rules/branches/main": [{"type": "deletion"}, STATUS],
    f"{OF}/branches/main": {"name": "main", "protected": True, "protection": {"enabled": False}},
    f"{OF}/rulesets?targets=tag&per_page=100": [RULESET],
    f"{OF}/rulesets/9": {**RULESET, **TAGS},
    ENVIRONMENT: PLACE,
    f"{ENVIRONMENT}/deployment-branch-policies?per_page=100": {
        "branch_policies": [{"name": "main", "type": "branch"}, {"name": "v*", "type": "tag"}]
    },
    f"{OF}/actions/secrets?per_page=100": {"total_count": 0, "secrets": []},
    f"{ENVIRONMENT}/secrets?per_page=100": SECRETS,
    f"{BUILD}/deployment-branch-policies?per_page=100": {"branch_policies": [{"name": "main", "type": "branch"}]},
    f"{BUILD}/secrets?per_page=100": {"secrets": [{"name": "SIGNING_KEY"}]},
    f"/users/some-owner{PACKAGE}": {"name": "demand", "visibility": "public", "repository": {"full_name": NAME}},
}
GONE = None
DEVELOP = {
    OF: {**WELL[OF], "default_branch": "develop"},
    f"{OF}/rules/branches/develop": [STATUS],
    f"{ENVIRONMENT}/deployment-branch-policies?per_page=100": {
        "branch_policies": [{"name": "develop", "type": "branch"}, {"name": "v*", "type": "tag"}]
    },
    f"{BUILD}/deployment-branch-policies?per_page=100": {"branch_policies": [{"name": "develop", "type": "branch"}]},
}
MORE = {"branch_policies": [{"name": "*", "type": "branch"}, {"name": "main", "type": "branch"}, {"name": "v*", "type": "tag"}]}
CLASSIC = {
    f"{OF}/rules/branches/main": [],
    f"{OF}/branches/main": {"protection": {"required_status_checks": {"contexts": ["all green"]}}},
}


class GitHub(BaseHTTPRequestHandler):
    """Answers with what it was given, a status and what it says where it is a pair; all else is not there."""

    answers: dict[str, Any]

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer token"
        found = self.answers.get(self.path)
        status, said = found if isinstance(found, tuple) else (200, found) if found is not None else (404, {"message": "Not Found"})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the server answers, to be changed."""
    found = dict(WELL)
    monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GH_TOKEN", "token")
    monkeypatch.setattr(signatures, "read_signers", lambda _: b"# the first\nrelease ssh-ed25519 AAAA\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (GitHub,), {"answers": found})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
        yield found
        server.shutdown()


def seen(images: str = IMAGES) -> dict[str, Finding]:
    """Return what is found on GitHub, by what it is."""
    return {each.what: each for each in doctor.check_github(replace(project.load(ROOT, "docker"), image_name=images))}


def test_where_all_is_well_nothing_is_to_mend() -> None:
    found = seen()
    assert set(found) == set(github.CHECKS)
    assert {each.state for each in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("what", "other", "sentence", "mends"),
    [
        ("default branch", DEVELOP, "develop, which is not in ", "add it to `branches:` there: [develop]"),
        ("actions", {f"{OF}/actions/permissions": {"enabled": False}}, "switched off", "actions/permissions --input - <<< "),
        (
            "actions",
            {f"{OF}/actions/permissions": {"enabled": True, "allowed_actions": "local_only"}},
            "actions/checkout",
            "/settings/actions",
        ),
        ("actions", {f"{OF}/actions/permissions": SELECTED}, "docker/login-action", "docker/login-action@*"),
        (
            "actions",
            {
                f"{OF}/actions/permissions": SELECTED,
                f"{OF}/actions/permissions/selected-actions": {"github_owned_allowed": True, "patterns_allowed": ["docker/*"]},
            },
            "not allowed: anchore/sbom-action, astral-sh/setup-uv",
            "among them anchore/sbom-action@*, astral-sh/setup-uv@*",
        ),
        ("branch rules", {f"{OF}/rules/branches/main": []}, "main accepts every push", '"context": "all green"'),
        ("tag rules", {f"{OF}/rulesets?targets=tag&per_page=100": []}, "v* can be moved and deleted", '"refs/tags/v*"'),
        (
            "tag rules",
            {f"{OF}/rulesets/9": {**RULESET, **TAGS, "enforcement": "evaluate"}},
            "v* can be moved",
            "POST repos/Some-Owner/demand/rulesets",
        ),
        ("tag rules", {f"{OF}/rulesets/9": {**RULESET, **TAGS, "rules": [{"type": "deletion"}]}}, "v* can be moved", '"type": "update"'),
        ("environment", {ENVIRONMENT: GONE}, "there is no production", "PUT repos/Some-Owner/demand/environments/production"),
        ("environment", {ENVIRONMENT: {**PLACE, "deployment_branch_policy": None}}, "production is open to every branch", '"name": "v*"'),
        (
            "environment",
            {ENVIRONMENT: {**PLACE, "deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}}},
            "for protected branches only",
            "custom_branch_policies",
        ),
        (
            "environment",
            {f"{ENVIRONMENT}/deployment-branch-policies?per_page=100": {"branch_policies": [{"name": "main"}]}},
            "production is not for v*",
            'deployment-branch-policies --input - <<< \'{"name": "v*", "type": "tag"}\'',
        ),
        ("environment", {f"{ENVIRONMENT}/deployment-branch-policies?per_page=100": MORE}, "is also for *", "/settings/environments"),
        ("reviewers", {ENVIRONMENT: {**PLACE, "protection_rules": []}}, "nobody has to approve", "/settings/environments"),
        ("reviewers", {ENVIRONMENT: {**PLACE, "can_admins_bypass": True}}, "1, but administrators need no approval", "untick"),
        ("reviewers", {OF: PRIVATE}, "not enforced by this plan", "make the repository public"),
        ("reviewers", {OF: PRIVATE, "/orgs/Some-Owner": {"plan": {"name": "team"}}}, "not enforced by this plan", "take that plan"),
        (
            "secrets",
            {f"{ENVIRONMENT}/secrets?per_page=100": {"secrets": []}},
            "not set in production: DEPLOY_HOST, ",
            "gh secret set DEPLOY_HOST --env production",
        ),
        (
            "secrets",
            {f"{OF}/actions/secrets?per_page=100": SECRETS},
            "for the whole repository",
            "gh secret delete DEPLOY_HOST --repo Some-Owner/demand",
        ),
        (
            "signatures",
            {f"{BUILD}/deployment-branch-policies?per_page=100": GONE},
            "build is not for main alone",
            "environments/build --input",
        ),
        ("signatures", {f"{BUILD}/deployment-branch-policies?per_page=100": POLICIES}, "build is also for v*", "/settings/environments"),
        ("signatures", {f"{BUILD}/secrets?per_page=100": GONE}, "SIGNING_KEY is not set in build", "./run sign --new-key"),
        (
            "package",
            {f"{OF}/actions/variables/IMAGE_REPOSITORY": {"name": "IMAGE_REPOSITORY", "value": "ghcr.io/Some-Owner/models"}},
            "workflows push to ghcr.io/some-owner/models, project.toml says ghcr.io/some-owner/demand",
            'repository = "ghcr.io/some-owner/models"',
        ),
        (
            "package",
            {f"/users/some-owner{PACKAGE}": {"name": "demand", "visibility": "private", "repository": None}},
            "belongs to no repository",
            "the role Write",
        ),
    ],
)
def test_what_is_to_mend_is_found_with_what_mends_it(
    answers: dict[str, Any], what: str, other: dict[str, Any], sentence: str, mends: str
) -> None:
    answers |= other
    found = seen()
    is_limit = "this plan" in sentence
    assert (found[what].state, sentence in found[what].found) == ("limit" if is_limit else "to mend", True)
    assert mends in "\n".join(found[what].next())
    assert found[what].why.endswith(".")
    assert [each.what for each in found.values() if each.state in ("to mend", "limit")] == [what]


@pytest.mark.parametrize(
    ("what", "other", "sentence"),
    [
        ("branch rules", CLASSIC, "main accepts only what is all green"),
        ("reviewers", {OF: PRIVATE, "/orgs/Some-Owner": {"plan": {"name": "enterprise"}}}, "1, enforced"),
        ("package", {f"/users/some-owner{PACKAGE}": GONE}, "none yet, the first merge creates it"),
    ],
)
def test_what_is_well_in_another_way(answers: dict[str, Any], what: str, other: dict[str, Any], sentence: str) -> None:
    answers |= other
    assert (seen()[what].state, sentence in seen()[what].found) == ("ok", True)


def test_a_private_repository_on_a_plan_that_has_no_rules_has_limits_and_its_secrets_elsewhere(answers: dict[str, Any]) -> None:
    answers |= {
        OF: PRIVATE,
        f"{OF}/rulesets?targets=tag&per_page=100": PLAN,
        ENVIRONMENT: GONE,
        f"{ENVIRONMENT}/secrets?per_page=100": GONE,
    }
    found = seen()
    limited = {"branch rules", "tag rules", "environment", "reviewers", "signatures"}
    assert {what for what, each in found.items() if each.state == "limit"} == limited
    assert all(each.why and each.fix for each in found.values() if each.state == "limit")
    assert "gh secret set DEPLOY_HOST --repo Some-Owner/demand < FILE" in found["secrets"].fix
    answers[f"{OF}/actions/secrets?per_page=100"] = SECRETS
    assert (seen()["secrets"].state, seen()["secrets"].found) == (
        "ok",
        "DEPLOY_HOST, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY, in the repository",
    )


def test_in_a_workflow_the_images_are_those_it_pushes(answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    answers[f"{OF}/actions/variables/IMAGE_REPOSITORY"] = (403, {"message": "Resource not accessible by integration"})
    assert seen()["package"].state == "ok"


def test_whose_actions_are_verified_is_not_told(answers: dict[str, Any]) -> None:
    may = {"github_owned_allowed": True, "verified_allowed": True, "patterns_allowed": []}
    answers |= {f"{OF}/actions/permissions": SELECTED, f"{OF}/actions/permissions/selected-actions": may}
    assert (seen()["actions"].state, "docker/login-action@*" in seen()["actions"].fix) == ("not seen", True)


def test_a_name_that_is_spelled_otherwise_is_the_same_repository(answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "some-owner/demand")
    answers["/repos/some-owner/demand"] = answers[OF]
    assert {each.state for each in seen().values()} == {"ok"}


def test_images_that_are_not_on_github_have_no_package_there(answers: dict[str, Any]) -> None:
    answers[f"{OF}/actions/variables/IMAGE_REPOSITORY"] = {"value": "registry.example.com/demand"}
    assert seen("registry.example.com/demand")["package"].found == "registry.example.com/demand, not on GitHub"


@pytest.mark.parametrize("what", ["secrets", "actions", "reviewers"])
def test_what_a_token_may_not_see_is_said_and_does_not_count(answers: dict[str, Any], what: str) -> None:
    refusal = (403, {"message": "Resource not accessible by integration"})
    if what == "reviewers":
        answers |= {OF: PRIVATE, "/orgs/Some-Owner": {"login": "Some-Owner"}}
    else:
        answers |= {f"{OF}/actions/{'permissions' if what == 'actions' else 'secrets?per_page=100'}": refusal}
    found = seen()[what]
    assert (found.state, "as an owner" in found.fix) == ("not seen", True)
    assert found.why == ("only an owner of the organisation can see its plan" if what == "reviewers" else f"{refusal[1]['message']} (403)")


def test_a_repository_that_is_not_there_is_the_only_finding(answers: dict[str, Any]) -> None:
    answers[OF] = GONE
    assert [(each.what, each.state) for each in seen().values()] == [("repository", "to mend")]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/a/b.git", "a/b"),
        ("https://token@github.com/a/b", "a/b"),
        ("git@github.com:a/b.git", "a/b"),
        ("ssh://git@github.com/a/b", "a/b"),
    ],
)
def test_the_repository_is_the_remote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, name: str) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setattr("slipway.git.run_git", lambda *_: url)
    assert api.full_name(tmp_path) == name


@pytest.mark.parametrize("url", ["https://gitlab.com/a/b", "/somewhere/b.git"])
def test_a_remote_elsewhere_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setattr("slipway.git.run_git", lambda *_: url)
    with pytest.raises(api.Unavailable, match=f"{url}, which is not a repository on github.com"):
        api.full_name(tmp_path)


def gh(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """Put a stand-in for gh on the PATH, which keeps what it was asked; returns where."""
    asked = folder / "asked"
    script = (
        f"import json, sys\nwords = sys.argv[1:]\nbody = sys.stdin.read() if '--input' in words else ''\n"
        f"open({str(asked)!r}, 'a').write(json.dumps([words, body]) + '\\n')\nprint('token')\nsys.exit({code})"
    )
    (folder / "gh").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(script)} "$@"\n')
    (folder / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return asked


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Project:
    """This project, whose host is not looked at."""
    monkeypatch.setattr(host, "check_host", lambda _: iter(()))
    return replace(project.load(ROOT, "local"), image_name=IMAGES)


def test_fix_shows_each_command_and_does_it_on_a_yes(
    answers: dict[str, Any], alone: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers |= {ENVIRONMENT: GONE, f"{OF}/rulesets?targets=tag&per_page=100": [], f"{ENVIRONMENT}/secrets?per_page=100": {"secrets": []}}
    asked, said = gh(tmp_path, monkeypatch), iter(["no", "yes"])
    monkeypatch.setattr("builtins.input", lambda _: next(said))
    assert doctor.doctor(alone, fix=True).exit_code == 8  # the server has not changed
    did = [json.loads(line) for line in asked.read_text().splitlines()]
    policies = ["api", "--method", "POST", f"repos/{NAME}/environments/production/deployment-branch-policies", "--input", "-"]
    assert did == [
        [
            ["api", "--method", "PUT", f"repos/{NAME}/environments/production", "--input", "-"],
            json.dumps({"deployment_branch_policy": CUSTOM}),
        ],
        [policies, json.dumps({"name": "main", "type": "branch"})],
        [policies, json.dumps({"name": "v*", "type": "tag"})],
    ]
    shown = capsys.readouterr().out
    assert f"gh {shlex.join(policies)} <<< " in shown
    assert shown.count("| environment") == 2  # it looks again


@pytest.mark.parametrize(("signers", "state"), [(None, "to know"), (b"# none yet\n", "to mend")])
def test_fix_makes_the_key_for_releases_where_nothing_is_signed(
    answers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signers: bytes | None, state: str
) -> None:
    """The key is made and stored by ./run sign --new-key, which is run here for real; gh is a stand-in."""
    monkeypatch.setattr(signatures, "read_signers", lambda _: signers)
    found = seen()["signatures"]
    assert (found.state, "allowed_signers" in found.found) == (state, True)
    assert [each.format() for each in found.commands] == ["./run sign --new-key"]
    answers[f"{BUILD}/deployment-branch-policies?per_page=100"] = GONE
    made, _, last = seen()["signatures"].commands
    assert (made.words[-1], last.program) == (f"repos/{NAME}/environments/build", "./run")
    asked = gh(tmp_path, monkeypatch)
    (tmp_path / ".github").mkdir()
    signing.make_key(tmp_path)
    assert json.loads(asked.read_text())[0] == ["secret", "set", "SIGNING_KEY", "--env", "build"]
    assert (tmp_path / ".github" / "allowed_signers").read_text().startswith('release namespaces="slipway-release" ssh-ed25519 ')
    asked = gh(tmp_path, monkeypatch, code=1)
    with pytest.raises(PipelineError, match=r"gh secret set failed: .*Nothing was stored\. Next: "):
        signing.make_key(tmp_path)
    assert (tmp_path / ".github" / "allowed_signers").read_text().count("\n") == 1


def test_a_fix_that_fails_is_told_and_the_rest_of_it_is_left(
    answers: dict[str, Any], alone: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers[ENVIRONMENT] = GONE
    asked = gh(tmp_path, monkeypatch, code=1)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert doctor.doctor(alone, fix=True).exit_code == 8
    assert len(asked.read_text().splitlines()) == 1
    assert f"warning: gh api --method PUT repos/{NAME}/environments/production" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert doctor.doctor(alone, fix=True).exit_code == 8
    assert "No such file or directory: 'gh'" in capsys.readouterr().err


def test_a_fix_that_nobody_can_be_asked_about_is_left(
    answers: dict[str, Any], alone: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers[ENVIRONMENT] = GONE
    asked = gh(tmp_path, monkeypatch)
    monkeypatch.setattr("sys.stdin", StringIO())
    assert doctor.doctor(alone, fix=True).exit_code == 8
    assert not asked.exists()


def test_without_a_token_that_of_gh_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_TOKEN")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    gh(tmp_path, monkeypatch)
    assert seen()["secrets"].state == "ok"
    gh(tmp_path, monkeypatch, code=1)
    [found] = seen().values()
    assert (found.state, found.why) == ("not seen", "`gh` is not installed, or nobody is logged in")


def test_the_verb_ends_with_eight_while_something_is_to_mend(
    answers: dict[str, Any], alone: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(project, "load", lambda *_: alone)
    assert main(["doctor"]) == 0
    answers |= {OF: PRIVATE}
    assert main(["doctor"]) == 0
    assert "| reviewers | limit | not enforced by this plan" in " ".join(capsys.readouterr().out.split())
    answers |= {OF: WELL[OF]}
    answers[f"{ENVIRONMENT}/secrets?per_page=100"] = {"secrets": []}
    assert main(["doctor"]) == 8
    assert "| secrets | to mend | not set in production: DEPLOY_HOST" in " ".join(capsys.readouterr().out.split())


# The host.


def engine(api: str = "1.41", off: timedelta = timedelta()) -> Any:
    """Return an engine that says what it is told to."""
    found = Mock()
    found.version.return_value = {"Version": "20.10.24", "ApiVersion": api}
    found.info.return_value = {"SystemTime": (datetime.now(UTC) + off).isoformat()}
    return found


AT = project.load(ROOT, "docker")


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (lambda: next(host.check_host(AT)), "none is named"),  # in a workflow without the secrets
        (partial(host.check_engine, "", AT, engine(api="1.40")), "Docker Engine 20.10.24 on "),
        (lambda: host.check_clock("", AT, engine(off=timedelta(days=1))), "+86400 s from the one here"),
        (partial(host.check_certificate, replace(AT, certificate=ROOT / "README.md")), "contains no readable certificate"),
    ],
)
def test_what_is_to_mend_on_the_host(monkeypatch: pytest.MonkeyPatch, look: Callable[[], Finding], sentence: str) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    found = look()
    assert (found.state, sentence in found.found, bool(found.why and found.fix)) == ("to mend", True, True)


def test_an_engine_that_does_not_answer_is_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = list(host.check_host(AT))
    assert [(each.what, each.state) for each in found] == [
        ("host", "to mend"),
        ("certificate", "ok"),
        ("callers", "ok"),
        ("MLflow", "ok"),
    ]
    assert found[0].found == "no engine answers on tcp://127.0.0.1:1"
    assert found[0].fix.endswith("tart it, or add --target local, which needs none.")


@pytest.mark.parametrize(("days", "state"), [(5.5, "to mend"), (90.5, "ok")])
def test_how_long_a_certificate_is_valid(tmp_path: Path, days: float, state: str) -> None:
    (tmp_path / "callers.pem").write_text(pem((-1, days)))
    found = host.check_certificate(replace(AT, certificate=tmp_path / "callers.pem"))
    assert (found.state, found.found) == (state, f"{int(days)} days left")


def test_mlflow_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1/")
    assert (host.check_ledger(AT).state, "http://127.0.0.1:1" in host.check_ledger(AT).found) == ("to mend", True)


def test_a_port_of_this_machine_that_is_taken(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        taken = replace(AT, root=tmp_path, address=f"127.0.0.1:{server.server_port}")
        assert host.check_local_port(taken).state == "to mend"
    free = replace(AT, root=tmp_path, address=f"127.0.0.1:{free_port()}")
    assert (host.check_local_port(free).state, "free" in host.check_local_port(free).found) == ("ok", True)


def refusing(*_: object) -> Sequence[str]:
    """Answer as a registry that is down."""
    raise PipelineError("The registry could not be asked. Next: docker login.")


@pytest.mark.docker
def test_a_host_is_looked_at_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.operate.registry.fetch_digest", lambda *_: None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    at = replace(AT, name="doctor-of-nothing", address=f"127.0.0.1:{free_port()}")
    found = {each.what: each for each in host.check_host(at)}
    states = dict.fromkeys([*host.CHECKS, "certificate", "callers", "MLflow"], "ok")
    assert {each.what: each.state for each in found.values()} == {**states, "alerts": "to know"}
    assert "GB free" in found["disk"].found
    assert found["port"].found.endswith("is free")
    assert left(docker_engine.connect()) == []


@pytest.mark.docker
def test_a_host_that_is_full_busy_and_far_from_its_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.operate.registry.fetch_digest", refusing)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        at = replace(AT, name="doctor-of-nothing", address=f"127.0.0.1:{server.server_port}", image_mb=1e9)
        found = {each.what: each for each in host.check_host(at) if each.state == "to mend"}
    assert set(found) == {"disk", "port", "registry"}
    assert "4000000.0 wanted" in found["disk"].found
    assert at.address in found["port"].found
    assert found["registry"].fix == "The registry could not be asked. Next: docker login."
    assert left(docker_engine.connect()) == []


@pytest.mark.docker
def test_a_receiver_of_alerts_without_its_secret() -> None:
    assert AT.watch
    client = docker_engine.connect()
    asked = [replace(AT, name="doctor-of-nothing", watch=watch) for watch in (None, AT.watch, replace(AT.watch, notify="slack"))]
    nothing, nobody, slack = (host.check_alerts("alerts", each, client) for each in asked)
    assert [each.state for each in (nothing, nobody, slack)] == ["to know", "to know", "to mend"]
    assert (nobody.found[:22], slack.fix) == ("Nobody receives alerts", "./run alert --secret.")
    assert client.volumes.list(filters={"name": "doctor-of-nothing"}) == []


def left(client: docker.DockerClient) -> list[str]:
    """Return containers that looked around and are still there."""
    commands = (["df", "--output=avail", "--block-size=1M", "/"], ["true"])
    return [str(each.name) for each in client.containers.list(all=True) if each.attrs["Config"]["Entrypoint"] in commands]
