"""Make the release: the bundle, its verdict and the code that serves it, as a folder and, for Docker, as an image."""

import shutil
from pathlib import Path

from pipeline import docker_engine, image_checks, repository, verdict
from pipeline.digest import CODE, FILES
from pipeline.errors import ModelRefused, PipelineError
from pipeline.project import Project
from pipeline.say import line, summary
from service.manifest import Manifest, ReleaseError, canonical, read
from service.release import load
from validation import report
from validation.report import Judgement


def build(project: Project) -> str:
    """Build the release for the project's target and return its name: a folder, or a local image. Raises PipelineError."""
    repository.refuse_changes(project.root, "build")
    manifest = checked_bundle(project)
    judged = verdict.passed(project)
    assemble(project)
    name = str(project.release)
    if project.as_image:
        name = docker_engine.build(project, manifest.commit, labels(project, manifest))
    image = image_checks.check(project, name)
    judged = judged.model_copy(update={"image": image})
    verdict.write(project, report.refused(judged, image.failures) if image.failures else judged)
    if image.failures:
        failed = f"The gate says FAIL of {name}: {' '.join(image.failures)}"
        summary(failed)
        raise ModelRefused(f"{failed} It cannot be pushed. Next: correct that, then ./run train, validate and build.")
    line(f"built {name}: {image.size_mb:.0f} MB, 99 of 100 requests within {image.p99_ms:.0f} ms")
    return name


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
