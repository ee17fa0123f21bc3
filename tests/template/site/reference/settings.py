"""The page of settings: each with its form, what a new project has, and the comment above it in the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from slipway import project
from slipway.rules import Thresholds
from slipway.serving.release import Config
from tests.template.site.reference.text import to_code, to_table

INTRODUCTION = """# Settings

To change how a project runs, edit one of three files: `project.toml` for where it runs, `service/config.toml` for what the service
takes, and `validation/thresholds.toml` for what the gate demands. Each is read strictly: a misspelt name ends the verb with exit
code 2, and the message names the right one. The third column is what a new project has; *left out* means that the file has the line as a
comment, or not at all.
"""
FILES = {
    "project.toml": "Where it runs. `./run up`, `./run keys apply` or the next deploy applies a change. A section "
    f"`[environments.staging]` may have what differs there: {', '.join(f'`{name}`' for name in project.DIFFERS)}.",
    "service/config.toml": "The serving config. It is a part of each release, so a change takes a new release, and a rollback restores it.",
    "validation/thresholds.toml": "What the gate demands. A pull request is judged by the rules of the branch that it goes to.",
}
# The class behind each section; what has none is text.
FORMS: dict[tuple[str, str], Any] = {
    ("project.toml", "callers"): project.Callers,
    ("project.toml", "bake"): project.Bake,
    ("project.toml", "watch"): project.Watch,
    ("service/config.toml", ""): Config,
    ("validation/thresholds.toml", ""): Thresholds,
}
# What the files do not show, in the words of the code that reads it.
UNSHOWN = {
    ("project.toml", "deploy", "context"): "the context of the kubeconfig, where it is not the current one (kubernetes only)",
    ("project.toml", "", "name"): "the project's name, which its service, image and model in MLflow have",
    ("project.toml", "", "title"): "the name as people say it",
    ("project.toml", "", "description"): "what the model answers, in one line",
}
GIVEN = {("project.toml", "budget"): "number", ("validation/thresholds.toml", "floors"): "number"}
LINE = re.compile(r"(# )?(\w+) = (.+)")
SECTION = re.compile(r"(# )?\[([\w.]+)\]")


@dataclass(frozen=True)
class Setting:
    """One line of a file, and the comment that explains it."""

    section: str
    name: str
    value: str  # as the file has it; empty where it is left out
    comment: str


def write(root: Path) -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *(write_file(root, name) for name in FILES)])


def write_file(root: Path, name: str) -> str:
    """Return the part of one file."""
    found = read_settings((root / name).read_text(encoding="utf-8"))
    found += [
        Setting(section, key, "", text)
        for (file, section, key), text in UNSHOWN.items()
        if file == name and not is_shown(found, section, key)
    ]
    sections = list(dict.fromkeys(each.section for each in found))
    parts = [write_section(name, section, [each for each in found if each.section == section]) for section in sections]
    return "\n".join([f"\n## `{name}`\n", FILES[name], *parts])


def is_shown(found: list[Setting], section: str, key: str) -> bool:
    """Tell whether a file has a setting."""
    return any((each.section, each.name) == (section, key) for each in found)


def read_settings(text: str) -> list[Setting]:
    """Return the settings of a file, those among them that it has as a comment."""
    found, section, comment, fresh = [], "", "", False
    for line in text.splitlines():
        if named := SECTION.fullmatch(line):
            beside = named[2].partition(".")[0] == section.partition(".")[0]
            section, comment, fresh = named[2], comment if fresh or beside else "", False
        elif setting := LINE.fullmatch(line):
            found.append(Setting(section, setting[2], "" if setting[1] else setting[3], comment))
            fresh = False
        elif line.startswith("# "):
            comment, fresh = f"{comment} {line[2:]}" if fresh else line[2:], True
        else:
            comment, fresh = "", False
    return found


def write_section(file: str, section: str, found: list[Setting]) -> str:
    """Return the table of a section; what stands below one comment shares it."""
    rows, said = [], ""
    for each in found:
        comment = UNSHOWN.get((file, section, each.name)) or each.comment
        explained = "as the line above" if comment and comment == said else comment
        rows.append((to_code(each.name), describe_form(file, each), to_code(each.value) or "left out", explained))
        said = comment
    title = f"\n### `[{section}]` in `{file}`\n" if section else ""
    return f"{title}\n{to_table(('setting', 'form', 'in a new project', 'is'), rows)}"


def describe_form(file: str, setting: Setting) -> str:
    """Return what may stand in a setting, from the class that reads it."""
    top = setting.section.partition(".")[0]
    declared = FORMS.get((file, top)) or FORMS.get((file, ""))
    if declared is None or (file, top) in GIVEN:
        return GIVEN.get((file, top), "text")
    schema = read_schema(declared)
    if (file, top) not in FORMS and top:
        schema = resolve(schema, schema["properties"][top])
    return describe_schema(schema["properties"].get(setting.name, {}))


def read_schema(declared: Any) -> dict[str, Any]:
    """Return the JSON schema of a class."""
    is_model = isinstance(declared, type) and issubclass(declared, BaseModel)
    return declared.model_json_schema() if is_model else TypeAdapter(declared).json_schema()


def resolve(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return what a part of a schema refers to."""
    reference = next((each["$ref"] for each in [part, *part.get("anyOf", [])] if "$ref" in each), "")
    found: dict[str, Any] = whole["$defs"][reference.rpartition("/")[2]] if reference else part
    return found


def describe_schema(schema: dict[str, Any]) -> str:
    """Return a form in words."""
    if "enum" in schema:
        return f"one of {quote(schema['enum'])}"
    kind = {"integer": "whole number", "number": "number", "boolean": "true or false", "array": "list", "string": "text"}[
        schema.get("type", "string")
    ]
    if kind == "list" and "enum" in schema["items"]:
        return f"list of {quote(schema['items']['enum'])}"
    limits = {"minimum": "at least {}", "exclusiveMinimum": "above {}", "maximum": "at most {}", "exclusiveMaximum": "below {}"}
    return ", ".join([kind, *(text.format(format(schema[name], "g")) for name, text in limits.items() if name in schema)])


def quote(words: Sequence[str]) -> str:
    """Return the words that may stand in a setting, as the file writes them."""
    return ", ".join(to_code(f'"{each}"') for each in words)
