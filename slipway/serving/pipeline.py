"""A model that is not compiled: the fitted pipeline itself, from a skops file, asked by way of a DataFrame."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

from slipway.serving import trusted
from slipway.serving.answers import answer
from slipway.serving.frames import to_frame
from slipway.serving.manifest import ReleaseError
from slipway.serving.release import Answer

# skops lists all estimators when it is imported, for which it imports all of scikit-learn: a fifth of the time to start.
# The list is what it would trust; `trusted` decides that here.
with mock.patch("sklearn.utils.all_estimators", list):
    import skops.io


def load_pipeline(content: bytes, task: str) -> Answer:
    """Return what answers columns by the pipeline of a skops file. Raises whatever skops does, or NotTrusted."""
    pipeline = parse_model(content)
    return lambda columns: answer(pipeline, to_frame(columns), task)


def load_model(path: Path) -> Any:
    """Load a skops file, if all that it names may be loaded. Raises ReleaseError."""
    try:
        return parse_model(path.read_bytes())
    except Exception as error:  # whatever a damaged or foreign file makes skops raise
        raise ReleaseError(f"{path} is not a model that may be loaded: {error}") from error


def parse_model(content: bytes) -> Any:
    """Load the content of a skops file, if all that it names may be loaded. Raises whatever skops does, or NotTrusted."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = trusted.check_names(json.loads(file.read("schema.json")))
    return skops.io.loads(content, trusted=names)
