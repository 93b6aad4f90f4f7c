"""Streaq: streaq_app.py work | send."""

import json
import os
import sys

import uvloop
from handling import handle
from sending import answer
from streaq import Worker

worker = Worker(redis_url=os.environ["BENCH_URL"], concurrency=50, serializer=json.dumps, deserializer=json.loads)


@worker.task
async def work(sent: float) -> None:
    handle(sent)


async def send() -> None:
    async with worker:
        await answer(work.enqueue)


if __name__ == "__main__":
    uvloop.run(worker.run_async() if sys.argv[1] == "work" else send())
