"""The connection to the Docker engine, which can be lost, such as one over ssh."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import docker
from docker.errors import APIError
from requests import PreparedRequest, RequestException, Response
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError

from slipway.errors import PipelineError
from slipway.operate.ssh import Tunnel


class Connection(BaseAdapter):
    """Sends requests the way that the library found. One that is lost is an error of ours, and ssh connects anew for what is asked next."""

    def __init__(self, inner: BaseAdapter, where: str, tunnel: Tunnel | None) -> None:
        super().__init__()
        self.inner, self.where, self.tunnel = inner, where, tunnel

    def send(self, request: PreparedRequest, stream: bool = False, **settings: Any) -> Response:  # type: ignore[override]
        """Send a request. Raises PipelineError when it gets no answer, or not the whole."""
        with self.report_loss():
            response = self.inner.send(request, stream=stream, **settings)
            if not stream:
                response.content  # noqa: B018  # reads it
            return response

    def close(self) -> None:
        """Close what is open."""
        self.inner.close()

    @contextmanager
    def report_loss(self) -> Iterator[None]:
        """Raise PipelineError for a connection that is lost."""
        try:
            yield
        except APIError:  # an answer, if not the one that was hoped for
            raise
        except (RequestException, HTTPError, OSError) as error:
            reason = ((self.tunnel.reopen() if self.tunnel else "") or str(error)).rstrip(".")
            raise PipelineError(f"The connection to the Docker engine of {self.where} was lost: {reason}. Next: ./run status.") from error


def report_loss(client: docker.DockerClient) -> AbstractContextManager[None]:
    """Raise PipelineError for a connection that is lost while an answer is read as it comes."""
    found = client.api.get_adapter(client.api.base_url)
    return found.report_loss() if isinstance(found, Connection) else nullcontext()
