"""The chain and the history: which release follows which, what a rollback goes to, what holds deploys."""

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway import say
from slipway.errors import Held, PipelineError
from slipway.operate import chain, journal, status
from slipway.operate.chain import Deployment
from slipway.operate.switch import attempt


def ago(**spans: float) -> str:
    """Return a time in the past."""
    return (datetime.now(UTC) - timedelta(**spans)).isoformat()


def release(tag: str) -> Deployment:
    """Return a release that was not yet deployed."""
    return Deployment(tag, f"sha256:{tag}", "commit", "manifest", "1", None, 0, ago(hours=3), "somebody")


class Environment:
    """What a target would record, deploy by deploy."""

    def __init__(self, *tags: str) -> None:
        self.proven: list[Deployment] = []
        self.live: Deployment | None = None
        for tag in tags:
            self.deploy(tag)

    def deploy(self, tag: str, proven: bool = True) -> Deployment:
        """Deploy a tag."""
        self.live = chain.append_deployment([*self.proven, *([self.live] if self.live else [])], self.proven, self.live, release(tag))
        if proven:
            self.proven.append(self.live)
        return self.live

    def rollback(self, to: str | None = None) -> str:
        """Roll back and return the tag that then serves."""
        self.live = chain.find_prior(self.proven, self.live, to)
        return self.live.tag

    def refused(self, to: str | None = None) -> str:
        """Return why a rollback is refused."""
        with pytest.raises(PipelineError) as refused:
            self.rollback(to)
        return str(refused.value)

    def kept(self, most: int = 3) -> list[str]:
        """Return the tags of the releases that stay on the host."""
        assert self.live
        return [each.tag for each in chain.select_kept(self.proven, self.live, most)]


def test_a_deploy_points_to_what_was_live() -> None:
    first, second = (Environment("v1", "v2").proven[number] for number in (0, 1))
    assert (first.previous, first.sequence) == (None, 1)
    assert (second.previous, second.sequence) == (1, 2)


def test_a_rollback_goes_back_one_release_and_twice_two() -> None:
    place = Environment("v1", "v2", "v3")
    assert [place.rollback(), place.rollback()] == ["v2", "v1"]


def test_a_deploy_after_a_rollback_points_to_what_was_live_and_not_to_what_was_latest() -> None:
    place = Environment("v1", "v2")
    place.rollback()
    third = place.deploy("v3")
    assert (third.previous, third.sequence) == (1, 3)
    assert place.rollback() == "v1"


def test_the_order_of_tags_decides_nothing() -> None:
    assert Environment("v9", "v10", "v2").rollback() == "v10"


def test_what_is_deployed_again_while_it_is_live_does_not_follow_itself() -> None:
    place = Environment("v1", "v2", "v2")
    assert place.rollback() == "v1"
    assert Environment("v1", "v1").refused().startswith("v1 is the first release of the chain")


def test_a_rollback_to_a_tag_takes_its_latest_deployment() -> None:
    place = Environment("v1", "v2", "v3")
    place.deploy("v1")
    place.deploy("v2")
    place.rollback("v1")
    assert place.live is place.proven[3]


def test_what_was_live_twice_is_gone_back_to_in_its_order() -> None:
    place = Environment("v1", "v2", "v1")
    assert [place.rollback(), place.rollback()] == ["v2", "v1"]
    assert place.refused().startswith("v1 is the first release of the chain")


def test_what_was_never_proven_is_not_gone_back_to() -> None:
    place = Environment("v1", "v2")
    place.deploy("v3", proven=False)
    assert "'v9' was never live and proven here. Deployed here: v2 (3 hours ago), v1" in place.refused("v9")
    assert place.deploy("v4").previous == 2
    assert "'v3' was never live and proven here." in place.refused("v3")
    assert place.rollback() == "v2"
    place.deploy("v5", proven=False)
    assert place.rollback() == "v2"


def test_a_rollback_that_was_cut_short_is_completed_by_the_same_again() -> None:
    place = Environment("v1", "v2", "v3")
    events = [happened("deploy", each) for each in place.proven]
    for tag in ("v2", "v1"):
        before = place.live
        place.rollback()
        place.live = journal.find_origin(events, place.live)
        assert place.live is not None
        assert place.live == before
        assert place.rollback() == tag
        events += [happened("rollback", place.live), happened("resume")]
        assert journal.find_origin(events, place.live) == place.live


def test_a_rollback_undoes_a_deploy_that_was_cut_short_after_its_switch() -> None:
    place = Environment("v1", "v2")
    events = [happened("deploy", each) for each in place.proven]
    place.deploy("v3", proven=False)
    assert journal.find_origin(events, place.live) == place.live
    assert journal.find_origin([], None) is None


@pytest.mark.parametrize(
    ("tags", "back", "kept"),
    [
        (["v1"], 0, ["v1"]),
        (["v1", "v2", "v3", "v4"], 0, ["v4", "v3", "v2"]),
        (["v1", "v2", "v3", "v4"], 1, ["v3", "v2", "v1"]),
        (["v1", "v2", "v3", "v4"], 2, ["v2", "v1", "v4"]),
        (["v1", "v2", "v1"], 0, ["v1", "v2"]),
        (["v1", "v2", "v3", "v2"], 0, ["v2", "v3", "v1"]),
    ],
)
def test_what_stays_on_the_host(tags: list[str], back: int, kept: list[str]) -> None:
    place = Environment(*tags)
    for _ in range(back):
        place.rollback()
    assert place.kept() == kept


@pytest.mark.parametrize("moved", [{"commit": "another"}, {"digest": "sha256:another"}])
def test_a_tag_that_moved_is_refused(moved: dict[str, Any]) -> None:
    place = Environment("v1", "v2")
    chain.refuse_moved(place.proven, release("v1"))
    chain.refuse_moved(place.proven, replace(release("v3"), **moved))
    with pytest.raises(
        PipelineError, match=r"v1 was deployed 3 hours ago from commit commit as sha256:v1; now it is .*must not move\. Next: "
    ):
        chain.refuse_moved(place.proven, replace(release("v1"), **moved))


def test_without_a_deploy_there_is_nothing_to_roll_back() -> None:
    assert Environment().refused() == "Nothing is deployed, so there is nothing to roll back. Next: ./run deploy TAG."


def test_the_first_release_has_nothing_before_it() -> None:
    assert Environment("v1").refused() == (
        "v1 is the first release of the chain: nothing was live before it. Deployed here: v1 (3 hours ago). Next: ./run rollback --to TAG."
    )


def test_an_unknown_tag_is_answered_with_the_known_ones_newest_first_and_their_ages() -> None:
    place = Environment("v1", "v2")
    place.proven[0] = replace(place.proven[0], at=ago(days=2))
    assert place.refused("v7") == (
        "'v7' was never live and proven here. Deployed here: v2 (3 hours ago), v1 (2 days ago). Next: ./run rollback --to one of these."
    )


def test_another_input_contract_has_to_be_accepted() -> None:
    live, prior = replace(release("v2"), contract="2"), release("v1")
    chain.refuse_contract(live, replace(prior, contract="2"), accepted=False)
    chain.refuse_contract(live, prior, accepted=True)
    chain.refuse_contract(None, prior, accepted=False)
    with pytest.raises(PipelineError, match=r"v2 takes requests of input contract 2, v1 of 1.*Next: \./run rollback .*--accept-contract\."):
        chain.refuse_contract(live, prior, accepted=False)


@pytest.mark.parametrize(
    ("happened", "held"),
    [
        ([], False),
        (["deploy"], False),
        (["deploy", "rollback"], True),
        (["rollback (late)"], True),
        (["rollback", "resume (mended)"], False),
    ],
)
def test_a_rollback_holds_deploys_until_they_are_resumed(happened: list[str], held: bool) -> None:
    # As a version before wrote them, without their kind.
    events = [journal.read_event({"what": what, "tag": "v1", "by": "somebody", "at": ago(hours=2)}) for what in happened]
    assert (journal.find_hold(events) is not None) == held
    with pytest.raises(Held, match=r"Deploys are held: rollback.* to v1 by somebody, 2 hours ago\.") if held else nullcontext():
        journal.refuse_held(events)
    with pytest.raises(Held) if held else nullcontext():
        assert journal.describe_resumption(events, resume=False) == ""
    said = journal.describe_resumption(events, resume=True)
    assert said == (f"ends what holds deploys: {happened[-1]}" if held else "")
    # Once it is proven, which is an event; a deploy that fails leaves none.
    assert journal.find_hold([*events, journal.Event("deploy", said, "v2", ago(hours=1), "somebody")]) is None


def test_what_a_reason_says_holds_nothing() -> None:
    event = journal.Event("resume", "rollback was right", "v1", ago(hours=2), "somebody")
    assert journal.find_hold([event]) is None
    assert journal.find_hold([replace(event, kind="rollback", what="put back")]) is not None


def test_a_line_that_was_cut_short_is_passed_by_and_swallows_no_other() -> None:
    lines = journal.format_line("", happened("deploy")) + '{"what": "rollb'
    assert journal.parse_history(lines) == [happened("deploy")]
    lines += journal.format_line(lines, happened("resume"))
    assert [each.what for each in journal.parse_history(lines)] == ["deploy", "resume"]


@pytest.mark.parametrize("line", ['["deploy"]', '"deploy"', "3", "null", '{"what": 3}', '{"kind": "deploy"}'])
def test_a_line_that_is_no_event_is_passed_by(line: str) -> None:
    assert journal.parse_history(f"{line}\n") == []


def test_what_a_newer_version_wrote_is_read() -> None:
    event = replace(happened("deploy", release("v1")), images={"base": "python:3@sha256:0", "proxy": "haproxy:3@sha256:1"})
    record = event.record()
    newer = {**record, "more": 1, "release": {**record["release"], "more": "1"}}
    assert journal.parse_history(json.dumps(newer)) == [event]


def happened(what: str, of: Deployment | None = None, warm: bool = False, start: float = 4.0, switch: float = 0.5) -> journal.Event:
    """Return an event as a deploy, a rollback or a resume records it."""
    timing = journal.Timing(start + switch, warm, start, switch) if of else None
    return journal.Event(what, what, of.tag if of else "", "2026-01-01T00:00:00+00:00", "somebody", release=of, timing=timing)


def test_only_what_the_history_has_was_live_and_proven() -> None:
    first, second = Environment("v1", "v2").proven
    events = [happened("deploy", first), happened("deploy", second), happened("resume"), happened("rollback", first)]
    assert journal.list_proven(events) == [first, second]
    assert journal.find_proof(events, first) == events[3]
    assert journal.find_proof(events, second) is None
    assert journal.find_proof(events, replace(second, sequence=3)) is None


def test_how_long_a_rollback_would_take_is_told_from_what_was_timed_here() -> None:
    first, second = Environment("v1", "v2").proven
    assert (journal.estimate_seconds([], first, True), journal.estimate_seconds([], first, False)) == (1.0, 11.0)
    events = [happened("deploy", first, start=4), happened("deploy", second, start=6), happened("rollback", first, True, 0.1, 0.3)]
    assert journal.estimate_seconds(events, second, True) == 0.3
    assert journal.estimate_seconds(events, first, False) == 4.3
    assert journal.estimate_seconds(events, release("v9"), False) == 6.3


def test_what_goes_wrong_after_the_proof_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError("No space left on device")

    attempt("the history could not be written", full)
    assert capsys.readouterr().err == "warning: the history could not be written: No space left on device\n"


def test_a_rollback_to_what_serves_now_is_refused() -> None:
    assert Environment("v1", "v2").refused("v2") == "v2 is the live release. Next: ./run status shows it."


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ({"seconds": 30}, "just now"),
        ({"minutes": 1}, "1 minute ago"),
        ({"minutes": 59}, "59 minutes ago"),
        ({"hours": 1}, "1 hour ago"),
        ({"hours": 23}, "23 hours ago"),
        ({"days": 1, "hours": 23}, "1 day ago"),
        ({"days": 400}, "400 days ago"),
    ],
)
def test_ages_are_told_in_the_largest_unit(spans: dict[str, float], said: str) -> None:
    assert chain.format_age(ago(**spans)) == said


@pytest.mark.parametrize("deployment", Environment("v1", "v2").proven)
def test_a_record_is_text_and_is_read_as_it_was_written(deployment: Deployment) -> None:
    record = deployment.record()
    assert all(isinstance(value, str) for value in record.values())
    assert chain.parse_record(record) == deployment


@pytest.mark.parametrize(("busy", "row"), [({}, "| at work"), ({"gone": "yes"}, "| cut short")])
def test_status_tells_a_run_that_is_at_work_from_one_that_was_killed(busy: dict[str, str], row: str) -> None:
    state = {"live": None, "held_by": None, "busy": {"what": "deploy v2", "by": "somebody", "at": ago(minutes=5), **busy}}
    [said] = [line for line in status.format_status(state).splitlines() if "deploy v2" in line]
    assert said.startswith(row)
    assert "deploy v2 by somebody, begun 5 minutes ago" in said


def test_status_says_that_what_serves_was_never_proven() -> None:
    live = release("v2").record()
    state = {"live": live, "target": "docker", "address": "here", "proof": None, "answers": "v2, as expected", "rollback_to": None}
    said = status.format_status({**state, "held_by": None, "busy": None})
    assert "NOT PROVEN: a deploy or rollback is running, or was interrupted. Next: type the same again, or ./run rollback" in said


REASON = "it\nanswers | nonsense\r\n| v1 | deploy |\x1b[2J" + " and more" * 500


def test_a_reason_of_any_form_is_one_row_in_history_and_status_and_one_line_in_a_refusal() -> None:
    approved = replace(release("v2"), approved=f"FAIL, approved by some\nbody: {REASON}")
    event = journal.Event("rollback", f"rollback ({REASON})", "v2", ago(minutes=5), "somebody", before="v3", release=approved)
    kept = journal.parse_history(journal.format_line("", event))
    assert kept == [event]  # whole, and as it was given
    table = ["at", "what", "from", "to", "by", "digest", "approved"]
    assert len(say.table(table, [status.format_event(each) for each in kept]).splitlines()) == 3
    state = {"live": approved.record(), "target": "local", "address": "here", "proof": None, "answers": "v2", "rollback_to": None}
    said = status.format_status({**state, "held_by": kept[0].record(), "busy": None})
    assert all(line.startswith("| ") and line.endswith(" |") for line in said.splitlines())
    assert max(map(len, said.splitlines())) < 300
    with pytest.raises(Held) as refused:
        journal.refuse_held(kept)
    assert len(str(refused.value).splitlines()) == 1
    assert "answers | nonsense | v1 | deploy |\\x1b[2J and more" in str(refused.value)
