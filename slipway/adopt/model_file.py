"""Tell what a model's file is, and read it as a tree of names: a pickle, plain or compressed, by its opcodes; a skops file by its check."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from slipway.adopt.pickle_arrays import read_array
from slipway.adopt.pickle_reader import Source, read_tree
from slipway.adopt.pickle_tree import NotRead, Tree
from slipway.errors import PipelineError
from slipway.serving.manifest import ReleaseError
from slipway.serving.pipeline import load_model
from slipway.serving.trusted import NotTrusted, find_nodes

# A compressed file that holds more is not unpacked.
MOST_BYTES = 2 << 30
PART = 1 << 20
EXPECTED = "Expected: a pickle, a joblib file or a skops file of a fitted scikit-learn, XGBoost, LightGBM or CatBoost model"
BY_HAND = "write its pipeline by hand in model/estimator.py"
PICKLED = "--model with the pickle or joblib file that it was made from, or " + BY_HAND
RETRAINED = "./run adopt with the table alone, which drafts a baseline, and beat it"
# How files begin that are no pickle, what they are, and what to do.
BEGINNINGS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    ((b"\x89HDF",), "an HDF5 file, such as Keras writes: weights of a network", f"{RETRAINED}, since networks are not served here"),
    ((b"X\n\0\0\0", b"A\n2\n", b"A\n3\n", b"RDX", b"RDA"), "a file of R (RDS or RData): what only R can read", RETRAINED),
    ((b"CBM1",), "a model of CatBoost alone: its trees, without the parameters of build()", PICKLED),
    ((b"tree\nversion=",), "a model of LightGBM alone: its trees, without the parameters of build()", PICKLED),
    (
        (b"\x04\x22\x4d\x18",),
        "compressed with lz4, which Python alone does not read",
        "joblib.dump(model, FILE, compress=3) where it was made",
    ),
    ((b"\x28\xb5\x2f\xfd",), "compressed with Zstandard, which is not read", "joblib.dump(model, FILE, compress=3) where it was made"),
    ((b"ZF0x",), "a joblib file of before 2016, in a form that is not read", "joblib.dump(model, FILE) where it can be loaded"),
    ((b"version https://git-lfs",), "a pointer of Git LFS, and not the file itself", "git lfs pull"),
    ((b"\x93NUMPY",), "an array of numpy, and no model", PICKLED),
)
COMPRESSED = {"gzip": (b"\x1f\x8b",), "bz2": (b"BZh",), "xz": (b"\xfd7zXZ", b"\x5d\0\0")}
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


@dataclass(frozen=True)
class ModelFile:
    """What a file holds: its outermost value and all names as a tree, how it was written, and the versions that it says of itself."""

    tree: Tree
    form: str
    versions: Mapping[str, str]
    loaded: bool = False


def read_model(path: Path) -> ModelFile:
    """Read a model's file without loading a pickle. Raises PipelineError for one that is none."""
    if path.is_dir():
        there = next((each.name for each in sorted(path.iterdir()) if each.suffix in (".pkl", ".pickle", ".joblib", ".skops")), "FILE")
        raise PipelineError(f"{path} is a folder. {EXPECTED}. Next: --model {path / there}.")
    if not path.is_file():
        raise PipelineError(f"{path} is no file. {EXPECTED}. Next: --model with the path of the file.")
    with path.open("rb") as file:
        beginning = file.read(400)
    _refuse_other(path, beginning)
    if beginning.startswith(b"PK\x03\x04"):
        return _read_zip(path)
    with _open_plain(path, beginning) as (plain, compression):
        first = plain.read(400)
        _refuse_other(path, first)
        plain.seek(0)
        tree = _read_pickle(path, plain)
    form = f"{'joblib file' if tree.joblib else 'pickle'}, protocol {tree.protocol}{f', {compression}' if compression else ''}"
    return ModelFile(tree, form, {})


def _refuse(path: Path, what: str, then: str) -> PipelineError:
    return PipelineError(f"{path.name} is {what}. {EXPECTED}. Next: {then}.")


def _refuse_other(path: Path, beginning: bytes) -> None:
    """Raise PipelineError for a file of which the first bytes say that it is none that is read."""
    if not beginning:
        raise PipelineError(f"{path.name} is empty. {EXPECTED}. Next: save the model again.")
    for starts, what, then in BEGINNINGS:
        if beginning.startswith(starts):
            raise _refuse(path, what, then)
    plain = beginning.lstrip()
    if plain.startswith((b"<?xml", b"<PMML")):
        raise _refuse(path, "XML, such as PMML: what is computed, and not what is fitted", PICKLED)
    if plain.startswith(b"{"):
        raise _refuse(path, "JSON or UBJSON, such as XGBoost's own: trees, without the parameters of build()", PICKLED)
    if path.suffix == ".onnx" or (beginning.startswith(b"\x08") and b"onnx" in beginning.lower()):
        raise _refuse(path, "an ONNX graph: what is computed, and not what is fitted", PICKLED)


def _read_pickle(path: Path, file: IO[bytes]) -> Tree:
    try:
        return read_tree(Source(file), read_array)
    except NotRead as error:
        reason = f"cannot be read as a pickle: {str(error).rstrip('.')}. Nothing in it was run"
        raise PipelineError(f"{path.name} {reason}. {EXPECTED}. Next: save the model again, and copy the whole file.") from error


# --- compressed


@contextmanager
def _open_plain(path: Path, beginning: bytes) -> Iterator[tuple[IO[bytes], str]]:
    """Open a file without its compression, with the name of that."""
    kind = next((name for name, starts in COMPRESSED.items() if beginning.startswith(starts)), "")
    kind = "zlib" if beginning.startswith(ZLIB) else kind
    with path.open("rb") as file:
        if not kind:
            yield file, ""
            return
        with tempfile.TemporaryFile() as plain:
            try:
                _copy(_inflate(file) if kind == "zlib" else _read_parts(kind, file), plain, path)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                what = f"compressed with {kind}, and damaged or cut off: {error}"
                raise _refuse(path, what, "copy the whole file") from error
            plain.seek(0)
            yield plain, kind


def _copy(parts: Iterator[bytes], plain: IO[bytes], path: Path) -> None:
    left = MOST_BYTES
    for part in parts:
        left -= len(part)
        if left < 0:
            what = f"compressed, and holds more than {MOST_BYTES >> 30} GB"
            raise _refuse(path, what, "save the model without its training data")
        plain.write(part)


def _read_parts(kind: str, file: IO[bytes]) -> Iterator[bytes]:
    opened: Any = {"gzip": gzip.GzipFile, "bz2": bz2.BZ2File, "xz": lzma.LZMAFile}[kind]
    with opened(file) if kind != "gzip" else gzip.GzipFile(fileobj=file) as plain:
        while part := plain.read(PART):
            yield part


def _inflate(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what zlib has compressed, in parts of limited size."""
    inflating, rest = zlib.decompressobj(), b""
    while not inflating.eof:
        rest = rest or file.read(PART)
        if not rest:
            raise EOFError("it has no end")
        yield inflating.decompress(rest, PART)
        rest = inflating.unconsumed_tail


# --- zip files


def _read_zip(path: Path) -> ModelFile:
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
            schema = json.loads(file.read("schema.json")) if "schema.json" in names else None
    except (OSError, ValueError, zipfile.BadZipFile, RecursionError, NotImplementedError, RuntimeError) as error:
        raise _refuse(path, f"a damaged zip file: {error}", "copy the whole file") from error
    if schema is not None:
        return _read_skops(path, schema)
    if any(each.endswith("data.pkl") for each in names):
        raise _refuse(path, "a file of PyTorch: weights of a network", f"{RETRAINED}, since networks are not served here")
    if any(each.endswith(".weights.h5") for each in names):
        raise _refuse(path, "a model of Keras: weights of a network", f"{RETRAINED}, since networks are not served here")
    raise _refuse(path, f"a zip file with {', '.join(names[:3]) or 'nothing'}", "unpack it, and --model with the file of the model in it")


def _read_skops(path: Path, schema: Any) -> ModelFile:
    """Load a skops file where all that it names is trusted, and return it as the tree of a pickle."""
    try:
        fitted = load_model(path)
    except ReleaseError as error:
        cause = error.__cause__
        parts = [each.path for each in cause.parts[:5]] if isinstance(cause, NotTrusted) else []
        what = f"a skops file that names {', '.join(parts)}" if parts else f"a skops file that cannot be read: {cause or error}"
        then = "have them in model/steps.py under that name and save the model with them, or " + BY_HAND if parts else BY_HAND
        raise PipelineError(
            f"{path.name} is {what}. Nothing of it was loaded. Expected: parts that may be loaded. Next: {then}."
        ) from error
    tree = read_tree(Source(io.BytesIO(pickle.dumps(fitted))))
    found = {"scikit-learn": version} if (version := _find_version(schema)) else {}
    return ModelFile(tree, "skops file, which names only what may be loaded", found, loaded=True)


def _find_version(schema: Any) -> str:
    """Return the version of scikit-learn in a skops file: loading it forgets that."""
    for node in find_nodes(schema):
        content = node.get("content")
        written = content.get("_sklearn_version") if isinstance(content, dict) else None
        if isinstance(written, dict) and isinstance(written.get("content"), str):
            return str(written["content"]).strip('"')[:20]
    return ""
