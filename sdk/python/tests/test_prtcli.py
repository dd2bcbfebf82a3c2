"""The package beside the command line's program: what both read and write, send and show is the same."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

import practicuscore as prt
from console import var
from practicuscore._login import SavedLogin
from server import Answer, Builder, Request, Server, build, end, error, record, sse, worker

TOKEN = {"id": "0190b2f4-0000-7000-8000-000000000001", "name": "login", "prefix": "prt", "created_ms": 1}


def prtcli(server: Server, *args: str, stdin: str = "", token: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME", "NO_PROXY")}
    if token:
        environment.update(PRT_URL=server.url, PRT_TOKEN="prt_token")
    done = subprocess.run(
        [var("PRTCLI"), *args], env=environment, input=stdin.encode(), capture_output=True, timeout=60, check=False
    )
    # Not as text by subprocess, which would change line ends.
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def console(server: Server) -> Server:
    views: dict[str, Any] = {
        **build(status="Succeeded", digest="sha256:cd"),
        "id": "0190b2f4-0000-7000-8000-000000000001",
        "build_args": {},
        "credentials": [],
        "insecure_registry": False,
        "no_cache": False,
        "context": "",
        "dockerfile": "",
        "rerun_of": None,
        "started_ms": None,
        "last_seq": 0,
    }
    server.on("POST", "/builds", Answer(views, 201))
    server.on("GET", "/builds/7", views)
    server.on("GET", "/workers/Worker-1", worker())
    return server


def listed(offer: Request) -> list[dict[str, Any]]:
    """The list of a context; what may be left out is left out."""
    return [{name: value for name, value in entry.items() if value} for entry in offer.json["entries"]]


def plant(root: Path, chance: random.Random) -> None:
    """A tree and an ignore file by chance, out of few names so that they meet."""
    names = ["a", "b", "c.md", "README.md", "src", "ünï"]
    files: list[Path] = []
    for _ in range(chance.randrange(1, 12)):
        path = root.joinpath(*(chance.choice(names) for _ in range(chance.randrange(1, 4))))
        if any(parent.is_file() or parent.is_symlink() for parent in [path, *path.parents]) or path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if chance.random() < 0.1:
            path.symlink_to("a")
        elif files and chance.random() < 0.2:
            os.link(chance.choice(files), path)
        else:
            path.write_bytes(bytes(chance.randrange(2000)))
            path.chmod(chance.choice([0o644, 0o755, 0o600, 0o4755]))
            files.append(path)
    pieces = ["a", "b", "*", "**", "*.md", "README.md", "src", "?", "[a-b]", "ünï"]
    lines = [
        chance.choice(["", "", "!"])
        + chance.choice(["", "/", "./"])
        + "/".join(chance.choice(pieces) for _ in range(chance.randrange(1, 4)))
        for _ in range(chance.randrange(6))
    ]
    (root / ".dockerignore").write_text("\n".join(lines))
    (root / "Dockerfile").write_text("FROM scratch")


def test_both_send_the_same_context(console: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRT_URL", console.url)
    monkeypatch.setenv("PRT_TOKEN", "prt_token")
    console.on("GET", "/builds/7/events", lambda _: Answer(iter([sse(end(1))])))
    builder = Builder(console)
    chance = random.Random(5)
    sizes = set()
    for turn in range(25):
        root = tmp_path / f"tree {turn}"
        root.mkdir()
        plant(root, chance)
        done = prtcli(console, "build", str(root), "-t", "r.io/x:1", "--worker", "Worker-1", "--push", "--quiet")
        assert done.returncode == 0, done.stderr
        prt.get_worker("Worker-1").build_image("r.io/x", "1", context=root, progress="none")
        cli, sdk = builder.offers[-2:]
        assert listed(sdk) == listed(cli), (root / ".dockerignore").read_text()
        sizes.add(len(listed(sdk)))
        mine, theirs = (dict(request.json) for request in console.asked("POST", "/builds")[-2:])
        # The request for the build says the same, defaults that may be left out aside.
        assert {name: value for name, value in mine.items() if value} == {name: value for name, value in theirs.items() if value}
    assert len(sizes) > 4


def test_both_print_the_same_log(console: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRT_URL", console.url)
    monkeypatch.setenv("PRT_TOKEN", "prt_token")
    chance = random.Random(9)
    records = []
    for seq in range(1, 300):
        step = chance.randrange(1, 8)
        states = ["waiting", "running", "cached", "done", "failed", "canceled"]
        started = chance.choice([None, 900, 5000])
        records.append(
            chance.choice(
                [
                    record(seq, "log", line=seq, step=step, stream=1, text="\x1b[31mtext\tü\r"),
                    record(seq, "notice", text="A word."),
                    record(seq, "warning", step=step, text="Careful."),
                    record(seq, "progress", step=step, id="sha256:ab", current=1, total=2, done=chance.random() < 0.5),
                    record(
                        seq,
                        "step",
                        step=step,
                        name=f"[{step}/8] RUN x",
                        state=chance.choice(states),
                        **({"started_ms": started} if started else {}),
                        **({"completed_ms": 7777} if chance.random() < 0.5 else {}),
                        **({"error": "exit code: 2"} if chance.random() < 0.5 else {}),
                    ),
                ]
            )
        )
    records.append(end(300, "Failed", reason="StepFailed", message="It broke.", step="[1/8] RUN x"))
    console.on("GET", "/builds/7/events", lambda _: Answer(iter([sse(*records)])))
    done = prtcli(console, "builds", "logs", "7", "--follow", "--progress", "plain")
    prt.get_build(7).watch("plain")
    assert capsys.readouterr().out == done.stdout
    assert done.stdout.count("\n") > 100


def test_both_tell_the_same_error(console: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRT_URL", console.url)
    monkeypatch.setenv("PRT_TOKEN", "prt_token")
    fields = [{"field": "image_config.builder_capacity", "message": "builder_capacity needs builder=True."}]
    for answer in (
        error(400, "invalid_input", "The worker is wrong.", fields=fields),
        error(403, "forbidden", "You may not use this image.", hint="Ask an admin."),
        error(409, "conflict", "Worker-1 is busy with build #3."),
        error(500, "internal", "Something failed.", hint="It is under request id r-1."),
    ):
        console.on("POST", "/workers", answer)
        done = prtcli(console, "worker", "create", "--image", "x")
        with pytest.raises(prt.ApiError) as caught:
            prt.create_worker({"worker_image": "x"})
        assert done.stderr == f"error: {caught.value}\n"


def test_one_saved_login_serves_both(server: Server) -> None:
    server.on("POST", "/login", {"token": TOKEN, "value": "prt_by_cli"})
    me = {"id": TOKEN["id"], "username": "ada", "role": "user", "groups": []}
    server.on("GET", "/me", me)
    done = prtcli(server, "--url", server.url, "login", "--username", "ada", "--password-stdin", stdin="secret\n", token=False)
    assert done.returncode == 0, done.stderr
    assert prt.connect().get("me") == me
    assert server.requests[-1].headers["authorization"] == "Bearer prt_by_cli"

    server.on("POST", "/login", {"token": TOKEN, "value": 'prt_"by"\\sdk'})
    prt.login(server.url, "ada", "secret")
    done = prtcli(server, "whoami", token=False)
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].headers["authorization"] == 'Bearer prt_"by"\\sdk'
    server.on("DELETE", f"/tokens/{TOKEN['id']}", Answer(None, 204))
    assert prtcli(server, "logout", token=False).returncode == 0
    assert SavedLogin.load() is None
