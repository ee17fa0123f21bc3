"""The servers: how each is started, and how rows and answers look to it. Each gets the form and the settings that it is fastest with."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.results import ROOT
from bench.serving_peers import environments
from slipway.operate.process import build_environment, free_port

Rows = Sequence[dict[str, Any]]


class Place(NamedTuple):
    """What a server is started with: Slipway's project with its bundle, and where MLflow finds the model."""

    project: Path

    @property
    def bundle(self) -> Path:
        """Return the folder of the bundle."""
        return self.project / "build" / "bundle"

    @property
    def mlflow(self) -> Path:
        """Return the folder of the model as MLflow wants it."""
        return self.project / "build" / "mlflow"


class Server(NamedTuple):
    """A server; `words` follow its Python."""

    name: str
    packages: str
    words: Sequence[str]
    path: str = "/predict"
    body: Callable[[Rows], Any] = lambda rows: rows[0] if len(rows) == 1 else rows
    answers: Callable[[Any], Any] = lambda answer: answer["predictions"]
    settings: tuple[tuple[str, str], ...] = ()

    def command(self, place: Place, port: int) -> list[str]:
        """Return the command that starts it."""
        said = {"PORT": str(port), "MLFLOW_MODEL": str(place.mlflow)}
        return [str(environments.ready(self.packages)), *(said.get(word, word) for word in self.words)]

    def environment(self, place: Place, port: int) -> dict[str, str]:
        """Return the environment in which it runs; one thread for numeric libraries, as for all."""
        python = environments.ready(self.packages)
        code = place.project if self.packages == "slipway" else ROOT
        found = build_environment(code, place.bundle, PORT=str(port), MODEL=str(place.bundle / "model.skops"), **dict(self.settings))
        found["PATH"] = f"{python.parent}:{found['PATH']}"
        for name in ("MLSERVER_HTTP_PORT", "MLSERVER_GRPC_PORT", "MLSERVER_METRICS_PORT"):
            found[name] = str(port if "HTTP" in name else free_port())
        return found


def tensor(rows: Rows) -> dict[str, Any]:
    """Return rows as Open Inference Protocol V2 has them, in one tensor."""
    data = [float(value) for row in rows for value in row.values()]
    return {"inputs": [{"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": data}]}


# One process that predicts, also for MLServer, whose pool of workers does not start with a current uvloop.
MLSERVER = (
    ("MLSERVER_HOST", "127.0.0.1"),
    ("MLSERVER_DEBUG", "false"),
    ("MLSERVER_PARALLEL_WORKERS", "0"),
    ("MLSERVER_MODEL_NAME", "model"),
    ("MLSERVER_MODEL_IMPLEMENTATION", "bench.serving_peers.mlserver_model.Model"),
    ("MLSERVER_MODEL_MAX_BATCH_SIZE", "32"),
    ("MLSERVER_MODEL_MAX_BATCH_TIME", "0.005"),
)
MLSERVER_WORDS = ("-m", "mlserver.cli.main", "start", ".")
MLFLOW_WORDS = (
    "-m",
    "mlflow",
    "models",
    "serve",
    "-m",
    "MLFLOW_MODEL",
    "--env-manager",
    "local",
    "-w",
    "1",
    "-h",
    "127.0.0.1",
    "-p",
    "PORT",
)
BENTOML = (("BENTOML_DO_NOT_TRACK", "true"),)
BENTOML_WORDS = ("-m", "bentoml", "serve", "bench.serving_peers.bentoml_app:Model", "--host", "127.0.0.1", "--port", "PORT")
KSERVE_WORDS = ("-m", "bench.serving_peers.kserve_app", "--http_port", "PORT")

OURS, FLOOR, SILENT = "slipway", "constant", "without metrics"
SERVERS = (
    Server(OURS, "slipway", ("-m", "slipway.serving")),
    Server("textbook", "textbook", ("-m", "bench.serving_peers.textbook"), body=list),
    Server("mlflow", "mlflow", MLFLOW_WORDS, "/invocations", lambda rows: {"dataframe_records": rows}),
    Server("litserve", "litserve", ("-m", "bench.serving_peers.litserve_app"), body=lambda rows: {"rows": rows}),
    Server("bentoml", "bentoml", BENTOML_WORDS, body=lambda rows: {"rows": rows}, answers=lambda answer: answer, settings=BENTOML),
    Server("mlserver", "mlserver", MLSERVER_WORDS, "/v2/models/model/infer", tensor, lambda answer: answer["outputs"][0]["data"], MLSERVER),
    Server("kserve", "kserve", KSERVE_WORDS, "/v1/models/model:predict", lambda rows: {"instances": rows}),
    Server(FLOOR, "textbook", ("-m", "bench.serving_peers.constant")),
)
WITHOUT_METRICS = Server(SILENT, "slipway", ("-m", "bench.serving_peers.without_metrics"))
PEERS = tuple(server.name for server in SERVERS if server.name not in (OURS, FLOOR))
