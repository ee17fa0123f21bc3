"""Judge a release again, as a deploy asks for it: here where the packages for that are, else by a command of its own where they are."""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from slipway import rules
from slipway.errors import PipelineError
from slipway.operate.champion import Champion
from slipway.project import Project
from slipway.report import Judgement

VERB = "rejudge"


def judge_again(project: Project, candidate: str, champion: Champion | None, ref: str) -> Judgement:
    """Return the verdict on a release by the rules of a git ref, or of the checkout. Raises PipelineError when it cannot be judged."""
    if find_spec("great_expectations"):
        return judge_here(project, candidate, champion, ref)
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "gate.json"
        words = [VERB, candidate, "--target", project.target, "--rules", ref, "--into", into, *format_champion(champion)]
        # `run` makes the environment where that is not done yet.
        command = [sys.executable, str(project.root / "run"), *map(str, words)]
        if subprocess.run(command, cwd=project.root, check=False).returncode or not into.is_file():
            raise PipelineError(
                "The release could not be judged against what is live now; the reason is above. Nothing was deployed. "
                "Next: correct that, then deploy again."
            )
        return Judgement.model_validate_json(into.read_bytes())


def format_champion(champion: Champion | None) -> list[str]:
    """Return the options that name a champion."""
    if champion is None:
        return []
    return ["--champion", champion.predictor, "--verdict", str(champion.verdict), "--tag", champion.tag or ""]


def judge_here(project: Project, candidate: str, champion: Champion | None, ref: str) -> Judgement:
    """Judge in this process. Raises PipelineError."""
    from slipway.gate.judge import judge  # imported here: scikit-learn and Great Expectations cost some seconds

    return judge(project, candidate, champion, rules.load_rules(project, ref))


def rejudge(project: Project, candidate: str, champion: str, verdict: str, tag: str, ref: str, into: str) -> None:
    """Judge, and write the verdict into a file. Raises PipelineError."""
    held_against = Champion(champion, Path(verdict), tag or None) if champion else None
    Path(into).write_text(judge_here(project, candidate, held_against, ref).model_dump_json(), encoding="utf-8")
