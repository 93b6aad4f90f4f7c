"""A worker of one queue, to be forked by `ForkServer`."""

import asyncio
import json
import os
import random
import signal
import time

import msgspec

from nestpy_core import App, module
from nestpy_queue import QueueModule, RunningJob, process, processor


class Work(msgspec.Struct):
    number: int
    kind: str = "sleep"
    seconds: float = 0.0


def work(settings: str, history: str) -> None:
    file = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    options = json.loads(settings)

    def write(what: str, this: RunningJob) -> None:
        os.write(file, f"{what} {this.id} {this.delivery} {os.getpid()}\n".encode())

    @processor("work", concurrency=10, retries=2, backoff=0.05, max_deaths=options.pop("max_deaths", 1000))
    class Worker:
        @process()
        async def work(self, job: Work, this: RunningJob) -> None:
            write("start", this)
            if job.kind == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if job.kind == "block":
                time.sleep(job.seconds)
            else:
                await asyncio.sleep(job.seconds or random.uniform(0, 0.01))
            write("end", this)

    @module(imports=[QueueModule.for_root(**options)], providers=[Worker])
    class WorkerModule: ...

    App(WorkerModule, environ={"NESTPY_ENV": "test"}).run()
