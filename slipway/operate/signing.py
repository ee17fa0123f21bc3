"""Sign a release as the merge workflow does: digest, manifest, verdict and commit, with a key that only the default branch's runs have."""

import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from slipway import git
from slipway.errors import PipelineError
from slipway.operate import promotion, targets
from slipway.operate.signature import (
    FILE,
    NAMESPACE,
    SIGNER,
    Signature,
    Unsigned,
    build_statement,
    make_signature,
    read_signers,
    verify_signature,
)
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
    signers = read_signers(project.root)
    refuse_revoked(project.root, commit, signers or b"")
    target = targets.load_target(project)
    digest = digest or target.find_digest(commit)
    files = target.fetch_release(digest)
    promotion.read_manifest(files, digest, commit)
    refuse_failed(files, digest)
    signature = make_signature(build_statement(digest, commit, read(files)[1], files), read_key())
    refuse_useless(signature, signers)
    target.store_signature(digest, signature.dump())
    line(f"signed {digest}, the release of {commit[:12]}")
    summary(f"Signed `{digest}`.")


def read_key() -> str:
    """Return the private key that the environment brings. Raises PipelineError."""
    if key := os.environ.get(KEY, "").strip():
        return key
    raise PipelineError(
        f"{KEY} is not set, and it is needed to sign a release. Nothing was signed. Next: ./run doctor --fix makes a key and stores it "
        "as a "
        f"secret of the environment `{ENVIRONMENT}`."
    )


def refuse_failed(files: Path, digest: str) -> None:
    """Raise PipelineError unless a release carries a verdict that says PASS of it."""
    path = files / "gate.json"
    judged = Judgement.model_validate_json(path.read_bytes()) if path.is_file() else None
    if judged is None or judged.verdict is not Outcome.PASS:
        found = judged.verdict.value if judged else "no verdict"
        raise PipelineError(f"{digest} has {found}, and only PASS is signed. Nothing was signed. Next: ./run validate, build and push.")


def refuse_revoked(root: Path, commit: str, signers: bytes) -> None:
    """Raise PipelineError where a commit allows a key that does not hold now: by that, its push may have kept another's image."""
    before = git.read_file(root, commit, FILE) if git.has_file(root, commit, FILE) else b""
    if gone := _list_keys(before) - _list_keys(signers):
        raise PipelineError(
            f"{FILE} of {commit[:12]} allows {len(gone)} key{'s' if len(gone) > 1 else ''} that the default branch does not allow now, "
            "so somebody else may have stored the image of this commit. Nothing was signed. Next: merge once more, which builds and "
            "signs, and tag that."
        )


def _list_keys(signers: bytes) -> set[bytes]:
    return {each.strip() for each in signers.splitlines() if each.strip() and not each.lstrip().startswith(b"#")}


def refuse_useless(signature: Signature, signers: bytes | None) -> None:
    """Raise PipelineError where each deploy would refuse a signature, or asks for none."""
    if signers is None:
        raise PipelineError(f"The default branch has no {FILE}, so nothing is signed. Next: ./run sign --new-key, if there is no key yet.")
    try:
        verify_signature(signature, signers)
    except Unsigned as error:
        raise PipelineError(
            f"{error} Nothing was stored. Next: merge the line of the new key, then sign again: on GitHub *Re-run failed jobs*."
        ) from error


def make_key(root: Path) -> None:
    """Make a pair of keys: the private half goes to GitHub and is kept nowhere else, the public one into the file. Raises PipelineError."""
    comment = f"{root.name}, {datetime.now(UTC):%Y-%m-%d}".replace(" ", "-")
    with tempfile.TemporaryDirectory() as folder:
        private = Path(folder, "key")
        run_program(root, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)])
        run_program(root, ["gh", "secret", "set", KEY, "--env", ENVIRONMENT], private.read_text(encoding="utf-8"))
        public = private.with_suffix(".pub").read_text(encoding="utf-8").strip()
    add_line(root / FILE, f'{SIGNER} namespaces="{NAMESPACE}" {public}')
    line(
        f"{FILE} has one more line, and the secret {KEY} of `{ENVIRONMENT}` has the key that belongs to it. Once the file is on the "
        "default branch, releases are signed, and others are rejected. If releases were signed before, the job `sign` fails until then; "
        "afterwards, *Re-run failed jobs*. "
        f"Next: git switch -c signed && git add {FILE} && git commit -m 'Releases are signed'"
    )


def add_line(path: Path, text: str) -> None:
    """Write one more line at the end of a file, which need not be there, nor end its last line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.write_text("\n".join([*lines, text, ""]), encoding="utf-8")


def run_program(root: Path, words: list[str], text: str = "") -> None:
    """Run a program on a text. Raises PipelineError with what it said."""
    try:
        done = subprocess.run(words, cwd=root, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError(f"There is no `{words[0]}` on this machine. Nothing was stored. Next: install it.") from error
    if done.returncode:
        raise PipelineError(f"{' '.join(words[:3])} failed: {done.stderr.strip()}. Nothing was stored. Next: ./run doctor --fix.")
