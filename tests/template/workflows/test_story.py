"""The real workflow files, executed: from the first merge to a rollback, as GitHub would run them. README.md has the figures."""

import json
import re
import shutil
import threading
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from slipway import project, rehearsal
from slipway.operate import targets
from slipway.operate.switch import read_state
from tests.conftest import Registry
from tests.library.test_prune import Hub
from tests.template.workflows.scenario import Ran, Scenario

pytestmark = pytest.mark.docker
EARLIER = 0.8549
A, B = "v1.0.0", "v1.1.0"
MARK = "<!-- kept by the workflow: gate -->"


@pytest.fixture(scope="module")
def story(scenario: Scenario) -> "Story":
    """A project on its way."""
    return Story(scenario)


class Story:
    """What happens once, in order: a test that needs a step has it done."""

    def __init__(self, scenario: Scenario) -> None:
        self.on = scenario
        self.rows = pd.read_csv(scenario.work / "data" / "train.csv")
        self.first = scenario.commit("The project, with the oldest rows", self.rows.head(int(len(self.rows) * EARLIER)))
        self.merged = cache(self._merged)
        self.deployed = cache(self._deployed)
        self.second = cache(self._second)
        self.upgraded = cache(self._upgraded)

    def _merged(self) -> Ran:
        return self.on.merge(self.first).ended(0)

    def _deployed(self) -> Ran:
        self.merged()
        return self.on.tag(A, self.first).ended(0)

    def _second(self) -> tuple[str, Ran, Ran]:
        """Merge a better model, in a public repository, and tag it at once."""
        self.deployed()
        commit = self.change("more rows", self.rows)
        return commit, *self.on.merge_and_tag(commit, B, repository={"visibility": "public"})

    def _upgraded(self) -> Ran:
        """Have the second release deployed by its tag."""
        _, merged, tagged = self.second()
        merged.ended(0)
        return tagged.ended(0)

    def change(self, message: str, rows: pd.DataFrame | None = None) -> str:
        """Commit on top of the first release."""
        self.on.git("checkout", "--quiet", "--force", "--detach", self.first)
        return self.on.commit(message, rows)

    def manifest(self, tag: str) -> str:
        """Return the hash of what a tag put before callers."""
        return next(each.manifest_sha256 for each in self.on.place.list_deployments() if each.tag == tag)

    def serves(self, tag: str) -> None:
        """Hold what callers get, and the pointer, against the registry."""
        commit = self.on.git("rev-parse", f"{tag}^{{commit}}")
        named = httpx.get(f"http://{project.load(self.on.work).address}/healthz").raise_for_status().headers
        assert (named["x-release"], named["x-release-digest"]) == (tag, self.on.stored(commit))
        assert self.on.stored("production") == named["x-release-digest"]
        assert self.on.place.lock.read_holder() is None


def shuffled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows to learn nothing from."""
    return rows.assign(cnt=rows["cnt"].sample(frac=1, random_state=0).to_numpy())


def proven(ran: Ran) -> bool:
    """Tell whether the summary holds a proof, all of it kept."""
    rows = [line.split("|") for line in ran.summary.splitlines() if "golden answers" in line or "served digest" in line]
    return len(rows) >= 2 and all(row[-2].strip() == "yes" for row in rows)


def test_the_first_merge_pushes_what_was_judged(story: Story) -> None:
    ran = story.merged()
    note = json.loads((ran.artifacts / "gate" / "release.json").read_bytes())
    assert (note["commit"], note["digest"]) == (story.first, story.on.stored(story.first))
    judged = json.loads((ran.artifacts / "gate" / "gate.json").read_bytes())
    assert judged["verdict"] == "PASS"
    assert ran.summary.rstrip().endswith(f"git tag v1.2.3 {story.first[:12]}\n    git push origin v1.2.3")
    assert "No SBOM and no provenance" in ran.summary
    assert not (ran.artifacts / "attest").exists()


def test_a_merge_starts_the_deploy_to_staging_which_production_does_not_see(story: Story) -> None:
    asked = set((story.merged().artifacts / "gh").read_text().splitlines())
    assert {"workflow", "run", "deploy.yml", f"tag={story.first}", "environment=staging"} <= asked
    before = [each.tag for each in story.on.place.list_deployments()]
    ran = story.on.press("deploy", tag=story.first, environment="staging").ended(0)
    assert proven(ran)
    live = read_state(targets.load_target(project.load(story.on.work, environment="staging"))).live
    assert live is not None
    assert (live.tag, live.digest, story.on.stored("staging")) == (story.first[:12], story.on.stored(story.first), live.digest)
    assert story.on.posted[-2][1]["environment"] == "staging"
    assert [each.tag for each in story.on.place.list_deployments()] == before


def test_a_tag_without_secrets_is_green_and_says_what_is_missing(story: Story) -> None:
    before = list(story.on.posted)
    ran = story.on.run("deploy", "push", "refs/tags/v0.0.1", pushed(story, "v0.0.1"), secrets=False).ended(0)
    assert "deploy skipped: set DEPLOY_HOST, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY" in ran.summary
    assert {each.tag for each in story.on.place.list_deployments()} <= {A, B}
    assert story.on.posted == before


def pushed(story: Story, tag: str) -> str:
    """Tag the first commit without starting anything."""
    story.merged()
    story.on.git("tag", tag, story.first)
    story.on.git("push", "--quiet", "origin", tag)
    return story.first


def test_a_rollback_without_secrets_is_red(story: Story) -> None:
    story.merged()
    ran = story.on.press("rollback", secrets=False, reason="a try").ended(1)
    assert "The host cannot be reached: DEPLOY_HOST, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY are not set" in ran.summary


def test_a_tag_deploys_and_proves(story: Story) -> None:
    ran = story.deployed()
    story.serves(A)
    assert proven(ran)
    assert ("/repos/" + story.on.name + "/deployments", A) in [(path, asked.get("ref")) for path, asked in story.on.posted]


def test_a_pull_request_with_a_better_model_is_told_in_one_comment(story: Story) -> None:
    story.deployed()
    commit = story.change("more rows", story.rows)
    ran = story.on.pull_request(1, story.first, commit, checks=True).ended(0)
    assert "PASS" in ran.summary
    assert re.search(r"\d+ passed", ran.log)
    gate = (ran.artifacts / "gate" / "gate.md").read_text()
    assert commit[:12] in gate, "the commit that merges it"
    assert (ran.artifacts / "comment.md").read_text() == f"{MARK}\n{gate.replace(commit[:12], commit[::-1][:12])}"
    assert {"POST", f"repos/{story.on.name}/issues/1/comments"} <= set((ran.artifacts / "gh").read_text().split())
    assert (ran.artifacts / "gate" / "gate.html").is_file()
    assert story.on.stored(commit) is None


def test_a_pull_request_with_a_worse_model_is_red_and_pushes_nothing(story: Story) -> None:
    story.deployed()
    commit = story.change("nothing learnt", shuffled(story.rows))
    others = [
        {"id": 41, "user": {"login": "somebody"}, "body": MARK},
        {"id": 43, "user": {"login": "github-actions[bot]"}, "body": "hello"},
    ]
    ours = {"id": 42, "user": {"login": "github-actions[bot]"}, "body": f"{MARK}\nbefore"}
    (story.on.folder / "comments.json").write_text(json.dumps([others[0], ours, others[1]]))
    ran = story.on.pull_request(2, story.first, commit).ended(1)
    (story.on.folder / "comments.json").unlink()
    assert {"PATCH", f"repos/{story.on.name}/issues/comments/42"} <= set((ran.artifacts / "gh").read_text().split())
    assert "FAIL" in ran.summary
    assert "FAIL" in (ran.artifacts / "comment.md").read_text()
    assert story.on.stored(commit) is None
    story.serves(A)


def test_a_pull_request_of_pages_alone_is_green_at_once(story: Story) -> None:
    story.on.git("checkout", "--quiet", "--force", "--detach", story.first)
    (story.on.work / "docs" / "rollback.md").write_text("# Press the button\n")
    ran = story.on.pull_request(4, story.first, story.on.commit("A page")).ended(0)
    assert ran.summary == ""
    assert not (ran.artifacts / "gh").exists()
    assert "./run" not in ran.log


def test_a_pull_request_of_a_fork_gets_no_comment(story: Story) -> None:
    story.deployed()
    ran = story.on.pull_request(3, story.first, story.change("more rows", story.rows), owner="somebody/fork").ended(0)
    assert "PASS" in ran.summary
    assert not (ran.artifacts / "gh").exists()


def test_what_is_public_is_signed_as_it_was_pushed(story: Story) -> None:
    commit, ran, _ = story.second()
    ran.ended(0)
    digest = story.on.stored(commit)
    asked = [json.loads(line) for line in (ran.artifacts / "attest").read_text().splitlines()]
    assert [each["subject-digest"] for each in asked] == [digest, digest]
    assert asked[0]["subject-name"] == story.on.images.lower()
    assert [bool(each["sbom-path"]) for each in asked] == [True, False]
    assert "No SBOM" not in ran.summary


def test_a_tag_that_is_pushed_while_its_image_is_being_built_waits_for_it(story: Story) -> None:
    ran = story.upgraded()
    assert f"{B} waits for its image, which is being built: https://the.build" in ran.log
    assert proven(ran)


def test_the_button_puts_the_first_release_back_while_callers_ask(story: Story, tmp_path: Path) -> None:
    story.upgraded()
    story.serves(B)
    with callers(story, tmp_path):
        ran = story.on.press("rollback", tag="", reason="answers are off").ended(0)
    story.serves(A)
    assert proven(ran)
    assert "rollback (answers are off) in " in ran.summary
    seen: dict[str, Any] = json.loads((tmp_path / "load.json").read_bytes())
    assert seen["failed"] == 0
    assert set(seen["by_release"]) == {A, B}
    assert story.on.posted[-2][1]["ref"] == A
    [title] = open_issues(story)
    assert title == f"Production runs {A} after a rollback; deploys are held"
    assert "rollback (answers are off)" in story.on.issues[-1]["body"]


def open_issues(story: Story) -> list[str]:
    """Return the titles of the issues that are open."""
    return [each["title"] for each in story.on.issues if each["state"] == "open"]


def callers(story: Story, folder: Path) -> Any:
    """Have callers ask for what serves."""
    place = story.on.place
    digest = story.on.stored("production")
    assert digest
    files = place.fetch_release(digest)
    on = project.load(story.on.work)
    shutil.copytree(files, on.bundle, dirs_exist_ok=True)
    return rehearsal.keep_calling(on, folder)


def test_the_button_works_while_all_else_is_down_and_deploys_are_held_until_one_is_proven(story: Story, registry: Registry) -> None:
    story.upgraded()
    if standing(story) == A:
        story.on.press("deploy", tag=B, resume=True).ended(0)
    story.on.press("packages").ended(0)
    with registry.down(), story.on.without_index():
        ran = story.on.press("rollback", tag="", reason="all is down").ended(0)
    assert ran.summary.startswith(f"## {A} serves, was {B}: rollback (all is down) in ")
    assert proven(ran)
    assert "warning: the pointer `production` was not moved" in ran.summary
    assert "::warning::the pointer `production` was not moved" in ran.log
    commit = story.second()[0]
    kept = story.on.stored(commit)
    assert (standing(story), story.on.stored("production")) == (A, kept)

    ran = story.on.merge(commit).ended(0)  # all jobs once more, while the pointer lags behind
    assert (
        f"warning: the pointer `production` lags behind {A}, which GitHub records as live: the candidate is compared with {A}"
    ) in ran.summary
    assert json.loads((ran.artifacts / "gate" / "gate.json").read_bytes())["champion"]["manifest_sha256"] == story.manifest(A)
    assert (story.on.stored(commit), json.loads((ran.artifacts / "gate" / "release.json").read_bytes())["digest"]) == (kept, kept)

    ran = story.on.press("deploy", tag=B).ended(1)
    assert "held" in ran.summary
    assert open_issues(story) == [f"Production runs {A} after a rollback; deploys are held"]
    story.serves(A)
    assert ran.summary.startswith(f"**{A} is live, and callers get {A}, as expected. deploy failed:** Deploys are held: ")
    assert story.on.press("deploy", tag="--help", resume=True).ended(1).summary.count("There is no tag '--help'") == 1
    assert "Deploys are held: " in story.on.press("deploy", tag=B).ended(1).summary, "what failed has ended the hold"
    story.on.press("deploy", tag=B, resume=True).ended(0)
    assert open_issues(story) == []
    story.serves(B)


def test_a_rollback_to_an_unknown_tag_changes_nothing(story: Story) -> None:
    live = standing(story)
    ran = story.on.press("rollback", tag="v9.9.9", reason="a slip").ended(1)
    assert "v9.9.9" in ran.summary
    story.serves(live)


def standing(story: Story) -> str:
    """Have something deployed, and return its tag."""
    story.deployed()
    [[version]] = story.on.place.ask_live(("/version", None)).values()
    return str(version["tag"])


def test_a_tag_without_a_judged_image_is_red_and_says_what_to_do(story: Story) -> None:
    live = standing(story)
    ran = story.on.tag("v2.0.0", story.change("never merged")).ended(1)
    assert "There is no image for commit" in ran.summary
    assert "Next: merge it" in ran.summary
    assert story.on.posted[-1][1]["state"] == "failure"
    assert open_issues(story) == [f"Production: deploy of v2.0.0 failed; {live} is live"]
    story.serves(live)


def test_a_registry_that_is_down(story: Story, registry: Registry) -> None:
    live = standing(story)
    with registry.down():
        ran = story.on.press("deploy", tag=A).ended(1)
        assert "The registry did not answer about" in ran.summary
    story.serves(live)


def test_two_deploys_at_once(story: Story) -> None:
    story.upgraded()
    if standing(story) == A:
        story.on.press("deploy", tag=B, resume=True).ended(0)
    ran: list[Ran] = []
    tags = ("v1.2.0", "v1.3.0")
    for tag in tags:
        story.on.git("tag", tag, story.second()[0])
        story.on.git("push", "--quiet", "origin", tag)
    runs = [threading.Thread(target=lambda tag=tag: ran.append(story.on.press("deploy", tag=tag))) for tag in tags]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert 0 in [each.code for each in ran], ran[0].log[-3000:]
    assert all(proven(each) if each.code == 0 else "is running here" in each.summary for each in ran)
    live = standing(story)
    assert live in tags
    story.serves(live)


def test_the_doctor_looks_at_the_host_from_where_deploys_run(story: Story) -> None:
    story.merged()
    ran = story.on.press("doctor").ended(1)  # this GitHub shows no repository
    rows = {cells[1].strip(): cells[2].strip() for line in ran.summary.splitlines() if len(cells := line.split("|")) == 5}
    assert rows["repository"] == "to mend"
    assert {name: rows[name] for name in ("engine", "disk", "clock", "port", "registry")} == dict.fromkeys(
        ("engine", "disk", "clock", "port", "registry"), "ok"
    )
    ran = story.on.press("doctor", secrets=False).ended(1)
    assert "none is named" in ran.summary


def test_an_old_image_is_removed_once_that_was_printed(story: Story) -> None:
    live, commit = standing(story), story.change("never merged")
    story.on.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/aside")
    Hub(f"http://{story.on.registry}/v2/{story.on.name.lower()}").image(commit)
    ran = story.on.press("prune", secrets=False).ended(0)
    assert "No image was removed" in ran.summary
    ran = story.on.press("prune", dry_run=True).ended(0)
    assert "1 would go" in ran.summary
    assert story.on.stored(commit)
    ran = story.on.press("prune").ended(0)
    assert ran.summary.index("1 would go") < ran.summary.index("1 went")
    assert story.on.stored(commit) is None
    assert all(story.on.stored(each) for each in (story.first, "production"))
    story.serves(live)


def test_drift_asks_the_prometheus_of_the_host_over_ssh_and_does_nothing_without_a_host(story: Story) -> None:
    live, container = standing(story), story.on.place.find_live_container()
    assert container
    ran = story.on.press("drift", secrets=False).ended(0)
    assert ran.summary.startswith("skipped: ")
    assert "./run" not in ran.log
    with story.on.watched(str(container.name), live) as here:
        ran = story.on.press("drift").ended(0)
    assert ran.summary.startswith(f"## TOO FEW ROWS: {live}\n")
    assert f"(the last seven days, by http://{here}, " in ran.summary


def test_the_drill_ends_with_the_time_to_restore(story: Story) -> None:
    story.merged()
    ran = story.on.press("drill", secrets=False).ended(0)
    assert "## Rehearsal on docker: passed" in ran.summary
    assert "no issue to change" in ran.log
    assert json.loads((ran.artifacts / "drill" / "report.json").read_bytes())["requests"]["failed"] == 0
    assert (ran.artifacts / "drill" / "report.html").is_file()
