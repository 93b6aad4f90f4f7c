"""Stands around every handler that can reach the database: its unit of work, as the handler's kind asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Never, TypeVar, cast

from nestpy_core import ExecutionContext, Record, injectable, meta, running_unit

from ._bare import refuse_bare
from ._database import Database
from ._driver import Isolation
from ._unit import Unit
from .errors import OrmError

__all__ = ("Transactional", "transactional")

F = TypeVar("F", bound=Callable[..., Any])


class Transactional(Record, frozen=True):
    """What `@transactional` leaves on a handler.

    Attributes:
        isolation: the level of its transaction; None for the database's own.
        attempts: how often it runs at most when transactions collide.
    """

    isolation: Isolation | None = None
    attempts: int = 1


def transactional(*bare: Never, isolation: Isolation | None = None, attempts: int = 1) -> Callable[[F], F]:
    """Let a handler write though its kind only reads, or run its transaction at a level of its own.

    Args:
        isolation: ``repeatable read`` or ``serializable``; with *attempts* by default the latter.
        attempts: run the handler again, from its validated arguments, when its transaction collides with another.
            Whatever else it does then happens again too.
    """
    refuse_bare(bare, "@transactional()")

    def declare(function: F) -> F:
        target = _retried(function, isolation, attempts) if attempts > 1 else function
        return meta(Transactional(isolation, attempts))(target)

    return declare


def _retried(function: F, isolation: Isolation | None, attempts: int) -> F:
    @functools.wraps(function)
    async def handler(*arguments: Any, **named: Any) -> Any:
        unit = running_unit.get()
        if not isinstance(unit, Unit):
            raise OrmError("`@transactional(attempts=…)` stands on a handler that does not reach the database.")

        async def attempt() -> Any:
            result = await function(*arguments, **named)
            if _refuses(result):
                raise _RefusedError(result)
            return result

        try:
            return await unit.database.retry(attempt, attempts=attempts, isolation=isolation or "serializable")
        except _RefusedError as refused:
            return refused.result

    return cast("F", handler)


class _RefusedError(Exception):
    """Carries a result that is a failure out of a transaction, which it undoes."""

    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


def _refuses(result: Any) -> bool:
    status = getattr(result, "status", None)
    return type(result).__name__ in ("Response", "EndpointAnswer") and isinstance(status, int) and status >= 400


@injectable
class QueryWork:
    """Units of work of handlers that only read: no transaction, and no writes."""

    database: Database

    def begin(self, context: ExecutionContext) -> AbstractAsyncContextManager[Unit]:
        """Return the unit of one call."""
        return Unit(self.database, "query", handler=context.handler)


@injectable
class CommandWork:
    """Units of work of every other handler: a transaction from the first write to the end."""

    database: Database

    def begin(self, context: ExecutionContext) -> AbstractAsyncContextManager[Unit]:
        """Return the unit of one call."""
        return Unit(self.database, "command", handler=context.handler)


@injectable
class TransactionalWork:
    """Units of work of handlers with `@transactional`."""

    database: Database

    def begin(self, context: ExecutionContext) -> AbstractAsyncContextManager[Unit]:
        """Return the unit of one call."""
        wanted = context.meta(Transactional) or Transactional()
        isolation = None if wanted.attempts > 1 else wanted.isolation
        return Unit(self.database, "command", isolation, handler=context.handler)
