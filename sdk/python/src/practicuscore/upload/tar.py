"""Tar streams, made while they are sent: a whole scan, or contents by their hashes."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import ChangedError, UsageError
from .scan import Entry, Scan

PART = 256 * 1024
_END = bytes(1024)
"""Two blocks."""
_OWNER = 1000
"""The worker's user: what is uploaded belongs to them."""


def stream(scan: Scan) -> Iterator[bytes]:
    """The parts of the stream. An error in it breaks the upload off."""
    for entry in scan.entries:
        yield _header(entry).tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        if entry.size:
            yield from _content(scan.root / entry.path, entry.size)
    yield _END


def contents(files: Iterable[tuple[str, Path, int]]) -> Iterator[bytes]:
    """The parts of a stream with a file for each name, path and size."""
    for name, path, size in files:
        info = tarfile.TarInfo(name)
        info.mode, info.size = 0o600, size
        yield info.tobuf(tarfile.GNU_FORMAT)
        yield from _content(path, size)
    yield _END


def _header(entry: Entry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.path)
    # Not before 1970: not every program reads such a time.
    info.mode, info.mtime, info.uid, info.gid = entry.mode, max(entry.mtime, 0), _OWNER, _OWNER
    if entry.same_as is not None:
        info.type, info.linkname = tarfile.LNKTYPE, entry.same_as
    elif entry.target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
    elif entry.size is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = entry.size
    return info


def _content(path: Path, size: int) -> Iterator[bytes]:
    """A file of which a length has been announced: more is cut, less would shift all that follows, so it is an error."""
    try:
        with open(path, "rb", opener=opener) as file:
            yield from _exactly(file, path, size)
    except FileNotFoundError:
        raise ChangedError(f"cannot send {path}: it was removed") from None
    except OSError as error:
        raise UsageError(f"cannot send {path}: {error.strerror or error}") from None
    if size % 512:
        yield bytes(512 - size % 512)


def opener(path: str, flags: int) -> int:
    """Does not wait for the other end of a pipe that has taken a file's place."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _exactly(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    while size:
        part = file.read(min(PART, size))
        if not part:
            raise ChangedError(f"cannot send {path}: it was changed while it was read")
        size -= len(part)
        yield part
