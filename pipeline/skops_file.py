"""Save a pipeline so that the same pipeline always gives the same bytes."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import skops.io

from pipeline.errors import ModelRefused
from service.release import ReleaseError, load_model

EPOCH = (1980, 1, 1, 0, 0, 0)


def save(pipeline: Any, path: Path) -> None:
    """Write a pipeline as a skops file.

    skops names the parts of its zip after memory addresses and stamps them with the time; both are replaced, so that a model's sha256
    speaks of the model alone. Raises ModelRefused.
    """
    buffer = io.BytesIO()
    try:
        skops.io.dump(pipeline, buffer)
    except Exception as error:  # whatever a part of the pipeline raises when it is asked for its state
        raise refused(error) from error
    with zipfile.ZipFile(buffer) as given, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        schema = json.loads(given.read("schema.json"))
        names: dict[str, str] = {}
        renumber(schema, names)
        parts = {new: given.read(old) for old, new in names.items() if old in given.namelist()}
        parts["schema.json"] = json.dumps(schema, indent=1).encode()
        for name, content in sorted(parts.items()):
            written.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)


def refuse_unloadable(path: Path) -> None:
    """Raise ModelRefused when the service would not load what was saved."""
    try:
        load_model(path)
    except ReleaseError as error:
        raise refused(error.__cause__) from error


def refused(error: BaseException | None) -> ModelRefused:
    """Say what cannot be stored."""
    return ModelRefused(
        f"The fitted pipeline has a part that skops does not store, or that is neither scikit-learn's nor written in model/: {error} "
        "Nothing was changed. "
        "Next: write it as a class or a named function (no lambda) in a file of model/, or do without; then ./run train."
    )


def renumber(node: Any, names: dict[str, str]) -> None:
    """Replace memory addresses by numbers in order of appearance, in place; `names` collects old and new names."""
    if isinstance(node, list):
        for each in node:
            renumber(each, names)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "_stop_words_id":  # where a CountVectorizer's stop words were in memory; it only warns by it
            value["content"] = "0"
        if key == "__id__":
            node[key] = int(names.setdefault(str(value), str(len(names))))
        elif key == "file":
            address, _, suffix = value.partition(".")
            node[key] = names.setdefault(value, f"{names.setdefault(address, str(len(names)))}.{suffix}")
        else:
            renumber(value, names)
