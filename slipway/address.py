"""HOST:PORT: where a service answers, as project.toml has it."""

import re
import socket
from ipaddress import IPv6Address, ip_address

NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*")
# What is listened on everywhere, and how this machine asks there.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def parse(address: str) -> tuple[str, int]:
    """Return host and port, an IPv6 address without its brackets. Raises ValueError with what is wrong."""
    host, colon, port = address.rpartition(":")
    if "://" in address or "/" in address:
        raise ValueError("neither http:// nor a path belongs there")
    if is_ipv6(address) or is_ipv6(host):
        raise ValueError("an IPv6 address has to be in brackets, and a port behind it")
    if not colon or address.endswith("]"):
        raise ValueError("it has no port")
    if not host:
        raise ValueError("it has no host; 0.0.0.0 is every address of the machine")
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is no port from 1 to 65535")
    return parse_host(host), int(port)


def parse_host(host: str) -> str:
    """Return an address of IPv4, of IPv6 without its brackets, or a name. Raises ValueError."""
    if host.startswith("[") and host.endswith("]"):
        if not is_ipv6(host[1:-1]):
            raise ValueError(f"{host!r} is no address of IPv6 in brackets")
        return host[1:-1]
    if re.fullmatch("[0-9.]+", host):
        try:
            ip_address(host)
        except ValueError:
            raise ValueError(f"{host!r} is no address of IPv4") from None
    elif not NAME.fullmatch(host):
        raise ValueError(f"{host!r} is neither an address nor a name")
    return host


def is_ipv6(text: str) -> bool:
    """Tell whether a text is an address of IPv6, without a zone."""
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return isinstance(found, IPv6Address) and "%" not in text


def format_url(host: str, port: int) -> str:
    """Return where this machine asks what listens on a host and a port."""
    return f"http://{format_address(EVERYWHERE.get(host, host), port)}"


def format_address(host: str, port: int) -> str:
    """Return a host and a port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bind(host: str, port: int) -> None:
    """Listen for a moment where a service is to. Raises OSError where that cannot be."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
