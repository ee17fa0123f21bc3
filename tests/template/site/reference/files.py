"""The page of files: what a project receives, whose it is, and what it is, in the file's own words."""

import ast
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from slipway.rules import TAKEN
from slipway.template import LIBRARY
from tests.template.site.reference.text import to_sentence, to_table

PROJECT = "{{cookiecutter.project_slug}}"
OWNED = ("model/", "data/", *TAKEN)
YOURS, MERGED, REPLACED = "yours; an update leaves it alone", "yours; an update merges", "the library's; an update replaces it"
INTRODUCTION = """# Files of a project

To know whether you may change a file, look at its folder: all are yours but `slipway/`. `./run update` applies a newer version of the
template: it leaves alone what belongs to your model, merges into the other files of yours, and replaces the library as a whole.
[A newer version of the template](../updating.md) says what to do when you changed the same lines.
"""
# What has no words of its own, or those of something else.
WORDS = {
    "data/train.csv": "The training data",
    "validation/reference.csv": "The reference dataset, on which every model is judged and none is trained",
    "validation/expectations.json": "What Great Expectations demands of training data and reference dataset",
    "infra/chart/values.schema.json": "What may stand in values.yaml",
    "infra/watch/grafana/dashboards/model.json": "The dashboard of the model: drift, answers, the release",
    "infra/watch/grafana/dashboards/service.json": "The dashboard of the service: requests, errors, latency",
    ".gitignore": "What git leaves out",
    "infra/chart/Chart.yaml": "The chart for Kubernetes: its name and version",
    "infra/chart/templates/_names.tpl": "The names and labels of its objects",
    "infra/chart/templates/autoscaler.yaml": "How many pods, by the processor time that they use",
    "infra/chart/templates/deployment.yaml": "The pods of the live release",
    "infra/chart/templates/network.yaml": "Who may reach the pods, and whom they may reach",
    "infra/chart/templates/service.yaml": "The address inside the cluster",
    "infra/chart/templates/staged.yaml": "The pods of a release that is proven before callers reach it",
    "slipway/README.md": "The library: its parts, its nouns, and the way of a row from HTTP to its answer",
    "LICENSE": "The licence",
    "README.md": "The commands of the project, in order",
    "docs/README.md": "The index of all pages",
    "data/README.md": "Where the training data are from",
}


def write(root: Path) -> str:
    """Return the page."""
    files = list_files(root)
    rooms = list(dict.fromkeys(name.partition("/")[0] if "/" in name else "" for name in files))
    sections = [write_room(root, room, {name: path for name, path in files.items() if is_in(name, room)}) for room in rooms]
    return "\n".join([INTRODUCTION, *sections])


def is_in(name: str, room: str) -> bool:
    """Tell whether a file is in a folder of the root, or at the root itself."""
    return name.startswith(f"{room}/") if room else "/" not in name


def list_files(root: Path) -> dict[str, Path]:
    """Return the files of a project by their path in it, sorted, and where the template has each."""
    lists = json.loads((root / "cookiecutter.json").read_text(encoding="utf-8"))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    tracked = [name for name in listed.split("\0") if name and (root / name).is_file()]
    under: Callable[[str, str], bool] = lambda name, key: any(name == each or name.startswith(f"{each}/") for each in lists[key])  # noqa: E731
    found = {name: root / name for name in tracked if under(name, "_copy_without_render") and not under(name, "_stays_behind")}
    own = {name.removeprefix(f"{PROJECT}/"): root / name for name in tracked if name.startswith(f"{PROJECT}/")}
    found |= {name: path for name, path in own.items() if name != "HOOKS-DID-NOT-RUN"}
    return dict(sorted(found.items(), key=lambda each: ("/" in each[0], each[0])))


def write_room(root: Path, room: str, files: dict[str, Path]) -> str:
    """Return the section of a folder; of the library only its parts."""
    if room == LIBRARY:
        parts = sorted({"/".join(name.split("/")[:2]) for name in files} - {f"{LIBRARY}/__init__.py"})
        rows = [(f"`{part}{'/' if (root / part).is_dir() else ''}`", REPLACED, describe(part, root / part)) for part in parts]
    else:
        rows = [(f"`{name}`", find_owner(name), describe(name, path)) for name, path in files.items() if path.stat().st_size]
    return f"\n## {f'`{room}/`' if room else 'At the root'}\n\n{to_table(('file', 'whose', 'is'), rows)}"


def find_owner(name: str) -> str:
    """Return whose a file is, and what an update does with it."""
    return YOURS if name.startswith(OWNED) else MERGED


def describe(name: str, path: Path) -> str:
    """Return what a file is: its own first sentence, from its docstring, heading or first comment."""
    if name in WORDS:
        return f"{WORDS[name]}."
    text = (path / "__init__.py" if path.is_dir() else path).read_text(encoding="utf-8")
    if path.is_dir() or path.suffix == ".py" or name == "run":
        return to_sentence((ast.get_docstring(ast.parse(text)) or "").split("\n")[0])
    if name.startswith("requirements/"):
        return describe_packages(name)
    marked = re.search(r"\A(?:#!.*\n)?((?:(?:#+|//|\{\{-?\s*/\*|<!--) *.+\n?)+)", text)
    words = " ".join(
        re.sub(r"^(#+|//|\{\{-?\s*/\*|<!--) *|\s*(\*/\s*-?\}\}|-->)$", "", line) for line in (marked[1] if marked else "").splitlines()
    )
    return to_sentence(re.split(r"(?<=[.:;]) |: |; ", words)[0])


def describe_packages(name: str) -> str:
    """Return what a list of packages or its lock is."""
    stem = Path(name).stem
    what = {
        "work": "to train, judge and test",
        "serve": "in the image",
        "operate": "to deploy and roll back",
        "compiled": "in the image of a compiled model",
    }
    return f"The packages {what[stem]}." if name.endswith(".in") else "Its lock, with the hash of each package."
