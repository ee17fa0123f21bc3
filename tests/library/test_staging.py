"""`[environments.staging]` in project.toml: what differs there, and how long a release was live."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from slipway import project
from slipway.errors import PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.journal import DEPLOY, Event, describe_time_live
from tests.library.test_pipeline import TOML

WATCH = "prometheus = 9190\nalertmanager = 9193\ngrafana = 3100\ndays = 8\n"
STAGING = (
    f'[environments.staging]\ntarget = "kubernetes"\naddress = "127.0.0.1:8090"\ncontext = "try"\n[environments.staging.watch]\n{WATCH}'
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a project.toml."""
    monkeypatch.delenv("IMAGE_REPOSITORY", raising=False)
    return tmp_path


def test_what_differs_on_staging_is_read_and_all_else_is_as_in_production(root: Path) -> None:
    (root / "project.toml").write_text(TOML + STAGING, encoding="utf-8")
    production, staging = project.load(root), project.load(root, environment="staging")
    assert (production.has_staging, production.target, production.watch) == (True, "docker", None)
    assert (staging.target, staging.address, staging.context) == ("kubernetes", "127.0.0.1:8090", "try")
    assert staging.watch == project.Watch(9190, 9193, 3100, 8)
    assert (staging.bake, staging.image_name) == (production.bake, production.image_name)
    assert (staging.name, staging.product, production.product) == ("small-staging", "small", "small")
    assert staging.state != production.state


def test_staging_shares_no_port_with_what_watches_production(root: Path) -> None:
    (root / "project.toml").write_text(f"{TOML}[watch]\n{WATCH}[environments.staging]\n", encoding="utf-8")
    assert project.load(root, environment="staging").watch is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", r"no environment 'staging'.*\[environments.staging\]"),
        ('[environments.stagng]\naddress = "h:1"', r"stagng.*did you mean staging"),
        ('[environments.staging]\nadress = "h:1"', r"\[environments.staging\] adress.*did you mean address"),
        ("[environments.staging.watch]\ngrafna = 3", r"grafna.*did you mean grafana"),
        ("[environments.staging.watch]\ngrafana = 3", "cannot be read"),
        ('[environments.staging]\naddress = "here"', "not HOST:PORT"),
        ("[environments]\nstaging = 3", "cannot be read"),
    ],
)
def test_an_environment_that_means_nothing_is_refused(root: Path, more: str, said: str) -> None:
    (root / "project.toml").write_text(TOML + more, encoding="utf-8")
    with pytest.raises(PipelineError, match=f"(?s){said}"):
        project.load(root, environment="staging")


def _deploy(digest: str, at: str) -> Event:
    release = Deployment(digest, digest, "c", "m", "1", None, 1, at, "me")
    return Event(DEPLOY, DEPLOY, digest, at, "me", release=release)


def test_a_release_was_live_until_another_came_and_is_until_now() -> None:
    events = [
        _deploy("a", "2026-01-01T00:00:00+00:00"),
        _deploy("b", "2026-01-01T01:00:00+00:00"),
        _deploy("a", "2026-01-01T03:00:00+00:00"),
    ]
    now = datetime(2026, 1, 1, 4, tzinfo=UTC)
    said = [describe_time_live(events, each, now) for each in ("a", "b", "c")]
    assert said == ["was live on staging for 2.0 hours", "was live on staging for 2.0 hours", "was never live on staging"]
    assert "the history of staging cannot be reached from here" in describe_time_live([], "a", now)
