"""NestPy: nestpy_queue_app.py work | send | both, on BENCH_URL or the SQLite file BENCH_PATH."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec
from handling import handle
from sending import answer

from nestpy_core import App, injectable, module
from nestpy_queue import Queue, QueueModule, process, processor

SETTINGS = (
    {"url": os.environ["BENCH_URL"], "durability": "off"}
    if "BENCH_URL" in os.environ
    else {"path": os.environ["BENCH_PATH"]}
)


class Job(msgspec.Struct):
    sent: float


@processor("bench", concurrency=50)
class Worker:
    @process()
    async def work(self, job: Job) -> None:
        handle(job.sent)


@injectable
class Sender:
    queue: Queue[Job]


ROOT = QueueModule.for_root(**SETTINGS)


@module(imports=[ROOT], providers=[Worker, Sender])
class WorkerModule: ...


@module(imports=[ROOT, QueueModule.for_feature({Job: "bench"})], providers=[Sender])
class SenderModule: ...


async def send(root: type, *, serve: bool) -> None:
    async with App(root, environ={"NESTPY_ENV": "production"}).create_context(serve=serve) as context:
        queue = (await context.get(Sender)).queue
        await answer(lambda sent: queue.enqueue(Job(sent)))


if __name__ == "__main__":
    import uvloop

    if sys.argv[1] == "work":
        App(WorkerModule, environ={"NESTPY_ENV": "production"}).run()
    else:
        serve = sys.argv[1] == "both"
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(send(WorkerModule if serve else SenderModule, serve=serve))
