"""The proxy's config, its commands, and the certificate that it shows. Changes nothing: text in, text out."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from slipway.errors import PipelineError

SLOTS = ("a", "b")
# The first is published, with TLS where there is a certificate; the second is for questions from inside the network, always plain.
CALLERS, PORT = 8000, 8001
RELEASE_PORT = 8080
FOLDER = "/usr/local/etc/haproxy"
CONFIG, CERTIFICATE = f"{FOLDER}/haproxy.cfg", f"{FOLDER}/certificate.pem"
TLS = f" ssl crt {CERTIFICATE} ssl-min-ver TLSv1.2"
NOBODY = "nobody.invalid"
# The runtime interface takes no longer certificate.
CERTIFICATE_BYTES = 16_000
# In `show servers state`: the operational state, and the health that `rise` 1 and `fall` 2 make the highest.
RUNNING, CHECKED = "2", "2"


@dataclass(frozen=True)
class Slots:
    """The container in each slot, the slot that callers are sent to, and whether they use TLS."""

    containers: tuple[str, str] = (NOBODY, NOBODY)
    live: int | None = None
    tls: bool = False

    @property
    def live_container(self) -> str | None:
        """The container that callers are sent to."""
        return None if self.live is None else self.containers[self.live]

    def switched(self, container: str) -> "Slots":
        """Return the slots after a switch to a container: in its own slot if it has one, else in the one that is not live."""
        if container in self.containers:
            return replace(self, live=self.containers.index(container))
        slot = 0 if self.live is None else 1 - self.live
        first, second = self.containers
        return replace(self, containers=(container, second) if slot == 0 else (first, container), live=slot)


def format_config(template: str, slots: Slots) -> str:
    """Fill a state into the template of the config file."""
    lines = [
        f"  server {name} {container}:{RELEASE_PORT}{'' if slots.live == number else ' disabled'}"
        for number, (name, container) in enumerate(zip(SLOTS, slots.containers, strict=True))
    ]
    tls = TLS if slots.tls else ""
    return Template(template).safe_substitute(slots="\n".join(lines), live=slots.live_container or "nobody", tls=tls)


def parse_config(text: str) -> Slots:
    """Read the state back from a config file."""
    lines = [line.split() for line in text.splitlines() if line.startswith("  server ")]
    first, second = (line[2].partition(":")[0] for line in lines)
    live = [number for number, line in enumerate(lines) if "disabled" not in line]
    return Slots((first, second), live[0] if live else None, TLS in text)


def fill_slot(before: Slots, after: Slots, address: str) -> list[str]:
    """Return the runtime commands that put a container into its slot, where it is checked and gets no callers yet.

    The name is for a restart. Until it is resolved the slot would go on asking whoever stood there before, so the address is set too.
    """
    assert after.live is not None
    new, container = f"releases/{SLOTS[after.live]}", after.containers[after.live]
    moved = [f"set server {new} fqdn {container}"] if container not in before.containers else []
    here = f"set server {new} addr {address} port {RELEASE_PORT}"
    # The live release stays live.
    return [*moved, here, *([] if after.live == before.live else [f"set server {new} state drain"])]


def move_callers(after: Slots) -> list[str]:
    """Return the runtime commands that send callers to the live slot, and to no other."""
    assert after.live is not None
    new, old = f"releases/{SLOTS[after.live]}", f"releases/{SLOTS[1 - after.live]}"
    # Drained, and not in maintenance: it goes on being checked, so that going back to it waits for nothing.
    return [f"set server {new} state ready", f"set server {old} state drain"]


def is_up(state: str, slot: str, address: str) -> bool:
    """Tell from `show servers state` whether the proxy's own check of a container in a slot has succeeded.

    A slot that becomes ready counts as up at once, with a health of 1; the first check that succeeds makes it 2.
    """
    rows = [line.split() for line in state.splitlines()]
    found = [(row[4], row[5], row[12]) for row in rows if row[3:4] == [slot]]
    return found == [(address, RUNNING, CHECKED)]


def parse_process(info: str) -> str | None:
    """Read from `show info` which process answers: after a reload it is another."""
    found = [line.removeprefix("Pid: ") for line in info.splitlines() if line.startswith("Pid: ")]
    return found[0] if found else None


def read_certificate(path: Path) -> str:
    """Read a PEM file without its empty lines, at which the runtime interface would stop. Raises PipelineError."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise PipelineError(
            f"{path} cannot be read: {error}. Next: put it there, or correct [deploy] certificate in project.toml."
        ) from error
    return "".join(f"{line.strip()}\n" for line in lines if line.strip())


def check_certificate(pem: str, path: Path) -> None:
    """Raise PipelineError unless a file holds a certificate that is valid now, its chain, and its key."""
    if fault := _find_fault(pem.encode(), datetime.now(UTC)):
        raise PipelineError(
            f"{path} {fault}. Expected: a PEM file with the certificate, then its chain, and its key without a password. "
            "Nothing was changed. Next: correct the file, or [deploy] certificate in project.toml."
        )


def _find_fault(pem: bytes, now: datetime) -> str | None:
    # Imported here: a rollback whose certificate the proxy has already has no time for it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    try:
        first = load_pem_x509_certificates(pem)[0]
    except ValueError:
        return "contains no readable certificate"
    try:
        key = load_pem_private_key(pem, None).public_key()
    except TypeError:
        return "contains a key with a password"
    except (ValueError, UnsupportedAlgorithm):
        return "contains no readable key"
    ours, theirs = (each.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for each in (key, first.public_key()))
    if ours != theirs:
        return "contains a key that does not belong to the first certificate"
    if not first.not_valid_before_utc <= now < first.not_valid_after_utc:
        return f"is valid from {first.not_valid_before_utc:%Y-%m-%d %H:%M} to {first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and not now"
    return f"has {len(pem)} bytes, more than {CERTIFICATE_BYTES}" if len(pem) > CERTIFICATE_BYTES else None
