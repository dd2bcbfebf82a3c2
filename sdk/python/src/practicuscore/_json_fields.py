"""Reading fields of the console's answers; a later console may send more, an earlier one less."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any


def text(values: Mapping[str, Any], name: str) -> str:
    """A text; empty if it is missing."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def maybe_text(values: Mapping[str, Any], name: str) -> str | None:
    """A text, or ``None``."""
    value = values.get(name)
    return value if isinstance(value, str) else None


def number(values: Mapping[str, Any], name: str) -> int:
    """A whole number; 0 if it is missing."""
    value = values.get(name)
    return value if isinstance(value, int) else 0


def maybe_number(values: Mapping[str, Any], name: str) -> int | None:
    """A whole number, or ``None``."""
    value = values.get(name)
    return value if isinstance(value, int) else None


def flag(values: Mapping[str, Any], name: str) -> bool:
    """Whether something is so."""
    return values.get(name) is True


def moment(values: Mapping[str, Any], name: str) -> datetime | None:
    """A time in UTC out of milliseconds since 1970."""
    value = values.get(name)
    return datetime.fromtimestamp(value / 1000, timezone.utc) if isinstance(value, int) else None
