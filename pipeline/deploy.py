"""Put a tagged release before callers, and prove it. The release that served before goes on serving until then."""

import time
from pathlib import Path

from pipeline import chain, lock, repository, targets
from pipeline.chain import Deployment
from pipeline.errors import Busy, PipelineError
from pipeline.project import Project
from pipeline.say import line
from pipeline.switch import Done, attempt, finish, live_of, put
from pipeline.targets import Target
from service.manifest import read
from validation import report
from validation.gate import Outcome


class Refused(PipelineError):
    """The gate does not let a release through, judged against what is live now."""

    def __init__(self, judged: report.Judgement) -> None:
        super().__init__(f"The gate says {judged.verdict.value} against what is live now. {' '.join(judged.reasons)} Nothing was deployed.")
        self.exit_code = judged.exit_code


def deploy(project: Project, tag: str) -> Done:
    """Deploy the release of a git tag. Raises PipelineError; then what served before still serves."""
    repository.refuse_changes(project.root, "deploy")
    commit = repository.commit_of(project.root, tag)
    target = targets.of(project)
    digest = target.find(commit)
    files = target.fetch(digest)
    with lock.held(target, f"deploy {tag}") as still_ours:
        start = time.monotonic()
        chain.refuse_held(target.history())
        live = live_of(target)
        refuse_unjudged(project, target, digest, files, live)
        manifest, manifest_sha256 = read(files)
        contract = str(manifest.features.contract_version)
        new = Deployment(tag, digest, commit, manifest_sha256, contract, None, 0, chain.now(), lock.who())
        new = chain.successor(target.deployed(), live, new)
        try:
            checks = put(target, new, files, live, still_ours, project.bake)
        except BaseException as error:
            # Not what serves: only a first release is taken away again, unless whoever took over decides.
            if target.live_digest() != digest or (live is None and not isinstance(error, Busy)):
                target.discard(new)
            raise
        attempt("what is no longer needed was not stopped", target.tidy)
        return finish(project, target, "deploy", Done(live, new, checks, time.monotonic() - start), files)


def refuse_unjudged(project: Project, target: Target, digest: str, files: Path, live: Deployment | None) -> None:
    """Raise PipelineError unless the release carries a PASS on itself, and holds against what is live now."""
    path = files / "gate.json"
    if not path.is_file():
        raise PipelineError(
            f"{digest} was never judged: it carries no verdict. Next, on its commit: ./run validate, ./run build, ./run push."
        )
    judged = report.Judgement.model_validate_json(path.read_bytes())
    if judged.candidate.manifest_sha256 != read(files)[1]:
        raise PipelineError(
            f"{digest} carries a verdict on another release, {judged.candidate.manifest_sha256[:12]}. Next: judge and push it again."
        )
    champion = judged.champion.manifest_sha256 if judged.champion else None
    against = live.manifest_sha256 if live else None
    if champion != against and against != judged.candidate.manifest_sha256:
        line("the verdict was made against another champion than the one live: judging again")
        from pipeline import champion as champions
        from pipeline import rules  # imported here: scikit-learn and Great Expectations cost some seconds
        from pipeline.judge import judge

        judged = judge(project, target.predictor(digest), champions.of(target, live.digest) if live else None, rules.of(project))
        line(report.markdown(judged))
    if judged.verdict is not Outcome.PASS:
        raise Refused(judged)
