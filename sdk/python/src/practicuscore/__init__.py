"""Start workers, build container images in them, and use the images.

    import practicuscore as prt

    worker = prt.create_worker(prt.WorkerConfig(worker_image="practicus-minimal"))
    worker.open_notebook()

The console and the identity are found by ``PRT_URL`` and ``PRT_TOKEN``, by a saved login (:func:`login`, or ``prtcli login``), or
by what a worker is given by its console.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from . import containers
from ._login import connect, login, logout
from ._processes import Process
from ._tasks import Task
from ._version import __version__
from ._views import Container, ExecResult, WorkerEvent
from .builds import Build, get_build, list_builds
from .client import Client
from .config import ImageConfig, WorkerConfig
from .errors import (
    AlreadyExistsError,
    ApiError,
    CommandTimeoutError,
    ConflictError,
    ConnectionFailedError,
    FieldError,
    ForbiddenError,
    GoneError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    NotOnAWorkerError,
    NotSupportedError,
    ProtocolError,
    PrtError,
    UnauthenticatedError,
    UnavailableError,
    UsageError,
    WorkerFailedError,
    WorkerNotReadyError,
)
from .lists import PrtList, WorkerImage, WorkerSize, list_worker_images, list_worker_sizes
from .workers import (
    Worker,
    create_worker,
    get_local_worker,
    get_or_create_worker,
    get_worker,
    list_workers,
    running_on_a_worker,
)

if TYPE_CHECKING:
    worker_list: PrtList[Worker]
    """Your workers as of now."""
    worker_size_list: PrtList[WorkerSize]
    """The worker sizes that you may use as of now."""
    worker_image_list: PrtList[WorkerImage]
    """The images that you may run as of now."""

_LISTS: dict[str, Callable[[], PrtList[Any]]] = {
    "worker_list": list_workers,
    "worker_size_list": list_worker_sizes,
    "worker_image_list": list_worker_images,
}

__all__ = [
    "AlreadyExistsError",
    "ApiError",
    "Build",
    "Client",
    "CommandTimeoutError",
    "ConflictError",
    "ConnectionFailedError",
    "Container",
    "ExecResult",
    "FieldError",
    "ForbiddenError",
    "GoneError",
    "ImageConfig",
    "InternalError",
    "InvalidInputError",
    "NotFoundError",
    "NotOnAWorkerError",
    "NotSupportedError",
    "Process",
    "ProtocolError",
    "PrtError",
    "PrtList",
    "Task",
    "UnauthenticatedError",
    "UnavailableError",
    "UsageError",
    "Worker",
    "WorkerConfig",
    "WorkerEvent",
    "WorkerFailedError",
    "WorkerImage",
    "WorkerNotReadyError",
    "WorkerSize",
    "__version__",
    "connect",
    "containers",
    "create_worker",
    "get_build",
    "get_local_worker",
    "get_or_create_worker",
    "get_worker",
    "list_builds",
    "list_worker_images",
    "list_worker_sizes",
    "list_workers",
    "login",
    "logout",
    "running_on_a_worker",
]


def __getattr__(name: str) -> Any:
    # Asked for at each use, so that they are never old.
    if name in _LISTS:
        return _LISTS[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LISTS})
