"""The certificate that callers are shown: a PEM file on the machine that deploys, with its chain and its key."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from slipway.errors import PipelineError

# The runtime interface takes no more at once.
MOST_BYTES = 16_000


def read(path: Path) -> str:
    """Read a PEM file, without empty lines: one would end it where the runtime interface reads it. Raises PipelineError."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise PipelineError(
            f"{path} cannot be read: {error}. Next: put it there, or correct [deploy] certificate in project.toml."
        ) from error
    return "".join(f"{line.strip()}\n" for line in lines if line.strip())


def check(pem: str, path: Path) -> None:
    """Raise PipelineError unless a file is a certificate that is valid now, followed by its chain, with its key."""
    wrong = fault(pem.encode(), datetime.now(UTC))
    if wrong:
        raise PipelineError(
            f"{path} {wrong}. Expected: a PEM file with the certificate, then its chain, and its key without a password. "
            "Nothing was changed. Next: put it right, or correct [deploy] certificate in project.toml."
        )


def fault(pem: bytes, now: datetime) -> str | None:
    """Return what is wrong with a certificate file, None where nothing is."""
    try:
        first = load_pem_x509_certificates(pem)[0]
    except ValueError:
        return "holds no certificate that can be read"
    try:
        key = load_pem_private_key(pem, None).public_key()
    except TypeError:
        return "holds a key with a password"
    except (ValueError, UnsupportedAlgorithm):
        return "holds no key that can be read"
    if spelled(key) != spelled(first.public_key()):
        return "holds a key that is not the first certificate's"
    if not first.not_valid_before_utc <= now < first.not_valid_after_utc:
        return f"is valid from {first.not_valid_before_utc:%Y-%m-%d %H:%M} to {first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and not now"
    return f"has {len(pem)} bytes, more than {MOST_BYTES}" if len(pem) > MOST_BYTES else None


def spelled(key: PublicKeyTypes | CertificatePublicKeyTypes) -> bytes:
    """Return a public key as bytes."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
