"""What a project receives of a version of its template: the same files, but for those that are the owner's."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.errors import PipelineError
from slipway.repository import call, git, prefix
from slipway.rules import TAKEN
from slipway.template import source
from slipway.template.library import LIBRARY, hash_library
from slipway.template.pages import drop_links, link_pages

# What belongs to another model: it stays as it is here, whatever the template changed in it.
OWNED = ("model", "data", *TAKEN)
# What was written with the project's name once, and is the owner's text since: where git finds it in the template.
RENDERED = (":(top,glob)*cookiecutter*/README.md", ":(top,glob)*cookiecutter*/.github/CODEOWNERS")
PAGE = re.compile(r"docs/[^/]+\.md")
SETTINGS, LISTS = "project.toml", "cookiecutter.json"
OWN_LINE = re.compile(r"^(name|title|description|repository|url|version|library) = .*$", re.MULTILINE)

Files = dict[str, str]  # path: its mode, type and object, as git lists them


def listed(root: Path, tree: str) -> Files:
    """Return the files of a commit, or of a folder of one, by its name."""
    lines = git(root, "ls-tree", "-r", "-z", "--full-tree", tree).rstrip("\0").split("\0")
    return {path: entry for entry, _, path in (line.partition("\t") for line in lines)}


def among(path: str, names: Sequence[str]) -> bool:
    """Tell whether a file is one of these names or in one of these folders."""
    return any(path == name or path.startswith(f"{name}/") for name in names)


def received(files: Files, lists: Mapping[str, list[str]], own: Sequence[str]) -> Files:
    """Return what of the template's files a project receives and does not own, by the lists of cookiecutter.json."""
    taken, left = lists["_copy_without_render"], (*lists.get("_stays_behind", ()), *own)
    return {path: entry for path, entry in files.items() if among(path, taken) and not among(path, left)}


def library(files: Files) -> Files:
    """Return the files of the library."""
    return {path: entry for path, entry in files.items() if among(path, (LIBRARY,))}


def settings(root: Path, commit: str, had: str, version: str, hashed: str | None) -> str:
    """Return project.toml as it is in a commit, with this project's names, a version for the one it had, and the library's hash if given.

    Raises PipelineError.
    """
    own = OWN_LINE.finditer((root / SETTINGS).read_text(encoding="utf-8"))
    here = {found[1]: found[0] for found in reversed([*own])}  # the first of each: further ones belong to other sections
    here["version"] = here["version"].replace(had, version)
    if hashed:
        here["library"] = f'library = "{hashed}"'
    return OWN_LINE.sub(lambda found: here.get(found[1], found[0]), content(root, commit, SETTINGS).decode())


def content(root: Path, commit: str, name: str) -> bytes:
    """Return a file of the template, which is a repository of its own also where the project is a folder of one. Raises PipelineError."""
    return call(root, ["cat-file", "blob", f"{commit}:{name}"])


def refuse_foreign(root: Path, versions: Mapping[str, str]) -> None:
    """Raise PipelineError where one of these commits is no version of the template."""
    for version, commit in versions.items():
        if not {SETTINGS, LISTS} <= listed(root, commit).keys():
            raise PipelineError(f"{version} is no version of this template: it has no {SETTINGS}. Next: correct [template] in {SETTINGS}.")


def withdraw(root: Path, old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the files that projects do not get any more, though the template still has them: those to remove, and those edited here."""
    before, after, here = listed(root, old), listed(root, new), listed(root, "HEAD:./")
    gone = received(before, read_lists(root, old), OWNED).keys() - received(after, read_lists(root, new), OWNED).keys()
    gone &= after.keys() & here.keys()
    edited = sorted(path for path in gone if not is_untouched(root, path, before[path], here[path]))
    return sorted(gone - {*edited}), edited


def is_untouched(root: Path, path: str, template: str, here: str) -> bool:
    """Tell whether a file here is the template's, whatever its links lead to; both as git lists them."""
    if template == here or not path.endswith(".md"):
        return template == here
    texts = [call(root, ["cat-file", "blob", entry.split()[2]]).decode() for entry in (template, here)]
    return drop_links(texts[0]) == drop_links(texts[1])


def tree_before(root: Path, commit: str, had: str, kept: Sequence[str]) -> str:
    """Store this project as the version that it had made it, with the library as it is here: it is replaced whole. Raises PipelineError."""
    return tree(root, commit, had, had, (*OWNED, LIBRARY, *kept), None)


def tree_after(root: Path, commit: str, had: str, version: str, kept: Sequence[str]) -> str:
    """Store this project as a newer version makes it. Raises PipelineError."""
    return tree(root, commit, had, version, (*OWNED, *kept), hash_library(name_blobs(library(listed(root, commit)))))


def name_blobs(files: Files) -> dict[str, str]:
    """Return git's names of the contents of files."""
    return {path: entry.split()[2] for path, entry in files.items()}


def read_lists(root: Path, commit: str) -> dict[str, list[str]]:
    """Return what a version of the template gives to a project and what it keeps. Raises PipelineError."""
    lists: dict[str, list[str]] = json.loads(content(root, commit, LISTS))
    return lists


def link_page(root: Path, page: str, files: Files, here: Files, version: str) -> str:
    """Store a page with links to a version of the template, or take it as it is here where only its links differ; returns git's entry."""
    if page in here and is_untouched(root, page, files[page], here[page]):
        return here[page]
    mode, kind, blob = files[page].split()
    text = call(root, ["cat-file", "blob", blob]).decode()
    names = ["README.md", *files]
    linked = link_pages(page, text, lambda path: any(among(name, [path]) for name in names), source.of(root).url, version)
    return f"{mode} {kind} {git(root, 'hash-object', '-w', '--stdin', given=linked)}"


def tree(root: Path, commit: str, had: str, version: str, own: Sequence[str], hashed: str | None) -> str:
    """Store this project as a version of the template makes it, but for some files, and return the tree. Raises PipelineError."""
    files = listed(root, commit)
    here = listed(root, "HEAD:./")
    kept = {path: entry for path, entry in here.items() if among(path, own)}
    with tempfile.TemporaryDirectory() as folder:
        path, index = Path(folder) / SETTINGS, {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        path.write_bytes(settings(root, commit, had, version, hashed).encode())
        written = git(root, "hash-object", "-w", "--no-filters", str(path))
        whole = {**received(files, read_lists(root, commit), own), **kept, SETTINGS: f"100644 blob {written}"}
        pages = [path for path in whole if PAGE.fullmatch(path) and path not in kept]
        whole |= {page: link_page(root, page, whole, here if version == had else {}, version) for page in pages}
        folder_of_ours = prefix(root)
        entries = "".join(f"{entry}\t{folder_of_ours}{name}\0" for name, entry in whole.items())
        git(root, "update-index", "-z", "--index-info", given=entries, **index)
        return git(root, "write-tree", **index)
