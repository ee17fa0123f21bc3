"""Builds the documentation site into build/site/html, strictly: a link that leads nowhere ends it.

    python3 -m tests.template.site.build

It needs npm, which brings the script that draws diagrams, and uv or pip. It imports nothing but Python's own.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.template.site import links, pages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
LOCK = HERE.parent / "site.txt"
NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
MERMAID = "node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"


def execute(*command: str | Path, cwd: Path, **environment: str) -> None:
    """Run a command, and end with what it says if it fails: a build that is well is silent."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}error: {' '.join(map(str, command))} ended with {done.returncode}. Next: mend what is above.")


def find_tool(name: str) -> str:
    """Return where a command is, or end."""
    found = shutil.which(name)
    return found or sys.exit(f"error: the site needs {name}, which is not on the PATH. Next: install it (Node.js brings npm).")


def install_packages(folder: Path) -> Path:
    """Install the site's packages from their lock, once for each lock, and return the Python that has them."""
    environment = folder / f"packages-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (environment / "made").exists():
        uv, locked = shutil.which("uv"), ("--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement", LOCK)
        if uv:
            execute(uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment, cwd=folder)
            execute(uv, "pip", "install", "--python", python, *locked, cwd=folder)
        else:
            execute(sys.executable, "-m", "venv", "--clear", environment, cwd=folder)
            execute(python, "-m", "pip", "install", *locked, cwd=folder)
        (environment / "made").touch()
    return python


def install_mermaid(folder: Path) -> Path:
    """Install the script that draws diagrams from its lock, and return it."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, folder / name)
    execute(find_tool("npm"), *NPM, cwd=folder)
    return folder / MERMAID


def build(folder: Path, github: str, ref: str) -> Path:
    """Build the site in a folder, and return that of its pages. Ends at what is broken."""
    owner, _, name = github.partition("/")
    (folder / "npm").mkdir(parents=True, exist_ok=True)
    python, mermaid = install_packages(folder), install_mermaid(folder / "npm")
    for name in ("docs", "html", "overrides", ".cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    pages.write_pages(ROOT, folder / "docs", f"https://github.com/{github}", ref)
    shutil.copytree(HERE / "overrides", folder / "overrides")
    shutil.copytree(HERE / "assets", folder / "docs" / "assets")
    shutil.copyfile(mermaid, folder / "docs" / "assets" / "mermaid.js")
    shutil.copyfile(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    addresses = {"SITE_GITHUB": f"https://github.com/{github}", "SITE_URL": f"https://{owner.lower()}.github.io/{name}/"}
    return render(python, folder, **addresses)


def render(python: Path, folder: Path, **environment: str) -> Path:
    """Make pages of HTML, and return their folder. Ends at a link or an anchor that is not there."""
    execute(python, "-m", "zensical", "build", "--strict", cwd=folder, **environment)
    return folder / "html"


def main(words: Sequence[str] | None = None) -> None:
    """Build, check what was built, and say where it is."""
    options = argparse.ArgumentParser(description="Build the documentation site into build/site/html.")
    options.add_argument("--github", default="OWNER/slipway", metavar="OWNER/NAME", help="where links to other files lead")
    options.add_argument("--ref", default="main", help="the branch or tag that those links show")
    found = options.parse_args(words)
    try:
        html = build(ROOT / "build" / "site", found.github, found.ref)
    except pages.BrokenLink as error:
        sys.exit(f"error: {error}")
    broken = links.find_broken(html) + links.find_foreign(html)
    if broken:
        sys.exit("\n".join([*broken, "error: these links of the site are broken, or ask another host. Next: mend the page."]))
    print(f"{len(list(html.rglob('index.html')))} pages: {html / 'index.html'}")


if __name__ == "__main__":
    main()
