"""What CHANGELOG.md of the template says of its versions: nothing but Python's own here."""

import re

CHANGELOG = "CHANGELOG.md"
HEADING = re.compile(r"^## (v\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)\n", re.MULTILINE)


def read_versions(text: str) -> dict[str, str]:
    """Return what is written of each version under its heading, the newest first. What is not released yet is left out."""
    _, *found = HEADING.split(text)
    return {version: part.strip() for version, part in zip(found[::3], found[2::3], strict=True)}


def describe_new(before: str, after: str) -> str:
    """Return what one CHANGELOG says of the versions that an older one does not have, the newest first; empty where there are none."""
    known, versions = read_versions(before), read_versions(after)
    return "\n\n".join(f"{version}\n\n{part}" for version, part in versions.items() if version not in known)
