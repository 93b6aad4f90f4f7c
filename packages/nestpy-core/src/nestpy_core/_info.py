"""Tells what is installed: distributions with versions, plugins with the hooks they implement."""

from __future__ import annotations

import platform
from importlib import metadata

from . import _plugins
from ._hooks import API


def info_text() -> str:
    """Return the report of ``nestpy info``."""
    python = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    hooks = ".".join(map(str, API))
    blocks = [
        f"Python    {python}\nHooks     {hooks}",
        "\n".join(["Distributions", *_rows(_distributions())]),
        "\n".join(["Plugins", *(_rows(_plugin_hooks()) or ["  none"])]),
    ]
    return "\n\n".join(blocks)


def _rows(pairs: list[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in pairs]


def _distributions() -> list[tuple[str, str]]:
    """Return NestPy's own distributions, those of plugins, and what core stands on."""
    names = {name for item in metadata.distributions() if (name := item.name) and name.startswith("nestpy-")}
    names |= {item.distribution for item, _ in _plugins.entries()}
    names |= {"anyio", "click", "msgspec", "pluggy"}
    return [(name, metadata.version(name)) for name in sorted(names)]


def _plugin_hooks() -> list[tuple[str, str]]:
    manager, problems = _plugins.sound()
    rows = []
    for name, plugin in manager.list_name_plugin():
        callers = manager.get_hookcallers(plugin) or []
        hooks = ", ".join(sorted(caller.name.removeprefix("nestpy_") for caller in callers))
        rows.append((name, hooks if hasattr(plugin, "nestpy_api") else f"{hooks} (states no `nestpy_api`)".lstrip()))
    return sorted(rows) + [("broken", str(problem).splitlines()[0]) for problem in problems]
