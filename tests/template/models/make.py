"""Put another model into a project: `python make.py NAME PROJECT`. Its files here replace those of the same name; the rest is written."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Another estimator for a model that is here: its own files replace that one's.
VARIANTS = {"lightgbm": "ames", "catboost": "telco"}
# What an estimator needs besides scikit-learn, in requirements/serve.in.
PACKAGES = {"telco": "xgboost-cpu", "lightgbm": "lightgbm", "catboost": "catboost"}
# What the doctor drafts for a new model.
DRAFT = """
from pipeline.doctor import columns
open("validation/expectations.json", "w").write(columns.suite())
"""


def make(name: str, project: Path) -> None:
    """Replace files of `model/`, `data/`, and what belongs to them in `validation/`; require the package that the estimator is from."""
    base = VARIANTS.get(name, name)
    for each in dict.fromkeys((base, name)):
        shutil.copytree(HERE / each / "model", project / "model", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copyfile(HERE / base / "thresholds.toml", project / "validation" / "thresholds.toml")
    write_data(base, project)
    if name in PACKAGES:
        with (project / "requirements" / "serve.in").open("a", encoding="utf-8") as required:
            required.write(f"\n{PACKAGES[name]}")
    subprocess.run([sys.executable, "-c", DRAFT], cwd=project, check=True)


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
