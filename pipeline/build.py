"""Build: make the release from `build/bundle` and its PASS, as an image, or as a folder for the target local."""

from slipway import git, report
from slipway.bundle import assembly
from slipway.errors import ModelRefused
from slipway.gate import verdict
from slipway.project import Project
from slipway.say import line, summary


def build(project: Project) -> str:
    """Build the release for the project's target and return its name: a folder, or a local image. Raises PipelineError."""
    git.refuse_changes(project.root, "build")
    manifest = assembly.check_bundle(project)
    judged = verdict.read_passed(project)
    name = assembly.make_release(project, manifest)
    image = assembly.check_release(project, name)
    judged = judged.model_copy(update={"image": image})
    verdict.write(project, report.add_failures(judged, image.failures) if image.failures else judged)
    if image.failures:
        failed = f"The gate says FAIL of {name}: {' '.join(image.failures)}"
        summary(failed)
        raise ModelRefused(f"{failed} It cannot be pushed. Next: correct that, then ./run train, validate and build.")
    line(f"built {name}: {image.size_mb:.0f} MB, 99 of 100 requests within {image.p99_ms:.0f} ms")
    return name
