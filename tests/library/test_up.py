"""What watches: what it is told, and that it really runs, sees the releases and follows each deploy and rollback."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from slipway.cli import ROOT
from slipway.errors import PipelineError
from slipway.operate import docker_engine
from slipway.operate.process import free_port
from slipway.operate.targets import compose, containers, monitoring
from slipway.operate.targets.docker import Docker
from slipway.operate.targets.monitoring import SERVICES
from slipway.project import Watch
from slipway.rehearsal import demo
from tests.conftest import Registry, Road, wait_until
from tests.library.test_lifecycle import forget_images

A, B = "v1.0.0", "v1.1.0"
WATCH = Watch(9090, 9093, 3000, 30)
SETTINGS = {"PROJECT": "demand", "ADDRESS": "0.0.0.0:80"}
COMPOSE = ROOT / compose.PATH


# What is told.


def test_each_release_that_runs_is_asked_under_its_tag() -> None:
    assert json.loads(monitoring.format_targets({"demand-2": B, "demand-1": A})) == [
        {"targets": ["demand-1:8080"], "labels": {"release": A}},
        {"targets": ["demand-2:8080"], "labels": {"release": B}},
    ]
    assert json.loads(monitoring.format_targets({})) == []


def test_facts_are_what_is_live_and_when_a_rollback_was_rehearsed() -> None:
    [group] = json.loads(monitoring.format_rules(B, 1767225600.4))["groups"]
    assert group["rules"] == [
        {"record": "release_recorded", "expr": "vector(1)", "labels": {"release": B}},
        {"record": "drill_success_timestamp_seconds", "expr": "vector(1767225600)"},
    ]
    [group] = json.loads(monitoring.format_rules(None, 0))["groups"]
    assert [each["record"] for each in group["rules"]] == ["drill_success_timestamp_seconds"]


@pytest.mark.parametrize(("there", "at"), [({}, 7), ({"drilled": "5\n"}, 5), ({"drilled": "torn"}, 7)])
def test_a_rehearsal_that_nobody_noted_counts_from_now(there: dict[str, str], at: float) -> None:
    assert monitoring.parse_drill(there, 7) == at


def test_only_what_infra_watch_holds_no_more_is_stale() -> None:
    there = dict.fromkeys(["rules/old.yml", "rules/drift.yml", "secrets/hook", *monitoring.OWN], "")
    assert monitoring.list_stale(there, {"rules/drift.yml": ""}) == ["rules/old.yml"]


def test_what_lies_in_infra_watch_goes_along(tmp_path: Path) -> None:
    folder = tmp_path / "infra" / "watch" / "rules"
    folder.mkdir(parents=True)
    for name in ("drift.yml", ".DS_Store", "drift.yml~"):
        (folder / name).write_text(name)
    assert monitoring.load_files(tmp_path) == {"rules/drift.yml": "drift.yml"}
    assert {"prometheus.yml", "alertmanager.yml", "grafana/datasources/prometheus.yml"} <= set(monitoring.load_files(ROOT))


@pytest.mark.parametrize(
    ("engine", "command"),
    [
        ("", None),
        ("unix:///run/docker.sock", None),
        ("ssh://deploy@host", "ssh -N -L 3000:127.0.0.1:3000 -L 9090:127.0.0.1:9090 -L 9093:127.0.0.1:9093 deploy@host"),
        ("ssh://deploy@host:2222", "ssh -N -L 3000:127.0.0.1:3000 -L 9090:127.0.0.1:9090 -L 9093:127.0.0.1:9093 -p 2222 deploy@host"),
        ("ssh://host", "ssh -N -L 3000:127.0.0.1:3000 -L 9090:127.0.0.1:9090 -L 9093:127.0.0.1:9093 host"),
    ],
)
def test_it_is_said_where_to_look(engine: str, command: str | None) -> None:
    lines = monitoring.format_pages(WATCH, engine).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["grafana", "prometheus", "alertmanager"]
    assert all(line.split()[1].startswith("http://127.0.0.1:") for line in lines[:3])
    assert [line.strip() for line in lines[4:]] == ([command] if command else [])


# infra/compose.yaml, read.


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "a"),
        ("x-${A}-${B:-b}-y", "x-a-b-y"),
        ("${EMPTY:-b}", "b"),
        ("${A:?is a}", "a"),
        ("${B:-}", ""),
        ("$$A and ${A}", "$A and a"),
        ([{"k": "${A}", "n": 3}], [{"k": "a", "n": 3}]),
    ],
    ids=str,
)
def test_settings_are_filled_in_as_compose_does(text: Any, filled: Any) -> None:
    assert compose.fill(text, {"A": "a", "EMPTY": ""}) == filled


@pytest.mark.parametrize("text", ["${A}", "${A:?is a letter}", "$A", "${A-b}", "${}", "a $"])
def test_what_is_not_set_or_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(PipelineError, match=r"^infra/compose\.yaml .* Next: correct it there, then \./run up\.$"):
        compose.fill(text, {})


def every_word(text: str) -> dict[str, dict[str, Any]]:
    """Return what the SDK is told of each service."""
    found = compose.parse(text, SETTINGS)
    return {service: compose.list_arguments(found, service) for service in found["services"]}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    container_name: ${PROJECT}-grafana", "    privileged: true", "has 'privileged' in the service grafana"),
        ("\nnetworks:\n  releases", "\nsecrets: {}\nnetworks:\n  releases", "has ['secrets'], which ./run does not know"),
        ('"127.0.0.1:${GRAFANA_PORT:-3000}:3000"', '"${GRAFANA_PORT:-3000}:3000"', "publishes '3000:3000'"),
        ("grafana:/var/lib/grafana", "./grafana:/var/lib/grafana", "mounts './grafana:/var/lib/grafana'"),
        ("watch:/etc/watch:ro", "watch:/etc/watch:rx", "mounts 'watch:/etc/watch:rx'"),
        ("networks: [releases]", "networks: [releases, other]", "joins ['releases', 'other']"),
        (
            "    driver: bridge\n",
            "    driver: bridge\n    internal: true\n",
            "describes releases under networks in a form that ./run does not know",
        ),
        ("  config:\n    name:", "  config:\n    external:", "describes config under volumes"),
        ("    driver: json-file", "    driver: json-file\n    more: 1", "has ['driver', 'more', 'options'] under logging"),
        ("services:", "services: [", "is no YAML"),
    ],
)
def test_what_the_verbs_could_not_make_the_same_is_refused(old: str, new: str, said: str) -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(PipelineError) as refused:
        every_word(text.replace(old, new))
    assert said in str(refused.value)


def test_only_the_proxy_listens_elsewhere_than_on_the_loopback() -> None:
    words = every_word(COMPOSE.read_text(encoding="utf-8"))
    addresses = {service: {address for address, _ in said["ports"].values()} for service, said in words.items()}
    assert addresses == {"proxy": {"0.0.0.0"}} | {service: {"127.0.0.1"} for service in SERVICES}


def test_there_is_no_password_anywhere() -> None:
    texts = [COMPOSE.read_text(encoding="utf-8"), *monitoring.load_files(ROOT).values()]
    assert [text for text in texts if "password:" in text.lower() or "ADMIN_PASSWORD" in text] == []


def test_a_rollback_loads_nothing_to_make_containers_with() -> None:
    code = "import sys, pipeline.rollback, slipway.operate.targets.docker; print('slipway.operate.targets.compose' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_target_local_has_nothing_that_watches(tmp_path: Path) -> None:
    road = Road.copied(tmp_path / "project")
    said = road.run("up")
    assert said.code == 2
    assert "the target 'local' has none" in said.text
    assert said.text.endswith("with DOCKER_HOST.")


# With an engine.


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, registry: Registry, watching_images: dict[str, str]) -> Iterator[Road]:
    """Two releases of a project that is watched, pushed; Prometheus looks each second."""
    assert watching_images
    road = Road.copied(tmp_path_factory.mktemp("road") / "project")
    settings, look = road.root / "project.toml", road.root / "infra" / "watch" / "prometheus.yml"
    ports = "".join(f"{service} = {free_port()}\n" for service in SERVICES)
    settings.write_text(settings.read_text(encoding="utf-8") + f"[watch]\n{ports}days = 30\n", encoding="utf-8")
    look.write_text(look.read_text(encoding="utf-8").replace("15s", "1s"), encoding="utf-8")
    road.make(A)
    road.make(B, champion=str(road.kept(A) / "bundle"))
    road.target = "docker"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGE_REPOSITORY", f"{registry.address}/{road.project.name}")
        try:
            for tag in (A, B):
                road.store(tag)
            road.checkout("main")
            yield road
        finally:
            road.stop()
            forget_images(road)


def place(road: Road) -> Docker:
    """Return the target."""
    found = road.place
    assert isinstance(found, Docker)
    return found


def services(road: Road) -> dict[str, Container]:
    """Return what watches."""
    return {service: found for service in SERVICES if (found := place(road).monitoring.find_container(service))}


def asked(road: Road, query: str) -> dict[str, float]:
    """Ask Prometheus, and return the values by release."""
    assert road.project.watch
    url = f"http://127.0.0.1:{road.project.watch.prometheus}/api/v1/query"
    found = httpx.get(url, params={"query": query}).raise_for_status().json()["data"]["result"]
    return {each["metric"].get("release", ""): float(each["value"][1]) for each in found}


def follows(road: Road, live: str, *running: str) -> None:
    """Wait until Prometheus sees these releases answer, and this one recorded as live."""
    wait_until(lambda: asked(road, 'up{job="release"} == 1') == dict.fromkeys(running, 1))
    wait_until(lambda: asked(road, "release_recorded") == {live: 1})


def told(road: Road) -> dict[str, str]:
    """Return the files that what watches reads."""
    with place(road).monitoring.volume.open() as (_, there):
        return there


def standing(road: Road) -> None:
    """Have both releases deployed, unless they are."""
    if road.standing() == [A]:
        road.must("resume")
        road.must("deploy", B)
    road.stand(A, B)


@pytest.mark.docker
def test_the_first_deploy_starts_it_and_it_follows_deploys_and_rollbacks(road: Road) -> None:
    road.stop()
    said = road.must("deploy", A)
    assert said.err == ""
    assert set(services(road)) == set(SERVICES)
    follows(road, A, A)
    assert [set(each) for each in [asked(road, "ml_release_info")]] == [{A}]
    assert asked(road, f'count(up{{instance="{road.project.name}-1"}})') == {"": 1}
    assert road.must("deploy", B).err == ""
    follows(road, B, A, B)
    assert road.must("rollback").err == ""
    follows(road, A, A, B)
    assert asked(road, "time() - drill_success_timestamp_seconds")[""] < 600


@pytest.mark.docker
def test_up_says_where_to_look_and_again_changes_nothing(road: Road) -> None:
    standing(road)
    before = {name: (each.id, each.attrs["State"]["StartedAt"]) for name, each in services(road).items()}
    files = told(road)
    said = road.must("up")
    assert [line.split()[0] for line in said.out.splitlines()] == ["grafana", "prometheus", "alertmanager"]
    assert {name: (each.id, each.attrs["State"]["StartedAt"]) for name, each in services(road).items()} == before
    assert told(road) == files
    for line in said.out.splitlines():
        assert httpx.get(line.split()[1].rpartition("/")[0], follow_redirects=True).is_success


@pytest.mark.docker
def test_what_runs_is_confined_and_told_by_this_machine_alone(road: Road) -> None:
    standing(road)
    for service, container in services(road).items():
        found = container.attrs["HostConfig"]
        assert [each["HostIp"] for [each] in container.attrs["NetworkSettings"]["Ports"].values() if each] == ["127.0.0.1"]
        assert (found["ReadonlyRootfs"], found["CapDrop"], found["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])
        assert found["Memory"] > 0
        assert {each["Destination"] for each in container.attrs["Mounts"] if not each["RW"]} == {monitoring.FOLDER}, service
        assert docker_engine.run_command(container, ["id", "-u"])[1].strip() != "0"


@pytest.mark.docker
def test_a_rollback_does_not_fail_by_what_watches(road: Road) -> None:
    standing(road)

    def full(*_: Any) -> None:
        raise APIError("no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containers, "write_files", full)
        said, refused = road.must("rollback"), road.run("up")
    assert f"{A} serves, was {B}" in said.out
    why = f"The volume {road.project.name}-watch cannot be written: no space left on device. Next: fix that, then ./run up."
    assert said.err == f"warning: monitoring does not show it until you type ./run up: {why}\n"
    road.serves(A)
    assert (refused.code, refused.err) == (2, f"error: {why}\n")
    with place(road).monitoring.volume.open() as (hand, _):
        containers.write_files(hand, monitoring.FOLDER, {f"{monitoring.TARGETS}/full": ""})  # a folder in the place of a file
    road.must("up")
    follows(road, A, A, B)


@pytest.mark.docker
def test_a_rehearsal_is_noted(road: Road) -> None:
    standing(road)
    with place(road).monitoring.volume.open() as (hand, there):
        place(road).monitoring.volume.write_changed(hand, there, {monitoring.DRILLED: "5\n"})
    road.must("up")
    wait_until(lambda: asked(road, "drill_success_timestamp_seconds") == {"": 5})
    demo.note_drill(road.project)
    wait_until(lambda: asked(road, "time() - drill_success_timestamp_seconds")[""] < 600)


@pytest.mark.docker
def test_what_changes_in_the_files_is_taken_over(road: Road) -> None:
    standing(road)
    before = {name: each.id for name, each in services(road).items()}
    rules, look, settings = (road.root / name for name in ("infra/watch/rules/more.yml", "infra/watch/prometheus.yml", "project.toml"))
    rules.write_text("groups: [{name: more, rules: [{record: more, expr: vector(2)}]}]\n", encoding="utf-8")
    settings.write_text(settings.read_text(encoding="utf-8").replace("days = 30", "days = 40"), encoding="utf-8")
    with place(road).monitoring.volume.open() as (hand, there):
        place(road).monitoring.volume.write_changed(hand, there, {"secrets/hook": "a person's own"})
    road.must("up")
    wait_until(lambda: asked(road, "more") == {"": 2})
    now = {name: each.id for name, each in services(road).items()}
    assert {name for name in now if now[name] != before[name]} == {"prometheus"}
    assert asked(road, "count_over_time(release_recorded[1h])")[B] > 1  # what it saw before is still there
    whole = look.read_text(encoding="utf-8")
    look.write_text(whole + "nonsense: true\n", encoding="utf-8")
    for _ in range(2):
        said = road.run("up")
        assert said.code == 2
        assert "prometheus rejects its config" in said.text
        assert "nonsense" in said.text
    assert asked(road, "more") == {"": 2}
    look.write_text(whole, encoding="utf-8")
    rules.unlink()
    road.must("up")
    wait_until(lambda: asked(road, "more") == {})
    assert ("rules/more.yml" in told(road), told(road)["secrets/hook"]) == (False, "a person's own")


@pytest.mark.docker
def test_a_port_that_is_taken_is_told(road: Road) -> None:
    standing(road)
    settings = road.root / "project.toml"
    text = settings.read_text(encoding="utf-8")
    assert road.project.watch
    settings.write_text(text.replace(f"grafana = {road.project.watch.grafana}", f"grafana = {road.project.port}"), encoding="utf-8")
    said = road.run("up")
    settings.write_text(text, encoding="utf-8")
    assert said.code == 2
    assert "grafana cannot be started" in said.text
    assert "or change [watch] grafana in project.toml; then ./run up." in said.text
    road.must("up")


@pytest.mark.docker
def test_prometheus_and_alertmanager_take_what_the_verbs_write(tmp_path: Path, watching_images: dict[str, str]) -> None:
    folder = tmp_path / "watch"
    shutil.copytree(ROOT / "infra" / "watch", folder)
    (folder / monitoring.TARGETS).write_text(monitoring.format_targets({"demand-1": A}), encoding="utf-8")
    (folder / monitoring.FACTS).write_text(monitoring.format_rules('v1.0.0-"odd"', 1767225600), encoding="utf-8")
    tmp_path.chmod(0o755)

    def check(service: str, *command: str) -> str:
        run = ["docker", "run", "--rm", "--network", "none", "--volume", f"{folder}:{monitoring.FOLDER}:ro", "--user", "0"]
        image = watching_images[f"{service.upper()}_IMAGE"]
        done = subprocess.run([*run, "--entrypoint", command[0], image, *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    said = check("prometheus", "promtool", "check", "config", f"{monitoring.FOLDER}/prometheus.yml")
    assert f"{monitoring.FOLDER}/facts.yml" in said
    assert f"{monitoring.FOLDER}/rules/alerts.yml" in said
    check("alertmanager", "amtool", "check-config", f"{monitoring.FOLDER}/alertmanager.yml")
