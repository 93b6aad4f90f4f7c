"""What every sender does: asked on stdin, it sends jobs and answers with one line of JSON.

``many N`` sends N jobs, fifty at a time; ``single N`` sends N one after the other, ``idle N`` does so with pauses, so
that each meets an idle queue, and ``steady N`` with short ones: some hundred a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

AT_ONCE = 50
PAUSES = {"idle": 0.02, "steady": 0.002}


async def answer(send: Callable[[float], Awaitable[object]]) -> None:
    """Answer until stdin ends; *send* enqueues one job, whose handler is told when it was sent, or 0."""
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        what, count = line.split()
        if what == "many":
            began = time.time()
            left = iter(range(int(count)))
            await asyncio.gather(*(_send_all(left, send) for _ in range(AT_ONCE)))
            print(json.dumps({"seconds": time.time() - began, "began": began}), flush=True)
        else:
            took = []
            for _ in range(int(count)):
                began = time.perf_counter()
                await send(time.time() if what in PAUSES else 0.0)
                took.append(time.perf_counter() - began)
                if what in PAUSES:
                    await asyncio.sleep(PAUSES[what])
            print(json.dumps({"took": took}), flush=True)


async def _send_all(numbers: Iterator[int], send: Callable[[float], Awaitable[object]]) -> None:
    for _ in numbers:
        await send(0.0)
