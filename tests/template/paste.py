"""Do what the doctor prints, as a person would who pastes it."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

SECTION = re.compile(r"^\*\*(?P<what>.+?)\*\*: (?P<said>.*)\n(?P<steps>(?:    .*\n)*)", re.MULTILINE)
Steps = list[str]
Edit = Callable[[list[str], Path], object]


def apply(printed: str, project: Path) -> None:
    """Edit a project's files by what was printed."""
    for found in SECTION.finditer(printed + "\n"):
        steps = [line.removeprefix("    ") for line in found["steps"].splitlines()]
        edit = EDITS.get(found["what"])
        if edit:
            edit(steps, project)


def paste_load(steps: Steps, project: Path) -> None:
    """Replace the end of `load`."""
    path = project / "model" / "data.py"
    text = path.read_text(encoding="utf-8")
    before, _, _ = text.rpartition("    return ")
    path.write_text(before + "".join(f"{line}\n" for line in steps[1:]), encoding="utf-8")


def paste_features(steps: Steps, project: Path) -> None:
    """Replace or add the lines above and in class Row, and take out what goes."""
    path = project / "model" / "features.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    part = ""
    for step in steps[1:]:
        if step in ("above class Row:", "in class Row:"):
            part = step
        elif step.startswith("and remove from class Row: "):
            gone = step.partition(": ")[2].split(", ")
            lines = [line for line in lines if not re.match(rf"    ({'|'.join(map(re.escape, gone))}): ", line)]
        elif part == "above class Row:":
            lines = put(lines, step.strip(), "", next(at for at, line in enumerate(lines) if line.startswith("class Row")))
        else:
            lines = put(lines, step.strip(), "    ", find_end(lines))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def put(lines: list[str], line: str, indent: str, at: int) -> list[str]:
    """Put a line in the place of that which has the same name, or else at a place; an import to the top."""
    if line.startswith("from "):
        return [lines[0], line, *lines[1:]]
    name = re.match(r"(\w+)", line)
    places = [number for number, each in enumerate(lines) if name and re.match(rf"{indent}{name[1]}( =|:)", each)]
    if places:
        return [*lines[: places[-1]], f"{indent}{line}", *lines[places[-1] + 1 :]]
    return [*lines[:at], f"{indent}{line}", *lines[at:]]


def find_end(lines: list[str]) -> int:
    """Return where class Row ends."""
    start = max(number for number, line in enumerate(lines) if line.startswith("class Row"))
    inside = [number for number in range(start, len(lines)) if lines[number].startswith("    ")]
    after = [number for number in range(start + 1, len(lines)) if lines[number] and not lines[number].startswith("    ")]
    return max(each for each in inside if not after or each < after[0]) + 1


def take_draft(name: str, folder: str) -> Edit:
    """Return what puts a draft in its place."""
    return lambda _, project: shutil.copyfile(project / "build" / name, project / folder / name)


def paste_floors(steps: Steps, project: Path) -> None:
    """Write the floors that are printed in the place of all that there were."""
    path = project / "validation" / "thresholds.toml"
    kept = re.sub(r"\[floors\.\w+\]\n((min|max) = .*\n)*", "", path.read_text(encoding="utf-8"))
    path.write_text(kept + "\n".join(line.strip() for line in steps[1:]) + "\n", encoding="utf-8")


EDITS: dict[str, Edit] = {
    "model/data.py": paste_load,
    "model/features.py": paste_features,
    "expectations": take_draft("expectations.json", "validation"),
    "model/behaviour.py": take_draft("behaviour.py", "model"),
    "validation/thresholds.toml": paste_floors,
}
