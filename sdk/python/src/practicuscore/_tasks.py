"""Scripts that run in a worker in the background."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._views import TOOL
from .errors import PrtError, UsageError

if TYPE_CHECKING:
    from .upload.local import StrPath
    from .workers import Worker

_FOLDER = "~/.prt/tasks"


@dataclass(frozen=True)
class Task:
    """How a task is doing. It counts as true once it has succeeded, so not while it runs."""

    task_id: str
    status: str
    """``running``, ``succeeded``, ``failed`` or ``lost`` (it was killed with what watches it)."""
    exit_code: int | None
    output: str
    """The end of what it printed."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.status != "running"

    def __bool__(self) -> bool:
        return self.status == "succeeded"


def run(worker: Worker, file_name: str, files_path: StrPath | None, args: Sequence[str]) -> str:
    """See :meth:`Worker.run_task`."""
    folder = Path(files_path if files_path is not None else Path(file_name).parent).expanduser()
    script = Path(file_name) if files_path is not None else Path(Path(file_name).name)
    if not (folder / script).is_file() or script.is_absolute() or ".." in script.parts:
        raise UsageError(f"there is no file {script} in {folder}")
    programs = {".py": ["python3", "-u"], ".sh": ["bash"]}
    if script.suffix not in programs:
        raise UsageError(f"{script} is neither a .py nor a .sh file")
    task = uuid.uuid4().hex[:12]
    # Without a folder of its own only the script is meant, not all that lies beside it.
    worker.upload_files(folder if files_path is not None else folder / script, f"{_FOLDER}/{task}/files")
    command = [*programs[script.suffix], f"./{script.as_posix()}", *args]
    worker.exec([*TOOL, "run", f"{_FOLDER[2:]}/{task}", *command]).check()
    return task


def check(worker: Worker, task_id: str) -> Task:
    """See :meth:`Worker.check_task`."""
    if not re.fullmatch("[0-9a-f]{12}", task_id):
        raise UsageError(f"{json.dumps(task_id)} is no task id")
    answer = worker.exec([*TOOL, "check", f"{_FOLDER[2:]}/{task_id}"]).check()
    state, _, output = answer.stdout.partition("\n")
    if state == "none":
        raise PrtError(f"there is no task {task_id} in {worker.name}")
    code = int(state.split()[1]) if state.startswith("ended ") else None
    status = state if code is None else "succeeded" if code == 0 else "failed"
    return Task(task_id, status, code, output)
