"""Finds plugins by their entry points and registers them, one manager for each app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from inspect import isgenerator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import pluggy

from ._entry_points import EntryPoint, entry_points
from ._hooks import API, Hooks
from ._record import Record
from .errors import NestPyError, PluginError, reason_of

GROUP = "nestpy"
HOOKABLE = (FunctionType, MethodType, staticmethod, classmethod)


class Installed(Record, frozen=True):
    """One entry point of the group with its distribution."""

    name: str
    value: str
    distribution: str
    version: str

    @property
    def label(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}"


class _Manager(pluggy.PluginManager):
    """Looks for hooks among the functions of a plugin's module alone: pluggy looks at everything in it, slowly."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        if type(plugin) is ModuleType and not isinstance(vars(plugin).get(name), HOOKABLE):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def entries() -> list[tuple[Installed, EntryPoint]]:
    """Return every entry point of the group with its distribution, clashing ones included."""
    return [
        (Installed(entry.name, entry.value, entry.distribution, entry.version), entry) for entry in entry_points(GROUP)
    ]


def installed() -> list[tuple[Installed, EntryPoint]]:
    """Return every plugin entry point, sorted by name.

    Raises:
        PluginError: two distributions use one name.
    """
    found: dict[str, tuple[Installed, EntryPoint]] = {}
    for item, entry in entries():
        earlier = found.setdefault(entry.name, (item, entry))[0]
        if earlier.value != item.value:
            raise PluginError(
                f"Two distributions offer the plugin `{entry.name}`: {earlier.label} and {item.label}.\n"
                f"Hint: uninstall one of them"
            )
    return [found[name] for name in sorted(found)]


def load(extra: Iterable[object] = ()) -> pluggy.PluginManager:
    """Return a manager with every installed plugin and the *extra* ones.

    Raises:
        PluginError: a plugin does not import, was written for other hooks, or implements an unknown one.
    """
    manager = _manager()
    for item, entry in installed():
        _admit(manager, item, entry)
    for plugin in extra:
        _register(manager, plugin, repr(plugin), None)
        _check(manager, f"The plugin {plugin!r}")
    return manager


def sound() -> tuple[pluggy.PluginManager, list[PluginError]]:
    """Return a manager with every installed plugin that can be used, and why the others cannot."""
    manager = _manager()
    try:
        found = installed()
    except PluginError as error:
        return manager, [error]
    problems = []
    for item, entry in found:
        try:
            _admit(manager, item, entry)
        except PluginError as error:
            problems.append(error)
            if manager.has_plugin(entry.name):
                manager.unregister(name=entry.name)
    return manager, problems


def _manager() -> pluggy.PluginManager:
    manager = _Manager(GROUP)
    manager.add_hookspecs(Hooks)
    return manager


def _admit(manager: pluggy.PluginManager, item: Installed, entry: EntryPoint) -> None:
    _register(manager, _import(item, entry), item.label, entry.name)
    _check(manager, f"The plugin `{item.name}` of {item.label}")


def _check(manager: pluggy.PluginManager, who: str) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"{who} cannot be used: {error}\nHint: compare the name with the hooks of `nestpy_core.Hooks`"
        ) from error


def _import(item: Installed, entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:  # a plugin's import may raise anything
        raise PluginError(
            f"The plugin `{item.name}` of {item.label} does not import: {type(error).__name__}: {error}\n"
            f"Hint: reinstall `{item.distribution}`, or uninstall it"
        ) from error


def _register(manager: pluggy.PluginManager, plugin: Any, label: str, name: str | None) -> None:
    stated = str(getattr(plugin, "nestpy_api", "")) or ".".join(map(str, API))
    if not _compatible(stated):
        mine = ".".join(map(str, API))
        raise PluginError(
            f"The plugin of {label} was written for hooks {stated}; this nestpy-core speaks {mine}.\n"
            f"Hint: upgrade the older of the two"
        )
    try:
        manager.register(plugin, name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(f"The plugin of {label} cannot be registered: {error}") from error
    who = f"The plugin `{name}` of {label}" if name else f"The plugin {label}"
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                named = _naming(implementation.function, f"{who} failed in `{caller.name}`")
                object.__setattr__(implementation, "function", named)  # pluggy asks for its names before


def _naming(hook: Callable[..., Any], text: str) -> Callable[..., Any]:
    """Return a hook that says whose it is where it fails; what it says on purpose stays as it is."""

    def call(*arguments: Any) -> Any:
        try:
            found = hook(*arguments)
        except NestPyError:
            raise
        except Exception as error:
            raise _failed(text, error) from error
        return _each(found, text) if isgenerator(found) else found

    return call


def _each(found: Iterable[Any], text: str) -> Iterator[Any]:
    try:
        yield from found
    except NestPyError:
        raise
    except Exception as error:
        raise _failed(text, error) from error


def _failed(text: str, error: Exception) -> PluginError:
    return PluginError(f"{text}: {reason_of(error)}\nHint: upgrade it, or report it to its author")


def _compatible(stated: str) -> bool:
    major, _, minor = stated.partition(".")
    return major.isdecimal() and minor.isdecimal() and int(major) == API[0] and int(minor) <= API[1]
