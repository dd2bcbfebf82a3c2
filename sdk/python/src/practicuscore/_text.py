"""Text for people: numbers, and lines from elsewhere made safe for a terminal (shown, not obeyed)."""

from __future__ import annotations

import re
import sys
import unicodedata

# CSI; strings (OSC, DCS, SOS, PM, APC) up to their terminator; short sequences; what is left of ESC.
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[ -?]*[@-~]?|\x1b[\\]PX^_](?:[^\x07\x9c\x1b]|\x1b(?!\\\\))*(?:\x07|\x9c|\x1b\\\\)?|\x1b[ -/]*[0-~]?"
)
_DIRECTION = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def visible(text: str) -> str:
    """The text without anything that a terminal would act on. Tabs become spaces, controls become visible."""
    if text.isprintable() and not _DIRECTION.intersection(text):
        return text
    return "".join(map(_shown, _SEQUENCE.sub("", text)))


def last_overwrite(line: str) -> str:
    """As :func:`visible`, for a line that its program overwrites: what is to be seen after the last return."""
    return visible(line.rstrip("\r").rsplit("\r", 1)[-1])


def visible_lines(text: str) -> str:
    """As :func:`visible`, for a text of several lines."""
    return "\n".join(visible(line[:-1] if line.endswith("\r") else line) for line in text.split("\n"))


def _shown(c: str) -> str:
    if c == "\t":
        return "    "
    if c < " " or c == "\x7f":
        # U+2400 to U+2421 are the pictures of the control characters.
        return "\u2421" if c == "\x7f" else chr(0x2400 + ord(c))
    if c in _DIRECTION or unicodedata.category(c) == "Cc":
        return "\ufffd"
    return c


def say(text: str) -> None:
    """Says something beside a program's output."""
    print(text, file=sys.stderr, flush=True)


def duration(ms: float) -> str:
    """``0.4s``, ``12.3s``, ``2m05s``, ``1h02m``."""
    whole = max(int(ms), 0)
    seconds = whole // 1000
    if seconds < 60:
        return f"{seconds}.{whole % 1000 // 100}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"


def byte_size(count: float) -> str:
    """``812B``, ``1.2kB``, ``34.0MB``: powers of 1000, as BuildKit shows them."""
    value = max(float(count), 0.0)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f}B" if unit == "B" else f"{value:.1f}{unit}"
        value /= 1000
    return f"{value:.1f}GB"
