"""Images that nobody wants go, and none that a rollback could want: on a real registry, and on an API of GitHub's shapes."""

import base64
import hashlib
import io
import json
import tarfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import docker
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway import git
from slipway.cli import main
from slipway.errors import PipelineError
from slipway.operate import registry as engine_registry
from slipway.operate import retention, stored_images, targets
from slipway.operate.chain import Deployment
from slipway.operate.retention import Stored, Wanted, plan_removal
from slipway.operate.targets.images import name_signature
from tests.conftest import PROJECT, Registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=31), NOW - timedelta(days=29)
A, B, C = "a" * 40, "b" * 40, "c" * 40
NOTHING = Wanted(chain=(), tagged=(), merged=(), known=(A, B, C))
INDEX, IMAGE = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"


def name(letter: str) -> str:
    """Return a digest."""
    return f"sha256:{letter * 64}"


def kept(*images: Stored, wanted: Wanted = NOTHING, keep: int = 20) -> dict[str, str]:
    """Return why images stay; the others go."""
    return plan_removal(images, wanted, NOW, 30, keep).kept


ONE = Stored(name("1"), (A,), OLD)


@pytest.mark.parametrize(
    ("image", "wanted", "reason"),
    [
        (ONE, NOTHING, None),
        (replace(ONE, tags=()), NOTHING, None),
        (replace(ONE, changed=NOW - timedelta(days=30)), NOTHING, None),
        (replace(ONE, changed=NOW - timedelta(days=30) + timedelta(seconds=1)), NOTHING, "younger than 30 days"),
        (replace(ONE, changed=NOW + timedelta(days=1)), NOTHING, "younger than 30 days"),
        (replace(ONE, changed=None), NOTHING, "its age is not known"),
        (ONE, replace(NOTHING, chain=(name("1"),)), "was deployed"),
        (replace(ONE, tags=()), replace(NOTHING, chain=(name("1"),)), "was deployed"),
        (replace(ONE, tags=(A, "production")), NOTHING, "named by production"),
        (replace(ONE, tags=("staging",)), NOTHING, "named by staging"),
        (ONE, replace(NOTHING, tagged=(A,)), "its commit has a git tag"),
        (replace(ONE, tags=(B, A)), replace(NOTHING, tagged=(A,)), "its commit has a git tag"),
        (ONE, replace(NOTHING, merged=(A,)), "one of the last merges"),
        (ONE, replace(NOTHING, known=(B,)), "its commit is not in this repository"),
    ],
)
def test_an_image_stays_for_one_reason(image: Stored, wanted: Wanted, reason: str | None) -> None:
    assert kept(image, wanted=wanted).get(image.digest) == reason


def test_the_last_merges_are_those_that_have_an_image() -> None:
    images = [Stored(name(tag[0]), (tag,), OLD) for tag in (A, B, C)]
    merged = ("d" * 40, C, "e" * 40, B, A)
    assert set(kept(*images, wanted=replace(NOTHING, merged=merged), keep=2)) == {name("c"), name("b")}


LIST = Stored(name("1"), (A,), None, parts=(name("2"), name("3")))
PARTS = [Stored(name("2"), changed=OLD), Stored(name("3"), changed=OLD)]


def test_a_list_stays_and_goes_with_its_parts() -> None:
    assert kept(LIST, *PARTS) == {}
    assert set(kept(LIST, *PARTS, wanted=replace(NOTHING, tagged=(A,)))) == {name("1"), name("2"), name("3")}
    assert set(kept(LIST, PARTS[0], replace(PARTS[1], changed=YOUNG))) == {name("1"), name("2"), name("3")}


def test_a_part_that_two_lists_share_stays_with_one() -> None:
    other = Stored(name("4"), (B,), OLD, parts=(name("3"),))
    assert set(kept(LIST, *PARTS, other, wanted=replace(NOTHING, tagged=(B,)))) == {name("3"), name("4")}


@pytest.mark.parametrize("ending", ["", ".sig", ".sshsig"])
def test_what_is_attached_goes_with_what_it_is_attached_to(ending: str) -> None:
    by_tag = Stored(name("5"), (f"sha256-{'1' * 64}{ending}",), YOUNG, parts=(name("6"),))
    by_subject = Stored(name("6"), changed=OLD, subject=name("1"))
    assert kept(LIST, *PARTS, by_tag, by_subject) == {}
    assert len(kept(LIST, *PARTS, by_tag, by_subject, wanted=replace(NOTHING, chain=(name("1"),)))) == 5
    plan = plan_removal([by_subject, by_tag, *PARTS, LIST], NOTHING, NOW, 30, 20)
    order = [each.digest[-1] for each in plan.going]
    assert order.index("1") == 0
    assert order.index("5") < order.index("6")


def test_what_is_attached_to_nothing_goes_by_its_own_age() -> None:
    left = Stored(name("5"), (f"sha256-{'9' * 64}",), OLD)
    assert kept(left, replace(left, digest=name("6"), changed=YOUNG)) == {name("6"): "younger than 30 days"}


def test_only_what_no_other_image_has_is_freed() -> None:
    base = {"base": 100}
    going, stays = replace(ONE, blobs={**base, "a": 5}), Stored(name("2"), (B,), YOUNG, blobs={**base, "b": 7})
    plan = plan_removal([going, stays], NOTHING, NOW, 30, 20)
    assert (plan.going, plan.freed) == ([going], 5)
    assert "1 stay, 1 go (0 MB)" in retention.format_plan(plan, "images", "go")


commits = st.sampled_from([A, B, C, "d" * 40])
digests = st.sampled_from([name(each) for each in "0123456"])
stored = st.builds(
    Stored,
    digest=digests,
    tags=st.lists(st.one_of(commits, digests.map(lambda each: each.replace(":", "-")), st.just("production")), max_size=2).map(tuple),
    changed=st.sampled_from([None, OLD, YOUNG]),
    parts=st.lists(digests, max_size=2).map(tuple),
    subject=st.one_of(st.just(""), digests),
)
wants = st.builds(
    Wanted,
    chain=st.frozensets(digests, max_size=2),
    tagged=st.frozensets(commits, max_size=1),
    merged=st.permutations([A, B, C]),
    known=st.just({A, B, C}),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(stored, max_size=7, unique_by=lambda each: each.digest), wants, st.integers(1, 2))
def test_whatever_is_stored_nothing_that_is_wanted_goes(images: list[Stored], wanted: Wanted, keep: int) -> None:
    plan = plan_removal(images, wanted, NOW, 30, keep)
    going = {each.digest for each in plan.going}
    assert going | plan.kept.keys() == {each.digest for each in images}
    assert not going & plan.kept.keys()
    merged = [each for each in wanted.merged if any(each in image.tags for image in images)][:keep]
    for each in images:
        if each.digest in going:
            assert each.digest not in wanted.chain
            assert each.changed != YOUNG or {*plan.owners[each.digest]} & going
            assert not {"production", "d" * 40, *wanted.tagged, *merged} & set(each.tags)
            assert each.subject not in plan.kept
        else:
            assert not going & set(each.parts)


# What is done: a project's git, and a target that says what was deployed.


def dump(content: Any) -> bytes:
    """Return JSON."""
    return json.dumps(content).encode()


def sha256(content: bytes) -> str:
    """Return the digest of a content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def describe(media: str, content: bytes) -> dict[str, Any]:
    """Return how a manifest names a content."""
    return {"mediaType": media, "digest": sha256(content), "size": len(content)}


def build(label: str, created: str, base: bytes, **more: Any) -> tuple[bytes, bytes]:
    """Return the config and the manifest of an image that an engine takes."""
    kind = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"is": label}}, "created": created}
    config = dump({**kind, "rootfs": {"type": "layers", "diff_ids": [sha256(base)]}})
    return config, dump(
        {"schemaVersion": 2, "mediaType": IMAGE, "config": describe(CONFIG, config), "layers": [describe(LAYER, base)], **more}
    )


def build_list(*manifests: bytes) -> bytes:
    """Return the manifest of a list of images."""
    return dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": [describe(IMAGE, each) for each in manifests]})


def build_layer() -> bytes:
    """Return a layer with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return packed.getvalue()


BASE = build_layer()
LONG_AGO = "2020-01-01T00:00:00.123456789Z"


@dataclass
class Work:
    """A project, with what is deployed of it."""

    root: Path
    deployed: list[str] = field(default_factory=list)

    def commit(self, message: str = "x") -> str:
        git.run_git(self.root, "commit", "--quiet", "--allow-empty", "--message", message)
        return git.run_git(self.root, "rev-parse", "HEAD")

    def prune(self, *words: str) -> int:
        return main(["prune", *words, "--target", "docker"], root=self.root)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    found = Work(tmp_path / "work")
    found.root.mkdir()
    git.run_git(found.root, "init", "--quiet", "--initial-branch=main")
    (found.root / "project.toml").write_text(PROJECT.format(name="pruned", port=8080), encoding="utf-8")

    def load(_: Any) -> Any:
        rows = [Deployment("v", digest, "", "", "1", None, at, "", "") for at, digest in enumerate(found.deployed)]
        return Mock(read_state=lambda: ([], None), list_deployments=lambda: rows)

    monkeypatch.setattr(targets, "load_target", load)
    return found


@dataclass
class Hub:
    """A repository of a registry, pushed to by its own API."""

    url: str

    def push(self, tag: str, manifest: bytes, *blobs: bytes) -> str:
        """Store a manifest under a tag, or with none under its digest."""
        for each in blobs:
            at = httpx.post(f"{self.url}/blobs/uploads/").raise_for_status().headers["Location"]
            httpx.put(at, params={**dict(httpx.URL(at).params), "digest": sha256(each)}, content=each).raise_for_status()
        media = json.loads(manifest)["mediaType"]
        httpx.put(f"{self.url}/manifests/{tag or sha256(manifest)}", content=manifest, headers={"Content-Type": media}).raise_for_status()
        return sha256(manifest)

    def image(self, tag: str, created: str = LONG_AGO, **more: Any) -> str:
        """Store an image."""
        config, manifest = build(tag or uuid.uuid4().hex, created, BASE, **more)
        return self.push(tag, manifest, config, BASE)

    def sign(self, images: str, digest: str) -> str:
        """Store a signature as the verbs do, through an engine."""
        client, tag = docker.from_env(), name_signature(digest)
        try:
            engine_registry.push_text(client, images, tag, digest.encode())
            assert engine_registry.fetch_text(client, images, tag) == digest.encode()
            assert not client.images.list(f"{images}:{tag}")
            return engine_registry.fetch_digest(client, f"{images}:{tag}") or ""
        finally:
            client.close()

    def has(self, digest: str) -> bool:
        """Tell whether a manifest is there."""
        accept = {"Accept": f"{INDEX}, {IMAGE}"}
        return httpx.get(f"{self.url}/manifests/{digest}", headers=accept).is_success


@pytest.mark.docker
def test_a_rollback_finds_its_image_after_old_ones_were_removed(
    work: Work, registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"pruned-{uuid.uuid4().hex[:8]}"
    images = f"{registry.address}/{path}"
    hub = Hub(f"http://{registry.address}/v2/{path}")
    monkeypatch.setenv("IMAGE_REPOSITORY", images)
    now = datetime.now(UTC).isoformat()
    commits = [work.commit() for _ in range(6)]
    git.run_git(work.root, "tag", "--annotate", "v1.0.0", commits[1], "--message", "the first")
    git.run_git(work.root, "checkout", "--quiet", "-b", "aside")
    aside = work.commit("never merged")
    young = work.commit("pushed just now")
    git.run_git(work.root, "checkout", "--quiet", "main")
    merged = [hub.image(each) for each in commits]
    live, prior = merged[2], hub.image(commits[3] + "0" * 24)  # the other is of nobody's commit
    hub.push("production", *_read(hub, live))
    hub.push("staging", *_read(hub, hub.image(aside)))
    config, manifest = build("platform", LONG_AGO, BASE)
    both = [hub.push("", manifest, config, BASE), hub.push(commits[0], build_list(manifest), config, BASE)]
    attested = [hub.image("", subject={"mediaType": IMAGE, "digest": each, "size": 1}) for each in (both[1], live)]
    for digest, each in zip((both[1], live), attested, strict=True):
        hub.push(digest.replace(":", "-"), build_list(*_read(hub, each)))
    signed = [hub.sign(images, each) for each in (live, merged[3])]
    stays = [*merged[1:3], *merged[4:], prior, hub.image(young, created=now), attested[1], signed[0]]
    goes = [*both, merged[3], attested[0], signed[1]]
    work.deployed = [live]

    def stored() -> list[str]:
        return [each for each in (*stays, *goes) if hub.has(each)]

    assert work.prune("--dry-run", "--keep", "2") == 0
    assert "would go" in capsys.readouterr().out
    assert stored() == [*stays, *goes]
    assert work.prune("--keep", "2") == 0
    assert stored() == stays
    out = capsys.readouterr().out
    assert f"## {images}: " in out
    assert commits[0][:19] in out
    client = docker.from_env()
    try:
        assert _pull(client, f"{images}@{live}")
        with pytest.raises(PipelineError, match="could not be pulled"):
            _pull(client, f"{images}@{merged[3]}")
    finally:
        client.images.remove(f"{images}@{live}")
        client.close()
    assert work.prune("--keep", "2") == 0
    assert stored() == stays


def _read(hub: Hub, digest: str) -> tuple[bytes]:
    return (httpx.get(f"{hub.url}/manifests/{digest}", headers={"Accept": f"{INDEX}, {IMAGE}"}).raise_for_status().content,)


def _pull(client: docker.DockerClient, image: str) -> bool:
    return bool(engine_registry.ensure_image(client, image))


class GitHub(BaseHTTPRequestHandler):
    """GitHub's registry, for those who log in, and its API for the package of a person; versions and tags come in pages."""

    manifests: dict[str, bytes]
    versions: list[dict[str, Any]]
    kept: set[int]

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/token":
            known = self.headers["Authorization"] == "Basic " + base64.b64encode(b"somebody:secret").decode()
            assert query == {"service": ["ghcr.io"], "scope": ["repository:owner/demand:pull"]}
            self.answer(200 if known else 403, {"token": "pass"})
        elif path.startswith("/v2/owner/demand/"):
            self.answer_registry(path.removeprefix("/v2/owner/demand/"), query)
        elif path == PACKAGE:
            self.answer(200, {"name": "demand", "package_type": "container"})
        elif path == f"{PACKAGE}/versions":
            size, number = (int(query[each][0]) for each in ("per_page", "page"))
            self.answer(200, self.versions[size * (number - 1) : size * number])
        else:
            self.answer(404, {"message": "Not Found"})

    def answer_registry(self, path: str, query: dict[str, list[str]]) -> None:
        if self.headers["Authorization"] != "Bearer pass":
            address = f"http://127.0.0.1:{self.connection.getsockname()[1]}/token"
            challenge = f'Bearer realm="{address}",service="ghcr.io",scope="repository:owner/demand:pull"'
            return self.answer(401, {"errors": []}, **{"WWW-Authenticate": challenge})
        if path == "tags/list":
            tags = sorted(tag for each in self.versions for tag in each["metadata"]["container"]["tags"])
            first = not query
            link = {"Link": '</v2/owner/demand/tags/list?last=x&n=1>; rel="next"'} if first else {}
            return self.answer(200, {"tags": tags[:1] if first else tags[1:]}, **link)
        found = self.manifests.get(path.removeprefix("manifests/"))
        return self.answer(200 if found else 404, json.loads(found or b"{}"), **{"Docker-Content-Digest": path.removeprefix("manifests/")})

    def do_DELETE(self) -> None:
        number = int(self.path.removeprefix(f"{PACKAGE}/versions/"))
        if number in self.kept:
            return self.answer(400, {"message": "Publicly visible package versions with more than 5,000 downloads cannot be deleted."})
        self.versions[:] = [each for each in self.versions if each["id"] != number]
        return self.answer(204, None)

    def answer(self, status: int, content: Any, **headers: str) -> None:
        if not self.path.startswith(("/v2/", "/token")):
            assert self.headers["Authorization"] == "Bearer token"
        self.send_response(status)
        for each in headers.items():
            self.send_header(*each)
        self.end_headers()
        self.wfile.write(b"" if content is None else dump(content))

    def log_message(self, *_: object) -> None:
        return


PACKAGE = "/users/owner/packages/container/demand"


@dataclass
class Package:
    """What GitHub has of a package."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)
    kept: set[int] = field(default_factory=set)

    def push(self, manifest: bytes, *tags: str, at: str = "2020-01-01T00:00:00Z") -> str:
        """Store a manifest, as the newest version."""
        digest, number = sha256(manifest), len(self.manifests) + 1
        self.manifests |= {digest: manifest} | dict.fromkeys(tags, manifest)
        times = {"created_at": "2020-01-01T00:00:00Z", "updated_at": at}
        package = {"package_type": "container", "container": {"tags": list(tags)}}
        self.versions.insert(0, {"id": number, "name": digest, **times, "metadata": package})
        return digest

    def image(self, *tags: str, **more: Any) -> str:
        """Store an image."""
        at = more.pop("at", "2020-01-01T00:00:00Z")
        return self.push(build(uuid.uuid4().hex, LONG_AGO, BASE, **more)[1], *tags, at=at)

    @property
    def left(self) -> set[str]:
        """The digests that are there."""
        return {each["name"] for each in self.versions}


@pytest.fixture
def package(work: Work, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """A package of GitHub's, to which somebody has logged in."""
    found, config = Package(), work.root.with_name("docker")
    config.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (GitHub,), vars(found))) as server:
        host = f"127.0.0.1:{server.server_port}"
        login = {"auths": {host: {"auth": base64.b64encode(b"somebody:secret").decode()}}}
        (config / "config.json").write_text(json.dumps(login), encoding="utf-8")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {"GITHUB_API_URL": f"http://{host}", "GITHUB_TOKEN": "token", "DOCKER_CONFIG": str(config)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("IMAGE_REPOSITORY", f"{host}/Owner/demand")
        monkeypatch.setattr(stored_images, "GHCR", host)
        monkeypatch.setattr(stored_images, "PAGE", 4)
        yield found
        server.shutdown()


def attest(package: Package, digest: str) -> list[str]:
    """Store an attestation as GitHub's registry has it: in a list whose tag is the digest."""
    found = package.image(subject={"mediaType": IMAGE, "digest": digest, "size": 1})
    return [found, package.push(build_list(package.manifests[found]), digest.replace(":", "-"))]


def push_list(package: Package, *tags: str) -> list[str]:
    """Store what BuildKit pushes: a list of an image and of its provenance, both without a tag."""
    parts = [package.image(), package.image()]
    return [*parts, package.push(build_list(*(package.manifests[each] for each in parts)), *tags)]


def test_on_github_versions_go_with_what_belongs_to_them(work: Work, package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = (work.commit() for _ in range(3))
    git.run_git(work.root, "tag", "v1.0.0", second)
    gone, tagged, merged = push_list(package, first), push_list(package, second), push_list(package, third)
    moved = push_list(package)  # its tag went to another image when its merge ran again, and it is live
    work.deployed = [moved[-1]]
    stays = {*tagged, *merged, *moved, *attest(package, tagged[-1]), *attest(package, moved[-1])}
    goes = {*gone, *attest(package, gone[-1]), package.image()}
    stays |= {package.image(at=datetime.now(UTC).isoformat()), package.image("latest"), package.image("f" * 40)}
    assert work.prune("--dry-run", "--keep", "1") == 0
    assert package.left == stays | goes
    assert work.prune("--keep", "1") == 0
    assert package.left == stays
    assert f": {len(stays)} stay, {len(goes)} go" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:docker-credential-that-is-not-installed:UserWarning")
def test_a_registry_gets_the_password_that_docker_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    basic = base64.b64encode(b"ada:secret").decode()
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Authorization"))
        return httpx.Response(200 if asked[-1] else 401, headers={"WWW-Authenticate": 'Basic realm="registry"'})

    def ask(config: dict[str, Any]) -> int:
        asked.clear()
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        with httpx.Client(transport=httpx.MockTransport(answer), auth=stored_images.Login("images.invalid:5000")) as client:
            return [client.get("http://images.invalid:5000/v2/").status_code for _ in range(2)][-1]

    assert (ask({"auths": {"images.invalid:5000": {"auth": basic}}}), asked) == (200, [None, f"Basic {basic}", f"Basic {basic}"])
    assert (ask({"auths": {}}), asked) == (401, [None, None])
    with pytest.raises(PipelineError, match=r"The login for images.invalid:5000 in Docker's config cannot be read: .* Next: docker login"):
        ask({"credsStore": "that-is-not-installed"})


def test_a_pointer_that_an_engine_pushed_in_another_form_is_that_of_the_same_release(work: Work, package: Package) -> None:
    """A list of images comes to an engine of before as one of them, and goes back as that."""
    image, _, live = push_list(package, work.commit())
    again = json.loads(package.manifests[image]) | {"annotations": {"pushed": "again"}}
    package.push(dump(again), "production")
    assert work.prune() == 2
    work.deployed = [live]
    assert work.prune() == 0
    assert len(package.left) == 4


def test_what_is_deployed_or_pushed_while_images_are_listed_stays(work: Work, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = push_list(package, aside(work))
    answer = GitHub.do_GET

    def do_get(self: GitHub) -> None:
        answer(self)
        if "/versions?" in self.path and not work.deployed:
            work.deployed = [parts[-1]]
            package.versions[:] = [{**each, "metadata": {"container": {"tags": []}}} for each in package.versions[1:]]
            package.push(package.manifests[parts[-1]], "production")

    monkeypatch.setattr(GitHub, "do_GET", do_get)
    assert work.prune() == 0
    assert package.left == set(parts)


@pytest.mark.parametrize("tags", [("latest",), ()])
def test_what_github_left_out_of_its_list_keeps_its_parts(
    tags: tuple[str, ...], work: Work, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the edge between two pages, while somebody else removes a version."""
    work.commit()
    package.image("first")
    left_out = push_list(package, *tags)[-1]
    work.deployed = [] if tags else [left_out]
    before, answer = package.left, GitHub.answer

    def leave_out(self: GitHub, status: int, content: Any, **headers: str) -> None:
        listed = "/versions?" in self.path
        answer(self, status, [each for each in content if each["name"] != left_out] if listed else content, **headers)

    monkeypatch.setattr(GitHub, "answer", leave_out)
    assert work.prune() == 0
    assert package.left == before


def test_what_github_does_not_remove_keeps_its_parts(work: Work, package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    parts = push_list(package, aside(work))
    package.image()
    package.kept.add(3)
    assert work.prune() == 0
    assert package.left == set(parts)
    err = capsys.readouterr().err
    assert f"{parts[-1]} is left: Publicly visible package versions with more than 5,000 downloads" in err
    assert err.count("it belongs to one that is left") == 2


def aside(work: Work) -> str:
    """Commit what is not merged, beside what is."""
    work.commit()
    git.run_git(work.root, "checkout", "--quiet", "-b", "aside")
    commit = work.commit()
    git.run_git(work.root, "checkout", "--quiet", "main")
    return commit


def refuse(patch: pytest.MonkeyPatch, work: Work, package: Package, what: str) -> None:
    """Bring about what a test is named after."""
    if what == "the host is away":
        patch.setattr(targets, "load_target", Mock(side_effect=PipelineError("No Docker engine answers. Next: ssh.")))
    elif what == "another host":
        package.image("production")
    elif what == "no token":
        patch.delenv("GITHUB_TOKEN")
    elif what == "no login":
        patch.setenv("DOCKER_CONFIG", str(work.root))
    elif what == "no package":
        patch.setenv("IMAGE_REPOSITORY", f"{stored_images.GHCR}/owner/other")
    elif what == "no manifest":
        package.manifests.clear()
    elif what == "another API":
        patch.setattr(GitHub, "answer_registry", lambda self, *_: self.answer(200, []))
    elif what == "no deletion":
        patch.setattr(GitHub, "do_DELETE", lambda self: self.answer(403, {"message": "Resource not accessible by integration"}))


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (
            "the host is away",
            "error: Nothing was removed, because it is not known which images a rollback may need. No Docker engine answers.",
        ),
        ("another host", "The registry's pointer production names sha256:"),
        ("no token", "GITHUB_TOKEN is not set"),
        ("no login", "Next: docker login 127.0.0.1"),
        ("no package", "GitHub shows no package other"),
        ("no manifest", "GitHub lists sha256:"),
        ("another API", "The registry's answer cannot be read: "),
        ("no deletion", "0 of 3 images were removed, then no more. GitHub's API rejects DELETE"),
    ],
)
def test_where_something_is_not_known_nothing_goes(
    what: str, sentence: str, work: Work, package: Package, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    push_list(package, aside(work))
    refuse(monkeypatch, work, package, what)
    before = package.left
    assert work.prune() == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert "Next: " in err
    assert package.left == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--days", "0"], "--days 0 --keep 20 would remove images that were pushed just now."),
        (["--keep", "0"], "--days 30 --keep 0 would remove"),
        (["--target", "local"], "the target 'local' keeps releases in folders. Nothing was removed."),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], sentence: str, work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", *words], root=work.root) == 2
    assert sentence in capsys.readouterr().err


def test_a_checkout_with_a_part_of_the_history_is_refused(work: Work, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git.run_git(work.root, "add", "--all")
    work.commit()
    work.commit()
    git.run_git(tmp_path, "clone", "--quiet", "--depth", "1", work.root.as_uri(), str(tmp_path / "shallow"))
    assert main(["prune"], root=tmp_path / "shallow") == 2
    assert "Next: git fetch --unshallow --tags." in capsys.readouterr().err


def test_the_summary_says_what_went(work: Work, package: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    push_list(package, aside(work))
    package.image("latest")
    assert work.prune() == 0
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert ": 1 stay, 3 went (0 MB)\n" in text
    assert "| named by latest | 1 " in text
