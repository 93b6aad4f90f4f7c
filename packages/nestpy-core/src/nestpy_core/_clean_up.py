"""The clean-up that factories owe: generators and context managers, left in reverse order, each for itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from ._cancellation import RAISED, own_failure
from ._names import name_of

logger = logging.getLogger("nestpy.lifecycle")

T = TypeVar("T")

Manager: TypeAlias = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]


class CleanUp:
    """Leaves what it entered, all of it, even when leaving one thing fails.

    An `contextlib.AsyncExitStack` would throw the failure of one clean-up into the next, whose lines after
    ``yield`` then never ran. Here each sees only what the call raised: a factory that holds
    ``async with session.begin(): yield session`` rolls back when the handler failed, although the failure
    has been answered by then. What a clean-up raises is logged, because nobody is left to answer it to.

    Attributes:
        failure: what the call raised, also where a filter turned it into an answer.
    """

    __slots__ = ("_entered", "failure")

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._entered: list[Manager] = []

    async def enter_async_context(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter, to be left at the end."""
        value = await manager.__aenter__()
        self._entered.append(manager)
        return value

    def enter_context(self, manager: AbstractContextManager[T]) -> T:
        """Enter, to be left at the end."""
        value = manager.__enter__()
        self._entered.append(manager)
        return value

    async def close(self, until: float | None = None) -> None:
        """Leave everything, last entered first.

        Args:
            until: the loop's time from which on nothing may wait any more; None lets everything take its time.
        """
        cancelled: BaseException | None = None
        while self._entered:
            manager = self._entered.pop()
            try:
                await (self._leave(manager) if until is None else self._leave_until(until, manager))
            except RAISED as raised:
                if own_failure(raised) is None:
                    cancelled = raised
                elif raised is not self.failure:
                    logger.exception("the clean-up of %s failed", _label(manager))
            except BaseException as raised:  # noqa: BLE001  # raised again below, once all have been left
                cancelled = raised
        if cancelled is not None:
            raise cancelled

    async def _leave_until(self, until: float, manager: Manager) -> None:
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                await self._leave(manager)
        except TimeoutError:
            if not limit.expired():
                raise
            logger.error("the clean-up of %s did not end in time", _label(manager))  # noqa: TRY400  # no traceback: the time is the message

    async def _leave(self, manager: Manager) -> None:
        failure = self.failure
        kind, trace = (None, None) if failure is None else (type(failure), failure.__traceback__)
        try:
            if isinstance(manager, AbstractAsyncContextManager):
                await manager.__aexit__(kind, failure, trace)
            else:
                manager.__exit__(kind, failure, trace)
        finally:
            if failure is not None:
                # A generator that caught it stands in its traceback, and from Python 3.12 on leads back to this frame,
                # which holds the failure: the same circle as below.
                failure.__traceback__ = trace

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.failure = error or self.failure
        try:
            await self.close()
        finally:
            # Its traceback holds the frame that holds this object: what stands there, a connection for one, would
            # stay until the collector finds the circle.
            self.failure = None


def _label(manager: Manager) -> str:
    return name_of(getattr(manager, "gen", type(manager)))
