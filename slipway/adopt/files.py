"""The text of the owner's files for a table: how it is declared, how it is loaded, and which figures must be reached."""

import re
from collections.abc import Mapping, Sequence

from slipway.adopt.decide import GROUP, TARGET, Decision
from slipway.adopt.metrics import LOWER
from slipway.adopt.target import Target
from slipway.doctor import source
from slipway.doctor.draft import choose_limits, format_limit
from slipway.doctor.reading import Format
from slipway.doctor.source import DEFAULT_LOAD, NEW_FEATURES, quote
from slipway.gate.scoring import Label


def format_features(decisions: Sequence[Decision], target: Target) -> str:
    """Return `model/features.py`."""
    features = [each for each in decisions if each.is_feature and each.draft]
    left_out = [each for each in decisions if not each.is_feature and each.role != TARGET]
    comments = "".join(f"\n    # {' '.join(each.column.split())}: {each.role}, {each.reason}" for each in left_out)
    group = next((quote(each.column) for each in decisions if each.role == GROUP or each.groups), "None")
    constants = {
        "TASK": f"TASK = {quote(target.task)}",
        "TARGET": f"TARGET = {quote(target.column)}",
        "POSITIVE": f"POSITIVE: str | int | bool | None = {_format_label(target.positive)}",
        "GROUP": f"GROUP: str | None = {group}",
        "TARGET_RANGE": f"TARGET_RANGE: tuple[float, float] | None = {_format_range(target)}",
    }
    fields = {each.draft.attribute: each.draft.format() for each in features if each.draft}
    return str(source.edit_features(NEW_FEATURES.rstrip() + "\n" + comments, fields, [], constants))


def _format_label(label: Label | None) -> str:
    return quote(label) if isinstance(label, str) else repr(label)


def _format_range(target: Target) -> str:
    if target.task != "regression":
        return "None"
    low, high = choose_limits(target.kind.counts)
    return f"({format_limit(low)}, {format_limit(high)})"


def format_load(form: Format, decisions: Sequence[Decision], steps: Sequence[str]) -> str:
    """Return `model/data.py`: how the file is read, and what is done with it then."""
    kept = [each for each in decisions if each.times and (each.is_feature or each.role == GROUP)]
    times = [line for each in kept if each.times for line in each.times.format_step(each.column)]
    lines = source.format_end(DEFAULT_LOAD, form.format_call(), [*form.format_steps(), *steps, *times])
    return source.replace_end(DEFAULT_LOAD, lines)


def format_thresholds(text: str, floors: Mapping[str, float], order: str = "") -> str:
    """Return `validation/thresholds.toml` with other floors, and the column of times in the example for the age of data."""
    text = re.sub(r'^# column = ".*"$', lambda _: f"# column = {quote(order or 'day')}", text, flags=re.MULTILINE)
    blocks = "".join(f"[floors.{name}]\n{'max' if name in LOWER else 'min'} = {value:g}\n" for name, value in floors.items())
    blocks = blocks or "[floors]\n"  # no figure of the baseline is better than a trivial model's
    without = re.sub(r"^\[floors[^\n]*\n(?:[^\[#\n][^\n]*\n)*", "", text, flags=re.MULTILINE)
    heading = re.compile(r"^# Limits on the metrics[^\n]*\n(?:# drafted[^\n]*\n)?", re.MULTILINE)
    note = "# drafted by ./run adopt: the baseline, with room; make them what the business needs\n"
    found = heading.search(without)
    head = without[: found.start()] + found[0].partition("\n")[0] + "\n" if found else without.rstrip("\n") + "\n\n"
    return head + note + blocks + (without[found.end() :] if found else "")
