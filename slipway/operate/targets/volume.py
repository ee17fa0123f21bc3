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
    return {name.name: text for name, text in files(container, path).items() if len(name.parts) <= 2}


def tree(container: Container, path: str) -> dict[str, str]:
    """Read the files of a folder and of those in it, by their paths in it; what is no text is told by its readable part."""
    return {str(PurePosixPath(*name.parts[1:])): text for name, text in files(container, path, errors="replace").items()}


def files(container: Container, path: str, errors: str = "strict") -> dict[PurePosixPath, str]:
    """Read all files below a path, by their paths from its last name on."""
    try:
        stream, _ = container.get_archive(path)
    except NotFound:
        return {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        found = [(PurePosixPath(member.name), archive.extractfile(member)) for member in archive.getmembers()]
        return {name: file.read().decode(errors=errors) for name, file in found if file}


def put(container: Container, path: str, text: str, only_for: int | None = None) -> None:
    """Put a file there, to be read by all or only by one user of the container."""
    put_all(container, str(PurePosixPath(path).parent), {PurePosixPath(path).name: text}, only_for)


def put_all(container: Container, path: str, texts: dict[str, str], only_for: int | None = None) -> None:
    """Put files below a folder, by their paths in it, to be read by all or only by one user of the container."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted({str(parent) for each in texts for parent in PurePosixPath(each).parents} - {"."}):
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(made)
        for name, text in texts.items():
            content, member = text.encode(), tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            if only_for is not None:
                member.mode, member.uid, member.gid = 0o600, only_for, only_for
            archive.addfile(member, io.BytesIO(content))
    container.put_archive(path, buffer.getvalue())
