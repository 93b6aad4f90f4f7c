"""`nestpy openapi export` and `nestpy openapi check`: the document in a file, and whether it still is the app's."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from nestpy_core import load_app


@click.group(short_help="Write the app's OpenAPI document, or compare it with a file.")
def openapi() -> None:
    """Write the OpenAPI document of an app, or compare it with a committed file; nothing is started."""


target_argument = click.argument("target")
version_option = click.option("--version", help="Of the app's versions; by default what `/api-json` serves.")


@openapi.command(short_help="Write the document.")
@target_argument
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; by default stdout.")
@version_option
def export(target: str, output: Path | None, version: str | None) -> None:
    """Write the OpenAPI document of TARGET, the same bytes for the same routes."""
    text = _document(target, version)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"{output} holds the document of {target}.")


@openapi.command(short_help="Compare the document with a file.")
@target_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@version_option
def check(target: str, file: Path, version: str | None) -> None:
    """Compare the OpenAPI document of TARGET with FILE; exit with 1 and the difference when they are not the same."""
    committed = file.read_text(encoding="utf-8")
    text = _document(target, version)
    if committed == text:
        click.echo(f"{file} is the document of {target}.")
        return
    lines = difflib.unified_diff(
        committed.splitlines(), text.splitlines(), f"{file}", f"{target} now", lineterm="", n=3
    )
    click.echo("\n".join(lines))
    option = f" --version {version}" if version else ""
    click.echo(
        f"{file} is not the document of {target}.\nHint: `nestpy openapi export {target} -o {file}{option}`", err=True
    )
    raise SystemExit(1)


def _document(target: str, version: str | None) -> str:
    from ._document import compose, encoded

    return encoded(compose(load_app(target).graph, version)).decode()
