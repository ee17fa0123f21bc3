"""Whose image may serve: OpenSSH's own signatures, held against the keys of the default branch, on a target that keeps real files."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from slipway import git, project
from slipway.errors import PipelineError
from slipway.operate import signature, signing
from slipway.operate.chain import Deployment
from slipway.operate.signature import FILE, NAMESPACE, Signature, Unsigned, build_statement, make_signature, refuse_unsigned
from slipway.operate.targets.local import Local
from slipway.project import Project
from tests.conftest import PROJECT

NEW, OTHER, MANIFEST = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}", "3" * 64
Line = Callable[..., str]


@dataclass
class Signed:
    """A project whose default branch allows some keys, and a release of its second commit; it was cloned, as a deploy's checkout is."""

    root: Path
    commits: list[str]
    files: Path
    keys: dict[str, Path]

    @property
    def project(self) -> Project:
        return project.load(self.root, "local")

    @property
    def place(self) -> Local:
        return Local(self.project)

    @property
    def new(self) -> Deployment:
        return Deployment("v2.0.0", NEW, self.commits[1], MANIFEST, "1", None, 2, "", "")

    def allow(self, *lines: str, branch: str = "main") -> None:
        """Have a branch of the remote allow these keys and no other, and fetch it."""
        remote = self.root.with_name("remote")
        git.run_git(remote, "checkout", "--quiet", "-B", branch)
        (remote / FILE).parent.mkdir(exist_ok=True)
        (remote / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
        git.run_git(remote, "add", FILE)
        git.run_git(remote, "commit", "--quiet", "--allow-empty", "--message", "keys")
        git.run_git(self.root, "fetch", "--quiet", "origin")

    def line(self, key: str, options: str = f'namespaces="{NAMESPACE}"') -> str:
        """Return a key's line."""
        return f"release {options} {self.keys[key].with_suffix('.pub').read_text().strip()}"

    def sign(self, key: str, digest: str = NEW, **changed: Any) -> None:
        """Store a signature beside the release."""
        given: dict[str, Any] = {"digest": digest, "commit": self.commits[1], "manifest_sha256": MANIFEST, "files": self.files} | changed
        self.place.store_signature(NEW, make_signature(build_statement(**given), self.keys[key].read_text()).dump())

    def admit(self, live: Deployment | None = None, environment: str = "production") -> None:
        """Ask as a deploy does."""
        refuse_unsigned(replace(self.project, environment=environment), self.place, self.new, self.files, live)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two pairs of keys."""
    found = {name: tmp_path_factory.mktemp("keys") / "key" for name in ("ours", "theirs")}
    for path in found.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return found


@pytest.fixture
def signed(tmp_path: Path, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Signed:
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    monkeypatch.delenv("CI_DEFAULT_BRANCH", raising=False)
    remote, root, files = (tmp_path / name for name in ("remote", "clone", "files"))
    remote.mkdir()
    files.mkdir()
    (files / "gate.json").write_text("PASS", encoding="utf-8")
    git.run_git(remote, "init", "--quiet", "--initial-branch=main")
    (remote / "project.toml").write_text(PROJECT.format(name="signed", port=8080), encoding="utf-8")
    git.run_git(remote, "add", "--all")
    for message in ("one", "two", "three"):
        git.run_git(remote, "commit", "--quiet", "--allow-empty", "--message", message)
    git.run_git(tmp_path, "clone", "--quiet", str(remote), str(root))
    return Signed(root, git.run_git(remote, "rev-list", "--reverse", "main").split(), files, keys)


def test_a_project_without_a_key_deploys_as_before_and_is_reminded(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    signed.admit()
    assert capsys.readouterr().out == f"nothing is signed: the default branch has no {FILE}. Next: ./run doctor --fix makes a key.\n"


def test_what_is_signed_by_an_allowed_key_is_let_in_and_what_is_not_is_told_how(signed: Signed) -> None:
    signed.allow(signed.line("ours"))
    with pytest.raises(Unsigned, match=r"v2\.0\.0, sha256:1+, may not be .*has no signature.*--approved-by does not help.* Next: .*sign"):
        signed.admit()
    signed.sign("ours")
    signed.admit()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"digest": OTHER}, f"digest {OTHER}, and this has {NEW}"),
        ({"commit": "0" * 40}, f"commit {'0' * 40}, and this has "),
        ({"manifest_sha256": "0" * 64}, f"manifest_sha256 {'0' * 64}, and this has {MANIFEST}"),
    ],
)
def test_a_signature_of_another_release(signed: Signed, changed: dict[str, Any], named: str) -> None:
    signed.allow(signed.line("ours"))
    signed.sign("ours", **changed)
    with pytest.raises(Unsigned, match=f"belongs to another release: it names {named}"):
        signed.admit()


def test_a_verdict_that_was_changed_after_the_signature(signed: Signed) -> None:
    signed.allow(signed.line("ours"))
    signed.sign("ours")
    (signed.files / "gate.json").write_text("PASS, too", encoding="utf-8")
    with pytest.raises(Unsigned, match="it names verdict_sha256 "):
        signed.admit()


def test_a_key_that_is_not_in_the_file_or_only_in_that_of_a_branch(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    signed.allow(signed.line("ours"))
    signed.sign("theirs")
    with pytest.raises(Unsigned, match=r"not made by a key that .* of the default branch allows now"):
        signed.admit()
    for branch in ("theirs", "trunk"):
        signed.allow(signed.line("ours"), signed.line("theirs"), branch=branch)
        git.run_git(signed.root, "checkout", "--quiet", branch)
        with pytest.raises(Unsigned, match="not made by a key"):
            signed.admit()
    # A runner's checkout has no origin/HEAD: what is called main is not the default branch for that.
    git.run_git(signed.root, "remote", "set-head", "origin", "--delete")
    monkeypatch.setenv("CI_DEFAULT_BRANCH", "trunk")
    signed.admit()
    event = signed.root / "event.json"
    event.write_text('{"repository": {"default_branch": "main"}}', encoding="utf-8")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    with pytest.raises(Unsigned, match="not made by a key"):
        signed.admit()


def test_a_tag_that_is_called_as_the_default_branch_allows_no_key(signed: Signed) -> None:
    signed.allow(signed.line("theirs"), branch="aside")
    for name in ("origin/main", "main"):
        git.run_git(signed.root.with_name("remote"), "tag", name, "aside")
    signed.allow(signed.line("ours"))
    git.run_git(signed.root, "fetch", "--quiet", "--tags", "origin")
    signed.sign("theirs")
    assert git.run_git(signed.root, "rev-parse", "origin/main") == git.find_commit(signed.root, "origin/aside")  # as git takes it
    with pytest.raises(Unsigned, match="not made by a key"):
        signed.admit()
    git.run_git(signed.root, "checkout", "--quiet", "-B", "main", "refs/remotes/origin/main")
    git.run_git(signed.root, "remote", "remove", "origin")
    with pytest.raises(Unsigned, match="not made by a key"):
        signed.admit()


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"# ours\n\n\t\n{text}",
        lambda text: f"\r\n{text}",
        lambda text: text.rstrip("\n"),
    ],
)
def test_keys_are_read_however_the_file_was_written(signed: Signed, written: Callable[[str], str]) -> None:
    text = written(f"{signed.line('theirs')}\n{signed.line('ours')}\n")
    signed.sign("ours")
    signature.verify_signature(signature.parse_signature(signed.place.read_signature(NEW) or b""), text.encode())


def test_keys_are_rotated_by_a_line_and_a_revoked_one_admits_nothing_new(signed: Signed) -> None:
    signed.allow(signed.line("ours"), signed.line("theirs"))
    for key in ("ours", "theirs"):
        signed.sign(key)
        signed.admit()
    for revoked in (
        [signed.line("ours")],
        [signed.line("ours"), signed.line("theirs", f'namespaces="{NAMESPACE}",valid-before="20250101"')],
    ):
        signed.allow(*revoked)
        with pytest.raises(Unsigned, match="not made by a key"):
            signed.admit()
    signed.allow("# the last key was revoked")  # which does not open the door
    with pytest.raises(Unsigned, match="not made by a key"):
        signed.admit()


def test_a_commit_that_allows_a_revoked_key_is_not_signed_anew(signed: Signed) -> None:
    found = []
    for names in (["theirs"], ["theirs", "ours"], ["ours"]):
        signed.allow("# keys", *(signed.line(each) for each in names))
        found.append(git.find_commit(signed.root, "origin/main"))
    both = git.read_file(signed.root, found[1], FILE)
    for commit in (signed.commits[0], *found):
        signing.refuse_revoked(signed.root, commit, both)
    for commit in found[:2]:
        with pytest.raises(PipelineError, match=r"allows 1 key that the default branch does not allow now.* Next: merge once more"):
            signing.refuse_revoked(signed.root, commit, signature.read_signers(signed.root) or b"")


def test_a_signature_that_no_deploy_would_take_is_not_stored(signed: Signed) -> None:
    made = make_signature(b"{}", signed.keys["theirs"].read_text())
    with pytest.raises(PipelineError, match=r"The default branch has no .*, so nothing is signed\. Next: "):
        signing.refuse_useless(made, None)
    with pytest.raises(PipelineError, match=r"not made by a key .* Nothing was stored\. Next: merge the line of the new key"):
        signing.refuse_useless(made, signed.line("ours").encode())
    signing.refuse_useless(made, signed.line("theirs").encode())


@pytest.mark.parametrize("before", [None, "", "one\n", "one", "one\r\n"])
def test_a_key_is_written_as_a_line_of_its_own(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / FILE
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before.encode())
    signing.add_line(path, "two")
    assert path.read_bytes() == (b"one\ntwo\n" if before else b"two\n")


@pytest.mark.skipif(os.name == "nt", reason="there is no terminal of this kind")
def test_a_key_with_a_passphrase_is_refused_and_nobody_at_a_terminal_is_asked(tmp_path: Path) -> None:
    import pty

    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "key")]
    subprocess.run(words, check=True)
    code = "import sys; from slipway.operate import signature; signature.make_signature(b'{}', open(sys.argv[1]).read())"
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", code, str(tmp_path / "key")])  # noqa: S606  # which has the terminal then
    shown = b""
    try:
        while b"passphrase for" not in shown and (more := os.read(terminal, 1000)):
            shown += more
    except OSError:  # the end, on Linux
        pass
    finally:
        os.close(terminal)
        os.kill(child, signal.SIGKILL)  # it would wait for its answer
        os.waitpid(child, 0)
    assert b"SIGNING_KEY cannot sign: it is not a private OpenSSH key without a passphrase" in shown


@pytest.mark.parametrize("stored", [b"", b"{}", b"[]", b'{"statement": 1, "signature": 2}', b"\xff", Signature(b"{}", b"none").dump()])
def test_what_is_no_signature(signed: Signed, stored: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    signed.allow(signed.line("ours"))
    monkeypatch.setattr(Local, "read_signature", lambda *_: stored)
    with pytest.raises(Unsigned, match=r"may not be deployed: (The stored signature is not|Its signature was not made by a key)"):
        signed.admit()
    assert not signature.is_signed(signature.read_signers(signed.root) or b"", stored, NEW, signed.commits[1])


def test_a_signature_that_the_same_key_made_for_something_else(signed: Signed) -> None:
    signed.allow(signed.line("ours"))
    statement = build_statement(NEW, signed.commits[1], MANIFEST, signed.files)
    words = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(signed.keys["ours"]), "-n", "git"]
    made = subprocess.run(words, input=statement, check=True, capture_output=True).stdout
    signed.place.store_signature(NEW, Signature(statement, made).dump())
    with pytest.raises(Unsigned, match="not made by a key"):
        signed.admit()


def test_an_older_release_is_not_new_again(signed: Signed) -> None:
    signed.allow(signed.line("ours"))
    signed.sign("ours")
    older, same, newer = (replace(signed.new, tag=f"v{at}", commit=commit) for at, commit in enumerate(signed.commits))
    for live in (None, older, same):
        signed.admit(live)
    with pytest.raises(PipelineError, match=r"v2\.0\.0 is older than v2, which is live: .* \./run rollback --to TAG"):
        signed.admit(newer)
    signed.admit(newer, environment="staging")  # where any commit is tried
    with pytest.raises(PipelineError, match=r"It is not known whether v2\.0\.0 is older than v9.* Next: git fetch --tags origin"):
        signed.admit(replace(newer, tag="v9", commit="9" * 40))


def test_a_key_that_cannot_sign_is_told_and_not_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"SIGNING_KEY cannot sign.* Next: \./run sign --new-key") as raised:
        make_signature(b"{}", "a secret")
    assert "a secret" not in str(raised.value)
    monkeypatch.delenv("SIGNING_KEY", raising=False)
    with pytest.raises(PipelineError, match=r"SIGNING_KEY is not set.* Next: \./run doctor --fix"):
        signing.read_key()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PipelineError, match=r"no `ssh-keygen` on this machine.* Next: install OpenSSH"):
        make_signature(b"{}", "a secret")
