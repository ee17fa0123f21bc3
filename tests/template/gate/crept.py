"""No worse than what serves now, which is itself two margins worse than a release before it."""

import json
from pathlib import Path

VERB, CODE, REASON = "validate", 1, r"Loss minus that of the best release of the chain: \+1\d.*small losses have added up"


def change(project: Path) -> None:
    path = project / "champion" / "release" / "gate.json"
    told = json.loads(path.read_bytes())
    told["best"]["loss"] -= 12
    path.write_text(json.dumps(told), encoding="utf-8")
