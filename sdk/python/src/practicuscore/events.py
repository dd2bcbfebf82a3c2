"""The log of a build as typed records, numbered 1, 2, 3 … without gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from .errors import ProtocolError

WAITING, RUNNING, CACHED, DONE, FAILED, CANCELED = "waiting", "running", "cached", "done", "failed", "canceled"
"""The states of a step."""


@dataclass(frozen=True)
class Step:
    """A step appeared or changed; the latest record of a step replaces earlier ones."""

    step: int
    name: str
    state: str
    started_ms: int | None = None
    completed_ms: int | None = None
    inputs: list[int] = field(default_factory=list)
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in the step."""
        return self.state not in (WAITING, RUNNING)


@dataclass(frozen=True)
class Progress:
    """Progress of a transfer within a step; the latest record of (``step``, ``id``) replaces earlier ones."""

    step: int
    id: str
    current: int
    total: int
    done: bool


@dataclass(frozen=True)
class LogLine:
    """A line that a step printed; ``stream`` is 1 for standard output and 2 for standard error."""

    line: int
    step: int
    stream: int
    text: str


@dataclass(frozen=True)
class BuildWarning:
    """A warning of BuildKit's."""

    step: int
    text: str


@dataclass(frozen=True)
class Notice:
    """The console's own word."""

    text: str


@dataclass(frozen=True)
class BuildEnd:
    """The build ended: the last record of a log, exactly once."""

    status: str
    message: str
    reason: str | None = None
    step: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class UnknownEvent:
    """An event that a later console may send."""

    type: str


BuildEvent = Union[Step, Progress, LogLine, BuildWarning, Notice, BuildEnd, UnknownEvent]


@dataclass(frozen=True)
class BuildRecord:
    """What happened in a build, and when (milliseconds since 1970)."""

    seq: int
    at_ms: int
    event: BuildEvent


def parse_record(data: str) -> BuildRecord:
    """A record out of its JSON."""
    try:
        values = json.loads(data)
        return BuildRecord(int(values["seq"]), int(values["at_ms"]), _event(values))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"a record of a build's log cannot be read: {error!r}") from None


def _event(values: Mapping[str, Any]) -> BuildEvent:
    kind = values["type"]
    if kind == "step":
        return Step(
            step=int(values["step"]),
            name=str(values["name"]),
            state=str(values["state"]),
            started_ms=values.get("started_ms"),
            completed_ms=values.get("completed_ms"),
            inputs=list(values.get("inputs") or []),
            error=values.get("error"),
        )
    if kind == "progress":
        current, total = int(values["current"]), int(values["total"])
        return Progress(int(values["step"]), str(values["id"]), current, total, bool(values["done"]))
    if kind == "log":
        return LogLine(int(values["line"]), int(values["step"]), int(values["stream"]), str(values["text"]))
    if kind == "warning":
        return BuildWarning(int(values["step"]), str(values["text"]))
    if kind == "notice":
        return Notice(str(values["text"]))
    if kind == "end":
        return BuildEnd(
            status=str(values["status"]),
            message=str(values["message"]),
            reason=values.get("reason"),
            step=values.get("step"),
            digest=values.get("digest"),
        )
    return UnknownEvent(str(kind))
