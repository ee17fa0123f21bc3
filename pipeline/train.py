"""Fit the model and write the bundle: model, manifest, golden rows with their answers, serving config."""

import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from model import estimator, features
from model import metrics as scores
from pipeline import data_reference, dataset, ledger, repository, serveable, skops_file, verdict
from pipeline import rules as gate_rules
from pipeline.errors import ModelRefused
from pipeline.project import Project
from pipeline.rules import Rules
from pipeline.say import line
from service import manifest as parts
from service.answers import Answers, answer
from service.frames import records
from validation import gate, slices, statistics

GOLDEN_ROWS = 20
PACKAGES = ("scikit-learn", "numpy", "scipy", "pandas", "skops", "fastapi", "uvicorn", "pydantic")


def train(project: Project, uncommitted_data: bool = False) -> parts.Manifest:
    """Train on the project's data and write its bundle. Raises PipelineError; the bundle before it is then still there."""
    # The order in which threads add up changes the last digits, and with them the model's hash. An estimator's own `n_jobs` does not.
    with threadpool_limits(limits=1):
        return trained(project, uncommitted_data)


def trained(project: Project, uncommitted_data: bool) -> parts.Manifest:
    """Train, on one thread."""
    if not uncommitted_data:
        data_reference.refuse_other(project)
    rules = gate_rules.of(project)
    rows, reference = dataset.training(project, rules), dataset.reference(rules)
    columns = list(features.Row.model_fields)
    fitted = estimator.build().fit(rows[columns], rows[features.TARGET])
    bundle = project.bundle.with_name("bundle.new")
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    manifest = write(project, bundle, fitted, rows, reference, rules)
    (bundle / "manifest.json").write_bytes(parts.canonical(manifest.model_dump(mode="json")))
    shutil.rmtree(project.bundle, ignore_errors=True)
    bundle.rename(project.bundle)
    verdict.forget(project)
    ledger.trained(project)
    line(f"trained on {len(rows)} rows: " + ", ".join(f"{name} {value:.4g}" for name, value in manifest.metrics.values.items()))
    return manifest


def write(project: Project, bundle: Path, fitted: Any, rows: pd.DataFrame, reference: pd.DataFrame, rules: Rules) -> parts.Manifest:
    """Write everything but the manifest, and return that. Raises ModelRefused when the model's answers are no numbers."""
    skops_file.save(fitted, bundle / "model.skops")
    skops_file.refuse_unloadable(bundle / "model.skops")
    shutil.copyfile(project.root / "service" / "config.toml", bundle / "config.toml")
    columns = list(features.Row.model_fields)
    answers = answer(fitted, reference[columns], features.TASK)
    if broken := gate.broken(answers):
        raise ModelRefused(f"On the reference dataset {broken} Nothing was changed. Next: correct model/estimator.py, then ./run train.")
    serveable.refuse_unanswered(fitted, reference)
    chosen = np.unique(np.linspace(0, len(reference) - 1, GOLDEN_ROWS).astype(int))
    golden = {"rows": records(reference.iloc[chosen][columns]), "answers": answers[chosen].tolist()}
    (bundle / "golden.json").write_bytes(parts.canonical(golden))
    kept = data_reference.of(project)
    watched = serveable.watched(rows, answer(fitted, rows[columns], features.TASK))
    (bundle / "bins.json").write_bytes(parts.canonical(watched.model_dump(mode="json")))
    return parts.Manifest(
        project=project.name,
        commit=repository.head(project.root),
        dirty=bool(repository.changes(project.root)) or not kept.held,
        created_at=repository.committed_at(project.root),
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
        lock_sha256=parts.sha256((project.root / "requirements" / "serve.txt").read_bytes()),
        task=features.TASK,
        target=features.TARGET,
        model=described(fitted, bundle, serveable.compiled(fitted, reference, answers)),
        config=file(bundle, "config.toml"),
        golden=file(bundle, "golden.json"),
        bins=file(bundle, "bins.json"),
        data=described_data(project, project.train_data, rows).model_copy(update={"dvc_md5": kept.dvc_md5}),
        reference=described_data(project, rules.reference, reference),
        features=parts.Features(columns=columns, schema_sha256=schema_sha256(), contract_version=features.CONTRACT_VERSION),
        trivial=trivial(fitted, rows[features.TARGET]),
        metrics=measure(rules, reference, answers),
    )


def file(bundle: Path, name: str) -> parts.File:
    """Describe a file of the bundle."""
    return parts.File(file=name, sha256=parts.sha256((bundle / name).read_bytes()))


def described(fitted: Any, bundle: Path, short: parts.Compiled) -> parts.Model:
    """Describe the fitted model."""
    parameters = {name: str(value) for name, value in fitted.get_params().items() if isinstance(value, int | float | str | None)}
    classes = None if features.TASK == "regression" else fitted.classes_.tolist()
    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    return parts.Model(
        **file(bundle, "model.skops").model_dump(),
        estimator=type(last).__name__,
        parameters=parameters,
        classes=classes,
        compiled=short,
    )


def described_data(project: Project, path: Path, frame: pd.DataFrame) -> parts.Data:
    """Describe a dataset."""
    groups = frame[features.GROUP].astype(str) if features.GROUP else None
    span = None if groups is None else (groups.min(), groups.max())
    source = path.relative_to(project.root).as_posix()
    return parts.Data(source=source, sha256=parts.sha256(path.read_bytes()), rows=len(frame), span=span)


def schema_sha256() -> str:
    """Return the hash of the input contract."""
    return parts.sha256(parts.canonical(features.Row.model_json_schema()))


def trivial(fitted: Any, target: "pd.Series[Any]") -> list[float]:
    """Return the answer of a model that looks at no feature: the mean, or each class' share."""
    if features.TASK == "regression":
        return [float(target.mean())]
    shares = target.value_counts(normalize=True)
    return [float(shares.get(each, 0.0)) for each in fitted.classes_]


def measure(rules: Rules, reference: pd.DataFrame, answers: Answers) -> parts.Metrics:
    """Measure answers on the reference dataset, overall and by slice."""
    truth = reference[features.TARGET].to_numpy()
    losses = scores.loss(truth, answers)

    def loss(chosen: Any) -> parts.Loss:
        groups = reference.loc[chosen, features.GROUP] if features.GROUP else None
        found = statistics.interval(losses[chosen], groups, rules.thresholds.confidence, rules.thresholds.resamples, seed=0)
        return parts.Loss(rows=found.rows, mean=found.mean, low=found.low, high=found.high)

    return parts.Metrics(
        values=scores.metrics(truth, answers),
        loss=loss(np.ones(len(reference), dtype=bool)),
        slices={name: loss(chosen) for name, chosen in slices.masks(reference).items() if chosen.any()},
    )
