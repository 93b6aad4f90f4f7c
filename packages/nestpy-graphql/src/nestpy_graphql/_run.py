"""One execution of a plan: its errors, where nulls go on to, and what runs side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, VariableValues

from ._failures import failure_of, formatted
from ._request import GraphqlRequest

if TYPE_CHECKING:
    from ._plan import PlannedField

Path = Any
"""A key of the response behind the path that leads to it: ``((None, "users"), 0)``."""


class Bubble(Exception):  # noqa: N818  # no error: one was recorded, and the parent becomes null
    """A null stands where none may: the nearest parent that may be null is."""


BUBBLE = object()
"""Stands in the place of a value whose making ended in a `Bubble`: an exception that was kept would gather frames."""


class Run:
    """One execution of a plan.

    Attributes:
        request: the operation.
        variables: coerced.
        errors: as the response holds them.
    """

    __slots__ = ("_budget", "_left", "errors", "request", "variables")

    def __init__(self, request: GraphqlRequest, variables: VariableValues, budget: int) -> None:
        self.request = request
        self.variables = variables
        self._budget = self._left = budget
        self.errors: list[dict[str, Any]] = []

    def fail(self, error: Exception, field: PlannedField, path: Path, *, nullable: bool) -> Any:
        """Record an error at *path*; where no null may stand, go on at the parent.

        Raises:
            Bubble: there.
        """
        if not isinstance(error, Bubble):
            self.errors.append(formatted(failure_of(error, field.label), listed(path), field.nodes))
        if not nullable:
            raise Bubble
        return None

    def spend(self, cost: int) -> None:
        """Count what the items of a list cost: what was checked before took lists to be as long as they may be.

        Raises:
            GraphQLError: it is more than any operation may cost.
        """
        self._left -= cost
        if self._left < 0:
            raise GraphQLError(
                f"The operation resolves more than the {self._budget} fields that are allowed",
                extensions={"code": "LIMIT_EXCEEDED", "limit": "max_cost", "allowed": self._budget},
            )


def listed(path: Path) -> list[Any]:
    """Return a path as responses write it."""
    found = []
    while path is not None:
        path, key = path
        found.append(key)
    return found[::-1]


async def gathered(coroutines: list[Any]) -> list[Any]:
    """Return what coroutines return, run side by side; `BUBBLE` stands in the place of what raised a `Bubble`.

    Tasks are awaited one after the other: all but the slowest have then ended, which costs no callback. When this is
    cancelled, all of them are, and have ended when it returns.
    """
    if len(coroutines) == 1:
        try:
            return [await coroutines[0]]
        except Bubble:
            return [BUBBLE]
    create = asyncio.get_running_loop().create_task
    tasks = [create(one) for one in coroutines]
    found = []
    try:
        for task in tasks:
            try:
                found.append(await task)
            except Bubble:
                found.append(BUBBLE)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return found
