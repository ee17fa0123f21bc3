"""The files of a release: the bundle, its verdict and the code that serves it, as a folder that an image is built from."""

import shutil
from pathlib import Path

from slipway import report, repository
from slipway.errors import PipelineError
from slipway.operate import docker_engine
from slipway.operate.digest import CODE, FILES
from slipway.project import Project
from slipway.report import Judgement
from slipway.serving.manifest import Manifest, ReleaseError, canonical, read
from slipway.serving.release import load


def make_release(project: Project, manifest: Manifest) -> str:
    """Make the release for the project's target and return its name: a folder, or a local image. Raises PipelineError."""
    assemble(project)
    return docker_engine.build(project, manifest.commit, labels(project, manifest)) if project.as_image else str(project.release)


def checked_bundle(project: Project) -> Manifest:
    """Return the manifest of a bundle that is whole and of the commit that is checked out. Raises PipelineError."""
    if not project.bundle.is_dir():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    try:
        manifest = load(project.bundle).manifest
    except ReleaseError as error:
        raise PipelineError(f"{error} Nothing was built. Next: ./run train makes the bundle anew.") from error
    head = repository.head(project.root)
    if manifest.dirty or manifest.commit != head:
        state = "a tree with uncommitted changes on " if manifest.dirty else ""
        raise PipelineError(f"The bundle was trained from {state}{manifest.commit[:12]}; {head[:12]} is checked out. Next: ./run train.")
    return manifest


def assemble(project: Project) -> None:
    """Copy the release's files together. The same folder is what the image is built from and what the target `local` runs."""
    shutil.rmtree(project.release, ignore_errors=True)
    for name in CODE:
        shutil.copytree(project.root / name, project.release / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        (project.release / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / name, project.release / name)
    shutil.copytree(project.bundle, project.release / "release")
    carried = report.carried(Judgement.model_validate_json(project.gate.read_bytes()))
    (project.release / "release" / "gate.json").write_bytes(canonical(carried.model_dump(mode="json")))
    set_modes(project.release)


def set_modes(folder: Path) -> None:
    """Give all files the modes that git knows: what they got from a person's umask would go into the image, whose user is another."""
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755 if each.is_dir() or each.stat().st_mode & 0o100 else 0o644)


def labels(project: Project, manifest: Manifest) -> dict[str, str]:
    """Return the labels of the image."""
    return {
        "org.opencontainers.image.revision": manifest.commit,
        "org.opencontainers.image.created": manifest.created_at,
        "release.manifest.sha256": read(project.bundle)[1],
    }
