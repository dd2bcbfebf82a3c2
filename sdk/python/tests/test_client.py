from __future__ import annotations

import socket
import threading

import pytest

from practicuscore import (
    ConflictError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidInputError,
    NotSupportedError,
    ProtocolError,
    PrtError,
    UnauthenticatedError,
    UsageError,
)
from practicuscore.client import Client, Patience
from practicuscore.errors import ApiError
from server import Answer, Server, error


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practicuscore.client._PAUSES", (0.01, 0.01))
    monkeypatch.setattr("practicuscore.client._LONG_PAUSES", (0.0,) * 5)


def test_a_call_says_who_and_by_which_door(server: Server, client: Client) -> None:
    server.on("GET", "/workers/a%2Fb%20c", {"ok": True})
    assert client.get("workers", "a/b c", query={"all": True, "n": 3, "no": None}) == {"ok": True}
    [request] = server.requests
    assert request.headers["authorization"] == "Bearer prt_token"
    assert request.headers["x-prt-door"] == "sdk"
    assert request.headers["user-agent"].startswith("practicuscore/")
    assert request.query == {"all": "true", "n": "3"}


@pytest.mark.parametrize("wrong", ["localhost:8080", "", "ftp://host", "host", "http://"])
def test_an_address_without_scheme_is_refused_in_words(wrong: str) -> None:
    with pytest.raises(UsageError, match="is not the URL of a console"):
        Client(wrong)


def test_a_path_before_the_api_is_kept(server: Server) -> None:
    server.on("GET", "/prt/api/v1/me", {"username": "ada"})
    with Client(f" {server.url}/prt/ ") as client:
        assert client.get("me") == {"username": "ada"}


def test_a_token_that_would_break_the_header_is_refused(server: Server) -> None:
    for token in ("a\nb", "tökén"):
        with pytest.raises(UsageError, match="no token has") as caught:
            Client(server.url, token)
        assert token not in str(caught.value)
    with Client(server.url, "secret") as client:
        assert "secret" not in repr(client)


def test_errors_have_the_text_of_every_door(server: Server, client: Client) -> None:
    fields = [{"field": "tag", "message": "is missing"}, {"field": "name", "message": "is empty"}]
    server.on("POST", "/builds", error(400, "invalid_input", "The build cannot start.", fields=fields))
    with pytest.raises(InvalidInputError) as caught:
        client.create("builds", body={})
    wrong = caught.value
    assert wrong.text == "The build cannot start.\n  tag: is missing\n  name: is empty"
    assert str(wrong) == wrong.text
    assert (wrong.code, wrong.request_id, wrong.status, wrong.field("name")) == ("invalid_input", "r-1", 400, "is empty")
    assert [item.field for item in wrong.fields] == ["tag", "name"]

    server.on("GET", "/x", error(403, "forbidden", "No.", hint="Ask an admin."))
    with pytest.raises(ForbiddenError) as denied:
        client.get("x")
    assert str(denied.value) == "No.\n\nhint: Ask an admin."


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", UnauthenticatedError),
        (409, "conflict", ConflictError),
        (418, "a_later_one", ApiError),
    ],
)
def test_each_code_has_its_exception(server: Server, client: Client, status: int, code: str, kind: type[ApiError]) -> None:
    server.on("GET", "/x", error(status, code, "No."))
    with pytest.raises(kind) as caught:
        client.get("x")
    assert caught.value.code == code
    assert isinstance(caught.value, PrtError)
    assert ("PRT_TOKEN" in (caught.value.hint or "")) == (code == "unauthenticated")


def test_an_older_console_is_told_as_such(client: Client) -> None:
    with pytest.raises(NotSupportedError) as caught:
        client.post("workers", "Worker-1", "notebook")
    assert caught.value.text == "There is no such endpoint. (POST /api/v1/workers/Worker-1/notebook)"
    assert caught.value.code == "not_found"


def test_what_another_server_says_is_told(server: Server, client: Client) -> None:
    server.on("GET", "/html", Answer("<html>nginx</html>", 404))
    with pytest.raises(ProtocolError) as html:
        client.get("html")
    assert html.value.message == f"{server.url} answers 404 Not Found"
    server.on("GET", "/text", Answer("no \x1b[31mway", 400))
    with pytest.raises(ProtocolError, match="answers 400 Bad Request: no .31mway$"):
        client.get("text")
    server.on("GET", "/moved", Answer(None, 308, {"location": "https://elsewhere/"}))
    with pytest.raises(ProtocolError, match="redirects to https://elsewhere/: use that address"):
        client.get("moved")
    server.on("GET", "/page", "<html>")
    with pytest.raises(ProtocolError, match="is it a prt-console of this version"):
        client.get("page")


def test_nobody_there_is_told_with_the_cause() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(ConnectionFailedError) as caught:
        client.get("me")
    assert caught.value.message == f"cannot reach http://127.0.0.1:{port}: Connection refused"
    assert "PRT_URL" in str(caught.value)


def test_a_read_is_tried_again(server: Server, client: Client) -> None:
    server.on("GET", "/x", Answer(drop=True), Answer("down", 503), {"ok": 1})
    assert client.get("x") == {"ok": 1}
    assert len(server.requests) == 3
    server.on("GET", "/y", Answer(drop=True))
    with pytest.raises(ConnectionFailedError):
        client.get("y")
    assert len(server.asked("GET", "/y")) == 3
    server.on("GET", "/z", error(500, "internal", "A bug."))
    with pytest.raises(ApiError):
        client.get("z")
    assert len(server.asked("GET", "/z")) == 1


def test_something_new_is_asked_for_once_where_keys_are_unknown(server: Server, client: Client) -> None:
    server.on("GET", "/server", {"version": "0.1.0"})
    server.on("POST", "/builds", Answer(drop=True))
    with pytest.raises(ConnectionFailedError, match="it may have been started all the same"):
        client.create("builds", body={"a": 1})
    assert len(server.asked("POST", "/builds")) == 1


def test_with_idempotency_keys_it_is_asked_for_again(server: Server, client: Client) -> None:
    server.on("GET", "/server", {"version": "9", "idempotency_keys": True})
    server.on("POST", "/builds", Answer(drop=True), Answer({"number": 1}, 201))
    assert client.create("builds", body={"a": 1}) == {"number": 1}
    first, second = server.asked("POST", "/builds")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.json == second.json == {"a": 1}


def test_a_start_outlives_a_restart_of_the_console(server: Server, client: Client) -> None:
    server.on("GET", "/server", Answer(drop=True), {"idempotency_keys": True})
    made = Answer({"number": 1}, 201)
    server.on("POST", "/builds", Answer(drop=True), error(503, "unavailable", "No engine."), Answer("gone", 504), made)
    said: list[str] = []
    client._met = True
    assert client.create("builds", body={}, say=said.append) == {"number": 1}
    assert len({request.headers["idempotency-key"] for request in server.asked("POST", "/builds")}) == 1
    assert len(said) == 1
    assert said[0].endswith("; trying again…")


def test_a_start_that_was_refused_for_now_needs_no_keys(server: Server, client: Client) -> None:
    server.on("POST", "/builds", error(503, "unavailable", "The database does not answer."), Answer({"number": 1}, 201))
    assert client.create("builds", body={}) == {"number": 1}
    assert not server.asked("GET", "/server")


def test_other_conflicts_are_told_at_once(server: Server, client: Client) -> None:
    server.on("GET", "/server", {"idempotency_keys": True})
    used = error(409, "conflict", "This idempotency key was used for another request.")
    for first in (used, error(409, "conflict", "Worker-1 is busy with build #3.")):
        server.on("POST", "/builds", first)
        with pytest.raises(ConflictError):
            client.create("builds", body={})
    assert len(server.asked("POST", "/builds")) == 2
    server.on("POST", "/builds", Answer(drop=True), used)
    with pytest.raises(ConflictError, match="used for another"):
        client.create("builds", body={})


def test_a_start_is_given_up_some_time(server: Server, client: Client) -> None:
    server.on("GET", "/server", {"idempotency_keys": True})
    server.on("POST", "/builds", Answer(drop=True))
    client._met = True
    with pytest.raises(ConnectionFailedError, match="look at the list before you try again"):
        client.create("builds", body={})
    assert len(server.asked("POST", "/builds")) == 6


class Clock:
    """The time, without any passing."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_patience_grows_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    clock = Clock()
    monkeypatch.setattr("practicuscore.client.time", clock)
    broken = ConnectionFailedError("cannot reach it.")
    patience = Patience()
    # What takes long before the first error costs no patience.
    clock.now += 500
    while patience.again(broken):
        pass
    assert clock.slept == sorted(clock.slept)
    assert 75 <= sum(clock.slept) <= 90
    # Tries that take long themselves are fewer.
    clock.slept.clear()
    patience = Patience()
    while patience.again(broken):
        clock.now += 60
    assert len(clock.slept) == 2


def test_a_console_that_was_never_there_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    clock = Clock()
    monkeypatch.setattr("practicuscore.client.time", clock)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ConnectionFailedError) as caught:
            client.create("builds", body={})
        assert sum(clock.slept) < 10
        assert "may have been started" not in str(caught.value)
        # One that answered before is waited for.
        client._met = True
        with pytest.raises(ConnectionFailedError):
            client.create("builds", body={})
        assert sum(clock.slept) > 75


def test_bytes_that_a_function_gives_are_sent_again(server: Server, client: Client) -> None:
    server.on("PUT", "/x", Answer(drop=True), Answer("down", 503), Answer(None, 204))
    made = []

    def parts() -> list[bytes]:
        made.append(1)
        return [b"a", b"b"]

    client.put("x", body=lambda: iter(parts()), content_type="application/x-tar")
    assert [request.body for request in server.requests] == [b"ab"] * 3
    server.on("PUT", "/y", Answer(drop=True))
    with pytest.raises(ConnectionFailedError):
        client.put("y", body=iter([b"a"]), content_type="application/x-tar")
    assert len(server.asked("PUT", "/y")) == 1


def test_time_limits_hold(server: Server, client: Client) -> None:
    gate = threading.Event()
    server.on("GET", "/slow", lambda _: gate.wait(10) and None)
    try:
        with pytest.raises(ConnectionFailedError, match="nothing received for"):
            client._once("GET", ("slow",), timeout=0.1)
    finally:
        gate.set()


def test_what_is_no_json_is_not_sent(server: Server, client: Client) -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        client.create("builds", body={"a": float("nan")})
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        client.create("builds", body={"a": {1, 2}})
    assert server.requests == []
