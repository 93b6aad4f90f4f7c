"""``nestpy db``: migrate and seed the database of an app from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ._migrator import Migrator

target_argument = click.argument("target")

_CONFIGURATION = 78
"""What the process ends with where a restart does not help, as `nestpy run` does."""

_TEMPLATE = """-- up

-- down

"""
_PYTHON_TEMPLATE = """from nestpy_orm import Database


async def up(database: Database) -> None:
    await database.execute("")


async def down(database: Database) -> None:
    await database.execute("")
"""


@click.group(short_help="Migrate and seed a database.")
def db() -> None:
    """Migrate and seed the database of an app.

    TARGET is module:attribute, a module, or a path to a file, as for `nestpy run`.
    """


@db.command()
@target_argument
@click.option("--to", metavar="NAME", help="The last migration to run.")
def up(target: str, to: str | None) -> None:
    """Run the migrations that have not run yet."""
    _told("up", _run(target, lambda migrator: migrator.up(to)))


@db.command()
@target_argument
@click.option("--steps", default=1, show_default=True, type=click.IntRange(min=1), help="How many to undo.")
def down(target: str, steps: int) -> None:
    """Undo the last migrations."""
    _told("down", _run(target, lambda migrator: migrator.down(steps)))


@db.command()
@target_argument
@click.option("--yes", is_flag=True, help="Do so in production.")
def fresh(target: str, *, yes: bool) -> None:
    """Drop every table and run every migration."""
    _told("up", _run(target, lambda migrator: migrator.fresh(), destroys=not yes))


@db.command()
@target_argument
@click.option("--yes", is_flag=True, help="Do so in production.")
def reset(target: str, *, yes: bool) -> None:
    """Undo every migration."""
    _told("down", _run(target, lambda migrator: migrator.reset(), destroys=not yes))


@db.command()
@target_argument
def status(target: str) -> None:
    """List the migrations and say which have run."""
    states = _run(target, lambda migrator: migrator.status())
    for state in states:
        word = "missing" if state.missing else "applied" if state.applied else "pending"
        click.echo(f"{word:<8} {state.name}  {state.applied}".rstrip())
    if not states:
        click.echo("There are no migrations.")


@db.command()
@target_argument
def seed(target: str) -> None:
    """Run the app's seeds."""
    _told("seed", _run(target, lambda migrator: migrator.seed()))


@db.command()
@target_argument
@click.argument("name")
@click.option("--python", "as_python", is_flag=True, help="Write it in Python instead of SQL.")
def new(target: str, name: str, *, as_python: bool) -> None:
    """Write an empty migration called NAME into the app's folder."""
    from nestpy_core import load_app

    from ._config import OrmConfig
    from ._migration_files import read_folder

    folder = Path(load_app(target).graph.sections[OrmConfig].migrations)
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(each.name.partition("_")[0]) for each in read_folder(folder)), default=0) + 1
    word = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name.lower()).strip("_")
    path = folder / f"{number:04d}_{word or 'change'}.{'py' if as_python else 'sql'}"
    path.write_text(_PYTHON_TEMPLATE if as_python else _TEMPLATE, encoding="utf-8")
    click.echo(path)


def _told(word: str, names: list[str]) -> None:
    for name in names:
        click.echo(f"{word:<4} {name}")
    if not names:
        click.echo("Nothing to do.")


def _run(target: str, work: Callable[[Migrator], Awaitable[Any]], *, destroys: bool = False) -> Any:  # what it returns
    """Run *work* on the app's database alone: no other provider is built, and nothing is served."""
    from nestpy_core import ConfigurationError, NestPyError, load_app

    app = load_app(target)
    if destroys and app.graph.settings.environment == "production":
        raise click.ClickException("This destroys data, and `NESTPY_ENV` is `production`: add `--yes`.")
    try:
        return asyncio.run(_work(app, work))
    except ConfigurationError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(_CONFIGURATION) from error
    except NestPyError as error:
        raise click.ClickException(str(error)) from error


async def _work(app: Any, work: Callable[[Migrator], Awaitable[Any]]) -> Any:
    from ._config import OrmConfig
    from ._database import Database
    from ._migrator import Migrator, SeedSource

    config = app.graph.sections.get(OrmConfig)
    if config is None:
        raise click.ClickException("The app has no database: import `OrmModule`.")
    seeds = [binding.source for binding in app.graph.bindings_of(SeedSource)]
    database = Database(config)
    await database.open()
    try:
        return await work(Migrator(database=database, seeds=seeds))
    finally:
        await database.close()
