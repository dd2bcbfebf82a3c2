"""The real program with a data directory of its own, as tests/integration/helpers/console.rs starts it."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import uuid
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Any, Callable, TypeVar

import httpx
import pytest

from practicuscore.client import Client

T = TypeVar("T")

ADMIN_PASSWORD = "admin-password-of-tests"
USER_PASSWORD = "user-password-of-tests"
HOW = {
    "PRT_CONSOLE_BIN": "the console's program: run scripts/build.sh debug and set it to $CARGO_TARGET_DIR/debug/prt-console",
    "PRT_AGENT": "the program for containers: run scripts/build.sh debug and set it to $CARGO_TARGET_DIR/agent/prt-agent",
    "PRT_SITE_ROOT": "the console's web files: run scripts/build.sh debug and set it to $CARGO_TARGET_DIR/site-debug",
    "PRTCLI": "the command line's program: run scripts/build.sh debug and set it to $CARGO_TARGET_DIR/debug/prtcli",
    "PRT_SDK_WHEEL": "the package's wheel: scripts/sdk.sh test sets it",
}


def var(name: str) -> str:
    """A part of the surroundings; a test that lacks it fails and says how to get it."""
    value = os.environ.get(name)
    if not value:
        how = HOW.get(name, "run scripts/setup/registries.sh and load the registries.env that it writes")
        pytest.fail(f"{name} is not set. It is {how} (make test does).", pytrace=False)
    return value


def eventually(what: str, look: Callable[[], T | None], seconds: float = 60) -> T:
    """Waits until ``look`` gives something; it is asked again after each short pause."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


def docker(*args: str) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    return done.stdout.strip()


@dataclass
class Registry:
    """The registry with TLS from a private authority and logins."""

    host: str
    username: str
    password: str
    ca_file: str

    @classmethod
    def of_environment(cls) -> Registry:
        password = Path(var("PRT_REGISTRY_PASSWORD_FILE")).read_text().strip()
        return cls(var("PRT_REGISTRY"), var("PRT_REGISTRY_USER"), password, var("PRT_REGISTRY_CA"))

    @property
    def base_image(self) -> str:
        return f"{self.host}/practicusai/practicus-minimal:25.5.3"

    @property
    def login(self) -> tuple[str, str, str]:
        return (self.host, self.username, self.password)

    def digest(self, repository: str, tag: str) -> str | None:
        """What the registry itself has under a tag."""
        login = b64encode(f"{self.username}:{self.password}".encode()).decode()
        answer = httpx.head(
            f"https://{self.host}/v2/{repository}/manifests/{tag}",
            headers={
                "authorization": f"Basic {login}",
                "accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
            },
            verify=ssl.create_default_context(cafile=self.ca_file),
            trust_env=False,
        )
        return answer.headers.get("docker-content-digest") if answer.is_success else None


class Console:
    """A running console. Leaving it ends the program and removes what it left in the engine."""

    def __init__(self, *, authority: bool = True) -> None:
        """``authority``: the configuration names the registry's private authority."""
        self.program = var("PRT_CONSOLE_BIN")
        self.registry = Registry.of_environment()
        bridge = var("PRT_REGISTRY_BRIDGE_IP")
        http_registry = var("PRT_HTTP_REGISTRY")
        self.folder = Path(tempfile.mkdtemp(prefix="prt-sdk-"))
        self.instance = f"test-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        with socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        hosts = ", ".join(f'"{host.split(":")[0]}:{bridge}"' for host in (self.registry.host, http_registry))
        trust = f'ca_file = "{self.registry.ca_file}"\n' if authority else ""
        (self.folder / "console.toml").write_text(
            f'extra_hosts = [{hosts}]\n[registries."{self.registry.host}"]\n{trust}[registries."{http_registry}"]\nhttp = true\n'
        )
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        self._environment = {
            **kept,
            "PRT_CONFIG": str(self.folder / "console.toml"),
            "PRT_LISTEN": f"127.0.0.1:{port},{bridge}:{port}",
            "PRT_PUBLIC_URL": self.url,
            # Where the workers' own SDK finds the console.
            "PRT_WORKER_URL": f"http://{bridge}:{port}",
            "PRT_DATA_DIR": str(self.folder / "data"),
            "PRT_INSTANCE": self.instance,
            "PRT_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "PRT_SITE_ROOT": var("PRT_SITE_ROOT"),
            "PRT_AGENT": var("PRT_AGENT"),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    def __enter__(self) -> Console:
        try:
            self.run()
            self.admin = self.login("admin", ADMIN_PASSWORD)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        for client in self._clients:
            client.close()
        label = f"label=io.prt-console.instance={self.instance}"
        for container in docker("ps", "-aq", "--filter", label).split():
            docker("rm", "-fv", container)
        for kind_of in ("volume", "network"):
            for name in docker(kind_of, "ls", "-q", "--filter", label).split():
                docker(kind_of, "rm", name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self) -> None:
        """Starts the program on the same data, e.g. after ``kill``."""
        with open(self.folder / "console.log", "ab") as log:
            self._process = subprocess.Popen(
                [self.program], env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

        def ready() -> bool | None:
            if self._process is None or self._process.poll() is not None:
                raise AssertionError(f"the console has ended:\n{self.log()}")
            try:
                return httpx.get(f"{self.url}/health/readiness/", trust_env=False).is_success or None
            except httpx.HTTPError:
                return None

        eventually("the console answers", ready)

    def kill(self) -> None:
        """Ends the program like a power cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        return "\n".join((self.folder / "console.log").read_text().splitlines()[-30:])

    def client(self, token: str | None) -> Client:
        client = Client(self.url, token)
        self._clients.append(client)
        return client

    def login(self, username: str, password: str) -> Client:
        created = self.client(None).post("login", body={"username": username, "password": password})
        return self.client(created["value"])

    def user(self, username: str) -> Client:
        self.admin.post("users", body={"username": username, "password": USER_PASSWORD})
        return self.login(username, USER_PASSWORD)

    def grant(self, image: str, user: str) -> dict[str, Any]:
        rule: dict[str, Any] = self.admin.post("container-images", body={"image": image, "users": [user]})
        return rule
