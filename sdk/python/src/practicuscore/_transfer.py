"""Files into and out of a worker, by way of its build folder: that is what the console copies to and from."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ._text import say, visible
from ._views import TOOL
from .errors import PrtError, UsageError
from .upload import context, tar
from .upload.scan import Entry, Scan, scan

if TYPE_CHECKING:
    from .upload.local import StrPath
    from .workers import Worker

_BUILD = "/home/ubuntu/build"
_PART = 8 * 1024 * 1024


def upload(worker: Worker, source: StrPath, destination: str) -> list[str]:
    """See :meth:`Worker.upload_files`."""
    path = Path(source).expanduser()
    if path.is_dir():
        files = scan(path)
    elif path.is_file():
        whole = scan_one(path)
        files = Scan(path.parent, [whole])
    else:
        raise UsageError(f"there is no file or folder {path}")
    context.report_left_out(files, say)
    with _staging(worker) as folder:
        worker._put_context(folder, lambda: tar.stream(files))
        words = [*TOOL, "place", f"{_BUILD}/{folder}", destination]
        placed = worker._exec(words, repeatable=True).check()
    where = placed.stdout.rstrip("\n")
    return [posixpath.join(where, entry.path) for entry in files.entries if not entry.is_folder]


def scan_one(path: Path) -> Entry:
    """A single file, links followed."""
    info = path.stat()
    return Entry(path.name, info.st_mode & 0o7777, int(info.st_mtime), size=info.st_size)


def download(worker: Worker, source: str, destination: StrPath) -> list[str]:
    """See :meth:`Worker.download_files`."""
    target = Path(destination).expanduser()
    target.mkdir(parents=True, exist_ok=True)
    with _staging(worker) as folder:
        packed = worker.exec([*TOOL, "pack", source, f"{_BUILD}/{folder}", str(_PART)]).check()
        parts = _Parts(worker, folder, int(packed.stdout.strip()))
        with tarfile.open(fileobj=io.BufferedReader(parts, _PART), mode="r|") as archive:
            return list(_extract(archive, target))


@contextlib.contextmanager
def _staging(worker: Worker) -> Iterator[str]:
    """A folder of its own in the build folder, gone afterwards."""
    folder = f".prt-transfer-{uuid.uuid4().hex}"
    try:
        yield folder
    finally:
        with contextlib.suppress(PrtError):
            worker._exec([*TOOL, "remove", f"{_BUILD}/{folder}"], repeatable=True)


class _Parts(io.RawIOBase):
    """The parts of a packed stream, one after the other."""

    def __init__(self, worker: Worker, folder: str, count: int) -> None:
        super().__init__()
        self._worker = worker
        self._names = [f"{folder}/part.{_suffix(at)}" for at in range(count)]
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if not self._rest and self._names:
            self._rest = memoryview(self._worker._get_file(self._names.pop(0)))
        view = memoryview(buffer)  # type: ignore[arg-type]
        taken = min(len(view), len(self._rest))
        view[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken


def _suffix(at: int) -> str:
    """The end of a part's name: aaaaaa, aaaaab …."""
    letters = ""
    for _ in range(6):
        at, letter = divmod(at, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


def _extract(archive: tarfile.TarFile, target: Path) -> Iterator[str]:
    """Only files and folders, only below the target: what comes out of a worker is not trusted."""
    root = target.resolve()
    for member in archive:
        path = (root / member.name).resolve()
        if path != root and root not in path.parents:
            raise PrtError(f"the worker sent a file that leads out of {root}: {member.name!r}")
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif member.isfile() or member.islnk():
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.islnk():
                # Another name of a file that has come already.
                _copy(root, (root / member.linkname).resolve(), path)
            else:
                _write(archive.extractfile(member), path)
            os.chmod(path, member.mode & 0o777)
            os.utime(path, (member.mtime, member.mtime))
            yield str(target / member.name.removeprefix("./"))
        else:
            kind = "symbolic link" if member.issym() else "pipe or a device"
            say(f"not downloaded: {visible(member.name.removeprefix('./'))} is a {kind}")


def _copy(root: Path, source: Path, path: Path) -> None:
    if root not in source.parents:
        raise PrtError(f"the worker sent a link that leads out of {root}: {str(source)!r}")
    if not source.is_file():
        raise PrtError(f"the worker sent a link before its file: {str(source)!r}")
    if source != path:
        shutil.copyfile(source, path)


def _write(content: IO[bytes] | None, path: Path) -> None:
    if content is not None:
        with open(path, "wb") as file:
            shutil.copyfileobj(content, file, 1024 * 1024)
