"""What the service has to know of a fitted model: bins to count in, its graph where it has one, that it answers new categories."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from model import features
from slipway.bundle.graph import NotCompiled, compile_pipeline
from slipway.errors import ModelRefused
from slipway.gate import drift_scores as drift
from slipway.owner.raised import describe_error
from slipway.serving import bins
from slipway.serving.answers import Answers, answer
from slipway.serving.declared import FEATURES, Feature
from slipway.serving.frames import convert, read_columns
from slipway.serving.graph import LoadedGraph
from slipway.serving.manifest import Compiled
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.release import Answer, Config
from slipway.serving.requests import describe_invalid

# The parts of the training data that are held against all of it: so many rows each, or more where there would be more parts.
FEWEST_ROWS, MOST_PARTS = 100, 200
# So many rows of the reference dataset are asked alone, too.
ROWS_ALONE = 100
# So many golden rows, where they fit one request; a container is asked for its proof by words of a command line, which takes two megabytes.
GOLDEN_ROWS, PROOF_BYTES = 20, 1_000_000
# What a feature may be that training never saw, and what to write where the model cannot answer that.
CATEGORY = "a category that training never saw"
ENCODE = 'let its encoder take unknown values (handle_unknown="ignore" or "use_encoded_value"), or list all values in a Literal'
TEXT = "any text"
PARSE = (
    'let the step that reads it take any text (handle_unknown="ignore" of an encoder, errors="coerce" of pd.to_datetime or pd.to_numeric), '
    r'or declare which texts may come: Annotated[str, Field(pattern=r"^\d\d/\d\d/\d{4}")], say'
)


def make_bins(rows: pd.DataFrame, answers: Answers) -> bins.Watched:
    """Cut the training data and the answers to it into the bins in which the service counts."""
    found = read_columns(rows)
    return bins.Watched(
        features={each.name: cut_bins(found[each.name], each.categories) for each in FEATURES[: bins.FEATURES]},
        predictions=cut_bins(
            answers if answers.ndim == 1 else answers.argmax(axis=1), range(answers.shape[1]) if answers.ndim == 2 else ()
        ),
    )


def cut_bins(column: NDArray[Any], categories: Sequence[Any]) -> bins.Bins:
    """Cut a column into bins, and note how far parts of it are from all of it: each begins in the middle of the one before."""
    whole = bins.fit_bins(column, categories)
    rows = min(max(FEWEST_ROWS, len(column) // MOST_PARTS), len(column))
    shares = [whole.count(column[first : first + rows]) / rows for first in range(0, len(column) - rows + 1, max(rows // 2, 1))]
    return whole.model_copy(update={"usual": drift.compute_usual(np.array(shares), np.asarray(whole.shares), max(rows, 1))})


def compile_model(fitted: Any, reference: pd.DataFrame, answers: Answers) -> tuple[Compiled, bytes | None]:
    """Compile the model and hold its answers against the pipeline's: on the whole reference dataset, by single rows, and at the limits.

    Returns how far they are off, and the graph; or the reason why there is none.
    """
    difference = None
    try:
        graph = compile_pipeline(fitted, [each.name for each in FEATURES], features.TASK, read_columns(reference.head(2)))
        difference = measure_difference(LoadedGraph(graph, features.TASK).answer, fitted, reference, answers)
        if difference <= TOLERANCE:
            return Compiled(difference=difference, reason=None), graph
        reason = f"compiled, it answers {difference:.3g} off, at most {TOLERANCE:g} is allowed"
    except NotCompiled as error:
        reason = str(error)
    except Exception as error:  # whatever a model that is not foreseen makes the graph raise
        reason = f"compiled, it fails: {type(error).__name__}: {str(error)[:200]}"
    return Compiled(difference=difference, reason=reason), None


def measure_difference(short: Answer, fitted: Any, reference: pd.DataFrame, answers: Answers) -> float:
    """Return how far a compiled model is off its pipeline, at most: on all rows at once, one by one, and on those of `make_extremes`."""
    columns = read_columns(reference)
    found = short(columns)
    alone = range(0, len(reference), max(1, len(reference) // ROWS_ALONE))
    single = [short({name: values[[row]] for name, values in columns.items()})[0] for row in alone]
    differences = [distance(found, answers), distance(np.array(single), found[list(alone)])]
    for rows, expected in answer_extremes(fitted, make_extremes(reference)):
        differences.append(distance(short(read_columns(rows)), expected))
    return float(np.max(differences))


def answer_extremes(fitted: Any, extremes: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, Answers]]:
    """Yield rows with the pipeline's answers to them: all at once, or one by one without those to which it has no answer."""
    try:
        if len(extremes):
            yield extremes, answer(fitted, extremes, features.TASK)
    except Exception:  # whatever a step raises
        if len(extremes) > 1:
            for row in range(len(extremes)):
                yield from answer_extremes(fitted, extremes.iloc[[row]])


def make_extremes(reference: pd.DataFrame) -> pd.DataFrame:
    """Return rows with a value each that requests may have and the reference dataset hardly has: missing, unknown, the least, the most."""
    rows = reference[[each.name for each in FEATURES]].head(1)
    found = [rows.assign(**{each.name: value}) for each in FEATURES for value in list_extremes(each, reference[each.name])]
    return convert(pd.concat(found, ignore_index=True))[0] if found else rows.head(0)


def list_extremes(feature: Feature, column: "pd.Series[Any]") -> list[Any]:
    """Return values of a feature that requests may have: missing, unknown, and beyond the least and the most that is there."""
    values: list[Any] = [None] if feature.optional else []
    if feature.open or (feature.kind is str and not feature.categories):
        values.append(make_unseen(feature))
    if feature.kind in (int, float) and not feature.categories and column.notna().any():
        values += [feature.kind(column.min() - 1), feature.kind(column.max() + 1)]
    return [each for each in values if feature.takes(each)]


def refuse_unanswered(fitted: Any, reference: pd.DataFrame) -> None:
    """Raise ModelRefused when the model cannot answer a category or a text that it never saw, and a request may have one."""
    for each in FEATURES:
        if (each.open or (each.kind is str and not each.categories)) and each.takes(make_unseen(each)):
            row = reference[[feature.name for feature in FEATURES]].head(1).assign(**{each.name: make_unseen(each)})
            try:
                answer(fitted, row, features.TASK)
            except Exception as error:  # whatever an encoder, or a step of the owner's, raises
                may_be, edit = (CATEGORY, ENCODE) if each.categories else (TEXT, PARSE)
                raise ModelRefused(
                    f"By model/features.py {each.name} may be {may_be}, and the model cannot answer {make_unseen(each)!r} "
                    f"({describe_error(error)}). Nothing was changed. Next: {edit}; then ./run train."
                ) from error


def make_unseen(feature: Feature) -> Any:
    """Return a value that is none of a feature's categories."""
    return max(feature.categories) + 1 if feature.kind is int else "a word that nobody uses"


def read_config(path: Path) -> Config:
    """Read the serving config. Raises ModelRefused where the service could not."""
    try:
        return Config.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = describe_invalid(error, list(Config.model_fields)) if isinstance(error, ValidationError) else error
        raise ModelRefused(f"{path} cannot be read: {reason}. Nothing was changed. Next: correct it, then ./run train.") from error


def choose_golden_rows(rows: Sequence[Mapping[str, Any]], max_rows: int, max_body_bytes: int, count: int = GOLDEN_ROWS) -> list[int]:
    """Return the numbers of up to `count` rows, as evenly spread as may be, that fit one request together.

    Raises ModelRefused when none fits.
    """
    limit = min(max_body_bytes, PROOF_BYTES)
    # In JSON's longest form, with the blank and comma between two rows, and the brackets around all.
    sizes = [len(json.dumps(row)) + 2 for row in rows]
    fitting = [number for number, size in enumerate(sizes) if size <= limit]
    for wanted in range(min(count, max_rows, len(fitting)), 0, -1):
        chosen = [fitting[each] for each in np.unique(np.linspace(0, len(fitting) - 1, wanted).astype(int))]
        if sum(sizes[each] for each in chosen) <= limit:
            return chosen
    raise ModelRefused(
        f"Each row of the reference dataset has {min(sizes, default=0)} bytes or more as JSON, and a request may have {max_body_bytes} "
        f"(at a deploy's proof {PROOF_BYTES}). Nothing was changed. Next: raise max_body_bytes in service/config.toml, or shorten the text "
        "in model/data.py; then ./run train."
    )
