"""The command ``nestpy``: run, check and draw applications, list their routes, tell what is installed."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pluggy

from . import _plugins
from ._app import EXIT_CONFIGURATION, App
from ._info import info_text
from ._listing import routes_text, sources_text, summary
from ._render import draw_mermaid, draw_tree
from ._target import TargetError, app_of, circle_of, find_target
from .errors import BootError, NestPyError, PluginError, reason_of

if TYPE_CHECKING:
    from ._graph import Graph

__all__ = ("load_app",)

EXIT_FAILURE = 1
EXIT_USAGE = 2


def main() -> None:
    """Run the command line; the console script ``nestpy``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale without the lines of a drawing is no reason to end
            stream.reconfigure(errors="replace")
    command_line()(prog_name="nestpy")


def command_line() -> click.Group:
    """Return the group with its own commands and those of the plugins; a broken plugin is named and left out."""
    manager, problems = _plugins.sound()
    warned = {"obj": tuple(map(str, problems))}
    group = click.Group("nestpy", help="Run, check and draw NestPy applications.", context_settings=warned)
    for command in (run, check, graph, routes, info):
        group.add_command(command)
    for problem in problems:
        _warn(f"Warning: {problem}")
    _add_plugin_commands(group, manager)
    return group


def _add_plugin_commands(group: click.Group, manager: pluggy.PluginManager) -> None:
    own = dict(group.commands)
    for implementation in manager.hook.nestpy_commands.get_hookimpls():
        try:
            implementation.function(*[group for _ in implementation.argnames])
        except NestPyError as error:
            _warn(f"Warning: {error}")
        taken = sorted(name for name, command in own.items() if group.commands.get(name) is not command)
        if taken:
            _warn(f"Warning: the plugin `{implementation.plugin_name}` may not replace `nestpy {taken[0]}`")
            group.commands.update(own)


target_argument = click.argument("target")


@click.command(short_help="Serve an application.")
@target_argument
def run(target: str) -> None:
    """Serve TARGET until SIGINT or SIGTERM, then drain.

    TARGET is module:attribute, a module, or a path to a file; the attribute is an App or a root module.
    """
    with _reported():
        app = app_of(find_target(target))
    app.run()


@click.command(short_help="Verify an application without starting it.")
@target_argument
def check(target: str) -> None:
    """Verify TARGET without starting it; exit with 78, its partial graph and the report when it cannot boot."""
    with _reported(_draw_part(draw_tree)):
        app = app_of(find_target(target))
    for notice, level in app.graph.notices.items():
        if level > logging.DEBUG:
            _warn(f"Note: {notice}")
    click.echo(summary(app))


@click.command(short_help="Draw modules, providers and handlers.")
@target_argument
@click.option("--mermaid", is_flag=True, help="Draw a Mermaid flowchart instead of a tree.")
def graph(target: str, *, mermaid: bool) -> None:
    """Draw the modules, providers and handlers of TARGET, also of one that cannot boot."""
    draw = draw_mermaid if mermaid else draw_tree
    with _reported(_draw_part(draw)):
        app = app_of(find_target(target))
    click.echo(draw(app.graph))


def _draw_part(draw: Callable[[Graph], str]) -> Callable[[BootError], None]:
    def draw_part(error: BootError) -> None:
        if error.graph is not None:
            click.echo(f"{draw(error.graph)}\n")

    return draw_part


@click.command(short_help="List what callers reach.")
@target_argument
@click.option("--source", is_flag=True, help="Print the generated source of each function as well.")
def routes(target: str, *, source: bool) -> None:
    """List what callers of TARGET reach, edge by edge, with what answers and what guards it."""
    with _reported():
        app: App = app_of(find_target(target))
    click.echo(routes_text(app))
    if source:
        click.echo(sources_text(app))


@click.command(short_help="Tell what is installed.")
def info() -> None:
    """Tell which distributions are installed, in which versions, and which hooks their plugins implement."""
    click.echo(info_text())


def load_app(target: str) -> App:
    """Return the app that *target* names, for the commands of plugins.

    Where there is none, or it cannot boot, the process ends as `nestpy check` ends it: with the report and 1, 2 or 78.

    Args:
        target: ``module:attribute``, a module, or a path to a file; the attribute is an `App` or a root module.
    """
    with _reported():
        return app_of(find_target(target))


@contextlib.contextmanager
def _reported(on_refusal: Callable[[BootError], None] | None = None) -> Iterator[None]:
    """Turn what can go wrong on the way to an app into its text and its exit code."""
    try:
        yield
    except TargetError as error:
        _warn(f"Error: {error}")
        raise SystemExit(EXIT_USAGE) from error
    except BootError as error:
        if on_refusal is not None:
            on_refusal(error)
        _warn(str(error))
        raise SystemExit(EXIT_CONFIGURATION) from error
    except PluginError as error:
        _warn(_plugin_text(error))
        raise SystemExit(EXIT_CONFIGURATION) from error
    except NestPyError as error:
        _warn(f"Error: {error}")
        raise SystemExit(EXIT_CONFIGURATION) from error
    except Exception as error:
        why = circle_of(error) or f"importing the target failed with {reason_of(error)}"
        _warn(f"{_own_trace(error)}\nError: {why}")
        raise SystemExit(EXIT_FAILURE) from error


def _plugin_text(error: PluginError) -> str:
    """Return what is wrong with a plugin, and where in it; what was warned of already is not said again."""
    context = click.get_current_context(silent=True)
    warned: object = context.find_root().obj if context is not None else None
    if isinstance(warned, tuple) and str(error) in warned:
        return "Error: no app boots with a plugin that cannot be used."
    trace = _own_trace(error.__cause__) if error.__cause__ is not None else ""
    return f"{trace}\nError: {error}" if trace else f"Error: {error}"


def _own_trace(error: BaseException) -> str:
    """Return the traceback without the frames of this package, pluggy's and the import system's."""
    hidden = str(Path(__file__).parent), str(Path(pluggy.__file__).parent), "<frozen importlib"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(hidden) and Path(frame.filename).parent.name != "importlib"
    ]
    lines = traceback.format_list(frames)
    return "".join(["Traceback (most recent call last):\n", *lines]).rstrip() if lines else ""


def _warn(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
