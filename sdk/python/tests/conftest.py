from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from practicuscore import _login
from practicuscore.client import Client
from server import Server

# A shell starts a job in the background with Ctrl-C ignored, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No login, no worker and no proxy of the surroundings reaches a test."""
    for name in ("PRT_URL", "PRT_TOKEN", "PRT_TOKEN_FILE", "PRT_WORKER"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("NO_PROXY", "*")
    clients: dict[tuple[str, str | None], Client] = {}
    monkeypatch.setattr(_login, "_clients", clients)
    yield
    for connected in clients.values():
        connected.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, "prt_token") as connected:
        yield connected
