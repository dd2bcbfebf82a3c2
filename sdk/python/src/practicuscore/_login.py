"""Which console, with which token: environment, then the login that ``prtcli login`` saved."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from .client import Client, as_object
from .errors import NotFoundError, PrtError, UnauthenticatedError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_clients: dict[tuple[str, str | None], Client] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class SavedLogin:
    """One console's login, readable by its owner only; the file is shared with ``prtcli``."""

    url: str
    username: str
    token: str
    token_id: str | None = None

    def __repr__(self) -> str:
        return f"SavedLogin(url={self.url!r}, username={self.username!r})"

    @staticmethod
    def path() -> Path:
        """``$XDG_CONFIG_HOME/prt/login.toml``, or under ``~/.config``."""
        config = os.environ.get("XDG_CONFIG_HOME", "")
        base = Path(config) if os.path.isabs(config) else Path.home() / ".config"
        return base / "prt" / "login.toml"

    @classmethod
    def load(cls) -> SavedLogin | None:
        """The saved login, if there is one."""
        try:
            path = cls.path()
        except RuntimeError:
            # Nobody has a home here.
            return None
        try:
            text = path.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise PrtError(f"cannot read the saved login {path}: {error.strerror}") from None
        except ValueError:
            text = "\0"
        # The parser's message would quote the line, and the line may be the token's.
        try:
            values = tomllib.loads(text)
            url, username, token, token_id = (values.get(key) for key in ("url", "username", "token", "token_id"))
            if isinstance(url, str) and isinstance(username, str) and isinstance(token, str):
                return cls(url, username, token, token_id if isinstance(token_id, str) else None)
        except tomllib.TOMLDecodeError:
            pass
        raise PrtError(f"the saved login {path} cannot be read", hint="remove it and log in again with `prtcli login`") from None

    def save(self) -> Path:
        """Writes a new file that takes the old one's place: never half written, never with the old one's looser mode."""
        path = self.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.parent / f".login.toml.{os.getpid()}"
        lines = [("url", self.url), ("username", self.username), ("token", self.token), ("token_id", self.token_id)]
        text = "".join(f"{key} = {_toml(value)}\n" for key, value in lines if value is not None)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        return path

    @classmethod
    def remove(cls) -> None:
        """Forgets it; no login is fine."""
        with contextlib.suppress(FileNotFoundError):
            cls.path().unlink()


def connect(url: str | None = None, token: str | None = None) -> Client:
    """A client of a console.

    Without arguments the console and the identity are found by ``PRT_URL`` and ``PRT_TOKEN`` (or ``PRT_TOKEN_FILE``, as inside
    of a worker), else by the login that ``prtcli login`` or :func:`login` saved. A token is never sent to another console than
    the one that it is for.
    """
    saved = SavedLogin.load()
    given = url or _environment("PRT_URL")
    address = given or (saved.url if saved else None)
    if not address:
        raise UsageError(
            "no server is given",
            hint="log in with `prtcli login --url URL --username NAME` or practicuscore.login(...), or set PRT_URL and PRT_TOKEN",
        )
    key = (address, token or _token(address, saved))
    with _lock:
        if key not in _clients:
            _clients[key] = Client(*key)
        return _clients[key]


def login(url: str | None = None, username: str | None = None, password: str | None = None) -> Client:
    """Logs in and saves the login for this package and for ``prtcli``. What is not given is asked for."""
    saved = SavedLogin.load()
    address = url or _environment("PRT_URL") or (saved.url if saved else None)
    if not address:
        raise UsageError("no server is given", hint='e.g. practicuscore.login("http://localhost:8080", "NAME")')
    username = username or input("Username: ")
    password = password if password is not None else getpass.getpass("Password: ")
    with Client(address) as anonymous:
        made = as_object(anonymous.post("login", body={"username": username, "password": password}))
    record = as_object(made.get("token"))
    SavedLogin(anonymous.url, username, str(made["value"]), str(record["id"])).save()
    return connect(address, str(made["value"]))


def logout() -> None:
    """Revokes the saved login's token and forgets it."""
    saved = SavedLogin.load()
    if saved is None:
        return
    if saved.token_id:
        # It has ended already: all the better.
        with contextlib.suppress(UnauthenticatedError, NotFoundError), Client(saved.url, saved.token) as client:
            client.delete("tokens", saved.token_id)
    SavedLogin.remove()


def _environment(name: str) -> str | None:
    # A variable that is set to nothing counts as not set.
    return os.environ.get(name, "").strip() or None


def _token(address: str, saved: SavedLogin | None) -> str | None:
    environment_url = _environment("PRT_URL")
    here = environment_url is None or _same(environment_url, address)
    token, file = _environment("PRT_TOKEN"), _environment("PRT_TOKEN_FILE")
    if token and here:
        return token
    if file and here:
        try:
            return Path(file).read_text("utf-8").strip() or None
        except (OSError, ValueError) as error:
            raise PrtError(f"cannot read the token file {file}: {error}") from None
    return saved.token if saved and _same(saved.url, address) else None


def _same(one: str, other: str) -> bool:
    return one.strip().rstrip("/").lower() == other.strip().rstrip("/").lower()


def _toml(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\"}
    inside = (escapes.get(c) or (c if c.isprintable() or c == " " else f"\\U{ord(c):08x}") for c in text)
    return '"' + "".join(inside) + '"'
