"""`project.toml`, and the paths of a checkout."""

import os
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from slipway import http_client
from slipway.errors import PipelineError

TARGETS = ("docker", "local", "kubernetes")
PRODUCTION, STAGING = ENVIRONMENTS = ("production", "staging")
# Who can receive alerts, by the names in infra/watch/alertmanager.yml, and what the secret is of each.
NOTIFIED = {
    "webhook": "the address of the webhook",
    "slack": "the address of Slack's incoming webhook",
    "teams": "the address of the workflow in Teams",
    "mail": "the password of the mailbox",
}


@dataclass(frozen=True)
class Bake:
    """How long a new release is watched, and its limits meanwhile."""

    seconds: float
    max_error_share: float
    p99_ms: float


@dataclass(frozen=True)
class Watch:
    """The ports of monitoring on the host's loopback, for how many days it keeps its data, and who receives alerts."""

    prometheus: int
    alertmanager: int
    grafana: int
    days: int
    notify: str = ""


@dataclass(frozen=True)
class Callers:
    """What answers at the address, whether a key is needed, and how many requests a second one key may send; 0: as many as it likes."""

    routes: tuple[str, ...] = ("predict", "/healthz", "/docs")
    keys: bool = False
    per_second: int = 0


@dataclass(frozen=True)
class Project:
    """One checkout, and where its service runs."""

    root: Path
    name: str  # of what runs: each environment has its own, and with it its own lock, chain and hold
    image_name: str  # with its registry, without a tag
    target: str
    address: str
    p99_ms: float
    image_mb: float
    bake: Bake
    certificate: Path | None = None
    watch: Watch | None = None
    callers: Callers = Callers()
    context: str | None = None  # of the kubeconfig, where it is not the current one
    target_named: bool = False  # on the command line
    environment: str = PRODUCTION
    has_staging: bool = False

    @property
    def product(self) -> str:
        """The project's name, whatever the environment: that of its image here and of its model in MLflow."""
        return self.name.removesuffix(f"-{self.environment}") if self.environment != PRODUCTION else self.name

    @property
    def takes_commits(self) -> bool:
        """Whether any commit may be deployed, and not only a tag."""
        return self.environment != PRODUCTION

    @property
    def as_image(self) -> bool:
        """Whether a release is an image, and not a folder."""
        return self.target != "local"

    @property
    def bundle(self) -> Path:
        """What `train` makes: model, manifest, golden rows, serving config."""
        return self.root / "build" / "bundle"

    @property
    def gate(self) -> Path:
        """What `validate` makes: the verdict on the bundle."""
        return self.root / "build" / "gate.json"

    @property
    def release(self) -> Path:
        """What `build` makes: the bundle, its verdict and the code that serves it."""
        return self.root / "build" / "release"

    @property
    def train_data(self) -> Path:
        """The training data."""
        return self.root / "data" / "train.csv"

    @property
    def state(self) -> Path:
        """What deploying leaves on this machine; not in git."""
        return self.root / ".deploy" / ("" if self.environment == PRODUCTION else self.environment)

    @property
    def host(self) -> str:
        """The address to listen on."""
        return http_client.parse_address(self.address)[0]

    @property
    def port(self) -> int:
        """The port to listen on."""
        return http_client.parse_address(self.address)[1]


# What may stand in project.toml: the names of each section, and of the file itself those of the sections too.
NAMES = {
    "image": ("repository",),
    "deploy": ("target", "address", "certificate", "context"),
    "budget": ("p99_ms", "image_mb"),
    "callers": tuple(each.name for each in fields(Callers)),
    "bake": tuple(each.name for each in fields(Bake)),
    "watch": tuple(each.name for each in fields(Watch)),
    "template": ("url", "version", "library"),
}
# What may differ in another environment.
DIFFERS = (*NAMES["deploy"], "watch", "callers")
ROUTE = re.compile(r"predict|/[\w./:~{}-]*")
TOP = ("name", "title", "description", "environments", *NAMES)


def load(root: Path, target: str | None = None, environment: str = PRODUCTION) -> Project:
    """Read a project in one of its environments. `IMAGE_REPOSITORY` in the environment goes before the file. Raises PipelineError."""
    path = root / "project.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        _refuse_unknown(values, path)
        project = _build_project(root, target, _select_environment(values, environment, path), environment)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PipelineError(
            f"{path} cannot be read: {error!r}. "
            "Expected: name, [image] repository, [deploy] target and address, [budget] p99_ms and image_mb, "
            "[bake] seconds, max_error_share and p99_ms; and if there is a [watch], prometheus, alertmanager, grafana and days in it."
        ) from error
    _refuse_target(project, path)
    _refuse_unwatchable(project.watch, path)
    _refuse_callers(project.callers, path)
    return project


def _select_environment(values: dict[str, Any], environment: str, path: Path) -> dict[str, Any]:
    """Return what holds in an environment: that of production, but for what differs. Monitoring has ports of its own, or there is none."""
    if environment == PRODUCTION:
        return values
    differs = values.get("environments", {}).get(environment)
    if differs is None:
        raise PipelineError(
            f"There is no environment {environment!r} in {path}. Expected: a section [environments.{environment}] with what differs from "
            "production, such as its address. Nothing was changed. Next: add it there, or leave out --environment."
        )
    own = {name: differs[name] for name in ("watch", "callers") if name in differs}
    deploy = values["deploy"] | {name: value for name, value in differs.items() if name not in own}
    return {name: value for name, value in values.items() if name != "watch"} | own | {"deploy": deploy}


def _build_project(root: Path, target: str | None, values: dict[str, Any], environment: str) -> Project:
    deploy, budget = values["deploy"], values["budget"]
    return Project(
        root=root,
        name=values["name"] if environment == PRODUCTION else f"{values['name']}-{environment}",
        image_name=(os.environ.get("IMAGE_REPOSITORY") or values["image"]["repository"]).lower(),
        target=target or deploy["target"],
        address=str(deploy["address"]),
        p99_ms=float(budget["p99_ms"]),
        image_mb=float(budget["image_mb"]),
        bake=Bake(**{name: float(value) for name, value in values["bake"].items()}),
        certificate=root / Path(deploy["certificate"]).expanduser() if "certificate" in deploy else None,
        watch=Watch(**values["watch"]) if "watch" in values else None,
        callers=_read_callers(**values.get("callers", {})),
        context=deploy.get("context"),
        target_named=target is not None,
        environment=environment,
        has_staging=STAGING in values.get("environments", {}),
    )


def _read_callers(routes: Any = Callers.routes, **others: Any) -> Callers:
    return Callers(tuple(routes), **others)


def _refuse_target(project: Project, path: Path) -> None:
    if project.target not in TARGETS:
        raise PipelineError(f"Target {project.target!r} is none of {', '.join(TARGETS)}. Set it in {path}, or give --target.")
    try:
        http_client.parse_address(project.address)
    except ValueError as error:
        raise PipelineError(
            f"Address {project.address!r} in {path} is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080: {error}. Correct it there."
        ) from error


def _refuse_unknown(values: dict[str, Any], path: Path) -> None:
    # A misspelt name would leave out what it was to bring, such as a certificate.
    found = [("", name, TOP) for name in values] + [
        (f"[{section}] ", name, NAMES[section]) for section, inner in values.items() if section in NAMES for name in inner
    ]
    for environment, differs in values.get("environments", {}).items():
        found += [("[environments] ", environment, ENVIRONMENTS[1:])]
        found += [(f"[environments.{environment}] ", name, DIFFERS) for name in differs]
        for section in ("watch", "callers"):
            found += [(f"[environments.{environment}.{section}] ", name, NAMES[section]) for name in differs.get(section, {})]
    for where, name, known in found:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."
            raise PipelineError(f"{where}{name} in {path} means nothing: {hint} Nothing was changed. Next: correct it there.")


def _refuse_callers(callers: Callers, path: Path) -> None:
    wrong = [each for each in callers.routes if not isinstance(each, str) or not ROUTE.fullmatch(each)]
    for name, form, fits in (
        ("routes", 'a list of "predict" and of paths, such as "/v2/models/{name}"', not wrong),
        ("keys", "true or false", isinstance(callers.keys, bool)),
        ("per_second", "a whole number of requests, 0 for no limit", type(callers.per_second) is int and callers.per_second >= 0),
    ):
        if not fits:
            raise PipelineError(f"[callers] {name} = {getattr(callers, name)!r} in {path} is not {form}. Next: correct it there.")


def _refuse_unwatchable(watch: Watch | None, path: Path) -> None:
    # In less than eight days drift does not find enough.
    values = asdict(watch) if watch else {"notify": ""}
    if (notify := values.pop("notify")) not in ("", *NOTIFIED):
        raise PipelineError(
            f"[watch] notify = {notify!r} in {path} is nobody who can receive alerts. Expected: {', '.join(NOTIFIED)}. "
            "Correct it there, then ./run up."
        )
    for name, value in values.items():
        fits = type(value) is int and (8 <= value <= 3650 if name == "days" else 1 <= value <= 65535)
        if not fits:
            form = "a number of days from 8 to 3650" if name == "days" else "a port, such as 9090"
            raise PipelineError(f"[watch] {name} = {value!r} in {path} is not {form}. Correct it there, then ./run up.")
