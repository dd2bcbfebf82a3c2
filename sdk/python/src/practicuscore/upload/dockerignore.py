"""``.dockerignore``: which paths of a context stay here. The last pattern that matches a path, or a folder above it, decides."""

from __future__ import annotations

from ..errors import UsageError
from .pattern import BadPatternError, Pattern

Matched = list[bool]
"""Which patterns match a folder: they match all below it too."""


class Dockerignore:
    """The patterns of a file, in its order; each may be an exception (``!``)."""

    def __init__(self, text: str = "", name: str = ".dockerignore") -> None:
        self._patterns: list[tuple[Pattern, bool]] = []
        lines = text[1:] if text.startswith("\ufeff") else text
        for number, line in enumerate(lines.split("\n"), 1):
            # Docker looks for `#` before it trims, so ` #x` is a pattern.
            if line.startswith("#") or not line.strip():
                continue
            pattern = line.strip()
            exception = pattern.startswith("!")
            if exception:
                pattern = pattern[1:].strip()
                if not pattern:
                    raise UsageError(f"{name}, line {number}: `!` without a pattern")
            cleaned = clean(pattern)
            if len(cleaned) > 1:
                cleaned = cleaned[1:] if cleaned.startswith("/") else cleaned
            try:
                self._patterns.append((Pattern(cleaned), exception))
            except BadPatternError as error:
                raise UsageError(f"{name}, line {number}: `{pattern}`: {error}") from None

    def root(self) -> Matched:
        """What is true above the context's root."""
        return [False] * len(self._patterns)

    def check(self, path: str, folder: Matched) -> tuple[bool, Matched]:
        """Whether a path is left out, given what its folder matched, and what that means for paths below.

        Done as BuildKit does it, to the letter: a pattern that could not change the outcome for a folder is not looked at and
        does not count as the folder's match later. What this sends is thus neither less nor more than what BuildKit reads.
        """
        ignored = False
        matched = self.root()
        for at, (pattern, exception) in enumerate(self._patterns):
            if folder[at] or (exception == ignored and pattern.matches(path)):
                matched[at] = True
                ignored = not exception
        return ignored, matched

    def has_exception_below(self, folder: str) -> bool:
        """Whether something below a folder that is left out may be sent all the same."""
        return any(exception and pattern.can_match_below(folder) for pattern, exception in self._patterns)


def clean(path: str) -> str:
    """Go's ``path.Clean``: the shortest equal path, by text alone."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not rooted:
            parts.append(part)
    return "/" + "/".join(parts) if rooted else "/".join(parts) or "."
