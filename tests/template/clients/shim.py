"""What a platform does in front of a container: take the endpoint's name out of the path. Runs in the clients' environments."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def shim(url: str, paths: dict[str, str]) -> Iterator[str]:
    """Pass requests on to a service, with other paths; yields the address to ask instead."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            headers = {"content-type": self.headers["content-type"]}
            request = urllib.request.Request(url + paths[self.path.partition("?")[0]], content, headers)  # noqa: S310  # our own service
            try:
                with urllib.request.urlopen(request) as response:  # noqa: S310
                    self.say(response.status, response.headers["content-type"], response.read())
            except urllib.error.HTTPError as error:
                with error:
                    self.say(error.code, error.headers["content-type"], error.read())

        def say(self, code: int, kind: str, content: bytes) -> None:
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
