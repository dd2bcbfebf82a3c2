from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import practicuscore as prt
from practicuscore._login import SavedLogin
from server import Answer, Server, error


def _token(client: prt.Client) -> str | None:
    return client._token


def _saved(url: str) -> SavedLogin:
    login = SavedLogin(url, "ada", 'kept"\\\x7f€', "0190b2f4-0000-7000-8000-000000000001")
    login.save()
    return login


def test_a_login_is_kept_for_its_owner_only() -> None:
    assert SavedLogin.load() is None
    login = _saved("http://x")
    assert SavedLogin.load() == login
    login.save()
    path = SavedLogin.path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["login.toml"]
    assert "kept" not in repr(login)


def test_the_file_that_prtcli_writes_is_understood() -> None:
    path = SavedLogin.path()
    path.parent.mkdir(parents=True)
    path.write_text('url = "http://127.0.0.1:8080/"\nusername = "ada"\ntoken = "prt_x"\n')
    client = prt.connect()
    assert (client.url, _token(client)) == ("http://127.0.0.1:8080", "prt_x")


@pytest.mark.parametrize("text", ['token = "canary', 'url = 1\ntoken = "canary"\nusername = "x"', "\udce9"])
def test_a_broken_file_does_not_show_its_token(text: str) -> None:
    path = SavedLogin.path()
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(prt.PrtError, match=r"login\.toml cannot be read") as caught:
        prt.connect()
    assert "canary" not in str(caught.value)


def test_the_environment_goes_before_the_saved_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    SavedLogin("http://saved:1/", "ada", "kept").save()
    client = prt.connect()
    assert (client.url, _token(client)) == ("http://saved:1", "kept")
    monkeypatch.setenv("PRT_URL", " http://env:2 ")
    monkeypatch.setenv("PRT_TOKEN", "given")
    client = prt.connect()
    assert (client.url, _token(client)) == ("http://env:2", "given")
    monkeypatch.setenv("PRT_TOKEN", "")
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("PRT_TOKEN_FILE", str(tmp_path / "token"))
    assert _token(prt.connect()) == "from-file"
    monkeypatch.setenv("PRT_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(prt.PrtError, match="cannot read the token file"):
        prt.connect()


def test_a_token_goes_only_to_its_own_console(monkeypatch: pytest.MonkeyPatch) -> None:
    SavedLogin("http://saved:1/", "ada", "kept").save()
    assert _token(prt.connect("http://SAVED:1")) == "kept"
    assert _token(prt.connect("http://evil:1")) is None
    monkeypatch.setenv("PRT_URL", "http://here:1")
    monkeypatch.setenv("PRT_TOKEN", "mine")
    assert _token(prt.connect("http://evil:1")) is None
    assert _token(prt.connect("http://here:1/")) == "mine"
    assert _token(prt.connect("http://evil:1", "chosen")) == "chosen"


def test_no_console_is_an_error_with_what_to_do() -> None:
    with pytest.raises(prt.UsageError, match="no server is given") as caught:
        prt.connect()
    assert "PRT_URL and PRT_TOKEN" in str(caught.value)


def test_one_connection_is_shared() -> None:
    SavedLogin("http://saved:1/", "ada", "kept").save()
    assert prt.connect() is prt.connect()


def test_login_and_logout(server: Server) -> None:
    token = {"id": "0190b2f4-0000-7000-8000-000000000001", "name": "login"}
    server.on("POST", "/login", Answer({"token": token, "value": "prt_new"}))
    server.on("GET", "/me", {"username": "ada"})
    client = prt.login(server.url, "ada", "secret")
    assert server.requests[0].json == {"username": "ada", "password": "secret"}
    assert "authorization" not in server.requests[0].headers
    assert client.get("me") == {"username": "ada"}
    assert server.requests[1].headers["authorization"] == "Bearer prt_new"
    assert SavedLogin.load() == SavedLogin(server.url, "ada", "prt_new", token["id"])
    # It was revoked elsewhere: forgotten all the same.
    server.on("DELETE", f"/tokens/{token['id']}", error(401, "unauthenticated", "Unknown."))
    prt.logout()
    assert not os.path.exists(SavedLogin.path())
    prt.logout()


def test_a_refused_login_changes_nothing(server: Server) -> None:
    SavedLogin("http://saved:1/", "ada", "kept").save()
    server.on("POST", "/login", error(401, "unauthenticated", "Wrong name or password."))
    with pytest.raises(prt.UnauthenticatedError, match="Wrong name or password"):
        prt.login(server.url, "ada", "wrong")
    saved = SavedLogin.load()
    assert saved is not None
    assert saved.token == "kept"
