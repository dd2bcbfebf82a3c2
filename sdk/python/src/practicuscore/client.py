"""The connection to a console: address, token, errors, time limits, and what is tried again."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Callable, Union
from urllib.parse import quote, urlsplit

import httpx

from ._text import visible
from ._version import __version__
from .errors import (
    ApiError,
    ConnectionFailedError,
    ProtocolError,
    PrtError,
    UnavailableError,
    UsageError,
    api_error,
)

if TYPE_CHECKING:
    from types import TracebackType

CALL_TIMEOUT = 60.0
"""How long an ordinary call may take, in seconds."""
PATIENT_TIMEOUT = 600.0
"""How long a call may take in which the console asks registries or removes containers."""
_CONNECT_TIMEOUT = 10.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Before each further try of a call that may be repeated."""
_LONG_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 10.0, 10.0, 15.0, 15.0, 15.0)
"""The same for uploads and starts: a console that is restarted, also on another machine, is back within these."""
_PATIENCE = 90.0
"""Seconds after which no further try of those begins, however long each took."""
_FOREIGN_BODY_SHOWN = 200
_PROXY_TROUBLE = frozenset({429, 502, 503, 504})

Query = Mapping[str, Union[str, int, bool, None]]
Body = Union[bytes, Iterable[bytes]]
Say = Callable[[str], None]
"""Says to the user what is going on."""


class Patience:
    """Further tries of one thing after errors that pass, with growing pauses."""

    def __init__(self, pauses: Iterable[float] | None = None, say: Say | None = None) -> None:
        self._pauses = iter(_LONG_PAUSES if pauses is None else pauses)
        self._say = say
        self._end: float | None = None

    def again(self, error: PrtError) -> bool:
        """Waits before another try; ``False`` = that was the last one."""
        pause, now = next(self._pauses, None), time.monotonic()
        # From the first error on: what took long until then may take long again.
        self._end = self._end or now + _PATIENCE
        if pause is None or now + pause > self._end:
            return False
        if self._say is not None:
            self._say(f"{visible(error.message.rstrip('.'))}; trying again…")
            self._say = None
        time.sleep(pause)
        return True


class Client:
    """A client of one console. It can be shared between threads."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"`{url}` is not the URL of a console: it starts with http:// or https://")
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._token = token
        headers = {"x-prt-door": "sdk", "user-agent": f"practicuscore/{__version__}"}
        if token:
            # Such a token would make a header of its own, or none that can be sent.
            if not token.isascii() or not token.isprintable():
                raise UsageError("the API token contains characters that no token has")
            headers["authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(CALL_TIMEOUT, connect=_CONNECT_TIMEOUT),
            verify=_tls() if parts.scheme == "https" else False,
            # A redirected POST would become a GET, so a redirect is told as such and not followed.
            follow_redirects=False,
        )
        self._server: dict[str, Any] | None = None
        self._met = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Client({self.url!r}, {'with' if self._token else 'without'} a token)"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    # --- calls --------------------------------------------------------------------------------------------------------

    def get(self, *path: str, query: Query | None = None, timeout: float = CALL_TIMEOUT) -> Any:
        """The JSON of an endpoint; asked for again when the way to it fails."""
        return self._json(self._repeat("GET", path, query=query, timeout=timeout))

    def get_bytes(self, *path: str, query: Query | None = None, timeout: float = PATIENT_TIMEOUT) -> bytes:
        """The bytes of an endpoint; asked for again when the way to it fails."""
        return self._repeat("GET", path, query=query, timeout=timeout).content

    def post(
        self,
        *path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = PATIENT_TIMEOUT,
        repeatable: bool = False,
    ) -> Any:
        """Sends JSON and gives the answer's. Only a ``repeatable`` call is sent again after the connection broke."""
        send = self._repeat if repeatable else self._once
        return self._json(send("POST", path, json_body=body or {}, timeout=timeout))

    def create(self, *path: str, body: Mapping[str, Any], say: Say | None = None) -> Any:
        """Sends JSON that makes something new, once.

        It carries an idempotency key, so a console that knows such keys is asked again when the connection broke or it restarts.
        With one that does not, nobody could tell whether a second try would make a second one.
        """
        headers = {"idempotency-key": str(uuid.uuid4())}
        # A console that never answered may not be there at all.
        patience = Patience(None if self._met else _PAUSES, say)
        made = False
        while True:
            try:
                return self._json(self._once("POST", path, json_body=body, headers=headers, timeout=PATIENT_TIMEOUT))
            except PrtError as error:
                if not is_temporary(error):
                    raise
                made = made or _may_have_made(error)
                if (made and not self._knows_keys(patience)) or not patience.again(error):
                    if made:
                        error.hint = "it may have been started all the same: look at the list before you try again"
                    raise

    def put(
        self,
        *path: str,
        body: Body | Callable[[], Iterable[bytes]],
        content_type: str,
        query: Query | None = None,
        say: Say | None = None,
    ) -> Any:
        """Sends bytes.

        An iterator's bytes can be sent only once. Others are sent again when the way fails; those that a function can repeat, for
        as long as a restart takes.
        """
        headers = {"content-type": content_type}
        patience = Patience(say=say)
        while True:
            content = body() if callable(body) else body
            send = self._repeat if isinstance(content, bytes) else self._once
            try:
                # No limit on the whole, but on the time in which nothing moves.
                answer = send("PUT", path, query=query, content=content, headers=headers, timeout=PATIENT_TIMEOUT)
            except PrtError as error:
                if callable(body) and is_temporary(error) and patience.again(error):
                    continue
                raise
            return self._json(answer) if answer.content else None

    def put_json(self, *path: str, body: Mapping[str, Any], timeout: float = PATIENT_TIMEOUT) -> Any:
        """Replaces something by JSON."""
        return self._json(self._repeat("PUT", path, json_body=body, timeout=timeout))

    def delete(self, *path: str) -> None:
        """Removes something."""
        self._repeat("DELETE", path, timeout=CALL_TIMEOUT)

    @contextlib.contextmanager
    def events(self, *path: str, last_event_id: int, silence: float) -> Iterator[Iterator[bytes]]:
        """The bytes of an event stream as they come; ``silence`` is the longest time without any."""
        headers = {"accept": "text/event-stream", "last-event-id": str(last_event_id), "cache-control": "no-store"}
        timeout = httpx.Timeout(silence, connect=_CONNECT_TIMEOUT)
        with (
            self._translated(silence),
            self._http.stream("GET", self._address(path), headers=headers, timeout=timeout) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise self._problem(answer)
            kind = answer.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise ProtocolError(f"the events of {'/'.join(path)} came as `{kind}`")
            yield answer.iter_bytes()

    def server(self) -> dict[str, Any]:
        """What the console says of itself; asked for once."""
        with self._lock:
            if self._server is None:
                self._server = as_object(self.get("server"))
            return self._server

    def _knows_keys(self, patience: Patience) -> bool:
        """Whether the console knows idempotency keys; waits for one that does not answer."""
        while True:
            try:
                return bool(self.server().get("idempotency_keys"))
            except PrtError as error:
                if not (is_temporary(error) and patience.again(error)):
                    return False

    # --- inside -------------------------------------------------------------------------------------------------------

    def _address(self, path: tuple[str, ...]) -> str:
        return "/".join([self.url, "api", "v1", *(quote(segment, safe="") for segment in path)])

    def _repeat(self, method: str, path: tuple[str, ...], **options: Any) -> httpx.Response:
        for pause in _PAUSES:
            try:
                return self._once(method, path, **options)
            except PrtError as error:
                if not is_temporary(error):
                    raise
            time.sleep(pause)
        return self._once(method, path, **options)

    def _once(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Query | None = None,
        json_body: Mapping[str, Any] | None = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = CALL_TIMEOUT,
    ) -> httpx.Response:
        sent = dict(headers or {})
        if json_body is not None:
            # Not by httpx, which would write NaN, which is no JSON.
            try:
                content = json.dumps(json_body, allow_nan=False, separators=(",", ":")).encode()
            except (TypeError, ValueError) as error:
                raise UsageError(f"the request cannot be written as JSON: {error}") from None
            sent["content-type"] = "application/json"
        params = {name: _query_text(value) for name, value in (query or {}).items() if value is not None}
        limit = httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT)
        with self._translated(timeout):
            answer = self._http.request(method, self._address(path), params=params, content=content, headers=sent, timeout=limit)
        self._met = True
        if answer.is_success:
            return answer
        raise self._problem(answer)

    @contextlib.contextmanager
    def _translated(self, limit: float | None) -> Iterator[None]:
        hint = "check PRT_URL (or the saved login) and that the console runs"
        try:
            yield
        except httpx.ConnectTimeout as error:
            message = f"cannot reach {self.url}: no connection within {_CONNECT_TIMEOUT:.0f} s"
            raise _failed(ConnectionFailedError(message, hint=hint), sent=False) from error
        except httpx.TimeoutException as error:
            message = f"cannot reach {self.url}: nothing received for {limit or 0:g} s"
            raise _failed(ConnectionFailedError(message, hint=hint), timed_out=True) from error
        except httpx.ConnectError as error:
            message = f"cannot reach {self.url}: {_cause(error)}"
            raise _failed(ConnectionFailedError(message, hint=hint), sent=False) from error
        except httpx.TransportError as error:
            raise ConnectionFailedError(f"cannot reach {self.url}: {_cause(error)}", hint=hint) from error
        except httpx.HTTPError as error:
            raise ProtocolError(f"the answer of {self.url} cannot be read: {_cause(error)}") from error

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise self._protocol_error(
                f"the answer of {self.url} is not what was expected (is it a prt-console of this version?): {error}",
                answer,
            ) from None

    def _problem(self, answer: httpx.Response) -> PrtError:
        body: Any = None
        with contextlib.suppress(ValueError):
            body = answer.json()
        asked = f"{answer.request.method} {answer.request.url.path}"
        return api_error(body, answer.status_code, asked) or self._protocol_error(self._foreign(answer), answer)

    def _protocol_error(self, message: str, answer: httpx.Response) -> ProtocolError:
        error = ProtocolError(message)
        error.status = answer.status_code
        return error

    def _foreign(self, answer: httpx.Response) -> str:
        """Words for an error that the console did not write."""
        location = answer.headers.get("location")
        if location:
            return f"{self.url} redirects to {location}: use that address"
        message = f"{self.url} answers {answer.status_code} {answer.reason_phrase}".rstrip()
        text = answer.text.strip()
        if not text or text.startswith("<"):
            return message
        return f"{message}: {''.join(c for c in text if c.isprintable() or c == ' ')[:_FOREIGN_BODY_SHOWN]}"


def is_temporary(error: PrtError) -> bool:
    """Whether the same call can work later without a change: the console restarts, a proxy has lost it."""
    if isinstance(error, ProtocolError):
        return error.status in _PROXY_TROUBLE
    if isinstance(error, ApiError):
        # A full disk does not get room by itself, and each try would send everything again.
        return isinstance(error, UnavailableError) and "disk is full" not in error.message
    return isinstance(error, ConnectionFailedError)


def _failed(error: ConnectionFailedError, *, sent: bool = True, timed_out: bool = False) -> ConnectionFailedError:
    error.sent, error.timed_out = sent, timed_out
    return error


def _may_have_made(error: PrtError) -> bool:
    """Whether the request may have reached the console and done its work. A refusal of the console itself has done nothing."""
    if isinstance(error, ConnectionFailedError):
        return error.sent
    return isinstance(error, ProtocolError)


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object, or an error that says that it is none."""
    if not isinstance(value, dict):
        raise ProtocolError("the answer is not what was expected (is it a prt-console of this version?)")
    return value


def as_objects(value: Any) -> list[dict[str, Any]]:
    """A JSON list of objects."""
    if not isinstance(value, list):
        raise ProtocolError("the answer is not what was expected (is it a prt-console of this version?)")
    return [as_object(item) for item in value]


def _query_text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tls() -> ssl.SSLContext:
    """The system's authorities, as a company's own are added there, and those of Mozilla where the system has none."""
    context = ssl.create_default_context()
    if not context.get_ca_certs() and not context.cert_store_stats()["x509_ca"]:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _cause(error: BaseException) -> str:
    """The innermost cause in plain words; HTTP libraries wrap it several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
