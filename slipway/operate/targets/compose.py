"""What infra/compose.yaml says, with a project's settings filled in: the file is the one description of the fixed part."""

import os
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import yaml

from slipway.errors import PipelineError
from slipway.operate.targets import watch
from slipway.project import Project

PATH = "infra/compose.yaml"
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<word>[^{}$]*))?\}|(?P<other>))")
TOP = {"name", "services", "networks", "volumes"}
NAMED = {"networks": {"name", "driver"}, "volumes": {"name"}}
Described = dict[str, Any]


def of(project: Project) -> Described:
    """Return what a project's file describes, filled in for it. Raises PipelineError."""
    return described((project.root / PATH).read_text(encoding="utf-8"), watch.settings(project, os.environ))


def described(text: str, settings: Mapping[str, str]) -> Described:
    """Return what a file describes, with the settings filled in. Raises PipelineError."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        refuse(f"is no YAML: {error}")
    if unknown := {key for key in found if not key.startswith("x-")} - TOP:
        refuse(f"has {sorted(unknown)}, which the verbs do not know; expected at its top: {', '.join(sorted(TOP))}")
    for kind, keys in NAMED.items():
        if wrong := [name for name, each in found[kind].items() if set(each) != keys]:
            refuse(f"describes {wrong[0]} under {kind} otherwise than the verbs know; expected: {', '.join(sorted(keys))}")
    return {key: fill(found[key], settings) for key in TOP if key in found}


def fill(value: Any, settings: Mapping[str, str]) -> Any:
    """Fill settings into the texts of a value: ${NAME}, ${NAME:-default} or ${NAME:?what it is}; $$ is a dollar. Raises PipelineError."""
    if isinstance(value, dict):
        return {key: fill(each, settings) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, settings) for each in value]
    return VARIABLE.sub(lambda found: filled_in(found, settings), value) if isinstance(value, str) else value


def filled_in(found: re.Match[str], settings: Mapping[str, str]) -> str:
    """Return what stands for one variable. Raises PipelineError."""
    if found["dollar"]:
        return "$"
    if found["name"] is None:
        refuse(f"has a $ that is no ${{NAME}}, in {found.string!r}; $$ is one dollar")
    if given := settings.get(found["name"]):
        return given
    if found["how"] == "-":
        return found["word"]
    return refuse(f"wants {found['name']}, which {found['word'] or 'is not set'}")


def refuse(what: str) -> NoReturn:
    """Raise PipelineError."""
    raise PipelineError(f"{PATH} {what}. Next: correct it there, then ./run up.")
