from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from practicuscore._text import byte_size, duration, last_overwrite, visible, visible_lines
from practicuscore.events import BuildEnd, BuildEvent, BuildRecord, BuildWarning, LogLine, Progress, Step
from practicuscore.progress import display_for
from practicuscore.progress.notebook import render
from practicuscore.progress.state import BuildSeen
from server import Answer, Server, build, end, record, sse, worker


def seen(*events: BuildEvent) -> BuildSeen:
    state = BuildSeen()
    for at, event in enumerate(events):
        state.take(BuildRecord(at + 1, 1000 + at * 100, event))
    return state


def text(markup: str) -> str:
    return re.sub("<[^>]*>", " ", markup)


def test_sequences_vanish_and_controls_show() -> None:
    assert visible("plain ünïcode") == "plain ünïcode"
    assert visible("\x1b[1;31mred\x1b[0m") == "red"
    assert visible("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c") == "abc"
    assert visible("\x1b(Bx\x1bcy\x1b") == "xy"
    assert visible("\x9b2Jx\tz\x08\x7f") == "x    z␈␡"
    assert visible("user\u202enimda") == "user\ufffdnimda"
    assert last_overwrite("10%\r50%\r100%\r") == "100%"
    assert visible_lines("a\x1b[2Jb\r\nc") == "ab\nc"


def test_numbers_for_people() -> None:
    assert [duration(ms) for ms in (-5, 450, 59_999, 125_000, 3_725_000)] == ["0.0s", "0.4s", "59.9s", "2m05s", "1h02m"]
    assert [byte_size(count) for count in (812, 1234, 34_000_000, 5e12)] == ["812B", "1.2kB", "34.0MB", "5000.0GB"]


def test_a_running_build_shows_steps_bars_and_last_lines() -> None:
    build = seen(
        Step(1, "[1/3] FROM debian", "cached", 1000, 1000),
        Step(2, "[2/3] RUN make", "running", 1000),
        Step(3, "[3/3] RUN later", "waiting"),
        Progress(2, "sha256:ab", 5_000_000, 10_000_000, False),
        Progress(2, "sha256:done", 1, 1, True),
        *(LogLine(n, 2, 1, f"line {n}") for n in range(1, 10)),
    )
    markup = render(build, now_ms=4500)
    words = text(markup)
    assert "Building" in words
    assert "1 of 3 steps, 1 cached, 3.5s" in words
    assert "CACHED" in words
    assert "5.0MB / 10.0MB" in words
    assert "width:50.0%" in markup
    assert "line 9" in words
    assert "line 3\n" not in words
    assert "(3 earlier lines)" in words
    assert "sha256:done" not in words
    assert "later" not in words
    assert "reconnecting" in text(render(build, 4500, remark="reconnecting…"))


def test_nothing_of_a_log_is_html() -> None:
    evil = "<script>alert(1)</script>"
    build = seen(
        Step(1, evil, "failed", 1000, 2000, error=evil),
        LogLine(1, 1, 1, evil + "\x1b[31m"),
        Progress(1, evil, 1, 2, False),
        BuildWarning(1, evil),
        BuildEnd("Failed", evil, evil),
    )
    markup = render(build, 0, evil, [evil])
    assert "<script" not in markup
    assert markup.count("&lt;script&gt;") >= 6


def test_the_end_keeps_the_words_of_what_failed() -> None:
    lines = [LogLine(n, 1, 1, f"line {n}") for n in range(1, 81)]
    words = text(render(seen(Step(1, "RUN make", "failed", 1, 2), *lines, BuildEnd("Failed", "It broke.", "StepFailed")), 0))
    assert "FAILED" in words
    assert "(30 earlier lines)" in words
    assert "line 31\n" in words
    assert "line 30\n" not in words
    assert "Failed (StepFailed): It broke." in words


def test_outside_of_a_notebook_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    display = display_for("auto")
    display.take([BuildRecord(1, 0, LogLine(1, 1, 1, "x"))])
    assert capsys.readouterr().out == "#1 0.000 x\n"


@pytest.fixture
def console(server: Server) -> Server:
    step = {"step": 1, "name": "[1/1] RUN make <b>", "started_ms": 1000}
    records = [
        record(1, "step", state="running", **step),
        record(2, "progress", step=1, id="sha256:ab", current=1, total=2, done=False),
        record(3, "log", line=1, step=1, stream=1, text="cc main.c"),
    ]

    drawn = threading.Event()

    def seen_by_the_reader(_: object) -> Answer:
        drawn.set()
        return Answer({})

    def log(_: object) -> Answer:
        def parts() -> Iterator[bytes]:
            yield sse(*records)
            # The build goes on only after its first lines have been drawn: that is what live means.
            assert drawn.wait(20)
            yield sse(record(4, "step", state="done", completed_ms=2000, **step), end(5, digest="sha256:cd"))

        return Answer(parts())

    server.on("GET", "/me", {"username": "ada"})
    server.on("GET", "/workers", [worker()])
    server.on("GET", "/workers/Worker-1", worker())
    server.on("POST", "/workers", Answer(worker(status="Provisioning", ready=False, message="Pulling"), 201))
    server.on("GET", "/workers/Worker-1/wait", worker())
    server.on("POST", "/workers/Worker-1/notebook", {"url": "http://worker-1.localhost/?once=x&y"})
    server.on("POST", "/builds", Answer(build(), 201))
    server.on("GET", "/builds/7", build(status="Succeeded", digest="sha256:cd"))
    server.on("GET", "/builds/7/events", log)
    server.on("GET", "/drawn", seen_by_the_reader)
    return server


WATCHED = """
from practicuscore.progress.notebook import Area
show = Area.show
def watched(area, markup, text):
    show(area, markup, text)
    if "cc main.c" in markup and "Building" in markup:
        prt.connect().get("drawn")
Area.show = watched
"""


def run_cells(server: Server, *cells: str) -> list[list[Any]]:
    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    os.environ.update({"PRT_URL": server.url, "PRT_TOKEN": "t"})
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_in_a_real_kernel_one_area_is_drawn_in_place(console: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRT_URL", "")
    monkeypatch.setenv("PRT_TOKEN", "")
    created, _, built, opened = run_cells(
        console,
        'import practicuscore as prt\nworker = prt.create_worker({"worker_image": "x"})',
        WATCHED,
        'ok = prt.containers.build_image("r.io/x", "1")\nprint("Successful!" if ok else "Failed..")',
        "url = worker.open_notebook()",
    )
    assert [output.output_type for output in created] == ["display_data"]
    assert "Worker-1: ready" in created[0].data["text/html"]
    # One area with the last picture, however often it was drawn, and the cell's own output.
    assert [output.output_type for output in built] == ["display_data", "stream"]
    assert built[1].text == "Successful!\n"
    markup, plain = built[0].data["text/html"], built[0].data["text/plain"]
    assert "Succeeded" in markup
    assert "RUN make &lt;b&gt;" in markup
    assert "built and pushed r.io/x:1@sha256:cd" in markup
    assert "#1 DONE 1.0s" in plain
    assert 'href="http://worker-1.localhost/?once=x&amp;y"' in opened[0].data["text/html"]
