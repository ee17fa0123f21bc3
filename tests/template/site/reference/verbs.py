"""The page of verbs, from the command line itself."""

import ast
import re
from pathlib import Path
from typing import Any

from slipway.cli import ENVIRONMENT, VERBS, Verb
from slipway.project import TARGETS
from tests.template.site.reference.text import to_sentence, to_table

COMMON = [
    ("`--target TARGET`", f"where it runs: {', '.join(TARGETS)}; default: `[deploy] target` in `project.toml`"),
    ("`--environment NAME`", ENVIRONMENT),
    ("`--help`", "print the options of a verb"),
]
INTRODUCTION = """# Verbs

To do anything, type `./run VERB` in the project. `./run --help` lists the verbs, and `./run VERB --help` the options of one. Workflows
call the same verbs. The first call makes the environment that a verb needs. The codes that verbs end with are in
[errors and exit codes](errors.md).
"""


def write(root: Path) -> str:
    """Return the page."""
    shown = {name: verb for name, verb in VERBS.items() if not verb.hidden}
    hidden = {name: verb for name, verb in VERBS.items() if verb.hidden}
    index = [(f"[`{name}`](#{name})", to_sentence(verb.description)) for name, verb in shown.items()]
    return "\n".join(
        [
            INTRODUCTION,
            to_table(("verb", "does"), index),
            "\n## Options of most verbs\n",
            to_table(("option", "is"), COMMON),
            "\n`adopt` uses `--target` for the column to learn.\n",
            "## The tools of the project\n",
            to_table(("command", "does"), list_tools(root)),
            *(write_verb(name, verb) for name, verb in shown.items()),
            "\n## Verbs of workflows\n",
            "Workflows and other verbs call these; `./run --help` does not list them.",
            *(write_verb(name, verb, "###") for name, verb in hidden.items()),
        ]
    )


def list_tools(root: Path) -> list[tuple[str, str]]:
    """Return the commands of `run` that are no verbs, from its docstring."""
    described = ast.get_docstring(ast.parse((root / "run").read_text(encoding="utf-8"))) or ""
    found = re.findall(r"^\./run ([a-z]+) {2,}(.+)$", described, re.MULTILINE)
    return [(f"`./run {name}`", to_sentence(text)) for name, text in found if name not in VERBS]


def write_verb(name: str, verb: Verb, level: str = "##") -> str:
    """Return the section of a verb."""
    usage = " ".join(["./run", name, *(show_option(each, settings) for each, settings in verb.options.items())])
    rows = [(f"`{write_word(each, settings)}`", describe_option(settings)) for each, settings in verb.options.items()]
    parts = [f"\n{level} {name}\n", to_sentence(verb.description), f"\n```text\n{usage}\n```"]
    return "\n".join([*parts, f"\n{to_table(('word', 'is'), rows)}" if rows else ""]).rstrip()


def write_word(name: str, settings: dict[str, Any]) -> str:
    """Return an option with the value that it takes, as a person types it."""
    if not name.startswith("-"):
        return name.upper()
    if settings.get("action") == "store_true":
        return name
    return f"{name} {settings.get('metavar') or name.lstrip('-').upper()}"


def show_option(name: str, settings: dict[str, Any]) -> str:
    """Return an option as in a line of usage."""
    word = write_word(name, settings)
    needed = settings.get("required") or (not name.startswith("-") and settings.get("nargs") != "?")
    return word if needed else f"[{word}]"


def describe_option(settings: dict[str, Any]) -> str:
    """Return what an option is, with the words that it takes and its default where its help does not name them."""
    text, default = str(settings.get("help", "")), settings.get("default", "")
    if choices := settings.get("choices"):
        text = f"{text}{'; ' if text else ''}one of {', '.join(choices)}"
    if default not in ("", None) and "default" not in text:
        text = f"{text}{'; ' if text else ''}default: {default}"
    return to_sentence(text)
