"""The template that a project was made from: its versions, and what the project receives of one."""

import json
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import PipelineError
from slipway.git import find_commit, read_bytes, read_prefix, run_git
from slipway.rules import TAKEN
from slipway.template import LIBRARY, drop_links, hash_library, link_pages
from slipway.template.changelog import CHANGELOG

# Apart from the project's own tags, which name releases; there only while something is compared.
REFS = "refs/slipway/"
# What belongs to another model: it stays as it is here, whatever the template changed in it.
OWNED = ("model", "data", *TAKEN)
PAGE = re.compile(r"docs/[^/]+\.md")
SETTINGS, LISTS = "project.toml", "cookiecutter.json"
OWN_LINE = re.compile(r"^(name|title|description|repository|url|version|library) = .*$", re.MULTILINE)

Files = dict[str, str]  # path: its mode, type and object, as git lists them


@dataclass(frozen=True)
class Template:
    """Where the template is, and the version that a project has of it: a tag or a commit."""

    url: str
    version: str


def read_template(root: Path) -> Template:
    """Read which template a project is from. Raises PipelineError that says what to write."""
    path = root / SETTINGS
    settings = tomllib.loads(path.read_text(encoding="utf-8")).get("template", {})
    if not (settings.get("url") and settings.get("version")):
        raise PipelineError(
            f"{path} does not say which template the project was made from. Expected there: a section [template] with two lines, such as "
            'url = "https://github.com/OWNER/slipway" and version = "v1.0.0", the tag it was made from or the whole name of the commit. '
            "Next: write them, git commit, and ./run update."
        )
    return Template(settings["url"], settings["version"])


# --- versions


@contextmanager
def fetch_tags(root: Path, template: Template) -> Iterator[list[str]]:
    """Have all tags of a template in a project's repository for a while; yields them, the newest first. Raises PipelineError."""
    try:
        try:
            run_git(root, "fetch", "--quiet", "--no-tags", template.url, f"+refs/tags/*:{REFS}*")
        except PipelineError as error:
            reason = str(error).rstrip(".")
            raise PipelineError(f"The template cannot be reached: {reason}. Next: correct [template] url in {root / SETTINGS}.") from error
        yield sorted((ref.removeprefix(REFS) for ref in _list_refs(root)), key=_parse_version, reverse=True)
    finally:
        run_git(root, "update-ref", "--stdin", stdin="".join(f"delete {ref}\n" for ref in _list_refs(root)))


def _list_refs(root: Path) -> list[str]:
    return run_git(root, "for-each-ref", "--format=%(refname)", REFS).splitlines()


def _parse_version(tag: str) -> tuple[int, ...]:
    """Return what versions are ordered by; empty for a tag that is no version, or comes before one."""
    return tuple(int(part) for part in tag[1:].split(".")) if re.fullmatch(r"v\d+(\.\d+)*", tag) else ()


def choose_newest(tags: Sequence[str], template: Template) -> str:
    """Return the newest version. Raises PipelineError where there is none."""
    if not tags or not _parse_version(tags[0]):
        raise PipelineError(
            f"{template.url} has no version yet, such as v1.2.3. Its tags: {_format_tags(tags)}. Next: ./run update --to TAG."
        )
    return tags[0]


def resolve_tag(root: Path, tag: str, tags: Sequence[str], template: Template) -> str:
    """Return the commit of a tag of the template. Raises PipelineError with the tags that there are."""
    if tag not in tags:
        raise PipelineError(f"{template.url} has no tag {tag!r}. Its tags: {_format_tags(tags)}. Next: ./run update --to one of them.")
    return find_commit(root, REFS + tag)


def resolve_version(root: Path, tags: Sequence[str], template: Template) -> str:
    """Return the commit that a project has of its template. Raises PipelineError."""
    if template.version in tags:
        return find_commit(root, REFS + template.version)
    try:
        run_git(root, "fetch", "--quiet", "--no-tags", template.url, f"+{template.version}:{REFS}had")
        return find_commit(root, f"{REFS}had")
    except PipelineError as error:
        raise PipelineError(
            f"{template.url} has no version {template.version!r}, as [template] in {root / SETTINGS} says. "
            f"Expected: the whole name of a commit, or a tag. Its tags: {_format_tags(tags)}. Next: correct it there, and git commit."
        ) from error


def _format_tags(tags: Sequence[str]) -> str:
    return ", ".join(tags[:20]) + (" ..." if len(tags) > 20 else "") or "none"


# --- what a project receives


def list_files(root: Path, tree: str) -> Files:
    """Return the files of a commit, or of a folder of one, by its name."""
    lines = run_git(root, "ls-tree", "-r", "-z", "--full-tree", tree).rstrip("\0").split("\0")
    return {path: entry for entry, _, path in (line.partition("\t") for line in lines)}


def list_library(root: Path, tree: str) -> Files:
    """Return the files of the library in a commit."""
    return {path: entry for path, entry in list_files(root, tree).items() if _is_among(path, (LIBRARY,))}


def _is_among(path: str, names: Sequence[str]) -> bool:
    """Tell whether a file is one of these names or in one of these folders."""
    return any(path == name or path.startswith(f"{name}/") for name in names)


def _select_received(root: Path, commit: str, files: Files, own: Sequence[str]) -> Files:
    """Select what a project receives and does not own, by the lists in cookiecutter.json."""
    lists: Mapping[str, list[str]] = json.loads(_read_file(root, commit, LISTS))
    taken, left = lists["_copy_without_render"], (*lists.get("_stays_behind", ()), *own)
    return {path: entry for path, entry in files.items() if _is_among(path, taken) and not _is_among(path, left)}


def _read_file(root: Path, commit: str, name: str) -> bytes:
    """Read a file of the template, which is a repository of its own also where the project is a folder of one."""
    return read_bytes(root, ["cat-file", "blob", f"{commit}:{name}"])


def read_changelog(root: Path, commit: str) -> str:
    """Return what a commit of the template says of its versions; empty where it is from before there were any."""
    return _read_file(root, commit, CHANGELOG).decode() if CHANGELOG in list_files(root, commit) else ""


def refuse_foreign(root: Path, versions: Mapping[str, str]) -> None:
    """Raise PipelineError where one of these commits is no version of the template."""
    for version, commit in versions.items():
        if not {SETTINGS, LISTS} <= list_files(root, commit).keys():
            raise PipelineError(f"{version} is no version of this template: it has no {SETTINGS}. Next: correct [template] in {SETTINGS}.")


def find_withdrawn(root: Path, old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the files that projects do not get any more, though the template still has them: those to remove, and those edited here."""
    before, after, here = list_files(root, old), list_files(root, new), list_files(root, "HEAD:./")
    gone = _select_received(root, old, before, OWNED).keys() - _select_received(root, new, after, OWNED).keys()
    gone &= after.keys() & here.keys()
    edited = sorted(path for path in gone if not _is_untouched(root, path, before[path], here[path]))
    return sorted(gone - {*edited}), edited


def _is_untouched(root: Path, path: str, template: str, here: str) -> bool:
    """Tell whether a file here is the template's, whatever its links lead to; both as git lists them."""
    if template == here or not path.endswith(".md"):
        return template == here
    texts = [read_bytes(root, ["cat-file", "blob", entry.split()[2]]).decode() for entry in (template, here)]
    return drop_links(texts[0]) == drop_links(texts[1])


def store_tree(root: Path, commit: str, had: str, version: str, kept: Sequence[str]) -> str:
    """Store this project as a version of the template makes it, and return git's tree. Raises PipelineError.

    Of the version that it `had`, with the library as it is here: an update replaces that whole.
    """
    files, here = list_files(root, commit), list_files(root, "HEAD:./")
    own = (*OWNED, *kept, *((LIBRARY,) if version == had else ()))
    project = {path: entry for path, entry in here.items() if _is_among(path, own)}
    whole = _select_received(root, commit, files, own) | project
    with tempfile.TemporaryDirectory() as folder:
        path, index = Path(folder) / SETTINGS, {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        path.write_bytes(_format_settings(root, commit, had, version).encode())
        whole[SETTINGS] = f"100644 blob {run_git(root, 'hash-object', '-w', '--no-filters', str(path))}"
        pages = [path for path in whole if PAGE.fullmatch(path) and path not in project]
        whole |= {page: _link_page(root, page, whole, here if version == had else {}, version) for page in pages}
        entries = "".join(f"{entry}\t{read_prefix(root)}{name}\0" for name, entry in whole.items())
        run_git(root, "update-index", "-z", "--index-info", stdin=entries, **index)
        return run_git(root, "write-tree", **index)


def _format_settings(root: Path, commit: str, had: str, version: str) -> str:
    """Return project.toml of a commit with this project's names and another version, where that is newer with its library's hash."""
    own = OWN_LINE.finditer((root / SETTINGS).read_text(encoding="utf-8"))
    here = {found[1]: found[0] for found in reversed([*own])}  # the first of each: further ones belong to other sections
    here["version"] = here["version"].replace(had, version)
    if version != had:
        blobs = {path: entry.split()[2] for path, entry in list_library(root, commit).items()}
        here["library"] = f'library = "{hash_library(blobs)}"'
    return OWN_LINE.sub(lambda found: here.get(found[1], found[0]), _read_file(root, commit, SETTINGS).decode())


def _link_page(root: Path, page: str, files: Files, here: Files, version: str) -> str:
    """Store a page with links to a version of the template, or take it as it is here where only its links differ; returns git's entry."""
    if page in here and _is_untouched(root, page, files[page], here[page]):
        return here[page]
    mode, kind, blob = files[page].split()
    text = read_bytes(root, ["cat-file", "blob", blob]).decode()
    names = ["README.md", *files]
    linked = link_pages(page, text, lambda path: any(_is_among(name, [path]) for name in names), read_template(root).url, version)
    return f"{mode} {kind} {run_git(root, 'hash-object', '-w', '--stdin', stdin=linked)}"
