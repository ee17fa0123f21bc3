"""Whether a release may be put before callers: it is what it says it is, and the gate holds it good against what is live now."""

from dataclasses import dataclass
from pathlib import Path

from slipway import report, repository, rules
from slipway.errors import PipelineError
from slipway.operate import champion
from slipway.operate.chain import Deployment
from slipway.operate.rejudge import judge_again
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.report import Outcome
from slipway.say import line
from slipway.serving.manifest import Manifest, ReleaseError, checked, read


class Refused(PipelineError):
    """The gate does not let a release through, judged against what is live now."""

    def __init__(self, judged: report.Judgement) -> None:
        super().__init__(
            f"The gate says {judged.verdict.value} against what is live now. {' '.join(judged.reasons)} Nothing was deployed. "
            "Next: ./run status. Who answers for it all the same adds --approved-by NAME and --reason TEXT."
        )
        self.exit_code = judged.verdict.exit_code  # and not what the file says beside it


def refuse_other(files: Path, digest: str, commit: str) -> Manifest:
    """Return the manifest of a release. Raises PipelineError unless its files are those of the manifest, and it is of a commit."""
    try:
        manifest = read(files)[0]
        for part in (manifest.model, manifest.config, manifest.golden):
            checked(files, part)
    except (ReleaseError, OSError, ValueError) as error:
        raise PipelineError(f"{digest} is not whole: {error} Nothing was deployed. Next: ./run train, validate, build and push.") from error
    if manifest.commit != commit:
        raise PipelineError(
            f"{digest} was made from commit {manifest.commit[:12]}, and is stored for {commit[:12]}. Nothing was deployed. "
            "Next, on that commit: ./run train, validate, build and push."
        )
    return manifest


@dataclass(frozen=True)
class Terms:
    """How a release is let through: by the rules of which git ref, judged again in any case or not, and who answers for it, and why."""

    ref: str
    again: bool
    approved_by: str
    reason: str


def admitted(project: Project, target: Target, new: Deployment, files: Path, live: Deployment | None, terms: Terms) -> report.Judgement:
    """Return the verdict on a release: the one that it carries, or a new one where that does not hold now.

    Raises PipelineError where it carries none, or one on another release.
    """
    judged = carried(new, files)
    why = "elsewhere" if terms.again else outdated(project, judged, live, terms.ref)
    if why:
        line(f"the verdict was made {why}: judging again")
        held_against = champion.of(target, live.digest, live.tag) if live else None
        judged = judge_again(project, target.locate_release(new.digest), held_against, terms.ref)
        line(report.format_markdown(judged))
    return judged


def carried(new: Deployment, files: Path) -> report.Judgement:
    """Return the verdict that a release carries. Raises PipelineError where there is none, or it is on another release."""
    path = files / "gate.json"
    if not path.is_file():
        raise PipelineError(
            f"{new.digest} was never judged: it carries no verdict. Next, on its commit: ./run validate, ./run build, ./run push."
        )
    judged = report.Judgement.model_validate_json(path.read_bytes())
    if judged.candidate.manifest_sha256 != new.manifest_sha256:
        raise PipelineError(
            f"{new.digest} carries a verdict on another release, {judged.candidate.manifest_sha256[:12]}. Next: judge and push it again."
        )
    return judged


def outdated(project: Project, judged: report.Judgement, live: Deployment | None, ref: str) -> str | None:
    """Say how a verdict was made otherwise than it would be now, None where it holds. While nothing is live there is nothing to protect."""
    compared = judged.champion.manifest_sha256 if judged.champion else None
    against = live.manifest_sha256 if live else None
    if against == judged.candidate.manifest_sha256:
        return None  # it serves already
    if compared != against:
        return "against another champion than the one live"
    by = (judged.thresholds_sha256, judged.expectations_sha256, judged.reference_sha256)  # in the order of rules.TAKEN
    if live and ref and by != repository.hashes(project.root, ref, rules.TAKEN):
        return f"by other rules than those of {ref}"
    return None


def approval(judged: report.Judgement, terms: Terms) -> str | None:
    """Return what the chain records of a release that did not pass, None for one that did. Raises Refused where nobody answers for it."""
    if judged.verdict is Outcome.PASS:
        return None
    if not terms.approved_by:
        raise Refused(judged)
    return f"{judged.verdict.value}, approved by {terms.approved_by}: {terms.reason}"


def refuse_half(terms: Terms) -> None:
    """Raise PipelineError where there is an approver without a reason, or the other way round."""
    by, reason = terms.approved_by, terms.reason
    if bool(by.strip()) != bool(reason.strip()):
        given = f"--approved-by {by!r}" if by else f"--reason {reason!r}"
        raise PipelineError(f"{given} was given alone. Next: give both, --approved-by NAME and --reason TEXT, or neither.")
