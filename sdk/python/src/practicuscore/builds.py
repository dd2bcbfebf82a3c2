"""Builds: starting one, watching it, and what became of it."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Callable, TypeVar, Union

from . import _json_fields as read
from ._login import connect
from ._text import say, visible
from .client import Client, as_object, as_objects
from .errors import ConflictError, FieldError, ProtocolError, PrtError, UsageError
from .events import BuildEnd, BuildRecord
from .follow import Followed, Follower, FollowOptions, Reconnecting
from .lists import PrtList
from .progress import Display, check_mode, display_for

T = TypeVar("T")

_TICK = 0.1
"""Seconds between looks at the clock while nothing comes."""
_CANCELING = "canceling… (interrupt again to leave at once)"
_BATCH = 4096
"""Records shown at once: many of a log that is already there, one of a live log."""

RegistryCredential = Union[Sequence[Union[str, None]], Mapping[str, Any]]
"""A login: ``(host, user, password)``. A fourth part, ``"pull"`` or ``"push"``, says that it is for one of them only; behind the
host may stand a path, for the repositories below it only. As a dict: ``host``, ``username``, ``password`` and ``only``; or
``name`` alone, of a credential that the console keeps (Infrastructure > Registries), with ``/path`` and ``:pull`` or ``:push``
behind it."""

Secret = Union[str, Mapping[str, str]]
"""The value of a secret mount; or ``{"personal_secret": NAME}`` or ``{"shared_secret": NAME}``, which the console stores."""

_LOGIN = ("host", "username", "password", "only")


@dataclass(frozen=True)
class Build:
    """A build."""

    number: int
    """The number people use: ``#12``."""
    worker: str
    reference: str
    """``name:tag``."""
    status: str
    """``Pending``, ``Running``, ``Canceling``, ``Succeeded``, ``Failed`` or ``Canceled``. A build is ``Canceling`` until its
    builder has confirmed the end; until then it may still push."""
    reason: str | None
    """Why it failed, in one word."""
    message: str
    step: str | None
    """The step that failed."""
    digest: str | None
    """``sha256:…`` of the result."""
    push_image: bool
    owner: str
    door: str
    creation_time: datetime | None
    end_time: datetime | None
    steps: int
    steps_cached: int
    lines: int
    pinned: bool
    """Whether the build and its log are kept for ever."""
    expiry_time: datetime | None
    """When the record of the build may be deleted; ``None`` = never, or it has not ended."""
    log_expiry_time: datetime | None
    """The same for its log."""
    log_deletion_time: datetime | None
    """When its log was deleted; then :meth:`logs` raises :class:`GoneError`."""
    _client: Client = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, client: Client, values: Mapping[str, Any]) -> Build:
        """From the console's answer."""
        return cls(
            number=read.number(values, "number"),
            worker=read.text(values, "worker"),
            reference=read.text(values, "reference"),
            status=read.text(values, "status"),
            reason=read.maybe_text(values, "reason"),
            message=read.text(values, "message"),
            step=read.maybe_text(values, "step"),
            digest=read.maybe_text(values, "digest"),
            push_image=read.flag(values, "push_image"),
            owner=read.text(values, "owner"),
            door=read.text(values, "door"),
            creation_time=read.moment(values, "created_ms"),
            end_time=read.moment(values, "ended_ms"),
            steps=read.number(values, "steps"),
            steps_cached=read.number(values, "steps_cached"),
            lines=read.number(values, "lines"),
            pinned=values.get("pinned") is True,
            expiry_time=read.moment(values, "expires_ms"),
            log_expiry_time=read.moment(values, "log_expires_ms"),
            log_deletion_time=read.moment(values, "log_deleted_ms"),
            _client=client,
        )

    @property
    def succeeded(self) -> bool:
        """Whether it was built, and pushed if asked for."""
        return self.status == "Succeeded"

    def refresh(self) -> Build:
        """The build as it is now."""
        return get_build(self.number, client=self._client)

    def cancel(self) -> Build:
        """Asks for its end; it has ended when its log says so."""
        answer = self._client.post("builds", str(self.number), "cancel", repeatable=True)
        return Build.from_json(self._client, as_object(answer))

    def pin(self, pinned: bool = True) -> Build:
        """Keeps it and its log for ever; with ``False``, as long as the retention rules say again."""
        answer = self._client.put_json("builds", str(self.number), "pin", body={"pinned": pinned})
        return Build.from_json(self._client, as_object(answer))

    def rerun(
        self,
        registry_credentials: Sequence[RegistryCredential] | None = None,
        *,
        secrets: Mapping[str, Secret] | None = None,
        no_cache: bool = False,
    ) -> Build:
        """Starts a build with its inputs. Credentials and values of secrets are given again: they are not stored."""
        body = {**credentials(registry_credentials), "no_cache": no_cache}
        if secrets:
            body["secrets"] = _secrets(secrets)
        answer = self._client.create("builds", str(self.number), "rerun", body=body, say=say)
        return Build.from_json(self._client, as_object(answer))

    def follow(self, after: int = 0) -> Iterator[BuildRecord]:
        """The records of its log after a number, as they come, up to the last one."""
        for item in Follower(self._client, self.number, after):
            if isinstance(item, BuildRecord):
                yield item

    def watch(self, progress: str = "auto") -> Build:
        """Shows it up to its end; Ctrl-C ends the watching, not the build."""
        display = display_for(progress)
        with _Watch(self._client, self.number) as watch:
            watch.show(display)
        return self.refresh()

    def logs(self) -> str:
        """Its log as text, as far as it has come."""
        return self._client.get_bytes("builds", str(self.number), "log").decode("utf-8", "replace")

    def row(self) -> dict[str, str]:
        """Cells of the table."""
        return {
            "build": f"#{self.number}",
            "image": self.reference,
            "worker": self.worker,
            "status": f"{self.status} ({self.reason})" if self.reason else self.status,
            "started": self.creation_time.strftime("%Y-%m-%d %H:%M:%SZ") if self.creation_time else "",
            "cached": f"{self.steps_cached} of {self.steps}",
        }


def get_build(number: int, *, client: Client | None = None) -> Build:
    """One build."""
    client = client or connect()
    return Build.from_json(client, as_object(client.get("builds", str(number))))


def list_builds(
    worker: str | None = None,
    status: str | None = None,
    limit: int = 50,
    *,
    client: Client | None = None,
) -> PrtList[Build]:
    """Builds, newest first: of one worker and in one status, as asked."""
    client = client or connect()
    answer = client.get("builds", query={"worker": worker, "status": status, "limit": limit})
    return PrtList([Build.from_json(client, values) for values in as_objects(answer)], "builds")


def credentials(given: Sequence[RegistryCredential] | None) -> dict[str, Any]:
    """Registry logins as the console takes them: out of tuples, or dicts as they are; names of kept ones by themselves."""
    shape = "A list of (host, user, password) is expected."
    if given is None:
        return {"registry_credentials": []}
    if isinstance(given, (str, bytes, Mapping)):
        raise _wrong("registry_credentials", shape)
    logins: list[dict[str, Any]] = []
    kept: list[str] = []
    for login in given:
        if isinstance(login, Mapping):
            if "name" in login:
                if len(login) != 1 or not isinstance(login["name"], str):
                    raise _wrong("registry_credentials", 'A kept credential is {"name": "..."} and nothing else.')
                kept.append(login["name"])
            else:
                logins.append(dict(login))
            continue
        # The login itself is not shown: a part of it is a password.
        if isinstance(login, (str, bytes)) or len(login) not in (3, 4) or not all(isinstance(part, str) for part in login[:3]):
            raise _wrong("registry_credentials", shape)
        if len(login) == 4 and login[3] not in (None, "pull", "push"):
            raise _wrong("registry_credentials", 'The fourth part of a login is "pull" or "push".')
        logins.append({name: part for name, part in zip(_LOGIN, login) if part is not None})
    return {"registry_credentials": logins, **({"registry_secrets": kept} if kept else {})}


def request(
    worker: str,
    name: str,
    tag: str,
    *,
    push_image: bool,
    build_args: Mapping[str, Any] | None,
    registry_credentials: Sequence[RegistryCredential] | None,
    insecure_registry: bool,
    additional_build_params: str | None,
    custom_build_command: str | None,
    no_cache: bool = False,
    context: str = "",
    dockerfile: str = "",
    **options: Any,
) -> dict[str, Any]:
    """The request for a build. What is at its default is left out, so that an older console understands it."""
    body: dict[str, Any] = {
        "worker": worker,
        "name": name,
        "tag": tag,
        "push_image": push_image,
        "build_args": _pairs("build_args", build_args),
        **credentials(registry_credentials),
        "insecure_registry": insecure_registry,
        "no_cache": no_cache,
        "context": context,
        "dockerfile": dockerfile,
    }
    if additional_build_params is not None:
        body["additional_build_params"] = additional_build_params
    if custom_build_command is not None:
        body["custom_build_command"] = custom_build_command
    body.update(_options(**options))
    return body


def _options(
    *,
    dockerfile_text: str | None = None,
    additional_tags: Sequence[str] | None = None,
    target: str | None = None,
    platforms: str | Sequence[str] | None = None,
    labels: Mapping[str, Any] | None = None,
    pull: bool = False,
    secrets: Mapping[str, Secret] | None = None,
    network: str | None = None,
    add_hosts: Mapping[str, str] | Sequence[str] | None = None,
    shm_size: str | None = None,
    ulimits: Sequence[str] | None = None,
    cache_from: Sequence[str] | None = None,
    cache_to: Sequence[str] | None = None,
    oci_mediatypes: bool | None = None,
) -> dict[str, Any]:
    """``docker build``'s options, those that were given."""
    hosts = [f"{name}:{address}" for name, address in add_hosts.items()] if isinstance(add_hosts, Mapping) else add_hosts
    given: dict[str, Any] = {
        "dockerfile_text": dockerfile_text,
        "additional_tags": _texts("additional_tags", additional_tags),
        "target": target,
        "platforms": _texts("platforms", platforms),
        "labels": _pairs("labels", labels),
        "pull": pull,
        "secrets": _secrets(secrets) if secrets else None,
        "network": network,
        "add_hosts": _texts("add_hosts", hosts),
        "shm_size": shm_size,
        "ulimits": _texts("ulimits", ulimits),
        "cache_from": _texts("cache_from", cache_from),
        "cache_to": _texts("cache_to", cache_to),
    }
    found = {name: value for name, value in given.items() if value}
    if oci_mediatypes is not None:
        found["oci_mediatypes"] = oci_mediatypes
    return found


def _pairs(field: str, given: Mapping[str, Any] | None) -> dict[str, str]:
    """Names and values as text. A boolean is ``true`` or ``false``; a float has lost what was written: ``3.10`` is 3.1."""
    if given is not None and not isinstance(given, Mapping):
        raise _wrong(field, "A dict of names and values is expected.")
    pairs: dict[str, str] = {}
    for key, value in (given or {}).items():
        if isinstance(value, bool):
            pairs[str(key)] = "true" if value else "false"
        elif isinstance(value, float):
            raise _wrong(field, f"The value of {key} is a float, and digits are lost: write it as text, {str(value)!r}.")
        elif isinstance(value, (str, int, Decimal)):
            pairs[str(key)] = str(value)
        else:
            raise _wrong(field, f"The value of {key} is no text.")
    return pairs


def _texts(field: str, given: str | Sequence[str] | None) -> list[str]:
    if given is None:
        return []
    texts = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(text, str) for text in texts):
        raise _wrong(field, "A list of texts is expected.")
    return texts


def _secrets(given: Mapping[str, Secret]) -> list[dict[str, str]]:
    """Secret mounts by their ids. Nothing of a value is shown."""
    if not isinstance(given, Mapping):
        raise _wrong("secrets", "A dict of ids and values is expected.")
    secrets = []
    for key, value in given.items():
        if isinstance(value, str):
            secrets.append({"id": str(key), "value": value})
        elif isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"personal_secret", "shared_secret"}:
            secrets.append({"id": str(key), **value})
        else:
            raise _wrong(
                "secrets", f'The value of {key} is a text, {{"personal_secret": "NAME"}} or {{"shared_secret": "NAME"}}.'
            )
    return secrets


def run(client: Client, body: Mapping[str, Any], progress: str) -> Build:
    """Starts a build, shows it, and gives it as it ended. Ctrl-C cancels it on the console; a second one leaves at once."""
    check_mode(progress)
    with _Interrupts() as interrupts:
        build = _start(client, body, interrupts, progress)
        display = display_for(progress)
        with _Watch(client, build.number) as watch:
            while watch.show(display, interrupts) is None:
                if interrupts.count > 1:
                    display.remark(f"left build #{build.number} before its end")
                    raise KeyboardInterrupt
                watch.cancel(display)
        # The log's end can come a moment before a console that restarts answers again.
        ended = build.refresh()
        if ended.succeeded:
            display.say(_success(ended))
        if interrupts.count:
            raise KeyboardInterrupt
    return ended


def _success(build: Build) -> str:
    """The last lines: what was made, and what to do with it."""
    if not build.push_image:
        return (
            f"built {build.reference}, not pushed\n"
            "it stays in the builder's cache: build with push_image=True to start workers with it"
        )
    digest = f"@{build.digest}" if build.digest else ""
    return f"built and pushed {build.reference}{digest}\nstart a worker with it: worker_image={build.reference!r}"


def _start(client: Client, body: Mapping[str, Any], interrupts: _Interrupts, progress: str) -> Build:
    """Asks for the build. A Ctrl-C while the console checks the inputs must still cancel what comes of it, so it waits."""
    tell = None if progress == "none" else say
    answer = _Thread(lambda: as_object(client.create("builds", body=body, say=tell)))
    said = 0
    while not answer.is_done:
        answer.wait(_TICK)
        if interrupts.count > 1:
            print("left before the build's start; look at practicuscore.list_builds()", file=sys.stderr, flush=True)
            raise KeyboardInterrupt
        if interrupts.count > said:
            said = interrupts.count
            print(_CANCELING, file=sys.stderr, flush=True)
    return Build.from_json(client, answer.result())


class _Interrupts:
    """Ctrl-C, counted. An exception could come anywhere: in the middle of a line, or before the build's number is known."""

    def __init__(self) -> None:
        self.count = 0
        self._before: Any = None

    def __enter__(self) -> _Interrupts:
        # Only the main thread is interrupted, and a program that ignores Ctrl-C goes on doing so.
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(before):
            self._before = before
            signal.signal(signal.SIGINT, self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _seen(self, signum: int, frame: Any) -> None:
        try:
            # A program's own handling; what it leaves as an exception is meant for us.
            self._before(signum, frame)
        except KeyboardInterrupt:
            self.count += 1
            if self.count > 2:
                # Nobody has listened to the second one.
                raise


class _Thread:
    """A call on a thread, so that Ctrl-C does not break it off."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._done = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="practicuscore", daemon=True).start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def wait(self, seconds: float) -> None:
        self._done.wait(seconds)

    def result(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


class _Watch:
    """The follower on a thread of its own: drawing and Ctrl-C do not touch its connection."""

    def __init__(self, client: Client, number: int, options: FollowOptions | None = None) -> None:
        self._client = client
        self._number = number
        self._follower = Follower(client, number, options=options)
        self._items: queue.Queue[Followed | PrtError | None] = queue.Queue(maxsize=4 * _BATCH)
        self._left = threading.Event()
        self._canceled: _Thread | None = None
        self._interrupts = 0
        self._thread = threading.Thread(target=self._follow, name="practicuscore-follow", daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._follower.stop()

    def cancel(self, display: Display) -> None:
        """Asks the console, on a thread: it may be out of reach for a while."""
        display.remark(_CANCELING)
        self._canceled = _Thread(self._cancel)

    def show(self, display: Display, interrupts: _Interrupts | None = None) -> BuildEnd | None:
        """Shows what comes up to the end, or to the next interrupt."""
        while True:
            records, end = self._take(display)
            if records:
                display.take(records)
            if interrupts is not None and interrupts.count > self._interrupts and end is None:
                self._interrupts = interrupts.count
                return None
            if end is not None:
                display.remark(None)
                display.finish()
                return end
            display.tick()
            self._refused(display)

    def _take(self, display: Display) -> tuple[list[BuildRecord], BuildEnd | None]:
        records: list[BuildRecord] = []
        try:
            item = self._items.get(timeout=_TICK)
            while True:
                if isinstance(item, BuildRecord):
                    records.append(item)
                    if isinstance(item.event, BuildEnd):
                        return records, item.event
                elif isinstance(item, PrtError):
                    display.take(records)
                    raise item
                elif item is None:
                    raise ProtocolError(f"the log of build #{self._number} has no end")
                else:
                    display.remark(f"reconnecting… ({item.reason})" if isinstance(item, Reconnecting) else None)
                if len(records) >= _BATCH:
                    return records, None
                item = self._items.get_nowait()
        except queue.Empty:
            return records, None

    def _follow(self) -> None:
        try:
            for item in self._follower:
                self._put(item)
            self._put(None)
        except PrtError as error:
            self._put(error)
        except Exception as error:
            self._put(ProtocolError(f"the log of build #{self._number} cannot be followed: {error!r}"))

    def _put(self, item: Followed | PrtError | None) -> None:
        while not self._left.is_set():
            with contextlib.suppress(queue.Full):
                self._items.put(item, timeout=_TICK)
                return

    def _cancel(self) -> None:
        # Conflict: it ended meanwhile.
        with contextlib.suppress(ConflictError):
            self._client.post("builds", str(self._number), "cancel", repeatable=True)

    def _refused(self, display: Display) -> None:
        """The log says when the build has ended; only a refusal to cancel is news."""
        if self._canceled is not None and self._canceled.is_done:
            try:
                self._canceled.result()
            except PrtError as error:
                display.remark(f"cannot cancel: {visible(error.text)}")
                self._canceled = _Thread(lambda: None)


def _wrong(name: str, message: str) -> UsageError:
    return UsageError("The build request is wrong.", fields=[FieldError(name, message)])
