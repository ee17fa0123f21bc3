"""Which images of a registry stay, and which go. Pure: decides from what is stored, and what a rollback or a deploy could want."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slipway.say import table

COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
# The tag of what is attached to an image, such as an attestation, in a registry that does not list that itself:
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema, and cosign's with an ending.
ATTACHED = re.compile(r"sha256-([0-9a-f]{64})(?:\.\w+)?")
SHOWN = 19


@dataclass(frozen=True)
class Stored:
    """What a registry has under a digest: an image, a list of images, or what is attached to an image.

    `parts` are the images of a list, `subject` is what it is attached to, `config` is the id that an engine knows an image by, `blobs` are
    the sizes of all that it is made of; `changed` is None where its age is not known, `version` is GitHub's number for it.
    """

    digest: str
    tags: tuple[str, ...] = ()
    changed: datetime | None = None
    parts: tuple[str, ...] = ()
    subject: str = ""
    config: str = ""
    blobs: Mapping[str, int] = field(default_factory=dict)
    version: int | None = None


@dataclass(frozen=True)
class Wanted:
    """What a rollback or a deploy could want.

    The digests of all releases that a target has recorded; the commits that have a git tag; those that were merged, newest first; and
    those that the repository has at all.
    """

    chain: Collection[str]
    tagged: Collection[str]
    merged: Sequence[str]
    known: Collection[str]


@dataclass(frozen=True)
class Plan:
    """Why images stay, by digest; those that go, each before its parts and what is attached to it; and what each is a part of."""

    kept: dict[str, str]
    going: list[Stored]
    owners: dict[str, set[str]]
    freed: int


def plan_removal(images: Sequence[Stored], wanted: Wanted, now: datetime, days: int, keep: int) -> Plan:
    """Decide of each image whether it stays, and why. What belongs to an image that stays, stays with it."""
    owners, changed = find_owners(images), _find_changes(images)
    stored = {tag for each in images for tag in each.tags}
    merged = [each for each in wanted.merged if each in stored][:keep]
    kept = dict[str, str]()
    for each in images:
        if reason := _explain_kept(each, wanted, merged):
            kept[each.digest] = reason
        elif owners[each.digest] and each.tags and all(map(ATTACHED.fullmatch, each.tags)):
            continue  # a signature that was made later than its image goes with that all the same
        elif (at := changed[each.digest]) and at > now - timedelta(days=days):
            kept[each.digest] = f"younger than {days} days"
        elif not at and not owners[each.digest]:
            kept[each.digest] = "its age is not known"
    while more := {digest for digest, found in owners.items() if digest not in kept and found & kept.keys()}:
        kept |= dict.fromkeys(more, "belongs to one that stays")
    going = _sort_owners_first([each for each in images if each.digest not in kept], owners)
    return Plan(kept, going, owners, _count_freed(images, kept))


def _explain_kept(image: Stored, wanted: Wanted, merged: Collection[str]) -> str | None:
    """Return why an image stays whatever its age. Who pushed one of an unknown commit is unknown, too: it is not this project's to take."""
    if image.digest in wanted.chain:
        return "was deployed"
    commits = [tag for tag in image.tags if COMMIT.fullmatch(tag)]
    if pointers := [tag for tag in image.tags if tag not in commits and not ATTACHED.fullmatch(tag)]:
        return f"named by {pointers[0]}"
    for reason, among in (("its commit has a git tag", wanted.tagged), ("one of the last merges", merged)):
        if any(commit in among for commit in commits):
            return reason
    return "its commit is not in this repository" if any(commit not in wanted.known for commit in commits) else None


def find_owners(images: Sequence[Stored]) -> dict[str, set[str]]:
    """Return by digest what each image belongs to: the lists that it is in, and what it is attached to, of those that are there."""
    owners: dict[str, set[str]] = {each.digest: set() for each in images}
    for each in images:
        for part in each.parts:
            owners.get(part, set()).add(each.digest)
        attached = {f"sha256:{found[1]}" for tag in each.tags if (found := ATTACHED.fullmatch(tag))}
        owners[each.digest] |= {digest for digest in (*attached, each.subject) if digest in owners}
    return {digest: found - {digest} for digest, found in owners.items()}


def _find_changes(images: Sequence[Stored]) -> dict[str, datetime | None]:
    """Return by digest when each image was changed last, a list as the youngest of its parts."""
    own = {each.digest: each.changed for each in images}
    times = {each.digest: [at for digest in (each.digest, *each.parts) if (at := own.get(digest))] for each in images}
    return {digest: max(found, default=None) for digest, found in times.items()}


def _sort_owners_first(going: Sequence[Stored], owners: Mapping[str, set[str]]) -> list[Stored]:
    """Return images so that one that is cut short never leaves a list without its parts."""
    ordered, left = list[Stored](), {each.digest: each for each in going}
    while left:
        first = [each for each in left.values() if not owners[each.digest] & left.keys()] or list(left.values())
        ordered += first
        left = {digest: each for digest, each in left.items() if each not in first}
    return ordered


def _count_freed(images: Sequence[Stored], kept: Collection[str]) -> int:
    """Return how many bytes only images have that go; many share the layers of a base."""
    stay = {blob for each in images if each.digest in kept for blob in each.blobs}
    going = {blob: size for each in images if each.digest not in kept for blob, size in each.blobs.items()}
    return sum(size for blob, size in going.items() if blob not in stay)


def format_plan(plan: Plan, images: str, verb: str) -> str:
    """Return the plan in Markdown, which also reads well on a terminal."""
    counts = Counter(plan.kept.values())
    parts = [f"## {images}: {len(plan.kept)} stay, {len(plan.going)} {verb} ({plan.freed / 1e6:.0f} MB)"]
    if counts:
        parts.append(table(["stays", "images"], [[reason, str(count)] for reason, count in counts.most_common()]))
    if plan.going:
        rows = [[each.digest[:SHOWN], ", ".join(tag[:SHOWN] for tag in each.tags) or "none", _format_day(each)] for each in plan.going]
        parts.append(table([verb, "tags", "last changed"], rows))
    return "\n\n".join(parts)


def _format_day(image: Stored) -> str:
    return f"{image.changed:%Y-%m-%d}" if image.changed else "–"
