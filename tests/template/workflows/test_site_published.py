"""site.yml, executed: a merge publishes the pages, and a pull request only builds them; what is broken is red."""

from pathlib import Path

from tests.library.test_workflows import jobs
from tests.template.workflows.scenario import Scenario
from tests.template.workflows.test_release import on  # noqa: F401  # fixture

PAGE = Path("docs", "staging.md")


def test_a_merge_publishes_the_site(on: Scenario) -> None:  # noqa: F811
    ran = on.run("site", "push", "refs/heads/main", on.git("rev-parse", "HEAD")).ended(0)
    site = ran.artifacts / "github-pages"
    assert (site / "reference" / "verbs" / "index.html").is_file()
    linked = 'href="https://github.com/Some-Owner/slipway/blob/main/infra/deployer.yaml"'
    assert linked in (site / "kubernetes" / "index.html").read_text(encoding="utf-8")


def test_a_pull_request_with_a_link_that_leads_nowhere_is_red(on: Scenario) -> None:  # noqa: F811
    page = on.work / PAGE
    page.write_text(page.read_text(encoding="utf-8") + "\n[there](nowhere.md)\n", encoding="utf-8")
    commit = on.commit("A link")
    on.git("push", "--quiet", "origin", f"{commit}:refs/pull/1/head")
    ran = on.run("site", "pull_request", "refs/pull/1/merge", commit).ended(1)
    assert f"{PAGE} links to nowhere.md, which is not there" in ran.log
    assert not (ran.artifacts / "github-pages").exists()


def test_only_what_publishes_may_publish_and_never_for_a_pull_request() -> None:
    found = jobs("site")
    assert found["build"]["permissions"] == {"contents": "read"}
    assert found["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert found["publish"]["if"] == "github.event_name != 'pull_request'"
    # nothing of the repository runs there
    assert [step["uses"].partition("@")[0] for step in found["publish"]["steps"]] == ["actions/deploy-pages"]
