"""The processes in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._views import TOOL
from .errors import PrtError, UsageError
from .lists import PrtList

if TYPE_CHECKING:
    from .workers import Worker

_INITS = frozenset({"tini", "docker-init", "dumb-init", "catatonit", "sh"})
_COLUMNS = 7


@dataclass(frozen=True)
class Process:
    """A process."""

    pid: int
    parent: int
    user: str
    cpu_percent: float
    mem_percent: float
    seconds: int
    """Since it was started."""
    command: str

    def row(self) -> dict[str, str]:
        """Cells of the table."""
        return {
            "pid": str(self.pid),
            "user": self.user,
            "cpu %": f"{self.cpu_percent:.1f}",
            "memory %": f"{self.mem_percent:.1f}",
            "seconds": str(self.seconds),
            "command": self.command[:120],
        }


def listed(worker: Worker) -> PrtList[Process]:
    """See :meth:`Worker.proc_list`."""
    answer = worker.exec([*TOOL, "processes"])
    if not answer.ok:
        raise PrtError(f"the processes of {worker.name} cannot be listed: {answer.stderr.strip()}")
    processes = [_process(line) for line in answer.stdout.splitlines()]
    return PrtList(processes, "processes")


def _process(line: str) -> Process:
    columns = line.split(None, _COLUMNS - 1)
    try:
        pid, parent, user, cpu, memory, seconds = columns[:6]
        command = columns[6] if len(columns) == _COLUMNS else ""
        return Process(int(pid), int(parent), user, float(cpu), float(memory), int(seconds), command)
    except ValueError:
        raise PrtError(f"a line of the process list cannot be read: {line!r}") from None


def kill(worker: Worker, pid: int) -> None:
    """See :meth:`Worker.kill_proc`."""
    if not isinstance(pid, int) or pid <= 1:
        raise UsageError("a process id above 1 is expected; terminate() ends the worker")
    worker.exec([*TOOL, "kill", str(pid)]).check()


def kill_all(worker: Worker) -> list[int]:
    """See :meth:`Worker.kill_all_procs`."""
    processes = listed(worker)
    kept = keepers(processes)
    pids = [process.pid for process in processes if process.pid not in kept]
    if pids:
        # One may have ended meanwhile, or with its parent: that is what was asked for.
        worker.exec([*TOOL, "kill", *map(str, pids)]).check()
    return pids


def keepers(processes: list[Process]) -> set[int]:
    """What keeps the worker up: the first process and, if that only looks after another one, that one."""
    kept = {1}
    first = next((process for process in processes if process.pid == 1), None)
    name = first.command.split()[0].rsplit("/", 1)[-1] if first and first.command else ""
    if name in _INITS:
        children = [process.pid for process in processes if process.parent == 1]
        # Orphans become children of the first process too; the one that it was started for came before them.
        kept.update(sorted(children)[:1])
    return kept
