"""What a build's records add up to: its steps, their transfers and the last lines of each."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .._text import last_overwrite, visible
from ..events import CACHED, WAITING, BuildEnd, BuildRecord, BuildWarning, LogLine, Notice, Progress, Step

KEPT = 50
"""Lines kept of a step, for the display at the end if it fails."""


@dataclass
class StepSeen:
    """A step and what it has said."""

    step: Step
    transfers: dict[str, Progress] = field(default_factory=dict)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    lines: int = 0


@dataclass
class BuildSeen:
    """The build so far. Its texts are safe to print, but not yet safe as HTML."""

    steps: dict[int, StepSeen] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    end: BuildEnd | None = None
    first_ms: int = 0
    last_ms: int = 0

    def take(self, record: BuildRecord) -> None:
        """Takes the next record."""
        self.first_ms = self.first_ms or record.at_ms
        self.last_ms = max(self.last_ms, record.at_ms)
        event = record.event
        if isinstance(event, Step):
            self._seen(event.step).step = event
        elif isinstance(event, Progress):
            self._seen(event.step).transfers[visible(event.id)] = event
        elif isinstance(event, LogLine):
            seen = self._seen(event.step)
            seen.lines += 1
            seen.tail.append(last_overwrite(event.text))
        elif isinstance(event, BuildWarning):
            self.warnings.append(visible(event.text))
        elif isinstance(event, Notice):
            self.notices.append(visible(event.text))
        elif isinstance(event, BuildEnd):
            self.end = event

    def _seen(self, number: int) -> StepSeen:
        # A line can come before its step's name.
        return self.steps.setdefault(number, StepSeen(Step(number, "", WAITING)))

    def counts(self) -> tuple[int, int, int]:
        """Steps that are over, of them from the cache, and all."""
        states = [seen.step for seen in self.steps.values()]
        return sum(step.is_over for step in states), sum(step.state == CACHED for step in states), len(states)
