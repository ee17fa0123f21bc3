"""A container of infra/compose.yaml, made through the engine's API as Docker Compose makes it. What is not known here is refused.

It is imported where a container is made, which a rollback to a warm standby does not do: it has no time for what it does not need.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import EndpointConfig

from slipway.operate import registry
from slipway.operate.targets.compose import Described, refuse

# Which description a container was made from, where a verb made it.
MADE_FROM = "watch.made-from"


def create(client: docker.DockerClient, described: Described, service: str) -> Container:
    """Create the container of a service, with its image and its networks where they are not there. Raises PipelineError."""
    wanted = words(described, service)
    registry.ensure(client, wanted["image"])
    networks = [described["networks"][name] for name in described["services"][service]["networks"]]
    first, *others = [network(client, each) for each in networks]
    alias = EndpointConfig("1.40", aliases=[service])
    labels = {MADE_FROM: made_from(described, service)}
    made = client.containers.create(**wanted, network=first, networking_config={first: alias}, labels=labels)
    try:
        for other in others:
            client.networks.get(other).connect(made, aliases=[service])
    except BaseException:
        made.remove(force=True)
        raise
    return made


def network(client: docker.DockerClient, wanted: Described) -> str:
    """Make a network unless it is there, and return its name."""
    name: str = wanted["name"]
    if not client.networks.list(names=[f"^{name}$"]):
        client.networks.create(name, driver=wanted["driver"])
    return name


def words(described: Described, service: str) -> dict[str, Any]:
    """Return what the SDK has to be told to create the container of a service, beside its networks. Raises PipelineError."""
    found: dict[str, Any] = {}
    for key, value in described["services"][service].items():
        if key not in KEYS:
            refuse(f"has {key!r} in the service {service}, which the verbs do not know; expected: {', '.join(sorted(KEYS))}")
        found |= KEYS[key](value, described)
    return found


def made_from(described: Described, service: str) -> str:
    """Name the description of a service: another name is another description."""
    names = {kind: described[kind] for kind in ("networks", "volumes")}
    return hashlib.sha256(json.dumps([described["services"][service], names], sort_keys=True).encode()).hexdigest()


def published(ports: list[str], _: Described) -> dict[str, Any]:
    """Read ADDRESS:PORT:PORT of the container; the address is given, so that nothing listens everywhere by oversight."""
    parts = [each.rsplit(":", 2) for each in ports]
    if wrong := [each for each, split in zip(ports, parts, strict=True) if len(split) != 3]:
        refuse(f"publishes {wrong[0]!r}; expected ADDRESS:PORT:PORT, such as 127.0.0.1:9090:9090")
    return {"ports": {f"{inside}/tcp": (address.strip("[]"), int(port)) for address, port, inside in parts}}


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
    """Hold that there are such networks; `create` joins them."""
    if not networks or set(networks) - set(described["networks"]):
        refuse(f"joins {networks!r}; expected some of {', '.join(described['networks'])}")
    return {}


def logged(logging: dict[str, Any], _: Described) -> dict[str, Any]:
    """Read how the container's log is kept."""
    if set(logging) != {"driver", "options"}:
        refuse(f"has {sorted(logging)} under logging; expected: driver, options")
    return {"log_config": {"type": logging["driver"], "config": logging["options"]}}


def tmpfs(folders: list[str], _: Described) -> dict[str, Any]:
    """Read FOLDER:OPTIONS."""
    return {"tmpfs": dict(each.split(":", 1) for each in folders)}


def same(name: str) -> Callable[[Any, Described], dict[str, Any]]:
    """Return how a key is read that the SDK takes as it is, under this name."""
    return lambda value, _: {name: value}


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
