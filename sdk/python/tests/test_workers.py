from __future__ import annotations

import io
import os
import tarfile
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import practicuscore as prt
from practicuscore import _processes, _transfer
from server import Answer, Request, Server, error, worker


@pytest.fixture(autouse=True)
def here(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRT_URL", server.url)
    monkeypatch.setenv("PRT_TOKEN", "prt_token")
    monkeypatch.setattr("practicuscore.client._PAUSES", (0.01,))
    monkeypatch.setattr("practicuscore.client._LONG_PAUSES", (0.0,) * 5)


def get_worker(server: Server, **more: Any) -> prt.Worker:
    server.on("GET", "/workers/Worker-1", worker(**more))
    return prt.get_worker("Worker-1")


def test_a_worker_is_started_and_waited_for(server: Server) -> None:
    starting = worker(status="Provisioning", ready=False, message="Pulling")
    server.on("POST", "/workers", Answer(starting, 201))
    server.on("GET", "/workers/Worker-1/wait", starting, Answer("bad gateway", 502), worker())
    made = prt.create_worker({"worker_image": "practicus-minimal", "image_config": {"builder": True}})
    assert (made.name, made.cpu, made.gpu, made.total_mem_gb) == ("Worker-1", 1.5, 1, 2.0)
    assert made.creation_time == datetime(2026, 8, 1, 12, 0, 3, tzinfo=timezone.utc)
    assert server.asked("POST", "/workers")[0].json == {
        "worker_image": "practicus-minimal",
        "image_config": {"builder": True},
    }
    waits = server.asked("GET", "/workers/Worker-1/wait")
    assert len(waits) == 3
    assert {wait.query["timeout_s"] for wait in waits} == {"20"}


def test_a_worker_that_is_late_is_not_terminated(server: Server) -> None:
    starting = worker(status="Provisioning", ready=False, message="Pulling the image")
    server.on("POST", "/workers", Answer(starting, 201))
    server.on("GET", "/workers/Worker-1/wait", starting)
    with pytest.raises(TimeoutError, match=r"Worker-1 is not ready after 0\.05 s: Pulling the image") as caught:
        prt.create_worker(prt.WorkerConfig("x"), timeout=0.05)
    assert isinstance(caught.value, prt.WorkerNotReadyError)
    assert not server.asked("POST", "/workers/Worker-1/terminate")


def test_a_worker_that_failed_tells_why(server: Server) -> None:
    failed = worker(status="Failed", ready=False, reason="NoJupyter", message="No Jupyter answers.")
    server.on("POST", "/workers", Answer(failed, 201))
    with pytest.raises(prt.WorkerFailedError, match=r"did not start \(NoJupyter\): No Jupyter answers\."):
        prt.create_worker({"worker_image": "x"})


def test_not_waiting_gives_it_at_once(server: Server) -> None:
    server.on("POST", "/workers", Answer(worker(status="Provisioning", ready=False), 201))
    assert prt.create_worker({"worker_image": "x"}, wait_until_ready=False).name == "Worker-1"
    assert len(server.requests) == 1


def test_the_consoles_refusal_is_the_error(server: Server) -> None:
    fields = [{"field": "image_config.builder_capacity", "message": "builder_capacity needs builder=True."}]
    server.on("POST", "/workers", error(400, "invalid_input", "The worker is wrong.", fields=fields))
    with pytest.raises(prt.InvalidInputError, match=r"builder_capacity needs builder=True\."):
        prt.create_worker(prt.WorkerConfig("x", image_config=prt.ImageConfig(builder_capacity=60)))


def test_status_and_ready_are_asked_for(server: Server) -> None:
    server.on("GET", "/workers/Worker-1", worker(), worker(status="Terminating", ready=False), worker(status="Terminated"))
    found = prt.get_worker("Worker-1")
    assert found.ready is False
    assert found.status == "Terminated"
    assert "Terminated" in repr(found)


def test_the_local_worker(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not prt.running_on_a_worker()
    with pytest.raises(prt.NotOnAWorkerError, match="does not run on a worker"):
        prt.get_local_worker()
    monkeypatch.setenv("PRT_WORKER", "Worker-1")
    assert prt.running_on_a_worker()
    server.on("GET", "/workers/Worker-1", worker())
    assert prt.get_local_worker().name == "Worker-1"


def test_one_that_fits_is_taken_again(server: Server) -> None:
    full = "ghcr.io/practicusai/practicus-minimal:25.5.3"
    rows = [
        worker("Worker-5", owner="eve"),
        worker("Worker-4", builder=False, builder_capacity=None),
        worker("Worker-3", size="Large"),
        worker("Worker-2", status="Failed"),
        worker("Worker-1"),
    ]
    server.on("GET", "/me", {"username": "ada"})
    server.on("GET", "/workers", rows)
    server.on("GET", "/worker-sizes", [{"name": "Large", "default": False}, {"name": "Medium", "default": True}])
    server.on("GET", "/container-images/check", {"reference": full, "allowed": True, "reason": ""})
    server.on("POST", "/workers", Answer(worker("Worker-9"), 201))

    def taken(**image: object) -> str:
        return prt.get_or_create_worker({"worker_image": "practicus-minimal", "image_config": image}).name

    assert taken(builder=True) == "Worker-1"
    assert taken() == "Worker-4"
    assert taken(builder=True, builder_capacity=60) == "Worker-9"
    server.on("GET", "/container-images/check", {"reference": "other:1", "allowed": True, "reason": ""})
    assert taken(builder=True) == "Worker-9"
    assert len(server.asked("POST", "/workers")) == 2


def test_terminate_takes_the_reason_along(server: Server) -> None:
    found = get_worker(server)
    server.on("POST", "/workers/Worker-1/terminate", Answer(drop=True), worker(status="Terminated", stop_reason="done"))
    found.terminate("done")
    assert (found.stop_reason, found._status) == ("done", "Terminated")
    assert server.asked("POST", "/workers/Worker-1/terminate")[0].json == {"stop_reason": "done"}


def test_commands_run_with_and_without_a_shell(server: Server) -> None:
    found = get_worker(server)
    answer = {"exit_code": 3, "stdout": "out", "stderr": "no such \x1b[31mthing", "truncated": False}
    server.on("POST", "/workers/Worker-1/exec", answer)
    result = found.exec("echo $HOME | wc -c")
    assert (result.exit_code, result.ok, result.stdout) == (3, False, "out")
    found.exec(["ls", "-la"])
    sent = [request.json["command"] for request in server.asked("POST", "/workers/Worker-1/exec")]
    assert sent == [["sh", "-c", "echo $HOME | wc -c"], ["ls", "-la"]]
    with pytest.raises(prt.PrtError, match="exit code 3: no such thing$"):
        result.check()


def test_a_command_that_is_late_is_a_timeout(server: Server) -> None:
    found, gate = get_worker(server), threading.Event()
    server.on("POST", "/workers/Worker-1/exec", lambda _: gate.wait(20) and None)
    try:
        with pytest.raises(TimeoutError, match=r"the command has not ended after 0\.05 s in Worker-1") as caught:
            found.exec("sleep 100", timeout=0.05)
    finally:
        gate.set()
    assert isinstance(caught.value, prt.CommandTimeoutError)
    server.on("POST", "/workers/Worker-1/exec", Answer(drop=True))
    with pytest.raises(prt.ConnectionFailedError):
        found.exec("true", timeout=5)


def test_logs_are_asked_for_by_size_and_container(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    found = get_worker(server)
    server.on("GET", "/workers/Worker-1/logs", "é\nline\n")
    assert found.get_logs(log_size_mb=2) == "é\nline\n"
    found.view_logs(container="builder")
    assert capsys.readouterr().out == "é\nline\n"
    assert [request.query for request in server.asked("GET", "/workers/Worker-1/logs")] == [
        {"container": "primary", "tail_bytes": "2097152"},
        {"container": "builder", "tail_bytes": "1048576"},
    ]
    with pytest.raises(prt.UsageError):
        found.get_logs(0)


def test_a_notebook_is_opened_by_its_address(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    found = get_worker(server)
    url = "http://worker-1.workers.localhost:8080/?once=x"
    server.on("POST", "/workers/Worker-1/notebook", {"url": url})
    assert found.open_notebook(get_url_only=True) == url
    assert capsys.readouterr().out == ""
    assert found.open_notebook(dark_mode=False) == url
    assert capsys.readouterr().out == f"{url}\n"
    assert [request.json for request in server.asked("POST", "/workers/Worker-1/notebook")] == [
        {"dark_mode": True},
        {"dark_mode": False},
    ]
    server.on("POST", "/workers/Worker-1/notebook", {"url": "javascript:alert(1)"})
    with pytest.raises(prt.PrtError, match="gave no address"):
        found.open_notebook()


def test_lists_show_themselves_as_tables(server: Server) -> None:
    server.on("GET", "/workers", [worker(), worker("Worker-22", status="Failed", reason="<b>Exited</b>", builder=False)])
    server.on(
        "GET",
        "/worker-sizes",
        [{"name": "Medium", "cpu_net_millis": 900, "memory_net_mib": 512, "default": True, "security_context": "Default"}],
    )
    server.on("GET", "/container-images/choices", [])
    lines = repr(prt.worker_list).splitlines()
    assert lines[0].split() == ["worker", "status", "image", "size", "builder", "owner", "started"]
    assert lines[2].startswith("Worker-22  Failed (<b>Exited</b>)")
    assert "&lt;b&gt;Exited&lt;/b&gt;" in prt.worker_list._repr_html_()
    assert (prt.worker_size_list[0].cpu, prt.worker_size_list[0].total_mem_gb) == (0.9, 0.5)
    assert repr(prt.worker_image_list) == "no images"
    assert {request.query["all"] for request in server.asked("GET", "/workers")} == {"false"}


class Machine:
    """A worker that keeps what is copied to it and answers commands as told."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.commands: list[list[str]] = []
        self.out: list[str] = []
        self.tars: list[bytes] = []
        server.on("POST", "/workers/Worker-1/exec", self._exec)
        server.on("PUT", "/workers/Worker-1/context", self._context)

    def _exec(self, request: Request) -> Answer:
        self.commands.append(request.json["command"])
        tool = request.json["command"][:2] == ["prt-agent", "tool"] and request.json["command"][2] != "remove"
        out = self.out.pop(0) if tool and self.out else ""
        return Answer({"exit_code": 0, "stdout": out, "stderr": "", "truncated": False})

    def _context(self, request: Request) -> Answer:
        assert request.headers["content-type"] == "application/x-tar"
        self.tars.append(request.body)
        return Answer(None, 204)


def test_files_are_copied_by_way_of_the_build_folder(server: Server, tmp_path: Path) -> None:
    found, machine = get_worker(server), Machine(server)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("A")
    machine.out = ["/home/ubuntu/x\n"]
    assert found.upload_files(tmp_path / "data", "~/x") == ["/home/ubuntu/x/a.txt"]
    with tarfile.open(fileobj=io.BytesIO(machine.tars[0])) as archive:
        assert archive.getnames() == ["a.txt"]
    staging = server.asked("PUT", "/workers/Worker-1/context")[0].query["path"]
    assert machine.commands[0][2:] == ["place", f"/home/ubuntu/build/{staging}", "~/x"]
    assert machine.commands[-1][2:] == ["remove", f"/home/ubuntu/build/{staging}"]
    with pytest.raises(prt.UsageError, match="there is no file or folder"):
        found.upload_files(tmp_path / "none")


def test_an_upload_is_sent_again_and_says_what_it_leaves_out(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, machine = get_worker(server), Machine(server)
    (tmp_path / "a.txt").write_text("A")
    os.mkfifo(tmp_path / "pipe")
    machine.out = ["/home/ubuntu/x\n"]
    server.on("PUT", "/workers/Worker-1/context", Answer(drop=True), Answer("down", 502), machine._context)
    server.on("POST", "/workers/Worker-1/exec", Answer(drop=True), machine._exec)
    assert found.upload_files(tmp_path, "~/x") == ["/home/ubuntu/x/a.txt"]
    assert len({request.query["path"] for request in server.asked("PUT", "/workers/Worker-1/context")}) == 1
    with tarfile.open(fileobj=io.BytesIO(machine.tars[0])) as archive:
        assert archive.getnames() == ["a.txt"]
    assert capsys.readouterr().err.startswith("not sent: pipe is a pipe, a socket or a device\ncannot reach")


def test_what_comes_out_of_a_worker_stays_below_the_target(server: Server, tmp_path: Path) -> None:
    found, machine = get_worker(server), Machine(server)

    def packed(*members: tuple[str, bytes | str]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in members:
                info = tarfile.TarInfo(name)
                if isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                    archive.addfile(info)
                else:
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return out.getvalue()

    def download(data: bytes) -> list[str]:
        half = len(data) // 2
        server.on("GET", "/workers/Worker-1/files", Answer(data[:half]), Answer(data[half:]))
        machine.out = ["2\n"]
        return found.download_files("~/out", tmp_path / "here")

    files = download(packed(("./sub/a", b"A" * 3000), ("link", "/etc"), ("link2", "..")))
    assert files == [str(tmp_path / "here/sub/a")]
    assert (tmp_path / "here/sub/a").read_bytes() == b"A" * 3000
    assert not (tmp_path / "here/link").is_symlink()
    assert [request.query["path"].rsplit(".", 1)[1] for request in server.asked("GET", "/workers/Worker-1/files")] == [
        "aaaaaa",
        "aaaaab",
    ]
    for evil in ("../evil", "/tmp/evil", "sub/../../evil"):
        with pytest.raises(prt.PrtError, match="leads out of"):
            download(packed((evil, b"x")))
    assert not (tmp_path / "evil").exists()


def test_hard_links_come_out_as_files_and_other_links_are_named(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, machine = get_worker(server), Machine(server)
    inside, out = tmp_path / "inside", io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        first = tarfile.TarInfo("./sub/a")
        first.size, first.mode = 3, 0o640
        archive.addfile(first, io.BytesIO(b"abc"))
        for name, kind, target in (
            ("./b", tarfile.LNKTYPE, "./sub/a"),
            ("./c", tarfile.SYMTYPE, "sub/a"),
            ("./p", tarfile.FIFOTYPE, ""),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname, link.mode = kind, target, 0o640
            archive.addfile(link)
    server.on("GET", "/workers/Worker-1/files", Answer(out.getvalue()))
    machine.out = ["1\n"]
    assert found.download_files("~/out", inside) == [str(inside / "sub/a"), str(inside / "b")]
    assert (inside / "b").read_bytes() == b"abc"
    assert sorted(os.listdir(inside)) == ["b", "sub"]
    assert capsys.readouterr().err == "not downloaded: c is a symbolic link\nnot downloaded: p is a pipe or a device\n"

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("evil")
        link.type, link.linkname = tarfile.LNKTYPE, "../../secret"
        archive.addfile(link)
    (tmp_path / "secret").write_text("canary")
    server.on("GET", "/workers/Worker-1/files", Answer(out.getvalue()))
    machine.out = ["1\n"]
    with pytest.raises(prt.PrtError, match="leads out of"):
        found.download_files("~/out", tmp_path / "x" / "y")


def test_parts_are_named_in_order() -> None:
    assert [_transfer._suffix(at) for at in (0, 1, 25, 26, 676)] == ["aaaaaa", "aaaaab", "aaaaaz", "aaaaba", "aaabaa"]


def test_processes_are_read_and_the_worker_stays_up(server: Server) -> None:
    found, machine = get_worker(server), Machine(server)
    table = """1       0 ubuntu    0.0  0.1     900 tini -- prt-start
7       1 ubuntu    1.5  2.5     899 /opt/venv/bin/python /opt/venv/bin/jupyter-lab --ip 0.0.0.0
     40       7 ubuntu    0.0  1.0     100 python -m ipykernel_launcher
     41       1 ubuntu    0.0  1.0     100 sleep 1000
"""
    machine.out = [table, table, ""]
    processes = found.proc_list()
    assert [process.pid for process in processes] == [1, 7, 40, 41]
    assert processes[1].cpu_percent == 1.5
    assert found.kill_all_procs() == [40, 41]
    assert machine.commands[-1] == ["prt-agent", "tool", "kill", "40", "41"]
    found.kill_proc(40)
    assert machine.commands[-1] == ["prt-agent", "tool", "kill", "40"]
    with pytest.raises(prt.UsageError):
        found.kill_proc(1)
    only = [_processes.Process(1, 0, "u", 0, 0, 0, "/usr/bin/python3 -m jupyterlab"), processes[2]]
    assert _processes.keepers(only) == {1}


def test_tasks_are_told_apart_from_mistakes(server: Server, tmp_path: Path) -> None:
    found, machine = get_worker(server), Machine(server)
    (tmp_path / "job.py").write_text("print(1)")
    (tmp_path / "beside.txt").write_text("not sent")
    machine.out = ["/home/ubuntu/.prt/tasks/x/files\n", ""]
    task = found.run_task(str(tmp_path / "job.py"), args=["a b"])
    with tarfile.open(fileobj=io.BytesIO(machine.tars[0])) as archive:
        assert archive.getnames() == ["job.py"]
    assert machine.commands[-1][2:] == ["run", f".prt/tasks/{task}", "python3", "-u", "./job.py", "a b"]
    machine.out = ["running\nhello\n", "ended 0\nhello\n", "ended 2\n", "lost\n", "none\n"]
    states = [found.check_task(task) for _ in range(4)]
    assert states[0] == prt.Task(task, "running", None, "hello\n")
    assert [state.status for state in states] == ["running", "succeeded", "failed", "lost"]
    assert [state.done for state in states] == [False, True, True, True]
    assert [bool(state) for state in states] == [False, True, False, False]
    with pytest.raises(prt.PrtError, match="there is no task"):
        found.check_task(task)
    for wrong in ("../x", "", "x" * 12):
        with pytest.raises(prt.UsageError, match="is no task id"):
            found.check_task(wrong)
    for file in ("none.py", "beside.txt"):
        with pytest.raises(prt.UsageError):
            found.run_task(str(tmp_path / file))


def test_a_client_can_be_used_by_many_threads(server: Server) -> None:
    found = get_worker(server)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(10):
                assert found.refresh().name == "Worker-1"
        except BaseException as wrong:
            errors.append(wrong)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_the_build_configuration_is_sent_as_given(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", "/me", {"username": "ada"})
    server.on("GET", "/workers", [worker()])
    findings = [{"line": 3, "column": 5, "message": "client is translated."}, {"message": "Careful."}]
    server.on("PUT", "/workers/Worker-1/build-config", {"findings": findings})
    assert prt.containers.update_build_config(insecure_registries="a:5000, b") is True
    assert capsys.readouterr().err == "line 3, column 5: client is translated.\nCareful.\n"
    assert prt.containers.update_build_config(config_content="") is True
    assert [request.json for request in server.asked("PUT", "/workers/Worker-1/build-config")] == [
        {"insecure_registries": ["a:5000", "b"]},
        {"config_content": ""},
    ]
    capsys.readouterr()
    server.on("PUT", "/workers/Worker-1/build-config", {"state": "waiting", "message": "Waits for the end of build #3."})
    server.on("GET", "/workers/Worker-1/build-config", {"state": "failed", "message": "BuildKit refuses it."})
    assert prt.containers.update_build_config(["a"]) is False
    assert capsys.readouterr().err == "Waits for the end of build #3.\nBuildKit refuses it.\n"
    fields = [{"field": "config_content", "message": "line 2: expected `=`"}]
    server.on("PUT", "/workers/Worker-1/build-config", error(400, "invalid_input", "This is no TOML.", fields=fields))
    with pytest.raises(prt.InvalidInputError, match="line 2: expected"):
        prt.containers.update_build_config(config_content="x")
    # The server decides what goes together, so that every door says the same.
    both: dict[str, Any] = {"insecure_registries": ["a"], "config_content": "x"}
    for given in ({}, both):
        with pytest.raises(prt.InvalidInputError):
            prt.containers.update_build_config(**given)
        assert server.asked("PUT", "/workers/Worker-1/build-config")[-1].json == given
