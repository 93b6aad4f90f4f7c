"""A worker and a sender of the queue's soak, to be forked by `nestpy_testing.ForkServer`."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import signal
import sys
import time

import msgspec

from nestpy_core import App, injectable, module
from nestpy_queue import Queue, QueueModule, RunningJob, process, processor


class Work(msgspec.Struct):
    number: int
    most: float = 0.0
    kind: str = "random"


async def do(job: Work, *, first: bool) -> None:
    """Take the time of a job in the way of its kind, the *first* time that it is delivered."""
    if job.kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif job.kind == "random":
        await asyncio.sleep(random.uniform(0, job.most))
    elif not first:
        return
    elif job.kind == "wait":
        await asyncio.sleep(job.most)
    elif job.kind == "block":
        time.sleep(job.most)  # noqa: ASYNC251  # what a job does wrong
    elif job.kind == "hold":
        ctypes.PyDLL(None).usleep(int(job.most * 1_000_000))  # it keeps the interpreter's lock


def work(settings: str, history: str, concurrency: str, max_deaths: str = "100000") -> None:
    """Work the queue off until SIGTERM, writing ``start``, ``end`` and ``cancelled`` lines to *history*."""
    file = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(what: str, this: RunningJob) -> None:
        os.write(file, f"{what} {this.id} {this.delivery} {os.getpid()} {time.time():.3f}\n".encode())

    @processor("work", concurrency=int(concurrency), max_deaths=int(max_deaths))
    class Worker:
        @process()
        async def work(self, job: Work, this: RunningJob) -> None:
            write("start", this)
            try:
                await do(job, first=this.delivery == 1)
            except asyncio.CancelledError:
                write("cancelled", this)
                raise
            write("end", this)

    @module(imports=[QueueModule.for_root(**json.loads(settings))], providers=[Worker])
    class WorkerModule: ...

    App(WorkerModule, environ={"NESTPY_ENV": "test"}).run()


def send(settings: str, keys: str, sends: str, begin: str) -> None:
    """Enqueue a job under each of *keys* keys, *sends* times over, from the moment *begin* on."""

    @injectable
    class Sender:
        queue: Queue[Work]

    root = QueueModule.for_root(**json.loads(settings))

    @module(imports=[root, QueueModule.for_feature({Work: "work"})], providers=[Sender])
    class SenderModule: ...

    async def run() -> None:
        async with App(SenderModule, environ={"NESTPY_ENV": "test"}).create_context() as context:
            queue = (await context.get(Sender)).queue
            await asyncio.sleep(max(0.0, float(begin) - time.time()))
            order = list(range(int(keys)))
            for _ in range(int(sends)):
                random.shuffle(order)
                for first in range(0, len(order), 100):
                    chosen = order[first : first + 100]
                    await asyncio.gather(*(queue.enqueue(Work(number), key=f"key-{number}") for number in chosen))

    asyncio.run(run())
    sys.exit(0)
