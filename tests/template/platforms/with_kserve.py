"""The InferenceService is what KServe's own definition of one, its CRD, says: no field too many, none of another kind.

Of GitHub's file, or of a copy that CRD names; its hash is known either way.
"""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import hashlib
import os
import urllib.request
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from tests.template.platforms.page import KSERVE, files

VERSION = "v0.20.0"
URL = f"https://raw.githubusercontent.com/kserve/kserve/{VERSION}/config/crd/full/serving.kserve.io_inferenceservices.yaml"
SHA256 = "57c3bf13f77de94678bf2ae3748056ec071ad2b9e88d6a28f44fb4710758fcff"
DIGEST = f"sha256:{'0' * 64}"


def definition() -> dict:
    """Return the CRD."""
    copy = os.environ.get("CRD")
    content = Path(copy).read_bytes() if copy else urllib.request.urlopen(URL).read()
    assert hashlib.sha256(content).hexdigest() == SHA256, "This is another CRD."
    return yaml.safe_load(content)


def strict(schema: dict) -> dict:
    """Write what Kubernetes adds to JSON Schema as JSON Schema: without `properties` of its own nothing is known, else no others are."""
    found = dict(schema)
    if found.pop("x-kubernetes-int-or-string", False):
        return {"type": ["integer", "string"]}
    if "properties" in found:
        found["properties"] = {name: strict(each) for name, each in found["properties"].items()}
        found["additionalProperties"] = found.get("x-kubernetes-preserve-unknown-fields", False)
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            found[name] = strict(found[name])
    return found


crd = definition()
[version] = [each for each in crd["spec"]["versions"] if each["name"] == "v1beta1"]
[text] = files(KSERVE, IMAGE="ghcr.io/owner/slipway-example", DIGEST=DIGEST, TAG="v1.0.0")
service = yaml.safe_load(text)
wrong = [
    f"{'.'.join(map(str, each.absolute_path))}: {each.message}"
    for each in Draft202012Validator(strict(version["schema"]["openAPIV3Schema"])).iter_errors(service)
]
assert not wrong, "\n".join(wrong)
assert (service["apiVersion"], service["kind"]) == (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
# What the CRD leaves open, and KServe's controller looks for (pkg/constants and predictor_custom.go).
assert service["metadata"]["annotations"] == {"serving.kserve.io/deploymentMode": "Standard"}
[container] = service["spec"]["predictor"]["containers"]
assert (container["name"], container["image"]) == ("kserve-container", f"ghcr.io/owner/slipway-example@{DIGEST}")
