"""What is known of the live release in production: drift, outcomes, new training data."""

import json
from pathlib import Path

from slipway.report import Part
from slipway.say import line, summary


def write_report(folder: Path, report: Part, text: str, page: str) -> None:
    """Write a report as JSON, Markdown and HTML, each named like the folder, and print it."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"json": json.dumps(report.model_dump(mode="json"), indent=2) + "\n", "md": text + "\n", "html": page}
    for suffix, content in contents.items():
        (folder / f"{folder.name}.{suffix}").write_text(content, encoding="utf-8")
    line(f"{text}\n\nThe page: {folder / folder.name}.html")
    summary(text)
