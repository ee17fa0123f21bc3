"""infra/compose.yaml, the one description of proxy and monitoring: filled in, and made through the engine's API as Docker Compose makes it.

A rollback to a warm standby makes no container: it has no time to import this. What is not known here is refused.
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

from slipway.errors import PipelineError
from slipway.operate import registry
from slipway.operate.targets import monitoring
from slipway.project import Project

PATH = "infra/compose.yaml"
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<word>[^{}$]*))?\}|(?P<other>))")
TOP = {"name", "services", "networks", "volumes"}
NAMED = {"networks": {"name", "driver"}, "volumes": {"name"}}
# The label that names the description which a verb made a container from.
MADE_FROM = "watch.made-from"
Description = dict[str, Any]


def load(project: Project) -> Description:
    """Return what a project's file describes, filled in for it. Raises PipelineError."""
    return parse((project.root / PATH).read_text(encoding="utf-8"), list_settings(project, os.environ))


def list_settings(project: Project, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what infra/compose.yaml is filled in with; of the environment only which images are used."""
    found = {name: value for name, value in environment.items() if name.endswith("_IMAGE")}
    found |= {"PROJECT": project.name, "ADDRESS": project.address}
    if project.watch:
        found |= {f"{name.upper()}_PORT": str(port) for name, port in monitoring.list_ports(project.watch).items()}
        found["DAYS"] = str(project.watch.days)
    return found


def parse(text: str, settings: Mapping[str, str]) -> Description:
    """Return what a file describes, with the settings filled in. Raises PipelineError."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        _refuse(f"is no YAML: {error}")
    if unknown := {key for key in found if not key.startswith("x-")} - TOP:
        _refuse(f"has {sorted(unknown)}, which ./run does not know; expected at its top: {', '.join(sorted(TOP))}")
    for kind, keys in NAMED.items():
        if wrong := [name for name, each in found[kind].items() if set(each) != keys]:
            _refuse(f"describes {wrong[0]} under {kind} in a form that ./run does not know; expected: {', '.join(sorted(keys))}")
    return {key: fill(found[key], settings) for key in TOP if key in found}


def fill(value: Any, settings: Mapping[str, str]) -> Any:
    """Fill settings into the texts of a value: ${NAME}, ${NAME:-default} or ${NAME:?what it is}; $$ is a dollar. Raises PipelineError."""
    if isinstance(value, dict):
        return {key: fill(each, settings) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, settings) for each in value]
    return VARIABLE.sub(lambda found: _replace_variable(found, settings), value) if isinstance(value, str) else value


def _replace_variable(found: re.Match[str], settings: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    if found["name"] is None:
        _refuse(f"has a $ that is no ${{NAME}}, in {found.string!r}; $$ is one dollar")
    if value := settings.get(found["name"]):
        return value
    if found["how"] == "-":
        return found["word"]
    return _refuse(f"wants {found['name']}, which {found['word'] or 'is not set'}")


def _refuse(what: str) -> NoReturn:
    raise PipelineError(f"{PATH} {what}. Next: correct it there, then ./run up.")


def create_container(client: docker.DockerClient, description: Description, service: str) -> Container:
    """Create the container of a service, with its image and its networks where they are not there. Raises PipelineError."""
    wanted = list_arguments(description, service)
    registry.ensure_image(client, wanted["image"])
    networks = [description["networks"][name] for name in description["services"][service]["networks"]]
    for each in networks:
        if not client.networks.list(names=[f"^{each['name']}$"]):
            client.networks.create(each["name"], driver=each["driver"])
    first, *others = [each["name"] for each in networks]
    alias = EndpointConfig("1.40", aliases=[service])
    labels = {MADE_FROM: hash_description(description, service)}
    container = client.containers.create(**wanted, network=first, networking_config={first: alias}, labels=labels)
    try:
        for name in others:
            client.networks.get(name).connect(container, aliases=[service])
    except BaseException:
        container.remove(force=True)
        raise
    return container


def list_arguments(description: Description, service: str) -> dict[str, Any]:
    """Return the SDK's arguments to create the container of a service, without its networks. Raises PipelineError."""
    found: dict[str, Any] = {}
    for key, value in description["services"][service].items():
        if key not in KEYS:
            _refuse(f"has {key!r} in the service {service}, which ./run does not know; expected: {', '.join(sorted(KEYS))}")
        found |= KEYS[key](value, description)
    return found


def hash_description(description: Description, service: str) -> str:
    """Return a hash of the description of a service: another hash is another description."""
    names = {kind: description[kind] for kind in ("networks", "volumes")}
    return hashlib.sha256(json.dumps([description["services"][service], names], sort_keys=True).encode()).hexdigest()


def parse_ports(ports: list[str], _: Description) -> dict[str, Any]:
    """Read ADDRESS:PORT:PORT of the container; the address is needed, so that nothing listens everywhere by oversight."""
    parts = [each.rsplit(":", 2) for each in ports]
    if wrong := [each for each, split in zip(ports, parts, strict=True) if len(split) != 3]:
        _refuse(f"publishes {wrong[0]!r}; expected ADDRESS:PORT:PORT, such as 127.0.0.1:9090:9090")
    return {"ports": {f"{inside}/tcp": (address.strip("[]"), int(port)) for address, port, inside in parts}}


def _parse_volumes(volumes: list[str], description: Description) -> dict[str, Any]:
    """Read VOLUME:/FOLDER or VOLUME:/FOLDER:ro; never a path of the host, which may be another machine than this."""
    found = {}
    for each in volumes:
        name, _, rest = each.partition(":")
        folder, _, mode = rest.partition(":")
        if name not in description["volumes"] or mode not in {"", "ro"} or not folder:
            _refuse(f"mounts {each!r}; expected VOLUME:/FOLDER or VOLUME:/FOLDER:ro, of {', '.join(description['volumes'])}")
        found[description["volumes"][name]["name"]] = {"bind": folder, "mode": mode or "rw"}
    return {"volumes": found}


def _check_networks(networks: list[str], description: Description) -> dict[str, Any]:
    if not networks or set(networks) - set(description["networks"]):
        _refuse(f"joins {networks!r}; expected some of {', '.join(description['networks'])}")
    return {}  # `create_container` joins them


def _parse_logging(logging: dict[str, Any], _: Description) -> dict[str, Any]:
    if set(logging) != {"driver", "options"}:
        _refuse(f"has {sorted(logging)} under logging; expected: driver, options")
    return {"log_config": {"type": logging["driver"], "config": logging["options"]}}


def _pass_as(name: str) -> Callable[[Any, Description], dict[str, Any]]:
    return lambda value, _: {name: value}


KEYS: dict[str, Callable[[Any, Description], dict[str, Any]]] = {
    **{key: _pass_as(key) for key in ("image", "user", "entrypoint", "command", "environment", "read_only", "cap_drop")},
    **{key: _pass_as(key) for key in ("security_opt", "mem_limit", "pids_limit")},
    "container_name": _pass_as("name"),
    "restart": lambda value, _: {"restart_policy": {"Name": value}},
    "ports": parse_ports,
    "volumes": _parse_volumes,
    "networks": _check_networks,
    "tmpfs": lambda folders, _: {"tmpfs": dict(each.split(":", 1) for each in folders)},
    "logging": _parse_logging,
}
