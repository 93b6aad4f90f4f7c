"""Many small calls made at once become one: what has come together while the last one was under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

__all__ = ("Batch",)


class Batch(Generic[A, B]):
    """Gathers single calls into calls of several.

    Args:
        call: takes items and returns an answer for each, in order; what it raises every item's caller gets.
        most: how many items one call takes.
    """

    def __init__(self, call: Callable[[Sequence[A]], Awaitable[Sequence[B]]], most: int = 200) -> None:
        self._call = call
        self._most = most
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> B:
        """Return the answer for one item."""
        answer: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._send(taken)
        except BaseException as error:
            waiting, self._waiting = self._waiting, []
            _fail(waiting, error)
            raise
        finally:
            self._running = None

    async def _send(self, taken: list[tuple[A, asyncio.Future[B]]]) -> None:
        try:
            answers = await self._call([item for item, _ in taken])
            if len(answers) != len(taken):
                raise RuntimeError(f"A call of {len(taken)} items was answered with {len(answers)}")
        except BaseException as error:
            _fail(taken, error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, future), answer in zip(taken, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(items: Sequence[tuple[object, asyncio.Future[B]]], error: BaseException) -> None:
    for _, future in items:
        if not future.done():
            future.set_exception(error if isinstance(error, Exception) else ConnectionError(str(error)))
