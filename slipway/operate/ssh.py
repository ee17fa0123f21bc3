"""The way to a host behind ssh: one connection of the system's OpenSSH, which brings a socket of the host into a private folder here."""

import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from slipway.errors import PipelineError
from slipway.say import warn

# Names a config that holds in the place of a person's and the system's, such as the one that `./run host` writes.
CONFIG = "SLIPWAY_SSH_CONFIG"
THEIRS = ("~/.ssh/config", "/etc/ssh/ssh_config")
ENGINE = "/var/run/docker.sock"
# What decides who is believed comes before what a config says: nobody is asked, only known keys are trusted, and nothing is written into
# ~/.ssh; on jump hosts, too. A forward of a person's own may be in use already, which must not end this one.
OPTIONS = """BatchMode yes
StrictHostKeyChecking yes
UpdateHostKeys no
LogLevel INFO
ConnectTimeout 15
ServerAliveInterval 5
ServerAliveCountMax 3
ExitOnForwardFailure no
"""
# ssh ends with the process that started it, also when that is killed: a shell beside it, in its process group, reads the pipe from there
# to its end. $0 is the folder. As long as the shell runs, no other process gets the number $$.
BOUND = """exec 3<&0
{ cat <&3; rm -r "$0"; kill -9 "-$$"; } 2>&- &
exec "$@" <&- 3<&-"""
HINT_SECONDS, LOGIN_SECONDS, END_SECONDS = 3, 60, 1
NO_SOCKETS = "Python has no Unix sockets on Windows, and an engine behind ssh needs them. Next: type the same inside WSL."
# A socket's path has 104 bytes on macOS and 108 on Linux; ssh adds 17 to that of a connection that is shared, for a moment.
LONGEST, SHORT = 50, "/tmp"  # noqa: S108  # the folder in it is private
NO_SOCKET, CLOSED = 3, 4
KNOWN = re.compile(r"host key (?:is known )?for (?:\[(?P<name>.+)\]:(?P<port>\d+)|(?P<plain>\S+))", re.IGNORECASE)


class Tunnel:
    """A host as an URL such as ssh://user@host:22, and one of its sockets. `socket` is where that is found here while it is open."""

    def __init__(self, url: str, remote: str) -> None:
        temporary = tempfile.gettempdir()
        self.url, self.remote = url, remote
        self.folder = Path(temporary if len(os.fsencode(temporary)) <= LONGEST else SHORT) / f"slipway-{secrets.token_hex(8)}"
        self.socket = self.folder / "socket"
        self.process: subprocess.Popen[bytes] | None = None
        self.is_open = False
        self.reopening = threading.Lock()
        self.control = self.folder / "c"
        self.relay: Relay | None = None
        self.relayed = False  # through commands there, one for each connection, where sshd forwards nothing

    def open(self) -> str:
        """Connect, unless that is so, and return the socket's address here. Raises PipelineError, which says what a person can do."""
        if self.is_open and self.process and self.process.poll() is not None:
            self.close()
        process = self.start()
        if not self.is_open:
            self._wait_open(process)
        return f"unix://{self.socket}"

    def start(self) -> subprocess.Popen[bytes]:
        """Begin to connect, unless that is so: ssh takes as long as Python's imports do. Raises PipelineError."""
        if self.process:
            return self.process
        refuse_missing()
        self.folder.mkdir(mode=0o700)
        (self.folder / "config").write_text(build_config(os.environ.get(CONFIG)), encoding="utf-8")
        if self.relayed:
            words = [*self._build_command(str(self.control), "yes"), "-N", "--", self.url]
        else:
            words = [*self._build_command(), "-N", "-L", f"{self.socket}:{self.remote}", "--", self.url]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", BOUND, str(self.folder), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # an interrupt is the verb's, which goes on asking while it cleans up
            )
        return self.process

    def take_detour(self) -> bool:
        """Connect by commands from now on where sshd did not forward; tells whether that is another way than before."""
        found = not self.relayed and "open failed" in self.read_log()
        if found:
            self.close()
            self.relayed = True
        return found

    def _wait_open(self, process: subprocess.Popen[bytes]) -> None:
        start = time.monotonic()
        hint = f"ssh has not logged in at {self.url} after {HINT_SECONDS} s, and keeps trying. Does a hardware key wait for your touch?"
        while not self._is_listening():
            waited = time.monotonic() - start
            if process.poll() is not None or waited > LOGIN_SECONDS:
                said = self.read_log() or f"ssh did not log in within {LOGIN_SECONDS} s"
                self.close()
                raise PipelineError(explain_refusal(self.url, said))
            if hint and waited > HINT_SECONDS:
                warn(hint)
                hint = ""
            time.sleep(0.01)
        if self.relayed:
            # What an account with a forced command runs, whatever is asked; see `slipway.operate.host_account`.
            remote = ["docker", *(["-H", f"unix://{self.remote}"] if self.remote != ENGINE else []), "system", "dial-stdio"]
            self.relay = Relay(self.socket, [*self._build_command(str(self.control)), "--", self.url, *remote])
        self.is_open = True

    def _build_command(self, control: str = "none", master: str = "no") -> list[str]:
        # One connection for this process alone; the way to a jump host may be a shared one.
        words = ["ssh", "-F", str(self.folder / "config"), "-T", "-a", "-S", control]
        return [*words, "-o", f"ControlMaster={master}", "-o", "RemoteCommand=none"]

    def _is_listening(self) -> bool:
        with open_socket() as probe:
            return probe.connect_ex(str(self.control if self.relayed else self.socket)) == 0

    def read_log(self) -> str:
        """Return what ssh said."""
        with suppress(OSError):
            return (self.folder / "log").read_text(encoding="utf-8", errors="replace").strip()
        return ""

    def reopen(self) -> str:
        """Connect anew where ssh has ended, and return its last words. Where that fails, too, what is asked next tells it."""
        with self.reopening, suppress(subprocess.TimeoutExpired):
            if self.process:
                self.process.wait(END_SECONDS)  # what it carried ends a moment before
            said = self.read_log()
            with suppress(PipelineError, OSError):
                self.open()
            return said.rpartition("\n")[2]
        return ""

    def close(self) -> None:
        """End the connection, and remove the folder."""
        if self.process:
            self.process.communicate()  # the shell closes its end when both are gone
            self.process, self.is_open = None, False
        if self.relay:
            self.relay.close()
            self.relay = None

    def explain_silence(self, error: Exception) -> str:
        """Say why nothing answers through a connection that stands: the host is asked for its socket, once more over ssh."""
        if not self.relayed and "open failed" not in self.read_log():
            return f"No Docker engine answers on {self.url}: {error}. Next: {_format_check(self.url)}."
        path = shlex.quote(self.remote)
        look = f"test -S {path} || exit {NO_SOCKET}; test -w {path} || exit {CLOSED}"
        done = subprocess.run([*self._build_command(), "--", self.url, look], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return explain_closed(self.url, self.remote, done.returncode)


class Relay:
    """A socket here, of which each connection is the input and output of a command."""

    def __init__(self, path: Path, command: list[str]) -> None:
        self.command, self.running = command, list[subprocess.Popen[bytes]]()
        self.listener = open_socket()
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    self.running = [each for each in self.running if each.poll() is None]
                    self.running.append(self._start(connection.fileno()))

    def _start(self, end: int) -> subprocess.Popen[bytes]:
        # An interrupt is the verb's, as above.
        return subprocess.Popen(self.command, stdin=end, stdout=end, stderr=subprocess.DEVNULL, start_new_session=True)

    def close(self) -> None:
        """End, with all connections."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        for each in self.running:
            each.kill()
            each.wait()


def explain_closed(url: str, remote: str, code: int) -> str:
    """Say why a socket cannot be reached, from what looking for it on the host ended with."""
    there = f"ssh logs in at {url}, but no Docker engine answers at {remote} there"
    if code == NO_SOCKET:
        return f"{there}: it does not run, or is elsewhere. Next: on the host, systemctl status docker; or DOCKER_HOST={url}/PATH."
    if code == CLOSED:
        return f"{there}: the user may not open it. Next: on the host, sudo usermod -aG docker USER."
    return (
        f"{there}: its sshd forbids to forward that socket, or the engine does not run. Next: {_format_check(url)}. If it answers: on "
        "the host, set AllowStreamLocalForwarding yes in sshd_config, or use the line of ./run host-account in authorized_keys."
    )


@cache
def find_tunnel(url: str) -> Tunnel:
    """Return the tunnel to the engine that a DOCKER_HOST such as ssh://user@host:22 names, the same whenever it is asked for."""
    host, _, path = url.removeprefix("ssh://").partition("/")
    return Tunnel(f"ssh://{host}", f"/{path}" if path else ENGINE)


def start_tunnel() -> None:
    """Begin to connect to the engine of DOCKER_HOST where that is behind ssh; who asks it says what went wrong."""
    host = os.environ.get("DOCKER_HOST", "")
    if host.startswith("ssh:"):
        with suppress(PipelineError, OSError):
            find_tunnel(host).start()


def open_socket() -> socket.socket:
    """Return a new Unix socket. Raises PipelineError on Windows."""
    if sys.platform == "win32":
        raise PipelineError(NO_SOCKETS)
    return socket.socket(socket.AF_UNIX)


def build_config(theirs: str | None) -> str:
    """Return what ssh reads, here and where it calls itself for a jump host: our options, then the config named, or the usual ones."""
    return OPTIONS + "".join(f'Include "{each}"\n' for each in ([str(Path(theirs).absolute())] if theirs else THEIRS))


def refuse_missing() -> None:
    """Raise PipelineError where this machine has no ssh, or no sockets that it could bring here."""
    if not hasattr(socket, "AF_UNIX"):
        raise PipelineError(NO_SOCKETS)
    if not shutil.which("ssh"):
        raise PipelineError("There is no `ssh` on this machine. Next: install OpenSSH, such as with apt-get install openssh-client.")


def explain_refusal(url: str, said: str) -> str:
    """Say why ssh did not get in, from what it said."""
    found, last = KNOWN.search(said), said.rpartition("\n")[2]
    if "Host key verification failed" in said and found:
        return _explain_key(url, found)
    if "Permission denied" in said:
        return (
            f"{url} rejects each key that ssh has: {last}. A key with a passphrase must be in an agent, since ssh cannot ask for it here. "
            f"Next: ssh-add FILE, or ssh-copy-id; in a workflow, correct the secret DEPLOY_SSH_KEY. Then {_format_check(url)}."
        )
    return f"No Docker engine answers on {url}: {last}. Next: {_format_check(url)}."


def _format_check(url: str) -> str:
    config = os.environ.get(CONFIG)
    command = shlex.join(["ssh", *(["-F", config] if config else []), url, "docker", "version"])
    return f"{command}, which must answer without asking you anything"


def _explain_key(url: str, found: re.Match[str]) -> str:
    name, port = found["name"] or found["plain"], found["port"] or "22"
    place = "~/.ssh/known_hosts (in a workflow, to the secret DEPLOY_KNOWN_HOSTS)"
    scan = f"ssh-keyscan -p {port} {name}; compare its line with the key on the host, then add it to {place}."
    if "is known for" in found[0]:
        return f"{url} is not known here: no host key of {name} is in ~/.ssh/known_hosts. Nothing was sent to it. Next: {scan}"
    listed = name if port == "22" else f"[{name}]:{port}"
    return (
        f"The host key of {url} is not the one in ~/.ssh/known_hosts: {name} was set up again, or another machine answers in its place. "
        f"Nothing was sent to it. Next: ask who runs it. If the new key is right: ssh-keygen -R '{listed}', then {scan}"
    )
