"""Files in a volume, through the engine's API: they can be read and put while the container is stopped."""

import io
import tarfile
from pathlib import PurePosixPath

from docker.errors import NotFound
from docker.models.containers import Container


def read(container: Container, path: str) -> str | None:
    """Read a file, None where there is none."""
    return folder(container, path).get(PurePosixPath(path).name)


def folder(container: Container, path: str) -> dict[str, str]:
    """Read the files of a folder, or the one that the path names, by their names; nothing where there is none."""
    try:
        stream, _ = container.get_archive(path)
    except NotFound:
        return {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        found = [(PurePosixPath(member.name), archive.extractfile(member)) for member in archive.getmembers()]
        return {name.name: file.read().decode() for name, file in found if file and len(name.parts) <= 2}


def put(container: Container, path: str, text: str, only_for: int | None = None) -> None:
    """Put a file there, to be read by all or only by one user of the container."""
    content, buffer = text.encode(), io.BytesIO()
    member = tarfile.TarInfo(PurePosixPath(path).name)
    member.size, member.mode = len(content), 0o644
    if only_for is not None:
        member.mode, member.uid, member.gid = 0o600, only_for, only_for
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    container.put_archive(str(PurePosixPath(path).parent), buffer.getvalue())
