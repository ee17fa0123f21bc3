"""schemathesis reads the description of a service that really runs, asks what follows from it, and finds nothing."""

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

from slipway.operate import process
from slipway.serving.access import MARK
from tests.conftest import wait_until
from tests.library.service.asked import VERTEX
from tests.library.service.conftest import bundles, project  # noqa: F401  # fixtures
from tests.library.service.test_access import KEYS, give, write

ROOT = Path(__file__).parents[2]
PHASES = "examples,coverage,fuzzing,stateful"
OPTIONS = ("--checks", "all", "--phases", PHASES, "--seed", "1", "--max-examples", "50", "--generation-database", "none", "--no-color")


def test_schemathesis_finds_nothing_with_keys_on(bundles: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    give(tmp_path, "planning")
    # Both ways to send the key, as the description has them: what the tool makes up itself in the place of one is no key.
    outside = {MARK.decode(): "192.0.2.7", "X-API-Key": KEYS["planning"], "Authorization": f"Bearer {KEYS['planning']}"}
    headers = [word for name, value in outside.items() for word in ("--header", f"{name}: {value}")]
    with process.serve_release(ROOT, bundles[0], ACCESS=str(tmp_path), **VERTEX) as url:
        write(tmp_path, "settings.json", at=time.time(), keys=True, routes=["/{path:path}"])
        wait_until(lambda: httpx.get(f"{url}/version", headers={MARK.decode(): ""}).status_code == 401)
        settings = process.build_environment(
            ROOT, bundles[0], BUNDLE=str(bundles[0]), SCHEMATHESIS_HOOKS="tests.template.schemathesis_hooks"
        )
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", *headers, *OPTIONS]
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
    assert re.search(r"(\d+) selected / \1 total", done.stdout)
