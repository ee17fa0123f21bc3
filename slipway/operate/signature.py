"""Whose image may serve: what the merge workflow judged is signed with OpenSSH, and a deploy asks the default branch whose keys hold."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slipway import git
from slipway.errors import PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.targets import Target
from slipway.project import PRODUCTION, Project
from slipway.say import line
from slipway.serving.manifest import canonical, sha256

# The public halves. A project that has no such file on its default branch signs nothing; an empty one lets nothing in.
FILE = ".github/allowed_signers"
# In a line of that file: who signs, and what the key may sign.
SIGNER, NAMESPACE = "release", "slipway-release"
# So a person's ssh asks nobody for a passphrase, and reads no agent.
APART = {"SSH_ASKPASS_REQUIRE": "never", "SSH_AUTH_SOCK": ""}


class Unsigned(PipelineError):
    """A release carries no signature that holds."""


@dataclass(frozen=True)
class Signature:
    """What was signed, and its signature as `ssh-keygen` writes it."""

    statement: bytes
    armored: bytes

    def dump(self) -> bytes:
        """Return it as it is stored."""
        return canonical({"signature": self.armored.decode(), "statement": self.statement.decode()})


def parse_signature(stored: bytes) -> Signature:
    """Read what `Signature.dump` wrote. Raises Unsigned for anything else."""
    try:
        found = json.loads(stored)
        return Signature(found["statement"].encode(), found["signature"].encode())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unsigned(f"The stored signature is not a signature: {error!r}.") from error


def build_statement(digest: str, commit: str, manifest_sha256: str, files: Path) -> bytes:
    """Return what is signed of a release."""
    verdict = sha256((files / "gate.json").read_bytes())
    return canonical({"commit": commit, "digest": digest, "manifest_sha256": manifest_sha256, "verdict_sha256": verdict})


def read_signers(root: Path) -> bytes | None:
    """Return the keys that the default branch allows, whatever is checked out; None where the project signs nothing."""
    commit = git.find_commit(root, git.find_default_branch(root) or "HEAD")
    return git.read_file(root, commit, FILE) if git.has_file(root, commit, FILE) else None


def refuse_unsigned(project: Project, target: Target, new: Deployment, files: Path, live: Deployment | None) -> None:
    """Raise Unsigned unless a signature of what a release is holds by the default branch's keys; print it where nothing is signed.

    A rollback needs none: it goes to what was proven here, which the target's own history says.
    """
    signers = read_signers(project.root)
    if signers is None:
        line(f"nothing is signed: the default branch has no {FILE}. Next: ./run doctor --fix makes a key.")
        return
    stored = target.read_signature(new.digest)
    try:
        if stored is None:
            raise Unsigned("It has no signature.")
        found = parse_signature(stored)
        verify_signature(found, signers)
        refuse_another(found.statement, build_statement(new.digest, new.commit, new.manifest_sha256, files))
    except Unsigned as error:
        raise Unsigned(
            f"{new.tag}, {new.digest[:19]}, may not be deployed: {error} Nothing was deployed, and --approved-by does not help. "
            f"Next: on GitHub *Re-run all jobs* of train-validate-build-push for {new.commit[:12]}, which builds and signs it. If that "
            f"commit is older than {FILE}, merge once more and tag that. On another CI: run the job that pushes again, then ./run sign."
        ) from error
    if project.environment == PRODUCTION:
        refuse_older(project.root, new, live)


def is_signed(signers: bytes, stored: bytes | None, digest: str, commit: str) -> bool:
    """Tell whether a signature holds, and is of this digest and commit."""
    try:
        found = parse_signature(stored or b"")
        verify_signature(found, signers)
    except Unsigned:
        return False
    said = json.loads(found.statement)
    return (said["digest"], said["commit"]) == (digest, commit)


def refuse_another(signed: bytes, wanted: bytes) -> None:
    """Raise Unsigned where what was signed is another release, with what differs."""
    if signed != wanted:
        there, here = json.loads(signed), json.loads(wanted)
        reasons = [f"{name} {value}, and this has {here.get(name)}" for name, value in there.items() if value != here.get(name)]
        raise Unsigned(f"Its signature belongs to another release: it names {'; '.join(reasons)}.")


def refuse_older(root: Path, new: Deployment, live: Deployment | None) -> None:
    """Raise PipelineError where the live release was made from a later commit: a signature does not grow old."""
    if live is None or live.commit == new.commit:
        return
    if not git.select_known(root, [live.commit]) or git.is_shallow(root):
        raise PipelineError(
            f"It is not known whether {new.tag} is older than {live.tag}, which is live: this checkout does not have the whole history. "
            "Nothing was deployed. Next: git fetch --tags origin; in a shallow checkout git fetch --unshallow."
        )
    if git.is_ancestor(root, new.commit, live.commit):
        raise PipelineError(
            f"{new.tag} is older than {live.tag}, which is live: its commit {new.commit[:12]} comes before {live.commit[:12]}. Nothing "
            "was deployed. Next: if it was live here, ./run rollback --to TAG; otherwise git revert, and merge that."
        )


# OpenSSH: https://man.openbsd.org/ssh-keygen#Y_sign


def verify_signature(signature: Signature, signers: bytes) -> None:
    """Raise Unsigned where a signature holds by none of the keys that are allowed now."""
    with tempfile.TemporaryDirectory() as folder:
        allowed, armored = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_bytes(signers)
        armored.write_bytes(signature.armored)
        words = ["verify", "-f", str(allowed), "-I", SIGNER, "-n", NAMESPACE, "-s", str(armored)]
        done = run_keygen(words, signature.statement)
    if done.returncode:
        reason = (done.stderr + done.stdout).decode(errors="replace").strip().replace("\r", "").partition("\n")[0].rstrip(".")
        raise Unsigned(f"Its signature was not made by a key that {FILE} of the default branch allows now ({reason}).")


def make_signature(statement: bytes, key: str) -> Signature:
    """Sign with a private key. Raises PipelineError, which does not quote the key."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "key")
        path.touch(mode=0o600)
        path.write_text("\n".join(key.strip().splitlines()) + "\n", encoding="utf-8")
        done = run_keygen(["sign", "-q", "-f", str(path), "-n", NAMESPACE], statement)
    if done.returncode:
        raise PipelineError(
            "SIGNING_KEY cannot sign: it is not a private OpenSSH key without a passphrase. Nothing was signed. "
            "Next: ./run sign --new-key makes one, and stores it."
        )
    return Signature(statement, done.stdout)


def run_keygen(words: list[str], text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `ssh-keygen -Y`. Raises PipelineError where there is none."""
    try:
        # A session of its own has no terminal, on which it would ask for a passphrase.
        return subprocess.run(
            ["ssh-keygen", "-Y", *words], input=text, env={**os.environ, **APART}, capture_output=True, check=False, start_new_session=True
        )
    except FileNotFoundError as error:
        raise PipelineError(
            "There is no `ssh-keygen` on this machine, and it makes and checks signatures. Next: install OpenSSH, such as with "
            "apt-get install openssh-client."
        ) from error
