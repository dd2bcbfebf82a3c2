"""Building container images: inside a builder worker, or from elsewhere in the only one that you have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .builds import Build, RegistryCredential, get_build, list_builds
from .workers import builder_worker

__all__ = ["Build", "RegistryCredential", "build_image", "get_build", "list_builds", "update_build_config"]


def build_image(
    name: str,
    tag: str,
    push_image: bool = True,
    build_args: Mapping[str, Any] | None = None,
    registry_credentials: Sequence[RegistryCredential] | None = None,
    insecure_registry: bool = False,
    additional_build_params: str | None = None,
    custom_build_command: str | None = None,
    **options: Any,
) -> bool:
    """Builds ``~/build`` with the Dockerfile at its root and shows the log live. True if it was built, and pushed if asked for.

    Exceptions are for what cannot be a build: wrong use, a missing builder, a build that runs already, no permission.
    Ctrl-C cancels the build on the console.

    :param name: image name without tag, e.g. ``my-registry.my-company.com/demo/my-image``
    :param tag: the tag
    :param push_image: push after building; False builds and keeps the cache
    :param build_args: values for ``ARG``; they are recorded: no place for secrets
    :param registry_credentials: ``(host, user, password)`` for pulls of ``FROM`` and for the push. A fourth part, ``"pull"`` or
        ``"push"``, limits a login to one of them; a path behind the host, ``my-registry.my-company.com/team-a``, to the
        repositories below it. ``{"name": "corp-robot"}`` takes a credential that the console keeps
    :param insecure_registry: push over plain HTTP or unverified TLS; it concerns the push only
    :param additional_build_params: further parameters of the build command
    :param custom_build_command: a build command of your own, run in the builder
    :param options: further options of :meth:`practicuscore.Worker.build_image`, such as ``target``, ``labels`` and ``secrets``
    """
    build = builder_worker().build_image(
        name,
        tag,
        push_image,
        build_args,
        registry_credentials,
        insecure_registry,
        additional_build_params,
        custom_build_command,
        **options,
    )
    return build.succeeded


def update_build_config(
    insecure_registries: str | Sequence[str] | None = None,
    config_content: str | None = None,
) -> bool:
    """Configures the build service of the worker while it runs. True when the new configuration is active.

    If something is wrong with it, an exception says what and where; if the builder does not come up with it, the answer is False
    and the reason is printed. Either way the old configuration stays. A running build is waited for.

    :param insecure_registries: hosts that are reached without verified TLS, as a list or separated by commas
    :param config_content: a whole configuration (TOML), in place of the present one; not together with ``insecure_registries``
    """
    return builder_worker().update_build_config(insecure_registries, config_content)
