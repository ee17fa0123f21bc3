"""Train: fit the model on `data/train.csv` and write `build/bundle`. A search or another source of data goes here."""

from threadpoolctl import threadpool_limits

from slipway import rules
from slipway.bundle import data_reference, training
from slipway.gate import dataset, verdict
from slipway.project import Project
from slipway.say import line
from slipway.serving.manifest import Manifest
from slipway.tracking import ledger


def train(project: Project, uncommitted_data: bool = False) -> Manifest:
    """Train on the project's data and write its bundle. Raises PipelineError; the bundle before it is then still there."""
    # The order in which threads add up changes the last digits, and with them the model's hash. An estimator's own `n_jobs` does not.
    with threadpool_limits(limits=1):
        training.refuse_declaration()
        if not uncommitted_data:
            data_reference.refuse_other(project)
        by = rules.load_rules(project)
        rows, reference = dataset.read_training(project, by), dataset.read_reference(by)
        fitted = training.learn(rows, project.train_data)
        manifest = training.write_bundle(project, fitted, rows, reference, by)
    verdict.forget(project)
    ledger.record_training(project)
    line(f"trained on {len(rows)} rows: " + ", ".join(f"{name} {value:.4g}" for name, value in manifest.metrics.values.items()))
    return manifest
