"""A copy of the project with two releases, ready to be deployed and put back; nothing of it is left afterwards."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.gate_cost import AUTHOR, copy, git, python
from slipway import project, rehearsal
from slipway.operate.process import free_port
from tests.library import cluster

OLD, NEW = "v1.0.0", "v1.1.0"
# The second release learns from all rows but each twentieth: another model that is as good.
LEFT_OUT = 20


@contextmanager
def ready(targets: Sequence[str], replicas: int = 3) -> Iterator[Path]:
    """Make both releases and push them to targets; yields the copy. An interrupt, too, takes everything away."""
    # Where the copy's own settings would not be used.
    for name in rehearsal.OUTSIDE:
        os.environ.pop(name, None)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with tempfile.TemporaryDirectory(prefix="switching-") as folder, ExitStack() as stack:
        if "kubernetes" in targets:
            stack.enter_context(in_cluster(Path(folder)))
        root = Path(folder).resolve() / "project"
        name = re.sub("[^a-z0-9]+", "-", root.parent.name.lower()).strip("-")
        copy(root)
        try:
            settle(root, name, targets, replicas)
            git(root, "init", "--quiet", "--initial-branch=main")
            make(root, OLD, "none", targets)
            shutil.copytree(root / "build" / "bundle", root / "build" / "champion")
            leave_out(root)
            make(root, NEW, str(root / "build" / "champion"), targets)
            yield root
        finally:
            clear(root)


@contextmanager
def in_cluster(folder: Path) -> Iterator[None]:
    """Deploy to a namespace of its own, with the account of infra/deployer.yaml."""
    if missing := cluster.missing():
        raise SystemExit(f"For the target kubernetes: {missing}. Next: tests/library/cluster.py says what it takes; or give --target.")
    os.environ["ADMIN_KUBECONFIG"] = os.environ.get("KUBECONFIG", "")
    with cluster.namespace(folder) as found:
        os.environ |= {"KUBECONFIG": str(found.kubeconfig), "NODE": found.node, "NAMESPACE": found.name}
        yield


def address(root: Path, target: str) -> str:
    """Return where callers find it, as HOST:PORT."""
    return f"{os.environ['NODE']}:{cluster.node_port(root)}" if target == "kubernetes" else project.load(root).address


def settle(root: Path, name: str, targets: Sequence[str], replicas: int) -> None:
    """Give the copy a name, an address and a registry of its own, and have neither deploys nor what serves watched."""
    path = root / "project.toml"
    path.write_text(path.read_text(encoding="utf-8").partition("[watch]")[0], encoding="utf-8")
    change(path, name=name, address=f"127.0.0.1:{free_port()}", seconds=0)
    if "kubernetes" in targets:
        cluster.shrink(root, replicas, leave=5)
    if {"docker", "kubernetes"} & set(targets):
        port = rehearsal.start_registry(project.load(root))
        change(path, repository=f"localhost:{port}/{name}")


def change(path: Path, **settings: str | int) -> None:
    """Change settings in a project.toml."""
    text = path.read_text(encoding="utf-8")
    for key, value in settings.items():
        text, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", text)
        assert found == 1, key
    path.write_text(text, encoding="utf-8")


def make(root: Path, tag: str, champion: str, targets: Sequence[str]) -> None:
    """Train, judge and tag a release, then build and push it for each target."""
    git(root, "add", "--all")
    git(root, *AUTHOR, "commit", "--quiet", "--message", tag)
    git(root, *AUTHOR, "tag", tag)
    python(root, "-m", "slipway.cli", "train")
    python(root, "-m", "slipway.cli", "validate", "--champion", champion)
    for target in targets:
        python(root, "-m", "slipway.cli", "build", "--target", target)
        python(root, "-m", "slipway.cli", "push", "--target", target)
        if target == "kubernetes":
            note = json.loads((root / "build" / "release.json").read_bytes())
            cluster.pull(f"{note['repository']}@{note['digest']}")


def leave_out(root: Path) -> None:
    """Leave some rows out of the training data."""
    path = root / "data" / "train.csv"
    head, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(head + "".join(line for number, line in enumerate(lines) if number % LEFT_OUT), encoding="utf-8")


def clear(root: Path) -> None:
    """Take away what runs, the registry and the images' names. The layers of the packages stay."""
    print("clearing away", file=sys.stderr, flush=True)
    rehearsal.clear(project.load(root))
