"""Run git on the checkout, whatever the user's settings, also where the project is a folder of a larger repository."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from slipway.errors import PipelineError
from slipway.serving.manifest import sha256

# Set while git runs a hook or a rebase, or by hand: git would then look at, or write to, another repository than the one here.
FOREIGN = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"),
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
)
# For what is compared: as git itself does it, with names from the folder that it runs in.
AS_GIT = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
PLAIN = ("-c", "diff.autoRefreshIndex=true")
NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
REMOTE = re.compile(r"(?:https://(?:[^/@]+@)?|ssh://git@|git@)(?P<host>[^/:]+)[/:](?P<name>[^/]+/[^/]+?)(?:\.git)?/?")


class Unreadable(PipelineError):
    """There is no repository that git would read."""


def run_git(root: Path, *arguments: str, stdin: str | None = None, **variables: str) -> str:
    """Run git in a folder, with what it reads and variables of its environment, and return what it prints. Raises PipelineError."""
    printed = read_bytes(root, arguments, stdin.encode() if stdin is not None else None, variables)
    return os.fsdecode(printed).rstrip()  # the first columns of `git status` mean something


def read_bytes(root: Path, arguments: Sequence[str], stdin: bytes | None = None, variables: dict[str, str] | None = None) -> bytes:
    """Run git in a folder and return what it prints. Raises PipelineError with git's own reason."""
    done = try_git(root, arguments, stdin, variables)
    if done.returncode:
        raise _explain_failure(root, arguments, done.stderr.decode(errors="replace").strip())
    return done.stdout


def try_git(
    root: Path, arguments: Sequence[str], stdin: bytes | None = None, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, however that ends. Raises PipelineError where there is no git."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN} | {"LANGUAGE": "C"} | (variables or {})
    try:
        return subprocess.run(["git", "-C", str(root), *PLAIN, *arguments], input=stdin, env=environment, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError(
            "There is no git on this machine, and a release is named by its commit. Next: install git, then try again."
        ) from error


def _explain_failure(root: Path, arguments: Sequence[str], reason: str) -> PipelineError:
    """Return what to raise for git's own reason: with the next step where it concerns the whole repository."""
    first = reason.splitlines()[0].removeprefix("fatal: ").rstrip(".") if reason else "it printed no reason"
    if "dubious ownership" in reason:
        return Unreadable(
            f"git does not read the repository of {root}: {first}. The files are another user's, as in a container or on a runner, "
            f"and git may run what is in them. Next: "
            f"git config --global --add safe.directory {shlex.quote(_parse_owned(reason) or str(root))}"
        )
    if "not a git repository: " in reason:  # a worktree, or a submodule, whose repository was moved
        return Unreadable(f"git does not find the repository of {root}: {first}. Next: in the repository's new place, git worktree repair.")
    if "not a git repository" in reason:
        return Unreadable(f"{root} is not a git repository: {first}. Next: git init -b main, git add . and git commit.")
    return PipelineError(f"git {' '.join(arguments)} failed: {reason or first}")


def _parse_owned(reason: str) -> str:
    return reason.partition("repository at '")[2].partition("'\n")[0].removesuffix("'")


def read_head(root: Path) -> str:
    """Return the commit that is checked out. Raises PipelineError outside a repository, before its first commit, and where it is broken."""
    try:
        return run_git(root, "rev-parse", "--verify", "HEAD^{commit}")
    except Unreadable:
        raise
    except PipelineError as error:
        if _is_unborn(root):
            raise PipelineError(f"The git repository of {root} has no commit yet. Next: git add . and git commit.") from error
        raise PipelineError(
            f"git cannot read the commit that is checked out in {root}: {error}. Next: git fsck, or clone the repository again."
        ) from error


def _is_unborn(root: Path) -> bool:
    """Tell whether the branch that is checked out has no commit yet, not even one that cannot be read."""
    try:
        name = run_git(root, "symbolic-ref", "--quiet", "HEAD")
        kept = Path(run_git(root, "rev-parse", "--git-path", name))
        return not (root / kept).exists() and not run_git(root, "for-each-ref", name)
    except PipelineError:
        return False


def read_prefix(root: Path) -> str:
    """Return the folder that the project is of its repository, with a slash at its end; empty where it is all of it."""
    return os.fsdecode(read_bytes(root, ["rev-parse", "--show-prefix"])).removesuffix("\n")


def read_top(root: Path) -> Path:
    """Return the folder of the whole repository."""
    return Path(os.fsdecode(read_bytes(root, ["rev-parse", "--show-toplevel"])).removesuffix("\n"))


def read_commit_time(root: Path) -> str:
    """Return when the commit that is checked out was made, in UTC."""
    return datetime.fromtimestamp(int(run_git(root, "rev-list", "--timestamp", "--max-count=1", "HEAD").split()[0]), UTC).isoformat()


def list_changes(root: Path, besides: Path | None = None) -> list[str]:
    """Return the names of changed and new files of the project that git does not ignore, `besides` a new one that git was not told of."""
    untracked = f"--untracked-files={'all' if besides else 'normal'}"
    entries = run_git(root, "status", "--porcelain", "-z", "--no-renames", untracked, "--", ".").split("\0")
    apart, folder = besides.resolve() if besides else None, read_prefix(root)
    found = [(each[:2], each[3:].removeprefix(folder) or ".") for each in entries if each]
    return [name for state, name in found if not (state == "??" and (root / name).resolve() == apart)]


def refuse_changes(root: Path, verb: str, besides: Path | None = None) -> None:
    """Raise PipelineError where there are uncommitted changes, `besides` a new file: what ran could then not be found again."""
    if changed := list_changes(root, besides):
        some = ", ".join(changed[:5]) + (" …" if len(changed) > 5 else "")
        raise PipelineError(
            f"{verb} needs a clean working tree, and these files are not committed: {some}. Next: git commit, or git stash."
        )


def list_altered(root: Path, commit: str, names: Sequence[str]) -> list[str]:
    """Return which of some files of the project differ from those of a commit."""
    return [each for each in run_git(root, "diff", *AS_GIT, "--name-only", "--relative", "-z", commit, "--", *names).split("\0") if each]


def find_tag_commit(root: Path, tag: str) -> str:
    """Return the commit of a tag. Raises PipelineError with the tags that exist."""
    tags = run_git(root, "for-each-ref", "--sort=-creatordate", "--format=%(refname:strip=2)", "refs/tags").splitlines()
    if tag not in tags:
        listed = f"Known, newest first: {', '.join(tags[:10])}." if tags else "There are no tags."
        raise PipelineError(f"There is no tag {tag!r}. {listed} Next: git fetch --tags, or git tag {tag or 'v1.0.0'} to make it.")
    return run_git(root, "rev-parse", "--verify", f"refs/tags/{tag}^{{commit}}")


def list_tagged(root: Path) -> set[str]:
    """Return the commits that have a tag."""
    return set(run_git(root, "for-each-ref", "--format=%(objectname) %(*objectname)", "refs/tags").split())


def select_known(root: Path, commits: Collection[str]) -> set[str]:
    """Return those of some commits that the repository has."""
    found = run_git(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin="".join(f"{each}\n" for each in sorted(commits)))
    return {each.partition(" ")[0] for each in found.splitlines() if each.endswith(" commit")}


def find_release(root: Path, name: str, commits: bool) -> tuple[str, str]:
    """Return the name that a release is deployed under, and its commit: of a tag, or of any commit where those are taken, too.

    Raises PipelineError.
    """
    if not commits:
        return name, find_tag_commit(root, name)
    commit = find_commit(root, name)
    return (commit[:12] if commit.startswith(name) else name), commit


def find_commit(root: Path, ref: str) -> str:
    """Return the commit of a branch, a tag or a commit's name. Raises PipelineError."""
    try:
        return run_git(root, "rev-parse", "--verify", "--end-of-options", f"{_find_branch(root, ref) or ref}^{{commit}}")
    except Unreadable:
        raise
    except PipelineError as error:
        raise PipelineError(
            f"git knows no {ref!r}. Expected: a branch, tag or commit. Next: git fetch origin, or git branch --all."
        ) from error


def _find_branch(root: Path, name: str) -> str:
    """Return a branch's name in full, empty where there is none. Git takes a tag first: who pushes one, `origin/main`, would decide."""
    full = [f"refs/remotes/{name}", f"refs/heads/{name}"]
    there = run_git(root, "for-each-ref", "--format=%(refname)", *full).splitlines()
    return next((each for each in full if each in there), "")


def find_default_branch(root: Path) -> str:
    """Return the branch whose rules hold: the remote's default branch, or `main` where there is no remote; empty where neither is there.

    A workflow's checkout does not have `origin/HEAD`; there the CI names the branch, and another that is called `main` does not count.
    """
    named = _read_default_name()
    for name in (*([f"origin/{named}"] if named else []), "origin/HEAD", "origin/main", "main"):
        if run_git(root, "for-each-ref", "--format=%(refname)", f"refs/remotes/{name}", f"refs/heads/{name}"):
            return name
    return ""


def _read_default_name() -> str:
    """Return the default branch's name as GitHub's event, or GitLab, has it; empty elsewhere."""
    try:
        event = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
        return str(event["repository"]["default_branch"])
    except (OSError, ValueError, KeyError, TypeError):
        return os.environ.get("CI_DEFAULT_BRANCH", "")


def name_default_branch(root: Path) -> str:
    """Return what the remote calls its default branch, such as `main`; empty where that is not known."""
    name = find_default_branch(root)
    full = run_git(root, "rev-parse", "--symbolic-full-name", f"refs/remotes/{name}") if name.startswith("origin/") else name
    return full.removeprefix("refs/remotes/origin/")


def find_github(root: Path) -> str:
    """Return OWNER/NAME of the repository on github.com: this workflow's, or the remote's; empty where it is elsewhere, or not known."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return name if os.environ.get("GITHUB_SERVER_URL", "https://github.com") == "https://github.com" else ""
    return parse_github(os.fsdecode(try_git(root, ["remote", "get-url", "origin"]).stdout).strip())


def parse_github(url: str) -> str:
    """Return OWNER/NAME of the address of a repository on github.com, empty for any other."""
    found = REMOTE.fullmatch(url)
    return found["name"] if found and found["host"] == "github.com" else ""


def is_shallow(root: Path) -> bool:
    """Tell whether a checkout has only a part of the history."""
    return run_git(root, "rev-parse", "--is-shallow-repository") == "true"


def is_ancestor(root: Path, older: str, newer: str) -> bool:
    """Tell whether a commit comes before another, or is the same."""
    return try_git(root, ["merge-base", "--is-ancestor", older, newer]).returncode == 0


def hash_files(root: Path, ref: str, names: Sequence[str]) -> tuple[str | None, ...]:
    """Return the sha256 of files of the project as they are in a git ref, None of one that it does not have. Raises PipelineError."""
    commit = find_commit(root, ref)
    return tuple(sha256(read_file(root, commit, name)) if has_file(root, commit, name) else None for name in names)


def has_file(root: Path, commit: str, name: str) -> bool:
    """Tell whether a commit has a file of the project."""
    return bool(run_git(root, "ls-tree", "--name-only", commit, "--", name))


def read_file(root: Path, commit: str, name: str) -> bytes:
    """Return a file of the project as it is in a commit. Raises PipelineError."""
    try:
        return read_bytes(root, ["cat-file", "blob", f"{commit}:./{name}"])
    except Unreadable:
        raise
    except PipelineError as error:
        raise PipelineError(f"git has no {read_prefix(root)}{name} in {commit[:12]}: {error}. Next: give another --rules.") from error


def read_first(root: Path, name: str) -> bytes:
    """Return a file as the first commit that had it. Raises PipelineError where none did."""
    commits = run_git(root, "log", "--diff-filter=A", "--format=%H", "--", name).split()
    if not commits:
        raise PipelineError(f"{name} was never committed. Next: git add {name} && git commit.")
    return read_file(root, commits[-1], name)


def read_blob_hash(root: Path, name: str) -> str | None:
    """Return git's hash of a file in the commit that is checked out, None where it is not in it. Raises PipelineError."""
    found = run_git(root, "ls-tree", "HEAD", "--", name)
    return found.split()[2] if found else None


def read_branch(root: Path) -> str:
    """Return the branch that is checked out, or the commit where none is."""
    commit = read_head(root)
    try:
        return run_git(root, "symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
    except PipelineError:
        return commit


@contextmanager
def work_on_branch(root: Path, name: str) -> Iterator[None]:
    """Work on a new branch, from a tree without changes. Where that fails, all is as it was before. Raises PipelineError."""
    before = read_branch(root)
    if run_git(root, "for-each-ref", f"refs/heads/{name}"):
        raise PipelineError(f"There is already a branch {name}. Next: git switch {name}; or git branch -D {name}, to start again.")
    try:
        run_git(root, "switch", "--quiet", "--create", name)  # a hook that fails ends it after the switch
        yield
    except BaseException:
        # Of the project's own files alone: beside it there may be other people's work.
        run_git(root, *NO_HOOKS, "restore", "--quiet", "--source=HEAD", "--staged", "--worktree", "--", ".")
        run_git(root, *NO_HOOKS, "checkout", "--quiet", before)
        if run_git(root, "for-each-ref", f"refs/heads/{name}"):
            run_git(root, "branch", "--quiet", "-D", name)
        raise
