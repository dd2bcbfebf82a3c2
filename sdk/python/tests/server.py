"""A small HTTP server in this process: real sockets, answers as the test says."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import struct
import tarfile
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
        """What a path answers: the replies in their order, the last one again and again. Its last segment may be ``*``."""
        self._routes[method, path] = deque(replies)

    def asked(self, method: str, path: str) -> list[Request]:
        with self._lock:
            return [
                request for request in self.requests if request.method == method and path in (request.path, _any(request.path))
            ]

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
            replies = self._routes.get((request.method, request.path)) or self._routes.get((request.method, _any(request.path)))
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


def _any(path: str) -> str:
    return f"{path.rpartition('/')[0]}/*"


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


class Builder:
    """The contexts of a builder worker. Lists and contents are checked as the console checks them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.contents: dict[str, bytes] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        server.on("POST", "/workers/Worker-1/contexts", self.offer)
        server.on("PUT", "/workers/Worker-1/contexts/*", self.fill)

    @property
    def offers(self) -> list[Request]:
        return self.server.asked("POST", "/workers/Worker-1/contexts")

    @property
    def fills(self) -> list[Request]:
        return self.server.asked("PUT", "/workers/Worker-1/contexts/*")

    def last(self) -> dict[str, dict[str, Any]]:
        """The entries of the last list, by path."""
        return {entry["path"]: entry for entry in self.offers[-1].json["entries"]}

    def offer(self, request: Request) -> Answer:
        entries = request.json["entries"]
        seen: dict[str, str] = {}
        for entry in entries:
            assert set(entry) <= {"path", "type", "mode", "mtime", "size", "sha256", "target"}
            path, kind, parent = entry["path"], entry["type"], entry["path"].rpartition("/")[0]
            assert path not in seen
            assert not parent or seen[parent] == "folder"
            assert kind != "file" or len(entry["sha256"]) == 64
            assert kind != "hardlink" or seen[entry["target"]] == "file"
            assert 0 <= entry["mode"] <= 0o7777
            seen[path] = kind
        names = ("path", "type", "mode", "mtime", "size", "sha256", "target")
        rows = sorted("\0".join(str(entry.get(name) or "") for name in names) for entry in entries)
        name = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        self.lists[name] = entries
        return self._view(name)

    def fill(self, request: Request) -> Answer:
        assert request.headers["content-type"] == "application/x-tar"
        name = request.path.rpartition("/")[2]
        wanted = {entry.get("sha256") for entry in self.lists[name]}
        assert request.body.endswith(bytes(1024))
        for sha256, content in unpacked(request.body).items():
            assert sha256 in wanted
            if hashlib.sha256(content).hexdigest() != sha256:
                changed = "A file changed while it was sent. Start the build again."
                return error(400, "invalid_input", changed, fields=[{"field": "context", "message": changed}])
            self.contents[sha256] = content
        return self._view(name)

    def _view(self, name: str) -> Answer:
        sizes = {entry["sha256"]: entry["size"] for entry in self.lists[name] if entry["type"] == "file" and entry.get("size")}
        missing = [sha256 for sha256 in sizes if sha256 not in self.contents]
        return Answer({"id": name, "missing": missing, "missing_bytes": sum(sizes[sha256] for sha256 in missing)})


def unpacked(data: bytes) -> dict[str, bytes]:
    """The regular files of a tar stream."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        assert all(member.isreg() for member in members)
        return {member.name: (archive.extractfile(member) or io.BytesIO()).read() for member in members}


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
