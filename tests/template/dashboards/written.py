"""The dashboards as files, and what they ask."""

import json
import re
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tests.template.dashboards import model, service

FOLDER = Path(__file__).parents[3] / "infra" / "watch" / "grafana" / "dashboards"


def texts() -> dict[str, str]:
    """Return the files as they have to be."""
    made = {"service.json": service.build(), "model.json": model.build()}
    return {name: JSONEncoder(sort_keys=True, indent=2).encode(each.build()) + "\n" for name, each in made.items()}


def panels(name: str) -> list[dict[str, Any]]:
    """Return the panels of a file, without the rows that they stand in."""
    read = json.loads((FOLDER / name).read_bytes())
    found = [each for row in read["panels"] for each in (row, *row.get("panels", []))]
    return [each for each in found if each["type"] != "row"]


def expressions(name: str) -> list[tuple[str, str]]:
    """Return what is asked: panel, and expression with Grafana's variables filled in."""
    read = json.loads((FOLDER / name).read_bytes())
    asked = [(panel["title"], target["expr"]) for panel in panels(name) for target in panel["targets"]]
    asked += [(each["name"], each["expr"]) for each in read["annotations"]["list"] if "expr" in each]
    for each in read["templating"]["list"]:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", each["query"]).groups()  # type: ignore[union-attr]
        asked.append((each["name"], f"count by ({label}) ({metric})"))
    return [(title, filled(expression)) for title, expression in asked]


def filled(expression: str) -> str:
    """Fill in Grafana's variables."""
    return expression.replace("$__rate_interval", "1m").replace("$release", ".*").replace("$feature", ".*")
