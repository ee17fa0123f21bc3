"""The proxy: there from the first deploy on, given its config and its certificate."""

from dataclasses import replace
from pathlib import Path

from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate.targets import certificate, haproxy, volume
from slipway.operate.targets.haproxy import CERTIFICATE, CONFIG, Slots
from slipway.operate.targets.proxy_container import USER
from slipway.operate.targets.proxy_slots import ProxySlots
from slipway.say import warn

# From the file to the socket: the host can read a command line.
RENEW = """say() { exec 3<>/dev/tcp/127.0.0.1/9999; cat >&3; cat <&3; }
{ echo "set ssl cert $1 <<"; cat "$1.part"; echo; } | say; echo "commit ssl cert $1" | say"""


class Proxy(ProxySlots):
    """HAProxy as it is set up; its slots are in `proxy_slots.py`, its container in `proxy_container.py`."""

    def ensure(self) -> None:
        """Have a proxy run, with the config and the certificate as they are here now. Raises PipelineError."""
        pem = self.certificate(self.project.certificate)
        self.pull()
        container = self.container() or self.create()
        begins = self.configure(container, pem)
        if container.status != "running":
            self.start(container)
            begins = True
        if begins:
            self.wait(lambda: self.process() is not None, "does not answer")

    def certificate(self, path: Path | None) -> str | None:
        """Return the certificate to show, None where none is given. Raises PipelineError when it is not fit, before anything is changed."""
        if path is None:
            return None
        used = self.read("certificate.pem")
        try:
            pem = certificate.read(path)
            if pem != used:
                certificate.check(pem, path)
        except PipelineError as error:
            if used is None:
                raise
            # A file that is missing here, or wrong, must not stand in the way of a rollback.
            warn(f"{error} Until then callers are shown the certificate that the proxy has.")
            return used
        return pem

    def configure(self, container: Container, pem: str | None) -> bool:
        """Write certificate and config where they are not as they should be, and have a running proxy take them. Raises PipelineError.

        Returns whether this is its first config, with which it begins.
        """
        if self.seen and pem is None and self.seen == haproxy.config(self.template(), replace(haproxy.parse(self.seen), tls=False)):
            return False
        old, running = self.read("haproxy.cfg"), container.status == "running"
        before = haproxy.parse(old) if old else Slots()
        if pem is not None and pem != self.read("certificate.pem"):
            if running and before.tls:
                self.renew(container, pem)
            self.write(CERTIFICATE, pem, USER)
        self.known = replace(before, tls=pem is not None)
        text = haproxy.config(self.template(), self.known)
        if text != old and running and old:
            self.reload(container, old, text)
        elif text != old:
            self.write(CONFIG, text)
        self.seen = text
        return not old

    def renew(self, container: Container, pem: str) -> None:
        """Have another certificate shown from now on; connections stay. Raises PipelineError."""
        volume.put(container, CERTIFICATE + ".part", pem, USER)
        said = self.run("bash", "-c", RENEW, "--", CERTIFICATE, user=str(USER))
        if "Success!" not in said:
            raise PipelineError(f"The proxy does not take the certificate: {said.strip()}. Next: docker logs {self.name}.")

    def reload(self, container: Container, old: str, text: str) -> None:
        """Have another config taken that holds the same slots. Raises PipelineError; then the old one stays."""
        volume.put(container, CONFIG + ".part", text)
        self.run("haproxy", "-c", "-f", CONFIG + ".part", user=str(USER))
        process = self.process()
        self.write(CONFIG, text)
        container.kill("SIGUSR2")
        try:
            self.wait(lambda: self.process() not in {None, process}, "does not take its new config")
        except BaseException:
            self.write(CONFIG, old)
            raise
