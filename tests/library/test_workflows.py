"""The workflows hold to the house rules, and call only verbs that exist."""

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from slipway import git
from slipway.cli import VERBS, parser

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
CALLED = re.compile(r"\./run ([\w-]+)")
VERBS_OF_RUN = {"check", "test"}
# What a variable holds whose verb takes only some words.
GIVEN = {"$OUTCOME": "success", "$WHERE": "staging"}
SECRETS = {"DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY", "DEPLOY_KUBECONFIG"}
DEFAULT = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def parse(path: Path) -> dict[str, Any]:
    """Return a workflow as YAML 1.2, in which `on` is a word; the C parser would make it true."""
    workflow: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return workflow


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of all jobs."""
    for job in parse(path)["jobs"].values():
        yield from job["steps"]


def scripts(path: Path) -> list[str]:
    """Return what the steps run."""
    return [step["run"] for step in steps(path) if "run" in step]


def jobs(name: str) -> dict[str, Any]:
    """Return the jobs of a workflow."""
    found: dict[str, Any] = parse(FOLDER / f"{name}.yml")["jobs"]
    return found


def test_the_project_has_its_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "train-validate-build-push", "deploy", "rollback", "drill", "doctor", "prune"}


@each_workflow
def test_nothing_is_permitted_at_the_top(path: Path) -> None:
    assert parse(path)["permissions"] == {}


@each_workflow
def test_every_job_ends(path: Path) -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in parse(path)["jobs"].values())


@each_workflow
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path: Path) -> None:
    used = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.search(line)] == []
    assert len(used) == sum("uses" in step for step in steps(path))


def test_an_action_has_one_pin() -> None:
    pins = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


@each_workflow
def test_no_checkout_leaves_the_token_behind(path: Path) -> None:
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@each_workflow
def test_a_script_is_one_line_without_expressions(path: Path) -> None:
    assert [script for script in scripts(path) if "\n" in script.strip() or "${{" in script] == []


@each_workflow
def test_the_verbs_called_exist(path: Path) -> None:
    called = {verb for script in scripts(path) for verb in CALLED.findall(script)}
    assert called <= VERBS_OF_RUN | set(VERBS)


def flags(step: dict[str, Any]) -> list[str]:
    """Return what a step runs, word by word, with what its variables can hold where a verb's options depend on it."""
    words = shlex.split(step["run"].partition(" # ")[0])
    unquoted = {f"${name}": re.findall(r"'(--[a-z-]+)'", str(value)) for name, value in step.get("env", {}).items()}
    return [held for word in words for held in (unquoted.get(word) or [GIVEN.get(word, word)])]


@each_workflow
def test_the_flags_of_the_verbs_exist(path: Path) -> None:
    for step in steps(path):
        words = flags(step) if step.get("run", "").startswith("./run ") else []
        if words and words[1] not in VERBS_OF_RUN:
            parser().parse_args(words[1:])  # ends with 2 and says why


@each_workflow
def test_no_workflow_calls_another(path: Path) -> None:
    """Then no job asks for more than its caller grants."""
    assert all("steps" in job and "uses" not in job for job in parse(path)["jobs"].values())


@each_workflow
def test_a_workflow_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 100


def test_the_required_check_is_the_job_that_judges_and_is_never_skipped() -> None:
    """A skipped check would count as passed; where only pages changed, its steps are."""
    found = jobs("ci")
    assert set(found) == {"all-green", "comment"}
    assert {"if", "needs"}.isdisjoint(found["all-green"])
    asked, *others = [step for step in found["all-green"]["steps"] if not step.get("uses", "").startswith("actions/checkout@")]
    assert asked["id"] == "release"
    assert all("steps.release.outputs.changed" in step["if"] for step in others)
    passed_by = [step for step in others if "continue-on-error" in step]
    assert [step["uses"].partition("@")[0] for step in passed_by] == ["docker/login-action"]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        *(("docs/rollback.md", False), ("README.md", False), ("model/words.md", True), ("docs.py", True)),
        *(
            ("infra/Dockerfile", True),
            ("data/train.csv", True),
            ("validation/docs/thresholds.toml", True),
            (".github/workflows/ci.yml", True),
        ),
    ],
)
def test_where_only_pages_changed_nothing_is_judged(path: str, changes: bool, tmp_path: Path) -> None:
    """The line of ci.yml that decides, as the runner executes it; where git cannot say, all is judged."""
    root, output = tmp_path / "project", tmp_path / "output"
    for content in ("one", "two"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
        if content == "one":
            git.run_git(root, "init", "--quiet")
        git.run_git(root, "add", "--all")
        git.run_git(root, "commit", "--quiet", "--message", content)
    [script] = [step["run"] for step in jobs("ci")["all-green"]["steps"] if step.get("id") == "release"]

    def judges(base: str) -> bool:
        output.write_text("", encoding="utf-8")
        subprocess.run(["bash", "-e", "-c", script], cwd=root, env={**os.environ, "BASE": base, "GITHUB_OUTPUT": str(output)}, check=True)
        return output.read_text(encoding="utf-8") == "changed=true\n"

    assert judges("HEAD~1") == changes
    assert not judges("HEAD")
    assert judges("0" * 40)
    assert judges("")


def test_the_required_check_keeps_its_name() -> None:
    """Branch protection knows it by this, README names it, and a check that never comes blocks every merge."""
    assert jobs("ci")["all-green"]["name"] == "all green"


def test_a_pull_request_does_not_run_twice_for_a_commit() -> None:
    assert set(parse(FOLDER / "ci.yml")["on"]) == {"pull_request", "merge_group"}


def test_a_pull_request_writes_nothing_but_its_comment() -> None:
    found = jobs("ci")
    comment = found.pop("comment")
    assert {access for job in found.values() for access in job.get("permissions", {}).values()} == {"read"}
    assert comment["permissions"] == {"pull-requests": "write"}
    assert "github.event.pull_request.head.repo.full_name == github.repository" in comment["if"]


def test_who_may_write_the_comment_never_sees_the_code() -> None:
    ran = [step.get("run") or step["uses"].partition("@")[0] for step in jobs("ci")["comment"]["steps"]]
    assert all(each == "actions/download-artifact" or each.startswith(("gh api ", '(echo "$MARK"; sed ')) for each in ran)


def test_an_image_comes_from_the_default_branch_whatever_it_is_called() -> None:
    assert jobs("train-validate-build-push")["release"]["if"] == DEFAULT


def test_what_is_signed_is_what_was_pushed() -> None:
    found = jobs("train-validate-build-push")
    attest = found["attest"]
    assert attest["if"] == "github.event.repository.visibility == 'public'"
    outputs = found["release"]["outputs"]
    assert {name: outputs[name] for name in ("image", "digest")} == {
        name: f"${{{{ steps.push.outputs.{name} }}}}" for name in ("image", "digest")
    }
    signed = [step["with"] for step in attest["steps"] if step["uses"].startswith("actions/attest@")]
    assert attest["env"] == {name.upper(): f"${{{{ needs.release.outputs.{name} }}}}" for name in ("image", "digest")}
    assert [each["subject-digest"] for each in signed] == ["${{ env.DIGEST }}"] * 2
    assert all(job["permissions"].keys().isdisjoint({"id-token", "attestations"}) for name, job in found.items() if name != "attest")


def test_where_the_key_for_releases_is_nothing_was_trained_or_built() -> None:
    """The job signs the digest that the release job has pushed, and the registry's tag does not count: anybody may have moved that."""
    holding = {path.stem: name for path in WORKFLOWS for name, job in parse(path)["jobs"].items() if "SIGNING_KEY" in str(job)}
    assert holding == {"train-validate-build-push": "sign"}
    job = jobs("train-validate-build-push")["sign"]
    assert (job["needs"], job["if"]) == ("release", "needs.release.outputs.signs == 'true'")
    assert (job["environment"], job["permissions"]) == (
        {"name": "build", "deployment": False},
        {"contents": "read", "packages": "write"},
    )
    assert job["env"]["DIGEST"] == "${{ needs.release.outputs.digest }}"
    ran = [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]
    assert ran == ["actions/checkout", "docker/login-action", './run sign --digest "$DIGEST" "$GITHUB_SHA"']
    checkout = job["steps"][0]["with"]  # the keys of now, also where a merge is run again
    assert (checkout["ref"], checkout["fetch-depth"]) == ("${{ github.event.repository.default_branch }}", 0)
    assert [step for step in job["steps"] if "SIGNING_KEY" in str(step)] == job["steps"][-1:]


def test_a_merge_starts_the_deploy_to_staging_where_there_is_one_and_may_do_nothing_else() -> None:
    job = jobs("train-validate-build-push")["staging"]
    assert (job["needs"], job["permissions"]) == (["release", "sign"], {"actions": "write"})
    when = "!cancelled() && needs.release.outputs.staging == 'true' && needs.sign.result != 'failure'"
    assert job["if"] == f"${{{{ {when} }}}}"
    [step] = job["steps"]
    assert step["run"].endswith('-f "tag=$GITHUB_SHA" -f environment=staging')
    assert "workflow run deploy.yml" in step["run"]


def test_a_rollback_queues_behind_nothing() -> None:
    assert "github.run_id" in parse(FOLDER / "rollback.yml")["concurrency"]["group"]


@each_workflow
def test_only_production_has_secrets(path: Path) -> None:
    for job in parse(path)["jobs"].values():
        named, place = set(re.findall(r"secrets\.(\w+)", str(job))), job.get("environment", {}).get("name")
        if place == "data":  # docs/data.md: a key that may only read the training data
            assert named.isdisjoint(SECRETS)
        elif place == "build":
            assert named == {"SIGNING_KEY"}
        elif place == "github-pages":
            assert named == set()
        else:
            assert named == (SECRETS if place else set())


def test_the_doctor_only_looks() -> None:
    [job] = jobs("doctor").values()
    assert job["environment"] == {"name": "production", "deployment": False}
    assert set(job["permissions"].values()) == {"read"}
    assert set(parse(FOLDER / "doctor.yml")["on"]) == {"workflow_dispatch"}
    assert [CALLED.findall(script) for script in scripts(FOLDER / "doctor.yml")] == [[], ["host"], ["doctor"]]


def test_what_goes_from_the_registry_is_printed_first_and_never_without_the_host() -> None:
    [job] = jobs("prune").values()
    assert job["permissions"] == {"contents": "read", "packages": "write"}
    checkout, (printed, removed) = job["steps"][0]["with"], job["steps"][-2:]
    assert (checkout["ref"], checkout["fetch-depth"]) == ("${{ github.event.repository.default_branch }}", 0)
    assert (printed["run"], printed["if"]) == ("./run prune --dry-run", "steps.host.outputs.there == 'true'")
    assert (removed["run"], removed["if"]) == ("./run prune", "steps.host.outputs.there == 'true' && !inputs.dry_run")


@pytest.mark.parametrize("name", ["deploy", "rollback"])
def test_the_environment_is_what_was_asked_for_and_the_tag_is_what_gets_recorded(name: str) -> None:
    [job] = jobs(name).values()
    place = {"deploy": "${{ inputs.environment || 'production' }}", "rollback": "${{ inputs.environment }}"}[name]  # a tag has no inputs
    assert job["environment"] == {"name": place, "deployment": False}
    assert job["env"]["WHERE"] == place
    offered = parse(FOLDER / f"{name}.yml")["on"]["workflow_dispatch"]["inputs"]["environment"]
    assert (offered["options"], offered["default"]) == (["production", "staging"], "production")
    verbs = [step["run"] for step in job["steps"] if step.get("run", "").startswith("./run ")]
    assert all(' --environment "$WHERE" ' in f"{each} " for each in verbs), verbs
    recorded, tracked = (step for step in job["steps"] if step.get("run", "").startswith(("./run record", "./run track")))
    assert recorded["run"].endswith(' -- "$TAG"')
    assert (tracked["run"].split()[:2], tracked["continue-on-error"]) == (["./run", "track"], True)
    checkout = job["steps"][0]["with"]
    assert (checkout["ref"], checkout["fetch-depth"]) == ("${{ github.event.repository.default_branch }}", 0)


def test_a_deploy_trains_and_builds_nothing() -> None:
    called = {verb for script in scripts(FOLDER / "deploy.yml") for verb in CALLED.findall(script)}
    assert called == {"host", "wait", "deploy", "record", "track"}


@pytest.mark.parametrize("name", ["deploy", "rollback"])
def test_what_a_person_typed_is_data(name: str) -> None:
    """A tag such as --help would else be an option, and the run green without having done anything."""
    [job] = jobs(name).values()
    ran = [step["run"] for step in job["steps"] if re.search(r"\$(TAG|REASON)", step.get("run", ""))]
    assert len(ran) >= 2
    for each in ran:
        before, _, data = each.partition(" -- ")
        assert re.fullmatch(r'(?:"\$TAG")?', data)
        assert all(f'="{word}"' in before for word in re.findall(r"\$(?:TAG|REASON)", before))


@pytest.mark.parametrize("words", [["--help"], ["--target=local"], ["--"], ["v1.0.0"]])
def test_data_behind_two_hyphens_is_no_option(words: list[str]) -> None:
    found = vars(parser().parse_args(["deploy", "--rules", "HEAD", "--judge-again", "--resume", "--", *words]))
    assert (found["tag"], found["target"]) == (words[0], None)
    assert vars(parser().parse_args(["record", "--outcome", "success", "--", *words]))["tag"] == words[0]


def test_the_buttons_restore_what_only_the_default_branch_has_kept() -> None:
    """Checked by hash, for a day on which the index is down; without it they are slower, and not red."""
    [kept] = jobs("packages").values()
    assert kept["if"] == jobs("train-validate-build-push")["release"]["if"]
    [cache] = [step for step in kept["steps"] if step.get("uses", "").startswith("actions/cache@")]
    for name in ("deploy", "rollback"):
        [job] = jobs(name).values()
        [restored] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/cache")]
        assert restored["uses"].startswith("actions/cache/restore@")
        assert (restored["with"], restored["continue-on-error"]) == (cache["with"], True)
        assert "hashFiles('requirements/operate.txt')" in restored["with"]["key"]
        assert job["runs-on"] == kept["runs-on"]
    elsewhere = {path.stem for path in WORKFLOWS for step in steps(path) if step.get("uses", "").startswith("actions/cache")}
    assert elsewhere == {"deploy", "packages", "rollback"}
    [download] = [step["run"] for step in kept["steps"] if "run" in step]
    assert {"--require-hashes", "requirements/operate.txt", kept["steps"][1]["with"]["path"]} <= set(shlex.split(download))


def test_before_its_proof_the_button_needs_neither_index_nor_registry() -> None:
    [job] = jobs("rollback").values()
    before = job["steps"][: next(at for at, step in enumerate(job["steps"]) if "./run rollback" in step.get("run", ""))]
    needed = [step.get("uses", step.get("run", "")).partition("@")[0] for step in before if not step.get("continue-on-error")]
    assert needed == ["actions/checkout", './run host --environment "$WHERE" --required']


def test_a_checkout_that_fails_leaves_a_summary() -> None:
    """Later, `./run` says what serves: test_host.py and test_run.py."""
    for name in ("deploy", "rollback"):
        [job] = jobs(name).values()
        last = job["steps"][-1]
        assert last["if"] == "failure() && steps.checkout.outcome != 'success'"
        assert last["env"]["FAILED"].startswith("**The live release was not changed: the checkout failed.** By hand")


def test_merges_of_pages_alone_train_nothing_as_their_pull_requests() -> None:
    ignored = parse(FOLDER / "train-validate-build-push.yml")["on"]["push"]["paths-ignore"]
    assert ignored == ["docs/**", "*.md"]
    [script] = [step["run"] for step in jobs("ci")["all-green"]["steps"] if step.get("id") == "release"]
    assert "-- . ':!docs' ':(exclude,glob)*.md' ||" in script


@each_workflow
def test_a_login_is_at_the_registry_of_the_images(path: Path) -> None:
    for step in steps(path):
        if step.get("uses", "").startswith("docker/login-action@"):
            assert step["with"]["registry"].endswith(".outputs.registry }}")
    named = [script for script in scripts(path) if "registry=" in script or "docker login" in script]
    assert all("${IMAGE_REPOSITORY%%/*}" in script for script in named)


def test_a_drift_that_is_skipped_costs_nothing(tmp_path: Path) -> None:
    first, *others = jobs("drift")["drift"]["steps"]
    assert all(step["if"].startswith("steps.prometheus.outputs.there") for step in others)
    for asked, there, said in (("", "", "skipped"), ("host", "there=host\n", "")):
        files = {name: tmp_path / f"{name}{asked}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        given = {"ASKED": asked, "SKIPPED": "skipped", **{name: str(path) for name, path in files.items()}}
        subprocess.run(["bash", "-e", "-c", first["run"]], env={**os.environ, **given}, check=True)
        outputs = [path.read_text(encoding="utf-8") if path.exists() else "" for path in files.values()]
        assert outputs == [there, f"{said}\n" if said else ""]


def test_zizmor_finds_nothing() -> None:
    zizmor = shutil.which("zizmor", path=sysconfig.get_path("scripts"))
    assert zizmor, "zizmor is in requirements/work.txt: make the environment again with ./run test"
    command = [zizmor, "--offline", "--strict-collection", "--persona=auditor", "--no-progress", str(ROOT / ".github")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
