"""Put scikit-learn's breast cancer data into a project: `python make.py PROJECT`, with this folder's model and rules beside it."""

import json
import shutil
import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

HERE = Path(__file__).parent


def make(project: Path) -> None:
    """Replace `model/`, `data/` and what belongs to them in `validation/`."""
    shutil.rmtree(project / "model")
    shutil.copytree(HERE / "model", project / "model")
    shutil.copyfile(HERE / "validation" / "thresholds.toml", project / "validation" / "thresholds.toml")
    frame = load_breast_cancer(as_frame=True).frame
    frame.columns = [name.replace(" ", "_") for name in frame.columns]
    names = [line.split(":")[0].strip() for line in (HERE / "model/features.py").read_text().splitlines() if line.startswith("    mean_")]
    rows = frame[[*names, "target"]].rename(columns={"target": "benign"}).sample(frac=1, random_state=0)
    rows.iloc[::50, names.index("mean_concavity")] = None
    rows[:400].to_csv(project / "data" / "train.csv", index=False)
    rows[400:].to_csv(project / "validation" / "reference.csv", index=False)
    (project / "data" / "README.md").write_text("# The training data\n\nBreast Cancer Wisconsin (Diagnostic), as scikit-learn ships it.\n")
    limits = {name: 5000 if name in ("mean_radius", "mean_texture", "mean_perimeter", "mean_area") else 1 for name in names}
    between = [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": name, "min_value": 0, "max_value": high}}
        for name, high in limits.items()
    ]
    columns = {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": [*names, "benign"], "exact_match": False}}
    classes = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "benign", "value_set": [0, 1]}}
    whole = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name, "mostly": 0.9 if name == "mean_concavity" else 1}}
        for name in [*names, "benign"]
    ]
    suite = {"name": "rows", "expectations": [columns, *between, classes, *whole]}
    (project / "validation" / "expectations.json").write_text(json.dumps(suite, indent=1))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
