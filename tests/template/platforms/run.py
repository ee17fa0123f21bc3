"""Holds docs/platforms.md against the platforms' own tools, and writes the table in it.

    .venv/bin/python -m tests.template.platforms.run

Each check gets an environment of its own beneath ~/.cache/slipway-platforms (400 MB in all, some seconds); it needs uv, and on the PATH
gcloud and crane. KServe's CRD comes from GitHub, or from the file that the variable CRD names.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.template import isolated
from tests.template.platforms.page import AZURE, IMAGE, KSERVE, PAGE, SAGEMAKER, VERTEX, fingerprint

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BEGIN, END = "<!-- platforms -->\n", "<!-- end of platforms -->\n"
CACHE = Path.home() / ".cache" / "slipway-platforms"
HEAD = "| section | what was done | with | version | of text | holds |\n|---|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Check:
    """A section, held against something by a script."""

    section: str
    what: str
    script: str

    @property
    def requirements(self) -> Path:
        """What the script needs; the first line names what it holds the page against, and is a comment where PyPI does not have it."""
        return HERE / f"{self.script}.txt"

    @property
    def tool(self) -> tuple[str, str]:
        """Its name and its version."""
        name, _, version = self.requirements.read_text(encoding="utf-8").splitlines()[0].lstrip("# ").partition("==")
        return name, version


CHECKS = [
    Check(IMAGE, "commands typed, with a real registry", "with_crane"),
    Check(KSERVE, "file read by the CRD", "with_kserve"),
    Check(SAGEMAKER, "commands typed, with AWS's own client", "with_moto"),
    Check(VERTEX, "commands typed, against a stand-in", "with_gcloud"),
    Check(AZURE, "files read", "with_azure"),
]


def python(check: Check, uv: str | Path = "uv", cache: Path = CACHE) -> Path:
    """Make the environment of a check, and return its Python."""
    folder = cache / "-".join(check.tool)
    return isolated.python(check.requirements, folder, uv)


def holds(check: Check, interpreter: Path) -> bool:
    """Tell whether the page holds; what is wrong otherwise is printed."""
    done = subprocess.run([interpreter, "-m", f"tests.template.platforms.{check.script}"], cwd=ROOT, env=dict(os.environ), check=False)
    print(f"{check.section}, {check.script}: {'yes' if done.returncode == 0 else 'no'}", flush=True)
    return done.returncode == 0


def table(results: dict[Check, bool]) -> str:
    """Write the results as Markdown, each with the fingerprint of the text that it is about."""
    said = {True: "yes", False: "no"}
    rows = [(each.section, each.what, *each.tool, f"`{fingerprint(each.section)}`", said[found]) for each, found in results.items()]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Check everything, and write the table."""
    results = {each: holds(each, python(each)) for each in CHECKS}
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}{table(results)}{after}", encoding="utf-8")
    sys.exit(not all(results.values()))


if __name__ == "__main__":
    main()
