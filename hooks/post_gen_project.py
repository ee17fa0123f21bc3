"""Make the project a git repository with a first commit. Whatever git says, the project stays."""

import os
import shutil
import subprocess
from pathlib import Path

MESSAGE = "Start from the Slipway template"
# Set while git runs a hook or a rebase, and git would then write to that other repository.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
NOBODY = ("-c", "user.name=Slipway", "-c", "user.email=slipway@example.invalid")


def git(*arguments: str) -> bool:
    """Run git here, and say whether it succeeded."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return subprocess.run(["git", *arguments], env=environment, capture_output=True, check=False).returncode == 0


def identity() -> tuple[str, ...]:
    """Give the options for the author: none when git knows who that is, a neutral name otherwise."""
    known = git("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    return () if known else NOBODY


def first_commit() -> bool:
    """Commit everything on main, and say whether it succeeded."""
    # The user's own list of ignored files might name what a project needs, such as *.csv.
    add = ("-c", "core.excludesFile=", "add", "--all")
    # Windows has no executable bit, and elsewhere this is how people and workflows start everything.
    executable = ("update-index", "--chmod=+x", "run")
    commit = (*identity(), "commit", "-m", MESSAGE)
    return all(git(*arguments) for arguments in (("init", "-b", "main"), add, executable, commit))


def main() -> None:
    """Make a repository unless the folder is one; inside another one too, as GitHub reads workflows only at a root."""
    if Path(".git").exists():
        return
    if not (shutil.which("git") and first_commit()):
        print("The project is complete, only its first commit is missing. In its folder, type:")
        print(f'git init -b main && git add --all && git commit -m "{MESSAGE}"')


if __name__ == "__main__":
    main()
