"""Refuse what would give a broken project, before any file is written. Cookiecutter renders this file, then runs it."""

import json
import re
import sys
from pathlib import Path

# In JSON never three bare quotes meet, and a backslash escapes as in a raw string: no answer can end this string.
ANSWERS: dict[str, str] = json.loads(r"""{{ cookiecutter | tojson }}""")

TEXT = (
    r"[^\W_][^\\`<>{}\[\]$*|~]{0,199}",
    "one line of at most 200 characters that starts with a letter or a digit and has none of \\ ` < > { } [ ] $ * | ~",
)
RULES = {
    "project_name": TEXT,
    "project_slug": (
        r"[a-z][a-z0-9-]{0,48}[a-z0-9]",
        "2 to 50 lower-case letters (a to z), digits and hyphens, with a letter first and no hyphen last",
    ),
    "github_owner": (
        r"(?!.{40})[A-Za-z0-9](-?[A-Za-z0-9])*",
        "a GitHub name: at most 39 letters (A to Z), digits and single hyphens, with no hyphen first or last",
    ),
    "description": TEXT,
}


def is_assembled(template: Path) -> bool:
    """Say whether pre_prompt.py ran: cookiecutter before 2.4 and cruft leave it out."""
    return any(template.glob("*cookiecutter*/model"))


def main() -> None:
    """Stop with one sentence at the first thing that is wrong."""
    if not is_assembled(Path(ANSWERS.get("_repo_dir", ""))):
        sys.exit("Use cookiecutter 2.4 or later: older versions and cruft leave out hooks/pre_prompt.py.")
    for question, (pattern, allowed) in RULES.items():
        answer = ANSWERS[question]
        if not (re.fullmatch(pattern, answer) and answer.isprintable()):
            sys.exit(f"{question} cannot be {answer!r}: it must be {allowed}.")


if __name__ == "__main__":
    main()
