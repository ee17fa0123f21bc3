"""The docker SDK's client, made to hold on a connection that can be lost: an engine behind ssh."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.errors import APIError
from paramiko.ssh_exception import BadHostKeyException, SSHException  # type: ignore[import-untyped]  # it has none
from requests import PreparedRequest, RequestException, Response
from urllib3.exceptions import HTTPError

from slipway import http_client
from slipway.errors import PipelineError

AGAIN_SECONDS = 15


class Api(docker.APIClient):
    """The engine's API, which tells a lost connection, and connects anew for what is asked next: what was begun is to be cleaned up."""

    engine = ""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        way: Any = self.get_adapter(self.base_url)
        # One pool for all that is asked over ssh: the library has one for each URL, and each starts another `docker` over there.
        if getattr(way, "ssh_client", None):
            pool = way.get_connection
            way.get_connection = lambda *_: pool(self.base_url)

    def send(self, request: PreparedRequest, **settings: Any) -> Response:
        """Send a request, to an engine of this machine or behind ssh by way of no proxy. Raises PipelineError when it gets no answer."""
        if self.base_url.startswith("http+docker:") or http_client.is_own(self.base_url):
            settings["proxies"] = {}
        with self.telling():
            return super().send(request, **settings)

    def _stream_helper(self, *arguments: Any, **settings: Any) -> Iterator[Any]:
        with self.telling():
            yield from super()._stream_helper(*arguments, **settings)  # type: ignore[misc]  # not in the types

    def _stream_raw_result(self, *arguments: Any, **settings: Any) -> Iterator[bytes]:
        with self.telling():
            yield from super()._stream_raw_result(*arguments, **settings)  # type: ignore[misc]

    def _read_from_socket(self, response: Response, *_: Any, **__: Any) -> bytes:
        """Read what a command printed, from where its header was read: the library passes by what came along with the header."""
        self._raise_for_status(response)  # type: ignore[attr-defined]
        try:
            with self.telling():
                frames: bytes = response.raw._fp.fp.read()  # type: ignore[union-attr]
        finally:
            response.close()
        printed, at = b"", 0
        while at < len(frames):  # a frame is the stream's number, its length in the last four of eight bytes, and that much
            end = at + 8 + int.from_bytes(frames[at + 4 : at + 8], "big")
            printed, at = printed + frames[at + 8 : end], end
        return printed

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raise PipelineError for a connection that is lost."""
        try:
            yield
        except APIError:  # an answer, if not the one that was hoped for
            raise
        except (RequestException, HTTPError, SSHException, OSError) as error:
            if not self.engine:
                raise  # it was never there, which `connect` tells
            self.again()
            raise PipelineError(f"The connection to the Docker engine of {self.engine} was lost: {error}. Next: ./run status.") from error

    def again(self) -> None:
        """Connect anew over ssh; the library would go on with the connection that has ended."""
        way: Any = self.get_adapter(self.base_url)
        if ssh := getattr(way, "ssh_client", None):
            way.pools.clear()
            ssh.close()
            with suppress(OSError, SSHException):  # what is asked next tells it
                ssh.connect(**way.ssh_params, timeout=AGAIN_SECONDS)


class Engine(docker.DockerClient):
    """The library's client, with this API."""

    def __init__(self, **settings: Any) -> None:
        self.api = Api(**settings)


def refusal(where: str, error: Exception) -> str:
    """Say why an engine cannot be asked, and what to do about it."""
    if not where.startswith("ssh:"):
        return f"No Docker engine answers on {where}: {error}. Start it, or add --target local, which needs none."
    if isinstance(error, BadHostKeyException) or "known_hosts" in str(error):
        host, port = urlsplit(where).hostname, urlsplit(where).port or 22
        scan = f"ssh-keyscan -p {port} {host}; compare its line with the key on the host, then add it to ~/.ssh/known_hosts."
        if not isinstance(error, BadHostKeyException):
            return f"{where} is not known here: its host key is not in ~/.ssh/known_hosts. Nothing was asked of it. Next: {scan}"
        name = host if port == 22 else f"[{host}]:{port}"
        return (
            f"The host key of {where} is not the one in ~/.ssh/known_hosts: the host was set up anew, or another answers in its place. "
            f"Nothing was asked of it. Next: ask who runs it. If it is right: ssh-keygen -R '{name}', then {scan}"
        )
    return f"No Docker engine answers on {where}: {error}. Next: docker --host {where} version, which has to answer without a question."
