"""``nestpy db``: migrate and seed the database of an app from the command line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nestpy_core import ConfigurationError, NestPyError

from .errors import MigrationError

if TYPE_CHECKING:
    from nestpy_core import App, Section

    from ._config import OrmConfig
    from ._migrator import Migrator
    from ._missing_tables import Comparison
    from ._tables import Dialect

T = TypeVar("T")

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
@click.option(
    "--entities", is_flag=True, help="Create the tables that the app's entities have and its database has not."
)
@click.option("--python", "as_python", is_flag=True, help="Write it in Python instead of SQL.")
def new(target: str, name: str, *, entities: bool, as_python: bool) -> None:
    """Write a migration called NAME into the app's folder: an empty one, or with --entities one of missing tables.

    Entities are those that repositories and handlers of the app are about, those of `OrmModule.for_root(entities=…)`,
    and what they refer to. Tables that are there are never altered; the columns that they lack are listed.
    """
    from nestpy_core import load_app

    if entities and as_python:
        raise click.UsageError("`--entities` writes SQL: leave out `--python`.")
    app = load_app(target)
    with _reported():
        if entities:
            _write_tables(app, target, name)
        else:
            kind, text = ("py", _PYTHON_TEMPLATE) if as_python else ("sql", _TEMPLATE)
            click.echo(_write(_folder(app), name, kind, text))


def _write_tables(app: App, target: str, name: str) -> None:
    from ._app_entities import entities_of
    from ._missing_tables import compare, migration_text

    found = entities_of(app.graph)
    if not found:
        raise click.ClickException(
            "The app has no entities.\n"
            "Hint: inject a `Repository[User]`, or write `OrmModule.for_root(entities=[User])`"
        )

    async def look(migrator: Migrator) -> tuple[Comparison, Dialect, Path]:
        pending = [state.name for state in await migrator.status() if not state.applied]
        if pending:
            raise MigrationError(
                f"`{pending[0]}` has not run, so that the database does not tell what is missing.\n"
                f"Hint: run `nestpy db up {target}` first"
            )
        return await compare(migrator.database, found), migrator.database.dialect, migrator.folder

    compared, dialect, folder = asyncio.run(_work(app, look))
    if compared.missing:
        click.echo(_write(folder, name, "sql", migration_text(compared.missing, dialect)))
    _told("table", [entity._meta.tablename for entity in compared.missing])  # piccolo says it nowhere else
    for table, columns in compared.lacking.items():
        listed = ", ".join(f"`{column}`" for column in columns)
        click.echo(f"note  `{table}` is there and lacks {listed}: write the `ALTER TABLE` by hand")
    if compared.missing:
        click.echo(f"next  nestpy db up {target}")


def _write(folder: Path, name: str, kind: str, text: str) -> Path:
    """Write a migration that comes after every other one; nothing is overwritten."""
    from ._migration_files import read_folder

    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(each.name.partition("_")[0]) for each in read_folder(folder)), default=0) + 1
    word = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name.lower()).strip("_")
    path = folder / f"{number:04d}_{word or 'change'}.{kind}"
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def _told(word: str, names: list[str]) -> None:
    for name in names:
        click.echo(f"{word:<4} {name}")
    if not names:
        click.echo("Nothing to do.")


def _run(target: str, work: Callable[[Migrator], Awaitable[Any]], *, destroys: bool = False) -> Any:  # what it returns
    """Run *work* on the app's database alone: no other provider is built, and nothing is served."""
    from nestpy_core import load_app

    app = load_app(target)
    if destroys and app.graph.settings.environment == "production":
        raise click.ClickException("This destroys data, and `NESTPY_ENV` is `production`: add `--yes`.")
    with _reported():
        return asyncio.run(_work(app, work))


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Turn what may go wrong into its text and its exit code."""
    try:
        yield
    except ConfigurationError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(_CONFIGURATION) from error
    except NestPyError as error:
        raise click.ClickException(str(error)) from error


def _config(app: App) -> OrmConfig | None:
    """Return the settings of the app's database; None where only a start of the app tells them."""
    from ._config import OrmConfig

    found = app.graph.bindings_of(OrmConfig)
    if not found:
        raise click.ClickException("The app has no database: import `OrmModule`.")
    section: Section = found[0].constants["section"]
    return None if section.deferred else app.graph.sections[OrmConfig]


def _folder(app: App) -> Path:
    config = _config(app)
    if config is not None:
        return Path(config.migrations)

    async def folder(migrator: Migrator) -> Path:
        return migrator.folder

    return asyncio.run(_work(app, folder))


async def _work(app: App, work: Callable[[Migrator], Awaitable[T]]) -> T:
    from ._database import Database
    from ._migrator import Migrator, SeedSource

    config = _config(app)
    if config is None:
        async with app.create_context() as context:
            return await work(await context.get(Migrator))
    seeds = [binding.source for binding in app.graph.bindings_of(SeedSource)]
    database = Database(config)
    await database.open()
    try:
        return await work(Migrator(database=database, seeds=seeds))
    finally:
        await database.close()
