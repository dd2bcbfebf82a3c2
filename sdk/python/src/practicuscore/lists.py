"""Lists that show themselves as tables, and what is in them: worker sizes and images."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from . import _json_fields as read
from ._login import connect
from ._text import visible
from .client import Client, as_objects


class Row(Protocol):
    """Something that can be a row of a table."""

    def row(self) -> dict[str, str]:
        """Column names and cells."""


R = TypeVar("R", bound=Row)


class PrtList(list[R]):
    """A list whose text, and picture in a notebook, is a table."""

    def __init__(self, items: Iterable[R], what: str) -> None:
        super().__init__(items)
        self._what = what

    def __repr__(self) -> str:
        rows = self._rows()
        if not rows:
            return f"no {self._what}"
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = self._rows()
        if not rows:
            return html.escape(repr(self))
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _rows(self) -> list[list[str]]:
        rows = [item.row() for item in self]
        return [list(rows[0]), *([visible(cell) for cell in row.values()] for row in rows)] if rows else []


@dataclass(frozen=True)
class WorkerSize:
    """A worker size that you may use."""

    name: str
    cpu: float
    """Cores that the containers get together."""
    total_mem_gb: float
    """GiB of memory that the containers get together."""
    gpu: int
    gpu_vram_gb: int
    security_context: str
    default: bool
    """Whether it is taken when a request names none."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> WorkerSize:
        """From the console's answer."""
        return cls(
            name=read.text(values, "name"),
            cpu=read.number(values, "cpu_net_millis") / 1000,
            total_mem_gb=read.number(values, "memory_net_mib") / 1024,
            gpu=read.number(values, "gpus"),
            gpu_vram_gb=read.number(values, "gpu_vram_gib"),
            security_context=read.text(values, "security_context"),
            default=read.flag(values, "default"),
        )

    def row(self) -> dict[str, str]:
        """Cells of the table."""
        return {
            "name": self.name,
            "cpu": f"{self.cpu:g}",
            "memory GB": f"{self.total_mem_gb:g}",
            "gpu": f"{self.gpu} ({self.gpu_vram_gb} GB)" if self.gpu_vram_gb else str(self.gpu),
            "security context": self.security_context,
            "default": "yes" if self.default else "",
        }


@dataclass(frozen=True)
class WorkerImage:
    """An image that you may run, or a rule for images."""

    image: str
    """What to put into ``worker_image``; empty for a pattern, where you complete it."""
    rule: str
    match_kind: str
    """``exact``, ``any`` or ``pattern``."""
    name: str
    description: str
    recommended_version: str = ""
    """The version to take, if an admin names one."""
    service_type: str = "cloud_worker"
    """``cloud_worker`` or ``workspace``: what to put into ``service_type``."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> WorkerImage:
        """From the console's answer."""
        return cls(
            image=read.text(values, "image"),
            rule=read.text(values, "rule"),
            match_kind=read.text(values, "match_kind"),
            name=read.text(values, "name"),
            description=read.text(values, "description"),
            recommended_version=read.text(values, "recommended_version"),
            service_type=read.text(values, "service_type"),
        )

    def row(self) -> dict[str, str]:
        """Cells of the table."""
        image = self.image or self.rule
        return {"image": image, "recommended": self.recommended_version, "name": self.name, "description": self.description}


def list_worker_sizes(*, client: Client | None = None) -> PrtList[WorkerSize]:
    """The worker sizes that you may use."""
    sizes = as_objects((client or connect()).get("worker-sizes"))
    return PrtList(map(WorkerSize.from_json, sizes), "worker sizes")


def list_worker_images(*, client: Client | None = None) -> PrtList[WorkerImage]:
    """The images that you may run."""
    images = as_objects((client or connect()).get("container-images", "choices"))
    return PrtList(map(WorkerImage.from_json, images), "images")
