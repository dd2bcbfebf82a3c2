"""Hashes of files, remembered between builds in the user's cache folder.

A file is known by device, inode, size and times. The time of the inode cannot be set, so a file whose content changed is seen.
Without a cache folder everything works, only slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from pathlib import Path

from ..errors import ChangedError, UsageError
from .scan import Stamp, stamp_of
from .tar import opener

_PART = 1024 * 1024
_MOST = 200_000
"""Hashes that are remembered."""
_SETTLED_NS = 2_000_000_000
"""A file that changed just now may change again without its times telling so."""
_VERSION = 1
_IS_HASH = re.compile("[0-9a-f]{64}")


class Hashes:
    """What is known, and what becomes known."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known = _read(path)
        self._changed = False

    @classmethod
    def of_user(cls) -> Hashes:
        """Those that this user's builds have left."""
        cache = os.environ.get("XDG_CACHE_HOME", "")
        try:
            base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
        except RuntimeError:
            # Nobody has a home here.
            return cls()
        return cls(base / "practicuscore" / "hashes.json")

    def of(self, path: str, stamp: Stamp | None = None) -> tuple[str, int]:
        """Hash and size of a file. With what the scan has seen of it, a file that is known is not opened."""
        if stamp is not None:
            known = self._known.get(_key(stamp))
            if known is not None:
                return known, stamp[2]
        try:
            with open(path, "rb", buffering=0, opener=opener) as file:
                # Before its content: what changes while it is read has a later time then.
                now, stamp = time.time_ns(), stamp_of(os.fstat(file.fileno()))
                # As far as it reaches now: a log that grows all the time has a hash, too.
                sha256, left = hashlib.sha256(), stamp[2]
                while left:
                    part = file.read(min(_PART, left))
                    if not part:
                        break
                    sha256.update(part)
                    left -= len(part)
        except FileNotFoundError:
            raise ChangedError(f"cannot read {path}: it was removed") from None
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
        value = sha256.hexdigest()
        # Elsewhere the last time is that of the file's making.
        if os.name == "posix" and not left and now - stamp[4] > _SETTLED_NS:
            self._known[_key(stamp)] = value
            self._changed = True
        return value, stamp[2] - left

    def clear(self) -> None:
        """Forgets everything: something was not as it was remembered."""
        self._changed = self._changed or bool(self._known)
        self._known.clear()

    def save(self) -> None:
        """Keeps what is new for the next time, as far as that is possible. What was learned first goes first."""
        if self._path is None or not self._changed:
            return
        self._changed = False
        kept = list(self._known.items())[-_MOST:]
        text = json.dumps({"version": _VERSION, "hashes": dict(kept)}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Of its own for each writer, and for its owner only.
            descriptor, draft = tempfile.mkstemp(prefix=".hashes.", suffix=".new", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(text)
                os.replace(draft, self._path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(draft)
                raise


def _key(stamp: Stamp) -> str:
    return "{}:{}:{}:{}:{}".format(*stamp)


def _read(path: Path | None) -> dict[str, str]:
    """What a file says, if it is one of ours and whole."""
    if path is None:
        return {}
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict) or values.get("version") != _VERSION or not isinstance(values.get("hashes"), dict):
        return {}
    matches = _IS_HASH.fullmatch
    return {key: value for key, value in values["hashes"].items() if isinstance(value, str) and matches(value)}
