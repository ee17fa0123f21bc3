"""The candidate, as the gate gets it: of the data that lies here, judged not too often on the same reference dataset."""

from slipway.errors import PipelineError
from slipway.gate import dataset
from slipway.project import Project
from slipway.report import Judgement
from slipway.rules import Rules
from slipway.say import line
from slipway.serving.manifest import Manifest, sha256
from slipway.tracking import ledger

WEARS_OUT = 20


def read_candidate(project: Project) -> Manifest:
    """Return the manifest of the bundle that is to be judged. Raises PipelineError where there is none."""
    path = project.bundle / "manifest.json"
    if not path.is_file():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    return Manifest.model_validate_json(path.read_bytes())


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
