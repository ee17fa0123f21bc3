"""What docs/platforms.md says to save and to type, by section. Runs in each check's environment, so it imports nothing else."""

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

PAGE = Path(__file__).parents[3] / "docs" / "platforms.md"
IMAGE, KSERVE, SAGEMAKER, VERTEX, AZURE = (
    *("The image, where the platform can read it", "KServe"),
    *("Amazon SageMaker", "Google Vertex AI", "Azure Machine Learning"),
)


def blocks(heading: str, language: str) -> list[str]:
    """Return the fenced blocks of a section."""
    _, found, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert found, heading
    return re.findall(rf"^```{language}\n(.*?)^```$", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)


def files(heading: str, **values: str) -> list[str]:
    """Return the YAML of a section, filled in as `envsubst` does; a name without a value is an error."""
    return [Template(each).substitute(values) for each in blocks(heading, "yaml")]


def commands(heading: str) -> list[tuple[str, str]]:
    """Return what a section says to type, and what is seen after each."""
    parts = [each for block in blocks(heading, "console") for each in re.split(r"^\$ ", block, flags=re.MULTILINE) if each]
    found = [re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", each, re.DOTALL) for each in parts]
    return [(each[1].strip(), each[2].strip()) for each in found if each]


def fingerprint(heading: str) -> str:
    """Return a hash of what is checked of a section: it changes with every character of it."""
    said = "\0".join(blocks(heading, "(?:yaml|console)"))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def type_out(heading: str, folder: Path, given: Mapping[str, str], after: Callable[[str], None] = lambda _: None) -> None:
    """Type a section's commands in a shell; each has to succeed, and to say what the page says where that says anything."""
    exported = ""
    for command, expected in commands(heading):
        line = ["bash", "-c", f"{exported}{command}"]
        environment = {**os.environ, **given}
        done = subprocess.run(line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"$ {command}\n{done.stderr}"
        assert not expected or done.stdout.strip() == expected, f"$ {command}\nsays {done.stdout.strip()}, the page {expected}"
        exported += f"{command}\n" if command.startswith("export ") else ""
        after(command)


def exports(heading: str) -> dict[str, str]:
    """Return the variables that a section sets, as they are written."""
    lines = [command for command, _ in commands(heading) if command.startswith("export ")]
    return dict(each.split("=", 1) for line in lines for each in line.removeprefix("export ").split())
