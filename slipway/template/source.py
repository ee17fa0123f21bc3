"""The template that a project was made from, and its versions."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import PipelineError
from slipway.repository import commit_named, git

# Apart from the project's own tags, which name releases; there only while something is compared.
REFS = "refs/slipway/"


@dataclass(frozen=True)
class Template:
    """Where the template is, and the version that a project has of it: a tag or a commit."""

    url: str
    version: str


def of(root: Path) -> Template:
    """Read which template a project is from. Raises PipelineError that says what to write."""
    path = root / "project.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8")).get("template", {})
    if not (said.get("url") and said.get("version")):
        raise PipelineError(
            f"{path} does not say which template the project was made from. Expected there: a section [template] with two lines, such as "
            'url = "https://github.com/OWNER/slipway" and version = "v1.0.0", the tag it was made from or the whole name of the commit. '
            "Next: write them, git commit, and ./run update."
        )
    return Template(said["url"], said["version"])


@contextmanager
def fetched(root: Path, template: Template) -> Iterator[list[str]]:
    """Have all tags of a template in a project's repository for a while; yields them, the newest first. Raises PipelineError."""
    try:
        try:
            git(root, "fetch", "--quiet", "--no-tags", template.url, f"+refs/tags/*:{REFS}*")
        except PipelineError as error:
            said = str(error).rstrip(".")
            raise PipelineError(f"The template is not there: {said}. Next: correct [template] url in {root / 'project.toml'}.") from error
        yield sorted((ref.removeprefix(REFS) for ref in refs(root)), key=number, reverse=True)
    finally:
        git(root, "update-ref", "--stdin", given="".join(f"delete {ref}\n" for ref in refs(root)))


def refs(root: Path) -> list[str]:
    """Return what is there of the template."""
    return git(root, "for-each-ref", "--format=%(refname)", REFS).splitlines()


def number(tag: str) -> tuple[int, ...]:
    """Return what versions are ordered by; empty for a tag that is no version, or comes before one."""
    return tuple(int(part) for part in tag[1:].split(".")) if re.fullmatch(r"v\d+(\.\d+)*", tag) else ()


def newest(tags: Sequence[str], template: Template) -> str:
    """Return the newest version. Raises PipelineError where there is none."""
    if not tags or not number(tags[0]):
        raise PipelineError(f"{template.url} has no version yet, such as v1.2.3. Its tags: {told(tags)}. Next: ./run update --to TAG.")
    return tags[0]


def commit_of(root: Path, tag: str, tags: Sequence[str], template: Template) -> str:
    """Return the commit of a tag of the template. Raises PipelineError with the tags that there are."""
    if tag not in tags:
        raise PipelineError(f"{template.url} has no tag {tag!r}. Its tags: {told(tags)}. Next: ./run update --to one of them.")
    return commit_named(root, REFS + tag)


def commit_had(root: Path, tags: Sequence[str], template: Template) -> str:
    """Return the commit that a project has of its template. Raises PipelineError."""
    if template.version in tags:
        return commit_named(root, REFS + template.version)
    try:
        git(root, "fetch", "--quiet", "--no-tags", template.url, f"+{template.version}:{REFS}had")
        return commit_named(root, f"{REFS}had")
    except PipelineError as error:
        raise PipelineError(
            f"{template.url} has no version {template.version!r}, as [template] in {root / 'project.toml'} says. "
            f"Expected: the whole name of a commit, or a tag. Its tags: {told(tags)}. Next: correct it there, and git commit."
        ) from error


def told(tags: Sequence[str]) -> str:
    """Return tags as people read them."""
    return ", ".join(tags[:20]) + (" ..." if len(tags) > 20 else "") or "none"
