"""Declares lifecycle hooks; a hook takes only `self` and may be async."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from ._handler import check_method
from ._metadata import extend_metadata, functions, read_metadata
from ._names import name_of
from .errors import DefinitionError

__all__ = (
    "before_application_shutdown",
    "on_application_bootstrap",
    "on_application_shutdown",
    "on_module_destroy",
    "on_module_init",
)

F = TypeVar("F", bound=Callable[..., Any])


class Phase(enum.Enum):
    """When a hook runs; the first two before anything is served, the others after everything ended."""

    INIT = "on_module_init"
    BOOTSTRAP = "on_application_bootstrap"
    DESTROY = "on_module_destroy"
    BEFORE_SHUTDOWN = "before_application_shutdown"
    SHUTDOWN = "on_application_shutdown"


STARTING = (Phase.INIT, Phase.BOOTSTRAP)
STOPPING = (Phase.DESTROY, Phase.BEFORE_SHUTDOWN, Phase.SHUTDOWN)


def on_module_init(hook: F) -> F:
    """Run once the graph is built, providers before their consumers. A failure aborts the start."""
    return _declare(Phase.INIT, hook)


def on_application_bootstrap(hook: F) -> F:
    """Run after every `on_module_init`, before anything is served. A failure aborts the start."""
    return _declare(Phase.BOOTSTRAP, hook)


def on_module_destroy(hook: F) -> F:
    """Run first of all when everything has ended, consumers before their providers."""
    return _declare(Phase.DESTROY, hook)


def before_application_shutdown(hook: F) -> F:
    """Run after every `on_module_destroy`, in the same order."""
    return _declare(Phase.BEFORE_SHUTDOWN, hook)


def on_application_shutdown(hook: F) -> F:
    """Run last, in the same order, before the providers' clean-up."""
    return _declare(Phase.SHUTDOWN, hook)


def _declare(phase: Phase, hook: F) -> F:
    check_method(hook, f"@{phase.value}")
    if len(inspect.signature(hook).parameters) != 1:
        raise DefinitionError(
            f"`{name_of(hook)}` is a lifecycle hook and takes only `self`.\n"
            "Hint: inject what it needs as a field of its class"
        )
    extend_metadata(hook, "lifecycle", (phase,))
    return hook


def hooks_of(cls: type) -> dict[Phase, list[str]]:
    """Return the names of the class's hooks by phase, each phase sorted by name."""
    found: dict[Phase, list[str]] = {}
    for _, name, function in functions(cls):
        for phase in read_metadata(function, "lifecycle", ()):
            found.setdefault(phase, []).append(name)
    return {phase: sorted(names) for phase, names in found.items()}
