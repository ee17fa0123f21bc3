"""Save a pipeline so that the same pipeline always gives the same bytes."""

import importlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import skops.io

from slipway.bundle.unloadable import refuse_parts, refuse_unsaved
from slipway.errors import ModelRefused
from slipway.serving.manifest import ReleaseError
from slipway.serving.pipeline import load_model
from slipway.serving.trusted import Node, NotTrusted, find_nodes, is_node

EPOCH = (1980, 1, 1, 0, 0, 0)
# What a search remembers of the clock: no answer needs it, and it would make each training another model.
TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")
# What CatBoost writes into each model beside what it learnt: a number drawn by chance, and the time.
STAMPS = ("model_guid", "train_finish_time")


def save(pipeline: Any, path: Path) -> None:
    """Write a pipeline as a skops file.

    skops names the parts of its zip after memory addresses and stamps them with the time; both are replaced, so that a model's sha256
    speaks of the model alone. Raises ModelRefused.
    """
    buffer = io.BytesIO()
    try:
        skops.io.dump(pipeline, buffer)
    except Exception as error:  # whatever a part of the pipeline raises when it is asked for its state
        raise refuse_unsaved(error, pipeline) from error
    with zipfile.ZipFile(buffer) as dumped, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        schema = json.loads(dumped.read("schema.json"))
        stamped = _settle(schema)
        parts = {new: _drop_stamps(dumped.read(old)) if old in stamped else dumped.read(old) for old, new in _renumber(schema).items()}
        parts["schema.json"] = json.dumps(schema, indent=1).encode()
        for name, content in sorted(parts.items()):
            written.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)


def refuse_unloadable(path: Path) -> None:
    """Raise ModelRefused when the service would not load what was saved."""
    try:
        load_model(path)
    except ReleaseError as error:
        cause = error.__cause__ or error
        raise (refuse_parts(cause.parts) if isinstance(cause, NotTrusted) else refuse_unsaved(cause)) from error


def _renumber(schema: Node) -> dict[str, str]:
    """Replace memory addresses by numbers in order of appearance, in place; returns the old and new names of the files.

    Only the fields of nodes are touched. What a model holds under the same words is data.
    """
    numbers, files = dict[str, str](), dict[str, str]()
    for node in find_nodes(schema):
        if node["__loader__"] == "JsonNode":
            node.pop("__id__", None)  # whether two equal numbers or words are one object hangs on the interpreter
        elif "__id__" in node:
            node["__id__"] = int(numbers.setdefault(str(node["__id__"]), str(len(numbers))))
        if isinstance(node.get("file"), str):
            address, _, suffix = node["file"].partition(".")
            node["file"] = files.setdefault(node["file"], f"{numbers.setdefault(address, str(len(numbers)))}.{suffix}")
    return files


def _settle(schema: Node) -> set[str]:
    """Make what hangs on the process, and not on the model, the same everywhere, in place; returns the files with a stamp in them.

    Raises ModelRefused.
    """
    stamped = set[str]()
    for node in find_nodes(schema):
        if node["__loader__"] == "ObjectNode":
            attributes = (node.get("content") or {}).get("content")
            if isinstance(attributes, dict):
                _settle_attributes(attributes)
                _settle_threads(attributes)
            if node["__module__"].startswith("catboost."):
                stamped |= {each["file"] for each in find_nodes(node) if each["__loader__"] == "BytesNode"}
        elif node["__loader__"] == "DictNode":
            _settle_keys(node)
        elif node["__loader__"] == "SetNode":
            node["content"].sort(key=_sort_key)
        elif node["__loader__"] == "ConstructorFromReduceNode" and node["__class__"] == "frozenset":
            node["content"]["content"][0]["content"].sort(key=_sort_key)
    return stamped


def _drop_stamps(content: bytes) -> bytes:
    """Return a model of CatBoost without its stamps."""
    model = importlib.import_module("catboost").CatBoost()  # by name, since only a project that uses it has it
    model.load_model(blob=content)
    for name in STAMPS:
        model.get_metadata()[name] = ""
    return bytes(model.__getstate__()["__model"])


def _settle_attributes(attributes: dict[str, Any]) -> None:
    """Forget memory addresses and the clock, and keep of the distributions that a search drew from only their names."""
    if "_stop_words_id" in attributes:  # where a CountVectorizer's stop words were in memory; it only warns by it
        attributes["_stop_words_id"] = _make_plain(0)
    if "refit_time_" in attributes:
        attributes["refit_time_"] = _make_plain(0.0)
    results = attributes.get("cv_results_", {}).get("content")
    if isinstance(results, dict):
        results.update({name: _make_plain(None) for name in TIMES if name in results})
    for node in find_nodes(attributes.get("param_distributions")):
        if node["__loader__"] == "ObjectNode" and node["__module__"].startswith("scipy.stats."):
            name = f"{node['__module__']}.{node['__class__']}"
            node.clear()
            node.update(_make_plain(name))


def _make_plain(value: Any) -> Node:
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value), "is_json": True}


def _settle_threads(attributes: dict[str, Any]) -> None:
    """Forget how many cores LightGBM found on the machine; 0 stands for all."""
    if {"_handle", "params"} <= attributes.keys() and isinstance(attributes["_handle"].get("content"), str):
        attributes["_handle"]["content"] = re.sub(r"\[num_threads: [0-9]+\]", "[num_threads: 0]", attributes["_handle"]["content"])
        if "num_threads" in attributes["params"]["content"]:
            attributes["params"]["content"]["num_threads"] = _make_plain(0)


def _settle_keys(node: Node) -> None:
    """Keep the keys of a dict apart: JSON knows texts only, so that 1 and "1" become one, and skops reads "false" as true."""
    content, types = node["content"], node["key_types"]["content"]
    if len(content) != len(types):
        raise ModelRefused(
            f"A dict in the fitted pipeline has keys that are the same as text, such as 1 and '1', among: {', '.join(list(content)[:5])}. "
            "Nothing was changed. Next: give it keys of one type, in a file of model/; then ./run train."
        )
    of_bool = [each["__class__"] == "bool" for each in types]
    node["content"] = {"" if key == "false" and flag else key: value for (key, value), flag in zip(content.items(), of_bool, strict=True)}


def _sort_key(node: Any) -> str:
    """Return a node as text to sort by, without what differs from one process to another."""
    return json.dumps(_drop_addresses(node))


def _drop_addresses(value: Any) -> Any:
    """Return a copy without the addresses of nodes."""
    if isinstance(value, list):
        return [_drop_addresses(each) for each in value]
    if not isinstance(value, dict):
        return value
    dropped = ("__id__", "file") if is_node(value) else ()
    return {key: _drop_addresses(each) for key, each in value.items() if key not in dropped}
