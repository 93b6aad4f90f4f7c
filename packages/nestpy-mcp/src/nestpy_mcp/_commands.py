"""`nestpy mcp`: what a server offers, and serving it to a local client over stdin and stdout."""

from __future__ import annotations

import asyncio
import logging
import sys

import click
import msgspec

from nestpy_core import App, load_app

from ._server import McpServer
from ._table import McpTable


@click.group(short_help="Serve tools over stdio, or list them: stdio, inspect.")
def mcp() -> None:
    """Look at the MCP servers of an app, or serve one to a local client."""


@mcp.command(short_help="List tools, prompts and resources with their schemas.")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def inspect(target: str, *, as_json: bool) -> None:
    """List what the servers of TARGET offer; nothing is started, and no guard is asked."""
    for server in _servers(load_app(target), target):
        lists = {kind: [entry.listed for entry in found] for kind, found in server.entries.items()}
        if as_json:
            click.echo(msgspec.json.encode({"path": server.path, "server": server.info, **lists}).decode())
            continue
        click.echo(f"{server.path}  {server.info['name']} {server.info['version']}")
        for kind, found in server.entries.items():
            for entry in found:
                click.echo(f"  {kind} {entry.key}  {entry.listed.get('description', '')}".rstrip())
                schema = entry.listed.get("inputSchema")
                if schema:
                    click.echo(f"    input  {msgspec.json.encode(schema).decode()}")
                if "outputSchema" in entry.listed:
                    click.echo(f"    output {msgspec.json.encode(entry.listed['outputSchema']).decode()}")


@mcp.command(short_help="Serve one server over stdin and stdout.")
@click.argument("target")
@click.option("--path", default=None, help="Which server, where the app has several.")
def stdio(target: str, path: str | None) -> None:
    """Serve TARGET to the local client that started this process: no other edge is served, and logs go to stderr."""
    app = load_app(target)
    servers = [one for one in _servers(app, target) if path in (None, one.path)]
    if len(servers) != 1:
        known = ", ".join(one.path for one in _servers(app, target))
        click.echo(f"Error: `{target}` has several servers ({known}): choose one with `--path`.", err=True)
        raise SystemExit(2)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    from ._stdio import serve

    asyncio.run(serve(app, servers[0]))


def _servers(app: App, target: str) -> list[McpServer]:
    bindings = app.graph.bindings_of(McpTable)
    if not bindings:
        click.echo(f"Error: `{target}` has no `@mcp` host.", err=True)
        raise SystemExit(2)
    return list(bindings[0].source.servers.values())
