"""A worker's notebook server as a browser meets it: a one-time link, its cookie, requests and websockets on a host of its own.

``Kernel`` is what nbclient wants of a kernel manager and of its client, for a kernel of that server.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from types import TracebackType
from typing import Any

import httpx
import websocket
from jupyter_client.session import Session

PAUSE = 0.01


class NotebookServer:
    """One visitor of one worker's notebook server."""

    def __init__(self, link: str) -> None:
        url = httpx.URL(link)
        self.host = url.netloc.decode()
        # Only browsers know that all names below localhost are this machine.
        self.address = f"127.0.0.1:{url.port}"
        self.http = httpx.Client(base_url=f"http://{self.address}", headers={"host": self.host}, trust_env=False, timeout=60)
        entered = self.http.get(url.raw_path.decode())
        assert entered.status_code == 303, entered.text
        self.cookie = entered.headers["set-cookie"].split(";")[0]
        self.http.headers["cookie"] = self.cookie

    def __enter__(self) -> NotebookServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()

    def socket(self, path: str) -> Any:
        """A websocket, opened as a page of the server itself would."""
        return websocket.create_connection(
            f"ws://{self.address}{path}", host=self.host, origin=f"http://{self.host}", cookie=self.cookie, timeout=60
        )

    def api(self, method: str, path: str, **options: Any) -> Any:
        answer = self.http.request(method, f"/api/{path}", **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


class Channel:
    """Messages of one kind, in order."""

    def __init__(self) -> None:
        self.messages = queue.SimpleQueue[Any]()

    async def get_msg(self, timeout: float | None = None) -> Any:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self.messages.get_nowait()
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    raise
                await asyncio.sleep(PAUSE)


class Kernel:
    """A kernel of the server, with its own connection."""

    def __init__(self, server: NotebookServer) -> None:
        self.server = server
        self.session = Session()
        self.kernel_id: str | None = None
        self.allow_stdin = False
        self.shell_channel, self.iopub_channel = Channel(), Channel()
        self._socket: Any = None

    # What nbclient asks of a kernel manager.

    @property
    def has_kernel(self) -> bool:
        return self.kernel_id is not None

    def start_kernel(self, **_options: Any) -> None:
        self.kernel_id = self.server.api("POST", "kernels", json={"name": "python3"})["id"]

    def client(self) -> Kernel:
        return self

    def is_alive(self) -> bool:
        return self._socket is not None

    def interrupt_kernel(self) -> None:
        self.server.api("POST", f"kernels/{self.kernel_id}/interrupt")

    def shutdown_kernel(self, **_options: Any) -> None:
        self.server.api("DELETE", f"kernels/{self.kernel_id}")
        self.kernel_id = None

    def cleanup_resources(self) -> None:
        pass

    # What it asks of a client.

    def start_channels(self) -> None:
        self._socket = self.server.socket(f"/api/kernels/{self.kernel_id}/channels?session_id={self.session.session}")
        threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()

    def stop_channels(self) -> None:
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        asked = self.kernel_info()
        while (await self.shell_channel.get_msg(timeout))["parent_header"].get("msg_id") != asked:
            pass

    def kernel_info(self) -> str:
        return self._send("kernel_info_request", {})

    def execute(self, code: str, **options: Any) -> str:
        content = {"silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
        return self._send("execute_request", {**content, **options, "code": code})

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        message = self.session.msg(kind, content)
        self._socket.send(json.dumps({**message, "channel": "shell"}, default=str))
        return str(message["header"]["msg_id"])

    def _read(self, opened: Any) -> None:
        channels = {"shell": self.shell_channel, "iopub": self.iopub_channel}
        try:
            while text := opened.recv():
                message = json.loads(text)
                if channel := channels.get(message["channel"]):
                    channel.messages.put(message)
        except (websocket.WebSocketException, OSError):
            pass
        if self._socket is opened:
            self._socket = None
