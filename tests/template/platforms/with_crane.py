"""The image is copied as it is, and for SageMaker with another user and nothing else, from one repository of a real registry to another.

It needs the crane of with_crane.txt on the PATH.
"""

import json
import os
import socket
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from tests.template.platforms.page import IMAGE, commands, exports


def crane(*arguments: str) -> str:
    """Run crane."""
    return subprocess.run(["crane", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait(port: int) -> None:
    """Wait until somebody does."""
    for _ in range(100):
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("The registry did not start.")


def main() -> None:
    """Push an image to a registry, type the commands, and look at what arrived."""
    pinned = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").strip().partition("==")[2]
    assert crane("version").lstrip("v") == pinned, f"crane is {crane('version')}: write it into with_crane.txt."
    port = free_port()
    address = f"127.0.0.1:{port}"
    registry = subprocess.Popen(["crane", "registry", "serve", "--address", address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with tempfile.TemporaryDirectory() as folder:
            layer = Path(folder) / "layer.tar"
            with tarfile.open(layer, "w") as written:
                written.add(__file__, "app.py")
            wait(port)
            image = f"{address}/owner/slipway-example"
            crane("append", "--new_layer", str(layer), "--new_tag", f"{image}:made")
            crane("mutate", "--user", "10001", "--tag", f"{image}:made", f"{image}:made")
        digest = crane("digest", f"{image}:made")
        here = {"IMAGE": image, "DIGEST": digest, "REGISTRY": f"{address}/cloud"}
        assert exports(IMAGE).keys() == here.keys()
        typed = [(command, said) for command, said in commands(IMAGE) if not command.startswith("export ")]
        seen = []
        for command, said in [*typed, typed[-1]]:
            done = subprocess.run(["bash", "-c", command], env={**os.environ, **here}, check=True, capture_output=True, text=True)
            assert not said or done.stdout.strip() == digest
            seen.append(done.stdout.strip())
        assert seen[-2] == seen[-1], "The same image has the same digest each time."
        manifests = [json.loads(crane("manifest", name)) for name in (f"{image}@{digest}", seen[-1])]
        assert manifests[0]["layers"] == manifests[1]["layers"]
        assert manifests[0]["mediaType"] == manifests[1]["mediaType"]
        users = [json.loads(crane("config", name))["config"]["User"] for name in (f"{here['REGISTRY']}/slipway-example:v1.0.0", seen[-1])]
        assert users == ["10001", "0"]
    finally:
        registry.kill()
        registry.wait()


if __name__ == "__main__":
    main()
