"""What a worker is to be: :class:`WorkerConfig` and :class:`ImageConfig`.

Nothing is judged here but the names of the fields: what fits together is the console's to say, so that every door says the same.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import FieldError, UsageError


@dataclass
class ImageConfig:
    """How a worker's image is pulled and whether a builder runs beside it. All unset by default."""

    repo_username: str | None = None
    """Registry user name for the pull."""
    repo_password: str | None = field(default=None, repr=False)
    """Its password or token; used for the pull and kept nowhere."""
    repo_secret_name: str | None = None
    """A named registry credential, in place of user name and password."""
    pull_policy: str | None = None
    """``Always``, ``IfNotPresent`` or ``Never``."""
    builder: bool | None = None
    """Start the builder container."""
    builder_capacity: int | None = None
    """Whole percent, 1 to 99, of the size that the builder gets; unset = 50. Only with ``builder``."""
    custom_builder_url: str | None = None
    """An image to run as the builder. Only with ``builder``; needs an image grant."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImageConfig:
        """From the fields' names and values."""
        _known(cls, values, "image_config.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """What is set."""
        return _given(self)


@dataclass
class WorkerConfig:
    """A worker to be started."""

    worker_image: str = ""
    """Short or full image name; without a tag the platform version is taken."""
    worker_size: str | None = None
    """A worker size's name; unset = the default size."""
    service_type: str | None = None
    """``cloud_worker`` (default) or ``workspace``."""
    network_protocol: str | None = None
    """``http`` or ``https``: what the console's address speaks. Unset = that one; another is refused."""
    image_config: ImageConfig | None = None
    """Pull and builder settings."""
    startup_script: str | None = None
    """Shell commands that run in the worker before its start command."""
    log_level: str | None = None
    """``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``."""
    env_variables: dict[str, str] | None = None
    """Environment of the worker. Visible to the engine: no place for secrets."""
    personal_secrets: list[str] | None = None
    """Names of own secrets; the worker's programs get each as an environment variable."""
    shared_secrets: list[str] | None = None
    """The same of shared secrets that one may use."""
    additional_params: dict[str, Any] | None = None
    """Parameters for programs in the worker, as JSON in ``PRT_ADDITIONAL_PARAMS``. No place for secrets."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WorkerConfig:
        """From the fields' names and values; ``image_config`` may be a dict in it."""
        _known(cls, values, "")
        given = dict(values)
        image = given.get("image_config")
        if isinstance(image, Mapping):
            given["image_config"] = ImageConfig.from_dict(image)
        elif image is not None and not isinstance(image, ImageConfig):
            raise _wrong([FieldError("image_config", "An ImageConfig or a dict is expected.")])
        return cls(**given)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> WorkerConfig:
        """From a JSON file."""
        try:
            values = json.loads(Path(path).read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"cannot read the worker configuration {path}: {error.strerror}") from None
        except ValueError as error:
            raise UsageError(f"the worker configuration {path} is no JSON: {error}") from None
        if not isinstance(values, dict):
            raise UsageError(f"the worker configuration {path} is no JSON object")
        return cls.from_dict(values)

    @classmethod
    def of(cls, config: WorkerConfig | Mapping[str, Any] | str | os.PathLike[str]) -> WorkerConfig:
        """From an object, a dict or the path of a JSON file."""
        if isinstance(config, WorkerConfig):
            return config
        if isinstance(config, Mapping):
            return cls.from_dict(config)
        if isinstance(config, (str, os.PathLike)):
            return cls.from_file(config)
        raise UsageError(f"a WorkerConfig, a dict or the path of a JSON file is expected, not {type(config).__name__}")

    def to_dict(self) -> dict[str, Any]:
        """What is set."""
        values = _given(self)
        if self.image_config is not None:
            values["image_config"] = (
                self.image_config.to_dict() if isinstance(self.image_config, ImageConfig) else self.image_config
            )
        return values


def _given(config: ImageConfig | WorkerConfig) -> dict[str, Any]:
    values = {each.name: getattr(config, each.name) for each in dataclasses.fields(config)}
    return {name: value for name, value in values.items() if value is not None}


def _known(kind: type[ImageConfig | WorkerConfig], values: Mapping[str, Any], path: str) -> None:
    names = [each.name for each in dataclasses.fields(kind)]
    wrong = []
    for key in values:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, 1)
            meant = f" Did you mean {close[0]}?" if close else f" The fields are {', '.join(names)}."
            wrong.append(FieldError(f"{path}{key}", f"There is no such field.{meant}"))
    if wrong:
        raise _wrong(wrong)


def _wrong(fields: list[FieldError]) -> UsageError:
    return UsageError("The worker configuration is wrong.", fields=fields)
