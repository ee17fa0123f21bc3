"""What a release's folder holds, and its name."""

from pathlib import Path

from slipway.serving.manifest import canonical, sha256

CODE = ("service", "model", "slipway/serving")
FILES = ("requirements/serve.txt", "slipway/__init__.py")
RELEASE = "release"


def digest_of(folder: Path) -> str:
    """Return the digest of a release's folder: the hash of the names and hashes of its files."""
    parts = (folder / name for name in (*CODE, *FILES, RELEASE))
    files = [each for part in parts for each in ([part] if part.is_file() else part.rglob("*")) if each.is_file()]
    hashes = {each.relative_to(folder).as_posix(): sha256(each.read_bytes()) for each in files if "__pycache__" not in each.parts}
    return "sha256:" + sha256(canonical(hashes))
