"""What a worker tells of itself: its containers, its events, the ends of commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import _json_fields as read
from ._text import visible
from .errors import PrtError

TOOL = ("prt-agent", "tool")
"""Commands of the console's own program in the worker; the console knows where it is."""


@dataclass(frozen=True)
class Container:
    """One of a worker's containers."""

    role: str
    """``primary`` or ``builder``."""
    image: str
    state: str
    cpu: float
    total_mem_gb: float
    gpu: int
    exit_code: int | None
    error: str | None


@dataclass(frozen=True)
class WorkerEvent:
    """Something that happened to a worker."""

    time: datetime | None
    source: str
    kind: str
    message: str


@dataclass(frozen=True)
class ExecResult:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str
    truncated: bool
    """Whether output beyond 1 MiB was cut."""

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.exit_code == 0

    def check(self) -> ExecResult:
        """Itself, or an error if it failed."""
        if not self.ok:
            words = visible((self.stderr or self.stdout).strip()[-500:])
            raise PrtError(f"the command ended with exit code {self.exit_code}{f': {words}' if words else ''}")
        return self


def container_of(values: Mapping[str, Any]) -> Container:
    limits = values.get("limits")
    limits = limits if isinstance(limits, Mapping) else {}
    return Container(
        role=read.text(values, "role"),
        image=read.text(values, "image"),
        state=read.text(values, "state"),
        cpu=read.number(limits, "cpu_millis") / 1000,
        total_mem_gb=read.number(limits, "memory_mib") / 1024,
        gpu=read.number(limits, "gpus"),
        exit_code=read.maybe_number(values, "exit_code"),
        error=read.maybe_text(values, "error"),
    )
