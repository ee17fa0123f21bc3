"""Put another model into a project: `python make.py NAME PROJECT`. Its files here replace those of the same name; the rest is written."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
# Another estimator for a model that is here: its own files replace that one's.
VARIANTS = {"lightgbm": "ames", "catboost": "telco"}
# What an estimator needs besides scikit-learn, as lines of requirements/serve.in.
XGBOOST = ['xgboost-cpu; sys_platform != "darwin"', 'xgboost; sys_platform == "darwin"']
PACKAGES = {"telco": XGBOOST, "lightgbm": ["lightgbm"], "catboost": ["catboost"]}
# What the doctor drafts for a new model.
DRAFT = """
from pathlib import Path
from slipway.doctor.source import draft_suite, write_draft
from slipway.gate import dataset
tables = [dataset.read(Path(path)) for path in ("data/train.csv", "validation/reference.csv")]
write_draft(Path("validation"), "expectations.json", draft_suite(tables))
"""


def make(name: str, project: Path) -> None:
    """Replace files of `model/`, `data/`, and what belongs to them in `validation/`; require the package that the estimator is from."""
    base = VARIANTS.get(name, name)
    for each in dict.fromkeys((base, name)):
        shutil.copytree(HERE / each / "model", project / "model", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copyfile(HERE / base / "thresholds.toml", project / "validation" / "thresholds.toml")
    write_data(base, project)
    if name in PACKAGES:
        require(PACKAGES[name], project / "requirements")
    subprocess.run([sys.executable, "-c", DRAFT], cwd=project, check=True)


def require(lines: list[str], requirements: Path) -> None:
    """Do what `./run lock` does after more lines in serve.in, without an index: what is missing is in the template's own lock."""
    with (requirements / "serve.in").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    locks = [dict(read_blocks(lock)) for lock in (HERE.parent / "requirements.txt", requirements / "work.txt")]
    known = locks[0] | locks[1]
    wanted = find_needed({line.partition(";")[0] for line in lines}, [pair for lock in locks for pair in lock.items()])
    for name in ("serve", "work"):
        lock = requirements / f"{name}.txt"
        head = lock.read_text(encoding="utf-8").partition(f"\n{next(iter(dict(read_blocks(lock))))}==")[0]
        blocks = {**{each: known[each] for each in wanted}, **dict(read_blocks(lock))}
        lock.write_text("\n".join([head, *(blocks[each] for each in sorted(blocks))]) + "\n", encoding="utf-8")


def read_blocks(lock: Path) -> Iterator[tuple[str, str]]:
    """Yield each package of a lock, and its lines."""
    for block in re.split(r"\n(?=[a-z0-9])", "\n" + lock.read_text(encoding="utf-8").rstrip()):
        if match := re.match(r"([a-z0-9-]+)==", block):
            yield match[1], block


def find_needed(packages: set[str], blocks: list[tuple[str, str]]) -> set[str]:
    """Return packages and what they need, directly or not: each block of a lock says what it is there for."""
    found, more = set[str](), packages
    needed_by = [(name, set(re.findall(r"#\s+(?:via )?([a-z0-9-]+)$", block, re.MULTILINE))) for name, block in blocks]
    while more:
        found |= more
        more = {name for name, others in needed_by if others & found} - found
    return found


def write_data(name: str, project: Path) -> None:
    """Write what a model learns from, and what it is judged on."""
    spec = importlib.util.spec_from_file_location("rows", HERE / name / "rows.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    train, reference = module.rows(project)
    train.to_csv(project / "data" / "train.csv", index=False)
    reference.to_csv(project / "validation" / "reference.csv", index=False)
    (project / "data" / "README.md").write_text(f"# The training data\n\n{module.__doc__}\n", encoding="utf-8")


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]).resolve())
