"""schemathesis reads the description of a service that really runs, asks what follows from it, and finds nothing."""

import re
import subprocess
import sys
from pathlib import Path

from slipway.operate import process
from tests.library.service.asked import VERTEX
from tests.library.service.conftest import bundles, project  # noqa: F401  # fixtures

ROOT = Path(__file__).parents[2]
PHASES = "examples,coverage,fuzzing,stateful"
OPTIONS = ("--checks", "all", "--phases", PHASES, "--seed", "1", "--max-examples", "50", "--generation-database", "none", "--no-color")


def test_schemathesis_finds_nothing(bundles: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    with process.serve_release(ROOT, bundles[0], **VERTEX) as url:
        settings = process.build_environment(
            ROOT, bundles[0], BUNDLE=str(bundles[0]), SCHEMATHESIS_HOOKS="tests.template.schemathesis_hooks"
        )
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", *OPTIONS]
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
    assert re.search(r"(\d+) selected / \1 total", done.stdout)
