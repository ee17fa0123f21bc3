"""What the proxy is told. Pure: text in, text out."""

from dataclasses import dataclass, replace
from string import Template

SLOTS = ("a", "b")
# The first is published, with TLS when there is a certificate; the second is for what asks from inside the network, and always plain.
CALLERS, PORT = 8000, 8001
RELEASE_PORT = 8080
FOLDER = "/usr/local/etc/haproxy"
CONFIG, CERTIFICATE = f"{FOLDER}/haproxy.cfg", f"{FOLDER}/certificate.pem"
TLS = f" ssl crt {CERTIFICATE} ssl-min-ver TLSv1.2"
NOBODY = "nobody.invalid"
# In `show servers state`: the operational state, and the health that `rise` 1 and `fall` 2 make the highest.
RUNNING, CHECKED = "2", "2"


@dataclass(frozen=True)
class Slots:
    """Which container stands in which slot, which slot callers are sent to, and whether they come with TLS."""

    containers: tuple[str, str] = (NOBODY, NOBODY)
    live: int | None = None
    tls: bool = False

    @property
    def live_container(self) -> str | None:
        """The container that callers are sent to."""
        return None if self.live is None else self.containers[self.live]

    def switched(self, container: str) -> "Slots":
        """Return the slots after a switch: to the slot where the container stands already, else to the one that is not live."""
        if container in self.containers:
            return replace(self, live=self.containers.index(container))
        slot = 0 if self.live is None else 1 - self.live
        first, second = self.containers
        return replace(self, containers=(container, second) if slot == 0 else (first, container), live=slot)


def config(template: str, slots: Slots) -> str:
    """Return the config file for a state."""
    lines = [
        f"  server {name} {container}:{RELEASE_PORT}{'' if slots.live == number else ' disabled'}"
        for number, (name, container) in enumerate(zip(SLOTS, slots.containers, strict=True))
    ]
    tls = TLS if slots.tls else ""
    return Template(template).safe_substitute(slots="\n".join(lines), live=slots.live_container or "nobody", tls=tls)


def parse(text: str) -> Slots:
    """Read the state back from a config file."""
    lines = [line.split() for line in text.splitlines() if line.startswith("  server ")]
    first, second = (line[2].partition(":")[0] for line in lines)
    live = [number for number, line in enumerate(lines) if "disabled" not in line]
    return Slots((first, second), live[0] if live else None, TLS in text)


def arrive(before: Slots, after: Slots, address: str) -> list[str]:
    """Return the runtime commands that put a container into its slot, where it is checked and sent no callers yet.

    The name is for a restart; until it is looked up the slot would go on asking whoever stood there before, so the address is told too.
    """
    assert after.live is not None
    new, container = f"releases/{SLOTS[after.live]}", after.containers[after.live]
    moved = [f"set server {new} fqdn {container}"] if container not in before.containers else []
    here = f"set server {new} addr {address} port {RELEASE_PORT}"
    # What serves already goes on serving.
    return [*moved, here, *([] if after.live == before.live else [f"set server {new} state drain"])]


def leave(after: Slots) -> list[str]:
    """Return the runtime commands that send callers to the slot, and to no other."""
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


def process(info: str) -> str | None:
    """Read from `show info` which process answers: after a reload it is another."""
    found = [line.removeprefix("Pid: ") for line in info.splitlines() if line.startswith("Pid: ")]
    return found[0] if found else None
