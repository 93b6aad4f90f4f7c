"""Runs an app in several processes: which transports run in which, and how each process gets the app."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._app_config import AppConfig
from ._hooks import Transport, is_pooled
from ._line import Line
from ._supervisor import Role, Supervisor
from .errors import BootError, ConfigurationError, NestPyError, PluginError

if TYPE_CHECKING:
    from ._app import App

EXIT_CONFIGURATION = 78
MARGIN = 2.0
"""Seconds that a process may take beyond the app's own deadline before it is killed."""


def supervise(app: App, transports: Sequence[Transport]) -> int:
    """Run the app in processes until a signal, and return the exit code.

    Raises:
        NestPyError: what the processes share cannot be opened, or the app cannot cross to them.
    """
    source = AppSource(app)
    config: AppConfig = app.graph.sections[AppConfig]
    pooled = [transport for transport in transports if is_pooled(transport)]
    others = [transport.name for transport in transports if not is_pooled(transport)]
    roles = [
        Role(transport.name, transport.processes, (source, (transport.name,)), transport.share())
        for transport in pooled
    ]
    if others:
        roles.append(Role(", ".join(others), 1, (source, tuple(others))))
    return Supervisor(work, roles, timeout=config.shutdown_timeout + MARGIN).run()


def work(argument: tuple[AppSource, tuple[str, ...]], shared: object, line: Line) -> None:
    """Be one of the processes."""
    source, names = argument
    try:
        app = source.load()
    except (BootError, ConfigurationError, PluginError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_CONFIGURATION)
    sys.exit(app._work(names, shared, line))  # noqa: SLF001  # the other half of `App.run`


class AppSource:
    """How another process gets an app: a fork has it; else it is found by its name, or built again from its root."""

    def __init__(self, app: App | None = None, name: tuple[str, str] | None = None, parts: Any = None) -> None:
        self._app = app
        self._name = name
        self._parts = parts

    def __reduce__(self) -> Any:
        app = self._app
        if app is None:
            return (AppSource, (None, self._name, self._parts))
        name = _name_of(app)
        return (AppSource, (None, name, None if name else (app.root, app._given)))  # noqa: SLF001  # as above

    def load(self) -> App:
        """Return the app.

        Raises:
            BootError: it cannot boot in this process.
        """
        from ._app import App

        if self._app is not None:
            return self._app
        if self._name is not None:
            module, attribute = self._name
            found = getattr(importlib.import_module(module), attribute, None)
            if not isinstance(found, App):
                raise NestPyError(f"`{module}:{attribute}` is no `App` in a process that imports it anew")
            return found
        root, given = self._parts
        return App(root, **given)


def _name_of(app: App) -> tuple[str, str] | None:
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is app:
                return module.__name__, name
    return None
