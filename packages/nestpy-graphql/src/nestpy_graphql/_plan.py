"""Turns a checked operation into a plan, once, and runs it: what GraphQL's section on execution asks, decided before.

A plan is made of closures: each knows its field's getter or compiled function, its type and what was selected of it.
Whether anything below a field has to be awaited is known when the plan is made, so that data which lies ready is
completed without a task or a coroutine (specification, October 2021, section 6).
"""

from __future__ import annotations

import asyncio
from asyncio import isfuture
from collections.abc import Callable, Iterable
from copy import deepcopy
from inspect import isawaitable
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    VariableNode,
    get_argument_values,
)

from ._naming import default_getter
from ._ready import ready_completion
from ._run import BUBBLE, Bubble, Path, Run, gathered

Complete = Callable[[Any, Run, Path], Any]
"""Returns JSON-like data of a value that is not None; a coroutine where the plan says so."""


class PlannedField:
    """One field of one object type, as one operation selects it.

    Attributes:
        key: in the response.
        label: for the log.
        nodes: where the document selects it.
        get: what reads it from its parent; None where a function resolves it.
        function: the compiled function; None where a getter reads it.
        call: the same where it never waits: called at once.
        deferred: whether what it gives has to be awaited: what a loader gave it.
        given: its arguments; None where they depend on variables.
        nested: whether these hold lists or objects, which each call gets its own of.
        complete: what makes data of its value.
        awaits: whether completing returns a coroutine.
        nullable: whether null may stand there.
    """

    __slots__ = (
        "awaits",
        "call",
        "complete",
        "deferred",
        "definition",
        "function",
        "get",
        "given",
        "key",
        "label",
        "nested",
        "nodes",
        "nullable",
    )

    def __init__(self, key: str, label: str, nodes: list[FieldNode], definition: GraphQLField) -> None:
        self.key = key
        self.label = label
        self.nodes = nodes
        self.definition: Any = definition  # None for ``__typename``
        self.function: Any = definition.extensions.get("nestpy_function")
        self.call: Any = definition.extensions.get("nestpy_call")
        self.deferred: bool = definition.extensions.get("nestpy_deferred", False)
        self.get: Callable[[Any], Any] | None = definition.extensions.get("nestpy_get")
        if self.function is None and self.get is None:
            self.get = default_getter(nodes[0].name.value)
        self.nullable = not isinstance(definition.type, GraphQLNonNull)
        self.given = self._static()
        self.nested = any(isinstance(value, list | dict) for value in (self.given or {}).values())
        self.complete: Complete = _nothing
        self.awaits = False

    def _static(self) -> dict[str, Any] | None:
        if self.function is None or any(_has_variables(one.value) for one in self.nodes[0].arguments or ()):
            return None
        try:
            return get_argument_values(self.definition, self.nodes[0])
        except GraphQLError:
            return None  # raised, and reported, when it runs

    def arguments(self, run: Run) -> dict[str, Any]:
        """Return the coerced arguments.

        Raises:
            GraphQLError: a required one is missing.
        """
        if self.given is not None:
            return deepcopy(self.given) if self.nested else self.given
        try:
            return get_argument_values(self.definition, self.nodes[0], run.variables)
        except GraphQLError as error:
            raise unfit(error, self.nodes[0].arguments or ()) from None

    async def start(self, run: Run) -> Any:
        """Return the events of a subscription's field; an exception in their place is raised."""
        found = await self.function(run.request, None, self.arguments(run))
        if isinstance(found, Exception):
            raise found
        return found

    async def event(self, value: Any, run: Run) -> dict[str, Any]:
        """Return the data of one event."""
        return {self.key: await self.settle(value, run, (None, self.key))}

    @property
    def cost(self) -> int:
        """What one call of it counts."""
        return 0 if self.definition is None else int(self.definition.extensions.get("nestpy_cost", 1))

    @property
    def is_async(self) -> bool:
        """Whether resolving and completing it has to be awaited."""
        return (self.function is not None and self.call is None) or self.deferred or self.awaits

    def begin(self, source: Any, run: Run) -> Any:
        """Return what `call` gives; where that has to be awaited, a future.

        Raises:
            Exception: it stood in the place of the value.
        """
        value = self.call(run.request, source, self.arguments(run))
        if isinstance(value, Exception):
            raise value
        if self.deferred and not isfuture(value) and isawaitable(value):
            return asyncio.ensure_future(value)
        return value

    async def resolve(self, source: Any, run: Run, path: Path) -> Any:
        """Return its data."""
        try:
            if self.call is not None:
                value = self.begin(source, run)
                value = await value if isfuture(value) else value
            elif self.function is not None:
                value = await self.function(run.request, source, self.arguments(run))
            else:
                value = self.get(source)  # type: ignore[misc]  # one of both is there
            return await self.finish(value, run, path)
        except Exception as error:  # noqa: BLE001  # it becomes an error of the response
            return run.fail(error, self, path, nullable=self.nullable)

    async def settle(self, value: Any, run: Run, path: Path) -> Any:
        """Return the data of a value that was awaited, or of the exception in its place."""
        try:
            return await self.finish(value, run, path)
        except Exception as error:  # noqa: BLE001  # it becomes an error of the response
            return run.fail(error, self, path, nullable=self.nullable)

    def settle_now(self, value: Any, run: Run, path: Path) -> Any:
        """Do the same where completing needs no waiting; `BUBBLE` stands for what went on at the parent."""
        try:
            if isinstance(value, Exception):
                raise value
            return self.absent(run, path) if value is None else self.complete(value, run, path)
        except Exception as error:  # noqa: BLE001  # it becomes an error of the response
            try:
                return run.fail(error, self, path, nullable=self.nullable)
            except Bubble:
                return BUBBLE

    async def finish(self, value: Any, run: Run, path: Path) -> Any:
        """Return the data of a value; an exception in its place is raised."""
        if isinstance(value, Exception):
            raise value
        if value is None:
            return self.absent(run, path)
        found = self.complete(value, run, path)
        return await found if self.awaits else found

    def absent(self, run: Run, path: Path) -> Any:
        """Let null stand, or refuse it."""
        if not self.nullable:
            self.refuse_null(run, path)

    def refuse_null(self, run: Run, path: Path) -> None:
        """Record that null stands where it may not.

        Raises:
            Bubble: always.
        """
        run.fail(ValueError(f"`{self.label}` gave null, which its type excludes"), self, path, nullable=False)


def unfit(error: GraphQLError, arguments: Iterable[ArgumentNode] = ()) -> GraphQLError:
    """Return the error of an argument, or of a condition, that variables leave without a value that fits."""
    blamed = error.nodes or ()
    name = next((one.name.value for one in arguments if one in blamed or one.value in blamed), "if")
    found = GraphQLError(f"Invalid value of the argument `{name}`", extensions={"code": "BAD_USER_INPUT"})
    found.locations = error.locations
    return found


def _nothing(value: Any, run: Run, path: Path) -> Any:
    del run, path
    return value


class TypeName(PlannedField):
    """The field ``__typename``."""

    __slots__ = ()

    def __init__(self, key: str, nodes: list[FieldNode], name: str) -> None:
        self.key = key
        self.label = "__typename"
        self.nodes = nodes
        self.definition = None
        self.get = lambda _source: name
        self.function = self.call = None
        self.deferred = False
        self.nullable = False
        self.complete = _nothing
        self.awaits = False


class ObjectPlan:
    """What one operation selects of one object type.

    Attributes:
        waiting: the fields that have to be awaited.
        ready: does what `complete` does, faster where it can.
    """

    __slots__ = ("_begin", "_keys", "_sync", "_sync_first", "fields", "is_async", "name", "ready", "waiting")

    def __init__(self, name: str, fields: list[PlannedField]) -> None:
        self.name = name
        self.fields = fields
        self._keys = [field.key for field in fields]
        at_once = [one for one in fields if not one.is_async]
        self._sync = [(one.key, one.get, one.complete, one) for one in at_once]
        self._sync_first = fields[: len(at_once)] == at_once
        self.waiting = [one for one in fields if one.is_async]
        self.is_async = bool(self.waiting)
        self._begin: Complete = ready_completion(at_once, self.complete) or self.complete
        self.ready: Complete = self._begin

    def complete(self, source: Any, run: Run, path: Path) -> dict[str, Any]:
        """Return the data of the fields that lie ready."""
        found: dict[str, Any] = {}
        for key, get, complete, field in self._sync:
            try:
                value = get(source) if get is not None else field.begin(source, run)
                if value is None:
                    found[key] = field.absent(run, (path, key))
                else:
                    found[key] = complete(value, run, (path, key))
            except Exception as error:  # noqa: BLE001  # it becomes an error of the response
                found[key] = run.fail(error, field, (path, key), nullable=field.nullable)
        return found

    async def complete_async(self, source: Any, run: Run, path: Path) -> dict[str, Any]:
        """Return the data of all fields, those that wait side by side."""
        found = self.begin(source, run, path)
        waiting = self.waiting
        if len(waiting) == 1:
            field = waiting[0]
            found[field.key] = await field.resolve(source, run, (path, field.key))
            return found
        values = await gathered([field.resolve(source, run, (path, field.key)) for field in waiting])
        for field, value in zip(waiting, values, strict=True):
            if value is BUBBLE:
                raise Bubble
            found[field.key] = value
        return found

    def begin(self, source: Any, run: Run, path: Path) -> dict[str, Any]:
        """Return the data of the fields that lie ready, with a place for each that waits."""
        if not self._sync:
            return dict.fromkeys(self._keys)
        found = self._begin(source, run, path)
        return found if self._sync_first else {key: found.get(key) for key in self._keys}

    async def complete_serially(self, source: Any, run: Run, path: Path) -> dict[str, Any]:
        """Return the data of all fields, one after the other: those of a mutation.

        Each runs in a task of its own, and so in a context of its own: who acts in one does not act in the next.
        """
        create, found = asyncio.get_running_loop().create_task, dict[str, Any]()
        for field in self.fields:
            resolving = field.resolve(source, run, (path, field.key))
            found[field.key] = await (resolving if len(self.fields) == 1 else create(resolving))
            run.request.forget()
        return found


def _has_variables(node: Any) -> bool:
    if isinstance(node, VariableNode):
        return True
    for inner in (*(getattr(node, "values", None) or ()), *(one.value for one in getattr(node, "fields", None) or ())):
        if _has_variables(inner):
            return True
    return False
