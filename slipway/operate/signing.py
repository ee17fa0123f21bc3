"""Sign a release as the merge workflow does: digest, manifest, verdict and commit, with a key that only the default branch's runs have."""

import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from slipway import git
from slipway.errors import PipelineError
from slipway.operate import promotion, targets
from slipway.operate.signature import FILE, NAMESPACE, SIGNER, build_statement, make_signature, read_signers, verify_signature
from slipway.project import Project
from slipway.report import Judgement, Outcome
from slipway.say import line, summary
from slipway.serving.manifest import read

# The secret, and the environment on GitHub that has it, for the default branch alone.
KEY, ENVIRONMENT = "SIGNING_KEY", "build"


def sign(project: Project, commit: str, digest: str, new_key: bool) -> None:
    """Sign the release of a commit, or with `new_key` make the pair of keys and store it. Raises PipelineError."""
    if new_key:
        make_key(project.root)
        return
    commit = git.find_commit(project.root, commit)
    target = targets.load_target(project)
    digest = digest or target.find_digest(commit)
    files = target.fetch_release(digest)
    promotion.read_manifest(files, digest, commit)
    refuse_failed(files, digest)
    signature = make_signature(build_statement(digest, commit, read(files)[1], files), read_key())
    verify_signature(signature, read_signers(project.root) or b"")  # else each deploy would refuse it
    target.store_signature(digest, signature.dump())
    line(f"signed {digest}, the release of {commit[:12]}")
    summary(f"Signed `{digest}`.")


def read_key() -> str:
    """Return the private key that the environment brings. Raises PipelineError."""
    if key := os.environ.get(KEY, "").strip():
        return key
    raise PipelineError(
        f"{KEY} is not set, and a release is signed with it. Nothing was signed. Next: ./run doctor --fix makes a key and stores it as a "
        f"secret of the environment `{ENVIRONMENT}`."
    )


def refuse_failed(files: Path, digest: str) -> None:
    """Raise PipelineError unless a release carries a verdict that says PASS of it."""
    path = files / "gate.json"
    judged = Judgement.model_validate_json(path.read_bytes()) if path.is_file() else None
    if judged is None or judged.verdict is not Outcome.PASS:
        found = judged.verdict.value if judged else "no verdict"
        raise PipelineError(f"{digest} carries {found}, and only PASS is signed. Nothing was signed. Next: ./run validate, build and push.")


def make_key(root: Path) -> None:
    """Make a pair of keys: the private half goes to GitHub and is kept nowhere else, the public one into the file. Raises PipelineError."""
    comment = f"{root.name}, {datetime.now(UTC):%Y-%m-%d}".replace(" ", "-")
    with tempfile.TemporaryDirectory() as folder:
        private = Path(folder, "key")
        run_program(root, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)])
        run_program(root, ["gh", "secret", "set", KEY, "--env", ENVIRONMENT], private.read_text(encoding="utf-8"))
        public = private.with_suffix(".pub").read_text(encoding="utf-8").strip()
    with (root / FILE).open("a", encoding="utf-8") as file:
        file.write(f'{SIGNER} namespaces="{NAMESPACE}" {public}\n')
    line(
        f"{FILE} has one more line, and the secret {KEY} of `{ENVIRONMENT}` the key to it. Releases are signed, and others refused, once "
        f"the file is on the default branch. Next: git switch -c signed && git add {FILE} && git commit -m 'Releases are signed'"
    )


def run_program(root: Path, words: list[str], text: str = "") -> None:
    """Run a program on a text. Raises PipelineError with what it said."""
    try:
        done = subprocess.run(words, cwd=root, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError(f"There is no `{words[0]}` on this machine. Nothing was stored. Next: install it.") from error
    if done.returncode:
        raise PipelineError(f"{' '.join(words[:3])} failed: {done.stderr.strip()}. Nothing was stored. Next: ./run doctor --fix.")
