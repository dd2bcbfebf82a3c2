"""Local folders as build contexts: what is offered, what is sent, and what is remembered between builds."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

import practicuscore as prt
from practicuscore.upload import context, hashes, tar
from practicuscore.upload.hashes import Hashes
from practicuscore.upload.scan import scan
from server import Answer, Builder, Request, Server, build, end, error, sse, unpacked, worker

YEAR_2001 = 1_000_000_000


@pytest.fixture(autouse=True)
def here(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("PRT_URL", server.url)
    monkeypatch.setenv("PRT_TOKEN", "prt_token")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("practicuscore.client._PAUSES", (0.0,))
    monkeypatch.setattr("practicuscore.client._LONG_PAUSES", (0.0,) * 5)
    server.on("GET", "/workers/Worker-1", worker())
    server.on("POST", "/builds", Answer(build(), 201))
    server.on("GET", "/builds/7", build(status="Succeeded", digest="sha256:cd"))
    server.on("GET", "/builds/7/events", lambda _: Answer(iter([sse(end(1))])))


@pytest.fixture
def builder(server: Server) -> Builder:
    return Builder(server)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled when they are new."""
    monkeypatch.setattr(hashes, "_SETTLED_NS", -(10**18))


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"Dockerfile": "FROM x", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    os.utime(root, (YEAR_2001, YEAR_2001))
    for path in root.rglob("*"):
        os.utime(path, (YEAR_2001, YEAR_2001))
    return root


def build_image(folder: Path, **more: Any) -> prt.Build:
    return prt.get_worker("Worker-1").build_image("r.io/x", "1", context=folder, **{"progress": "none", **more})


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def cache() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"]) / "practicuscore" / "hashes.json"


def remembered() -> set[str]:
    return set(json.loads(cache().read_text())["hashes"].values())


def test_a_folder_is_offered_then_sent_and_its_context_built(server: Server, builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {"a": "A", "sub/b": "B", "sub/again": "A", "empty": ""})
    assert build_image(tmp_path, dockerfile="Dockerfile").succeeded
    assert builder.last()["sub/b"] == {
        "path": "sub/b",
        "type": "file",
        "mode": stat.S_IMODE((tmp_path / "sub/b").stat().st_mode),
        "mtime": YEAR_2001,
        "size": 1,
        "sha256": sha256("B"),
    }
    assert builder.last()["empty"]["sha256"] == sha256("")
    assert set(builder.last()["sub"]) == {"path", "type", "mode", "mtime"}
    # Equal contents are sent once, empty ones never.
    assert set(unpacked(builder.fills[0].body)) == {sha256("A"), sha256("B"), sha256("FROM x")}
    [name] = builder.lists
    body = server.asked("POST", "/builds")[0].json
    assert (body["context_id"], body["context"], body["dockerfile"]) == (name, "", "Dockerfile")
    assert not server.asked("PUT", "/workers/Worker-1/context")


def test_equal_folders_are_one_context_and_sent_once(server: Server, builder: Builder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_image(plant(tmp_path / name, {"a": "A", "sub/b": "B"}))
    assert len(builder.lists) == 1
    assert len(builder.fills) == 1
    assert len({request.json["context_id"] for request in server.asked("POST", "/builds")}) == 1
    # Of another folder only what is new is sent.
    build_image(plant(tmp_path / "three", {"a": "A", "sub/b": "new"}))
    assert set(unpacked(builder.fills[1].body)) == {sha256("new")}


def test_progress_is_told(builder: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path, {"a": "A" * 2000})
    os.mkfifo(tmp_path / "pi\x1b[31mpe")
    build_image(tmp_path, progress="plain")
    assert capsys.readouterr().err == (
        "not sent: pipe is a pipe, a socket or a device\ncontext of 2 files for Worker-1: sending 2 (2.0kB)\n"
    )
    build_image(tmp_path, progress="plain")
    assert capsys.readouterr().err.endswith("\ncontext of 2 files for Worker-1: nothing to send\n")
    build_image(tmp_path, progress="none")
    assert capsys.readouterr().err == ""


def test_modes_links_and_times_are_kept(builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {"tool": "x", "sub/file": "y"})
    os.link(tmp_path / "tool", tmp_path / "a name before")
    os.link(tmp_path / "tool", tmp_path / "sub/other")
    (tmp_path / "link").symlink_to("../out/of/here")
    os.link(tmp_path / "link", tmp_path / "link2", follow_symlinks=False)
    (tmp_path / "tool").chmod(0o4755)
    (tmp_path / "sub").chmod(0o3777)
    os.utime(tmp_path / "sub/file", ns=(0, -1))
    build_image(tmp_path)
    entries = builder.last()
    assert (entries["a name before"]["type"], entries["a name before"]["mode"]) == ("file", 0o4755)
    for name in ("tool", "sub/other"):
        assert (entries[name]["type"], entries[name]["target"]) == ("hardlink", "a name before")
    assert entries["sub"]["mode"] == 0o3777
    for name in ("link", "link2"):
        assert (entries[name]["type"], entries[name]["mode"], entries[name]["target"]) == ("symlink", 0o777, "../out/of/here")
    assert entries["sub/file"]["mtime"] == -1


def test_a_link_to_what_stays_here_is_a_file(builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {".dockerignore": "a", "a": "x"})
    os.link(tmp_path / "a", tmp_path / "b")
    build_image(tmp_path)
    assert "a" not in builder.last()
    assert builder.last()["b"]["type"] == "file"


def test_a_target_that_is_no_text_is_refused(builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {})
    os.symlink(b"\xff", os.fsencode(tmp_path / "link"))
    with pytest.raises(prt.UsageError, match="the target of the link .*/link is not UTF-8"):
        build_image(tmp_path)
    assert not builder.offers


@pytest.mark.usefixtures("at_once")
def test_a_file_rewritten_with_equal_size_and_time_is_sent(builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {"a": "old"})
    build_image(tmp_path)
    assert sha256("old") in remembered()
    before = (tmp_path / "a").stat()
    while (tmp_path / "a").stat().st_ctime_ns == before.st_ctime_ns:
        (tmp_path / "a").write_text("new")
        os.utime(tmp_path / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    now = (tmp_path / "a").stat()
    assert (now.st_ino, now.st_size, now.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    build_image(tmp_path)
    assert set(unpacked(builder.fills[1].body)) == {sha256("new")}


def test_a_file_that_has_just_changed_is_not_remembered(builder: Builder, tmp_path: Path) -> None:
    build_image(plant(tmp_path, {"a": "A"}))
    assert not cache().exists()


@pytest.mark.usefixtures("at_once")
def test_what_is_remembered_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"a": "A", "b": "B"})
    first = Hashes.of_user()
    entries = context.listed(scan(tmp_path, "Dockerfile"), first)
    first.save()
    assert stat.S_IMODE(cache().stat().st_mode) == 0o600
    assert os.listdir(cache().parent) == ["hashes.json"]
    monkeypatch.setattr(hashes, "_PART", None)  # Reading would fail.
    assert context.listed(scan(tmp_path, "Dockerfile"), Hashes.of_user()) == entries
    with pytest.raises(TypeError):
        context.listed(scan(tmp_path, "Dockerfile"), Hashes())


@pytest.mark.usefixtures("at_once")
def test_what_is_remembered_wrongly_is_read_again(builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {"a": "A"})
    build_image(tmp_path)
    wrong = cache().read_text().replace(sha256("A"), sha256("never"))
    cache().write_text(wrong)
    assert build_image(tmp_path).succeeded
    assert [builder.offers[at].json["entries"][1]["sha256"] for at in (1, 2)] == [sha256("never"), sha256("A")]
    assert sha256("never") not in remembered()


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b"\xff", b'{"version": 1, "hashes": []}', b'{"version": 2, "hashes": {}}', b"[" * 100_000],
)
def test_a_damaged_cache_is_made_again(builder: Builder, tmp_path: Path, damaged: bytes) -> None:
    cache().parent.mkdir()
    cache().write_bytes(damaged)
    assert build_image(plant(tmp_path, {"a": "A"})).succeeded
    assert remembered() == {sha256("A"), sha256("FROM x")}


@pytest.mark.usefixtures("at_once")
def test_values_that_are_no_hashes_are_not_taken(tmp_path: Path) -> None:
    stamp = scan(plant(tmp_path, {}), "Dockerfile").entries[0].stamp
    assert stamp is not None
    cache().parent.mkdir()
    for value in (5, "x", "A" * 64, None):
        cache().write_text(json.dumps({"version": 1, "hashes": {hashes._key(stamp): value}}))
        assert Hashes.of_user().of(str(tmp_path / "Dockerfile"), stamp) == (sha256("FROM x"), 6)


@pytest.mark.usefixtures("at_once")
def test_without_a_cache_folder_everything_works(builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "app", {"a": "A"})
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "practicuscore" / "hashes.json" / "x").mkdir(parents=True)
    for place in ("/dev/null/x", str(tmp_path / "file"), str(tmp_path / "taken")):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert build_image(tmp_path / "app").succeeded
    assert os.listdir(tmp_path / "taken" / "practicuscore") == ["hashes.json"]
    assert len(builder.fills) == 1


@pytest.mark.usefixtures("at_once")
def test_the_cache_has_an_end(builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_MOST", 2)
    build_image(plant(tmp_path, {"a": "A", "b": "B"}))
    assert remembered() == {sha256("A"), sha256("B")}


def test_a_log_that_grows_is_sent_as_far_as_it_was_hashed(builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {"log": "one\n"})

    def offer(request: Request) -> Answer:
        with open(tmp_path / "log", "a") as log:
            log.write("two\n")
        return builder.offer(request)

    builder.server.on("POST", "/workers/Worker-1/contexts", offer)
    assert build_image(tmp_path).succeeded
    assert len(builder.offers) == 1
    assert builder.contents[sha256("one\n")] == b"one\n"


@pytest.mark.parametrize("new", ["NEW", "", None])
def test_what_changes_while_it_is_sent_is_read_again(builder: Builder, tmp_path: Path, new: str | None) -> None:
    plant(tmp_path, {"a": "old"})

    def offer(request: Request) -> Answer:
        if new is None:
            (tmp_path / "a").unlink()
        else:
            (tmp_path / "a").write_text(new)
        return builder.offer(request)

    builder.server.on("POST", "/workers/Worker-1/contexts", offer, builder.offer)
    assert build_image(tmp_path).succeeded
    assert len(builder.offers) == 2
    assert builder.last().get("a", {}).get("sha256") == (None if new is None else sha256(new))
    assert sha256("old") not in builder.contents


def test_what_never_stops_changing_is_an_error(server: Server, builder: Builder, tmp_path: Path) -> None:
    plant(tmp_path, {"a": "0"})

    def offer(request: Request) -> Answer:
        (tmp_path / "a").write_text(str(len(builder.offers)))
        return builder.offer(request)

    server.on("POST", "/workers/Worker-1/contexts", offer)
    with pytest.raises(prt.InvalidInputError, match="A file changed while it was sent") as caught:
        build_image(tmp_path)
    assert caught.value.hint == "a changed meanwhile: end what writes there, or name it in .dockerignore"
    assert len(builder.offers) == 3
    assert not server.asked("POST", "/builds")


def test_what_has_come_before_the_connection_broke_is_not_sent_again(
    builder: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tmp_path, {"a": "A", "b": "B"})

    def half(request: Request) -> Answer:
        builder.contents.update([next(iter(unpacked(request.body).items()))])
        return Answer(drop=True)

    down = error(503, "unavailable", "The database does not answer.")
    builder.server.on("POST", "/workers/Worker-1/contexts", Answer(drop=True), down, Answer("bad gateway", 502), builder.offer)
    builder.server.on("PUT", "/workers/Worker-1/contexts/*", half, builder.fill)
    assert build_image(tmp_path, progress="plain").succeeded
    assert [len(unpacked(request.body)) for request in builder.fills] == [3, 2]
    told = capsys.readouterr().err
    assert "cannot reach" in told
    assert "; trying again…\n" in told
    assert "sending 2 (2B)" in told


def test_an_upload_that_never_comes_through_ends(builder: Builder, tmp_path: Path) -> None:
    builder.server.on("PUT", "/workers/Worker-1/contexts/*", Answer(drop=True))
    with pytest.raises(prt.ConnectionFailedError):
        build_image(plant(tmp_path, {}))
    assert len(builder.fills) == 6


def test_a_list_that_the_builder_has_given_up_is_offered_again(builder: Builder, tmp_path: Path) -> None:
    gone = error(409, "conflict", "There is no such context here. Send its list again.")
    builder.server.on("PUT", "/workers/Worker-1/contexts/*", gone, builder.fill)
    assert build_image(plant(tmp_path, {})).succeeded
    assert len(builder.offers) == 2


def test_a_refusal_is_told_at_once(server: Server, builder: Builder, tmp_path: Path) -> None:
    full = error(503, "unavailable", "The worker's disk is full: no space left.")
    for refusal, kind in ((error(409, "conflict", "Worker-1 is Terminated."), prt.ConflictError), (full, prt.UnavailableError)):
        server.on("PUT", "/workers/Worker-1/contexts/*", refusal)
        before = len(builder.fills)
        with pytest.raises(kind):
            build_image(plant(tmp_path, {}))
        assert len(builder.fills) == before + 1
    assert not server.asked("POST", "/builds")


def test_contents_that_were_not_offered_are_not_sent(server: Server, tmp_path: Path) -> None:
    answer = {"id": "a" * 64, "missing": ["b" * 64], "missing_bytes": 1}
    server.on("POST", "/workers/Worker-1/contexts", answer)
    with pytest.raises(prt.ProtocolError, match="misses contents that are not in the context"):
        build_image(plant(tmp_path, {}))


def test_contents_are_sent_in_parts(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(50_000_000)
    sizes = [len(part) for part in tar.contents([("0" * 64, tmp_path / "large", 50_000_000)])]
    assert max(sizes) == tar.PART
    assert sum(sizes) == 512 + 50_000_000 + 384 + 1024
