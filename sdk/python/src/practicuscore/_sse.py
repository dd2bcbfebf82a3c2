"""Server-sent events out of a byte stream (the WHATWG format), however the bytes were cut into parts."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from .errors import ProtocolError

_LONGEST = 16 * 1024 * 1024


@dataclass
class SseEvent:
    """One event: its name (empty = ``message``) and its data lines."""

    name: str
    data: str


class SseParser:
    """Bytes in, events out."""

    def __init__(self) -> None:
        # Also drops the byte order mark with which a stream may begin, and keeps a cut character for the next part.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._after_return = False
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def push(self, part: bytes) -> list[SseEvent]:
        """Takes the next part of the stream and gives the events that it completes."""
        text = self._decoder.decode(part)
        if not text:
            return []
        # A LF that follows a CR belongs to the same line end, also when the two come apart.
        if self._after_return and text.startswith("\n"):
            text = text[1:]
        self._after_return = text.endswith("\r")
        lines = (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop()
        events: list[SseEvent] = []
        for line in lines:
            self._line(line, events)
        if len(self._rest) + self._size > _LONGEST:
            raise ProtocolError(f"an event is larger than {_LONGEST} bytes: the other side is not a prt-console")
        return events

    def _line(self, line: str, events: list[SseEvent]) -> None:
        if not line:
            # An event without data is not dispatched; it only ends.
            if self._data:
                events.append(SseEvent(self._name, "\n".join(self._data)))
            self._name, self._data, self._size = "", [], 0
            return
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "event":
            self._name = value
        # `id` repeats the record's own number, `retry` is ours to choose, and a comment (no name) is a heartbeat.
