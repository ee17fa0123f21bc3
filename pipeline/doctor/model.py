"""What a data scientist brings: `model/`, `data/train.csv` and `validation/`, looked at in the order in which one thing needs the other."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.doctor.finding import Finding, failed, good, mend
from pipeline.errors import PipelineError, SuiteRefused
from pipeline.owner import run_owner
from pipeline.project import Project

if TYPE_CHECKING:
    pass

ROWS, ANSWERS = 200, 20


def findings(project: Project) -> list[Finding]:
    """Return what is found; where the model cannot be imported that is all there is to say."""
    try:
        from model import behaviour, data, estimator, features, metrics  # noqa: F401  # the owner's, whatever state they are in
        from service.declared import FEATURES  # noqa: F401
    except Exception as error:  # whatever the owner's files raise
        return [mend("model/", f"cannot be imported: {type(error).__name__}: {error}", "Everything starts there.", "correct that file")]
    try:
        return [good("model/", "can be imported"), *of_data(project), fits(project)]
    except PipelineError as error:
        return [
            mend("data", str(error).partition("\n")[0], "Nothing can be learnt or judged without it.", "put it right, then ./run doctor")
        ]


def of_data(project: Project) -> Iterator[Finding]:
    """Hold declaration, expectations, training data and reference dataset against each other."""
    from pipeline import dataset, rules
    from pipeline.doctor import columns
    from validation import leak

    judged_by = rules.of(project)
    rows, reference = dataset.read(project.train_data), dataset.read(judged_by.reference)
    differ = [*columns.findings(rows, "data/train.csv"), *columns.findings(reference, "validation/reference.csv")]
    yield from differ or [good("model/features.py", f"declares what {len(rows)} and {len(reference)} rows have")]
    if not differ:
        try:
            yield from expected(project, dataset.checked(rows, judged_by).findings)
        except SuiteRefused as error:
            yield unusable(error)
        both = leak.overlap(rows, reference)
        yield disjoint(len(both), both[:5])


def expected(project: Project, broken: list[Any]) -> Iterator[Finding]:
    """Tell whether the expectations hold; a suite that would is written beside the bundle where they do not."""
    from pipeline.doctor import columns

    if not broken:
        yield good("expectations", "hold for data/train.csv")
        return
    proposed = project.root / "build" / "expectations.json"
    proposed.parent.mkdir(exist_ok=True)
    proposed.write_text(columns.suite(), encoding="utf-8")
    first = broken[0]
    yield mend(
        "expectations",
        f"{len(broken)} do not hold, such as {first.expectation[:60]} of {first.column or 'all'}: {first.observed[:60]}",
        "`train` refuses data that is not as described.",
        "correct the data; or, for another model, read build/expectations.json, which fits model/features.py, and put it into validation/",
    )


def unusable(error: SuiteRefused) -> Finding:
    """Tell that the expectations cannot be used, all of what is wrong in one line."""
    found, _, remedy = " ".join(str(error).split()).rpartition(" Next: ")
    return failed("expectations", found.rstrip("."), "Nothing is judged by the others alone: `train` and `validate` end here.", remedy)


def disjoint(number: int, some: list[int]) -> Finding:
    """Tell whether reference rows were learnt from."""
    if not number:
        return good("reference dataset", "no row of it is in data/train.csv")
    return mend(
        "reference dataset",
        f"{number} of its rows are in data/train.csv too, such as {', '.join(map(str, some))} (from 0)",
        "A model that has seen the answers looks better than it is.",
        "take them out of one of the two",
    )


def fits(project: Project) -> Finding:
    """Fit on some rows, store that, load it as the service does, and have it answer rows one by one and together."""
    from model import features
    from pipeline import dataset, skops_file, train
    from service.answers import answer
    from service.parity import TOLERANCE, distance
    from service.release import load_model
    from validation import leak
    from validation.scoring import compute_losses, compute_metrics

    what = "model/estimator.py"
    try:
        rows = dataset.read(project.train_data).sample(frac=1, random_state=0).head(ROWS)
        fitted, classes = train.learn(rows, project.train_data), dataset.read_classes(rows, project.train_data)
        some = rows[leak.inputs()].head(ANSWERS)
        together = train.ask(fitted, rows.head(ANSWERS), classes, "data/train.csv")
        with tempfile.TemporaryDirectory() as folder:
            skops_file.save(fitted, Path(folder) / "model.skops")
            skops_file.refuse_unloadable(Path(folder) / "model.skops")
            loaded = load_model(Path(folder) / "model.skops")
        alone = [answer(loaded, some.iloc[[number]], features.TASK).tolist()[0] for number in range(len(some))]
        off = distance(alone, together)
        truth = dataset.read_truth(rows.head(ANSWERS), classes, project.train_data)
        run_owner("loss", compute_losses, truth, together)
        run_owner("metrics", compute_metrics, truth, together)
    except PipelineError as error:
        return mend(what, str(error).partition(" Nothing was changed.")[0], "The service could not load it.", "see docs/your-model.md")
    except Exception as error:  # whatever the owner's code or scikit-learn raises
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return mend(
            what, f"on {ROWS} rows: {said}", "`train` would end the same way.", "correct it; ./run test tests/test_model.py says more"
        )
    if not off <= TOLERANCE:
        return mend(
            what,
            f"answers a row alone up to {off:g} other than among others",
            "Callers ask either way.",
            "look for what uses the whole batch, such as its mean",
        )
    return good(what, f"fits {ROWS} rows, can be stored, and answers each row alone as among others")
