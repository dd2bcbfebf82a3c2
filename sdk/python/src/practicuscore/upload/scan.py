"""What of a folder is sent."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageError
from .dockerignore import Dockerignore, Matched

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, time of the last change and time of the inode's, which nobody can set. All as of the scan."""


def stamp_of(info: os.stat_result) -> Stamp:
    """What tells that a file is as it was."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


@dataclass(frozen=True)
class Entry:
    """Something to be sent: a folder, a file of a size, a link to a target, or another name of a file that comes before it."""

    path: str
    """Relative to the context, with ``/``."""
    mode: int
    mtime: int
    size: int | None = None
    target: str | None = None
    same_as: str | None = None
    """The path of the file that it is a hard link to."""
    stamp: Stamp | None = field(default=None, compare=False, repr=False)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.size is None and self.target is None and self.same_as is None


@dataclass(frozen=True)
class Scan:
    """A context that is ready to be sent: folders before what is in them, names in order."""

    root: Path
    entries: list[Entry] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Paths of pipes, sockets and devices, which are not sent."""

    @property
    def files(self) -> int:
        """How many files and links."""
        return sum(not entry.is_folder for entry in self.entries)

    @property
    def tar_bytes(self) -> int:
        """Bytes of the tar stream, as good as they can be known before it is made."""
        return sum(512 + -(-(entry.size or 0) // 512) * 512 for entry in self.entries) + 1024


def scan(root: Path, dockerfile: str | None = None) -> Scan:
    """Reads a folder.

    With a Dockerfile (relative to it) it is a build context: what the ignore file names stays here.
    """
    if dockerfile is None:
        walk = _Walk(root, Dockerignore(), [])
    else:
        ignore, file = _dockerignore(root, dockerfile)
        # The builder reads these itself, also when a pattern keeps them out of the image.
        walk = _Walk(root, ignore, [dockerfile, *([file] if file else [])])
    walk.folder("", walk.ignore.root(), [])
    return Scan(root, walk.entries, walk.left_out)


def _dockerignore(root: Path, dockerfile: str) -> tuple[Dockerignore, str | None]:
    """The ignore file that counts: the Dockerfile's own (``<Dockerfile>.dockerignore``) goes before the context's."""
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        path = root / name
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
        return Dockerignore(text, str(path)), name
    return Dockerignore(), None


class _Walk:
    def __init__(self, root: Path, ignore: Dockerignore, always: list[str]) -> None:
        # As text: a Path for each file would take most of the time.
        self.root = os.path.join(root, "")
        self.ignore = ignore
        self.always = always
        self.entries: list[Entry] = []
        self.left_out: list[str] = []
        self.names: dict[tuple[int, int], str] = {}

    def folder(self, folder: str, above: Matched, pending: list[Entry]) -> None:
        """Goes through a folder. ``pending`` are folders above that are sent only if something in them is."""
        at = self.root + folder
        try:
            # By bytes, as the command line's tool sorts them.
            names = sorted(os.listdir(at), key=os.fsencode)
        except FileNotFoundError:
            if folder:
                # It was there a moment ago.
                return
            raise UsageError(f"there is no folder {at}") from None
        except OSError as error:
            raise UsageError(f"cannot read the folder {at}: {error.strerror}") from None
        for name in names:
            try:
                name.encode()
            except UnicodeEncodeError:
                raise UsageError(f"the name of {os.fsencode(os.path.join(at, name))!r} is not UTF-8") from None
            self._one(f"{folder}/{name}" if folder else name, above, pending)

    def _one(self, path: str, above: Matched, pending: list[Entry]) -> None:
        ignored, matched = self.ignore.check(path, above)
        ignored = ignored and path not in self.always
        holds_always = any(always.startswith(f"{path}/") for always in self.always)
        if ignored and not holds_always and not self.ignore.has_exception_below(path):
            return
        # Only what may be sent is looked at: what is ignored may also be unreadable.
        entry = self._entry(path, ignored)
        if entry is None:
            return
        waiting = len(pending)
        if not ignored:
            self.entries += [*pending, entry]
            pending.clear()
            waiting = 0
        else:
            pending.append(entry)
        if entry.is_folder:
            self.folder(path, matched, pending)
            del pending[waiting:]

    def _entry(self, path: str, ignored: bool) -> Entry | None:
        full = self.root + path
        try:
            info = os.lstat(full)
            # Whole seconds, rounded down as the kernel does it.
            mode, mtime = stat.S_IMODE(info.st_mode), info.st_mtime_ns // 1_000_000_000
            if os.name != "posix":
                mode = 0o755 if stat.S_ISDIR(info.st_mode) else 0o644
            if stat.S_ISDIR(info.st_mode):
                return Entry(path, mode, mtime)
            if ignored:
                return None
            if stat.S_ISREG(info.st_mode):
                return self._file(path, mode, mtime, info)
            if stat.S_ISLNK(info.st_mode):
                return Entry(path, mode, mtime, target=os.readlink(full))
        except FileNotFoundError:
            # It was there a moment ago.
            return None
        except OSError as error:
            raise UsageError(f"cannot read {full}: {error.strerror}") from None
        # Sockets, pipes and devices are no input of a build.
        self.left_out.append(path)
        return None

    def _file(self, path: str, mode: int, mtime: int, info: os.stat_result) -> Entry:
        if info.st_nlink > 1 and info.st_ino:
            first = self.names.setdefault((info.st_dev, info.st_ino), path)
            if first != path:
                return Entry(path, mode, mtime, same_as=first)
        return Entry(path, mode, mtime, info.st_size, stamp=stamp_of(info))
