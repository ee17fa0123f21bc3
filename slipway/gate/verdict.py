"""The verdict on the bundle, in `build/`: `gate.json`, `gate.md`, `gate.html`."""

from pathlib import Path

from slipway import report
from slipway.errors import PipelineError
from slipway.gate import page
from slipway.project import Project
from slipway.report import Judgement, Outcome
from slipway.serving.manifest import read


def write(project: Project, judged: Judgement) -> str:
    """Write the three documents and return the text."""
    text = report.format_markdown(judged)
    project.gate.write_text(judged.model_dump_json(indent=2) + "\n", encoding="utf-8")
    project.gate.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    project.gate.with_suffix(".html").write_text(page.format_page(judged), encoding="utf-8")
    return text


def list_documents(project: Project) -> list[Path]:
    """Return where the three documents are."""
    return [project.gate.with_suffix(suffix) for suffix in (".json", ".md", ".html")]


def forget(project: Project) -> None:
    """Take away the verdict on an earlier bundle."""
    for each in list_documents(project):
        each.unlink(missing_ok=True)


def read_passed(project: Project) -> Judgement:
    """Return the verdict on the bundle if it is PASS. Raises PipelineError."""
    if not project.gate.is_file():
        raise PipelineError("The bundle was never judged: there is no build/gate.json. Next: ./run validate.")
    judged = Judgement.model_validate_json(project.gate.read_bytes())
    sha = read(project.bundle)[1]
    if judged.candidate.manifest_sha256 != sha:
        raise PipelineError(
            f"build/gate.json judges {judged.candidate.manifest_sha256[:12]}, the bundle is {sha[:12]}. Next: ./run validate."
        )
    if judged.verdict is not Outcome.PASS:
        raise PipelineError(
            f"The gate says {judged.verdict.value}: {' '.join(judged.reasons)} Only PASS is built and pushed. Next: see build/gate.md; "
            "./run validate judges again."
        )
    return judged
