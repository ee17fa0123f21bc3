"""The declared features against the columns of both datasets: what does not fit, and the lines that declare the columns as they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model import features
from slipway.doctor import source
from slipway.doctor.datasets import Dataset
from slipway.doctor.draft import Draft, add_alias, draft_columns
from slipway.doctor.finding import Finding, good, list_some, mend, note
from slipway.doctor.source import NEW_FEATURES, quote
from slipway.serving.declared import FEATURES, Feature
from slipway.serving.frames import Misfit, fold

WHY = "A column that is not declared, or a value that does not fit, is rejected: at `train` and from every caller."


@dataclass
class Change:
    """What is to be changed in `model/features.py`: lines of Row, attributes that go, constants; and why."""

    reasons: list[str] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)
    # Columns that could be declared, and need not.
    offered: list[Draft] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Tell whether nothing of what is declared fits."""
        return len(self.gone) == len(FEATURES)


def propose_change(datasets: Sequence[Dataset], misfits: Sequence[Sequence[Misfit]], constants: dict[str, str], target: str) -> Change:
    """Return what of Row has to be changed for some datasets with rows."""
    change = Change(constants=constants)
    names = [str(name) for name in datasets[0].rows] if datasets[0].rows is not None else []
    absent = [each for each in FEATURES if each.name not in names]
    absent_names = {each.name for each in absent}
    wrong = _describe_misfits(datasets, misfits)
    targets = [each.attribute for each in FEATURES if each.name == target]
    change.gone = [each.attribute for each in absent] + targets
    change.reasons = [*_describe_absent(absent, wrong, names), *(why for name, why in wrong.items() if name not in absent_names)]
    change.reasons += [f"{target} is the target, and a field of Row"] * bool(targets)
    tables = [each.rows for each in datasets if each.rows is not None]
    undeclared = [name for name in names if name not in {each.name for each in FEATURES} and name not in (target, features.GROUP)]
    kept = [each.attribute for each in FEATURES if each.attribute not in change.gone]
    drafts = draft_columns(tables, undeclared, kept)
    redrawn = [each for each in FEATURES if each.name in wrong and each.name in names]
    attributes = {each.name: each.attribute for each in redrawn}
    again = [_rename(each, attributes[each.column]) for each in draft_columns(tables, attributes)]
    change.gone += [each.attribute for each in again if each.left_out]
    needed = bool(absent) or not kept
    change.drafts = _keep_some([*again, *(drafts if needed else [])], kept)
    change.offered = [] if needed else [each for each in drafts if not each.left_out and not _is_left_out(each.column)]
    return change


def _rename(draft: Draft, attribute: str) -> Draft:
    """Return a draft of a declared column, with the attribute that it has."""
    if draft.attribute == attribute or draft.left_out:
        return Draft(draft.column, attribute, draft.declared, draft.left_out)
    plain = re.sub(r"(, )?alias=(\"(\\.|[^\"\\])*\")", "", draft.declared).replace(", Field()]", "]")
    return Draft(draft.column, attribute, add_alias(plain, f"alias={quote(draft.column)}" * (attribute != draft.column)))


def _keep_some(drafts: list[Draft], kept: list[str]) -> list[Draft]:
    """Return drafts of which at least one is a feature: a model needs one."""
    if kept or any(not each.left_out for each in drafts):
        return drafts
    return [Draft(each.column, each.attribute, each.declared) for each in drafts]


def _describe_absent(absent: Sequence[Feature], wrong: dict[str, str], names: Sequence[str]) -> list[str]:
    """Say which declared features are no columns; of one that is almost a column, how they differ."""
    if not absent:
        return []
    folded = {fold(name) for name in names}
    close = [wrong[each.name] for each in absent if fold(each.name) in folded and each.name in wrong]
    missing = [each.name for each in absent if fold(each.name) not in folded]
    return close + [f"declared, and no columns: {', '.join(missing)}; the columns are {list_some(names)}"] * bool(missing)


def _describe_misfits(datasets: Sequence[Dataset], misfits: Sequence[Sequence[Misfit]]) -> dict[str, str]:
    """Return why a column does not fit, by its name, with the first file in which it does not."""
    found: dict[str, str] = {}
    for each, wrong in zip(datasets, misfits, strict=True):
        for misfit in wrong:
            found.setdefault(misfit.column, misfit.format() if each is datasets[0] else f"{each.name}: {misfit.format()}")
    return found


def _is_left_out(column: str) -> bool:
    """Tell whether a comment in `model/features.py` names a column, as in `# customer_id: left out`."""
    return bool(re.search(rf"^\s*#([^:\n]*\W)?{re.escape(' '.join(column.split()))}(\W[^:\n]*)?:", _read_features(), re.MULTILINE))


def _read_features() -> str:
    return Path(str(features.__file__)).read_text(encoding="utf-8")


def _write_features(change: Change, build: Path) -> None:
    fields = {each.attribute: each.format() for each in change.drafts if not each.left_out}
    text = None if change.whole else source.edit_features(_read_features(), fields, change.gone, change.constants)
    if text is None:
        comments = "".join(f"\n    {each.format()}" for each in change.drafts if each.left_out)
        text = source.edit_features(NEW_FEATURES.rstrip() + "\n" + comments, fields, [], change.constants)
    source.write_draft(build, "features.py", str(text))


def describe_change(change: Change, rows: str, build: Path) -> list[Finding]:
    """Return what is found of the declaration: one thing to mend, or that it fits; and what could be declared besides."""
    if not (change.reasons or change.drafts or change.constants):
        return [good("model/features.py", f"declares what {rows} have"), *_offer(change)]
    _write_features(change, build)
    found = list_some(change.reasons, "; ") or "declares no feature"
    return [mend("model/features.py", found, WHY, _format_block(change)), *_offer(change)]


def _offer(change: Change) -> list[Finding]:
    if not change.offered:
        return []
    names = ", ".join(each.column for each in change.offered)
    fix = [
        "for those that it should see, in class Row; a comment such as "
        f"`# {change.offered[0].column}: left out` in model/features.py says that it should not:",
        *(f"    {each.format()}" for each in change.offered),
    ]
    return [note("undeclared columns", f"{names}", "The model does not see them, and callers cannot send them.", "\n".join(fix))]


def _format_block(change: Change) -> str:
    imports = source.find_imports("\n".join([_read_features(), *(each.format() for each in change.drafts if not each.left_out)]))
    lines = ["build/features.py is model/features.py with all of this: read it, and put it into model/. Or, in model/features.py:"]
    if above := [*imports, *change.constants.values()]:
        lines += ["above class Row:", *(f"    {each}" for each in above)]
    if change.drafts:
        lines += ["in class Row:", *(f"    {each.format()}" for each in change.drafts)]
    written = {each.attribute for each in change.drafts if not each.left_out}
    if gone := [each for each in change.gone if each not in written]:
        lines += [f"and remove from class Row: {', '.join(gone)}"]
    return "\n".join(lines)
