"""Hold a tag of the template against its version and CHANGELOG.md, and print what that says of it, for the page of the release."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from slipway import __version__  # noqa: E402  # as the lines above have it found
from slipway.template.changelog import CHANGELOG, read_versions  # noqa: E402


def describe_release(tag: str, text: str) -> str:
    """Return what the CHANGELOG says of the version of a tag; ends with 1 where tag, code and CHANGELOG do not agree."""
    version, versions = f"v{__version__}", read_versions(text)
    expected = f"Expected: {version!r}, as slipway/__init__.py has it. Next:"
    newest = next(iter(versions), "none")
    if tag != version:
        sys.exit(f"The tag is {tag!r}. {expected} git push --delete origin {tag}, then tag a commit whose version that is.")
    if newest != version:
        sys.exit(f"The newest version in {CHANGELOG} is {newest!r}. {expected} write its part there, merge, and tag that commit.")
    return versions[version]


if __name__ == "__main__":
    print(describe_release(sys.argv[1], (ROOT / CHANGELOG).read_text(encoding="utf-8")))
