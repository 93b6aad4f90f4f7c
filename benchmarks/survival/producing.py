"""The producer and the forked workers that the goals of queues share, and what those workers write down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases.queue_worker import Work
from harness.contestants import BENCHMARKS

from nestpy_core import App, Context, injectable, module
from nestpy_queue import Queue, QueueAdmin, QueueModule
from nestpy_testing import Fork, ForkServer

WORKER = f"{BENCHMARKS}/cases/queue_worker.py:work"


@injectable
class Producer:
    """What enqueues."""

    queue: Queue[Work]


class Lines:
    """What forked workers wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def of(self, kind: str) -> list[list[str]]:
        """Return the words of each line of one kind."""
        return [words for line in self.path.read_text().splitlines() if (words := line.split())[0] == kind]


def producer(settings: dict[str, Any]) -> App:
    """Return an app that enqueues."""

    @module(imports=[QueueModule.for_root(**settings), QueueModule.for_feature({Work: "work"})], providers=[Producer])
    class ProducerModule: ...

    return App(ProducerModule, environ={"NESTPY_ENV": "test"})


async def parts(context: Context) -> tuple[Queue[Work], QueueAdmin]:
    """Return what enqueues and what looks."""
    return (await context.get(Producer)).queue, await context.get(QueueAdmin)


@dataclass(frozen=True, slots=True)
class Bench:
    """One queue with what enqueues to it, what looks at it and what forks its workers."""

    queue: Queue[Work]
    admin: QueueAdmin
    lines: Lines
    server: ForkServer
    settings: str

    def fork(self, count: int, *, concurrency: int = 10, max_deaths: int = 100_000) -> list[Fork]:
        """Start workers."""
        given = (self.settings, str(self.lines.path), str(concurrency), str(max_deaths))
        return [self.server.fork(*given) for _ in range(count)]


@contextlib.asynccontextmanager
async def bench(history: Path, **settings: Any) -> AsyncIterator[Bench]:
    """Open a queue on a Redis, as `QueueModule.for_root` has it; its workers are killed at the end."""
    given = {"durability": "off", **settings}
    with ForkServer(WORKER) as server:
        async with producer(given).create_context() as context:
            yield Bench(*await parts(context), Lines(history), server, json.dumps(given))


async def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it has not come to be.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("what a goal waits for never came to be")
        await asyncio.sleep(0.005)
