"""A local folder as a build context of a worker: its list is offered, then the contents that the builder lacks are sent."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable

from .. import _json_fields as read
from .._text import byte_size, visible
from ..client import Client, Patience, Say, as_object, is_temporary
from ..errors import ChangedError, ConflictError, InvalidInputError, ProtocolError, PrtError, UsageError
from . import tar
from .hashes import Hashes
from .scan import Scan

_SCANS = 3
"""How often a folder is read that changes while it is sent."""
_NAMED = 5
"""So many of the files that changed are named."""


def send(client: Client, worker: str, scan: Callable[[], Scan], say: Say) -> str:
    """Sends what a scan finds and gives the context's id. The folder is read again when it changes meanwhile."""
    hashes = Hashes.of_user()
    before: list[dict[str, Any]] = []
    unsteady: list[str] = []
    for left in reversed(range(_SCANS)):
        found = scan()
        if left == _SCANS - 1:
            report_left_out(found, say)
        try:
            entries = listed(found, hashes)
            hashes.save()
            unsteady += _differing(before, entries)
            before = entries
            return _Sending(client, worker, found, entries, say).run()
        except PrtError as error:
            if not _has_changed(error):
                raise
            if not left:
                names = ", ".join(map(visible, list(dict.fromkeys(unsteady))[:_NAMED])) or "a file"
                error.hint = f"{names} changed meanwhile: end what writes there, or name it in .dockerignore"
                raise
        # What was hashed is not what was sent.
        hashes.clear()
    raise AssertionError


def _differing(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    """Files whose content changed between two lists."""
    contents = {entry["path"]: entry.get("sha256") for entry in before}
    return [entry["path"] for entry in now if contents.get(entry["path"], entry.get("sha256")) != entry.get("sha256")]


def report_left_out(scan: Scan, say: Say) -> None:
    """Names what is not sent."""
    for path in scan.left_out:
        say(f"not sent: {visible(path)} is a pipe, a socket or a device")


def listed(scan: Scan, hashes: Hashes) -> list[dict[str, Any]]:
    """The list of a context, with the hashes of its files."""
    root = os.path.join(scan.root, "")
    entries: list[dict[str, Any]] = []
    for entry in scan.entries:
        one: dict[str, Any] = {"path": entry.path, "type": "folder", "mode": entry.mode, "mtime": entry.mtime}
        if entry.same_as is not None:
            one.update(type="hardlink", target=entry.same_as)
        elif entry.target is not None:
            try:
                entry.target.encode()
            except UnicodeEncodeError:
                raise UsageError(f"the target of the link {root}{entry.path} is not UTF-8") from None
            # Links have no mode of their own; some systems show another one.
            one.update(type="symlink", mode=0o777, target=entry.target)
        elif entry.size is not None:
            sha256, size = hashes.of(root + entry.path, entry.stamp)
            one.update(type="file", size=size, sha256=sha256)
        entries.append(one)
    return entries


class _Sending:
    """One context on its way. What has come stays there, so trying again is cheap."""

    def __init__(self, client: Client, worker: str, scan: Scan, entries: list[dict[str, Any]], say: Say) -> None:
        self._client = client
        self._worker = worker
        self._scan = scan
        self._entries = entries
        self._say = say
        self._said = ""
        self._files = {entry["sha256"]: entry for entry in entries if entry["type"] == "file"}

    def run(self) -> str:
        patience, least = Patience(say=self._say), len(self._files) + 1
        while True:
            try:
                view = self._offer()
                missing = self._missing(view)
                if len(missing) < least:
                    # It has come further: the way is not lost.
                    patience, least = Patience(say=self._say), len(missing)
                if not missing and not self._said:
                    self._remark("nothing to send")
                if missing:
                    view = self._fill(view, missing)
                    if self._missing(view):
                        raise PrtError(f"{self._worker} still lacks contents of the context after they were sent")
                return read.text(view, "id")
            except PrtError as error:
                if not (is_temporary(error) or _is_forgotten(error)) or not patience.again(error):
                    raise

    def _offer(self) -> dict[str, Any]:
        return as_object(self._client.post("workers", self._worker, "contexts", body={"entries": self._entries}))

    def _missing(self, view: dict[str, Any]) -> list[dict[str, Any]]:
        hashes = view.get("missing")
        try:
            return [self._files[value] for value in hashes or []]
        except (KeyError, TypeError):
            raise ProtocolError(f"{self._worker} misses contents that are not in the context") from None

    def _fill(self, view: dict[str, Any], missing: list[dict[str, Any]]) -> dict[str, Any]:
        self._remark(f"sending {len(missing)} ({byte_size(read.number(view, 'missing_bytes'))})")
        body = tar.contents(_files(self._scan.root, missing))
        path = ("workers", self._worker, "contexts", read.text(view, "id"))
        return as_object(self._client.put(*path, body=body, content_type="application/x-tar"))

    def _remark(self, what: str) -> None:
        said = f"context of {self._scan.files} files for {self._worker}: {what}"
        if said != self._said:
            self._said = said
            self._say(said)


def _files(root: Path, missing: Iterable[dict[str, Any]]) -> Iterable[tuple[str, Path, int]]:
    for entry in missing:
        yield entry["sha256"], root / entry["path"], entry["size"]


def _has_changed(error: PrtError) -> bool:
    """Whether a file was another one when it was sent than when it was hashed: found here, or by the console."""
    if isinstance(error, ChangedError):
        return True
    return isinstance(error, InvalidInputError) and "changed while it was sent" in error.text


def _is_forgotten(error: PrtError) -> bool:
    """Whether the builder has given up the list of the offer meanwhile."""
    return isinstance(error, ConflictError) and "Send its list again" in error.text
