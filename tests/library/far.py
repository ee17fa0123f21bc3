"""A host behind ssh for the tests: an sshd of their own, which leads to the engine of this machine."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from slipway.operate.process import free_port
from tests.conftest import wait_until

HERE = "127.0.0.1"
CONFIG = """ListenAddress {host}:{port}
HostKey {folder}/host
HostKey {folder}/other
AuthorizedKeysFile {folder}/authorized_keys
TrustedUserCAKeys {folder}/authority.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""

# What ssh reads in the place of ~/.ssh/config. The last lines would have it trust any host, write into known_hosts, and run a command.
CLIENT = """IdentityFile "{home}/.ssh/id_ed25519"
IdentitiesOnly yes
UserKnownHostsFile "{home}/.ssh/known_hosts"
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking no
UpdateHostKeys yes
RemoteCommand echo
"""


@dataclass
class Far:
    """A host behind ssh. Its host key and the only key that it lets in are files of a folder; the home beside it is who asks."""

    sshd: str
    folder: Path
    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        """Who is let in."""
        return getpass.getuser()

    @property
    def url(self) -> str:
        """What DOCKER_HOST is."""
        return f"ssh://{self.user}@{HERE}:{self.port}"

    @property
    def known(self) -> Path:
        """Which hosts are known."""
        return self.home / ".ssh" / "known_hosts"

    @property
    def config(self) -> Path:
        """What ssh reads in the place of a person's config."""
        return self.home / "config"

    def know(self, key: Path) -> None:
        """Know the host by a key, and no other."""
        self.known.write_text(f"[{HERE}]:{self.port} {key.with_name(key.name + '.pub').read_text()}")

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Listen."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([self.sshd, "-D", "-e", "-f", str(self.folder / "config")], stdout=log, stderr=log)
        wait_until(lambda: listens(self.port) or self.ended())

    def ended(self) -> bool:
        """Fail with what it said when it has ended, and should not have."""
        if self.process and self.process.poll() is not None:
            raise AssertionError(self.log)
        return False

    def cut(self) -> None:
        """End its connections, and what runs in them."""
        assert self.process
        connections = psutil.Process(self.process.pid).children(recursive=True)
        for each in connections:
            each.kill()
        psutil.wait_procs(connections)
        assert connections

    def stop(self) -> None:
        """Be gone, with all connections."""
        if self.process and self.process.poll() is None:
            connections = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            for each in connections:
                each.kill()
            psutil.wait_procs(connections)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HERE, port)) == 0


def new_key(path: Path) -> Path:
    """Make a key, and its public half beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def find_sshd() -> str | None:
    """Return where sshd is."""
    return shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def listen(folder: Path) -> Iterator[Far]:
    """Yield a host that lets one key in, and what an authority has signed."""
    sshd, home, empty = find_sshd(), folder / "home", Path("/run/sshd")  # the last is where an sshd of root wants to be alone
    assert sshd
    (home / ".ssh").mkdir(mode=0o700, parents=True)
    for name in ("host", "other", "authority"):
        new_key(folder / name)
    shutil.copy(new_key(home / ".ssh" / "id_ed25519").with_suffix(".pub"), folder / "authorized_keys")
    far = Far(sshd, folder, home, free_port())
    (folder / "config").write_text(CONFIG.format(host=HERE, port=far.port, folder=folder))
    far.config.write_text(CLIENT.format(home=home))
    far.know(folder / "host")
    made = os.geteuid() == 0 and not empty.exists()
    if made:
        empty.mkdir(mode=0o755)
    try:
        far.start()
        yield far
    finally:
        far.stop()
        if made:
            empty.rmdir()


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """A host that lets one key in."""
    if not find_sshd():
        reason = "there is no sshd: apt-get install openssh-server"
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail(f"REQUIRE_DOCKER=1, and {reason}", pytrace=False)
        pytest.skip(reason)
    with listen(tmp_path_factory.mktemp("far")) as far:
        yield far
