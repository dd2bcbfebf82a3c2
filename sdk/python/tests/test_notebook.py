"""The tutorial's notebook: its code cells in order, those of the builder in its notebook server, the others outside.

A tutorial beside the clone, ``../shared/seed.md``, is run in place of ours when it is there. Only the registry's name and the
login are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext  # type: ignore[import-untyped]
import nbformat
import pytest
from nbclient import NotebookClient

import practicuscore as prt
from console import USER_PASSWORD, Console, eventually, var
from notebook_server import Kernel, NotebookServer

pytestmark = pytest.mark.console

HERE = Path(__file__).resolve()
BESIDE = HERE.parents[4] / "shared" / "seed.md"
PYTHON = "/opt/venv/bin/python"
# The steps whose cells belong into the builder worker.
INSIDE = ("Step 2", "Step 4")


@pytest.fixture
def console(request: pytest.FixtureRequest) -> Iterator[Console]:
    """The registry wants logins, and its certificate is from a private authority."""
    injected = getattr(request, "param", False)
    with Console(authority=not injected) as running:
        running.user("ada")
        if injected:
            authority = Path(running.registry.ca_file).read_text()
            running.admin.put_json("infrastructure", "certificates", body={"inject": True, "pem": authority})
        yield running


def parts(console: Console) -> list[tuple[bool, list[str]]]:
    """Runs of code cells, each inside of the builder worker or outside."""
    registry = console.registry
    notebook = jupytext.read(BESIDE if BESIDE.exists() else HERE.with_name("tutorial.md"))
    inside, found = False, list[tuple[bool, list[str]]]()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            headings = re.findall(r"^##? (.*)$", cell.source, re.MULTILINE)
            if headings:
                inside = headings[-1].startswith(INSIDE)
            continue
        source = cell.source.replace("my-registry.practicus.my-company.com", registry.host)
        source = source.replace("some-user-name", registry.username).replace("some-token", registry.password)
        # The seed ends without a heading of its own.
        here = inside and "builder_worker.terminate()" not in source
        if not found or found[-1][0] != here:
            found.append((here, []))
        found[-1][1].append(source)
    return found


def notebook_of(cells: list[str]) -> Any:
    v4: Any = nbformat.v4
    return v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])


def output(notebook: Any) -> str:
    """What the cells printed, and the values that they ended with, a line each."""
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    return "\n".join(each.get("text", "") or each.get("data", {}).get("text/plain", "") for each in outputs)


@pytest.mark.parametrize("console", [False, True], indirect=True, ids=["authority in the configuration", "certificate injection"])
def test_all_cells_in_order(console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ada = console.login("ada", USER_PASSWORD)
    monkeypatch.setenv("PRT_URL", console.url)
    monkeypatch.setenv("PRT_TOKEN", ada._token or "")
    console.grant(f"^{re.escape(console.registry.host)}\\/demo\\/", "ada")
    runs = parts(console)
    assert [inside for inside, _ in runs] == [False, True, False, True, False]

    # One kernel outside for the whole notebook, as a person has it.
    outside = NotebookClient(notebook_of([]), timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    with outside.setup_kernel():
        for inside, cells in runs:
            if inside:
                said = in_the_builder(prt.worker_list, cells)
                assert "Failed.." not in said
                assert "False" not in said.splitlines(), "update_build_config says so of a configuration that was put back"
                continue
            notebook = notebook_of(cells)
            outside.nb = notebook
            for index, cell in enumerate(notebook.cells):
                outside.execute_cell(cell, index)
    [build] = prt.list_builds()
    assert (build.status, build.door) == ("Succeeded", "sdk")
    assert build.digest == console.registry.digest("demo/practicus-minimal-my", "25.5.3")
    assert not list(prt.worker_list), "the last cell ends both"


def in_the_builder(workers: Any, cells: list[str]) -> str:
    """Runs cells in a kernel of the builder worker's notebook server."""
    [builder] = [worker for worker in workers if any(container.role == "builder" for container in worker.containers)]
    # The package under test, also where the image brings an older one.
    [wheel] = builder.upload_files(var("PRT_SDK_WHEEL"), "~/wheels")
    builder.exec([PYTHON, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--force-reinstall", wheel]).check()
    notebook = notebook_of(cells)
    with NotebookServer(builder.open_notebook(get_url_only=True)) as server:
        kernel: Any = Kernel(server)
        try:
            NotebookClient(notebook, km=kernel, timeout=300).execute()
        finally:
            kernel.shutdown_kernel()
            kernel.stop_channels()
    return output(notebook)


def test_kernels_and_terminals_go_through_and_outlive_the_console(console: Console) -> None:
    ada = console.login("ada", USER_PASSWORD)
    worker = prt.create_worker(prt.WorkerConfig(worker_image="practicus-minimal", worker_size="X-Small"), client=ada)
    with NotebookServer(worker.open_notebook(get_url_only=True)) as server:
        kernel: Any = Kernel(server)
        first = notebook_of(["kept = 6 * 7", "print(kept)"])
        NotebookClient(first, km=kernel, timeout=60).execute()
        assert output(first) == "42\n"

        name = server.api("POST", "terminals")["name"]
        terminal = server.socket(f"/terminals/websocket/{name}")
        terminal.send('["stdin", "echo $((40 + 2))-here\\r"]')
        said = ""
        while "42-here" not in said:
            said += terminal.recv()

        terminal.close()
        console.kill()
        console.run()
        eventually("the former connection is noticed", lambda: True if not kernel.is_alive() else None)
        later = notebook_of(["print(kept + 1)"])
        NotebookClient(later, km=kernel, timeout=60).execute()
        assert output(later) == "43\n", "the kernel and its variables are still there"
        kernel.shutdown_kernel()
        kernel.stop_channels()
