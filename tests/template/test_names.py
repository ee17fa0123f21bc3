"""A name becomes a right slug or is refused with a sentence; none is ever run, and none breaks a file."""

import subprocess
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config
from cookiecutter.utils import create_env_with_context
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
Cookiecutter = Callable[..., subprocess.CompletedProcess[str]]
Bake = Callable[..., Path]

PYTHON = 'x"""; import os; os.system("touch pwned"); """'
SLUGS = {
    "ACME Demand": "acme-demand",
    'A "best" model of Bob': "a-best-model-of-bob",
    "Prévision d'été à Köln": "prevision-d-ete-a-koln",
    "需求预测": "xu-qiu-yu-ce",
    "3D Prints": "project-3d-prints",
    "X": "project-x",
    "snake_case_name": "snake-case-name",
    "Predicting the hourly demand for hired bicycles in Washington": "predicting-the-hourly-demand-for-hired",
    "a" * 60: "a" * 40,
    "x; rm -rf ..": "x-rm-rf",
    "C# & F#: 50% (or more)": "c-f-50-or-more",
    "name = 'x' # no": "name-x-no",
    PYTHON: "x-import-os-os-system-touch-pwned",
}
# Those with which a file could break.
BAKED = ('A "best" model of Bob', "需求预测", "name = 'x' # no", PYTHON)
TEXTS = (
    *("", " ", "- item", "; rm -rf ..", "two\nlines", "two\u2028lines", "a\x1b[31mred", "a\u202eright to left"),
    *("back\\slash", "a\\" + PYTHON, "x $(touch pwned)", "x `touch pwned`", "x | touch pwned", "<b>bold</b>"),
    *("a [link](x)", "a *b*", "a ~~b~~", "a" * 201),
)
REFUSED = {
    "project_name": ("one line of at most 200 characters", TEXTS),
    "description": ("one line of at most 200 characters", ("", "two\nlines", "back\\slash", "a\\" + PYTHON)),
    "project_slug": (
        "2 to 50 lower-case letters (a to z), digits and hyphens",
        ("a", "-a", "a-", "1a", "Ab", "a b", "a_b", "é1", "a\nb", "a" * 51, "../up", "$(touch pwned)", "`x`", PYTHON),
    ),
    "github_owner": (
        "a GitHub name: at most 39 letters (A to Z), digits and single hyphens",
        ("", "-a", "a-", "a--b", "a b", "@a", "a/b", "a" * 40, "a\n* @b", "é", PYTHON),
    ),
}
CASES = [(question, answer) for question, (_, answers) in REFUSED.items() for answer in answers]


def headings(markdown: str) -> list[str]:
    """The first-level headings, as a reader sees them."""
    tokens = MarkdownIt().parse(markdown)
    titles = [inline for start, inline in pairwise(tokens) if start.type == "heading_open" and start.tag == "h1"]
    return ["".join(part.content for part in title.children or []) for title in titles]


def settings(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "project.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "slug"), SLUGS.items())
def test_a_name_becomes_a_slug_that_is_let_pass(name: str, slug: str, tmp_path: Path) -> None:
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context={"project_name": name})
    answers = prompt_for_config(context, no_input=True)
    assert answers["project_slug"] == slug
    assert hook(tmp_path, **answers) is None


@pytest.mark.parametrize("name", BAKED)
def test_a_name_breaks_no_file(name: str, tmp_path: Path, bake: Bake) -> None:
    slug = SLUGS[name]
    project = bake(tmp_path / "out", project_name=name, description=name, github_owner="ACME-Corp")
    found = settings(project)
    assert (project.name, found["name"], found["title"], found["description"]) == (slug, slug, name, name)
    assert found["image"]["repository"] == f"ghcr.io/acme-corp/{slug}"
    assert "/validation/ @ACME-Corp\n" in (project / ".github" / "CODEOWNERS").read_text()
    assert headings((project / "README.md").read_text(encoding="utf-8")) == [name]
    assert not list(tmp_path.rglob("pwned"))


def hook(folder: Path, **answers: str) -> str | None:
    """Run the hook as cookiecutter does, but in this process; returns what it said when it refused."""
    (folder / "a-cookiecutter" / "model").mkdir(parents=True)
    given = {"project_name": "A", "project_slug": "aa", "github_owner": "a", "description": "A", **answers, "_repo_dir": str(folder)}
    text = (ROOT / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")
    code = create_env_with_context({"cookiecutter": given}).from_string(text).render(cookiecutter=given)
    try:
        exec(code, {"__name__": "__main__"})  # noqa: S102
    except SystemExit as refused:
        return str(refused.code)
    return None


@pytest.mark.parametrize(("question", "answer"), CASES)
def test_another_is_refused(question: str, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = hook(tmp_path, **{question: answer})
    assert said is not None
    assert said.startswith(f"{question} cannot be {answer!r}: it must be {REFUSED[question][0]}")
    assert [path.name for path in tmp_path.rglob("*")] == ["a-cookiecutter", "model"]


@pytest.mark.parametrize(("question", "answer"), [("project_name", TEXTS[9]), ("project_slug", PYTHON), ("github_owner", "@a")])
def test_when_it_is_refused_nothing_is_written(question: str, answer: str, tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    given = {"project_slug": "a-project", question: answer}
    done = cookiecutter(tmp_path, "--no-input", "--output-dir", "out", *(f"{name}={value}" for name, value in given.items()))
    assert done.returncode == 1
    assert done.stderr.startswith(f"{question} cannot be {answer!r}: it must be {REFUSED[question][0]}")
    assert [path for path in tmp_path.rglob("*") if path.name != "out"] == []


def test_an_empty_slug_is_refused(tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    done = cookiecutter(tmp_path, "--no-input", "project_slug=")
    assert done.returncode == 1
    assert "directory already exists" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("position", range(4))
def test_jinja_typed_at_a_prompt_is_not_run(position: int, tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    answers = ["", "", "", ""]
    answers[position] = "{{ cycler.__init__.__globals__.os.system('touch pwned') }}"
    done = cookiecutter(tmp_path, typed="\n".join([*answers, ""]))
    assert done.returncode == 1
    assert f"cannot be {answers[position]!r}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_jinja_on_the_command_line_is_rendered_by_cookiecutter_itself(tmp_path: Path, bake: Bake) -> None:
    """As with any template, and before ours has a word: who calls cookiecutter so could as well call Python."""
    assert settings(bake(tmp_path / "out", project_name="Model {{ 6 * 7 }}"))["title"] == "Model 42"
