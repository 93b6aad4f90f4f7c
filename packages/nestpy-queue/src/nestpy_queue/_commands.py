"""`nestpy queue`: what waits, what is dead and why, and what to do about it; nothing of the app is started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import msgspec

from nestpy_core import ConfigurationError, Section, load_app

from ._admin import QueueAdmin
from ._config import QueueConfig
from ._module import QueueModule, store_of
from ._types import JobTypes
from .errors import QueueError

T = TypeVar("T")

target_argument = click.argument("target")
queue_argument = click.argument("queue")
ids_argument = click.argument("ids", nargs=-1)


@click.group(short_help="Look after queues: status, dead, replay, purge, pause, resume, drain.")
def queue() -> None:
    """Look after the queues of an app: its store is opened, the app itself is not started."""


@queue.command(short_help="Count the jobs of every queue.")
@target_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def status(target: str, *, as_json: bool) -> None:
    """Count the jobs of every queue of TARGET by state, and say what the store promises."""

    async def show(admin: QueueAdmin) -> None:
        counts = {name: await admin.counts(name) for name in admin.queues()}
        if as_json:
            click.echo(msgspec.json.encode(counts).decode())
            return
        click.echo(f"store: {admin.store.durability}")
        row = "{:<24} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8} {:>9}"
        click.echo(row.format("queue", "waiting", "delayed", "running", "dead", "done", "workers", "lag"))
        for name, one in counts.items():
            shown = f"{name} (paused)" if one.paused else name
            numbers = (one.waiting, one.delayed, one.running, one.dead, one.done, one.workers)
            click.echo(row.format(shown, *numbers, f"{one.lag:.1f} s"))

    _with_admin(target, show)


@queue.command(short_help="List dead letters.")
@target_argument
@queue_argument
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="How many, the oldest first.")
def dead(target: str, queue: str, limit: int) -> None:
    """List the dead letters of QUEUE, with the reason of each."""

    async def show(admin: QueueAdmin) -> None:
        for one in await admin.dead(queue, limit):
            ended = one.ended.isoformat(timespec="seconds") if one.ended else ""
            click.echo(f"{one.id}  {ended}  attempts {one.failures + 1}  deaths {one.deaths}  {shown(one.reason)}")

    _with_admin(target, show)


@queue.command(short_help="Run dead jobs again.")
@target_argument
@queue_argument
@ids_argument
def replay(target: str, queue: str, ids: tuple[str, ...]) -> None:
    """Let the dead jobs IDS of QUEUE run again, with all their attempts; without IDS all of them."""
    count = _with_admin(target, lambda admin: admin.replay(queue, *ids))
    click.echo(f"Jobs that wait again in {queue}: {count}")


@queue.command(short_help="Forget dead jobs.")
@target_argument
@queue_argument
@ids_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(target: str, queue: str, ids: tuple[str, ...], *, yes: bool) -> None:
    """Forget the dead jobs IDS of QUEUE; without IDS all of them."""
    if not yes:
        click.confirm(f"Forget {len(ids) or 'all'} dead jobs of {queue}?", abort=True)
    count = _with_admin(target, lambda admin: admin.purge(queue, *ids))
    click.echo(f"Dead jobs of {queue} that are forgotten: {count}")


@queue.command(short_help="Start no more jobs of a queue.")
@target_argument
@queue_argument
def pause(target: str, queue: str) -> None:
    """Start no more jobs of QUEUE in any process; those that run finish."""
    _with_admin(target, lambda admin: admin.pause(queue))
    click.echo(f"{queue} is paused.")


@queue.command(short_help="Go on after a pause.")
@target_argument
@queue_argument
def resume(target: str, queue: str) -> None:
    """Go on with QUEUE after a pause."""
    _with_admin(target, lambda admin: admin.resume(queue))
    click.echo(f"{queue} goes on.")


@queue.command(short_help="Wait until a queue is empty.")
@target_argument
@queue_argument
@click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds to wait; exit code 1 after them.",
)
def drain(target: str, queue: str, timeout: float) -> None:
    """Wait until nothing of QUEUE waits, is delayed or runs, and say what is left meanwhile."""

    async def follow(admin: QueueAdmin) -> bool:
        waited = 0.0
        while not await admin.drained(queue, min(1.0, timeout - waited)):
            waited += 1.0
            counts = await admin.counts(queue)
            left = f"{counts.waiting} waiting, {counts.delayed} delayed, {counts.running} running"
            click.echo(f"{queue}: {left}", err=True)
            if waited >= timeout:
                return False
        return True

    if not _with_admin(target, follow):
        click.echo(f"{queue} is not empty after {timeout:g} seconds.", err=True)
        raise SystemExit(1)
    click.echo(f"{queue} is empty.")


def shown(reason: str) -> str:
    """Return a reason in one line that no terminal takes for commands: it may hold what somebody put into a job."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in reason)


def _with_admin(target: str, use: Callable[[QueueAdmin], Awaitable[T]]) -> T:
    app = load_app(target)
    if not app.graph.has(QueueModule):
        click.echo(f"Error: `{target}` has no queues: it does not import `QueueModule`.", err=True)
        raise SystemExit(2)
    config: QueueConfig = app.graph.sections[QueueConfig]
    types: JobTypes = app.graph.bindings_of(JobTypes)[0].source
    section: Section = app.graph.bindings_of(QueueConfig)[0].constants["section"]

    async def run() -> T:
        if section.deferred:  # only a start of the app tells which store it is
            async with app.create_context() as context:
                return await use(await context.get(QueueAdmin))
        store = store_of(config)
        try:
            await store.open()
            return await use(QueueAdmin(store=store, types=types))
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except QueueError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from error
    except ConfigurationError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(78) from error
