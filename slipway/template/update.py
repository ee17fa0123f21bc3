"""Bring what the template changed since onto a branch of its own: a three-way patch, made and shown by git."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from slipway import git
from slipway.errors import PipelineError, UpdateFails
from slipway.git import run_git
from slipway.project import Project
from slipway.say import line
from slipway.template import LIBRARY, source
from slipway.template.changelog import CHANGELOG, describe_new
from slipway.template.source import OWNED

# What was written with the project's name once, and is the owner's text since: where git finds it in the template.
RENDERED = (":(top,glob)*cookiecutter*/README.md", ":(top,glob)*cookiecutter*/.github/CODEOWNERS")


def update(project: Project, to: str, no_test: bool) -> None:
    """Patch a project with what changed between the template's version that it has and another. Raises PipelineError."""
    root = project.root
    git.refuse_changes(root, "update")
    template = source.read_template(root)
    with source.fetch_tags(root, template) as tags:
        tag = to or source.choose_newest(tags, template)
        old, new = source.resolve_version(root, tags, template), source.resolve_tag(root, tag, tags, template)
        if old == new or (not to and run_git(root, "rev-list", "--count", f"{old}..{new}") == "0"):
            line(f"Nothing to update: the project has {template.version} of {template.url}, and {tag} has nothing newer.")
            return
        branch = f"update-{tag}"
        _refuse_branch(root, branch)
        source.refuse_foreign(root, {template.version: old, tag: new})
        removed, kept = source.find_withdrawn(root, old, new)
        news = describe_new(source.read_changelog(root, old), source.read_changelog(root, new))
        done = _apply(root, _store_patch(root, template.version, old, tag, new, kept, news), branch)
    run_git(root, "switch", "--quiet", "--create", branch, done)
    line(f"{template.url}: {template.version} -> {tag}\n{run_git(root, 'diff', *git.AS_GIT, '--stat', 'HEAD~', 'HEAD')}")
    line(_describe_owned(root, old, new))
    if edits := _describe_edits(root, old):
        line(edits)
    _report_withdrawn(removed, kept, new)
    if news:
        line(f"What {CHANGELOG} of the template says of the versions since {template.version}:\n\n{news}\n")
    if not no_test:
        _run_tests(root, branch)
    line(f"Done, as one commit on the branch {branch}. Next: git show, then git push -u origin {branch} and a pull request.")


def _refuse_branch(root: Path, branch: str) -> None:
    if run_git(root, "for-each-ref", "--format=%(refname)", f"refs/heads/{branch}"):
        raise PipelineError(f"There is a branch {branch} already. Next: git switch {branch} and continue there, or git branch -D {branch}.")


def _report_withdrawn(removed: list[str], kept: list[str], new: str) -> None:
    if removed:
        line(f"Only in the template from now on: {', '.join(removed)}\nTo read one: git show {new[:12]}:{removed[0]}")
    if kept:
        line(f"Only in the template from now on, but kept because you have edited them: {', '.join(kept)}")


def _store_patch(root: Path, had: str, old: str, tag: str, new: str, kept: list[str], news: str) -> str:
    """Store the change of what a project receives from the template as a commit that says what is new, and return that."""
    before, after = source.store_tree(root, old, had, had, kept), source.store_tree(root, new, had, tag, kept)
    base = run_git(root, "commit-tree", before, "-m", f"Template {had}")
    return run_git(root, "commit-tree", after, "-p", base, "-m", f"Update from the template, {had} to {tag}\n\n{news}".rstrip())


def _apply(root: Path, change: str, branch: str) -> str:
    """Apply a commit to what is checked out, in a folder apart, and return the result."""
    with tempfile.TemporaryDirectory() as folder:
        apart = Path(folder) / root.name
        run_git(root, *git.NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(apart))
        try:
            picked = git.try_git(apart, ["cherry-pick", change])
            if picked.returncode:
                _refuse_conflict(picked, run_git(apart, "diff", "--no-ext-diff", "--no-color"), change, branch)
            return run_git(apart, "rev-parse", "HEAD")
        finally:
            run_git(root, "worktree", "remove", "--force", str(apart))


def _refuse_conflict(picked: subprocess.CompletedProcess[bytes], conflicts: str, change: str, branch: str) -> NoReturn:
    if not conflicts:
        raise PipelineError(
            f"git could not do it, and nothing was changed: {os.fsdecode(picked.stderr).strip()}. Next: fix that, then ./run update."
        )
    line(f"{os.fsdecode(picked.stdout)}\n{conflicts}\n")
    raise PipelineError(
        "The template and you have changed the same lines, as shown above. Nothing was changed. Next, to merge by hand: "
        f"git switch -c {branch}, git cherry-pick {change[:12]}, edit the files that git names, git add them, "
        "git cherry-pick --continue, ./run test."
    )


def _describe_owned(root: Path, old: str, new: str) -> str:
    """Name what the template changed in files that are the owner's, and how to see it."""
    places = [*(f":(top){name}" for name in OWNED), *RENDERED]
    found = run_git(root, "diff", *git.AS_GIT, "--name-only", "--no-relative", "-z", old, new, "--", *places)
    if not (names := [each for each in found.split("\0") if each]):
        return "The template changed none of the files that are yours."
    listed = ", ".join(name.rpartition("}}/")[2] for name in names)
    return f"Yours, and not touched, although the template has changed its own: {listed}\nTo see these changes: " + shlex.join(
        ["git", "diff", old[:12], new[:12], "--", *(f":/{name}" if git.read_prefix(root) else name for name in names)]
    )


def _describe_edits(root: Path, old: str) -> str | None:
    """Name the files of the library that were edited here, and how to see what is gone with the update; None where none was."""
    had, here = source.list_library(root, old), source.list_library(root, "HEAD~:./")
    if not had or had == here:
        return None
    names = ", ".join(sorted({path for path, _ in had.items() ^ here.items()}))
    diff = shlex.join(["git", "diff", f"{old[:12]}:{LIBRARY}", f"{run_git(root, 'rev-parse', 'HEAD~')[:12]}:./{LIBRARY}"])
    return f"Edited here, and replaced, since {LIBRARY}/ belongs to the template: {names}\nTo see your edits: {diff}"


def _run_tests(root: Path, branch: str) -> None:
    # By the Python that the environments are made from: the locks, and with them the environment, may be others now.
    python: str = sys._base_executable  # type: ignore[attr-defined]
    line("./run test")
    if subprocess.run([python, str(root / "run"), "test"], cwd=root, check=False).returncode:
        raise UpdateFails(
            f"The update is on the branch {branch}, but the tests fail there. Next: fix that there, git commit, ./run test; "
            f"or leave it: git switch -, git branch -D {branch}."
        )
