"""The seed's journey and what can go wrong in it: real console, engine, BuildKit and registry."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import practicuscore as prt
from console import Console, eventually, var

pytestmark = pytest.mark.console

PYTHON = "/opt/venv/bin/python"


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with Console() as running:
        running.user("ada")
        yield running


@pytest.fixture
def ada(console: Console, monkeypatch: pytest.MonkeyPatch) -> prt.Client:
    client = console.login("ada", "user-password-of-tests")
    monkeypatch.setenv("PRT_URL", console.url)
    monkeypatch.setenv("PRT_TOKEN", client._token or "")
    return client


@pytest.fixture(scope="module")
def builder(console: Console) -> Iterator[prt.Worker]:
    config = prt.WorkerConfig(
        worker_image="practicus-minimal", worker_size="Medium-restricted", image_config=prt.ImageConfig(builder=True)
    )
    worker = prt.create_worker(config, timeout=120, client=console.login("ada", "user-password-of-tests"))
    # The package under test, also where the image brings an older one.
    [wheel] = worker.upload_files(var("PRT_SDK_WHEEL"), "~/wheels")
    worker.exec([PYTHON, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--force-reinstall", wheel]).check()
    yield worker
    worker.terminate("the tests are over")


def cell(worker: prt.Worker, code: str) -> str:
    """Runs a notebook cell's code inside of the worker."""
    return worker.exec([PYTHON, "-c", code]).check().stdout


def test_the_seeds_cells(console: Console, ada: prt.Client, builder: prt.Worker) -> None:
    registry = console.registry
    name = f"{registry.host}/{console.instance}/practicus-minimal-my"
    assert builder.status == "Running"
    assert [container.role for container in builder.containers] == ["primary", "builder"]

    cell(
        builder,
        'with open("/home/ubuntu/build/hello.txt", "wt") as f:\n    f.write("Hello from the custom container image!")',
    )
    dockerfile = f"FROM {registry.base_image}\nCOPY hello.txt /home/ubuntu/hello.txt\nRUN echo made by a step\n"
    cell(builder, f'with open("/home/ubuntu/build/Dockerfile", "wt") as f:\n    f.write({dockerfile!r})')
    out = cell(
        builder,
        f"""
import practicuscore as prt
assert prt.running_on_a_worker()
assert prt.get_local_worker().name == {builder.name!r}
success = prt.containers.build_image(
    name={name!r},
    tag="25.5.3",
    push_image=True,
    registry_credentials=[({registry.host!r}, {registry.username!r}, {registry.password!r})],
)
print("Successful!" if success else "Failed..")
""",
    )
    assert out.endswith("\nSuccessful!\n"), out
    log, _, said = out.partition("built and pushed ")
    digest = registry.digest(f"{console.instance}/practicus-minimal-my", "25.5.3")
    assert digest is not None
    assert said.startswith(f"{name}:25.5.3@{digest}\n")
    # The same log in the cell, over REST, and in the worker's own file.
    [build] = prt.list_builds(builder.name, limit=1)
    assert (build.digest, build.door, build.status) == (digest, "sdk", "Succeeded")
    assert log == build.logs()
    assert eventually("build.log is whole", lambda: builder._get_file("build.log").decode() == log or None)

    image = prt.ImageConfig(repo_username=registry.username, repo_password=registry.password)
    config = prt.WorkerConfig(worker_image=name, worker_size="Medium", image_config=image)
    with pytest.raises(prt.ForbiddenError, match="Infrastructure > Container Images"):
        prt.create_worker(config)
    console.grant(f"^{re.escape(registry.host)}\\/{console.instance}\\/", "ada")
    # Without a tag the platform version is taken.
    custom = prt.create_worker(config, timeout=120)
    assert custom.image == f"{name}:25.5.3"
    assert custom.exec("cat ~/hello.txt").check().stdout == "Hello from the custom container image!"
    assert prt.get_or_create_worker(config) == custom
    assert {worker.name for worker in prt.worker_list} == {builder.name, custom.name}
    custom.terminate("no longer needed")
    assert (custom.status, custom.stop_reason) == ("Terminated", "no longer needed")


def test_lists_tell_what_may_be_used(ada: prt.Client) -> None:
    sizes = {size.name: size for size in prt.worker_size_list}
    assert sizes["Medium-restricted"].security_context == "Restricted"
    assert sum(size.default for size in sizes.values()) == 1
    assert any(image.image == "practicus-minimal" or "practicus-minimal" in image.rule for image in prt.worker_image_list)


def test_a_local_folder_is_built_from_outside(
    ada: prt.Client, console: Console, builder: prt.Worker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Dockerfile.dev").write_text(
        f"FROM {console.registry.base_image}\nARG WHO\nCOPY . /x\nRUN ls /x; echo for $WHO; ! ls /x/secret\n"
    )
    (tmp_path / ".dockerignore").write_text("secret\n")
    (tmp_path / "secret").write_text("canary")
    (tmp_path / "ünï cödé").write_text("x")
    given = {"build_args": {"WHO": "ada"}, "registry_credentials": [console.registry.login]}
    name = f"{console.registry.host}/{console.instance}/outside"
    local = prt.get_worker(builder.name)
    done = local.build_image(name, "1", False, context=tmp_path, dockerfile=tmp_path / "Dockerfile.dev", **given)  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert (done.status, done.push_image) == ("Succeeded", False), out
    assert "for ada" in out
    assert "ünï cödé" in out
    assert f"\nbuilt {name}:1, not pushed\nit stays in the builder's cache" in out
    # A context lies apart from the build folder.
    assert not builder.exec("ls -d ~/build/sdk").ok
    # The context's folder stays in the cache, so the second run, with a push, does nothing twice.
    pushed = local.build_image(name, "1", context=tmp_path, dockerfile=tmp_path / "Dockerfile.dev", progress="none", **given)  # type: ignore[arg-type]
    assert pushed.succeeded
    assert pushed.digest == console.registry.digest(f"{console.instance}/outside", "1")
    assert pushed.steps_cached >= 2
    # The command line's program makes the same image of the same inputs.
    (tmp_path.parent / "password").write_text(console.registry.password)
    login = f"{console.registry.host},{console.registry.username},@{tmp_path.parent / 'password'}"
    command = [
        var("PRTCLI"),
        "build",
        str(tmp_path),
        "-f",
        str(tmp_path / "Dockerfile.dev"),
        "-t",
        f"{name}:2",
        "--push",
        "--quiet",
    ]
    command += ["--worker", builder.name, "--build-arg", "WHO=ada", "--registry-credential", login]
    cli = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (cli.returncode, cli.stdout) == (0, f"{pushed.digest}\n"), cli.stderr


def test_an_image_holds_the_files_of_its_own_folder(
    ada: prt.Client, console: Console, builder: prt.Worker, tmp_path: Path
) -> None:
    registry = console.registry
    name = f"{registry.host}/{console.instance}/own"

    def built(folder: str, text: str) -> str:
        # Name, size and time are the same; only the content differs.
        app = tmp_path / folder / "app"
        app.mkdir(parents=True)
        (app / "Dockerfile").write_text(
            f"FROM {registry.base_image}\nCOPY . /x\nRUN cat /x/file; stat -c '%n %a %h' /x/tool /x/other; readlink /x/link\n"
        )
        (app / "file").write_text(text)
        (app / "tool").write_text("#!/bin/sh\n")
        os.link(app / "tool", app / "other")
        (app / "tool").chmod(0o4755)
        (app / "link").symlink_to("file")
        for path in (app, *app.iterdir()):
            os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
        login = [registry.login]
        done = prt.get_worker(builder.name).build_image(
            name, folder, False, context=app, progress="none", registry_credentials=login
        )
        assert done.succeeded, done.logs()
        return done.logs()

    first, second = built("a", "words of a"), built("b", "words of b")
    assert "words of a" in first
    assert "words of b" in second
    assert "words of a" not in second
    for log in (first, second):
        # BuildKit drops the setuid bit, and the log says so.
        assert "/x/tool 755 " in log
        assert "/x/other 755 " in log
        assert "setuid" in log


def test_outcomes_and_misuse(ada: prt.Client, console: Console, builder: prt.Worker, tmp_path: Path) -> None:
    registry = console.registry
    (tmp_path / "Dockerfile").write_text(f"FROM {registry.base_image}\nRUN echo last words; exit 7\n")
    name = f"{registry.host}/{console.instance}/failing"
    local = prt.get_worker(builder.name)
    given = {"context": tmp_path, "progress": "none", "registry_credentials": [registry.login]}
    failed = local.build_image(name, "1", **given)  # type: ignore[arg-type]
    assert (failed.succeeded, failed.reason) == (False, "StepFailed")
    assert "last words" in failed.logs()
    wrong = {**given, "registry_credentials": [(registry.host, registry.username, "wrong-canary")]}
    with pytest.raises(prt.ApiError) as denied:
        local.build_image(name, "1", **wrong)  # type: ignore[arg-type]
    assert registry.host in str(denied.value)
    assert "canary" not in str(denied.value)
    with pytest.raises(prt.InvalidInputError) as invalid:
        local.build_image("UPPER", " ", context=tmp_path, progress="none")
    assert [field.field for field in invalid.value.fields] == ["name", "tag"]
    for image, field in [
        ({"builder_capacity": 60}, "image_config.builder_capacity"),
        ({"builder": True, "builder_capacity": 100}, "image_config.builder_capacity"),
        ({"custom_builder_url": "x"}, "image_config.custom_builder_url"),
    ]:
        with pytest.raises(prt.InvalidInputError) as caught:
            prt.create_worker({"worker_image": "practicus-minimal", "image_config": image})
        assert [wrong_field.field for wrong_field in caught.value.fields] == [field]
    # What cannot be is refused in the words of the other doors.
    for config, words in [
        (prt.WorkerConfig("practicus-minimal", network_protocol="https"), "network_protocol must be http: "),
        (prt.WorkerConfig("practicus-minimal", personal_secrets=["MINE"]), 'There is no personal secret "MINE"'),
        (prt.WorkerConfig("practicus-minimal", shared_secrets=["OURS"]), 'There is no shared secret "OURS"'),
        (prt.WorkerConfig("practicus-minimal", additional_params={"a": "x" * 40_000}), "longer than 32 KiB"),
    ]:
        with pytest.raises(prt.InvalidInputError, match=words):
            prt.create_worker(config)
    with pytest.raises(prt.InvalidInputError, match="--output is refused: "):
        local.build_image(name, "1", additional_build_params="--output type=local,dest=/tmp", **given)  # type: ignore[arg-type]
    with pytest.raises(prt.PrtError, match="Medium"):
        prt.create_worker({"worker_image": "practicus-minimal", "worker_size": "Huge"})
    plain = prt.create_worker({"worker_image": "practicus-minimal"}, timeout=120)
    with contextlib.closing(_Ending(plain)), pytest.raises(prt.InvalidInputError, match=r"ImageConfig\(builder=True\)"):
        plain.build_image(name, "1", progress="none")


BAD_INPUT = json.loads((Path(__file__).parents[3] / "tests" / "bad-input.json").read_text())
"""What is wrong and the words for it; tests/integration/errors.rs tries the same at the other doors."""


@pytest.mark.parametrize("bad", BAD_INPUT["workers"], ids=lambda bad: json.dumps(bad["input"]))
def test_a_wrong_worker_reads_as_in_the_other_doors(ada: prt.Client, bad: dict[str, Any]) -> None:
    before = list(prt.worker_list)
    with pytest.raises(prt.PrtError) as refused:
        prt.create_worker({"worker_image": "practicus-minimal", **bad["input"]})
    assert refused.value.field(bad["field"]) == bad["message"]
    assert list(prt.worker_list) == before


def test_a_wrong_build_configuration_reads_as_in_the_other_doors(ada: prt.Client, capsys: pytest.CaptureFixture[str]) -> None:
    image = prt.ImageConfig(builder=True)
    worker = prt.create_worker(prt.WorkerConfig("practicus-minimal", worker_size="Medium-restricted", image_config=image))
    with contextlib.closing(_Ending(worker)):
        before = ada.get("workers", worker.name, "build-config")
        for bad in BAD_INPUT["build_configurations"]:
            with pytest.raises(prt.PrtError) as refused:
                prt.get_worker(worker.name).update_build_config(**bad["input"])
            assert (refused.value.field(bad["field"]) or "").startswith(bad["message"])
        assert ada.get("workers", worker.name, "build-config") == before
        for bad in BAD_INPUT["build_configurations_with_a_word"]:
            capsys.readouterr()
            assert worker.update_build_config(**bad["input"])
            assert capsys.readouterr().err == f"{bad['message']}\n"


def test_builds_that_cannot_be(ada: prt.Client, console: Console, builder: prt.Worker, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    builder.exec("echo FROM scratch >~/build/Dockerfile").check()
    before = len(prt.list_builds(builder.name))
    registry = console.registry
    for name, login, words in [
        (f"{registry.host}/{console.instance}/x", (registry.host, registry.username, "wrong"), registry.username),
        ("nowhere.invalid/demo/x", ("nowhere.invalid", "u", "p"), "nowhere.invalid"),
    ]:
        # What the endpoint itself says, which the other doors are held to.
        credentials = [dict(zip(("host", "username", "password"), login))]
        body = {"worker": builder.name, "name": name, "tag": "1", "push_image": True, "registry_credentials": credentials}
        with pytest.raises(prt.ApiError) as asked:
            ada.post("builds", body=body)
        with pytest.raises(prt.ApiError) as refused:
            builder.build_image(name, "1", context=tmp_path, progress="none", registry_credentials=[login])
        assert words in str(refused.value)
        assert str(refused.value) == str(asked.value)
    assert len(prt.list_builds(builder.name)) == before, "none was begun"


def test_workers_that_cannot_start(console: Console, ada: prt.Client) -> None:
    console.grant(f"^{re.escape(console.registry.host)}\\/practicusai\\/", "ada")
    private = f"{console.registry.host}/practicusai/practicus-minimal:25.5.3-missing"
    login = prt.ImageConfig(repo_username=console.registry.username, repo_password="wrong")
    no_builder = prt.ImageConfig(builder=True, custom_builder_url="ghcr.io/practicusai/practicus-minimal:25.5.3")
    for config, words in [
        (prt.WorkerConfig(private, image_config=login), f"be pulled by {console.registry.username}"),
        (prt.WorkerConfig("practicus-minimal", worker_size="Medium-restricted", image_config=no_builder), "is no builder"),
    ]:
        with pytest.raises(prt.PrtError, match=words) as failed:
            prt.create_worker(config)
        [worker] = [worker for worker in prt.worker_list if worker.status == "Failed"]
        assert worker.message in str(failed.value)
        worker.terminate()


def test_the_token_of_a_worker_that_is_gone(console: Console, ada: prt.Client) -> None:
    worker = prt.create_worker({"worker_image": "practicus-minimal"}, timeout=120)
    token = worker.exec('cat "$PRT_TOKEN_FILE"').check().stdout.strip()
    with prt.Client(console.url, token) as its:
        assert its.get("me")["username"] == "ada"
        worker.terminate()
        with pytest.raises(prt.UnauthenticatedError, match="This API token is unknown, has ended or was revoked"):
            its.get("me")


class _Ending:
    def __init__(self, worker: prt.Worker) -> None:
        self._worker = worker

    def close(self) -> None:
        self._worker.terminate()


SLOW = """
import sys, practicuscore as prt
worker = prt.get_worker(sys.argv[1])
ended = worker.build_image(sys.argv[2], "1", False, context=sys.argv[3], no_cache=True,
    registry_credentials=[tuple(sys.argv[4:7])])
print("ended", ended.status)
"""


class Slow:
    """A build in a program of its own that goes on until told otherwise."""

    def __init__(self, console: Console, builder: prt.Worker, folder: Path, steps: str) -> None:
        (folder / "Dockerfile").write_text(f"FROM {console.registry.base_image}\nRUN {steps}\n")
        self.name = f"{console.registry.host}/{console.instance}/slow"
        command = [sys.executable, "-c", SLOW, builder.name, self.name, str(folder), *console.registry.login]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, text: str) -> None:
        """Reads until a line of the build says so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} never came:\n{''.join(self.lines)}\n{self.process.communicate()[1]}")

    def __enter__(self) -> Slow:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, "".join(self.lines) + out, err


def test_ctrl_c_cancels_a_real_build(ada: prt.Client, console: Console, builder: prt.Worker, tmp_path: Path) -> None:
    with Slow(console, builder, tmp_path, "echo it-has-begun; exec sleep 600") as slow:
        slow.until(" it-has-begun")
        with pytest.raises(prt.ConflictError, match="is busy with build #"):
            builder.build_image(slow.name, "2", context=tmp_path, progress="none")
        slow.process.send_signal(signal.SIGINT)
        code, out, err = slow.ended()
    assert "-- Canceled" in out, err
    assert "KeyboardInterrupt" in err
    assert code != 0
    assert prt.list_builds(builder.name, limit=1)[0].status == "Canceled"


def test_a_killed_console_costs_no_line(ada: prt.Client, console: Console, builder: prt.Worker, tmp_path: Path) -> None:
    steps = "for n in $(seq 1 60); do echo line-$n-; sleep 0.1; done"
    with Slow(console, builder, tmp_path, steps) as slow:
        slow.until(" line-5-")
        console.kill()
        restarted = threading.Thread(target=console.run)
        restarted.start()
        code, out, err = slow.ended()
    restarted.join()
    assert code == 0, err
    assert out.endswith("ended Succeeded\n")
    assert re.findall(r"\d line-(\d+)-\n", out) == [str(n) for n in range(1, 61)]
    assert "reconnecting…" in err


def test_a_workers_own_token_acts_on_that_worker_only(builder: prt.Worker, ada: prt.Client) -> None:
    other = prt.create_worker({"worker_image": "practicus-minimal"}, timeout=120)
    with contextlib.closing(_Ending(other)):
        out = cell(
            builder,
            f"""
import practicuscore as prt
for call in (lambda: prt.create_worker({{"worker_image": "practicus-minimal"}}), lambda: prt.get_worker({other.name!r})):
    try:
        call()
        print("allowed")
    except prt.ApiError as error:
        print(error.code, error.message)
""",
        ).splitlines()
    assert out[0] == "forbidden A worker's own token cannot start workers."
    assert out[1].startswith("not_found ")


def test_files_travel_both_ways(builder: prt.Worker, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "empty").mkdir(parents=True)
    data = os.urandom(20_000_000)
    (source / "deep" / "data.bin").write_bytes(data)
    (source / "ünï.sh").write_text("#!/bin/sh\n")
    (source / "ünï.sh").chmod(0o755)
    names = builder.upload_files(source, "~/copied here")
    assert names == ["/home/ubuntu/copied here/deep/data.bin", "/home/ubuntu/copied here/ünï.sh"]
    assert builder.exec("stat -c '%a %U' ~/copied\\ here/ünï.sh").stdout == "755 ubuntu\n"
    back = builder.download_files("~/copied here", tmp_path / "back")
    assert sorted(back) == [str(tmp_path / "back/deep/data.bin"), str(tmp_path / "back/ünï.sh")]
    assert (tmp_path / "back/deep/data.bin").read_bytes() == data
    assert (tmp_path / "back/deep/empty").is_dir()
    assert os.access(tmp_path / "back/ünï.sh", os.X_OK)
    [one] = builder.download_files("/etc/hostname", tmp_path / "one")
    assert Path(one).read_text()
    with pytest.raises(prt.PrtError, match="there is no file or folder /nowhere"):
        builder.download_files("/nowhere", tmp_path)
    assert not builder.exec("ls -a ~/build | grep prt-transfer").stdout


def ended_task(worker: prt.Worker, task: str) -> prt.Task | None:
    found = worker.check_task(task)
    return found if found.done else None


def test_tasks_and_processes(builder: prt.Worker, tmp_path: Path) -> None:
    assert builder.ping()
    assert "jupyter" in builder.get_logs().lower()
    (tmp_path / "job.py").write_text(
        "import sys, time, pathlib\nprint('begun', sys.argv[1:])\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.02)\nsys.exit(int(sys.argv[1]))\n"
    )
    good, bad = (builder.run_task("job.py", tmp_path, [code]) for code in ("0", "3"))
    eventually("both have begun", lambda: all("begun" in builder.check_task(task).output for task in (good, bad)) or None)
    assert not builder.check_task(good).done
    commands = [process.command for process in builder.proc_list()]
    assert sum("./job.py" in command for command in commands) == 2
    builder.exec(f"touch ~/.prt/tasks/{good}/files/go ~/.prt/tasks/{bad}/files/go").check()
    for task, status, code in ((good, "succeeded", 0), (bad, "failed", 3)):
        done = eventually("a task ends", partial(ended_task, builder, task))
        assert (done.status, done.exit_code) == (status, code)
    builder.exec("nohup sleep 4321 >/dev/null 2>&1 &").check()
    [sleeper] = [process for process in builder.proc_list() if process.command == "sleep 4321"]
    builder.kill_proc(sleeper.pid)
    eventually("it has ended", lambda: all(process.pid != sleeper.pid for process in builder.proc_list()) or None)
    builder.exec("nohup sleep 4322 >/dev/null 2>&1 &").check()
    assert builder.kill_all_procs()
    eventually("all have ended", lambda: all("4322" not in process.command for process in builder.proc_list()) or None)
    assert builder.ping()
