"""GitHub's attestations: where a registry has one of an image, `gh` has to find that the default branch's merge workflow made it."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway import git
from slipway.errors import PipelineError
from slipway.operate import stored_images
from slipway.operate.chain import Deployment
from slipway.operate.stored_images import Registry
from slipway.project import Project
from slipway.say import line, one_line, report_warning

WORKFLOW = "train-validate-build-push"
# Sigstore's public keys, as `gh attestation trusted-root` prints them. Where the default branch has no such file, gh fetches them.
ROOT = ".github/trusted_root.jsonl"
# https://github.com/sigstore/protobuf-specs; and what says which workflow made an image, and of which commit.
BUNDLE, PROVENANCE = "application/vnd.dev.sigstore.bundle", "https://slsa.dev/provenance/v1"
SECONDS, GH_SECONDS, LONGEST = 5, 60, 400
QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}
INSTALL = "https://cli.github.com"


class Unattested(PipelineError):
    """GitHub's attestation of a release does not hold."""


class Unverified(Exception):
    """It is not known whether it holds, and why."""


@dataclass(frozen=True)
class Attested:
    """The manifest of an image, whose hash is the image's digest, and the bundles that are attached to it."""

    manifest: bytes
    bundles: tuple[bytes, ...]


def fetch_attested(project: Project, digest: str) -> Attested | None:
    """Return what a registry has of Sigstore's for a release, None where that is nothing. Raises PipelineError."""
    if not project.as_image:
        return None
    with stored_images.open_registry(project.image_name, SECONDS) as registry:
        try:
            found = [each["digest"] for each in registry.list_attached(digest) if str(each.get("artifactType")).startswith(BUNDLE)]
            if not found:
                return None
            return Attested(registry.fetch_content("manifests", digest), tuple(_fetch_bundle(registry, each) for each in found))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise PipelineError(f"The list of {registry.host} for {digest} cannot be read: {error!r}. Next: ./run doctor.") from error


def _fetch_bundle(registry: Registry, digest: str) -> bytes:
    return registry.fetch_content("blobs", json.loads(registry.fetch_content("manifests", digest))["layers"][0]["digest"])


def refuse_unattested(project: Project, new: Deployment, find: Callable[[], Attested | None]) -> None:
    """Raise Unattested where a release has an attestation that does not hold. It need not have one: then its signature alone counts."""
    github = git.find_github(project.root)
    try:
        attested = find()
    except PipelineError as error:
        if github:  # elsewhere there are none
            line(f"whether GitHub attests {new.tag} is not known: {error}")
        return
    if attested is None:
        return
    try:
        verify_attested(project.root, new, attested, github)
    except Unverified as error:
        report_warning(f"GitHub's attestation of {new.tag} was not verified, so only its signature counts: {error}")


def verify_attested(root: Path, new: Deployment, attested: Attested, github: str) -> None:
    """Have `gh` verify an attestation. Raises Unattested where it does not hold, Unverified where gh cannot."""
    branch = git.name_default_branch(root)
    if not github or not branch:
        raise Unverified("the name of the repository on github.com is not known. Next: git remote -v; or set GITHUB_REPOSITORY=OWNER/NAME.")
    with tempfile.TemporaryDirectory() as folder:
        why = _explain_failure(_run_gh([*_write_files(Path(folder), root, attested), *_require(new, github, branch)]))
    if why.startswith(("unknown flag", "unknown command")):
        raise Unverified(f"this `gh` does not know how ({why}). Next: install a newer one, {INSTALL}.")
    if why:
        raise Unattested(
            f"{new.tag}, {new.digest[:19]}, may not be deployed: GitHub's attestation of it does not hold: {one_line(why, LONGEST)}. "
            f"Nothing was deployed; --approved-by does not help. Next: on GitHub *Re-run all jobs* of {WORKFLOW} for {new.commit[:12]}. "
            f"Where Sigstore's keys cannot be fetched from here: gh attestation trusted-root > {ROOT}, and merge that."
        )
    line(f"GitHub attests {new.tag}: {WORKFLOW} made it of {new.commit[:12]} on {branch}")


def _explain_failure(done: subprocess.CompletedProcess[str]) -> str:
    """Return why nothing was verified, empty where gh lists what was: some versions end with 0 where no attestation is of the kind."""
    if done.returncode == 0 and done.stdout.lstrip().startswith("[{"):
        return ""
    said = [each.removeprefix("Error: ") for each in done.stderr.splitlines() if each.strip()]
    unknown = [each for each in said if each.startswith("unknown ")]
    return (unknown or said[-1:] or ["gh lists none that does"])[0]


def _write_files(folder: Path, root: Path, attested: Attested) -> list[str]:
    """Write what gh reads, so that it asks neither the registry nor GitHub, and return the words that name it."""
    manifest, bundles, keys = (folder / name for name in ("manifest.json", "bundles.jsonl", "root.jsonl"))
    manifest.write_bytes(attested.manifest)
    bundles.write_bytes(b"\n".join(attested.bundles))
    words = [str(manifest), "--bundle", str(bundles)]
    commit = git.find_commit(root, git.find_default_branch(root))
    if git.has_file(root, commit, ROOT):
        keys.write_bytes(git.read_file(root, commit, ROOT))
        words += ["--custom-trusted-root", str(keys)]
    return words


def _require(new: Deployment, github: str, branch: str) -> list[str]:
    """Return the words for what an attestation has to name: https://cli.github.com/manual/gh_attestation_verify."""
    workflow = f"https://github.com/{github}/.github/workflows/{WORKFLOW}.yml@refs/heads/{branch}"
    return [
        # Of the name that a person cloned by, the case may be another.
        *("--hostname", "github.com", "--repo", github, "--cert-identity-regex", f"(?i)^{re.escape(workflow)}$"),
        *("--source-ref", f"refs/heads/{branch}", "--source-digest", new.commit, "--predicate-type", PROVENANCE, "--format", "json"),
    ]


def _run_gh(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `gh attestation verify`. Raises Unverified where there is no gh."""
    command, environment = ["gh", "attestation", "verify", *words], {**os.environ, **QUIET}
    try:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=GH_SECONDS
        )
    except FileNotFoundError as error:
        raise Unverified(f"there is no `gh` on this machine. Next: install it, {INSTALL}.") from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"gh did not end within {GH_SECONDS} s")
