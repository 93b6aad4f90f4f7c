"""The command `nestpy graphql`: prints the schema, and says whether a committed one is still right."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from nestpy_core import load_app


@click.group()
def graphql() -> None:
    """Print or check the GraphQL schema."""


@graphql.command()
@click.argument("target")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write it to a file instead.")
def export(target: str, output: Path | None) -> None:
    """Print the schema of TARGET as SDL, sorted."""
    text = sdl_of(target)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@graphql.command()
@click.argument("target")
@click.argument("file", type=click.Path(path_type=Path))
def check(target: str, file: Path) -> None:
    """Exit with 1, and show what differs, unless FILE is the schema of TARGET."""
    if not file.exists():
        raise click.ClickException(f"{file} does not exist; write it with: nestpy graphql export {target} -o {file}")
    text, known = sdl_of(target), file.read_text(encoding="utf-8")
    if text == known:
        return
    difference = difflib.unified_diff(known.splitlines(), text.splitlines(), str(file), target, lineterm="")
    for line in difference:
        click.echo(line)
    raise click.ClickException(f"{file} differs; write it anew with: nestpy graphql export {target} -o {file}")


def sdl_of(target: str) -> str:
    """Return the schema of an app as text.

    Raises:
        click.ClickException: it has none.
    """
    app = load_app(target)
    edge = next((one for one in app.edges if one.name == "graphql"), None)
    composition = getattr(edge, "composition", None)
    if composition is None:
        raise click.ClickException(f"{target} has no resolvers")
    return str(composition.sdl())
