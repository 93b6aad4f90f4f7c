"""Taskiq with the stream broker of taskiq-redis: `taskiq worker taskiq_app:broker`, or taskiq_app.py to send."""

import os

import uvloop
from handling import handle
from sending import answer
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ["BENCH_URL"])


@broker.task("work")
async def work(sent: float) -> None:
    handle(sent)


async def send() -> None:
    await broker.startup()
    await answer(work.kiq)
    await broker.shutdown()


if __name__ == "__main__":
    uvloop.run(send())
