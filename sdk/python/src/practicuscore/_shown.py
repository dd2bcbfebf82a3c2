"""What is shown of a worker: its start while it is waited for, and the link to its notebook."""

from __future__ import annotations

import os
import sys
import webbrowser

from ._text import visible
from .progress.notebook import Area, in_notebook


class Starting:
    """What is going on while a worker starts: in place in a notebook, on a line each on a terminal."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._said = ""
        self._area = Area() if in_notebook() else None

    def end(self, message: str) -> None:
        # A worker that was ready before anybody waited needs no words.
        if self._said:
            self.show(message)

    def show(self, message: str) -> None:
        if not message or message == self._said:
            return
        self._said = message
        text = visible(f"{self._worker}: {message}")
        if self._area is not None:
            self._area.show_text(text)
        elif sys.stderr.isatty():
            print(text, file=sys.stderr, flush=True)


def open_link(name: str, url: str) -> None:
    """From a notebook a link, from a desktop the browser."""
    if in_notebook():
        Area().show_link(f"Open the notebook of {name}", url)
        return
    print(url)
    # A text browser would take the terminal over.
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
