"""One worker whose handler writes a row once: outbox_worker.py DATABASE_URL QUEUE_PATH."""

import os
import sys

import msgspec
from piccolo.columns import UUID, Integer, Varchar
from piccolo.table import Table

from nestpy_core import App, fault, module, on_application_bootstrap
from nestpy_orm import OrmModule, Repository, expose, uuid7
from nestpy_queue import QueueModule, RunningJob, process, processor


class Work(msgspec.Struct):
    number: int


@expose()
class Effect(Table, tablename="effects"):
    id = UUID(primary_key=True, default=uuid7)
    number = Integer()
    job = Varchar(length=64)


@processor("work", concurrency=4, retries=5, backoff=0.05, max_deaths=1000)
class Worker:
    effects: Repository[Effect]

    @on_application_bootstrap
    def ready(self) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    @process(once=True)
    async def work(self, job: Work, this: RunningJob) -> None:
        await self.effects.create(Effect(number=job.number, job=this.id))
        fault.point("test.effect_written")


@module(
    imports=[
        OrmModule.for_root(url=sys.argv[1] if len(sys.argv) > 1 else ""),
        QueueModule.for_root(path=sys.argv[2] if len(sys.argv) > 2 else "", synchronous="normal", lease=1.0),
    ],
    providers=[Worker],
)
class WorkerModule: ...


if __name__ == "__main__":
    App(
        WorkerModule, environ={"NESTPY_ENV": "test", **{k: v for k, v in os.environ.items() if k == "NESTPY_FAULTS"}}
    ).run()
