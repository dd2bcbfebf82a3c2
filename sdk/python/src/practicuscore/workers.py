"""Workers: starting them, working in them, ending them."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Callable, Union

from . import _json_fields as read
from . import _processes, _tasks, _transfer, builds
from ._login import connect
from ._shown import Starting, open_link
from ._text import say, visible
from ._views import Container, ExecResult, WorkerEvent, container_of
from .client import Client, as_object, as_objects, is_temporary
from .config import ImageConfig, WorkerConfig
from .errors import (
    CommandTimeoutError,
    ConnectionFailedError,
    NotOnAWorkerError,
    PrtError,
    UsageError,
    WorkerFailedError,
    WorkerNotReadyError,
)
from .lists import PrtList, list_worker_sizes
from .progress import check_mode
from .upload import context as contexts
from .upload import local
from .upload.scan import scan

ConfigLike = Union[WorkerConfig, Mapping[str, Any], str, "os.PathLike[str]"]
Command = Union[str, Sequence[str]]

READY_TIMEOUT = 60.0
"""Seconds that a worker gets until it is ready, unless told otherwise."""
_ONE_WAIT = 20
"""The longest time of one question; a proxy in between may cut longer ones."""
_WAIT_MARGIN = 15.0
_LIVE = ("Provisioning", "Running")


class Worker:
    """A worker: a primary container, and a builder beside it when asked for.

    ``status`` and ``ready`` ask the console each time; the other facts are as of the last answer, see :meth:`refresh`.
    """

    def __init__(self, client: Client, values: Mapping[str, Any]) -> None:
        self._client = client
        self._values = dict(values)

    # --- facts --------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``Worker-12``."""
        return read.text(self._values, "name")

    @property
    def instance_id(self) -> str:
        """The id that the engine's objects carry."""
        return read.text(self._values, "instance_id")

    @property
    def owner(self) -> str:
        """Login name of the owner."""
        return read.text(self._values, "owner")

    @property
    def image(self) -> str:
        """The image as resolved at the start."""
        return read.text(self._values, "image")

    @property
    def image_digest(self) -> str | None:
        """The digest that was checked and started."""
        return read.maybe_text(self._values, "image_digest")

    @property
    def size(self) -> str:
        """The worker size's name."""
        return read.text(self._values, "size")

    @property
    def cpu(self) -> float:
        """Cores of all its containers together."""
        return read.number(self._limits, "cpu_millis") / 1000

    @property
    def gpu(self) -> int:
        """GPUs of all its containers together."""
        return read.number(self._limits, "gpus")

    @property
    def total_mem_gb(self) -> float:
        """GiB of memory of all its containers together."""
        return read.number(self._limits, "memory_mib") / 1024

    @property
    def _limits(self) -> Mapping[str, Any]:
        limits = self._values.get("limits")
        return limits if isinstance(limits, Mapping) else {}

    @property
    def security_context(self) -> str:
        """The size's security context."""
        return read.text(self._values, "security_context")

    @property
    def builder(self) -> bool:
        """Whether it has a builder."""
        return read.flag(self._values, "builder")

    @property
    def builder_capacity(self) -> int | None:
        """The builder's share in percent."""
        return read.maybe_number(self._values, "builder_capacity")

    @property
    def active_build(self) -> int | None:
        """Number of the build that ran at the last answer."""
        return read.maybe_number(self._values, "active_build")

    @property
    def creation_time(self) -> datetime | None:
        """When it was asked for."""
        return read.moment(self._values, "created_ms")

    @property
    def ready_time(self) -> datetime | None:
        """When it answered first."""
        return read.moment(self._values, "ready_ms")

    @property
    def end_time(self) -> datetime | None:
        """When it ended."""
        return read.moment(self._values, "ended_ms")

    @property
    def reason(self) -> str | None:
        """Why it failed, or what went wrong in it while it started, in one word."""
        return read.maybe_text(self._values, "reason")

    @property
    def message(self) -> str:
        """What is going on or went wrong, in plain words."""
        return read.text(self._values, "message")

    @property
    def stop_reason(self) -> str | None:
        """Why it was terminated, in the asker's words."""
        return read.maybe_text(self._values, "stop_reason")

    @property
    def containers(self) -> list[Container]:
        """Its containers as the engine tells of them now."""
        return [container_of(values) for values in as_objects(self.refresh()._values.get("containers") or [])]

    @property
    def events(self) -> list[WorkerEvent]:
        """What happened to it, oldest first."""
        return [
            WorkerEvent(
                read.moment(values, "at_ms"),
                read.text(values, "source"),
                read.text(values, "kind"),
                read.text(values, "message"),
            )
            for values in as_objects(self.refresh()._values.get("events") or [])
        ]

    @property
    def status(self) -> str:
        """``Provisioning``, ``Running``, ``Terminating``, ``Terminated`` or ``Failed``, as of now."""
        return self.refresh()._status

    @property
    def ready(self) -> bool:
        """Whether it answers, as of now."""
        return self.refresh()._ready

    @property
    def _status(self) -> str:
        return read.text(self._values, "status")

    @property
    def _ready(self) -> bool:
        return read.flag(self._values, "ready")

    def __repr__(self) -> str:
        return f"Worker({self.name}: {self._status}, {self.image}, {self.size}{', builder' if self.builder else ''})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Worker) and self.instance_id == other.instance_id

    def __hash__(self) -> int:
        return hash(self.instance_id)

    def row(self) -> dict[str, str]:
        """Cells of the table."""
        return {
            "worker": self.name,
            "status": f"{self._status} ({self.reason})" if self.reason else self._status,
            "image": self.image,
            "size": self.size,
            "builder": "yes" if self.builder else "",
            "owner": self.owner,
            "started": self.creation_time.strftime("%Y-%m-%d %H:%M:%SZ") if self.creation_time else "",
        }

    # --- life ---------------------------------------------------------------------------------------------------------

    def refresh(self) -> Worker:
        """Asks the console for all facts."""
        self._values = as_object(self._client.get("workers", self.name))
        return self

    def wait_until_ready(self, timeout: float = READY_TIMEOUT) -> Worker:
        """Waits until it is ready. After ``timeout`` seconds a TimeoutError; the worker itself goes on."""
        end = time.monotonic() + timeout
        area = Starting(self.name)
        while not self._ready and self._status in _LIVE:
            left = end - time.monotonic()
            if left <= 0:
                raise WorkerNotReadyError(
                    f"{self.name} is not ready after {timeout:g} s: {self.message}",
                    hint="it goes on and was not terminated; wait_until_ready() waits again, view_logs() shows its log",
                )
            area.show(self.message)
            # Rounded up, so that less than a second left is not asked for in a tight loop.
            seconds = min(int(left) + 1, _ONE_WAIT)
            try:
                answer = self._client.get(
                    "workers", self.name, "wait", query={"timeout_s": seconds}, timeout=seconds + _WAIT_MARGIN
                )
                self._values = as_object(answer)
            except PrtError as error:
                # A lost connection is not the worker's failure.
                if not is_temporary(error):
                    raise
                time.sleep(min(1.0, max(end - time.monotonic(), 0)))
        if not self._ready:
            area.show(f"{self.reason or self._status}: {self.message}")
            raise WorkerFailedError(
                f"{self.name} did not start ({self.reason or self._status}): {self.message}",
                hint="view_logs() shows its log, events what happened to it; terminate() removes it",
            )
        if self.reason:
            area.end(f"ready ({self.reason})")
            warnings.warn(self.message, stacklevel=2)
        else:
            area.end("ready")
        return self

    def terminate(self, stop_reason: str | None = None) -> Worker:
        """Removes it: containers, volumes, its token. To terminate it again is no error."""
        body = {} if stop_reason is None else {"stop_reason": stop_reason}
        self._values = as_object(self._client.post("workers", self.name, "terminate", body=body, repeatable=True))
        return self

    def ping(self) -> bool:
        """Whether it is ready and runs commands."""
        return self.ready and self.exec(["true"]).ok

    # --- work ---------------------------------------------------------------------------------------------------------

    def open_notebook(self, dark_mode: bool = True, get_url_only: bool = False) -> str:
        """Opens its notebook and gives the address, which logs in once and ends soon.

        From a notebook it shows a link, from a desktop it opens the browser; with ``get_url_only`` it does neither.
        """
        if self.status == "Provisioning":
            self.wait_until_ready()
        answer = as_object(self._client.post("workers", self.name, "notebook", body={"dark_mode": dark_mode}))
        url = read.text(answer, "url")
        if not url.startswith(("http://", "https://")):
            raise PrtError(f"the console gave no address of the notebook of {self.name}")
        if not get_url_only:
            open_link(self.name, url)
        return url

    def exec(self, command: Command, timeout: float | None = None) -> ExecResult:
        """Runs a command in it and waits for its end. A text is run by ``sh -c``, a list without a shell.

        A command that has not ended after ``timeout`` seconds is a TimeoutError; nothing ends the command.
        """
        return self._exec(["sh", "-c", command] if isinstance(command, str) else list(command), timeout)

    def _exec(self, words: list[str], timeout: float | None = None, *, repeatable: bool = False) -> ExecResult:
        """As exec; a ``repeatable`` command is run again when its answer was lost."""
        body = {"command": words}
        try:
            answer = as_object(self._client.post("workers", self.name, "exec", body=body, timeout=timeout, repeatable=repeatable))
        except ConnectionFailedError as error:
            if timeout is None or not error.timed_out:
                raise
            raise CommandTimeoutError(
                f"the command has not ended after {timeout:g} s in {self.name}",
                hint="it was not ended: proc_list() shows it, kill_proc() ends it; give it more time, or run it with run_task()",
            ) from error
        return ExecResult(
            read.number(answer, "exit_code"),
            read.text(answer, "stdout"),
            read.text(answer, "stderr"),
            read.flag(answer, "truncated"),
        )

    def get_logs(self, log_size_mb: float = 1, container: str = "primary") -> str:
        """The end of a container's own output."""
        if not 0 < log_size_mb <= 1024:
            raise UsageError("log_size_mb is a number of megabytes above 0")
        query: dict[str, str | int | bool | None] = {"container": container, "tail_bytes": int(log_size_mb * 1024 * 1024)}
        return self._client.get_bytes("workers", self.name, "logs", query=query).decode("utf-8", "replace")

    def logs(self, container: str = "primary") -> str:
        """The end of a container's own output: ``primary`` or ``builder``."""
        return self.get_logs(container=container)

    def view_logs(self, log_size_mb: float = 1, container: str = "primary") -> None:
        """Prints the end of a container's own output."""
        print(self.get_logs(log_size_mb, container).rstrip("\n"))

    def upload_files(self, source: local.StrPath, destination: str = "~") -> list[str]:
        """Copies a file, or what is in a folder, into a folder of the worker; gives the files' paths there."""
        return _transfer.upload(self, source, destination)

    def download_files(self, source: str, destination: local.StrPath = ".") -> list[str]:
        """Copies a file, or what is in a folder of the worker, into a folder here; gives the files' paths here."""
        return _transfer.download(self, source, destination)

    def run_task(self, file_name: str, files_path: local.StrPath | None = None, args: Sequence[str] = ()) -> str:
        """Uploads a folder and runs a ``.py`` or ``.sh`` file of it in the background; gives the task's id."""
        return _tasks.run(self, file_name, files_path, args)

    def check_task(self, task_id: str) -> _tasks.Task:
        """How a task is doing: running or ended, exit code and the end of its output."""
        return _tasks.check(self, task_id)

    def proc_list(self) -> PrtList[_processes.Process]:
        """The processes in it."""
        return _processes.listed(self)

    def kill_proc(self, process_id: int) -> None:
        """Ends a process."""
        _processes.kill(self, process_id)

    def kill_all_procs(self) -> list[int]:
        """Ends all processes but those that keep the worker up; gives the ids of those that it asked to end."""
        return _processes.kill_all(self)

    # --- builds -------------------------------------------------------------------------------------------------------

    def build_image(
        self,
        name: str,
        tag: str,
        push_image: bool = True,
        build_args: Mapping[str, Any] | None = None,
        registry_credentials: Sequence[builds.RegistryCredential] | None = None,
        insecure_registry: bool = False,
        additional_build_params: str | None = None,
        custom_build_command: str | None = None,
        *,
        context: local.StrPath | None = None,
        dockerfile: local.StrPath | None = None,
        no_cache: bool = False,
        progress: str = "auto",
        dockerfile_text: str | None = None,
        additional_tags: Sequence[str] | None = None,
        target: str | None = None,
        platforms: str | Sequence[str] | None = None,
        labels: Mapping[str, Any] | None = None,
        pull: bool = False,
        secrets: Mapping[str, builds.Secret] | None = None,
        network: str | None = None,
        add_hosts: Mapping[str, str] | Sequence[str] | None = None,
        shm_size: str | None = None,
        ulimits: Sequence[str] | None = None,
        cache_from: Sequence[str] | None = None,
        cache_to: Sequence[str] | None = None,
        oci_mediatypes: bool | None = None,
    ) -> builds.Build:
        """Builds an image in it, shows the log live, and gives the build as it ended.

        Without ``context`` its build folder is built. A local folder is sent first, without what ``.dockerignore`` names and
        what the builder has already, unless this runs in the worker and the folder is in ``~/build``.

        The further options are those of ``docker build``:

        :param dockerfile_text: the Dockerfile itself, in place of a file
        :param additional_tags: further names of the result, ``NAME:TAG``
        :param target: the stage to build
        :param platforms: e.g. ``linux/arm64``, or a list
        :param labels: labels of the image
        :param pull: ask the registries for base images that the builder has already
        :param secrets: files for ``RUN --mount=type=secret`` by their ids, e.g. ``{"npmrc": text}``; masked in the log.
            ``{"npmrc": {"personal_secret": "NPMRC"}}`` takes a secret that the console stores, ``shared_secret`` a shared one
        :param network: ``default`` or ``none``, for ``RUN`` steps
        :param add_hosts: names and addresses for ``/etc/hosts`` in ``RUN`` steps
        :param shm_size: size of ``/dev/shm`` in ``RUN`` steps, e.g. ``128m``
        :param ulimits: limits of ``RUN`` steps, e.g. ``nofile=1024:2048``
        :param cache_from: caches to read, e.g. ``my-registry.my-company.com/demo/cache``
        :param cache_to: caches to write, e.g. ``type=registry,ref=…,mode=max``
        :param oci_mediatypes: False for registries that take only Docker's media types
        """
        check_mode(progress)
        body = builds.request(
            self.name,
            name,
            tag,
            push_image=push_image,
            build_args=build_args,
            registry_credentials=registry_credentials,
            insecure_registry=insecure_registry,
            additional_build_params=additional_build_params,
            custom_build_command=custom_build_command,
            no_cache=no_cache,
            dockerfile_text=dockerfile_text,
            additional_tags=additional_tags,
            target=target,
            platforms=platforms,
            labels=labels,
            pull=pull,
            secrets=secrets,
            network=network,
            add_hosts=add_hosts,
            shm_size=shm_size,
            ulimits=ulimits,
            cache_from=cache_from,
            cache_to=cache_to,
            oci_mediatypes=oci_mediatypes,
        )
        if dockerfile_text is not None and dockerfile is not None:
            raise UsageError("dockerfile and dockerfile_text exclude each other")
        if context is None:
            body["dockerfile"] = os.fspath(dockerfile) if dockerfile is not None else ""
        else:
            # All that can be wrong here is found before anything is sent.
            found = local.Local.find(context, dockerfile, dockerfile_text)
            body.update(self._context(found, progress))
            if found.text is not None:
                body["dockerfile_text"] = found.text
        return builds.run(self._client, body, progress)

    def update_build_config(
        self,
        insecure_registries: str | Sequence[str] | None = None,
        config_content: str | None = None,
        *,
        wait_for_build: bool = True,
    ) -> bool:
        """Configures its build service; see :func:`practicuscore.containers.update_build_config`.

        :param wait_for_build: False raises :class:`ConflictError` while a build runs, instead of waiting for its end
        """
        body: dict[str, Any] = {} if wait_for_build else {"when_busy": "refuse"}
        if insecure_registries is not None:
            given = insecure_registries.split(",") if isinstance(insecure_registries, str) else insecure_registries
            body["insecure_registries"] = [str(host).strip() for host in given]
        if config_content is not None:
            body["config_content"] = config_content
        answer = as_object(self._client.put_json("workers", self.name, "build-config", body=body))
        if read.text(answer, "state") in ("waiting", "applying"):
            print(visible(read.text(answer, "message") or "The configuration is being applied."), file=sys.stderr)
            while read.text(answer, "state") in ("waiting", "applying"):
                answer = as_object(
                    self._client.get("workers", self.name, "build-config", query={"wait_s": 30}, timeout=30 + _WAIT_MARGIN)
                )
        for notice in answer.get("findings") or []:
            if isinstance(notice, Mapping):
                print(visible(_finding(notice)), file=sys.stderr)
        if read.text(answer, "state") == "failed":
            # What the builder said of it; its former configuration is in place.
            print(visible(read.text(answer, "message")), file=sys.stderr)
            return False
        return True

    def _context(self, found: local.Local, progress: str) -> dict[str, str]:
        """The fields of a build's request that say what is built."""
        here = found.in_build_folder(local.build_folders()) if os.environ.get("PRT_WORKER") == self.name else None
        if here is not None:
            return {"context": here, "dockerfile": found.dockerfile}
        tell = say if progress != "none" else _keep_silent
        sent = contexts.send(self._client, self.name, lambda: scan(found.folder, found.dockerfile), tell)
        return {"context_id": sent, "context": "", "dockerfile": found.dockerfile}

    def _put_context(self, path: str, parts: Callable[[], Iterable[bytes]]) -> None:
        """Replaces a folder below the build folder."""
        self._client.put(
            "workers", self.name, "context", query={"path": path}, body=parts, content_type="application/x-tar", say=say
        )

    def _get_file(self, path: str) -> bytes:
        return self._client.get_bytes("workers", self.name, "files", query={"path": path})


def _keep_silent(text: str) -> None:
    pass


def _finding(finding: Mapping[str, Any]) -> str:
    line, column = finding.get("line"), finding.get("column")
    place = f"line {line}" + (f", column {column}" if column else "") if line else ""
    return ": ".join(part for part in (place, read.text(finding, "message")) if part)


def create_worker(
    worker_config: ConfigLike,
    wait_until_ready: bool = True,
    timeout: float = READY_TIMEOUT,
    *,
    client: Client | None = None,
) -> Worker:
    """Starts a worker and waits until it is ready.

    The configuration is a :class:`WorkerConfig`, a dict or the path of a JSON file. A worker that is not ready in time is not
    terminated, so that it can be looked into: the error is a TimeoutError.
    """
    config = WorkerConfig.of(worker_config)
    client = client or connect()
    worker = Worker(client, as_object(client.create("workers", body=config.to_dict(), say=say)))
    return worker.wait_until_ready(timeout) if wait_until_ready else worker


def get_or_create_worker(
    worker_config: ConfigLike,
    wait_until_ready: bool = True,
    timeout: float = READY_TIMEOUT,
    *,
    client: Client | None = None,
) -> Worker:
    """Your newest live worker with the configuration's image, size and builder; a new one if there is none.

    A worker does not tell its environment and scripts, so they are not compared.
    """
    config = WorkerConfig.of(worker_config)
    client = client or connect()
    for worker in _mine(client):
        if worker._status in _LIVE and _fits(client, worker, config):
            return worker.wait_until_ready(timeout) if wait_until_ready else worker
    return create_worker(config, wait_until_ready, timeout, client=client)


def _mine(client: Client) -> list[Worker]:
    # An admin sees everybody's workers, but means their own.
    me = read.text(as_object(client.get("me")), "username")
    return [worker for worker in list_workers(client=client) if worker.owner == me]


def _fits(client: Client, worker: Worker, config: WorkerConfig) -> bool:
    image = config.image_config or ImageConfig()
    size = config.worker_size or next((size.name for size in list_worker_sizes(client=client) if size.default), None)
    builder = bool(image.builder)
    if worker.size != size or worker.builder != builder:
        return False
    if builder and image.builder_capacity not in (None, worker.builder_capacity):
        return False
    wanted = as_object(client.get("container-images", "check", query={"image": config.worker_image}))
    return worker.image == read.text(wanted, "reference")


def get_local_worker(*, client: Client | None = None) -> Worker:
    """The worker that this runs in."""
    name = os.environ.get("PRT_WORKER", "").strip()
    if not name:
        raise NotOnAWorkerError(
            "this does not run on a worker",
            hint="create_worker() starts one; get_worker(name) and list_workers() find those that run",
        )
    return get_worker(name, client=client)


def running_on_a_worker() -> bool:
    """Whether this runs in a worker."""
    return bool(os.environ.get("PRT_WORKER", "").strip())


def get_worker(name: str, *, client: Client | None = None) -> Worker:
    """The worker of a name."""
    client = client or connect()
    if not name:
        raise UsageError("a worker's name is expected, e.g. Worker-12")
    return Worker(client, as_object(client.get("workers", name)))


def list_workers(*, all: bool = False, client: Client | None = None) -> PrtList[Worker]:  # noqa: A002
    """Your workers, newest first (everybody's for an admin); with ``all`` also those that have ended."""
    client = client or connect()
    answer = as_objects(client.get("workers", query={"all": all}))
    return PrtList([Worker(client, values) for values in answer], "workers")


def builder_worker(*, client: Client | None = None) -> Worker:
    """The worker that builds when none is named: this one, ``PRT_WORKER``, or your only one that runs with a builder."""
    client = client or connect()
    if running_on_a_worker():
        return get_local_worker(client=client)
    workers = _mine(client)
    builders = [worker for worker in workers if worker.builder and worker._status == "Running"]
    if len(builders) == 1:
        return builders[0]
    if builders:
        names = ", ".join(worker.name for worker in builders)
        raise UsageError(
            f"no worker is given, and you have several with a builder: {names}",
            hint=f"choose one, e.g. get_worker({builders[0].name!r}).build_image(...)",
        )
    others = "".join(
        f"\n  {worker.name}: {worker._status}, {'with' if worker.builder else 'without'} a builder" for worker in workers
    )
    raise UsageError(
        f"no worker is given, and you have none that runs with a builder{others}",
        hint="start one: create_worker(WorkerConfig(worker_image=..., image_config=ImageConfig(builder=True)))",
    )
