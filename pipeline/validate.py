"""Validate: judge the candidate against the champion, which production runs now, on the frozen reference dataset."""

from slipway import rules
from slipway.gate import verdict
from slipway.gate.judge import count_use, judge, read_candidate, refuse_other_data, write_data_docs
from slipway.operate import promotion
from slipway.project import Project
from slipway.report import Judgement
from slipway.say import line, summary
from slipway.tracking import ledger


def validate(project: Project, champion: str, ref: str = "", data_docs: bool = False) -> Judgement:
    """Judge `build/bundle` and write `build/gate.json`, `.md` and `.html`. Raises PipelineError when it cannot be judged."""
    manifest = read_candidate(project)
    verdict.forget(project)
    held_against = promotion.resolve_champion(project, champion)
    # While nothing is in production there is nothing to protect, and a first model brings its own rules.
    by = rules.load_rules(project, ref if held_against else None)
    if data_docs:
        write_data_docs(project, by)
    refuse_other_data(project, manifest)
    judged = count_use(project, judge(project, str(project.bundle), held_against, by))
    if ref and held_against is None:
        judged.notes.append(f"Nothing is in production yet, so there is nothing to protect: the rules of {ref} were not used.")
    text = verdict.write(project, judged)
    if judged.reference_uses is not None:  # MLflow answered; if not, one warning is enough
        ledger.record_pages(project, verdict.list_documents(project))
    line(f"{text}\n\nThe page: {project.gate.with_suffix('.html')}")
    summary(text)
    return judged
