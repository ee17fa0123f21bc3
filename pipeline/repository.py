"""What git says of the checkout."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import PipelineError
from service.manifest import sha256


def git(root: Path, *arguments: str, given: str | None = None, **variables: str) -> str:
    """Run git in a folder, with what it reads and variables of its environment, and return what it prints. Raises PipelineError."""
    command, environment = ["git", "-C", str(root), *arguments], {**os.environ, **variables}
    try:
        done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise PipelineError("There is no git on this machine, and a release is named by its commit. Install git and try again.") from error
    except subprocess.CalledProcessError as error:
        raise PipelineError(f"git {' '.join(arguments)} failed: {error.stderr.strip()}") from error
    return done.stdout.rstrip()  # the first columns of `git status` mean something


def head(root: Path) -> str:
    """Return the commit that is checked out. Raises PipelineError outside a repository or before its first commit."""
    try:
        return git(root, "rev-parse", "--verify", "HEAD")
    except PipelineError as error:
        raise PipelineError(f"{root} is not a git repository with a commit. Next: git init -b main, git add . and git commit.") from error


def committed_at(root: Path) -> str:
    """Return when the commit that is checked out was made, in UTC."""
    return datetime.fromtimestamp(int(git(root, "show", "--no-patch", "--format=%ct", "HEAD")), UTC).isoformat()


def changes(root: Path, besides: Path | None = None) -> list[str]:
    """Return the names of changed and new files that git does not ignore, `besides` a new one that git was not told of."""
    each_file = ["--untracked-files=all"] if besides else []
    told = git(root, "status", "--porcelain", "-z", "--no-renames", *each_file).split("\0")
    apart = besides.resolve() if besides else None
    return [each[3:] for each in told if each and not (each.startswith("??") and (root / each[3:]).resolve() == apart)]


def refuse_changes(root: Path, verb: str, besides: Path | None = None) -> None:
    """Raise PipelineError where there are uncommitted changes, `besides` a new file: what ran could then not be found again."""
    if changed := changes(root, besides):
        some = ", ".join(changed[:5]) + (" …" if len(changed) > 5 else "")
        raise PipelineError(f"{verb} wants a clean tree, and these files are not committed: {some}. Next: git commit, or git stash.")


def commit_of(root: Path, tag: str) -> str:
    """Return the commit of a tag. Raises PipelineError with the tags that exist."""
    tags = git(root, "tag", "--sort=-creatordate").splitlines()
    if tag not in tags:
        known = f"Known, newest first: {', '.join(tags[:10])}." if tags else "There are no tags."
        raise PipelineError(f"There is no tag {tag!r}. {known} Next: git fetch --tags, or git tag {tag or 'v1.0.0'} to make it.")
    return git(root, "rev-parse", "--verify", f"refs/tags/{tag}^{{commit}}")


def commit_named(root: Path, ref: str) -> str:
    """Return the commit of a branch, a tag or a commit's name. Raises PipelineError."""
    try:
        return git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    except PipelineError as error:
        raise PipelineError(
            f"git knows no {ref!r}. Expected: a branch, tag or commit. Next: git fetch origin, or git branch --all."
        ) from error


def default_branch(root: Path) -> str:
    """Return the branch whose rules hold: the remote's default branch, or `main` where there is no remote; empty where neither is there."""
    for name in ("origin/HEAD", "origin/main", "main"):
        if git(root, "for-each-ref", "--format=%(refname)", f"refs/remotes/{name}", f"refs/heads/{name}"):
            return name
    return ""


def hashes(root: Path, ref: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the sha256 of files as they are in a git ref. Raises PipelineError."""
    commit = commit_named(root, ref)
    return tuple(sha256(show(root, commit, name)) for name in names)


def show(root: Path, commit: str, name: str) -> bytes:
    """Return a file of a commit. Raises PipelineError."""
    try:
        return subprocess.run(["git", "-C", str(root), "show", f"{commit}:{name}"], capture_output=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        raise PipelineError(f"git has no {name} in {commit[:12]}: {error.stderr.decode().strip()}. Next: give another --rules.") from error


def blob(root: Path, name: str) -> str | None:
    """Return git's hash of a file in the commit that is checked out, None where it is not in it. Raises PipelineError."""
    found = git(root, "ls-tree", "HEAD", "--", name)
    return found.split()[2] if found else None


def branch(root: Path) -> str:
    """Return the branch that is checked out, or the commit where none is."""
    name = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    return head(root) if name == "HEAD" else name


@contextmanager
def branched(root: Path, name: str) -> Iterator[None]:
    """Work on a new branch, from a tree without changes. Where that fails, all is as it was before. Raises PipelineError."""
    before = branch(root)
    if git(root, "for-each-ref", f"refs/heads/{name}"):
        raise PipelineError(f"There is a branch {name} already. Next: git switch {name}; or git branch -D {name}, to begin anew.")
    git(root, "switch", "--quiet", "--create", name)
    try:
        yield
    except BaseException:
        git(root, "checkout", "--quiet", "--force", before)
        git(root, "branch", "--quiet", "-D", name)
        raise
