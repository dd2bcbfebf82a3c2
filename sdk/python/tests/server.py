"""A small HTTP server in this process: real sockets, answers as the test says."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What the server says. A callable body writes as it likes; ``drop`` breaks the connection instead of answering."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


class Server:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._routes: dict[tuple[str, str], deque[Any]] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Keeps silent."""

            def _serve(self) -> None:
                outer._serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that leaves is no error here."""

        self._http = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def on(self, method: str, path: str, *replies: Any) -> None:
        """What a path answers: the replies in their order, the last one again and again."""
        self._routes[method, path] = deque(replies)

    def asked(self, method: str, path: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        request = Request(
            method=handler.command,
            path=parts.path.removeprefix("/api/v1"),
            query={name: values[0] for name, values in parse_qs(parts.query).items()},
            headers=_lower(handler),
            body=_body(handler),
        )
        with self._lock:
            self.requests.append(request)
            replies = self._routes.get((request.method, request.path))
            reply = None if not replies else replies[0] if len(replies) == 1 else replies.popleft()
        if reply is None:
            reply = error(404, "not_found", "There is no such endpoint.", hint="The endpoints are in /api/v1/openapi.json.")
        answer = reply(request) if callable(reply) else reply
        if not isinstance(answer, Answer):
            answer = Answer(answer)
        if answer.drop:
            drop(handler)
        elif isinstance(answer.body, (list, dict, str, bytes)) or answer.body is None:
            _write(handler, answer)
        else:
            _stream(handler, answer)


def _lower(handler: BaseHTTPRequestHandler) -> dict[str, str]:
    return {name.lower(): value for name, value in handler.headers.items()}


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("transfer-encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length") or 0))
    parts = []
    while size := int(handler.rfile.readline(), 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


def _write(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    body = answer.body
    kind = "application/octet-stream"
    if body is None:
        content = b""
    elif isinstance(body, bytes):
        content = body
    elif isinstance(body, str):
        content, kind = body.encode(), "text/plain; charset=utf-8"
    else:
        content, kind = json.dumps(body).encode(), "application/json"
    handler.send_response(answer.status)
    for name, value in {"content-type": kind, "content-length": str(len(content)), **answer.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def _stream(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    """Parts as the iterable gives them; ``None`` in it breaks the connection."""
    parts: Iterable[bytes | None] = answer.body
    handler.close_connection = True
    handler.send_response(answer.status)
    for name, value in {"content-type": "text/event-stream", "connection": "close", **answer.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    for part in parts:
        if part is None:
            drop(handler)
            return
        handler.wfile.write(part)
        handler.wfile.flush()


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Breaks the connection so that the other side gets an error, not an end."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def error(status: int, code: str, message: str, **more: Any) -> Answer:
    return Answer({"code": code, "message": message, "request_id": "r-1", **more}, status)


def sse(*records: Mapping[str, Any]) -> bytes:
    return b"".join(f"event: record\nid: {record['seq']}\ndata: {json.dumps(record)}\n\n".encode() for record in records)


def record(seq: int, kind: str, **event: Any) -> dict[str, Any]:
    return {"seq": seq, "at_ms": 1000 + seq * 100, "type": kind, **event}


def end(seq: int, status: str = "Succeeded", **more: Any) -> dict[str, Any]:
    return record(seq, "end", status=status, message=more.pop("message", "Built."), **more)


def worker(name: str = "Worker-1", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "instance_id": f"id-of-{name}",
        "owner": "ada",
        "image": "ghcr.io/practicusai/practicus-minimal:25.5.3",
        "image_digest": None,
        "size": "Medium",
        "limits": {"cpu_millis": 1500, "memory_mib": 2048, "gpus": 1},
        "security_context": "Default",
        "status": "Running",
        "reason": None,
        "message": "",
        "ready": True,
        "builder": True,
        "builder_capacity": 50,
        "active_build": None,
        "created_ms": 1_785_585_603_000,
        "ready_ms": None,
        "ended_ms": None,
        "stop_reason": None,
        "containers": [],
        "events": [],
        **more,
    }


def build(number: int = 7, **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "id": "i",
        "worker": "Worker-1",
        "owner": "ada",
        "door": "sdk",
        "name": "r.io/x",
        "tag": "1",
        "reference": "r.io/x:1",
        "push_image": True,
        "status": "Pending",
        "reason": None,
        "message": "",
        "step": None,
        "digest": None,
        "created_ms": 1_785_585_603_000,
        "ended_ms": None,
        "steps": 0,
        "steps_cached": 0,
        "lines": 0,
        **more,
    }
