"""The page of metrics, from what the service declares, and of alerts, from their rules."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from ruamel.yaml import YAML

from slipway.serving import metrics
from tests.template.site.reference.text import to_code, to_sentence, to_table

INTRODUCTION = """# Metrics and alerts

To see the figures of a service on your machine, start it with `./run serve` and open http://127.0.0.1:8081/metrics. On a host,
Prometheus asks each release for them; [monitoring](../monitoring.md) says how to open it, and what to do at each alert.

## Metrics of the service

A counter only grows; a gauge is what it is now; a histogram has `_bucket`, `_sum` and `_count` behind its name.
"""
ALERTS = """
## Alerts

*page* wakes somebody, *ticket* can wait until the morning. The rules are in [infra/watch/rules](../../infra/watch/rules).
"""
RECORDED = """
## Recorded series

What alerts and dashboards are computed from, in the order of the rules; Prometheus takes each from the metrics above.
"""


def write(root: Path) -> str:
    """Return the page."""
    declared = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    rows = [write_metric(each) for each in declared]
    alerts, recorded = list_rules(root / "infra" / "watch" / "rules")
    return "\n".join(
        [
            INTRODUCTION,
            to_table(("metric", "kind", "labels", "is"), rows),
            ALERTS,
            to_table(("alert", "severity", "says"), alerts),
            RECORDED,
            to_table(("file", "series"), recorded),
        ]
    )


def write_metric(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    """Return the row of a metric, under the name that Prometheus has it by."""
    [family] = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(to_code(label) for label in metric._labelnames)
    return to_code(name), family.type, labels, to_sentence(family.documentation)


def list_rules(folder: Path) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Return the rows of alerts and of recorded series."""
    alerts: list[tuple[str, str, str]] = []
    recorded: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.yml")):
        for group in YAML(typ="safe", pure=True).load(path)["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    page = f"[{rule['alert']}](../monitoring.md#{rule['alert'].lower()})"
                    alerts.append((page, rule["labels"]["severity"], name_labels(rule["annotations"]["summary"])))
                else:
                    recorded.setdefault(path.name, []).append(to_code(rule["record"]))
    return alerts, [(name, ", ".join(dict.fromkeys(series))) for name, series in recorded.items()]


def name_labels(summary: str) -> str:
    """Return what an alert says, with the name of each label where its value will be."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", summary)
