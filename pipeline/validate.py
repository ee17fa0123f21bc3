"""The gate: hold the candidate against what production runs now, on the frozen reference dataset."""

from pipeline import champion as champions
from pipeline import dataset, ledger, rules, verdict
from pipeline.errors import PipelineError
from pipeline.judge import judge
from pipeline.project import Project
from pipeline.rules import Rules
from pipeline.say import line, summary
from service.manifest import Manifest, sha256
from validation.report import Judgement

WEARS_OUT = 20


def validate(project: Project, champion: str, ref: str = "", data_docs: bool = False) -> Judgement:
    """Judge `build/bundle` and write `build/gate.json`, `.md` and `.html`. Raises PipelineError when it cannot be judged."""
    if not (project.bundle / "manifest.json").is_file():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    verdict.forget(project)
    held_against = champions.resolve(project, champion)
    # While nothing is in production there is nothing to protect, and a first model brings its own rules.
    by = rules.of(project, ref if held_against else None)
    if data_docs:
        write_docs(project, by)
    manifest = Manifest.model_validate_json((project.bundle / "manifest.json").read_bytes())
    refuse_other_data(project, manifest)
    judged = counted(project, judge(project, str(project.bundle), held_against, by))
    if ref and held_against is None:
        judged.notes.append(f"Nothing is in production yet, so there is nothing to protect: {ref} was not asked for the rules.")
    text = verdict.write(project, judged)
    if judged.reference_uses is not None:  # what was told of once is not told of again
        ledger.shown(project, verdict.documents(project))
    line(f"{text}\n\nThe page: {project.gate.with_suffix('.html')}")
    summary(text)
    return judged


def refuse_other_data(project: Project, manifest: Manifest) -> None:
    """Raise PipelineError when the bundle learnt from other data than lies here: what it learnt from could not be looked at."""
    found = sha256(project.train_data.read_bytes()) if project.train_data.is_file() else "missing"
    if found != manifest.data.sha256:
        raise PipelineError(
            f"{project.train_data} ({found[:12]}) is not what the bundle learnt from ({manifest.data.sha256[:12]}). Next: ./run train."
        )


def counted(project: Project, judged: Judgement) -> Judgement:
    """Record the judgement in the ledger, and return it with how many candidates the reference dataset was used for."""
    uses = ledger.judged(project, judged)
    worn = f"{uses} candidates were judged on this reference dataset. It wears out, as what is tried comes to fit it: collect another."
    notes = [worn] if uses and uses >= WEARS_OUT else []
    return judged.model_copy(update={"reference_uses": uses, "notes": judged.notes + notes})


def write_docs(project: Project, by: Rules) -> None:
    """Write what Great Expectations says of both datasets as pages."""
    for path in (project.train_data, by.reference):
        page = project.root / "build" / f"data_docs_{path.stem}.html"
        page.write_text(dataset.checked(dataset.read(path), by).page(), encoding="utf-8")
        line(f"Data Docs of {path.name}: {page}")
