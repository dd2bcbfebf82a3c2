from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from practicuscore import ConnectionFailedError, NotFoundError, ProtocolError
from practicuscore._sse import SseEvent, SseParser
from practicuscore.client import Client
from practicuscore.events import BuildEnd, BuildRecord, LogLine, UnknownEvent, parse_record
from practicuscore.follow import Followed, Follower, FollowOptions, Reconnected, Reconnecting
from server import Answer, Request, Server, end, error, record, sse

QUICK = FollowOptions(first_delay=0.01, longest_delay=0.02, silence=2, give_up=5)


def log(seq: int) -> dict[str, Any]:
    return record(seq, "log", line=seq, step=1, stream=1, text=f"line {seq}")


def parse(*parts: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [event for part in parts for event in parser.push(part)]


def test_events_are_read_as_the_standard_describes() -> None:
    text = '\ufeff: hello\n\nid: 7\nevent: record\ndata: {"a":1}\n\nevent: empty\n\ndata:x\ndata\ndata:  y\r\n\r\ndata: cut'
    assert parse(text.encode()) == [SseEvent("record", '{"a":1}'), SseEvent("", "x\n\n y")]


def test_cuts_do_not_matter() -> None:
    chance = random.Random(7)
    for _ in range(300):
        lines = [
            chance.choice(["data", "event", "id", ":", "", ""]) + chance.choice(["", ":", ": ", ":  é😀", ":x:y", ": a"])
            for _ in range(chance.randrange(12))
        ]
        text = "".join(line + chance.choice(["\n", "\r\n", "\r"]) for line in lines).encode()
        cuts = sorted({0, len(text), *(chance.randrange(len(text) + 1) for _ in range(5))})
        parts = [text[start:stop] for start, stop in zip(cuts, cuts[1:])]
        assert parse(*parts) == parse(text), (text, parts)


def test_an_endless_event_is_refused() -> None:
    parser = SseParser()
    parser.push(b"data: " + b"x" * (9 * 1024 * 1024))
    with pytest.raises(ProtocolError, match="is larger than"):
        parser.push(b"x" * (9 * 1024 * 1024))


def test_records_are_typed() -> None:
    ended = parse_record(json.dumps(end(3, digest="sha256:ab")))
    assert ended == BuildRecord(3, 1300, BuildEnd("Succeeded", "Built.", None, None, "sha256:ab"))
    assert parse_record(json.dumps(log(2))).event == LogLine(2, 1, 1, "line 2")
    assert parse_record(json.dumps(record(2, "from_the_future", x=1))).event == UnknownEvent("from_the_future")
    for wrong in ("{}", "[]", "x", json.dumps(record(1, "log", line=1))):
        with pytest.raises(ProtocolError, match="cannot be read"):
            parse_record(wrong)


def follow(client: Client, after: int = 0, options: FollowOptions = QUICK) -> list[Followed]:
    return list(Follower(client, 7, after, options))


def numbers(items: list[Followed]) -> list[int]:
    return [item.seq for item in items if isinstance(item, BuildRecord)]


def test_a_log_is_followed_to_its_end(server: Server, client: Client) -> None:
    server.on("GET", "/builds/7/events", Answer(iter([b": heartbeat\n\n", sse(log(1), log(2)), sse(end(3))])))
    assert numbers(follow(client)) == [1, 2, 3]
    assert server.requests[0].headers["last-event-id"] == "0"


def test_a_dropped_connection_leaves_neither_gap_nor_repeat(server: Server, client: Client) -> None:
    total = 400
    chance = random.Random(3)

    def reply(request: Request) -> Answer:
        after = int(request.headers["last-event-id"])
        # Now and then the server repeats what was there, as one that restarts may.
        first = max(after - chance.randrange(3), 0)

        def parts() -> Iterator[bytes | None]:
            for seq in range(first + 1, total + 1):
                data = sse(end(seq) if seq == total else log(seq))
                if chance.random() < 0.03:
                    yield data[: chance.randrange(len(data))]
                    if chance.random() < 0.5:
                        yield None
                    return
                yield data

        return Answer(parts())

    server.on("GET", "/builds/7/events", reply)
    items = follow(client)
    assert numbers(items) == list(range(1, total + 1))
    lost = [item for item in items if isinstance(item, Reconnecting)]
    back = [item for item in items if isinstance(item, Reconnected)]
    assert len(lost) == len(back) == len(server.requests) - 1 > 3
    assert all(item.attempt == 1 for item in lost) or max(item.attempt for item in lost) < 10


def test_a_restarting_console_is_waited_for(server: Server, client: Client) -> None:
    server.on(
        "GET",
        "/builds/7/events",
        Answer(iter([sse(log(1))])),
        Answer("bad gateway", 502),
        error(503, "unavailable", "Starting."),
        Answer(drop=True),
        lambda _: Answer(iter([sse(log(2), end(3))])),
    )
    items = follow(client)
    assert numbers(items) == [1, 2, 3]
    assert [item.attempt for item in items if isinstance(item, Reconnecting)] == [1, 2, 3, 4]
    assert [request.headers["last-event-id"] for request in server.requests] == ["0", "1", "1", "1", "1"]


def test_silence_is_a_lost_connection(server: Server, client: Client) -> None:
    gate = threading.Event()

    def hang() -> Iterator[bytes]:
        yield sse(log(1))
        gate.wait(10)

    server.on("GET", "/builds/7/events", Answer(hang()), Answer(iter([sse(end(2))])))
    try:
        items = follow(client, options=FollowOptions(first_delay=0.01, silence=0.2))
    finally:
        gate.set()
    assert numbers(items) == [1, 2]
    [lost] = [item for item in items if isinstance(item, Reconnecting)]
    assert "nothing received" in lost.reason


def test_a_gap_is_an_error(server: Server, client: Client) -> None:
    server.on("GET", "/builds/7/events", Answer(iter([sse(log(5), log(7))])))
    with pytest.raises(ProtocolError, match="has a gap: record 7 came after record 5"):
        follow(client, after=4)


def test_an_end_of_patience_and_a_refusal_are_final(server: Server, client: Client) -> None:
    server.on("GET", "/builds/7/events", Answer(drop=True))
    with pytest.raises(ConnectionFailedError):
        follow(client, options=FollowOptions(first_delay=0.01, give_up=0.05))
    server.on("GET", "/builds/7/events", error(404, "not_found", "There is no build #7."))
    with pytest.raises(NotFoundError, match="There is no build #7"):
        follow(client)
    server.on("GET", "/builds/7/events", "<html>")
    with pytest.raises(ProtocolError, match="came as `text/plain"):
        follow(client)
