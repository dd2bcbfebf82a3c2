"""A scan as a tar stream, made while it is sent."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import UsageError
from .scan import Entry, Scan

PART = 256 * 1024
_OWNER = 1000
"""The worker's user: what is uploaded belongs to them."""


def stream(scan: Scan) -> Iterator[bytes]:
    """The parts of the stream. An error in it breaks the upload off."""
    for entry in scan.entries:
        yield _header(entry).tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        if entry.size:
            yield from _content(scan, entry, entry.size)
    yield bytes(1024)


def _header(entry: Entry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.path)
    info.mode, info.mtime, info.uid, info.gid = entry.mode, entry.mtime, _OWNER, _OWNER
    if entry.target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
    elif entry.size is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = entry.size
    return info


def _content(scan: Scan, entry: Entry, size: int) -> Iterator[bytes]:
    """A file of which a length has been announced: more is cut, less would shift all that follows, so it is an error."""
    path = scan.root / entry.path
    try:
        with open(path, "rb") as file:
            yield from _exactly(file, size)
    except OSError as error:
        raise UsageError(f"cannot send {path}: {error.strerror or error}") from None
    if size % 512:
        yield bytes(512 - size % 512)


def _exactly(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        part = file.read(min(PART, size))
        if not part:
            raise OSError("it was changed while it was read")
        size -= len(part)
        yield part
