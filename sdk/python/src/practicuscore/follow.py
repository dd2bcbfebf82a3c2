"""Following a build's log over connections that come and go: no record is missed, none comes twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from ._sse import SseParser
from .client import Client, is_temporary
from .errors import ConnectionFailedError, ProtocolError, PrtError
from .events import BuildEnd, BuildRecord, parse_record


@dataclass(frozen=True)
class Reconnecting:
    """The connection is lost and will be tried again after ``delay`` seconds. Not a failure of the build."""

    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True)
class Reconnected:
    """The connection is back."""


Followed = Union[BuildRecord, Reconnecting, Reconnected]


@dataclass(frozen=True)
class FollowOptions:
    """How patient a follower is; all in seconds."""

    first_delay: float = 0.2
    """The pause before the first new try; doubled for each further one."""
    longest_delay: float = 5.0
    silence: float = 45.0
    """A connection on which nothing came for so long is lost. The console sends a heartbeat every 15 s."""
    give_up: float = 900.0
    """Gives up when the console could not be reached for so long."""


class Follower:
    """The records of a build up to its end, with what happens to the connection in between."""

    def __init__(self, client: Client, number: int, after: int = 0, options: FollowOptions | None = None) -> None:
        self._client = client
        self._number = number
        self._last = after
        self._options = options or FollowOptions()
        self._stopped = threading.Event()
        self._attempt = 0
        self._lost_since: float | None = None

    def stop(self) -> None:
        """Ends it at the next thing that comes; a pause ends at once."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Followed]:
        told = False
        while not self._stopped.is_set():
            try:
                for item in self._connection():
                    if item is None:
                        if told:
                            told = False
                            yield Reconnected()
                        continue
                    yield item
                    if isinstance(item.event, BuildEnd):
                        return
                failure: PrtError = ConnectionFailedError(f"cannot reach {self._client.url}: the connection was closed")
            except PrtError as error:
                failure = error
            if self._stopped.is_set():
                return
            told = True
            yield self._lose(failure)
            self._stopped.wait(self._delay(self._attempt - 1))

    def _connection(self) -> Iterator[BuildRecord | None]:
        """What one connection brings; ``None`` when it stands."""
        parser = SseParser()
        path = ("builds", str(self._number), "events")
        with self._client.events(*path, last_event_id=self._last, silence=self._options.silence) as parts:
            yield None
            for part in parts:
                if self._stopped.is_set():
                    return
                # A connection that is closed before it brings anything does not count as being back.
                self._lost_since = None
                for event in parser.push(part):
                    if event.name == "record":
                        record = self._place(parse_record(event.data))
                        if record:
                            yield record

    def _place(self, record: BuildRecord) -> BuildRecord | None:
        """Puts a record into its place in the numbering: expected, a repeat to drop, or a gap."""
        if record.seq <= self._last:
            return None
        if record.seq != self._last + 1:
            raise ProtocolError(f"the log of build #{self._number} has a gap: record {record.seq} came after record {self._last}")
        self._last = record.seq
        self._attempt = 0
        return record

    def _lose(self, failure: PrtError) -> Reconnecting:
        """Decides what a failed connection means: another try, or the end."""
        now = time.monotonic()
        if self._lost_since is None:
            self._lost_since = now
        if not is_temporary(failure) or now - self._lost_since >= self._options.give_up:
            raise failure
        delay = self._delay(self._attempt)
        self._attempt += 1
        return Reconnecting(self._attempt, delay, failure.message)

    def _delay(self, attempt: int) -> float:
        return float(min(self._options.first_delay * 2 ** min(max(attempt, 0), 16), self._options.longest_delay))
