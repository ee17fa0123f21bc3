"""Where the hooks do not run, cookiecutter stops, says why and leaves no folder."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Cookiecutter = Callable[..., subprocess.CompletedProcess[str]]

# What cookiecutter before 2.4 and cruft do: they render at once, and know no hook of the name pre_prompt.
RENDER = """
import sys
from cookiecutter.generate import generate_context, generate_files
context = generate_context(f"{sys.argv[1]}/cookiecutter.json")
context["cookiecutter"]["project_slug"] = "a-project"
generate_files(sys.argv[1], context)
"""


def test_a_caller_that_skips_a_hook_is_refused(template: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", RENDER, str(template)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Use cookiecutter 2.4 or later: older versions and cruft leave out")
    assert not list(tmp_path.iterdir())


def test_refused_hooks_stop_the_rendering(tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    done = cookiecutter(tmp_path, "--no-input", "--accept-hooks", "no")
    assert done.returncode == 1
    assert done.stdout.startswith("Unable to create file 'HOOKS-DID-NOT-RUN'")
    assert "(this template needs its hooks: run it again and accept them)" in done.stdout
    assert not list(tmp_path.iterdir())
