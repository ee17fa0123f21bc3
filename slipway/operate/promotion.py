"""Whether a release may be promoted: it is what it claims to be, and the gate passes it against the champion, which is live now."""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from slipway import git, report, rules
from slipway.errors import PipelineError
from slipway.operate import journal, pointer, targets
from slipway.operate.attestation import fetch_attested, refuse_unattested
from slipway.operate.chain import Deployment
from slipway.operate.signature import refuse_unsigned
from slipway.operate.switch import read_state
from slipway.operate.targets import Target
from slipway.project import PRODUCTION, STAGING, Project, load
from slipway.report import Best, Judgement, Outcome
from slipway.say import line, report_warning, summary
from slipway.serving.manifest import Manifest, ReleaseError, checked, read

LIVE, NONE = "live", "none"


@dataclass(frozen=True)
class Champion:
    """The release to beat: how to ask it, and its verdict, which names the best release of the chain."""

    predictor: str
    verdict: Path
    tag: str | None = None

    def best(self, reference_sha256: str) -> Best | None:
        """Return the best release of the chain on a reference dataset, None where that is not known."""
        try:
            found = Best.model_validate(json.loads(self.verdict.read_bytes())["best"])
        except (OSError, ValueError, KeyError, ValidationError):  # judged by a URL, or in another format
            return None
        return found if found.reference_sha256 == reference_sha256 else None


def resolve_champion(project: Project, champion: str) -> Champion | None:
    """Return the champion, None for a first release. Raises PipelineError when the target does not answer."""
    if champion == NONE:
        return None
    if champion not in (LIVE, PRODUCTION):
        folder = Path(champion).absolute()
        inside = folder / "release" / "gate.json"
        return Champion(champion, inside if inside.is_file() else folder.with_name("gate.json"))
    target = targets.load_target(project)
    if champion == PRODUCTION:
        digest = target.read_pointer()
        if digest and (found := pointer.find_live(digest)):
            report_warning(
                f"the pointer `production` lags behind {found.tag}, which GitHub records as live: the candidate is compared with "
                f"{found.tag}"
            )
            return load_champion(target, found.live, found.tag)
        return load_champion(target, digest) if digest else None
    live = read_state(target).live
    return load_champion(target, live.digest, live.tag) if live else None


def load_champion(target: Target, digest: str, tag: str | None = None) -> Champion:
    """Return a recorded release of a target as champion. Raises PipelineError when it cannot be fetched."""
    try:
        return Champion(target.locate_release(digest), target.fetch_release(digest) / "gate.json", tag)
    except (PipelineError, OSError) as error:
        raise PipelineError(f"The champion {digest[:19]} is recorded, but cannot be fetched: {error} Next: ./run status.") from error


class Refused(PipelineError):
    """The gate does not pass a release against the live one."""

    def __init__(self, judged: Judgement) -> None:
        super().__init__(
            f"The gate says {judged.verdict.value} against what is live now. {' '.join(judged.reasons)} Nothing was deployed. Next: "
            "./run status. To deploy it all the same, on your responsibility, add --approved-by NAME and --reason TEXT."
        )
        self.exit_code = judged.verdict.exit_code  # and not what the file says beside it


def read_manifest(files: Path, digest: str, commit: str) -> Manifest:
    """Return the manifest of a release. Raises PipelineError unless its files are those of the manifest, and it is of a commit."""
    try:
        manifest = read(files)[0]
        for part in (manifest.model.served, manifest.config, manifest.golden):
            checked(files, part)
    except (ReleaseError, OSError, ValueError) as error:
        raise PipelineError(f"{digest} is not whole: {error} Nothing was deployed. Next: ./run train, validate, build and push.") from error
    if manifest.commit != commit:
        raise PipelineError(
            f"{digest} was made from commit {manifest.commit[:12]}, but is stored for {commit[:12]}. Nothing was deployed. "
            "Next, on that commit: ./run train, validate, build and push."
        )
    return manifest


def report_staging(project: Project, new: Deployment) -> None:
    """Print whether a release was live on staging, and how long, as far as what production is reached by knows. Raises PipelineError."""
    if project.environment != PRODUCTION or not project.has_staging:
        return
    staging = targets.load_target(load(project.root, environment=STAGING))
    text = f"{new.tag} {journal.describe_time_live(staging.read_history(), new.digest, datetime.now(UTC))}"
    line(text)
    summary(text)


@dataclass(frozen=True)
class Terms:
    """How a release is let through: by the rules of which git ref, judged again in any case or not, and who answers for it, and why."""

    ref: str
    again: bool
    approved_by: str
    reason: str


def find_verdict(project: Project, target: Target, new: Deployment, files: Path, live: Deployment | None, terms: Terms) -> Judgement:
    """Return the verdict on a release: the one that it carries, or a new one where that does not hold now.

    Raises PipelineError where it carries none, or one on another release, or where signature or attestation do not hold.
    """
    judged = read_verdict(new, files)
    with ThreadPoolExecutor(1) as pool:  # the registry is asked for two things at once
        attested = pool.submit(fetch_attested, project, new.digest)
        refuse_unsigned(project, target, new, files, live)
        refuse_unattested(project, new, attested.result)
    if project.environment != PRODUCTION:
        return judged  # the merge was judged against production; what else is tried on staging is no champion
    why = "elsewhere" if terms.again else explain_outdated(project, judged, live, terms.ref)
    if why:
        line(f"the verdict was made {why}: judging again")
        held_against = load_champion(target, live.digest, live.tag) if live else None
        judged = judge_again(project, target.locate_release(new.digest), held_against, terms.ref)
        line(report.format_markdown(judged))
    return judged


def read_verdict(new: Deployment, files: Path) -> Judgement:
    """Return the verdict that a release carries. Raises PipelineError where there is none, or it is on another release."""
    path = files / "gate.json"
    if not path.is_file():
        raise PipelineError(
            f"{new.digest} was never judged: it has no verdict. Next, on its commit: ./run validate, ./run build, ./run push."
        )
    judged = Judgement.model_validate_json(path.read_bytes())
    if judged.candidate.manifest_sha256 != new.manifest_sha256:
        raise PipelineError(
            f"{new.digest} has the verdict on another release, {judged.candidate.manifest_sha256[:12]}. Next: judge and push it again."
        )
    return judged


def explain_outdated(project: Project, judged: Judgement, live: Deployment | None, ref: str) -> str | None:
    """Return why a verdict no longer holds, None where it does. While nothing is live there is nothing to protect."""
    compared = judged.champion.manifest_sha256 if judged.champion else None
    against = live.manifest_sha256 if live else None
    if against == judged.candidate.manifest_sha256:
        return None  # it serves already
    if compared != against:
        return "against a champion that is not live now"
    # In the order of rules.TAKEN.
    by = (judged.thresholds_sha256, judged.expectations_sha256, judged.reference_sha256, judged.checks_sha256)
    if live and ref and by != git.hash_files(project.root, ref, rules.TAKEN):
        return f"by other rules than those of {ref}"
    return None


def require_approval(judged: Judgement, terms: Terms) -> str | None:
    """Return what the chain records of a release that did not pass, None for one that did. Raises Refused where nobody approves it."""
    if judged.verdict is Outcome.PASS:
        return None
    if not terms.approved_by:
        raise Refused(judged)
    return f"{judged.verdict.value}, approved by {terms.approved_by}: {terms.reason}"


def refuse_half(terms: Terms) -> None:
    """Raise PipelineError where there is an approver without a reason, or the other way round."""
    by, reason = terms.approved_by, terms.reason
    if bool(by.strip()) != bool(reason.strip()):
        option = f"--approved-by {by!r}" if by else f"--reason {reason!r}"
        raise PipelineError(f"{option} was given alone. Next: give both, --approved-by NAME and --reason TEXT, or neither.")


def judge_again(project: Project, candidate: str, champion: Champion | None, ref: str) -> Judgement:
    """Return the verdict on a release by the rules of a git ref, or of the checkout. Raises PipelineError when it cannot be judged."""
    if find_spec("great_expectations"):
        return _judge_here(project, candidate, champion, ref)
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "gate.json"
        words = ["rejudge", candidate, "--target", project.target, "--rules", ref, "--into", into, *_format_champion(champion)]
        # `run` makes the environment where that is not done yet.
        command = [sys.executable, str(project.root / "run"), *map(str, words)]
        if subprocess.run(command, cwd=project.root, check=False).returncode or not into.is_file():
            raise PipelineError(
                "The release could not be judged against the live release; the reason is above. Nothing was deployed. "
                "Next: correct that, then deploy again."
            )
        return Judgement.model_validate_json(into.read_bytes())


def _format_champion(champion: Champion | None) -> list[str]:
    if champion is None:
        return []
    return ["--champion", champion.predictor, "--verdict", str(champion.verdict), "--tag", champion.tag or ""]


def _judge_here(project: Project, candidate: str, champion: Champion | None, ref: str) -> Judgement:
    from slipway.gate.judge import judge  # imported here: scikit-learn and Great Expectations cost some seconds

    return judge(project, candidate, champion, rules.load_rules(project, ref))


def rejudge(project: Project, candidate: str, champion: str, verdict: str, tag: str, ref: str, into: str) -> None:
    """Judge, and write the verdict into a file. Raises PipelineError."""
    held_against = Champion(champion, Path(verdict), tag or None) if champion else None
    Path(into).write_text(_judge_here(project, candidate, held_against, ref).model_dump_json(), encoding="utf-8")
