"""The proxy's slots: which release stands where, and the switch of callers from one to the other."""

import time
from collections.abc import Callable

from slipway.errors import Moved, PipelineError
from slipway.operate.targets import haproxy, volume
from slipway.operate.targets.haproxy import CONFIG, FOLDER, Slots
from slipway.operate.targets.proxy_container import RUNTIME, CommandFailed, ProxyContainer

HISTORY = "history.jsonl"
WAIT_SECONDS = 20
MOVED = 9
# One at a time, and only where the config ($1) still says what was read ($2): nothing comes between this and what follows it.
UNMOVED = f"""exec 9<"$1"; flock 9
[[ $(<"$1") == "$(printf "%s" "$2")" ]] || exit {MOVED}
say() {{ {RUNTIME}; }}
"""
TELL = 'say "$3"'
# The slot still holds the address ($4) that was checked. An answer is a complaint.
FLIP = f"""set -e
[[ $(say "show servers state releases") == *" $4 "* ]] || exit {MOVED}
printf "%s" "$5" > "$1.part"
said=$(say "$3")
[[ $said != *[![:space:]]* ]] || {{ echo "$said"; exit 1; }}
mv "$1.part" "$1"
"""


class ProxySlots(ProxyContainer):
    """Two slots for releases, of which callers are sent to one."""

    # What stands where, and the config that says so, as this verb read or told it last.
    known: Slots | None = None
    seen: str | None = None

    def slots(self) -> Slots:
        """Return which container stands where, as the config says."""
        return self.look()[1]

    def look(self) -> tuple[str, Slots]:
        """Return the history and which container stands where, in one go."""
        container = self.container()
        files = volume.folder(container, FOLDER) if container else {}
        self.seen = files.get("haproxy.cfg")
        self.known = haproxy.parse(self.seen) if self.seen else Slots()
        return files.get(HISTORY, ""), self.known

    def switch(self, container: str) -> None:
        """Send callers to a container: over the runtime interface, since a reload closes their connections, and in the config.

        The two are one command within the proxy, which goes on when the one who gave it is gone: what the config says is what is so.
        Raises Moved when somebody else has switched since this verb looked.
        """
        if self.seen is None:
            self.look()
        before = self.known or Slots()
        after = before.switched(container)
        assert after.live is not None
        address, slot = self.address(container), haproxy.SLOTS[after.live]
        self.wait_up(slot, address, haproxy.arrive(before, after, address))
        text = haproxy.config(self.template(), after)
        self.unmoved(FLIP, "; ".join(haproxy.leave(after)), f"{slot} {address}", text)
        self.known, self.seen = after, text

    def unmoved(self, script: str, *words: str) -> str:
        """Run a script in the proxy unless somebody else has switched. Raises Moved, PipelineError."""
        try:
            return self.run("bash", "-c", UNMOVED + script, "--", CONFIG, self.seen or "", *words)
        except CommandFailed as failed:
            if failed.code == MOVED:
                raise Moved("Another deploy or rollback has switched meanwhile. Next: ./run status.") from failed
            raise

    def address(self, container: str) -> str:
        """Return a container's address in the proxy's network."""
        return str(self.client.containers.get(container).attrs["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def wait_up(self, slot: str, address: str, commands: list[str]) -> None:
        """Tell the proxy of a container, and wait until its own check of the slot succeeds. Raises PipelineError."""
        state = "show servers state releases"
        if not haproxy.is_up(self.unmoved(TELL, "; ".join([*commands, state])), slot, address):
            self.wait(lambda: haproxy.is_up(self.tell([state]), slot, address), f"does not see slot {slot} come up")

    def wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Wait for a condition. Raises PipelineError."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise PipelineError(f"The proxy {otherwise} within {WAIT_SECONDS} s. Next: docker logs {self.name}.")
            time.sleep(0.05)

    def template(self) -> str:
        """Return the config with its places to fill in."""
        return (self.project.root / "infra" / "haproxy.cfg").read_text(encoding="utf-8")
