"""The README's pictures, from the pages of a rehearsal: `.venv/bin/python -m tests.template.pictures` after `./run demo`.

A picture says in its PNG which headings it shows, so that a test can tell when the pages have other ones.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No first visit, no updates, nothing sent anywhere; a new profile each time.
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-device-scale-factor=1"),
)
SECONDS, COLOURS, HEADINGS = 120, 96, "Description"


@dataclass(frozen=True)
class Picture:
    """Its name, a page of the rehearsal's folder, the heading before which that is cut off, and the size of the picture."""

    name: str
    page: str
    before: str
    size: tuple[int, int]

    @property
    def path(self) -> Path:
        """Where the README has it."""
        return ROOT / "docs" / "pictures" / f"{self.name}.png"


PICTURES = (
    Picture("gate", "gate-v1.1.0.html", "The same in each slice", (760, 790)),
    Picture("rehearsal", "report.html", "Proof of the rollback", (760, 960)),
)


def cut(page: str, before: str) -> str:
    """Return a page without what begins with a heading. Raises ValueError where there is no such heading."""
    found = re.search(rf"(<section>)?<h2>{re.escape(before)}", page)
    if found is None:
        raise ValueError(f"no heading begins with {before!r}")
    return f"{page[: found.start()]}</body></html>"


def read_headings(page: str) -> str:
    """Return the headings of a page as text, a line each; whatever the target of the rehearsal is."""
    found = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page, re.DOTALL)
    lines = (" ".join(unescape(re.sub("<[^>]*>", "", each)).split()) for each in found)
    return "\n".join(re.sub(" on (docker|local):", ":", each) for each in lines)


def find_browser() -> str | None:
    """Return the command of a browser that can make pictures, None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def render(picture: Picture, folder: Path, into: Path, browser: str) -> None:
    """Write the picture of a page, with the page's headings in it."""
    page = cut((folder / picture.page).read_text(encoding="utf-8"), picture.before)
    with tempfile.TemporaryDirectory() as temporary:
        source, shot = Path(temporary, "page.html"), Path(temporary, "shot.png")
        source.write_text(page, encoding="utf-8")
        size = f"--window-size={picture.size[0]},{picture.size[1]}"
        command = [browser, *OPTIONS, f"--user-data-dir={temporary}/profile", size, f"--screenshot={shot}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        notes = PngInfo()
        notes.add_itxt(HEADINGS, read_headings(page))
        with Image.open(shot) as image:
            image.convert("RGB").quantize(COLOURS).save(into, optimize=True, pnginfo=notes)


def describe(path: Path) -> tuple[tuple[int, int], str]:
    """Return the size of a picture, and the headings that it shows. Raises ValueError where it is all but empty."""
    with Image.open(path) as image:
        image.load()
        shades = image.convert("L").histogram()
        if sum(shades[:200]) < sum(shades) / 100:
            raise ValueError(f"{path} shows almost nothing")
        return image.size, str(image.info[HEADINGS])


def main(folder: str = "build/rehearsal") -> None:
    """Write all pictures from the pages of a rehearsal."""
    browser = find_browser()
    if browser is None:
        sys.exit(f"No browser is on the PATH. Expected: one of {', '.join(BROWSERS)}. Next: apt-get install chromium.")
    for picture in PICTURES:
        picture.path.parent.mkdir(exist_ok=True)
        render(picture, Path(folder), picture.path, browser)
        print(picture.path.relative_to(ROOT), *describe(picture.path), picture.path.stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
