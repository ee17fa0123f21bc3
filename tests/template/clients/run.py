"""Asks a service that really runs with the platforms' own clients, and writes the table in docs/contracts.md.

    .venv/bin/python -m tests.template.clients.run

Each client gets an environment of its own beneath ~/.cache/slipway-clients (1 GB in all, some minutes the first time); it needs uv and a
bundle (./run train).
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from slipway.operate.process import serve_release
from tests.template import isolated
from tests.template.clients.asked import TAG

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PAGE = ROOT / "docs" / "contracts.md"
BEGIN, END = "<!-- clients -->\n", "<!-- end of clients -->\n"
CACHE = Path.home() / ".cache" / "slipway-clients"
HEAD = "| contract | client | version | answers as recorded |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Client:
    """A contract, asked by a script."""

    contract: str
    script: str

    @property
    def requirement(self) -> tuple[str, str]:
        """The package and its version."""
        package, _, version = (HERE / f"{self.script}.txt").read_text(encoding="utf-8").strip().partition("==")
        return package, version


CLIENTS = [
    Client("v1", "with_kserve"),
    Client("v2", "with_kserve"),
    Client("v2", "with_triton"),
    Client("sagemaker", "with_boto3"),
    Client("vertex", "with_vertex"),
    Client("mlflow", "with_mlflow"),
]


def python(client: Client) -> Path:
    """Make the environment of a client, and return its Python."""
    folder = CACHE / "-".join(client.requirement).replace("[", "-").replace("]", "")
    return isolated.python(HERE / f"{client.script}.txt", folder)


def holds(client: Client, url: str, golden: Path) -> bool:
    """Tell whether a client gets the golden answers; what it says otherwise is printed."""
    module = f"tests.template.clients.{client.script}"
    command: list[str | Path] = [python(client), "-m", module, url, client.contract, golden]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, check=False)
    print(f"{client.contract} with {client.script}: {'yes' if done.returncode == 0 else 'no'}", flush=True)
    return done.returncode == 0


def table(results: dict[Client, bool]) -> str:
    """Write the results as Markdown."""
    said = {True: "yes", False: "no"}
    return HEAD + "".join(f"| {each.contract} | {' | '.join(each.requirement)} | {said[found]} |\n" for each, found in results.items())


def main() -> None:
    """Ask with every client, and write the table."""
    bundle = ROOT / "build" / "bundle"
    with serve_release(ROOT, bundle, RELEASE_TAG=TAG, AIP_PREDICT_ROUTE="/vertex", AIP_HEALTH_ROUTE="/vertex-health") as url:
        results = {each: holds(each, url, bundle / "golden.json") for each in CLIENTS}
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}{table(results)}{after}", encoding="utf-8")
    sys.exit(not all(results.values()))


if __name__ == "__main__":
    main()
