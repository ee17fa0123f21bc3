"""Fit the model, ask it, and write the bundle: model, manifest, golden rows with their answers, serving config."""

import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model import estimator, features
from slipway import git
from slipway.bundle import data_reference, serveable, skops_file
from slipway.bundle.estimators import refuse_kind, refuse_target, refuse_task
from slipway.bundle.graph import list_modules
from slipway.bundle.image import choose_lock, find_lacking
from slipway.errors import ModelRefused
from slipway.gate import comparison, dataset, gate
from slipway.gate.comparison import Sides
from slipway.gate.losses import Values
from slipway.gate.scoring import choose_trivial, compute_metrics
from slipway.owner import owner_step, run_owner
from slipway.project import Project
from slipway.rules import Rules
from slipway.serving import manifest as parts
from slipway.serving.answers import Answers, answer
from slipway.serving.frames import records

GRAPH = "model.onnx"
PACKAGES = ("scikit-learn", "numpy", "scipy", "pandas", "skops", "onnx", "onnxruntime", "fastapi", "uvicorn", "pydantic")


def refuse_declaration() -> None:
    """Raise ModelRefused when `TASK` or `TARGET` is none that is taken."""
    refuse_task(features.TASK)
    refuse_target(features.TARGET)


def learn(rows: pd.DataFrame, path: Path) -> Any:
    """Fit the owner's estimator on rows of a file. Raises PipelineError."""
    classes = dataset.read_classes(rows, path)
    return fit(rows[dataset.list_inputs()], dataset.read_truth(rows, classes, path), classes)


def fit(rows: pd.DataFrame, truth: Values, classes: Sequence[Any] | None) -> Any:
    """Build the owner's estimator and fit it on rows and their truth. Raises PipelineError."""
    with owner_step("build"):
        built = estimator.build()
    refuse_kind(built, features.TASK, features.TARGET)
    with owner_step("fit", "data/train.csv"):
        fitted = built.fit(rows, pd.Series(truth, name=features.TARGET))
    if classes is not None and list(getattr(fitted, "classes_", range(len(classes)))) != list(range(len(classes))):
        raise ModelRefused(
            f"The fitted estimator has the classes {list(fitted.classes_)}. Expected: 0 to {len(classes) - 1}, the numbers that `fit` "
            "receives. Nothing was changed. Next: let model/estimator.py pass the target on unchanged, then ./run train."
        )
    return fitted


def predict(fitted: Any, rows: pd.DataFrame, classes: Sequence[Any] | None, on: str) -> Answers:
    """Have a fitted model answer rows of a file. Raises PipelineError when the answers are not numbers in the shape of the task."""
    with owner_step("answer", on):
        answers = answer(fitted, rows[dataset.list_inputs()], features.TASK)
    shape = (len(rows), len(classes or ())) if features.TASK == "multiclass" else (len(rows),)
    if answers.shape != shape:
        raise ModelRefused(
            f"On {on} the model answers in shape {answers.shape}. Expected: {shape} for TASK = {features.TASK!r}. Nothing was changed. "
            "Next: correct model/estimator.py or TASK, then ./run train."
        )
    if broken := gate.describe_not_finite(answers):
        raise ModelRefused(f"On {on} {broken} Nothing was changed. Next: correct model/estimator.py, then ./run train.")
    return answers


def write_bundle(project: Project, fitted: Any, rows: pd.DataFrame, reference: pd.DataFrame, rules: Rules) -> parts.Manifest:
    """Write the bundle of a fitted model, whole or not at all. Raises PipelineError; the bundle before it is then still there."""
    bundle = project.bundle.with_name("bundle.new")
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    manifest = write_files(project, bundle, fitted, rows, reference, rules)
    (bundle / "manifest.json").write_bytes(parts.canonical(manifest.model_dump(mode="json")))
    shutil.rmtree(project.bundle, ignore_errors=True)
    bundle.rename(project.bundle)
    return manifest


def write_files(project: Project, bundle: Path, fitted: Any, rows: pd.DataFrame, reference: pd.DataFrame, rules: Rules) -> parts.Manifest:
    """Write everything but the manifest, and return that. Raises ModelRefused when the model cannot be stored, or does not answer."""
    skops_file.save(fitted, bundle / "model.skops")
    skops_file.refuse_unloadable(bundle / "model.skops")
    shutil.copyfile(project.root / "service" / "config.toml", bundle / "config.toml")
    classes = dataset.read_classes(rows, project.train_data)
    dataset.read_truth(reference, classes, rules.reference)
    answers, learnt = predict(fitted, reference, classes, "the reference dataset"), predict(fitted, rows, classes, "data/train.csv")
    serveable.refuse_unanswered(fitted, reference)
    _write_golden(bundle, reference, answers)
    (bundle / "bins.json").write_bytes(parts.canonical(serveable.make_bins(rows, learnt).model_dump(mode="json")))
    model = _describe_model(fitted, bundle, _write_graph(project, bundle, fitted, reference, answers), classes)
    kept = data_reference.read_reference(project)
    return parts.Manifest(
        project=project.product,
        dirty=bool(git.list_changes(project.root)) or not kept.held,
        **_describe_code(project, choose_lock(model)),
        task=features.TASK,
        target=features.TARGET,
        model=model,
        config=_describe_file(bundle, "config.toml"),
        golden=_describe_file(bundle, "golden.json"),
        bins=_describe_file(bundle, "bins.json"),
        data=_describe_data(project, project.train_data, rows).model_copy(update={"dvc_md5": kept.dvc_md5}),
        reference=_describe_data(project, rules.reference, reference),
        features=parts.Features(columns=dataset.list_inputs(), schema_sha256=_hash_schema(), contract_version=features.CONTRACT_VERSION),
        trivial=run_owner("loss", choose_trivial, dataset.read_truth(rows, classes, project.train_data), classes),
        metrics=_measure(rules, Sides(reference, answers, None, answers, classes)),
        access_control=True,
    )


def _write_golden(bundle: Path, reference: pd.DataFrame, answers: Answers) -> None:
    config, rows = serveable.read_config(bundle / "config.toml"), records(reference[dataset.list_inputs()])
    chosen = serveable.choose_golden_rows(rows, config.max_rows, config.max_body_bytes)
    golden = {"rows": [rows[number] for number in chosen], "answers": answers[chosen].tolist()}
    (bundle / "golden.json").write_bytes(parts.canonical(golden))


def _write_graph(project: Project, bundle: Path, fitted: Any, reference: pd.DataFrame, answers: Answers) -> parts.Compiled:
    """Write the graph that is to answer in place of the pipeline; none where the service needs packages that its image does not hold."""
    compiled, graph = serveable.compile_model(fitted, reference, answers)
    if graph and (lacking := find_lacking(project.root, list_modules(graph))):
        compiled, graph = compiled.model_copy(update={"reason": lacking}), None
    if graph:
        (bundle / GRAPH).write_bytes(graph)
    return compiled


def _describe_code(project: Project, lock: str) -> dict[str, Any]:
    """Return what the manifest says of the code: its commit, the versions that it ran with, and what its image is made from."""
    return {
        "commit": git.read_head(project.root),
        "created_at": git.read_commit_time(project.root),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "lock_sha256": parts.sha256((project.root / lock).read_bytes()),
    }


def _describe_file(bundle: Path, name: str) -> parts.File:
    return parts.File(file=name, sha256=parts.sha256((bundle / name).read_bytes()))


def _describe_model(fitted: Any, bundle: Path, compiled: parts.Compiled, classes: Sequence[Any] | None) -> parts.Model:
    parameters = {name: str(value) for name, value in fitted.get_params().items() if isinstance(value, int | float | str | None)}
    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    return parts.Model(
        **_describe_file(bundle, "model.skops").model_dump(),
        estimator=type(last).__name__,
        parameters=parameters,
        classes=None if classes is None else list(classes),
        compiled=compiled,
        graph=_describe_file(bundle, GRAPH) if (bundle / GRAPH).is_file() else None,
    )


def _describe_data(project: Project, path: Path, frame: pd.DataFrame) -> parts.Data:
    groups = frame[features.GROUP].astype(str) if features.GROUP else None
    span = None if groups is None else (groups.min(), groups.max())
    source = path.relative_to(project.root).as_posix()
    return parts.Data(source=source, sha256=parts.sha256(path.read_bytes()), rows=len(frame), span=span)


def _hash_schema() -> str:
    return parts.sha256(parts.canonical(features.Row.model_json_schema()))


def _measure(rules: Rules, sides: Sides) -> parts.Metrics:
    """Measure answers on the reference dataset, overall and by slice. Raises PipelineError."""
    losses = run_owner("loss", sides.losses, sides.ours)

    def loss(chosen: Any) -> parts.Loss:
        groups = sides.reference.loc[chosen, features.GROUP] if features.GROUP else None
        found = gate.bootstrap_mean(losses[chosen], groups, rules.thresholds.confidence, rules.thresholds.resamples, seed=0)
        return parts.Loss(rows=found.rows, mean=found.mean, low=found.low, high=found.high)

    return parts.Metrics(
        values=run_owner("metrics", compute_metrics, sides.truth, sides.ours),
        loss=loss(np.ones(len(sides.reference), dtype=bool)),
        slices={name: loss(chosen) for name, chosen in comparison.mask_slices(sides.reference).items() if chosen.any()},
    )
