"""What `bench.adopt` adopts, each written into a folder: tables of others, known cases, odd ones, notebooks, models; and the project."""

import gzip
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bench import results
from slipway import project, rehearsal
from tests.library import test_adopt_notebook as studies
from tests.template.cases.situations import REFERENCE, ROWS, SITUATIONS, Situation

# The file of a table, the column to learn, and what else is typed.
Adopted = tuple[Path, str, list[str]]
Write = Callable[[Path], Adopted]
DATA = results.ROOT / "tests" / "template" / "data"


def write_rows(rows: pd.DataFrame, folder: Path, target: str, **written: Any) -> Adopted:
    """Write a table."""
    rows.to_csv(folder / "table.csv", index=False, **written)
    return folder / "table.csv", target, []


# --- tables of others


def write_packed(folder: Path, name: str, target: str) -> Adopted:
    """Unpack a table of the tests."""
    (folder / "table.csv").write_bytes(gzip.decompress((DATA / f"{name}.csv.gz").read_bytes()))
    return folder / "table.csv", target, []


def write_bikes(folder: Path) -> Adopted:
    """Write the example's data as they were before their split."""
    parts = [results.ROOT / "data" / "train.csv", results.ROOT / "validation" / "reference.csv"]
    return write_rows(pd.concat(map(pd.read_csv, parts)).sort_values("instant"), folder, "cnt")


def write_loaded(folder: Path, name: str) -> Adopted:
    """Write a data set of scikit-learn; classes by their names."""
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    rows = found.frame
    if name in ("iris", "wine", "breast_cancer"):
        rows["target"] = [str(found.target_names[each]) for each in rows["target"]]
    return write_rows(rows, folder, "Pulse" if name == "linnerud" else "target")


LOADED = ("iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud")
OTHERS: dict[str, Write] = {
    "bike sharing": write_bikes,
    "ames housing": lambda folder: write_packed(folder, "ames-housing", "SalePrice"),
    "telco churn": lambda folder: write_packed(folder, "telco-churn", "Churn"),
} | {name: lambda folder, name=name: write_loaded(folder, name) for name in LOADED}


# --- the cases: each table once


def list_cases() -> dict[str, Write]:
    """Return the tables of situations that were reported; many have the same."""
    found: dict[str, tuple[str, Situation]] = {}
    for name, each in SITUATIONS.items():
        found.setdefault(each.rows(0, ROWS + REFERENCE).to_csv() + str(each.written), (name, each))
    return {
        f"case: {name}": lambda folder, each=each: write_rows(each.rows(0, ROWS + REFERENCE), folder, "churn", **each.written)  # type: ignore[misc]
        for name, each in found.values()
    }


# --- notebooks and models

START = [studies.HEAD, studies.READ, "X = df[['size', 'age']]\ny = df['price']\n" + studies.SPLIT]
FOREST = (
    "from sklearn.ensemble import RandomForestRegressor\nmodel = Pipeline([('p', prepare), ('f', RandomForestRegressor(random_state=0))])"
)
ALL = "y = df['price']\nX = df.drop(columns=['price', 'left', 'grade', 'row_id'])\n"
WORDS = """from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
model = Pipeline([('words', TfidfVectorizer(min_df=2)), ('tell', LogisticRegression())])
model.fit(X_train, y_train)"""
LINE = "from sklearn.linear_model import LinearRegression\nfrom sklearn.pipeline import make_pipeline\n"
STUDIES = {
    "pipeline": ("price", [studies.HEAD, studies.READ, studies.COLUMNS, ALL + studies.SPLIT, FOREST + "\nmodel.fit(X_train, y_train)"]),
    "search": ("price", [*START, studies.GRID]),
    "own classes": ("price", [*START, studies.OWN, LINE + "model = make_pipeline(AddShare(2), LinearRegression()).fit(X_train, y_train)"]),
    "text": ("left", [studies.HEAD, studies.READ, studies.TEXT + studies.SPLIT, WORDS]),
} | {
    name: ("price", [studies.HEAD, studies.READ, studies.LINEAR + studies.CHANGED[name][0], "model.fit(X, df['price'])"])
    for name in ("columns get names", "dummies are put beside", "a function changes a table", "letters of text")
}


# Of fewer rows the gate cannot tell whether what these notebooks fit is better than a trivial model.
STUDY_ROWS = 900


def write_study(folder: Path, name: str) -> Adopted:
    """Write a notebook and its table."""
    target, cells = STUDIES[name]
    rows = studies.make_table(STUDY_ROWS)
    rows.loc[(rows["left"] == "yes") & (rows["row_id"] % 3 > 0), "note"] += " cancel"
    table, *_ = write_rows(rows, folder, target)
    return table, target, ["--notebook", str(studies.write_notebook(folder / "study.ipynb", cells))]


def write_model(folder: Path, way: str) -> Adopted:
    """Write a fitted model and its table, with what it answers."""
    rows = studies.make_table().drop(columns=["left", "grade", "note", "at", "row_id"])
    table, columns = rows.drop(columns="price"), ["area", "plan"]
    encode = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), columns), ("numbers", StandardScaler(), ["size", "age"])])
    model: Any = make_pipeline(encode, RandomForestRegressor(60, min_samples_leaf=3, random_state=0))
    if way == "joblib of a search":
        model = GridSearchCV(make_pipeline(encode, Ridge()), {"ridge__alpha": [0.1, 1, 10]})
    fitted, path = model.fit(table, rows["price"]), folder / "model.bin"
    if way == "skops":
        skops.io.dump(fitted, path)
    elif way == "pickle":
        path.write_bytes(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, path)
    written, *_ = write_rows(rows.assign(before=fitted.predict(table)), folder, "price")
    return written, "price", ["--model", str(path), "--answers", "before"]


MADE: dict[str, Write] = {
    **{f"notebook: {name}": lambda folder, name=name: write_study(folder, name) for name in STUDIES},  # type: ignore[misc]
    **{f"model: {way}": lambda folder, way=way: write_model(folder, way) for way in ("pickle", "skops", "joblib of a search")},  # type: ignore[misc]
}


# --- odd tables, which nothing here has seen


def odd(number: int, make: Callable[[Any, int], dict[str, Any]], **written: Any) -> Write:
    """Return how an odd table of so many rows is written; its target is `outcome`."""
    return lambda folder: write_rows(pd.DataFrame(make(np.random.default_rng(number), number)), folder, "outcome", **written)


def choose(draw: Any, number: int, hidden: Any, words: list[Any]) -> list[Any]:
    """Return a word a row, by a hidden number between 0 and 1 and by chance."""
    return [words[int(each)] for each in np.clip((hidden + draw.normal(0, 0.2, number)) * len(words), 0, len(words) - 1)]


def make_wide(draw: Any, n: int) -> dict[str, Any]:
    """300 numbers, of which five count."""
    numbers = draw.normal(size=(n, 300)).round(4)
    return {f"v{each}": numbers[:, each] for each in range(300)} | {
        "outcome": (numbers[:, :5].sum(1) + draw.normal(0, 1, n) > 0).astype(int)
    }


def make_tiny(draw: Any, n: int) -> dict[str, Any]:
    """Sixty rows of a laboratory."""
    dose = draw.uniform(0, 9, n).round(1)
    return {"Dose [mg]": dose, "batch": choose(draw, n, dose / 9, ["a", "b"]), "outcome": (20 - 1.7 * dose + draw.normal(0, 2, n)).round(2)}


def make_words(draw: Any, n: int) -> dict[str, Any]:
    """Text alone: categories, codes and prose; three classes."""
    hidden = draw.random(n)
    prose = [" ".join(choose(draw, 8, each, ["bad", "slow", "fair", "fine", "great"])) for each in hidden]
    team, code = choose(draw, n, hidden, ["Ops", "IT", "HR"]), [f"{each:03x}-K" for each in draw.integers(0, 400, n)]
    return {"review": prose, "team": team, "code": code, "outcome": choose(draw, n, hidden, ["low", "mid", "top"])}


def make_dates(draw: Any, n: int) -> dict[str, Any]:
    """Dates alone, in three forms; days until paid."""
    sent = pd.Timestamp("2023-01-02") + pd.to_timedelta(np.sort(draw.integers(0, 700, n)), "D")
    days = 5 + 2 * sent.month + draw.poisson(3, n)
    due = sent + pd.to_timedelta(draw.integers(10, 40, n), "D")
    return {"sent": sent.strftime("%d/%m/%Y"), "due": due.strftime("%Y-%m-%d"), "seen": sent.strftime("%Y-%m-%d 08:30:00"), "outcome": days}


def make_polish(draw: Any, n: int) -> dict[str, Any]:
    """Yes and no in Polish, decimal commas."""
    hidden = draw.random(n)
    rent = [f"{each:.2f}".replace(".", ",") for each in 900 + 2000 * hidden + draw.normal(0, 200, n)]
    town = choose(draw, n, hidden, ["Łódź", "Kraków", "Gdańsk"])
    return {
        "czynsz (zł)": rent,
        "miasto": town,
        "umeblowane": draw.choice(["tak", "nie"], n),
        "outcome": choose(draw, n, hidden, ["nie", "tak"]),
    }


def make_codes(draw: Any, n: int) -> dict[str, Any]:
    """Codes as whole numbers in each column."""
    hidden = draw.random(n)
    codes = {f"q{each}": choose(draw, n, draw.permutation(hidden) if each > 3 else hidden, [1, 2, 3, 4, 8, 9]) for each in range(8)}
    return codes | {"naics": draw.choice([111110, 238220, 541511, 722511], n), "outcome": choose(draw, n, hidden, [10, 20, 30])}


def make_gaps(draw: Any, n: int) -> dict[str, Any]:
    """Numbers, categories and flags of which most are missing."""
    hidden = draw.random(n)

    def thin(values: Any, share: float) -> list[Any]:
        return [each if draw.random() > share else "" for each in values]

    numbers = {f"m{each}": thin((hidden * 50 + draw.normal(0, 9, n)).round(2), 0.5 + each / 20) for each in range(9)}
    more = {"kind": thin(choose(draw, n, hidden, ["x", "y", "z"]), 0.7), "flag": thin(choose(draw, n, hidden, ["no", "yes"]), 0.9)}
    return numbers | more | {"outcome": choose(draw, n, hidden, ["F", "T"])}


def make_groups(draw: Any, n: int) -> dict[str, Any]:
    """Visits of patients, who differ more than their visits."""
    patient = np.sort(draw.integers(0, n // 6, n))
    base = draw.normal(0, 1, n)[patient]
    visit = pd.Timestamp("2024-02-01") + pd.to_timedelta(draw.integers(0, 500, n), "D")
    pulse = (70 + 8 * base + draw.normal(0, 5, n)).round()
    return {
        "patient_id": patient + 5000,
        "visit": visit.strftime("%Y-%m-%d"),
        "pulse": pulse,
        "outcome": (120 + 9 * base + draw.normal(0, 4, n)).round(1),
    }


def make_counts(draw: Any, n: int) -> dict[str, Any]:
    """Most counts are 0."""
    age, power = draw.integers(18, 90, n), draw.integers(40, 200, n)
    return {"age": age, "power_kw": power, "region": draw.choice(list("ABCDEF"), n), "outcome": draw.poisson(np.exp(power / 80 - 3))}


def make_classes(draw: Any, n: int) -> dict[str, Any]:
    """Thirty classes."""
    kind = draw.integers(0, 30, n)
    return {f"s{each}": (np.sin(kind * (each + 1)) + draw.normal(0, 0.3, n)).round(3) for each in range(6)} | {
        "outcome": [f"part {each}" for each in kind]
    }


def make_rare(draw: Any, n: int) -> dict[str, Any]:
    """Few rows are positive, and each is there three times."""
    size = draw.exponential(50, -(-n // 3)).round(2)
    fraud = draw.random(len(size)) < 1 / (1 + np.exp(6 - size / 40))
    columns = {
        "amount": size,
        "channel": np.where(size > draw.exponential(60, len(size)), "web", "shop"),
        "outcome": np.where(fraud, "fraud", "ok"),
    }
    return {name: np.repeat(values, 3)[:n] for name, values in columns.items()}


ODD: dict[str, Write] = {
    "odd: 300 columns": odd(800, make_wide),
    "odd: 60 rows": odd(60, make_tiny),
    "odd: text alone": odd(900, make_words),
    "odd: dates alone": odd(700, make_dates),
    "odd: Polish": odd(1200, make_polish, sep=";", encoding="cp1250"),
    "odd: codes": odd(1500, make_codes),
    "odd: mostly gaps": odd(1600, make_gaps),
    "odd: groups": odd(1800, make_groups),
    "odd: counts of 0": odd(2500, make_counts),
    "odd: 30 classes": odd(2400, make_classes, sep="\t"),
    "odd: rare and thrice": odd(3000, make_rare),
}
TABLES: dict[str, Write] = {**OTHERS, **ODD, **MADE, **list_cases()}
# These are rehearsed, too; and all of their own tests are run, of the others those of the model and of the service with it.
WHOLE = ("bike sharing", "telco churn", "iris", "notebook: pipeline", "model: pickle", "model: skops", "odd: Polish", "odd: groups")


def bake(folder: Path) -> Path:
    """Make a project from what this working tree would commit."""
    template = replace(project.load(results.ROOT), root=folder / "template")
    rehearsal.copy(results.ROOT, template.root)
    rehearsal.begin(template)
    rehearsal.commit(template, "Template")
    words = ["cookiecutter", str(template.root), "--no-input", "--output-dir", str(folder / "baked")]
    subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True, capture_output=True)
    return next((folder / "baked").iterdir())
