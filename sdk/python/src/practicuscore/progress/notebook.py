"""A build in a notebook: one area below the cell that is drawn again in place. IPython is needed only here."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Sequence
from typing import Any

from .._text import byte_size, duration, visible
from ..events import CACHED, CANCELED, DONE, FAILED, RUNNING, WAITING, BuildRecord, Progress
from .plain import PlainLog
from .state import BuildSeen, StepSeen

_FRAME = 0.25
"""Seconds between frames; each one travels to the browser as a message."""
_TAIL = 6
"""Lines of output, and transfers, shown of a running step."""

# The notebook's own colours where it has some, so that light and dark both fit.
_QUIET = "color:var(--jp-content-font-color2,#6b7280)"
_COLORS = {
    WAITING: _QUIET,
    RUNNING: "color:var(--jp-brand-color1,#1976d2)",
    CACHED: "color:var(--jp-info-color1,#0288d1)",
    DONE: "color:var(--jp-success-color1,#2e7d32)",
    FAILED: "color:var(--jp-error-color1,#c62828)",
    CANCELED: "color:var(--jp-warn-color1,#b26a00)",
}
_MARKS = {WAITING: "○", RUNNING: "◐", CACHED: "◆", DONE: "✔", FAILED: "✖", CANCELED: "■"}
_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)"


def in_notebook() -> bool:
    """Whether this runs in a kernel, whose front end can draw."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class Area:
    """A place below the cell whose content can be replaced."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, markup: str, text: str) -> None:
        """Puts HTML there, with plain text for front ends that show none."""
        from IPython import display as ipython

        bundle = {"text/html": markup, "text/plain": text}
        if self._handle is None:
            display: Any = ipython.display
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def show_text(self, text: str) -> None:
        """Puts a line there."""
        self.show(f'<div role="status" style="{_MONO}">{html.escape(text)}</div>', text)

    def show_link(self, text: str, url: str) -> None:
        """Puts a link there that opens beside the notebook."""
        href = html.escape(url, quote=True)
        self.show(f'<a href="{href}" target="_blank" rel="noopener noreferrer">{html.escape(text)}</a>', url)


class NotebookDisplay:
    """The live view of a build."""

    def __init__(self) -> None:
        self._area = Area()
        self._seen = BuildSeen()
        self._log = PlainLog()
        self._last: list[str] = []
        self._remark: str | None = None
        self._said: list[str] = []
        self._drawn = 0.0
        self._received = time.monotonic()
        self._ended = False

    def take(self, records: Sequence[BuildRecord]) -> None:
        """Adds records to what is shown next."""
        for record in records:
            self._seen.take(record)
            # For front ends without HTML: the end of the log is what matters when all is over.
            self._last = [*self._last, *self._log.render(record)][-40:]
        self._received = time.monotonic()

    def remark(self, text: str | None) -> None:
        """Stands beside the title, at once: it may be the last thing that is drawn."""
        if text != self._remark:
            self._remark = text
            self._draw()

    def tick(self) -> None:
        """Draws again if it is time."""
        now = time.monotonic()
        if not self._ended and now - self._drawn >= _FRAME:
            self._drawn = now
            self._draw()

    def finish(self) -> None:
        """Draws what stays in the notebook."""
        self._ended = True
        self._draw()

    def say(self, text: str) -> None:
        """Adds a line below."""
        self._said.append(text)
        self._draw()

    def _draw(self) -> None:
        # The two machines' clocks may differ: from the last record on, the build's own clock is guessed.
        now_ms = self._seen.last_ms + (time.monotonic() - self._received) * 1000
        markup = render(self._seen, now_ms, self._remark, self._said)
        self._area.show(markup, "\n".join([*map(visible, self._last), *self._said]) or "Building…")


def render(build: BuildSeen, now_ms: float, remark: str | None = None, said: Sequence[str] = ()) -> str:
    """The picture of a build as HTML. All text in it is escaped."""
    parts = [_head(build, now_ms, remark)]
    parts += [f'<div style="{_QUIET}">{html.escape(notice)}</div>' for notice in build.notices]
    for _, seen in sorted(build.steps.items()):
        if seen.step.state != WAITING or seen.lines:
            parts.append(_step(seen, now_ms))
    parts += [f'<div style="{_COLORS[CANCELED]}">warning: {html.escape(text)}</div>' for text in build.warnings]
    if build.end and build.end.status != "Succeeded":
        reason = f" ({build.end.reason})" if build.end.reason else ""
        words = f"{build.end.status}{reason}: {visible(build.end.message)}"
        parts.append(f'<div style="{_COLORS[FAILED]};white-space:pre-wrap">{html.escape(words)}</div>')
    parts += [f'<div style="white-space:pre-wrap">{html.escape(line)}</div>' for line in said]
    return f'<div role="status" style="{_MONO};line-height:1.5">{"".join(parts)}</div>'


def _head(build: BuildSeen, now_ms: float, remark: str | None) -> str:
    over, cached, known = build.counts()
    if build.end is None:
        word, color, took = "Building", _COLORS[RUNNING], now_ms - build.first_ms
    else:
        color = {"Succeeded": _COLORS[DONE], "Canceled": _COLORS[CANCELED]}.get(build.end.status, _COLORS[FAILED])
        word, took = build.end.status, build.last_ms - build.first_ms
    from_cache = f", {cached} cached" if cached else ""
    steps = f"{over} of {known} steps{from_cache}, {duration(took if build.first_ms else 0)}"
    title = f'<b style="{color}">{html.escape(word)}</b> <span style="{_QUIET}">{steps}</span>'
    if remark:
        title += f' <span style="{_COLORS[CANCELED]}">{html.escape(visible(remark))}</span>'
    bar = _bar(over / known if known else 0.0, color) if build.end is None else ""
    return f"<div>{title} {bar}</div>"


def _step(seen: StepSeen, now_ms: float) -> str:
    step = seen.step
    color, mark = _COLORS.get(step.state, _QUIET), _MARKS.get(step.state, "○")
    took = ""
    if step.started_ms is not None and step.state != CACHED:
        took = duration((step.completed_ms if step.completed_ms is not None else now_ms) - step.started_ms)
    word = "" if step.state in (RUNNING, DONE) else f"{step.state.upper()} "
    lines = [
        f'<div><span style="{color}">{mark} {word}</span>{html.escape(visible(step.name))} '
        f'<span style="{_QUIET}">{took}</span></div>'
    ]
    if not step.is_over:
        active = [item for item in seen.transfers.items() if not item[1].done]
        lines += [_transfer(name, progress) for name, progress in active[-_TAIL:]]
    shown = seen.tail if step.state == FAILED else list(seen.tail)[-_TAIL:]
    if shown and (step.state == FAILED or not step.is_over):
        hidden = f"({seen.lines - len(shown)} earlier lines)\n" if seen.lines > len(shown) else ""
        text = html.escape(hidden + "\n".join(shown))
        lines.append(f'<pre style="{_QUIET};{_MONO};margin:0 0 0 2em;white-space:pre-wrap">{text}</pre>')
    return "".join(lines)


def _transfer(name: str, progress: Progress) -> str:
    amount = byte_size(progress.current)
    bar = ""
    if progress.total > 0:
        amount = f"{amount} / {byte_size(progress.total)}"
        bar = _bar(min(max(progress.current, 0) / progress.total, 1.0), _COLORS[RUNNING])
    return f'<div style="{_QUIET};margin-left:2em">{html.escape(name)} {bar} {amount}</div>'


def _bar(share: float, color: str) -> str:
    inside = f'<span style="{color};display:block;height:100%;width:{share * 100:.1f}%;background:currentColor"></span>'
    return (
        '<span style="display:inline-block;width:10em;height:.6em;border-radius:.3em;overflow:hidden;'
        f'background:var(--jp-layout-color3,#bdbdbd)">{inside}</span>'
    )
