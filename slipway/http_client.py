"""Addresses as HOST:PORT, and HTTP clients: they reach this machine directly, and others through the proxy of the environment."""

import os
import re
import socket
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slipway.errors import PipelineError

if TYPE_CHECKING:  # imported late, as it costs time, and a rollback on docker does without
    import httpx

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*")
# What is listened on everywhere, and how this machine asks there.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def open_client(url: str, **settings: Any) -> "httpx.Client":
    """Return a client for what lies below a URL. Raises PipelineError where the URL, or the proxy for it, is none that can be used."""
    import httpx

    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise PipelineError(
            f"{url!r} is not an address: {error}. Expected: http://HOST:PORT. Next: correct it where you set it."
        ) from error
    proxy = find_proxy(url)
    # With a transport of its own, a client does not look for proxies; what the environment says of certificates still holds.
    route: dict[str, Any] = {"proxy": proxy} if proxy else {"transport": httpx.HTTPTransport()}
    try:
        return httpx.Client(base_url=base, **route, **settings)
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # SOCKS without its package, another scheme, a port that is none
        raise PipelineError(_explain_refusal(base.host, proxy or "")) from error


def send_request(method: str, url: str, timeout: float, **content: Any) -> "httpx.Response":
    """Ask once. Raises httpx.HTTPError, and PipelineError as above."""
    import httpx

    with open_client(url, timeout=timeout) as client:
        try:
            return client.request(method, url, **content)
        except httpx.ConnectError as error:
            raise httpx.ConnectError(f"{error}{_format_proxy(find_proxy(url))}", request=error.request) from error


def find_proxy(url: str) -> str | None:
    """Return the proxy by way of which a URL is asked, None where it is asked directly."""
    if is_this_machine(url):
        return None
    from requests.utils import get_environ_proxies, select_proxy  # it knows networks in NO_PROXY; Docker's and MLflow's libraries use it

    found: str | None = select_proxy(url, get_environ_proxies(url))
    return found if not found or "://" in found else f"http://{found}"


def is_this_machine(url: str) -> bool:
    """Tell whether a URL is of this machine: of its loopback, or of an address that it has."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # brackets without an address
        return False
    if host in ("localhost", socket.gethostname().lower()) or host.endswith(".localhost"):
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return _is_short_loopback(host)
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_unspecified or str(found) in _list_addresses()


def _is_short_loopback(host: str) -> bool:
    """Tell whether a name is the loopback in one of the forms that the system takes beside four numbers, such as 127.1 and 0."""
    try:
        found = ip_address(socket.inet_aton(host))
    except OSError:
        return False
    return found.is_loopback or found.is_unspecified


def _list_addresses() -> set[str]:
    import psutil

    each_one = [each for found in psutil.net_if_addrs().values() for each in found if each.family in (socket.AF_INET, socket.AF_INET6)]
    return {each.address.partition("%")[0] for each in each_one}


def bypass_proxy(url: str = "") -> None:
    """Have the libraries that look for proxies themselves ask the loopback directly, and a URL of this machine."""
    if not any(os.environ.get(name) or os.environ.get(name.lower()) for name in VARIABLES):
        return  # on macOS and Windows the system's proxies hold only where the environment says nothing at all
    host = urlsplit(url).hostname if url and is_this_machine(url) else None
    names = ("NO_PROXY", "no_proxy")
    listed = [each.strip() for name in names for each in os.environ.get(name, "").split(",") if each.strip()]
    if "*" not in listed:
        os.environ.update(dict.fromkeys(names, ",".join(dict.fromkeys([*listed, *LOOPBACK, *([host] if host else [])]))))


def _explain_refusal(host: str, proxy: str) -> str:
    return (
        f"{host} cannot be asked{_format_proxy(proxy)}. "
        f"Expected: a proxy of the form http://HOST:PORT; none for SOCKS is installed. "
        f"Next: set {' or '.join(VARIABLES)} to one; or, where {host} is reached without, NO_PROXY={host}."
    )


def _format_proxy(proxy: str | None) -> str:
    """Name a proxy at the end of a sentence, without the password that may be in it; nothing where there is none."""
    scheme, _, rest = (proxy or "").partition("://")
    return f" through {scheme}://{rest.rpartition('@')[2]}, the proxy that the environment variables name" if proxy else ""


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port, an IPv6 address without its brackets. Raises ValueError with what is wrong."""
    host, colon, port = address.rpartition(":")
    if "://" in address or "/" in address:
        raise ValueError("leave out http:// and the path")
    if _is_ipv6(address) or _is_ipv6(host):
        raise ValueError("an IPv6 address must be in brackets, with the port behind it")
    if not colon or address.endswith("]"):
        raise ValueError("it has no port")
    if not host:
        raise ValueError("it has no host; 0.0.0.0 is every address of the machine")
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is no port from 1 to 65535")
    return _parse_host(host), int(port)


def _parse_host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        if not _is_ipv6(host[1:-1]):
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


def _is_ipv6(text: str) -> bool:
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


def try_bind(host: str, port: int) -> None:
    """Listen for a moment where a service is to. Raises OSError where that cannot be."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
