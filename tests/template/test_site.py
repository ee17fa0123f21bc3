"""The site is built strictly, each of its links and anchors leads somewhere, and no page asks another host for anything."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.template.site import build, links, pages

ROOT = Path(__file__).parents[2]
GITHUB = "https://github.com/acme/slipway"
DIAGRAM = "```mermaid\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the site is built, with the packages from its lock. Skips, or fails where nothing may be skipped, without npm."""
    if shutil.which("npm") is None:
        no_npm = "there is no npm on the PATH"
        pytest.fail(no_npm, pytrace=False) if os.environ.get("REQUIRE_DOCKER") == "1" else pytest.skip(no_npm)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # uv is there
        folder = tmp_path_factory.mktemp("site")
        build.build(folder, "acme/slipway", "v1.0.0")
        return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> Path:
    """The built site."""
    return folder / "html"


def read_nav() -> list[str]:
    """Return the pages in the order of the menu."""
    return re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)


def test_each_page_is_on_the_site_and_in_the_menu_once(html: Path) -> None:
    places = [place for name, place in pages.list_pages(ROOT).items() if name.endswith(".md") and name != "docs/README.md"]
    assert sorted(read_nav()) == sorted(places)
    built = {path.parent.relative_to(html).as_posix() for path in html.rglob("index.html")}
    assert built == {"." if place == "index.md" else place.removesuffix(".md") for place in places}


def test_the_index_of_pages_has_the_four_parts_of_the_menu() -> None:
    menu = re.split(r"^  - (\w+):$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    index = re.split(r"^## (\w+)$", (ROOT / "docs" / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert menu[1::2] == index[1::2] == ["Start", "Run", "Trust", "Reference"]
    own = {place for name, place in pages.list_pages(ROOT).items() if name.startswith(pages.OWN)}
    for listed, linked in zip(menu[2::2], index[2::2], strict=True):
        assert set(re.findall(r": ([\w/-]+\.md)$", listed, re.MULTILINE)) - own == set(re.findall(r"\]\(([\w/-]+\.md)\)", linked))


def test_each_link_and_each_anchor_is_there(html: Path) -> None:
    assert links.find_broken(html) == []


def test_no_page_asks_another_host(html: Path) -> None:
    assert links.find_foreign(html) == []
    policy = "default-src 'self' data: blob:"
    assert [path for path in html.rglob("*.html") if policy not in path.read_text(encoding="utf-8")] == []


def test_a_file_outside_of_the_pages_is_linked_at_the_version_on_github(html: Path) -> None:
    assert f'href="{GITHUB}/blob/v1.0.0/infra/deployer.yaml"' in (html / "kubernetes" / "index.html").read_text(encoding="utf-8")


def test_only_a_page_with_a_diagram_loads_what_draws_it(html: Path) -> None:
    drawn = {path.stem for path in (ROOT / "docs").rglob("*.md") if DIAGRAM in path.read_text(encoding="utf-8")}
    assert drawn >= {"pipeline", "deploys", "requests"}
    loading = {path.parent.name for path in html.rglob("index.html") if "assets/mermaid.js" in path.read_text(encoding="utf-8")}
    assert loading == drawn
    assert (html / "assets" / "mermaid.js").stat().st_size > 1_000_000


def test_the_build_ends_at_an_anchor_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    python = build.install_packages(folder)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# One\n\n[there](#two)\n", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: One\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="anchor does not exist"):
        build.render(python, tmp_path)


def test_a_picture_has_words_for_those_who_cannot_see_it() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert "![](" not in text, path
        for diagram in text.split(DIAGRAM)[1:]:
            assert {"accTitle", "accDescr"} <= set(re.findall(r"^ *(acc\w+): \S", diagram.partition("```")[0], re.MULTILINE)), path


@pytest.mark.parametrize(
    ("name", "text", "linked"),
    [
        ("docs/a.md", "[x](b.md#c)", "[x](b.md#c)"),
        ("docs/a.md", "[x](README.md)", "[x](index.md)"),
        ("docs/site/a.md", "[x](../b.md)", "[x](b.md)"),
        ("docs/reference/r.md", "[x](../site/a.md#c)", "[x](../a.md#c)"),
        ("docs/a.md", "[x](../run) and ![y](../run)", "[x](G/run) and ![y](G/run)"),
        ("docs/site/a.md", "![y](../pictures/p.png)", "![y](pictures/p.png)"),
        ("docs/a.md", "[x](../README.md#the-pipeline)", "[x](G/%7B%7Bcookiecutter.project_slug%7D%7D/README.md#the-pipeline)"),
        ("docs/a.md", "[x](#c) [y](https://b.example/c)", "[x](#c) [y](https://b.example/c)"),
        ("docs/a.md", "```\n[x](../none)\n```", "```\n[x](../none)\n```"),
    ],
)
def test_a_link_leads_to_the_site_or_to_github(name: str, text: str, linked: str, tmp_path: Path) -> None:
    make_repository(tmp_path)
    assert pages.relink(tmp_path, name, text, pages.list_pages(tmp_path), "G") == linked


@pytest.mark.parametrize("target", ["../none", "none.md", "../../run", "../README.md#none"])
def test_a_link_that_leads_nowhere_ends_the_build(target: str, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    make_repository(root)
    (tmp_path / "run").touch()  # beside the repository
    with pytest.raises(pages.BrokenLink, match=re.escape(f"docs/a.md links to {target}, which is not there")):
        pages.relink(root, "docs/a.md", f"[x]({target})", pages.list_pages(root), "G")


def make_repository(root: Path) -> None:
    """Make a repository with a few pages."""
    for name in (
        "docs/pictures/p.png",
        "docs/a.md",
        "docs/b.md",
        "docs/README.md",
        "docs/site/a.md",
        "docs/reference/r.md",
        "run",
        pages.PROJECT_README,
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("# The pipeline\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("body", "broken", "foreign"),
    [
        ('<a href="b/#there">b</a><img src="b/index.html">', 0, 0),
        ('<a href="b/#gone">b</a>', 1, 0),
        ('<a href="c/">c</a>', 1, 0),
        ('<img src="c.png">', 1, 0),
        ('<a href="https://other.example/">a reader may follow it</a>', 0, 0),
        ('<script src="https://other.example/a.js"></script>', 0, 1),
        ('<link rel="stylesheet" href="//other.example/a.css">', 0, 1),
        ('<link rel="canonical" href="https://other.example/">', 0, 0),
    ],
)
def test_what_is_broken_or_foreign_is_found(body: str, broken: int, foreign: int, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "index.html").write_text(body, encoding="utf-8")
    (tmp_path / "b" / "index.html").write_text('<h2 id="there">b</h2>', encoding="utf-8")
    assert (len(links.find_broken(tmp_path)), len(links.find_foreign(tmp_path))) == (broken, foreign)


def test_a_font_of_another_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text('@font-face { src: url("https://other.example/a.woff2") }', encoding="utf-8")
    assert links.find_foreign(tmp_path) == ["a.css: a style of another host"]
