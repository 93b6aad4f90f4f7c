"""Celery: `celery -A celery_app worker`, or celery_app.py to send; its client is synchronous and sends one by one."""

import asyncio
import os

from celery import Celery
from handling import handle
from sending import answer

app = Celery("bench", broker=os.environ["BENCH_URL"])
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_hijack_root_logger=False)


@app.task(name="work")
def work(sent: float) -> None:
    handle(sent)


async def send(sent: float) -> None:
    work.delay(sent)


if __name__ == "__main__":
    asyncio.run(answer(send))
