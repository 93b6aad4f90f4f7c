"""Arq: arq_app.py work | send."""

import os
import sys

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker
from handling import handle
from sending import answer

SETTINGS = RedisSettings.from_dsn(os.environ["BENCH_URL"])


async def work(context: dict[str, object], sent: float) -> None:
    handle(sent)


async def run() -> None:
    await Worker([work], redis_settings=SETTINGS, max_jobs=50, handle_signals=False).async_run()


async def send() -> None:
    pool = await create_pool(SETTINGS)
    await answer(lambda sent: pool.enqueue_job("work", sent))


if __name__ == "__main__":
    uvloop.run(run() if sys.argv[1] == "work" else send())
