"""Vertex AI's commands, typed with the real gcloud against a stand-in for the API that keeps what it is told.

It needs the gcloud of with_gcloud.txt on the PATH.
"""

import json
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.template.platforms.page import VERTEX, exports, type_out

SETTINGS = {"CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1"}
Json = dict[str, Any]
said = exports(VERTEX)
parent = f"projects/{said['CLOUDSDK_CORE_PROJECT']}/locations/{said['CLOUDSDK_AI_REGION']}"
kept: dict[str, Json] = {}
served: list[list[tuple[str, int]]] = []


def done(value: Json) -> Json:
    """Return an operation that has ended."""
    name = f"{parent}/operations/{len(kept)}"
    kept[name] = {"name": name, "done": True, "response": value}
    return kept[name]


def split(endpoint: Json, wanted: Json, new: str = "") -> None:
    """Move callers, as the API does: all of them, and only to what is deployed; 0 is what is just being deployed."""
    found = {new if number == "0" else number: share for number, share in wanted.items()}
    assert sum(found.values()) == 100
    assert found.keys() <= {each["id"] for each in endpoint["deployedModels"]}
    endpoint["trafficSplit"] = found
    images = {each["id"]: kept[each["model"]]["containerSpec"]["imageUri"] for each in endpoint["deployedModels"]}
    served.append([(images[number], share) for number, share in found.items()])


def answer(method: str, path: str, asked: dict[str, list[str]], body: Json) -> Json:
    """Do what is asked: three kinds of POST, a PATCH of the traffic, and GET."""
    if method == "POST" and path == f"{parent}/models:upload":
        name = f"{parent}/models/{body['modelId']}"
        kept[name] = {**body["model"], "name": name, "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"]}
        return done({"model": name})
    if method == "POST" and path == f"{parent}/endpoints":
        name = f"{parent}/endpoints/{asked['endpointId'][0]}"
        kept[name] = {**body, "name": name, "deployedModels": [], "trafficSplit": {}}
        return done({"name": name})
    if method == "POST" and path.endswith(":deployModel"):
        endpoint = kept[path.removesuffix(":deployModel")]
        model = body["deployedModel"]
        assert model["model"] in kept
        assert model["dedicatedResources"]["machineSpec"]["machineType"]
        assert model["id"].isdecimal()
        endpoint["deployedModels"].append(model)
        split(endpoint, body["trafficSplit"], model["id"])
        return done({"deployedModel": model})
    if method == "PATCH":
        assert (asked["updateMask"], list(body)) == (["traffic_split"], ["trafficSplit"])
        split(kept[path], body["trafficSplit"])
        return kept[path]
    assert method == "GET", f"{method} {path}"
    return kept[path]


class Handler(BaseHTTPRequestHandler):
    """Vertex AI's API."""

    def do_POST(self) -> None:
        """Answer, and refuse with what was not as it should be."""
        url = urlsplit(self.path)
        # gcloud asks /v1 and, for operations, /v1beta1.
        _, _, path = url.path.lstrip("/").partition("/")
        try:
            body = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)) or b"{}")
            code, found = 200, answer(self.command, path, parse_qs(url.query), body)
        except (AssertionError, KeyError) as error:
            code, found = 400, {"error": {"code": 400, "message": f"{self.command} {self.path}: {error!r}"}}
        content = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PATCH = do_POST  # noqa: N815  # as http.server wants them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Type the commands, and see which images were given how many of the callers."""
    pinned = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").strip().partition("==")[2]
    versions = json.loads(subprocess.run(["gcloud", "version", "--format=json"], check=True, capture_output=True).stdout)
    assert versions["Google Cloud SDK"] == pinned, f"gcloud is {versions['Google Cloud SDK']}: write it into with_gcloud.txt."
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory() as folder:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        type_out(VERTEX, Path(folder), {**SETTINGS, "CLOUDSDK_CONFIG": folder, "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": url})
        server.shutdown()
    old, new = (f"{said['REPOSITORY']}@{said[name]}" for name in ("OLD", "NEW"))
    assert [dict(each) for each in served] == [{old: 100}, {new: 10, old: 90}, {new: 100}, {old: 100}], served
    environments = [each["containerSpec"]["env"] for each in kept.values() if "containerSpec" in each]
    assert environments == [[{"name": "RELEASE_TAG", "value": tag}] for tag in ("v1.0.0", "v1.1.0")]


if __name__ == "__main__":
    main()
