"""Move what a project receives into the folder that cookiecutter renders; runs in cookiecutter's throwaway copy."""

import json
import shutil
import sys
from pathlib import Path

PROJECT = Path("{{cookiecutter.project_slug}}")
LEFTOVERS = ("__pycache__", ".*_cache", ".ipynb_checkpoints", ".DS_Store")


def listed(name: str) -> list[str]:
    """Return a list of cookiecutter.json: cookiecutter reads one of them too, and ./run update both."""
    names: list[str] = json.loads(Path("cookiecutter.json").read_text(encoding="utf-8"))[name]
    return names


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def move(name: str) -> None:
    """Move one file or folder into the project, without what a run here left in it."""
    for pattern in LEFTOVERS:
        for path in list(Path(name).rglob(pattern)):
            remove(path)
    (PROJECT / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(name, PROJECT / name)


def restore_executable_bits() -> None:
    """Make scripts executable again: a template that came as a zip file has lost those bits."""
    for path in PROJECT.rglob("*"):
        if path.is_file() and path.read_bytes()[:2] == b"#!":
            path.chmod(path.stat().st_mode | 0o111)


def main() -> None:
    """Assemble the project, or stop with the names that are missing."""
    names, stays_behind = listed("_copy_without_render"), listed("_stays_behind")
    missing = [name for name in (*names, *stays_behind) if not Path(name).exists()]
    if missing:
        sys.exit(f"This copy of the template is incomplete. Get it again: it lacks {', '.join(missing)}.")
    for name in stays_behind:
        remove(Path(name))
    for name in names:
        move(name)
    restore_executable_bits()


if __name__ == "__main__":
    main()
