"""What infra/compose.yaml says, and a container of it as Docker Compose would make it: the file is the one description of the fixed part.

It is imported where a container is made, which a rollback to a warm standby does not do: it has no time for what it does not need.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import docker
import yaml
from docker.models.containers import Container
from docker.types import EndpointConfig

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.project import Project
from pipeline.targets import watch

PATH = "infra/compose.yaml"
# Which description a container was made from, where a verb made it.
MADE_FROM = "watch.made-from"
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<word>[^{}$]*))?\}|(?P<other>))")
TOP = {"name", "services", "networks", "volumes"}
Described = dict[str, Any]


def of(project: Project) -> Described:
    """Return what a project's file describes, filled in for it. Raises PipelineError."""
    return described((project.root / PATH).read_text(encoding="utf-8"), watch.settings(project, os.environ))


def described(text: str, settings: Mapping[str, str]) -> Described:
    """Return what a file describes, with the settings filled in. Raises PipelineError."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        refuse(f"is no YAML: {error}")
    if unknown := {key for key in found if not key.startswith("x-")} - TOP:
        refuse(f"has {sorted(unknown)}, which the verbs do not know; expected at its top: {', '.join(sorted(TOP))}")
    filled = {key: fill(found[key], settings) for key in TOP if key in found}
    for name, service in filled["services"].items():
        if unknown := set(service) - set(KEYS):
            refuse(f"has {sorted(unknown)} in the service {name}, which the verbs do not know; expected: {', '.join(sorted(KEYS))}")
    return filled


def fill(value: Any, settings: Mapping[str, str]) -> Any:
    """Fill settings into the texts of a value: ${NAME}, ${NAME:-default} or ${NAME:?what it is}; $$ is a dollar. Raises PipelineError."""
    if isinstance(value, dict):
        return {key: fill(each, settings) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, settings) for each in value]
    return VARIABLE.sub(lambda found: filled_in(found, settings), value) if isinstance(value, str) else value


def filled_in(found: re.Match[str], settings: Mapping[str, str]) -> str:
    """Return what stands for one variable. Raises PipelineError."""
    if found["dollar"]:
        return "$"
    if found["name"] is None:
        refuse(f"has a $ that is no ${{NAME}}, in {found.string!r}; $$ is one dollar")
    if given := settings.get(found["name"]):
        return given
    if found["how"] == "-":
        return found["word"]
    return refuse(f"wants {found['name']}, which {found['word'] or 'is not set'}")


def create(client: docker.DockerClient, described: Described, service: str) -> Container:
    """Create the container of a service, with its image and its networks unless they are there. Raises PipelineError."""
    wanted = words(described, service)
    registry.ensure(client, wanted["image"])
    for network in described["networks"].values():
        if not client.networks.list(names=[f"^{network['name']}$"]):
            client.networks.create(network["name"], driver=network["driver"])
    return client.containers.create(**wanted, labels={MADE_FROM: made_from(described, service)})


def words(described: Described, service: str) -> dict[str, Any]:
    """Return what the SDK has to be told to create the container of a service. Raises PipelineError."""
    found: dict[str, Any] = {}
    for key, value in described["services"][service].items():
        found |= KEYS[key](value, described)
    return found | {"networking_config": {found["network"]: EndpointConfig("1.40", aliases=[service])}}


def made_from(described: Described, service: str) -> str:
    """Name the description of a service: another name is another description."""
    names = {kind: described[kind] for kind in ("networks", "volumes")}
    return hashlib.sha256(json.dumps([described["services"][service], names], sort_keys=True).encode()).hexdigest()


def published(ports: list[str], _: Described) -> dict[str, Any]:
    """Read ADDRESS:PORT:PORT of the container; the address is given, so that nothing listens everywhere by oversight."""
    parts = [each.rsplit(":", 2) for each in ports]
    if wrong := [each for each, split in zip(ports, parts, strict=True) if len(split) != 3]:
        refuse(f"publishes {wrong[0]!r}; expected ADDRESS:PORT:PORT, such as 127.0.0.1:9090:9090")
    return {"ports": {f"{inside}/tcp": (address, int(port)) for address, port, inside in parts}}


def mounted(volumes: list[str], described: Described) -> dict[str, Any]:
    """Read VOLUME:/FOLDER or VOLUME:/FOLDER:ro; never a path of the host, which may be another machine than this."""
    found = {}
    for each in volumes:
        name, _, rest = each.partition(":")
        folder, _, mode = rest.partition(":")
        if name not in described["volumes"] or mode not in {"", "ro"} or not folder:
            refuse(f"mounts {each!r}; expected VOLUME:/FOLDER or VOLUME:/FOLDER:ro, of {', '.join(described['volumes'])}")
        found[described["volumes"][name]["name"]] = {"bind": folder, "mode": mode or "rw"}
    return {"volumes": found}


def joined(networks: list[str], described: Described) -> dict[str, Any]:
    """Read the one network."""
    if len(networks) != 1 or networks[0] not in described["networks"]:
        refuse(f"joins {networks!r}; expected one of {', '.join(described['networks'])}")
    return {"network": described["networks"][networks[0]]["name"]}


def logged(logging: dict[str, Any], _: Described) -> dict[str, Any]:
    """Read how the container's log is kept."""
    return {"log_config": {"type": logging["driver"], "config": logging["options"]}}


def tmpfs(folders: list[str], _: Described) -> dict[str, Any]:
    """Read FOLDER:OPTIONS."""
    return {"tmpfs": dict(each.split(":", 1) for each in folders)}


def same(name: str) -> Callable[[Any, Described], dict[str, Any]]:
    """Return how a key is read that the SDK takes as it is, under this name."""
    return lambda value, _: {name: value}


def refuse(what: str) -> NoReturn:
    """Raise PipelineError."""
    raise PipelineError(f"{PATH} {what}. Next: correct it there, then ./run up.")


KEYS: dict[str, Callable[[Any, Described], dict[str, Any]]] = {
    **{key: same(key) for key in ("image", "user", "entrypoint", "command", "environment", "read_only", "cap_drop")},
    **{key: same(key) for key in ("security_opt", "mem_limit", "pids_limit")},
    "container_name": same("name"),
    "restart": lambda value, _: {"restart_policy": {"Name": value}},
    "ports": published,
    "volumes": mounted,
    "networks": joined,
    "tmpfs": tmpfs,
    "logging": logged,
}
