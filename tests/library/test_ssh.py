"""The way to a host: how ssh is called, what it says as sentences, and that nothing of it is left."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from slipway import cli
from slipway.errors import PipelineError
from slipway.operate import docker_engine, ssh
from slipway.operate.process import free_port
from tests.conftest import wait_until
from tests.library.far import HERE, Far, listening, new_key

__all__ = ["listening"]
URL = "ssh://deploy@203.0.113.7:2222"
CHANGED = """@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
Offending ED25519 key in /home/me/.ssh/known_hosts:1
Host key for {} has changed and you have requested strict checking.
Host key verification failed."""
UNKNOWN = "No ED25519 host key is known for {} and you have requested strict checking.\nHost key verification failed."
CONNECT = "from slipway.operate import docker_engine; import time; docker_engine.connect(); print('open', flush=True); time.sleep(600)"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (UNKNOWN.format("[203.0.113.7]:2222"), r"is not known here: .* Next: ssh-keyscan -p 2222 203\.0\.113\.7; compare its line"),
        (UNKNOWN.format("jump.example"), r"no host key of jump\.example is in .* Next: ssh-keyscan -p 22 jump\.example; "),
        (CHANGED.format("[203.0.113.7]:2222"), r"answers in its place.* ssh-keygen -R '\[203\.0\.113\.7\]:2222', then ssh-keyscan -p 2222"),
        (CHANGED.format("host.example"), r"is not the one .*: host\.example was set up again.* ssh-keygen -R 'host\.example', then "),
        ("deploy@203.0.113.7: Permission denied (publickey).", r"rejects each key .*passphrase must be in an agent.* Next: ssh-add FILE"),
        (
            "ssh: Could not resolve hostname x: Name or service not known",
            r"No Docker engine answers on .*: ssh: Could not .* Next: ",
        ),
        (
            "Connection timed out during banner exchange\nConnection to x timed out",
            r"answers on .*: Connection to x timed out\. Next: ",
        ),
    ],
)
def test_what_ssh_says_is_a_sentence_with_the_next_command(said: str, sentence: str) -> None:
    explained = ssh.explain_refusal(URL, said)
    assert URL in explained
    with pytest.raises(PipelineError, match=sentence):
        raise PipelineError(explained)


@pytest.mark.parametrize("theirs", ["", "elsewhere"])
def test_what_decides_who_is_believed_comes_before_a_config(theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir()
    config = tmp_path / (theirs or ".ssh/config")
    config.write_text("Host box\n  HostName host.example\n  User deploy\n  ProxyJump hop\n  StrictHostKeyChecking no\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ours").write_text(ssh.build_config(str(config) if theirs else None))
    done = subprocess.run(["ssh", "-G", "-F", tmp_path / "ours", "box"], check=True, capture_output=True, text=True)
    read = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert (read["hostname"], read["user"], read["proxyjump"]) == ("host.example", "deploy", "hop")
    assert (read["stricthostkeychecking"], read["batchmode"], read["updatehostkeys"]) == ("true", "yes", "false")


def test_a_machine_without_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", URL)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PipelineError, match=r"There is no `ssh` on this machine\. Next: install OpenSSH"):
        docker_engine.connect()
    monkeypatch.delattr("socket.AF_UNIX")
    with pytest.raises(PipelineError, match=r"Windows.* Next: type the same inside WSL"):
        docker_engine.connect()


def test_a_long_temporary_folder_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/" + "long" * 20)
    assert len(str(ssh.Tunnel(URL, ssh.ENGINE).socket)) < 60


@pytest.mark.parametrize(("host", "remote"), [(URL, ssh.ENGINE), (f"{URL}/run/user/1000/docker.sock", "/run/user/1000/docker.sock")])
def test_a_docker_host_names_a_socket_or_none(host: str, remote: str) -> None:
    tunnel = ssh.find_tunnel(host)
    assert (tunnel.url, tunnel.remote, tunnel is ssh.find_tunnel(host)) == (URL, remote, True)


@pytest.fixture
def far(listening: Far, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    """A host that is known, and whose tunnels are closed afterwards."""
    monkeypatch.setenv(ssh.CONFIG, str(listening.config))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("DOCKER_HOST", listening.url)
    listening.know(listening.folder / "host")
    before = (listening.config.read_text(), (listening.folder / "authorized_keys").read_text())
    yield listening
    for path, text in zip((listening.config, listening.folder / "authorized_keys"), before, strict=True):
        path.write_text(text)
    for url in (listening.url, f"{listening.url}/none.sock", "ssh://far"):
        ssh.find_tunnel(url).close()
    ssh.find_tunnel.cache_clear()  # which way a host takes is found once in a process


@pytest.mark.docker
def test_a_jump_host_an_agent_and_a_certificate(far: Far, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    signed = new_key(tmp_path / "signed")
    sign = ["ssh-keygen", "-q", "-s", str(far.folder / "authority"), "-I", "tests", "-n", far.user, str(signed.with_suffix(".pub"))]
    subprocess.run(sign, check=True)
    agent = Path(f"/tmp/agent-{os.getpid()}")  # noqa: S108  # sockets have short names
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(agent.is_socket)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
            subprocess.run(["ssh-add", "-q", str(signed)], check=True)
            known, trusting = f"UserKnownHostsFile {far.known}\nGlobalKnownHostsFile /dev/null\n", "UpdateHostKeys yes\n"
            way = f"Host far\n  ProxyJump hop\nHost far hop\n  HostName {HERE}\nUser {far.user}\nPort {far.port}\n"
            far.config.write_text(way + known + trusting)
            monkeypatch.setenv("DOCKER_HOST", "ssh://far")
            before = far.log.count("Accepted publickey")
            docker_engine.connect().close()
        finally:
            process.terminate()
    assert far.log.count("Accepted publickey") == before + 2
    assert far.log.count("ED25519-CERT") >= 2
    assert far.known.read_text().count("\n") == 1


@pytest.mark.docker
def test_a_passphrase_is_not_asked_for(far: Far, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    asked.write_text("#!/bin/sh\necho secret\n")
    asked.chmod(0o700)
    monkeypatch.setenv("SSH_ASKPASS", str(asked))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    key = far.home / ".ssh" / "id_ed25519"
    plain = key.read_bytes()
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True, stdout=subprocess.DEVNULL)
    try:
        with pytest.raises(PipelineError, match=r"rejects each key that ssh has.*Next: ssh-add FILE"):
            docker_engine.connect()
    finally:
        key.write_bytes(plain)


@pytest.mark.docker
def test_a_socket_that_is_not_there_and_one_that_is_not_forwarded(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"{far.url}/none.sock")
    with pytest.raises(PipelineError, match=r"answers at /none\.sock there: it does not run.* Next: on the host, systemctl"):
        docker_engine.connect()
    monkeypatch.setenv("DOCKER_HOST", far.url)
    allowed = far.folder / "authorized_keys"
    allowed.write_text('restrict,command="/bin/false" ' + allowed.read_text())
    with pytest.raises(PipelineError, match=r"its sshd forbids to forward that socket.* AllowStreamLocalForwarding yes"):
        docker_engine.connect()


@pytest.mark.docker
def test_the_line_of_host_account_lets_the_tunnel_in_and_nothing_else(far: Far, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["host-account"]) == 0
    line = capsys.readouterr().out.partition("ssh-ed25519")[0]
    allowed, key = far.folder / "authorized_keys", f"{HERE}:{far.port}"
    usual = ["ssh", "-F", str(far.config), "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "RemoteCommand=none", far.url]

    def try_all() -> dict[str, bool]:
        """Return what a key is let do: run a command; have sshd listen; reach a port, and a socket that is not the engine's."""
        done = subprocess.run([*usual, "echo", "a shell"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        found = {"a command": b"a shell" in done.stdout}
        with socket.socket(socket.AF_UNIX) as another:
            another.bind(str(tmp_path / "another"))
            another.listen()
            for at, there in (("port", key), ("socket", str(tmp_path / "another"))):
                way = ["-N", "-L", f"{tmp_path / at}:{there}"]
                found[f"a {at}"] = reaches([*usual[:-1], *way, usual[-1]], tmp_path / at)
        for at, there in (("port there", f"{HERE}:{free_port()}"), ("socket there", str(tmp_path / "there"))):
            way = ["-R", f"{there}:{key}"]
            found[f"a {at}"] = not subprocess.run([*usual[:-1], *way, usual[-1], "true"], stdin=subprocess.DEVNULL, check=False).returncode
        for name in ("another", "there"):
            (tmp_path / name).unlink(missing_ok=True)
        return found

    assert all(try_all().values()), "the key may all of this without the line"
    allowed.write_text(line + allowed.read_text())
    client = docker_engine.connect()
    assert [client.info()["ID"] for _ in range(3)] == [docker_engine.connect(near=True).info()["ID"]] * 3
    with ThreadPoolExecutor(6) as pool:
        assert len({each["ApiVersion"] for each in pool.map(lambda _: client.version(), range(12))}) == 1
    client.close()
    assert not any(try_all().values())


def test_the_line_of_host_account_names_the_socket_of_a_rootless_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"{URL}/run/user/1001/docker.sock")
    assert cli.main(["host-account"]) == 0
    assert capsys.readouterr().out.startswith('restrict,command="docker -H unix:///run/user/1001/docker.sock system dial-stdio" ssh-')


def reaches(command: list[str], at: Path) -> bool:
    """Tell whether something listens behind a socket here that is forwarded: what is refused is closed at once."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(at.is_socket)
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(at))
                probe.settimeout(1)
                try:
                    return probe.recv(4) != b""
                except TimeoutError:  # it waits, as what listens there does
                    return True
        finally:
            process.terminate()
            at.unlink(missing_ok=True)


def test_a_socket_that_the_user_may_not_open() -> None:
    assert "may not open it. Next: on the host, sudo usermod -aG docker" in ssh.explain_closed(URL, ssh.ENGINE, ssh.CLOSED)


@pytest.mark.docker
def test_an_unknown_host_is_refused_whatever_a_config_says(far: Far) -> None:
    far.known.write_text("")
    with pytest.raises(PipelineError, match=rf"is not known here.* Next: ssh-keyscan -p {far.port} {HERE}; "):
        docker_engine.connect()
    assert far.known.read_text() == ""


@pytest.mark.docker
def test_what_was_begun_early_is_used_and_its_failure_is_told_by_who_asks(far: Far) -> None:
    tunnel = ssh.find_tunnel(far.url)
    ssh.start_tunnel()
    begun = tunnel.process
    docker_engine.connect().close()
    assert tunnel.process is begun is not None
    tunnel.close()
    far.known.write_text("")
    ssh.start_tunnel()
    begun = tunnel.process
    assert begun
    begun.wait()
    with pytest.raises(PipelineError, match="is not known here"):
        docker_engine.connect()
    assert tunnel.process is None


def test_a_verb_that_asks_the_host_begins_with_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()

    def load(name: str) -> None:
        done.append(name)
        raise PipelineError("enough")

    monkeypatch.setattr(ssh, "start_tunnel", lambda: done.append("ssh"))
    monkeypatch.setattr(cli, "import_module", load)
    for words in (["rollback", "--target", "docker"], ["rollback", "--target", "local"], ["train", "--target", "docker"]):
        assert cli.main(words) == 2
    assert done == ["ssh", "pipeline.rollback", "pipeline.rollback", "pipeline.train"]


@pytest.mark.docker
def test_an_open_tunnel_is_private_and_writes_no_known_hosts(far: Far) -> None:
    known = far.known.read_text()
    docker_engine.connect().close()
    tunnel = ssh.find_tunnel(far.url)
    assert (tunnel.folder.stat().st_mode & 0o777, far.known.read_text()) == (0o700, known)
    tunnel.close()
    assert not tunnel.folder.exists()


@pytest.mark.docker
@pytest.mark.usefixtures("far")
def test_ssh_ends_with_a_verb_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", CONNECT], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        [shell_or_ssh] = psutil.Process(process.pid).children()
        beside = [shell_or_ssh, *shell_or_ssh.children()]
        folder = next(Path(word.partition(":")[0]).parent for word in shell_or_ssh.cmdline() if word.endswith(ssh.ENGINE))
        assert (len(beside), folder.is_dir()) == (2, True)
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(beside, timeout=60)
    wait_until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in beside))
    assert not folder.exists()


@pytest.mark.docker
def test_ssh_that_ends_in_between_is_a_sentence_and_is_started_anew(far: Far) -> None:
    client = docker_engine.connect()
    process = ssh.find_tunnel(far.url).process
    assert process
    process.kill()
    with pytest.raises(PipelineError, match=r"The connection to the Docker engine of .* was lost: .* Next: \./run status\."):
        client.info()
    assert client.info()["ID"]
    client.close()
