"""GitHub's attestations on a real registry, where clients store them; what `gh` verifies is kept by a stand-in for it."""

import json
import re
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway import git, project
from slipway.errors import PipelineError
from slipway.operate.attestation import BUNDLE, ROOT, Unattested, fetch_attested, refuse_unattested
from slipway.operate.chain import Deployment
from slipway.operate.stored_images import Registry as Api
from slipway.project import Project
from tests.conftest import PROJECT, Registry
from tests.library.test_prune import BASE, INDEX, LONG_AGO, Hub, build, describe, dump, sha256

KIND, EMPTY = f"{BUNDLE}.v0.3+json", b"{}"
COMMIT = "a" * 40
# Keeps its words and the files that they name; ends and prints as the file `ends` beside it says.
GH = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
files = [pathlib.Path(each).read_text() for each in words if pathlib.Path(each).is_file()]
(here / "asked").write_text(json.dumps({{"words": words, "files": files}}))
code, text, listed = json.loads((here / "ends").read_text())
print(text, file=sys.stderr)
print(listed)
sys.exit(code)
"""


@dataclass
class Gh:
    """A stand-in for gh on the PATH."""

    folder: Path

    def ends(self, code: int, text: str = "", listed: str = '[{"verificationResult": {}}]') -> None:
        """Have it end so."""
        (self.folder / "ends").write_text(json.dumps([code, text, listed]))

    @property
    def asked(self) -> dict[str, Any]:
        """What it was called with."""
        found: dict[str, Any] = json.loads((self.folder / "asked").read_text())
        return found

    @property
    def was_asked(self) -> bool:
        """Whether it was called at all."""
        return (self.folder / "asked").exists()


def put_gh(folder: Path) -> Gh:
    """Make the stand-in in a folder of its own, with git beside it."""
    folder.mkdir()
    (folder / "gh").write_text(GH.format(python=sys.executable))
    (folder / "gh").chmod(0o755)
    (folder / "git").symlink_to(shutil.which("git") or "")
    found = Gh(folder)
    found.ends(0)
    return found


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gh:
    found = put_gh(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(found.folder))
    return found


def attach(hub: Hub, digest: str, *bundles: bytes, kind: str = KIND) -> str:
    """Store bundles as actions/attest does where a registry lists nothing: a manifest each, and a list under a tag; returns its digest."""
    listed = []
    for each in bundles:
        config, layer = describe("application/vnd.oci.empty.v1+json", EMPTY), describe(kind, each)
        media = "application/vnd.oci.image.manifest.v1+json"
        subject = {"mediaType": media, "digest": digest, "size": 1}
        manifest = dump(
            {"schemaVersion": 2, "mediaType": media, "artifactType": kind, "config": config, "layers": [layer], "subject": subject}
        )
        hub.push("", manifest, EMPTY, each)
        listed.append(describe(media, manifest) | {"artifactType": kind})
    return hub.push(digest.replace(":", "-"), dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}))


@dataclass
class Public:
    """A project of a public repository, and its image in a registry."""

    project: Project
    hub: Hub
    manifest: bytes

    @property
    def new(self) -> Deployment:
        return Deployment("v2.0.0", sha256(self.manifest), COMMIT, "3" * 64, "1", None, 2, "", "")

    def admit(self) -> None:
        """Ask as a deploy does."""
        refuse_unattested(self.project, self.new, lambda: fetch_attested(self.project, self.new.digest))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a repository on GitHub, whose default branch is called trunk."""
    for name in ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_EVENT_PATH", "CI_DEFAULT_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    found = tmp_path / "demand"
    found.mkdir()
    (found / "project.toml").write_text(PROJECT.format(name="demand", port=8080), encoding="utf-8")
    git.run_git(found, "init", "--quiet", "--initial-branch=work")
    git.run_git(found, "remote", "add", "origin", "git@github.com:owner/demand.git")
    follow(found)
    return found


def follow(root: Path) -> None:
    """Commit what is there, as what the remote's default branch has."""
    git.run_git(root, "add", "--all")
    git.run_git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    git.run_git(root, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    git.run_git(root, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")


@pytest.fixture
def public(root: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Public:
    path = f"demand-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("IMAGE_REPOSITORY", f"{registry.address}/{path}")
    hub = Hub(f"http://{registry.address}/v2/{path}")
    config, manifest = build(uuid.uuid4().hex, LONG_AGO, BASE)
    hub.push("latest", manifest, config, BASE)
    return Public(project.load(root, "docker"), hub, manifest)


@pytest.mark.docker
def test_an_attestation_is_verified_with_what_it_has_to_name(public: Public, gh: Gh, capsys: pytest.CaptureFixture[str]) -> None:
    attach(public.hub, public.new.digest, b'{"sbom": 1}', b'{"provenance": 1}')
    public.admit()
    words = gh.asked["words"]
    assert words[:2] == ["attestation", "verify"]
    assert gh.asked["files"] == [public.manifest.decode(), '{"sbom": 1}\n{"provenance": 1}']
    assert words[words.index("--bundle") + 1].endswith(".jsonl")
    assert words[words.index("--hostname") :] == [
        *("--hostname", "github.com", "--repo", "owner/demand"),
        *("--cert-identity-regex", words[words.index("--cert-identity-regex") + 1]),
        *("--source-ref", "refs/heads/trunk", "--source-digest", COMMIT, "--predicate-type", "https://slsa.dev/provenance/v1"),
        *("--format", "json"),
    ]
    names = re.compile(words[words.index("--cert-identity-regex") + 1])
    workflow = "https://github.com/Owner/Demand/.github/workflows/train-validate-build-push.yml@refs/heads/trunk"
    assert names.match(workflow)
    for other in (f"{workflow}2", workflow.replace("push.yml", "push-yml"), workflow.replace("trunk", "aside"), f"x{workflow}"):
        assert not names.match(other)
    assert capsys.readouterr().out == "GitHub attests v2.0.0: train-validate-build-push made it of aaaaaaaaaaaa on trunk\n"


@pytest.mark.docker
def test_the_keys_that_the_default_branch_has_are_taken_and_none_is_fetched(public: Public, gh: Gh) -> None:
    attach(public.hub, public.new.digest, b"{}")
    (public.project.root / ".github").mkdir()
    (public.project.root / ROOT).write_text('{"keys": "of the branch"}\n')
    public.admit()
    assert "--custom-trusted-root" not in gh.asked["words"]  # it is not on the default branch
    follow(public.project.root)
    (public.project.root / ROOT).write_text('{"keys": "of somebody"}\n')
    public.admit()
    assert "--custom-trusted-root" in gh.asked["words"]
    assert gh.asked["files"][-1] == '{"keys": "of the branch"}\n'


@pytest.mark.docker
@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ((1, "\nError: verifying with issuer sigstore.dev", ""), "verifying with issuer sigstore.dev"),
        ((1, "", '[{"verificationResult": {}}]'), "gh lists none that does"),
        ((0, "", ""), "gh lists none that does"),  # as versions before 2.67, where none is of the kind
        ((0, "", "[]"), "gh lists none that does"),
    ],
)
def test_an_attestation_that_does_not_hold_is_refused_with_the_reason(public: Public, gh: Gh, ends: tuple[int, str, str], why: str) -> None:
    attach(public.hub, public.new.digest, b"{}")
    gh.ends(*ends)
    with pytest.raises(Unattested) as raised:
        public.admit()
    text = str(raised.value)
    assert text.startswith(f"v2.0.0, {public.new.digest[:19]}, may not be deployed: GitHub's attestation of it does not hold: {why}.")
    assert "Nothing was deployed; --approved-by does not help. Next: on GitHub *Re-run all jobs*" in text
    assert f"gh attestation trusted-root > {ROOT}" in text
    assert raised.value.exit_code == 2


@pytest.mark.docker
@pytest.mark.parametrize("kind", ["", "application/vnd.example.signature"])
def test_a_release_need_not_have_one(public: Public, gh: Gh, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    if kind:
        attach(public.hub, public.new.digest, b"{}", kind=kind)
    public.admit()
    assert (gh.was_asked, capsys.readouterr()) == (False, ("", ""))


@pytest.mark.docker
@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("no gh", "there is no `gh` on this machine. Next: install it"),
        ("old gh", "this `gh` does not know how (unknown flag: --source-digest). Next: install a newer one"),
        ("elsewhere", "the name of the repository on github.com is not known. Next: "),
    ],
)
def test_one_that_cannot_be_verified_is_a_warning(public: Public, gh: Gh, capsys: pytest.CaptureFixture[str], case: str, why: str) -> None:
    attach(public.hub, public.new.digest, b"{}")
    if case == "no gh":
        (gh.folder / "gh").unlink()
    elif case == "old gh":
        gh.ends(1, "unknown flag: --source-digest\n\nUsage:  gh attestation verify")
    else:
        git.run_git(public.project.root, "remote", "set-url", "origin", "https://gitlab.com/owner/demand.git")
    public.admit()
    assert f"warning: GitHub's attestation of v2.0.0 was not verified, so only its signature counts: {why}" in capsys.readouterr().err


def test_a_registry_that_does_not_say_is_told_and_only_where_there_could_be_one(
    root: Path, gh: Gh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGE_REPOSITORY", "127.0.0.1:1/demand")
    public = Public(project.load(root, "docker"), Hub(""), b"")
    public.admit()
    assert "whether GitHub attests v2.0.0 is not known: The registry 127.0.0.1:1 does not answer" in capsys.readouterr().out
    git.run_git(root, "remote", "remove", "origin")
    public.admit()
    assert (gh.was_asked, capsys.readouterr()) == (False, ("", ""))


def test_a_release_in_a_folder_has_none(root: Path) -> None:
    assert fetch_attested(project.load(root, "local"), f"sha256:{'1' * 64}") is None


@pytest.mark.docker
def test_what_a_registry_has_under_another_digest_is_not_verified_as_this_one(public: Public, monkeypatch: pytest.MonkeyPatch) -> None:
    attach(public.hub, public.new.digest, b"{}")
    asked = Api._request
    other = build("other", LONG_AGO, BASE)[1]

    def answer(self: Api, method: str, path: str, unknown: bool = False) -> httpx.Response | None:
        lies = path == f"manifests/{public.new.digest}"
        return httpx.Response(200, content=other) if lies else asked(self, method, path, unknown)

    monkeypatch.setattr(Api, "_request", answer)
    with pytest.raises(PipelineError, match=f"lists {public.new.digest}, but does not have it"):
        fetch_attested(public.project, public.new.digest)


DIGEST = f"sha256:{'1' * 64}"
BY_API, BY_TAG = f"/v2/x/referrers/{DIGEST}", f"/v2/x/manifests/{DIGEST.replace(':', '-')}"
LISTED: dict[str, Any] = {"manifests": [{"digest": "by"}]}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({BY_API: (200, LISTED)}, [{"digest": "by"}]),
        ({BY_API: (200, {"manifests": []}), BY_TAG: (200, LISTED)}, [{"digest": "by"}]),
        ({BY_API: (406, {}), BY_TAG: (200, LISTED)}, [{"digest": "by"}]),
        ({BY_TAG: (200, LISTED)}, [{"digest": "by"}]),
        ({}, []),
    ],
)
def test_what_is_attached_is_listed_by_the_registry_or_by_its_tag(answers: dict[str, tuple[int, Any]], found: list[dict[str, Any]]) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        code, content = answers.get(request.url.path, (404, {}))
        return httpx.Response(code, json=content)

    with httpx.Client(base_url="https://host/v2/x/", transport=httpx.MockTransport(answer)) as client:
        assert Api("host", client).list_attached(DIGEST) == found
    assert asked in ([BY_API], [BY_API, BY_TAG])


@pytest.mark.parametrize("code", [401, 403, 500])
def test_a_registry_that_refuses_is_not_one_that_has_nothing(code: int) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(code))
    with httpx.Client(base_url="https://host/v2/x/", transport=transport) as client, pytest.raises(PipelineError, match="refuses GET"):
        Api("host", client).list_attached(DIGEST)
