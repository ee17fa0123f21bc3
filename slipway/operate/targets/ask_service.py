"""Ask a service from inside its container: `images.py` reads this file as text, for `python -c TEXT HOST:PORT SECONDS QUESTIONS` there.

Plain sockets: the libraries for HTTP take longer to import than the rest takes. HTTP/1.0: the answer ends with the connection.
"""

import json
import socket
import sys
import time
from typing import Any


def connect(host: str, port: int, until: float) -> socket.socket:
    """Connect; wait for a standby that was just restarted, which listens once it is ready."""
    while True:
        try:
            return socket.create_connection((host, port), timeout=20)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def format_request(path: str, body: Any) -> bytes:
    """Return a request: a GET where there is no body."""
    data = b"" if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "POST"
    lines = (f"{method} {path} HTTP/1.0", "Content-Type: application/json", f"Content-Length: {len(data)}", "", "")
    return "\r\n".join(lines).encode() + data


def ask(service: socket.socket, path: str, body: Any) -> str:
    """Return the content of an answer; end the process with its status where that is not 200."""
    service.sendall(format_request(path, body))
    head, _, content = b"".join(iter(lambda: service.recv(65536), b"")).decode().partition("\r\n\r\n")
    if head.split()[1:2] != ["200"]:
        sys.exit(f"{path}: {' '.join(head.splitlines()[:1]) or 'no answer'}: {content[:300]}")
    return content


def main(address: str, seconds: str, questions: str) -> None:
    """Print each answer as a line of JSON."""
    host, _, port = address.rpartition(":")
    until = time.monotonic() + float(seconds)
    for path, body in json.loads(questions):
        try:
            with connect(host, int(port), until) as service:
                print(json.dumps(ask(service, path, body)))
        except OSError as error:
            sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "".join(sys.argv[3:]) or sys.stdin.read())
