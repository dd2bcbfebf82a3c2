"""A running build for people: an area that updates in place in a notebook, plain lines everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from ..errors import UsageError
from ..events import BuildRecord
from .notebook import NotebookDisplay, in_notebook
from .plain import PlainDisplay

MODES = ("auto", "notebook", "plain", "none")


class Display(Protocol):
    """Where the records of a build go."""

    def take(self, records: Sequence[BuildRecord]) -> None:
        """Takes records in their order."""

    def remark(self, text: str | None) -> None:
        """Says what is going on with the connection or the cancellation; ``None`` = all is well again."""

    def tick(self) -> None:
        """Draws again, if this is something that is drawn."""

    def finish(self) -> None:
        """Draws what stays."""

    def say(self, text: str) -> None:
        """Says something beside the log."""


class NoDisplay:
    """Shows nothing."""

    def take(self, records: Sequence[BuildRecord]) -> None:
        """Takes them and does nothing."""

    def remark(self, text: str | None) -> None:
        """Keeps silent."""

    def tick(self) -> None:
        """Draws nothing."""

    def finish(self) -> None:
        """Leaves nothing."""

    def say(self, text: str) -> None:
        """Keeps silent."""


def check_mode(mode: str) -> None:
    """Refuses what is no mode, before anything is started."""
    if mode not in MODES:
        raise UsageError(f"progress is one of {', '.join(MODES)}, not {mode!r}")


def display_for(mode: str) -> Display:
    """The display that a mode asks for."""
    check_mode(mode)
    if mode == "none":
        return NoDisplay()
    if mode == "notebook" or (mode == "auto" and in_notebook()):
        return NotebookDisplay()
    return PlainDisplay(sys.stdout)
