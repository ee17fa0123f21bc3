"""What the deploy verb refuses, on both targets: releases not judged, not so, not by these rules, not signed, or not what they say.

What somebody pushes past the verbs is made here as such a person would make it: with files of their own, and the registry's own way in.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from model import behaviour
from slipway.bundle import assembly as building
from slipway.operate import docker_engine, registry
from slipway.operate.signature import FILE
from slipway.operate.targets.docker import Docker
from slipway.project import Project
from slipway.serving.manifest import canonical, read
from tests.conftest import Road
from tests.library.test_attestation import attach, put_gh
from tests.library.test_lifecycle import NO_FLOORS, both, pushed, refused, shuffled, state, training_rows, write_rows
from tests.library.test_prune import Hub

pytestmark = pytest.mark.road

A, B, WEAK = "v1.0.0", "v1.1.0", "v1.2.0"
Tamper = Callable[[Path], object]
Labels = dict[str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """A and B on main; WEAK, which learnt nonsense, on a branch that loosens the thresholds so that it passes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviour, "CASES", [])
        road = Road.copied(tmp_path_factory.mktemp("road") / "project")
        thresholds = road.root / "validation" / "thresholds.toml"
        thresholds.write_text(NO_FLOORS)
        rows = training_rows(road)
        write_rows(road, [row for number, row in enumerate(rows) if number % 10])
        road.make(A)
        write_rows(road, rows)
        road.make(B, champion=str(road.kept(A) / "bundle"))
        road.git("checkout", "--quiet", "-b", "loosened")
        thresholds.write_text(NO_FLOORS.replace("margin_fraction = 0.05", "margin_fraction = 0.9"))
        write_rows(road, shuffled(rows))
        road.make(WEAK, champion=str(road.kept(A) / "bundle"))
        yield road


@pytest.fixture(scope="module", params=both)
def road(made: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    with pushed(made, request, A, B, WEAK) as road:
        yield road


@pytest.fixture
def live(road: Road) -> Iterator[Road]:
    """A road on which A is live and stays so."""
    road.stand(A)
    road.checkout("main")
    with road.unchanged():
        yield road
    for tag in (A, B, WEAK):
        restore(road, tag)


def restore(road: Road, tag: str) -> None:
    """Have a tag's commit stored as it was."""
    commit = road.git("rev-parse", f"{tag}^{{commit}}")
    if isinstance(road.place, Docker):
        image = road.place.locate_release(road.digests[tag])
        registry.ensure_image(road.place.client, image)
        registry.push_image(road.place.client, image, road.project.image_name, commit)
    else:
        (road.root / ".deploy" / "local" / "commits" / commit).write_text(road.digests[tag])


def smuggle(road: Road, tag: str, tamper: Tamper, changed: Labels | None = None) -> str:
    """Store something in the place of a tag's release, and return its digest; the verbs are not asked."""
    road.checkout(tag)
    project: Project = road.project
    building.assemble(project)
    tamper(project.release / "release")
    commit = road.git("rev-parse", f"{tag}^{{commit}}")
    if road.target == "docker":
        labels = building.make_labels(project, read(project.bundle)[0]) | (changed or {})
        docker_engine.build_image(project, commit, labels)
    digest = overwrite(road, commit)
    road.checkout("main")
    return digest


def overwrite(road: Road, commit: str) -> str:
    """Store what was built under a commit; `push` keeps what a registry has, and somebody with a token does not."""
    project = road.project
    if not isinstance(road.place, Docker):
        return road.place.push_release(commit)
    return registry.push_image(road.place.client, f"{project.name}:{commit}", project.image_name, commit)


def edit(**changes: Any) -> Tamper:
    """Change what the verdict says."""

    def tamper(release: Path) -> None:
        path = release / "gate.json"
        path.write_bytes(canonical(json.loads(path.read_bytes()) | changes))

    return tamper


def test_a_release_that_was_never_judged(live: Road) -> None:
    digest = smuggle(live, B, lambda release: (release / "gate.json").unlink())
    refused(live.run("deploy", B), 2, f"{digest} was never judged: it has no verdict. Next, on its commit: ./run validate")


def test_a_verdict_on_another_release(live: Road) -> None:
    verdict = live.kept(A) / "gate.json"
    digest = smuggle(live, B, lambda release: shutil.copyfile(verdict, release / "gate.json"))
    refused(live.run("deploy", B), 2, f"{digest} has the verdict on another release, {read(live.kept(A) / 'bundle')[1][:12]}")


@pytest.mark.parametrize(("verdict", "code"), [("FAIL", 1), ("INCONCLUSIVE", 3)])
def test_a_verdict_that_is_not_pass(live: Road, verdict: str, code: int) -> None:
    smuggle(live, B, edit(verdict=verdict, exit_code=code, reasons=["It is worse."]))
    said = live.run("deploy", B)
    refused(said, code, f"The gate says {verdict} against what is live now. It is worse.", "Next: ", "--approved-by NAME and --reason TEXT")


def test_an_approver_without_a_reason(live: Road) -> None:
    for given in (["--approved-by", "Ada"], ["--reason", "urgent"], ["--approved-by", "Ada", "--reason", " "]):
        refused(live.run("deploy", B, *given), 2, f"{given[0]} {given[1]!r} was given alone. Next: give both")


def test_a_verdict_by_loosened_thresholds(live: Road) -> None:
    assert json.loads((live.kept(WEAK) / "gate.json").read_bytes())["verdict"] == "PASS"
    said = live.run("deploy", WEAK)
    assert "the verdict was made by other rules than those of main: judging again" in said.out
    refused(said, 1, "The gate says FAIL against what is live now.")


@pytest.mark.parametrize("part", ["thresholds_sha256", "expectations_sha256", "reference_sha256", "checks_sha256"])
def test_any_other_rule_than_the_default_branchs_is_noticed(live: Road, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    smuggle(live, B, edit(**{part: "0" * 64}))
    monkeypatch.setattr("slipway.gate.judge.judge", stopped)
    with pytest.raises(AssertionError, match="judged again"):
        raise_through(live, "deploy", B)


def test_a_forged_verdict_is_found_out_by_judging_again(live: Road) -> None:
    thresholds = json.loads((live.kept(B) / "gate.json").read_bytes())["thresholds_sha256"]
    smuggle(live, WEAK, edit(thresholds_sha256=thresholds))
    said = live.run("deploy", WEAK, "--judge-again")
    assert "the verdict was made elsewhere: judging again" in said.out
    refused(said, 1, "The gate says FAIL against what is live now.")


def test_a_verdict_against_a_champion_that_is_not_live(live: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = json.loads((live.kept(B) / "gate.json").read_bytes())["champion"] | {"manifest_sha256": "0" * 64}
    smuggle(live, B, edit(champion=champion))
    monkeypatch.setattr("slipway.gate.judge.judge", stopped)
    with pytest.raises(AssertionError, match="judged again"):
        raise_through(live, "deploy", B)


def stopped(*_: Any) -> Any:
    """Stand where the judging would begin."""
    raise AssertionError("judged again")


def raise_through(road: Road, *words: str) -> None:
    """Run a verb and raise what it printed of an exception that nobody thought of."""
    said = road.run(*words)
    raise AssertionError(said.err.splitlines()[-1])


def test_files_that_are_not_those_of_the_manifest(live: Road) -> None:
    model = live.kept(A) / "bundle" / "model.onnx"
    digest = smuggle(live, B, lambda release: shutil.copyfile(model, release / "model.onnx"))
    refused(live.run("deploy", B), 2, f"{digest} is not whole: model.onnx", "the manifest says", "it was changed. Nothing was deployed.")


def test_a_release_that_is_stored_for_another_commit(live: Road) -> None:
    live.checkout(A)
    building.assemble(live.project)
    if live.target == "docker":
        docker_engine.build_image(
            live.project, commit := live.git("rev-parse", B), building.make_labels(live.project, read(live.project.bundle)[0])
        )
    else:
        commit = live.git("rev-parse", B)
    overwrite(live, commit)
    live.checkout("main")
    refused(live.run("deploy", B), 2, f"was made from commit {live.git('rev-parse', A)[:12]}, but is stored for {commit[:12]}.")


@pytest.mark.parametrize("road", both[1:], indirect=True)
@pytest.mark.parametrize("label", ["release.manifest.sha256", "org.opencontainers.image.revision"])
def test_labels_that_do_not_agree_with_the_manifest(live: Road, label: str) -> None:
    smuggle(live, B, lambda _: None, {label: "0" * 40})
    refused(live.run("deploy", B), 2, f"was not made by ./run build: its label {label} is '{'0' * 40}', but its manifest says ")


def test_a_tag_that_moved_to_another_commit(live: Road) -> None:
    live.git("tag", "--force", A, B)
    try:
        refused(live.run("deploy", A), 2, f"{A} was deployed ", "A tag that was deployed must not move. Next: ")
    finally:
        live.git("tag", "--force", A, "main~1")


def test_another_image_in_the_place_of_the_one_that_was_deployed(live: Road) -> None:
    smuggle(live, A, edit(notes=["Another one."]))
    refused(live.run("deploy", A), 2, f"{A} was deployed ", "A tag that was deployed must not move.")


def test_going_back_to_what_was_never_proven(live: Road) -> None:
    refused(live.run("rollback", "--to", B), 2, f"'{B}' was never live and proven here. Deployed here: {A} (")


def test_who_answers_for_a_release_that_did_not_pass_is_remembered(road: Road) -> None:
    road.stand(A)
    said = road.must("deploy", WEAK, "--approved-by", "Ada", "--reason", "the sensor is new")
    road.serves(WEAK)
    assert "judging again" in said.out
    told = "FAIL, approved by Ada: the sensor is new"
    assert state(road)["live"]["approved"] == told
    assert told in road.must("status").text
    assert told in road.must("history").text
    assert json.loads(road.must("history", "--json").out)[0]["release"]["approved"] == told
    road.must("rollback")
    road.serves(A)


@pytest.fixture
def signed(road: Road, tmp_path: Path) -> Iterator[Road]:
    """A road on which A is live, and whose main allows one of two keys."""
    road.stand(A)
    road.checkout("main")
    for name in ("ours", "theirs"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    allow(road, tmp_path / "ours")
    yield road
    road.checkout("main")
    road.git("reset", "--quiet", "--hard", "HEAD~1")
    for tag in (A, B):
        restore(road, tag)


def allow(road: Road, key: Path) -> None:
    """Commit the public half of a key."""
    (road.root / FILE).write_text(f"release {key.with_suffix('.pub').read_text()}", encoding="utf-8")
    road.commit("Releases are signed")


def test_only_what_was_signed_by_a_key_of_the_default_branch_is_deployed(
    signed: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    road, place, digests = signed, signed.place, signed.digests
    unsigned = "It has no signature. Nothing was deployed, and --approved-by does not help. Next: "
    refused(road.run("deploy", B), 2, f"{B}, {digests[B][:19]}, may not be deployed: {unsigned}")
    refused(road.run("deploy", B, "--approved-by", "Ada", "--reason", "urgent"), 2, unsigned)
    # A key that is not in the file: the verb does not sign with it, and what it signed is refused, also where a branch allows it.
    monkeypatch.setenv("SIGNING_KEY", (tmp_path / "theirs").read_text())
    refused(road.run("sign", B), 2, f"not made by a key that {FILE} of the default branch allows now")
    road.git("checkout", "--quiet", "-B", "theirs")
    allow(road, tmp_path / "theirs")
    with monkeypatch.context() as patch:
        patch.setattr("slipway.operate.signing.verify_signature", lambda *_: None)
        road.must("sign", B)
    refused(road.run("deploy", B), 2, "not made by a key")
    road.checkout("main")
    # A signature copied from another digest.
    monkeypatch.setenv("SIGNING_KEY", (tmp_path / "ours").read_text())
    road.must("sign", A)
    place.store_signature(digests[B], place.read_signature(digests[A]) or b"")
    refused(road.run("deploy", B), 2, "Its signature belongs to another release: it names commit ", f"digest {digests[A]}, and this has")
    # An image that was made by hand and agrees with itself, in the place of the one that was signed; then with the signature of that.
    road.must("sign", B)
    forged = smuggle(road, B, edit(notes=["Made by hand."]))
    refused(road.run("deploy", B), 2, f"{B}, {forged[:19]}, may not be deployed: {unsigned}")
    place.store_signature(forged, place.read_signature(digests[B]) or b"")
    refused(road.run("deploy", B), 2, f"it names digest {digests[B]}, and this has {forged}")
    if isinstance(place, Docker):
        keeps_what_is_signed(road, place, monkeypatch)
    restore(road, B)
    road.serves(A)
    road.must("deploy", B)
    road.serves(B)
    # An old release, with a signature that holds: not as new under any tag, but by a rollback, which needs no signature at all.
    road.git("tag", "v9.0.0", A)
    for tag in (A, "v9.0.0"):
        refused(road.run("deploy", tag), 2, f"{tag} is older than {B}, which is live", "Next: if it was live here, ./run rollback")
    road.git("tag", "--delete", "v9.0.0")
    place.store_signature(digests[A], b"nothing")
    road.must("rollback")
    road.serves(A)


def keeps_what_is_signed(road: Road, place: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold that a merge that is run again pushes over what carries no signature, and over nothing else."""
    commit = road.git("rev-parse", B)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "push_image", stopped)
        with pytest.raises(AssertionError):
            place.push_release(commit)
    restore(road, B)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "push_image", stopped)
        assert place.push_release(commit) == road.digests[B]


@pytest.mark.parametrize("road", both[1:], indirect=True)
def test_what_github_attests_has_to_hold_for_a_deploy_and_not_for_a_rollback(
    road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    road.stand(A)
    road.checkout("main")
    gh, (host, _, path) = put_gh(tmp_path / "bin"), road.project.image_name.partition("/")
    monkeypatch.setenv("PATH", f"{gh.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/demand")
    hub = Hub(f"http://{host}/v2/{path}")
    attached = [attach(hub, road.digests[B], b"{}")]
    gh.ends(1, "Error: another workflow made it")
    with road.unchanged():
        why = "may not be deployed: GitHub's attestation of it does not hold: another workflow made it."
        refused(road.run("deploy", B, "--approved-by", "Ada", "--reason", "urgent"), 2, f"{B}, {road.digests[B][:19]}, {why}", "Next: ")
    gh.ends(0)
    assert f"GitHub attests {B}: train-validate-build-push made it of {road.git('rev-parse', B)[:12]} on main" in road.must("deploy", B).out
    road.serves(B)
    attached += [attach(hub, road.digests[A], b"{}")]
    gh.ends(1)
    road.must("rollback")
    road.serves(A)
    for each in attached:
        httpx.delete(f"{hub.url}/manifests/{each}").raise_for_status()
