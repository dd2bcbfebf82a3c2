from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import practicuscore as prt
from server import Answer, Request, Server, build, end, error, record, sse, worker


def records(status: str = "Succeeded") -> list[dict[str, Any]]:
    step = "[2/2] RUN make"
    return [
        record(1, "notice", text="Logins checked."),
        record(2, "step", step=1, name="[1/2] FROM debian", state="cached", started_ms=1100, completed_ms=1100),
        record(3, "step", step=2, name=step, state="running", started_ms=1250),
        record(4, "progress", step=2, id="sha256:ab", current=5_000_000, total=10_000_000, done=False),
        record(5, "log", line=1, step=2, stream=1, text="cc \x1b[31mmain.c\x1b[0m"),
        record(6, "progress", step=2, id="sha256:ab", current=10_000_000, total=10_000_000, done=True),
        record(7, "warning", step=2, text="line 3: use lower case"),
        record(8, "step", step=2, name=step, state="done", started_ms=1250, completed_ms=3650),
        end(9, status, message="It is there.", digest="sha256:cd" if status == "Succeeded" else None),
    ]


PLAIN = """-- Logins checked.
#1 [1/2] FROM debian
#1 CACHED
#2 [2/2] RUN make
#2 0.250 cc \x1b[31mmain.c\x1b[0m
#2 sha256:ab done
#2 WARNING: line 3: use lower case
#2 DONE 2.4s
"""


@pytest.fixture(autouse=True)
def here(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRT_URL", server.url)
    monkeypatch.setenv("PRT_TOKEN", "prt_token")
    monkeypatch.setattr("practicuscore.client._PAUSES", (0.01,))
    monkeypatch.setattr("practicuscore.client._LONG_PAUSES", (0.0,) * 5)
    server.on("GET", "/me", {"username": "ada"})
    server.on("GET", "/workers", [worker(), worker("Worker-2", owner="eve")])
    server.on("GET", "/workers/Worker-1", worker())
    server.on("POST", "/builds", Answer(build(), 201))
    server.on("GET", "/builds/7", build(status="Succeeded", digest="sha256:cd"))
    server.on("GET", "/builds/7/events", lambda _: Answer(iter([sse(*records())])))


def test_the_seeds_call(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert prt.containers.build_image(
        name="my-registry.my-company.com/demo/my-image",
        tag="25.5.3",
        push_image=True,
        build_args={"A": "b", "N": 3},
        registry_credentials=[("my-registry.my-company.com", "robot", "token")],
    )
    assert server.asked("POST", "/builds")[0].json == {
        "worker": "Worker-1",
        "name": "my-registry.my-company.com/demo/my-image",
        "tag": "25.5.3",
        "push_image": True,
        "build_args": {"A": "b", "N": "3"},
        "registry_credentials": [{"host": "my-registry.my-company.com", "username": "robot", "password": "token"}],
        "insecure_registry": False,
        "no_cache": False,
        "context": "",
        "dockerfile": "",
    }
    assert capsys.readouterr().out == PLAIN + (
        "-- Succeeded: It is there.\n-- digest sha256:cd\n"
        "built and pushed r.io/x:1@sha256:cd\nstart a worker with it: worker_image='r.io/x:1'\n"
    )


def test_a_console_that_restarts_costs_no_build(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", "/server", Answer("down", 502), {"idempotency_keys": True})
    server.on("POST", "/builds", Answer(drop=True), Answer("down", 503), Answer(build(), 201))
    assert prt.containers.build_image("r.io/x", "1")
    assert len({request.headers["idempotency-key"] for request in server.asked("POST", "/builds")}) == 1
    assert "; trying again…" in capsys.readouterr().err


def test_a_failed_build_is_false_and_no_exception(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    failed = [*records()[:3], record(4, "step", step=2, name="[2/2] RUN make", state="failed", error="exit code: 2")]
    failed.append(end(5, "Failed", message="The step failed.", reason="StepFailed", step="[2/2] RUN make"))
    server.on("GET", "/builds/7/events", lambda _: Answer(iter([sse(*failed)])))
    server.on("GET", "/builds/7", build(status="Failed", reason="StepFailed", message="The step failed."))
    assert prt.containers.build_image("r.io/x", "1") is False
    out = capsys.readouterr().out
    assert out.endswith("#2 ERROR: exit code: 2\n-- Failed (StepFailed): The step failed.\n")


def test_what_cannot_be_a_build_is_an_exception(server: Server) -> None:
    hint = "Wait for #3, cancel it, or use another worker."
    server.on("POST", "/builds", error(409, "conflict", "Worker-1 is busy with build #3.", hint=hint))
    with pytest.raises(prt.ConflictError, match="busy with build #3") as caught:
        prt.containers.build_image("r.io/x", "1")
    assert caught.value.hint == hint
    for wrong in ("x", [("h", "u")], [("h", "u", 7)], ["huh"], {"h": "u"}):
        with pytest.raises(prt.UsageError, match=r"registry_credentials: A list of \(host, user, password\) is expected"):
            prt.containers.build_image("r.io/x", "1", registry_credentials=wrong)  # type: ignore[arg-type]
    for other in ([("h", "u", "canary", "both")], [("h", "u", "canary", 1)]):
        with pytest.raises(prt.UsageError, match='The fourth part of a login is "pull" or "push"') as refused:
            prt.containers.build_image("r.io/x", "1", registry_credentials=other)  # type: ignore[arg-type]
        assert "canary" not in str(refused.value)
    with pytest.raises(prt.UsageError, match="build_args: The value of A is no text"):
        prt.containers.build_image("r.io/x", "1", build_args={"A": ["canary"]})
    with pytest.raises(prt.UsageError, match="build_args: A dict"):
        prt.containers.build_image("r.io/x", "1", build_args="A=b")  # type: ignore[arg-type]
    assert len(server.asked("POST", "/builds")) == 1


def test_logins_can_be_for_pulls_or_the_push_only(server: Server) -> None:
    logins = [("r.io/base", "a", "p", "pull"), ("r.io", "b", "q", "push"), ("s.io", "c", "r", None)]
    assert prt.containers.build_image(
        "r.io/x", "1", registry_credentials=[*logins, {"host": "t.io", "username": "d", "password": "s"}]
    )
    assert server.asked("POST", "/builds")[0].json["registry_credentials"] == [
        {"host": "r.io/base", "username": "a", "password": "p", "only": "pull"},
        {"host": "r.io", "username": "b", "password": "q", "only": "push"},
        {"host": "s.io", "username": "c", "password": "r"},
        {"host": "t.io", "username": "d", "password": "s"},
    ]


def test_a_kept_login_is_taken_by_its_name(server: Server) -> None:
    kept = {"name": "corp-robot/team-a:pull"}
    assert prt.containers.build_image("r.io/x", "1", registry_credentials=[kept, ("s.io", "c", "r")])
    body = server.asked("POST", "/builds")[0].json
    assert body["registry_secrets"] == ["corp-robot/team-a:pull"]
    assert body["registry_credentials"] == [{"host": "s.io", "username": "c", "password": "r"}]
    with pytest.raises(prt.UsageError, match="A kept credential is"):
        prt.containers.build_image("r.io/x", "1", registry_credentials=[{"name": "a", "password": "p"}])


def test_the_seeds_further_parameters_are_sent_when_given(server: Server) -> None:
    prt.containers.build_image("r.io/x", "1", additional_build_params="--no-cache", custom_build_command="buildctl build")
    body = server.asked("POST", "/builds")[0].json
    assert (body["additional_build_params"], body["custom_build_command"]) == ("--no-cache", "buildctl build")


def test_numbers_and_booleans_are_what_they_are_everywhere(server: Server) -> None:
    args = {"A": True, "B": False, "C": 12345678901234567890123, "D": Decimal("1.10")}
    prt.containers.build_image("r.io/x", "1", build_args=args)
    body = server.asked("POST", "/builds")[0].json
    assert body["build_args"] == {"A": "true", "B": "false", "C": "12345678901234567890123", "D": "1.10"}
    with pytest.raises(prt.UsageError, match=r"The value of V is a float, .* write it as text, '3.1'"):
        prt.containers.build_image("r.io/x", "1", build_args={"V": 3.10})


def test_dockers_options_are_sent_when_given(server: Server, tmp_path: Path) -> None:
    prt.containers.build_image(
        "r.io/x",
        "1",
        additional_tags=["r.io/x:2"],
        target="web",
        platforms="linux/arm64",
        labels={"a": 1},
        pull=True,
        secrets={"npm": "canary", "pip": {"shared_secret": "PIP"}},
        network="none",
        add_hosts={"db": "192.0.2.7"},
        cache_to=["type=inline"],
        oci_mediatypes=False,
    )
    body = server.asked("POST", "/builds")[0].json
    assert {name: body[name] for name in body.keys() - {"worker", "name", "tag", "push_image", "build_args"}} == {
        "registry_credentials": [],
        "insecure_registry": False,
        "no_cache": False,
        "context": "",
        "dockerfile": "",
        "additional_tags": ["r.io/x:2"],
        "target": "web",
        "platforms": ["linux/arm64"],
        "labels": {"a": "1"},
        "pull": True,
        "secrets": [{"id": "npm", "value": "canary"}, {"id": "pip", "shared_secret": "PIP"}],
        "network": "none",
        "add_hosts": ["db:192.0.2.7"],
        "cache_to": ["type=inline"],
        "oci_mediatypes": False,
    }
    with pytest.raises(prt.UsageError, match="secrets: The value of a") as caught:
        prt.containers.build_image("r.io/x", "1", secrets={"a": ["canary"]})
    assert "canary" not in str(caught.value)
    with pytest.raises(TypeError, match="nonsense"):
        prt.containers.build_image("r.io/x", "1", nonsense=1)
    # A Dockerfile that is not in the context goes along as text.
    (tmp_path / "app").mkdir()
    (tmp_path / "Dockerfile.ci").write_text("FROM scratch\n")
    server.on("POST", "/workers/Worker-1/contexts", {"id": "c1", "missing": []})
    made = prt.get_worker("Worker-1").build_image("r.io/x", "1", context=tmp_path / "app", dockerfile=tmp_path / "Dockerfile.ci")
    assert made.succeeded
    body = server.asked("POST", "/builds")[-1].json
    assert (body["dockerfile"], body["dockerfile_text"]) == ("Dockerfile", "FROM scratch\n")


def test_the_only_builder_is_taken(server: Server) -> None:
    server.on("GET", "/workers", [worker("W-1"), worker("W-2", owner="eve"), worker("W-3", status="Failed")])
    prt.containers.build_image("r.io/x", "1")
    assert server.asked("POST", "/builds")[0].json["worker"] == "W-1"
    server.on("GET", "/workers", [worker("W-1"), worker("W-2")])
    with pytest.raises(prt.UsageError, match="several with a builder: W-1, W-2"):
        prt.containers.build_image("r.io/x", "1")
    server.on("GET", "/workers", [worker("W-1", builder=False), worker("W-3", status="Failed")])
    with pytest.raises(prt.UsageError) as caught:
        prt.containers.build_image("r.io/x", "1")
    assert caught.value.message.endswith("builder\n  W-1: Running, without a builder\n  W-3: Failed, with a builder")


def test_inside_a_worker_it_is_this_one(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRT_WORKER", "Worker-1")
    monkeypatch.delenv("PRT_TOKEN")
    (tmp_path / "token").write_text("worker-token\n")
    monkeypatch.setenv("PRT_TOKEN_FILE", str(tmp_path / "token"))
    assert prt.containers.build_image("r.io/x", "1")
    assert server.asked("POST", "/builds")[0].headers["authorization"] == "Bearer worker-token"
    # A worker's own token may not list workers.
    assert not server.asked("GET", "/workers")


def test_in_the_worker_its_build_folder_is_not_uploaded(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRT_WORKER", "Worker-1")
    folder = Path.home() / "build" / "app"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM x")
    prt.get_local_worker().build_image("r.io/x", "1", context=folder, progress="none")
    assert server.asked("POST", "/builds")[0].json["context"] == "app"
    assert not server.asked("POST", "/workers/Worker-1/contexts")
    assert capsys.readouterr().out == ""


def test_a_build_can_be_looked_at(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", "/builds", [build(status="Failed", reason="PushDenied", steps=5, steps_cached=2)])
    server.on("POST", "/builds/7/cancel", build(status="Canceled"))
    server.on("POST", "/builds/7/rerun", Answer(build(8), 201))
    server.on("GET", "/builds/7/log", "the log\n")
    listed = prt.list_builds("Worker-1", limit=5)
    assert server.asked("GET", "/builds")[0].query == {"worker": "Worker-1", "limit": "5"}
    assert "Failed (PushDenied)" in repr(listed)
    assert "2 of 5" in repr(listed)
    one = listed[0]
    assert [item.seq for item in one.follow(after=6)] == [7, 8, 9]
    assert one.logs() == "the log\n"
    assert one.cancel().status == "Canceled"
    expires = 1_700_000_000_000
    server.on("PUT", "/builds/7/pin", build(pinned=True), build(expires_ms=expires, log_expires_ms=expires - 1000))
    pinned = one.pin()
    assert (pinned.pinned, pinned.expiry_time) == (True, None)
    again = one.pin(False)
    assert again.expiry_time is not None
    assert (again.pinned, again.expiry_time.timestamp()) == (False, expires / 1000)
    assert [request.json for request in server.asked("PUT", "/builds/7/pin")] == [{"pinned": True}, {"pinned": False}]
    server.on("GET", "/builds/7/log", error(410, "gone", "The log of build #7 was deleted."))
    with pytest.raises(prt.GoneError, match="was deleted"):
        one.logs()
    assert one.rerun([("h", "u", "p")], no_cache=True).number == 8
    assert server.asked("POST", "/builds/7/rerun")[0].json["registry_credentials"][0]["password"] == "p"
    assert one.watch("plain").succeeded
    assert capsys.readouterr().out.startswith(PLAIN)
    with pytest.raises(prt.UsageError, match="progress is one of"):
        one.watch("loud")


def test_a_lost_connection_is_said_beside_the_log(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    def reply(request: Request) -> Answer:
        after = int(request.headers["last-event-id"])
        part = [item for item in records() if item["seq"] > after]
        return Answer(iter([sse(*part[:4])]))

    server.on("GET", "/builds/7/events", reply)
    assert prt.containers.build_image("r.io/x", "1")
    captured = capsys.readouterr()
    assert captured.out.startswith(PLAIN)
    assert captured.err.count("reconnecting…") == 2


def test_a_log_that_cannot_be_followed_is_an_error(server: Server) -> None:
    server.on("GET", "/builds/7/events", error(403, "forbidden", "No."))
    with pytest.raises(prt.ForbiddenError):
        prt.containers.build_image("r.io/x", "1")


def test_a_long_log_is_whole(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    count = 20_000

    def parts() -> Iterator[bytes]:
        yield sse(record(1, "step", step=1, name="[1/1] RUN x", state="running", started_ms=1000))
        for at in range(2, count + 2, 500):
            yield sse(*(record(n, "log", line=n, step=1, stream=1, text=f"<{n}>") for n in range(at, at + 500)))
        yield sse(end(count + 2))

    server.on("GET", "/builds/7/events", Answer(parts()))
    assert prt.containers.build_image("r.io/x", "1")
    assert re.findall(r"<(\d+)>", capsys.readouterr().out) == [str(n) for n in range(2, count + 2)]


class Program:
    """A script in a process of its own, because Ctrl-C reaches whole processes."""

    def __init__(self, server: Server, code: str) -> None:
        environment = {**os.environ, "PRT_URL": server.url, "PRT_TOKEN": "t", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


SCRIPT = """
import practicuscore as prt
try:
    print("result", prt.containers.build_image("r.io/x", "1"))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_cancels_on_the_console(server: Server) -> None:
    following, canceled = threading.Event(), threading.Event()

    def log() -> Iterator[bytes]:
        yield sse(*records()[:3])
        following.set()
        assert canceled.wait(20)
        yield sse(end(4, "Canceled", message="Canceled by ada."))

    def cancel(_: Request) -> Answer:
        canceled.set()
        return Answer(build(status="Running"))

    server.on("GET", "/builds/7/events", Answer(log()))
    server.on("POST", "/builds/7/cancel", Answer("bad gateway", 502), cancel)
    server.on("GET", "/builds/7", build(status="Canceled"))
    with Program(server, SCRIPT) as program:
        assert following.wait(20)
        program.interrupt()
        code, out, err = program.ended()
    assert (code, len(server.asked("POST", "/builds/7/cancel"))) == (0, 2), err
    assert out.endswith("-- Canceled: Canceled by ada.\ninterrupted\n")
    assert "canceling…" in err


OWN_HANDLER = """
import signal
raised = signal.default_int_handler
signal.signal(signal.SIGINT, lambda *args: raised(*args))
"""


@pytest.mark.parametrize("before", ["", OWN_HANDLER])
def test_ctrl_c_before_the_answer_cancels_what_comes_of_it(server: Server, before: str) -> None:
    asked, interrupted, canceled = threading.Event(), threading.Event(), threading.Event()

    def create(_: Request) -> Answer:
        asked.set()
        assert interrupted.wait(20)
        return Answer(build(), 201)

    def cancel(_: Request) -> Answer:
        canceled.set()
        return Answer(build(status="Canceled"))

    def log() -> Iterator[bytes]:
        assert canceled.wait(20)
        yield sse(end(1, "Canceled"))

    server.on("POST", "/builds", create)
    server.on("POST", "/builds/7/cancel", cancel)
    server.on("GET", "/builds/7/events", Answer(log()))
    server.on("GET", "/builds/7", build(status="Canceled"))
    with Program(server, before + SCRIPT) as program:
        assert asked.wait(20)
        program.interrupt()
        # The program says when it has seen the signal: the answer comes only after that.
        assert program.process.stderr is not None
        assert "canceling…" in program.process.stderr.readline()
        interrupted.set()
        code, out, err = program.ended()
    assert (code, canceled.is_set()) == (0, True), err
    assert out.endswith("interrupted\n")


def test_a_second_ctrl_c_leaves_at_once(server: Server) -> None:
    following, canceling, over = threading.Event(), threading.Event(), threading.Event()

    def log() -> Iterator[bytes]:
        yield sse(*records()[:3])
        following.set()
        over.wait(20)

    def cancel(_: Request) -> Answer:
        canceling.set()
        over.wait(20)
        return Answer(build())

    server.on("GET", "/builds/7/events", Answer(log()))
    server.on("POST", "/builds/7/cancel", cancel)
    with Program(server, SCRIPT) as program, contextlib.ExitStack() as stack:
        stack.callback(over.set)
        assert following.wait(20)
        program.interrupt()
        assert canceling.wait(20)
        program.interrupt()
        code, out, err = program.ended()
    assert (code, out.endswith("interrupted\n")) == (0, True), err
    assert "left build #7 before its end" in err
