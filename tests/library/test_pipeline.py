"""The parts of the road that decide: which release follows which, what the proxy is told, who holds the lock, what a person reads."""

import inspect
import os
import re
import socket
import tarfile
import zipfile
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from model import features
from slipway import cli as command_line
from slipway import git, http_client, project, rules, say
from slipway.bundle import skops_file
from slipway.errors import BakeError, Busy, DataRefused, Held, ModelRefused, PipelineError, ProofError, UpdateFails
from slipway.gate import dataset
from slipway.operate import lock, process, registry
from slipway.operate.targets import Target, compose, haproxy, images
from slipway.operate.targets.haproxy import NOBODY, Slots
from slipway.project import Project
from slipway.serving.pipeline import load_model

ROOT = Path(__file__).resolve().parents[2]


# --- the proxy

STATES = [Slots(), Slots(("one", NOBODY), 0), Slots(("one", "two"), 0), Slots(("one", "two"), 1, tls=True), Slots(("one", "two"))]


@pytest.mark.parametrize("slots", STATES)
def test_the_proxys_state_is_read_from_the_config_that_was_written(slots: Slots) -> None:
    template = (ROOT / "infra" / "haproxy.cfg").read_text(encoding="utf-8")
    text = haproxy.format_config(template, slots)
    assert haproxy.parse_config(text) == slots
    assert "$" not in text
    assert f"# live: {slots.live_container or 'nobody'}\n" in text
    assert ("  bind :8000 ssl crt /usr/local/etc/haproxy/certificate.pem ssl-min-ver TLSv1.2\n" in text) is slots.tls
    assert ("  bind :8000\n" in text) is not slots.tls
    assert "  bind :8001\n" in text


def test_only_the_live_slot_takes_callers() -> None:
    assert haproxy.format_config("$slots", Slots(("one", "two"), 1)) == "  server a one:8080 disabled\n  server b two:8080"


def test_a_switch_goes_to_the_slot_that_is_not_live_and_back_without_moving() -> None:
    one = Slots().switched("one")
    two = one.switched("two")
    assert (one, two) == (Slots(("one", NOBODY), 0), Slots(("one", "two"), 1))
    assert two.switched("one") == Slots(("one", "two"), 0)
    assert two.switched("three") == Slots(("three", "two"), 0)
    assert two.switched("two") == two
    assert Slots(tls=True).switched("one").switched("two").switched("one").tls


def test_a_new_slot_is_checked_without_callers_and_then_has_them_all() -> None:
    before = Slots(("one", NOBODY), 0)
    after = before.switched("two")
    address = "set server releases/b addr 10.0.0.2 port 8080"
    assert haproxy.fill_slot(before, after, "10.0.0.2") == ["set server releases/b fqdn two", address, "set server releases/b state drain"]
    assert haproxy.move_callers(after) == ["set server releases/b state ready", "set server releases/a state drain"]


def test_a_warm_standby_keeps_its_slot_and_is_told_its_address() -> None:
    before = Slots(("one", "two"), 1)
    address = "set server releases/a addr 10.0.0.1 port 8080"
    assert haproxy.fill_slot(before, before.switched("one"), "10.0.0.1") == [address, "set server releases/a state drain"]


def test_what_serves_already_is_not_taken_from_callers() -> None:
    before = Slots(("one", "two"), 1)
    assert haproxy.fill_slot(before, before.switched("two"), "10.0.0.2") == ["set server releases/b addr 10.0.0.2 port 8080"]


SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state and so on
3 releases 1 a 10.0.0.1 2 0 1 1 5 6 3 2 6 0
3 releases 2 b 10.0.0.2 {} 0 1 1 5 6 3 {} 6 0
"""


@pytest.mark.parametrize(
    ("operational", "health", "address", "up"),
    [(2, 2, "10.0.0.2", True), (2, 1, "10.0.0.2", False), (0, 2, "10.0.0.2", False), (2, 2, "10.0.0.9", False)],
    ids=["checked", "not yet checked", "down", "who stood there before"],
)
def test_a_slot_is_up_once_its_own_container_was_checked(operational: int, health: int, address: str, up: bool) -> None:
    assert haproxy.is_up(SERVERS.format(operational, health), "b", address) is up


def test_which_process_answers_is_read_from_what_it_says() -> None:
    assert haproxy.parse_process("Name: HAProxy\nProcess_num: 1\nPid: 23\nUptime: 0d\n") == "23"
    assert haproxy.parse_process("") is None


# --- project.toml

TOML = """name = "small"
[image]
repository = "registry.invalid/Small"
[deploy]
target = "docker"
address = "127.0.0.1:8080"
[budget]
p99_ms = 250
image_mb = 1000
[bake]
seconds = 0
max_error_share = 0.01
p99_ms = 1000
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project.toml."""
    monkeypatch.delenv("IMAGE_REPOSITORY", raising=False)
    (tmp_path / "project.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def test_a_project_is_read(root: Path) -> None:
    found = project.load(root)
    assert (found.name, found.image_name, found.target) == ("small", "registry.invalid/small", "docker")
    assert (found.host, found.port) == ("127.0.0.1", 8080)


def test_the_command_line_goes_before_the_file(root: Path) -> None:
    assert project.load(root, "local").target == "local"


def test_the_image_repository_of_the_environment_goes_before_the_file_in_lower_case(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_REPOSITORY", "ghcr.io/Some-Body/Thing")
    assert project.load(root).image_name == "ghcr.io/some-body/thing"


def test_this_project_is_read() -> None:
    assert project.load(ROOT).root == ROOT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TOML, ""),
        ("250", "'quick'"),
        ("seconds =", "#"),
        ('name = "small"', ""),
        ("[image]", "[deploy]"),
        ("address", "#"),
        ("= ", "= ["),
        ('"registry.invalid/Small"', "5"),
        ("[bake]", "[watch]\nprometheus = 9090\n[bake]"),
    ],
    ids=[
        *("empty", "budget is a word", "no bake seconds", "no name", "no image", "no address", "no TOML", "repository is a number"),
        "half a watch",
    ],
)
def test_a_project_that_cannot_be_read_says_what_is_expected(root: Path, old: str, new: str) -> None:
    (root / "project.toml").write_text(TOML.replace(old, new), encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        project.load(root)
    assert str(refused.value).startswith(f"{root / 'project.toml'} cannot be read: ")
    assert " [budget] p99_ms and image_mb, [bake] seconds, max_error_share and p99_ms; and if there is a [watch], " in str(refused.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[deploy]\ncertficate = "x.pem"', "[deploy] certficate in {path} means nothing: did you mean certificate?"),
        ('[deploy]\ncontxt = "other"', "[deploy] contxt in {path} means nothing: did you mean context?"),
        ("[wacth]\nprometheus = 9090", "wacth in {path} means nothing: did you mean watch?"),
        ("[image]\nregistry = 1", "[image] registry in {path} means nothing: "),
        ("[template]\nxyz = 1", "[template] xyz in {path} means nothing: known are url, version, library."),
        ("[imag]\nregistry = 1", "imag in {path} means nothing: did you mean image?"),
        ("[bake]\nsecond = 1", "[bake] second in {path} means nothing: did you mean seconds?"),
    ],
)
def test_a_name_that_means_nothing_is_refused(root: Path, more: str, said: str) -> None:
    path, section = root / "project.toml", more.partition("\n")[0]
    text = TOML.replace(section, more) if section in TOML else f"{TOML}{more}\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        project.load(root)
    assert str(refused.value).startswith(said.format(path=path))
    assert str(refused.value).endswith(" Nothing was changed. Next: correct it there.")


WATCH = "[watch]\nprometheus = 9090\nalertmanager = 9093\ngrafana = 3000\ndays = 30\n"


def test_what_watches_is_read_where_it_is_wanted(root: Path) -> None:
    assert project.load(root).watch is None
    (root / "project.toml").write_text(TOML + WATCH, encoding="utf-8")
    assert project.load(root).watch == project.Watch(9090, 9093, 3000, 30)
    (root / "project.toml").write_text(TOML + WATCH + 'notify = "teams"\n', encoding="utf-8")
    assert project.load(root).watch == project.Watch(9090, 9093, 3000, 30, "teams")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3000", "0", "[watch] grafana = 0 in "),
        ("9090", "65536", "[watch] prometheus = 65536 in "),
        ("9093", '"9093"', "[watch] alertmanager = '9093' in "),
        ("30\n", "7\n", "[watch] days = 7 in "),
        ("30\n", "true\n", "[watch] days = True in "),
        ("30\n", '30\nnotify = "slak"\n', "[watch] notify = 'slak' in "),
        ("30\n", "30\nnotify = 9\n", "[watch] notify = 9 in "),
    ],
)
def test_ports_and_days_of_what_watches_are_numbers_that_can_be(root: Path, old: str, new: str, said: str) -> None:
    (root / "project.toml").write_text(TOML + WATCH.replace(old, new), encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        project.load(root)
    assert str(refused.value).startswith(said)
    assert str(refused.value).endswith("Correct it there, then ./run up.")


def test_a_missing_project_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"project\.toml cannot be read: FileNotFoundError"):
        project.load(tmp_path)


def test_an_unknown_target_is_told_the_known_ones(root: Path) -> None:
    (root / "project.toml").write_text(TOML.replace('"docker"', '"moon"'), encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        project.load(root)
    assert str(refused.value) == f"Target 'moon' is none of docker, local, kubernetes. Set it in {root / 'project.toml'}, or give --target."


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ('"localhost"', "it has no port"),
        ("8080", "it has no port"),
        ('"0.0.0.0"', "it has no port"),
        ('"[::1]"', "it has no port"),
        ('""', "it has no port"),
        ('":8080"', "it has no host; 0.0.0.0 is every address of the machine"),
        ('"127.0.0.1:"', "'' is no port from 1 to 65535"),
        ('"127.0.0.1:http"', "'http' is no port from 1 to 65535"),
        ('"127.0.0.1:65536"', "'65536' is no port from 1 to 65535"),
        ('"127.0.0.1:99999"', "'99999' is no port from 1 to 65535"),
        ('"127.0.0.1:0"', "'0' is no port from 1 to 65535"),
        ('"127.0.0.1:٨٠"', "'٨٠' is no port from 1 to 65535"),
        ('"127.0.0.1: 80"', "' 80' is no port from 1 to 65535"),
        ('"127.0.0.1:-1"', "'-1' is no port from 1 to 65535"),
        ('"::1"', "an IPv6 address must be in brackets, with the port behind it"),
        ('"fe80::1:2:8080"', "an IPv6 address must be in brackets, with the port behind it"),
        ('"[127.0.0.1]:80"', "'[127.0.0.1]' is no address of IPv6 in brackets"),
        ('"[fe80::1%eth0]:80"', "'[fe80::1%eth0]' is no address of IPv6 in brackets"),
        ('"256.0.0.1:80"', "'256.0.0.1' is no address of IPv4"),
        ('"127.1:80"', "'127.1' is no address of IPv4"),
        ('"my host:80"', "'my host' is neither an address nor a name"),
        ('"a:b:80"', "'a:b' is neither an address nor a name"),
        ('"http://127.0.0.1:8080"', "leave out http:// and the path"),
        ('"127.0.0.1:8080/"', "leave out http:// and the path"),
    ],
)
def test_an_address_is_host_and_port(root: Path, given: str, why: str) -> None:
    (root / "project.toml").write_text(TOML.replace('"127.0.0.1:8080"', given), encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        project.load(root)
    assert str(refused.value).endswith(f" is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080: {why}. Correct it there.")


@pytest.mark.parametrize(
    ("given", "host", "url"),
    [
        ("127.0.0.1:8080", "127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0:80", "0.0.0.0", "http://127.0.0.1:80"),
        ("[::1]:8080", "::1", "http://[::1]:8080"),
        ("[::]:80", "::", "http://[::1]:80"),
        ("[2001:db8::7]:65535", "2001:db8::7", "http://[2001:db8::7]:65535"),
        ("localhost:1", "localhost", "http://localhost:1"),
        ("host-1.example:443", "host-1.example", "http://host-1.example:443"),
    ],
)
def test_an_address_of_either_kind_is_taken_and_asked(root: Path, given: str, host: str, url: str) -> None:
    (root / "project.toml").write_text(TOML.replace("127.0.0.1:8080", given), encoding="utf-8")
    found = project.load(root)
    assert (found.host, found.port, found.address) == (host, int(given.rpartition(":")[2]), given)
    assert http_client.format_url(found.host, found.port) == url


def test_what_compose_publishes_has_no_brackets_for_docker() -> None:
    assert compose.parse_ports(["[::1]:8080:8000", "127.0.0.1:9:9"], {}) == {
        "ports": {"8000/tcp": ("::1", 8080), "9/tcp": ("127.0.0.1", 9)}
    }


def test_a_port_that_is_taken_is_found_on_either_kind_of_address() -> None:
    kinds = [("127.0.0.1", socket.AF_INET), *([("::1", socket.AF_INET6)] if socket.has_ipv6 else [])]
    for host, family in kinds:
        with socket.socket(family) as taken:
            taken.bind((host, 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(PipelineError, match=r"^\S+:\d+ cannot be listened on: Address already in use\. Stop what uses it, or "):
                process.refuse_taken(host, port)
        process.refuse_taken(host, port)


# --- git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    git.run_git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "file.txt").write_text("one\n", encoding="utf-8")
    git.run_git(tmp_path, "add", "--all")
    git.run_git(tmp_path, "commit", "--quiet", "--message=one")
    return tmp_path


def test_head_is_a_commit(checkout: Path) -> None:
    assert git.read_head(checkout) == git.run_git(checkout, "rev-parse", "main")


def test_without_a_repository_or_a_commit_there_is_no_head(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r" is not a git repository: .* Next: git init -b main, git add \. and git commit\.$"):
        git.read_head(tmp_path)
    git.run_git(tmp_path, "init", "--quiet")
    with pytest.raises(PipelineError) as refused:
        git.read_head(tmp_path)
    assert str(refused.value) == f"The git repository of {tmp_path} has no commit yet. Next: git add . and git commit."


def test_a_clean_tree_is_not_refused(checkout: Path) -> None:
    git.refuse_changes(checkout, "build")


def test_changes_are_refused_by_their_whole_names(checkout: Path) -> None:
    (checkout / "file.txt").write_text("two\n", encoding="utf-8")
    (checkout / "new.txt").write_text("new\n", encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        git.refuse_changes(checkout, "build")
    assert str(refused.value) == (
        "build needs a clean working tree, and these files are not committed: file.txt, new.txt. Next: git commit, or git stash."
    )


def test_of_many_changes_some_are_named(checkout: Path) -> None:
    for number in range(6):
        (checkout / f"new{number}").touch()
    with pytest.raises(PipelineError, match="not committed: new0, new1, new2, new3, new4 …"):
        git.refuse_changes(checkout, "build")


@pytest.mark.parametrize("annotated", [[], ["--message=a release"]], ids=["light", "annotated"])
def test_a_tag_is_its_commit_and_not_a_branch_of_the_same_name(checkout: Path, annotated: list[str]) -> None:
    git.run_git(checkout, "tag", "v1", *annotated)
    tagged = git.read_head(checkout)
    git.run_git(checkout, "checkout", "--quiet", "-b", "v1")
    git.run_git(checkout, "commit", "--quiet", "--allow-empty", "--message=two")
    assert git.find_tag_commit(checkout, "v1") == tagged != git.read_head(checkout)


def test_an_unknown_tag_is_answered_with_the_tags_there_are(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, tag in ((1, "v2"), (2, "v10"), (3, "v1")):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2020-01-0{day}T00:00:00Z")
        git.run_git(checkout, "tag", tag, "--message=a release")
    with pytest.raises(PipelineError) as refused:
        git.find_tag_commit(checkout, "v3")
    assert str(refused.value) == (
        "There is no tag 'v3'. Known, newest first: v1, v10, v2. Next: git fetch --tags, or git tag v3 to make it."
    )


@pytest.mark.parametrize(("name", "made"), [("v1", "v1"), ("main", "main"), ("", "v1.0.0")])
def test_without_tags_nothing_else_passes_for_one(checkout: Path, name: str, made: str) -> None:
    with pytest.raises(PipelineError) as refused:
        git.find_tag_commit(checkout, name)
    assert str(refused.value) == (f"There is no tag {name!r}. There are no tags. Next: git fetch --tags, or git tag {made} to make it.")


# --- the lock


class Place:
    """A target that is its own lock, and nothing else."""

    def __init__(self) -> None:
        self.lock = self
        self.found: dict[str, str] | None = None

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock."""
        if self.found and not takeover:
            raise Busy(str(self.found))
        self.found = holder

    def read_holder(self) -> dict[str, str] | None:
        """Return who holds it."""
        return self.found

    def release(self) -> None:
        """Give it back."""
        self.found = None


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """A target that nobody holds, and a person."""
    monkeypatch.setenv("GITHUB_ACTOR", "somebody")
    return Place()


def held(place: Place, what: str, takeover: bool = False) -> Any:
    """Hold the lock of a place."""
    return lock.hold_lock(cast(Target, place), what, takeover)


def test_a_lock_tells_who_holds_it_and_is_given_back(place: Place) -> None:
    with held(place, "deploy v1") as check_lock:
        check_lock()
        assert place.found
        assert (place.found["what"], place.found["by"]) == ("deploy v1", "somebody")
    assert place.found is None


def test_a_lock_is_given_back_after_a_failure(place: Place) -> None:
    with pytest.raises(ProofError), held(place, "deploy v1"):
        raise ProofError("no")
    assert place.found is None


def test_a_second_deploy_is_told_who_is_at_work_and_leaves_the_lock_alone(place: Place) -> None:
    with held(place, "deploy v1") as check_lock:
        with pytest.raises(Busy) as refused, held(place, "deploy v2"):
            pass
        assert str(refused.value) == (
            "deploy v1 by somebody is running here (started just now). Wait for it, or ./run rollback, which takes over. "
            "If it was killed, this is known after 15 s. Next: ./run status."
        )
        check_lock()


def test_who_waits_for_a_rollback_is_not_sent_to_another_one(place: Place) -> None:
    with held(place, "rollback"), pytest.raises(Busy, match=r"just now\)\. Wait for it\. If it was killed"), held(place, "deploy"):
        pass


def test_a_rollback_takes_over_and_the_deploy_stops_at_its_next_step(place: Place) -> None:
    with held(place, "deploy v1") as deploys:
        with held(place, "rollback", takeover=True) as rolls_back:
            with pytest.raises(Busy) as stopped:
                deploys()
            assert str(stopped.value) == "deploy v1 was taken over by rollback by somebody, and stopped. Next: ./run status."
            rolls_back()
        with pytest.raises(Busy, match="deploy v1 was taken over by another run, and stopped"):
            deploys()


def test_what_was_taken_over_does_not_give_back_anothers_lock(place: Place) -> None:
    with ExitStack() as deploy:
        deploy.enter_context(held(place, "deploy v1"))
        with held(place, "rollback", takeover=True):
            deploy.close()
            assert place.found
            assert place.found["what"] == "rollback"


# --- rules


@pytest.fixture
def ruled(checkout: Path) -> Project:
    """A project whose branch `change` has other thresholds and another model than `main`."""
    for name in (*rules.TAKEN, *rules.OWN, "project.toml"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    git.run_git(checkout, "add", "--all")
    git.run_git(checkout, "commit", "--quiet", "--message=rules")
    git.run_git(checkout, "branch", "before")
    for name, old, new in (("validation/thresholds.toml", "0.05", "0.5"), ("model/metrics.py", '"""', '"""Or so. ')):
        path = checkout / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    return project.load(checkout)


def test_rules_are_those_of_the_checkout_or_of_another_commit(ruled: Project) -> None:
    here, there = rules.load_rules(ruled), rules.load_rules(ruled, "before")
    assert (here.thresholds.margin_fraction, here.source, rules.describe_altered(here)) == (0.5, "this checkout", [])
    assert (there.thresholds.margin_fraction, there.source) == (0.05, git.read_head(ruled.root)[:12])
    assert there.reference.read_bytes() == (ROOT / "validation" / "reference.csv").read_bytes()
    assert there.suite.read_bytes() == (ROOT / "validation" / "expectations.json").read_bytes()


def test_what_a_change_would_alter_is_told(ruled: Project) -> None:
    assert rules.describe_altered(rules.load_rules(ruled, "before")) == [
        "This change alters validation/thresholds.toml. The gate ignores that, and judges by the rules of "
        f"{git.read_head(ruled.root)[:12]}.",
        "This change alters model/metrics.py, and the gate uses the changed version: review it closely.",
    ]


def test_rules_of_an_unknown_ref_and_rules_that_cannot_be_read_are_told(ruled: Project) -> None:
    with pytest.raises(PipelineError, match=r"git knows no 'nowhere'.*Next: git fetch origin"):
        rules.load_rules(ruled, "nowhere")
    (ruled.root / "validation" / "thresholds.toml").write_text("margin_fraction = 2", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"thresholds\.toml cannot be read: .*"):
        rules.load_rules(ruled)


# --- what is pushed


@pytest.mark.parametrize("stored", ["sha256:first", None])
def test_a_push_of_a_commit_that_has_an_image_keeps_it(stored: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge that is run again builds another image of the same commit; the tag of the first may be live."""
    pushed = list[tuple[str, ...]]()
    monkeypatch.setattr(registry, "fetch_digest", lambda _, name: stored if name.endswith(":c0ffee") else None)

    def push(_: object, *words: str) -> str:
        pushed.append(words)
        return "sha256:again"

    monkeypatch.setattr(registry, "push_image", push)
    place = images.Images(project.load(ROOT, "docker"))
    monkeypatch.setattr(place, "client", None)
    assert place.push_release("c0ffee") == (stored or "sha256:again")
    assert len(pushed) == (0 if stored else 1)


# --- what people read


def test_a_table_has_columns_of_one_width() -> None:
    assert say.table(["what", "is"], [["a", "long cell"], ["longer", ""]]) == (
        "| what   | is        |\n| ------ | --------- |\n| a      | long cell |\n| longer |           |"
    )
    assert say.table(["what"], []) == "| what |\n| ---- |"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain", "plain"),
        ("a | b\n| c |", "a | b | c |"),
        ("\r\n tabs\tand\x0bmore\x1c \u2028lines\u2029\x85 ", "tabs and more lines"),
        ("\x1b[31mred\x07\x00", "\\x1b[31mred\\x07\\x00"),
        ("\u202eback\ufeff", "\\u202eback\\ufeff"),
        ("\udcff", "\\udcff"),
        ("größe 👩\u200d🔬", "größe 👩\u200d🔬"),
        ("", ""),
    ],
)
def test_what_a_person_wrote_is_one_line_that_can_be_printed(written: str, shown: str) -> None:
    assert say.one_line(written) == shown
    assert len(say.one_line(shown).splitlines()) <= 1
    assert say.one_line(shown) == shown
    shown.encode()


def test_what_is_very_long_is_cut() -> None:
    assert say.one_line("x" * 120, 120) == "x" * 120
    assert say.one_line("two words " * 5000, 20) == "two words two word …"
    assert len(say.one_line("x" * 100_000, 120)) == 120


@pytest.mark.parametrize("cell", ["a | b\n| c |", "\r", "|", "\\|", "x\u2028y", "\x1b[2J"])
def test_no_cell_ends_its_row_or_its_column(cell: str) -> None:
    lines = say.table(["what", cell], [["one", cell], [cell, "two"]]).splitlines()
    assert len(lines) == 4
    assert {len(each) for each in lines} == {len(lines[0])}
    assert all(len(re.findall(r"(?<!\\)\|", each)) == 3 for each in lines)


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTOR", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    assert lock.find_user() == "user 987654"
    monkeypatch.setattr("sys.platform", "win32")
    assert lock.find_user() == "somebody"


def test_the_summary_grows_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say.summary("nowhere")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    say.summary("one")
    say.summary("two")
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == "one\n\ntwo\n\n"


def test_each_error_has_its_exit_code() -> None:
    assert {
        each.__name__: each.exit_code for each in (DataRefused, ModelRefused, PipelineError, ProofError, Busy, Held, BakeError, UpdateFails)
    } == {
        "DataRefused": 1,
        "ModelRefused": 1,
        "PipelineError": 2,
        "ProofError": 4,
        "Busy": 5,
        "Held": 6,
        "BakeError": 7,
        "UpdateFails": 10,
    }


# --- the model's file


def fitted(seed: int) -> Pipeline:
    """Return a pipeline fitted to numbers of a seed."""
    numbers = np.random.default_rng(seed).normal(size=(20, 3))
    return make_pipeline(StandardScaler(), LinearRegression()).fit(numbers[:, :2], numbers[:, 2])


def test_the_same_model_gives_the_same_file_and_another_another(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        skops_file.save(fitted(seed), tmp_path / name)
    one, same, other = ((tmp_path / name).read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_a_saved_model_answers_as_before(tmp_path: Path) -> None:
    skops_file.save(fitted(0), tmp_path / "model")
    rows = np.ones((1, 2))
    assert load_model(tmp_path / "model").predict(rows) == fitted(0).predict(rows)


def test_a_saved_model_knows_no_time(tmp_path: Path) -> None:
    skops_file.save(fitted(0), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as file:
        assert {each.date_time for each in file.infolist()} == {skops_file.EPOCH}


# --- the command line

ROAD = ["train", "validate", "build", "push", "deploy", "rollback", "status", "history", "serve", "demo"]


def test_help_lists_the_verbs_in_the_order_of_the_road(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--help"])
    assert ended.value.code == 0
    lines = (line.split() for line in capsys.readouterr().out.splitlines())
    shown = [name for name, verb in command_line.VERBS.items() if not verb.hidden]
    assert [words[0] for words in lines if words and words[0] in command_line.VERBS] == shown
    assert {"host", "record", "rejudge"}.isdisjoint(shown)
    assert [verb for verb in command_line.VERBS if verb in ROAD] == ROAD


@pytest.mark.parametrize("verb", command_line.VERBS)
def test_each_verb_is_a_function_that_takes_the_verbs_options(verb: str) -> None:
    function = getattr(import_module(command_line.VERBS[verb].module), verb.replace("-", "_"))
    first, *others = inspect.signature(function).parameters.values()
    options = command_line.VERBS[verb].options
    assert first.annotation is Project
    assert [each.name for each in others] == [
        settings.get("dest", option.strip("-").replace("-", "_")) for option, settings in options.items()
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: VERB. Nothing was done. Next: ./run --help."),
        (["fly"], r"argument VERB: found 'fly'\. Expected: one of '?adopt(?!.*'record').* Next: \./run --help\."),
        (["deploy"], r"the following arguments are required: tag\. Nothing was done\. Next: \./run deploy --help\."),
        (["rollback", "--environment", "prod"], r"argument --environment: found 'prod'\. Expected: one of '?production'?, '?staging.*"),
        (["unlock", "--reason", " "], r"--reason is ' '\. Expected: .* Next: \./run unlock --reason \"the runner is gone\"\."),
        (["unlock"], r"--reason is ''\. Expected: .*"),
    ],
    ids=str,
)
def test_what_is_no_command_is_one_sentence_and_ends_with_2(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert command_line.main(words) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(f"error: {sentence}\n", said)
    assert said.removeprefix("error: ").strip() in (tmp_path / "summary").read_text()


def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["status"], root=tmp_path) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {tmp_path / 'project.toml'} cannot be read: ")
    assert said.err.count("\n") == 1


# --- the reference dataset


def test_slices_by_what_is_no_column_are_told(ruled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SLICES", {"nowhere": None})
    with pytest.raises(PipelineError, match=r"model/features\.py has slices by nowhere, which .*reference\.csv does not have\. Next: "):
        dataset.read_reference(rules.load_rules(ruled))


@pytest.mark.parametrize("name", ["release/model.skops", "../elsewhere"])
def test_an_archive_is_unpacked_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("content")
    with tarfile.open(tmp_path / "all.tar", "w") as made:
        made.add(tmp_path / "file", name)
    with tarfile.open(tmp_path / "all.tar") as taken:
        if name.startswith(".."):
            if hasattr(tarfile, "data_filter"):
                with pytest.raises(tarfile.OutsideDestinationError):
                    images.extract_safely(taken, tmp_path / "into")
        else:
            images.extract_safely(taken, tmp_path / "into")
            assert (tmp_path / "into" / name).read_text() == "content"


def test_an_archive_is_unpacked_by_the_python_of_debian_12(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("content")
    with tarfile.open(tmp_path / "all.tar", "w") as made:
        made.add(tmp_path / "file", "file")
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extraction_filter", staticmethod(lambda member, _: member), raising=False)
    with tarfile.open(tmp_path / "all.tar") as taken:
        images.extract_safely(taken, tmp_path / "into")
    assert (tmp_path / "into" / "file").read_text() == "content"
