"""One pattern of a ``.dockerignore``, with Docker's meaning: Go's ``filepath.Match`` and ``**``, against the whole path.

A plain pattern, as most are, is a regular expression. That could take too long for others: they walk the path once with the set
of places in the pattern that it can be at, so no pattern makes it slow.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Union


class BadPatternError(ValueError):
    """A pattern that makes no sense."""

    def __init__(self) -> None:
        super().__init__("the pattern is not complete or has a bad [range]")


class _Class:
    """``[a-z]``. As in Docker, a negated one matches ``/`` too."""

    def __init__(self, negated: bool, ranges: list[tuple[str, str]]) -> None:
        self.negated = negated
        self.ranges = ranges

    def expression(self) -> str:
        inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in self.ranges)
        return f"[{'^' * self.negated}{inside}]"

    def matches(self, c: str) -> bool:
        return any(low <= c <= high for low, high in self.ranges) != self.negated


# Tokens: a character stands for itself as ("x",); the others are:
_ANY = "?"  # any character but /
_STAR = "*"  # characters other than /
_ENTER, _INSIDE = (
    "**/",
    "**+",
)  # ** in the middle: nothing, or anything that ends in /; two places, before it and inside of it
_REST = "**"  # ** at the end: anything
_Token = Union[tuple[str], str, _Class]
_EXPRESSIONS = {_ANY: "[^/]", _STAR: "[^/]*", _ENTER: "(?:.*/)?", _INSIDE: "", _REST: ".*"}
_FEW = 2
"""So many wild parts a regular expression may have: each multiplies its worst time by the length of the path."""


class Pattern:
    """A pattern, cleaned of ``.``, ``..`` and doubled slashes."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = _tokens(source)
        # ** and then plain characters only: Docker compares ends then, so `**file` matches `my-file`.
        end = source[2:] if source.startswith("**") else None
        self._ends_with: str | None = end if end is not None and not set(end) & set("*?[]\\") else None

        wild = [token for token in self._tokens if token in (_STAR, _ENTER, _REST)]
        self._plain: re.Pattern[str] | None = None
        if len(wild) <= _FEW:
            self._plain = re.compile("".join(map(_expression, self._tokens)), re.DOTALL)

    def matches(self, path: str) -> bool:
        """Whether the whole path matches."""
        if self._ends_with is None and self._plain is not None:
            return self._plain.fullmatch(path) is not None
        return self.walks(path)

    def walks(self, path: str) -> bool:
        """As ``matches``, place by place."""
        if self._ends_with is not None:
            return path.endswith(self._ends_with) or self._ends_with == f"/{path}"
        places = self._reach([0])
        for c in path:
            if not places:
                return False
            places = self._reach(self._step(places, c))
        return len(self._tokens) in places

    def can_match_below(self, folder: str) -> bool:
        """Whether something below this folder can match. May say yes too often, never no wrongly."""
        for name, part in zip(folder.split("/"), self._source.split("/")):
            # A `**`, or a class that can match a slash, can stand for any number of folders.
            if "**" in part or "[" in part:
                return True
            try:
                if not _pattern(part).matches(name):
                    return False
            except BadPatternError:
                continue
        # One is a beginning of the other: all below is the pattern's, or can be.
        return True

    def _step(self, places: Iterable[int], c: str) -> list[int]:
        reached = []
        for at in places:
            token = self._tokens[at] if at < len(self._tokens) else None
            if isinstance(token, tuple):
                if token[0] == c:
                    reached.append(at + 1)
            elif isinstance(token, _Class):
                if token.matches(c):
                    reached.append(at + 1)
            elif token == _ANY and c != "/":
                reached.append(at + 1)
            elif (token == _STAR and c != "/") or token == _REST:
                reached.append(at)
            elif token == _INSIDE:
                reached.append(at)
                if c == "/":
                    reached.append(at + 1)
        return reached

    def _reach(self, places: Iterable[int]) -> set[int]:
        """The places and those that are reached from them without a character."""
        reached: set[int] = set()
        waiting = list(places)
        while waiting:
            at = waiting.pop()
            if at in reached:
                continue
            reached.add(at)
            token = self._tokens[at] if at < len(self._tokens) else None
            if token in (_STAR, _REST):
                waiting.append(at + 1)
            elif token == _ENTER:
                waiting += [at + 1, at + 2]
        return reached


@functools.lru_cache(maxsize=4096)
def _pattern(source: str) -> Pattern:
    return Pattern(source)


def _expression(token: _Token) -> str:
    if isinstance(token, _Class):
        return token.expression()
    return re.escape(token[0]) if isinstance(token, tuple) else _EXPRESSIONS[token]


def _tokens(source: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(source):
        c = source[at]
        at += 1
        if c == "*":
            if source[at : at + 1] != "*":
                tokens.append(_STAR)
                continue
            # `**/` is as `**`: the slash belongs to what it stands for.
            at += 2 if source[at + 1 : at + 2] == "/" else 1
            tokens += [_REST] if at >= len(source) else [_ENTER, _INSIDE]
        elif c == "?":
            tokens.append(_ANY)
        elif c == "[":
            token, at = _class(source, at)
            tokens.append(token)
        elif c == "\\":
            if at == len(source):
                raise BadPatternError
            tokens.append((source[at],))
            at += 1
        else:
            tokens.append((c,))
    return tokens


def _class(source: str, at: int) -> tuple[_Class, int]:
    """The inside of ``[…]``, with Go's grammar: at least one range, ``]`` and ``-`` only escaped."""
    negated = source[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and source[at : at + 1] == "]"):
        low, at = _class_char(source, at)
        high = low
        if source[at : at + 1] == "-":
            high, at = _class_char(source, at + 1)
        if low > high:
            raise BadPatternError
        ranges.append((low, high))
    return _Class(negated, ranges), at + 1


def _class_char(source: str, at: int) -> tuple[str, int]:
    c = source[at : at + 1]
    if c == "\\":
        at += 1
        c = source[at : at + 1]
        if not c:
            raise BadPatternError
    elif c in ("", "]", "-"):
        raise BadPatternError
    return c, at + 1
