"""The log as lines, the same that the console writes to ``build.log`` and ``prtcli`` prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from .._text import visible_lines
from ..events import (
    CACHED,
    CANCELED,
    DONE,
    FAILED,
    BuildEnd,
    BuildRecord,
    BuildWarning,
    LogLine,
    Notice,
    Progress,
    Step,
)


class PlainLog:
    """Turns records into lines. Records must come in order."""

    def __init__(self) -> None:
        self._steps: dict[int, tuple[str, int | None]] = {}

    def render(self, record: BuildRecord) -> list[str]:
        """The lines of one record."""
        event = record.event
        if isinstance(event, Step):
            return self._step(event)
        if isinstance(event, Progress):
            return [f"#{event.step} {event.id} done"] if event.done else []
        if isinstance(event, LogLine):
            started = self._steps.get(event.step, ("", None))[1]
            since = max(record.at_ms - started, 0) if started is not None else 0
            return [f"#{event.step} {since // 1000}.{since % 1000:03} {event.text}"]
        if isinstance(event, BuildWarning):
            return [f"#{event.step} WARNING: {event.text}"]
        if isinstance(event, Notice):
            return [f"-- {event.text}"]
        if isinstance(event, BuildEnd):
            reason = f" ({event.reason})" if event.reason else ""
            digest = [f"-- digest {event.digest}"] if event.digest else []
            return [f"-- {event.status}{reason}: {event.message}", *digest]
        return []

    def _step(self, step: Step) -> list[str]:
        before = self._steps.get(step.step)
        self._steps[step.step] = (step.state, step.started_ms)
        lines = [] if before else [f"#{step.step} {step.name}"]
        if before and before[0] == step.state:
            return lines
        if step.state == DONE:
            known = step.completed_ms is not None and step.started_ms is not None
            took = max((step.completed_ms or 0) - (step.started_ms or 0), 0) if known else 0
            lines.append(f"#{step.step} DONE {took // 1000}.{took % 1000 // 100}s")
        elif step.state == FAILED:
            lines.append(f"#{step.step} ERROR: {step.error or 'failed'}")
        elif step.state in (CACHED, CANCELED):
            lines.append(f"#{step.step} {step.state.upper()}")
        return lines


class PlainDisplay:
    """Prints the log line by line."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._log = PlainLog()
        # On a terminal nothing is printed that it would act on; a file gets the log as it is.
        self._terminal = to.isatty()

    def take(self, records: Sequence[BuildRecord]) -> None:
        """Prints records."""
        self._write([line for record in records for line in self._log.render(record)])

    def remark(self, text: str | None) -> None:
        """Goes beside the log, so that the log itself stays whole."""
        if text:
            print(visible_lines(text), file=sys.stderr, flush=True)

    def tick(self) -> None:
        """Does nothing: lines stay as they are."""

    def finish(self) -> None:
        """Does nothing: all is printed."""

    def say(self, text: str) -> None:
        """Prints a last line."""
        self._write([text])

    def _write(self, lines: list[str]) -> None:
        if lines:
            text = "\n".join(lines) + "\n"
            self._to.write(visible_lines(text) if self._terminal else text)
            self._to.flush()
