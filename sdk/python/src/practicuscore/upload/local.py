"""What a context and a Dockerfile of a call mean: a folder to upload, or one that the worker has already."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..errors import UsageError

StrPath = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Local:
    """A context and its Dockerfile: the folder without links and ``..``, the file relative to it."""

    folder: Path
    dockerfile: str
    text: str | None = None
    """Of a Dockerfile that is not in the context."""

    @classmethod
    def find(cls, context: StrPath, dockerfile: StrPath | None = None, text: str | None = None) -> Local:
        """Looks both up. With a text there is no file to look for."""
        try:
            folder = Path(context).expanduser().resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise UsageError(f"cannot use the context {context}: {getattr(error, 'strerror', None) or error}") from None
        if not folder.is_dir():
            raise UsageError(f"the context {context} is not a folder")
        if text is not None:
            return cls(folder, "Dockerfile", text)
        # As in `docker build`, a Dockerfile that is named starts here; inside the context is taken too.
        beside = Path(dockerfile).expanduser() if dockerfile is not None else None
        path = beside if beside is not None and beside.is_file() else folder / (dockerfile or "Dockerfile")
        if dockerfile is None and not path.is_file() and (folder / "dockerfile").is_file():
            # `docker build` takes this name, too.
            path = folder / "dockerfile"
        if not path.is_file():
            raise UsageError(f"there is no Dockerfile {path}", hint="name it with dockerfile=, or name another context")
        # The file itself may be a link, its folder is taken without.
        inside = path.parent.resolve() / path.name
        try:
            return cls(folder, inside.relative_to(folder).as_posix())
        except ValueError:
            return cls(folder, "Dockerfile", _text(path))

    def in_build_folder(self, folders: list[Path]) -> str | None:
        """The context's path in the worker's build folder, if it is there already."""
        for folder in folders:
            try:
                path = self.folder.relative_to(folder.resolve(strict=True)).as_posix()
            except (OSError, RuntimeError, ValueError):
                continue
            return "" if path == "." else path
        return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the Dockerfile {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the Dockerfile {path} is not text in UTF-8") from None


def build_folders() -> list[Path]:
    """The folders that a worker shares with its builder."""
    return [Path.home() / "build", Path("/build")]
