"""Remove images from the registry that nobody wants any more; never one that a rollback could want."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from slipway import git
from slipway.errors import PipelineError
from slipway.operate import retention, stored_images, targets
from slipway.operate.retention import COMMIT, Plan, Stored, Wanted
from slipway.operate.stored_images import Store
from slipway.operate.switch import read_state
from slipway.project import PRODUCTION, STAGING, Project, load
from slipway.say import line, summary, warn


def prune(project: Project, dry_run: bool, days: int, keep: int) -> Plan:
    """Print which images go, and why the others stay, then remove them. Raises PipelineError; what was not printed is never removed."""
    _refuse_unfit(project, days, keep)
    with stored_images.open_store(project.image_name) as store:
        images = _list_images(store)  # first, so that what is deployed meanwhile is known to be wanted
        wanted = read_wanted(project, images)
        images = store.add_images(images, wanted.chain)
        _refuse_another_target(images, wanted.chain)
        plan = retention.plan_removal(images, wanted, datetime.now(UTC), days, keep)
        line(retention.format_plan(plan, project.image_name, "would go" if dry_run else "go"))
        left = {} if dry_run else remove_images(store, plan)
    summary(retention.format_plan(plan, project.image_name, "would go" if dry_run else "went"))
    for digest, why in left.items():
        warn(f"{digest} is left: {why}")
        summary(f"{digest} is left: {why}")
    return plan


def _list_images(store: Store) -> list[Stored]:
    try:
        return store.list_images()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"The registry's answer cannot be read: {error!r}. Nothing was removed. Next: check whether a proxy answers in its place."
        ) from error


def _refuse_unfit(project: Project, days: int, keep: int) -> None:
    if not project.as_image:
        raise PipelineError(
            f"./run prune removes images from a registry, and the target {project.target!r} keeps releases in folders. "
            "Nothing was removed. Next: ./run prune --dry-run --target docker, with DOCKER_HOST."
        )
    if days < 1 or keep < 1:
        raise PipelineError(
            f"--days {days} --keep {keep} would remove images that were pushed just now. Expected: 1 or more of each. "
            "Nothing was removed. Next: ./run prune --dry-run."
        )
    if git.is_shallow(project.root):
        raise PipelineError(
            "This checkout has only a part of the history, so its tags and merges are not known. Nothing was removed. "
            "Next: git fetch --unshallow --tags."
        )


def read_wanted(project: Project, images: Sequence[Stored]) -> Wanted:
    """Read from the target and from git what a rollback or a deploy could want. Raises PipelineError where that is not known."""
    places = [project, *([load(project.root, environment=STAGING)] if project.has_staging else [])]
    try:
        chain = {each.digest for place in places for each in read_state(targets.load_target(place)).recorded}
    except PipelineError as error:
        raise PipelineError(f"Nothing was removed, because it is not known which images a rollback may need. {error}") from error
    # In a workflow the default branch is checked out, whatever its name.
    branches = ["HEAD", git.find_commit(project.root, git.find_default_branch(project.root) or "HEAD")]
    return Wanted(
        chain=chain,
        tagged=git.list_tagged(project.root),
        merged=git.run_git(project.root, "rev-list", "--first-parent", *branches, "--").split(),
        known=git.select_known(project.root, {tag for each in images for tag in each.tags if COMMIT.fullmatch(tag)}),
    )


def _refuse_another_target(images: Sequence[Stored], chain: Collection[str]) -> None:
    """Raise PipelineError where the pointer names a release that the target never had: then its chain is not the one that counts.

    An engine may push a release again under another digest, when it moves the pointer; its config is the same.
    """
    deployed = _list_configs(images, chain)
    for each in images:
        if PRODUCTION in each.tags and each.digest not in chain and not deployed & _list_configs(images, [each.digest]):
            raise PipelineError(
                f"The registry's pointer {PRODUCTION} names {each.digest[:19]}, which was never deployed here: this is another target, "
                "or it was set up again. Nothing was removed. Next: set DOCKER_HOST or KUBECONFIG to that of production; or ./run deploy "
                "TAG, then ./run prune."
            )


def _list_configs(images: Sequence[Stored], digests: Collection[str]) -> set[str]:
    found = [each for each in images if each.digest in digests]
    parts = {part for each in found for part in each.parts}
    return {each.config for each in images if each.config and each.digest in {*digests, *parts}}


def remove_images(store: Store, plan: Plan) -> dict[str, str]:
    """Remove the images that go, and return by digest why some are left. Raises PipelineError where it cannot go on."""
    left = dict[str, str]()
    for number, each in enumerate(plan.going):
        if plan.owners[each.digest] & left.keys():
            left[each.digest] = "it belongs to one that is left"
            continue
        try:
            why = store.remove_image(each)
        except PipelineError as error:
            raise PipelineError(f"{number - len(left)} of {len(plan.going)} images were removed, then no more. {error}") from error
        if why:
            left[each.digest] = why
    return left
