"""What can go wrong.

Every error has ``code``, ``hint``, ``fields`` and ``request_id``. An answer of the console is an :class:`ApiError`; its text is
the one that the web console and ``prtcli`` show for the same request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a request."""

    field: str
    """Its path as the request spells it, e.g. ``image_config.builder_capacity``."""
    message: str
    """What is wrong with it."""


class PrtError(Exception):
    """The base of all errors of this package."""

    code: str | None = None
    """The kind in one word, e.g. ``forbidden``; ``None`` if the console had no part in it."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        fields: Sequence[FieldError] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = list(fields)
        self.request_id = request_id

    @property
    def text(self) -> str:
        """The message, then each wrong field on a line."""
        return "".join([self.message, *(f"\n  {field.field}: {field.message}" for field in self.fields)])

    def field(self, name: str) -> str | None:
        """Tells what is wrong with one field, if something is."""
        return next((field.message for field in self.fields if field.field == name), None)

    def __str__(self) -> str:
        return f"{self.text}\n\nhint: {self.hint}" if self.hint else self.text


class ApiError(PrtError):
    """The console answered with an error."""

    status: int = 0
    """The HTTP status."""


class InvalidInputError(ApiError):
    """The request makes no sense; ``fields`` says where. Nothing was changed."""

    code = "invalid_input"


class UnauthenticatedError(ApiError):
    """Nobody is logged in, or the token is unknown, has ended or was revoked."""

    code = "unauthenticated"


class ForbiddenError(ApiError):
    """Known who, but not allowed."""

    code = "forbidden"


class NotFoundError(ApiError):
    """There is no such thing, or it is not for these eyes."""

    code = "not_found"


class NotSupportedError(NotFoundError):
    """The console has no such endpoint: it is older than this package."""


class GoneError(NotFoundError):
    """It was deleted because it was older than its retention rule, such as the log of an old build."""

    code = "gone"


class AlreadyExistsError(ApiError):
    """The name is taken."""

    code = "already_exists"


class ConflictError(ApiError):
    """Right request, wrong moment: another build runs, the worker has ended."""

    code = "conflict"


class UnavailableError(ApiError):
    """Something that the console needs does not answer now: the engine, a registry, the database."""

    code = "unavailable"


class InternalError(ApiError):
    """The console's fault; its log has more under ``request_id``."""

    code = "internal"


class ConnectionFailedError(PrtError):
    """No answer: the name does not resolve, nobody listens, the connection broke, it took too long."""

    sent: bool = True
    """Whether the request may have reached the console."""
    timed_out: bool = False
    """Whether there was a connection, and nothing came for too long."""


class ProtocolError(PrtError):
    """An answer that is not the console's: a proxy's error page, another server, an unreadable body."""

    status: int | None = None
    """The HTTP status, if there was one."""


class UsageError(PrtError, ValueError):
    """A call that cannot be meant, found before anything was sent."""

    code = "invalid_input"


class NotOnAWorkerError(PrtError):
    """The call makes sense only inside of a worker."""


class WorkerFailedError(PrtError):
    """A worker did not start or has ended."""


class WorkerNotReadyError(PrtError, TimeoutError):
    """A worker was not ready in time. It goes on, so that it can be looked into."""


class CommandTimeoutError(PrtError, TimeoutError):
    """A command in a worker did not end in time."""


class ChangedError(UsageError):
    """A file changed while it was read or sent."""


_BY_CODE: dict[str, type[ApiError]] = {
    kind.code: kind
    for kind in (
        InvalidInputError,
        UnauthenticatedError,
        ForbiddenError,
        NotFoundError,
        GoneError,
        AlreadyExistsError,
        ConflictError,
        UnavailableError,
        InternalError,
    )
    if kind.code is not None
}

_LOG_IN = "log in with `prtcli login --url URL --username NAME` or practicuscore.login(...), or set PRT_TOKEN"


def api_error(body: Any, status: int, asked: str) -> ApiError | None:
    """The console's error in an answer's body; ``None`` if the body is none. ``asked`` is the method and path."""
    if not isinstance(body, Mapping):
        return None
    code, message = body.get("code"), body.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    hint = body.get("hint") if isinstance(body.get("hint"), str) else None
    wrong = [
        FieldError(str(field.get("field", "")), str(field.get("message", "")))
        for field in body.get("fields") or []
        if isinstance(field, Mapping)
    ]
    kind = _BY_CODE.get(code, ApiError)
    # Only the answer for an unknown address points at the list of addresses.
    if kind is NotFoundError and hint and "openapi.json" in hint:
        kind, message = NotSupportedError, f"{message} ({asked})"
    if hint is None and kind is UnauthenticatedError:
        hint = _LOG_IN
    error = kind(message, hint=hint, fields=wrong, request_id=str(body.get("request_id") or "") or None)
    error.code = code
    error.status = status
    return error
