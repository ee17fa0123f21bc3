"""Note the template, link the pages, and make a git repository with a first commit. Whatever git says, the project stays."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

MESSAGE = "Start from the Slipway template"
# Set while git runs a hook or a rebase, and git would then write to that other repository.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
NOBODY = ("-c", "user.name=Slipway", "-c", "user.email=slipway@example.invalid")
# As cookiecutter was told it, and its throwaway copy; quoted as in pre_gen_project.py.
GIVEN, COPY = json.loads(r"""{{ [cookiecutter._template, cookiecutter._repo_dir] | tojson }}""")


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git here."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return subprocess.run(["git", *arguments], env=environment, capture_output=True, text=True, check=False)


def git(*arguments: str) -> bool:
    """Run git here, and say whether it succeeded."""
    return called(*arguments).returncode == 0


def ask_template(*question: str) -> str:
    """Ask git about the template; empty where it has no history, as in a zip file."""
    return called(f"--git-dir={Path(COPY, '.git')}", *question).stdout.strip()


def url() -> str:
    """Return where others find the template too, without a password; empty where that is not known."""
    for known in (ask_template("config", "remote.origin.url"), GIVEN):
        if ":" in known or Path(known).is_absolute():
            return re.sub(r"^(https?://)[^/]*@", r"\1", known)
    return ""


def note_template() -> None:
    """Write into project.toml which template this is, and which version of it: a tag, or a commit where there is none."""
    commit = ask_template("rev-parse", "--verify", "HEAD")
    tags = ask_template("tag", "--no-column", "--points-at", "HEAD", "--list", "v[0-9]*", "--sort=-version:refname").splitlines()
    path = Path("project.toml")
    text = path.read_text(encoding="utf-8")
    for name, value in {"url": url(), "version": (tags or [commit])[0]}.items() if commit else ():
        text = text.replace(f'\n{name} = ""\n', f"\n{name} = {json.dumps(value, ensure_ascii=False)}\n")
    path.write_bytes(text.encode())


def note_library() -> None:
    """Write into project.toml what the library is, so that an edit of it can be told."""
    from slipway.template import hash_library, read_library

    path = Path("project.toml")
    text = path.read_text(encoding="utf-8").replace('\nlibrary = ""\n', f'\nlibrary = "{hash_library(read_library(Path()))}"\n')
    path.write_bytes(text.encode())


def link() -> None:
    """Link the pages to those that stay with the template, by what project.toml says of it."""
    from slipway.template import link_pages

    template = tomllib.loads(Path("project.toml").read_text(encoding="utf-8"))["template"]
    for page in ("README.md", "data/README.md", *(path.as_posix() for path in Path("docs").glob("*.md"))):
        text = Path(page).read_text(encoding="utf-8")
        linked = link_pages(page, text, lambda path: Path(path).exists(), template["url"], template["version"])
        Path(page).write_bytes(linked.encode())


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
    sys.path.insert(0, os.curdir)
    sys.dont_write_bytecode = True
    there = bool(shutil.which("git"))
    if there:
        note_template()
    note_library()
    link()
    if Path(".git").exists():
        return
    if not (there and first_commit()):
        print("The project is complete; only its first commit is missing. In its folder, type:")
        print(f'git init -b main && git add --all && git commit -m "{MESSAGE}"')


if __name__ == "__main__":
    main()
