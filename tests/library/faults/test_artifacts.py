"""A release that is not what was judged, or was not judged: it is not put before callers, on whatever way it came to the target."""

import io
import json
import pickle
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import pytest
from docker.errors import APIError

from slipway.operate.process import compute_digest
from slipway.operate.targets import docker as on_docker
from slipway.operate.targets.images import unpack
from slipway.serving.manifest import canonical, sha256
from tests.conftest import Road
from tests.library.faults.conftest import Suffers
from tests.library.faults.page import fault
from tests.library.test_lifecycle import WEAK, A, B, C, Evil, flip, poison, refused, swap

Damage = Callable[[Path, Path], None]
NOT_WHOLE = "The deploy rejects it before anything is started."
FORGED = """FROM {image}
USER root
RUN rm -r /release
COPY release /release
USER 10001
"""


@pytest.fixture(scope="module")
def live(road: Road) -> Iterator[Road]:
    """A road on which B is live, after A. What is refused changes nothing, as each test holds: one deploy after all of them is enough."""
    road.checkout("main")
    road.stand(A, B)
    yield road
    road.must("deploy", B)
    road.serves(B)


def truncate(bundle: Path, _: Path) -> None:
    """Lose the end."""
    model = bundle / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1000])


def write_again(bundle: Path, _: Path) -> None:
    """Write the same graph in other bytes."""
    graph = onnx.load(bundle / "model.onnx")
    graph.doc_string = "the same"
    onnx.save(graph, bundle / "model.onnx")


def disguise(bundle: Path, others: Path) -> None:
    """Put a pickle in the model's place, under its name."""
    (bundle / "model.onnx").write_bytes(pickle.dumps(Evil(others / "trace")))


def poison_all(bundle: Path, others: Path) -> None:
    """Put a pickle in the model's place, and have the manifest and the verdict agree."""
    poison(bundle, others)
    agree(bundle)


def edit_config(bundle: Path, _: Path) -> None:
    """Allow more rows."""
    config = bundle / "config.toml"
    config.write_text(config.read_text().replace("max_rows = 1000", "max_rows = 1000000"))


def edit_golden(bundle: Path, _: Path) -> None:
    """Record another answer."""
    golden = json.loads((bundle / "golden.json").read_bytes())
    golden["answers"] = golden["answers"][::-1]
    (bundle / "golden.json").write_text(json.dumps(golden))


def edit_golden_and_manifest(bundle: Path, others: Path) -> None:
    """Record another answer, and have the manifest and the verdict agree."""
    edit_golden(bundle, others)
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    manifest["golden"]["sha256"] = sha256((bundle / "golden.json").read_bytes())
    (bundle / "manifest.json").write_bytes(canonical(manifest))
    agree(bundle)


def agree(bundle: Path) -> None:
    """Have the verdict be on the manifest as it is."""
    gate = json.loads((bundle / "gate.json").read_bytes())
    gate["candidate"]["manifest_sha256"] = sha256((bundle / "manifest.json").read_bytes())
    (bundle / "gate.json").write_text(json.dumps(gate))


def lose_verdict(bundle: Path, _: Path) -> None:
    """Take the verdict away."""
    (bundle / "gate.json").unlink()


def borrow_verdict(bundle: Path, others: Path) -> None:
    """Take the verdict on another release."""
    shutil.copyfile(others / B / "gate.json", bundle / "gate.json")


def fail_verdict(bundle: Path, _: Path) -> None:
    """Carry a FAIL."""
    gate = json.loads((bundle / "gate.json").read_bytes())
    (bundle / "gate.json").write_text(json.dumps({**gate, "verdict": "FAIL", "reasons": ["It is worse."]}))


@pytest.mark.parametrize("damage", [truncate, flip, write_again, swap, disguise, poison_all])
@fault(
    11,
    "a model file that is truncated, has a flipped bit, is rewritten, belongs to another release, or is a pickle (also with a manifest "
    "that agrees)",
    local="The deploy rejects it. No byte of it is loaded in a live release, and the pickle is never loaded at all.",
    docker="The deploy rejects it. No byte of it is loaded in a live release, and the pickle is never loaded at all.",
)
def test_a_damaged_model(live: Road, suffers: Suffers, damage: Damage) -> None:
    others = live.kept(C).parent
    with live.unchanged(), suffers(B), forged(live, C, damage):
        refused(live.run("deploy", C), 2, "Next")
    assert not (others / "trace").exists()


@fault(
    12,
    "the serving config is edited on the host",
    local="The running service continues with what it has in memory. Every deploy and rollback rejects the edited release.",
    docker="This is not possible: the container's files are read-only.",
)
def test_a_config_that_is_edited_on_the_host(live: Road, suffers: Suffers) -> None:
    if isinstance(live.place, on_docker.Docker):
        container = live.place.find_live_container()
        assert container
        with live.unchanged(), suffers(B), pytest.raises(APIError, match="read-only"):
            container.put_archive("/release", packed(live.kept(B) / "bundle" / "config.toml"))
    else:
        with live.unchanged(), suffers(B), edited(live, B, edit_config), edited(live, A, edit_config):
            for verb in (["deploy", B], ["rollback"]):
                refused(live.run(*verb), 2, "is gone or was changed. Next: push its commit again.")


@fault(
    12,
    "the serving config is edited in the pushed release",
    local=NOT_WHOLE,
    docker=NOT_WHOLE,
)
def test_a_config_that_is_edited_in_the_store(live: Road, suffers: Suffers) -> None:
    with live.unchanged(), suffers(B), forged(live, C, edit_config):
        refused(live.run("deploy", C), 2, "config.toml", "it was changed.")


@pytest.mark.parametrize("damage", [edit_golden, edit_golden_and_manifest])
@fault(
    13,
    "the golden answers are edited, also with a manifest that agrees",
    local="The deploy rejects it before anything is started, or because the new release does not become ready.",
    docker="The deploy rejects it before anything is started, or because the new release does not become ready.",
)
def test_recorded_answers_that_are_edited(live: Road, suffers: Suffers, damage: Damage) -> None:
    agreeing = {"local": "ended instead of becoming ready", "docker": "was not made by ./run build"}[live.target]
    with live.unchanged(), suffers(B), forged(live, C, damage):
        refused(live.run("deploy", C), 2, "golden" if damage is edit_golden else agreeing)


@fault(14, "a git tag is moved after its deploy", local="The deploy rejects it.", docker="The deploy rejects it.")
def test_a_git_tag_that_moved(live: Road, suffers: Suffers) -> None:
    commit = live.git("rev-parse", B)
    live.git("tag", "--force", B, C)
    try:
        with live.unchanged(), suffers(B):
            refused(live.run("deploy", B), 2, f"{B} was deployed", "A tag that was deployed must not move.")
    finally:
        live.git("tag", "--force", B, commit)


@fault(
    14,
    "a commit's name in the store is moved to the release of another commit",
    local="The deploy rejects it.",
    docker="The deploy rejects it.",
)
def test_a_stored_name_that_moved(live: Road, suffers: Suffers) -> None:
    with live.unchanged(), suffers(B), pointed(live, C, live.digests[A]):
        refused(live.run("deploy", C), 2, "was made from commit", "but is stored for")


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (lose_verdict, 2, "was never judged"),
        (borrow_verdict, 2, "has the verdict on another release"),
        (fail_verdict, 1, "The gate says FAIL"),
    ],
)
@fault(
    15,
    "the verdict in a release is missing, belongs to another release, or is FAIL (if releases are not signed: docs/security.md)",
    local=NOT_WHOLE,
    docker=NOT_WHOLE,
)
def test_a_verdict_that_is_none(live: Road, suffers: Suffers, change: Damage, code: int, sentence: str) -> None:
    with live.unchanged(), suffers(B), forged(live, C, change):
        refused(live.run("deploy", C), code, sentence)


@fault(
    15,
    "the verdict in a release is a PASS against a release that is no longer live",
    local="The deploy judges it again, against the live release. A worse model is rejected.",
    docker="The deploy judges it again, against the live release. A worse model is rejected.",
)
def test_a_verdict_against_another_champion(live: Road, suffers: Suffers) -> None:
    with live.unchanged(), suffers(B):
        said = live.run("deploy", WEAK)
    assert "judging again" in said.out
    refused(said, 1, "The gate says FAIL against what is live now.", "Nothing was deployed.")


# Tools of these tests.


@contextmanager
def forged(road: Road, tag: str, change: Damage) -> Iterator[None]:
    """Store a changed release for the commit of a tag, under the changed content's own digest."""
    place, others = road.place, road.kept(tag).parent
    folder = road.root.with_name("forged")
    try:
        if isinstance(place, on_docker.Docker):
            container = place.client.containers.create(place.client.images.pull(place.locate_release(road.digests[tag])))
            try:
                unpack(container, "/release", folder)
            finally:
                container.remove()
            change(folder / "release", others)
            (folder / "Dockerfile").write_text(FORGED.format(image=place.locate_release(road.digests[tag])))
            name = place.project.image_name
            place.client.images.build(path=str(folder), tag=f"{name}:forged", rm=True)
            place.client.images.push(name, tag="forged")
            names = place.client.images.get(f"{name}:forged").attrs["RepoDigests"]
            [digest] = [each.partition("@")[2] for each in names if each.startswith(name + "@")]
        else:
            shutil.copytree(stored(road, tag), folder)
            change(folder / "release", others)
            (folder / "deployment.json").unlink(missing_ok=True)
            digest = compute_digest(folder)
            shutil.copytree(folder, stored(road, tag).with_name(digest.removeprefix("sha256:")))
        with pointed(road, tag, digest):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pointed(road: Road, tag: str, digest: str) -> Iterator[None]:
    """Have the store's name for the commit of a tag lead to another release."""
    commit = road.git("rev-parse", tag)
    point(road, commit, digest)
    try:
        yield
    finally:
        point(road, commit, road.digests[tag])


def point(road: Road, commit: str, digest: str) -> None:
    """Move the store's name for a commit."""
    place = road.place
    if isinstance(place, on_docker.Docker):
        image = place.locate_release(digest)
        place.client.images.pull(image)
        place.client.images.get(image).tag(road.project.image_name, commit)
        place.client.images.push(road.project.image_name, tag=commit)
    else:
        (road.root / ".deploy" / "local" / "commits" / commit).write_text(digest)


def stored(road: Road, tag: str) -> Path:
    """Return the folder of a release on the target local."""
    return road.root / ".deploy" / "local" / "releases" / road.digests[tag].removeprefix("sha256:")


@contextmanager
def edited(road: Road, tag: str, change: Damage) -> Iterator[None]:
    """Edit a release of the target local where it is stored, and put it back."""
    kept = {path: path.read_bytes() for path in (stored(road, tag) / "release").iterdir()}
    change(stored(road, tag) / "release", road.kept(tag).parent)
    try:
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def packed(*files: Path) -> bytes:
    """Pack files for a container."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for each in files:
            archive.add(each, each.name)
    return buffer.getvalue()
