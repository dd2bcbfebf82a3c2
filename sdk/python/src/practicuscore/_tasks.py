"""Scripts that run in a worker in the background."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import PrtError, UsageError

if TYPE_CHECKING:
    from .upload.local import StrPath
    from .workers import Worker

_FOLDER = "~/.prt/tasks"

# $1 the task's folder below the home folder, $2 the program, $3… its arguments. It outlives the call that starts it.
_RUN = """set -e
cd -- "$HOME/$1/files"
task=$HOME/$1
shift
setsid sh -c 'task=$1; shift; "$@" >"$task/output" 2>&1 </dev/null
echo $? >"$task/exit.new"; mv "$task/exit.new" "$task/exit"' \\
  prt-task "$task" "$@" >/dev/null 2>&1 </dev/null &
echo $! >"$task/pid"
"""
# $1 the task's folder below the home folder
_CHECK = """cd -- "$HOME/$1" 2>/dev/null || { echo none; exit 0; }
if [ -e exit ]; then echo "ended $(cat exit)"
elif kill -0 "$(cat pid)" 2>/dev/null; then echo running
elif [ -e exit ]; then echo "ended $(cat exit)"
else echo lost; fi
tail -c 65536 output 2>/dev/null
"""


@dataclass(frozen=True)
class Task:
    """How a task is doing. It counts as true once it has succeeded, so not while it runs."""

    task_id: str
    status: str
    """``running``, ``succeeded``, ``failed`` or ``lost`` (it was killed with its shell)."""
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
    worker.exec(["sh", "-c", _RUN, "prt-run", f"{_FOLDER[2:]}/{task}", *command]).check()
    return task


def check(worker: Worker, task_id: str) -> Task:
    """See :meth:`Worker.check_task`."""
    if not re.fullmatch("[0-9a-f]{12}", task_id):
        raise UsageError(f"{json.dumps(task_id)} is no task id")
    answer = worker.exec(["sh", "-c", _CHECK, "prt-check", f"{_FOLDER[2:]}/{task_id}"]).check()
    state, _, output = answer.stdout.partition("\n")
    if state == "none":
        raise PrtError(f"there is no task {task_id} in {worker.name}")
    code = int(state.split()[1]) if state.startswith("ended ") else None
    status = state if code is None else "succeeded" if code == 0 else "failed"
    return Task(task_id, status, code, output)
