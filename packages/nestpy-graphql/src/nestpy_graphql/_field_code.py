"""Writes the GraphQL part of each compiled function: ``handle(request, parent, given)`` resolves one field."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

from graphql import GraphQLError

from nestpy_core import CallKind, Handler, Parameter, Scope, Source
from nestpy_core.errors import DeniedError

from ._arguments import Decode
from ._entities import Entities, parent_of
from ._failures import failure_of, refused
from ._loaders import LoaderSource, is_loader
from ._request import GraphqlCall, GraphqlContext, GraphqlRequest


class OperationScope:
    """The request scope that the fields of one operation share."""

    subject = "request"
    instances = "request.instances()"

    def context(self, out: Source) -> str:
        """Return what builds the context of the operation itself: that of no field."""
        return f"{out.constant(GraphqlContext, 'GraphqlContext')}(None, request=request)"

    def carrier(self, token: type, out: Source) -> str:
        """Return the operation, or the HTTP request that carries it."""
        del out
        return "request" if token is GraphqlRequest else "request.http"


class FieldCode:
    """The GraphQL part of one handler; what it returns may be a `GraphQLError`."""

    signature = "request, parent, given"
    subject = "request"
    scope = OperationScope()

    def __init__(  # as many as a field has
        self,
        handler: Handler,
        name: str,
        *,
        entities: Entities,
        decode: Decode | None,
        loaders: dict[str, LoaderSource],
        has_parent: bool,
        part: bool,
        confirms: bool = False,
        deferred: bool = False,
    ) -> None:
        self.handler = handler
        self.name = name
        self.filename = f"nestpy:graphql {name}"
        self.part = part
        self.wants_context = any(
            one.plain_hint is GraphqlContext or one.context_reader is not None for one in handler.parameters
        )
        self._entities = entities
        self._decode = decode
        self._loaders = loaders
        self._has_parent = has_parent
        self._confirms = confirms
        self._deferred = deferred

    def call(self, out: Source) -> str:
        """Write what tells instruments of the operation."""
        kind = CallKind(
            edge="graphql",
            name="graphql.operation",
            operation=self.name,
            labels={"operation": self.name},
            attributes={"graphql.operation.name": self.name},
        )
        return f"{out.constant(GraphqlCall, 'GraphqlCall')}({out.constant(kind, 'kind')}, request)"

    def context(self, out: Source) -> str:
        """Return what builds a `GraphqlContext`."""
        build, handler = out.constant(GraphqlContext, "GraphqlContext"), out.constant(self.handler, "handler")
        parent = f"{out.constant(parent_of, 'parent_of')}(parent)"
        return f"{build}({handler}, request=request, parent={parent}, arguments=given.copy())"

    def carrier(self, token: type, out: Source) -> str:
        """Return the operation, or the HTTP request that carries it."""
        return self.scope.carrier(token, out)

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:  # the pipes of core
        """Write the decoding of the arguments."""
        decoded = ""
        if self._decode is not None:
            decoded = out.fresh("decoded")
            out.line(f"{decoded} = {out.constant(self._decode, 'decode')}(given)")
        taken: dict[str, str] = {}
        for number, parameter in enumerate(self.handler.parameters):
            if self._has_parent and not number:
                taken[parameter.name] = f"{out.constant(parent_of, 'parent_of')}(parent)"
            elif parameter.inject is None:
                taken[parameter.name] = self._argument(parameter, decoded, out, pipes)
        return taken

    def _argument(self, parameter: Parameter, decoded: str, out: Source, pipes: Any) -> str:
        if parameter.plain_hint is GraphqlRequest:
            return "request"
        if parameter.plain_hint is GraphqlContext:
            return "context"
        variable = out.fresh(parameter.name)
        reader = parameter.context_reader
        if reader is not None:
            out.line(f"{variable} = {out.constant(reader.read, 'read')}(context)")
            with out.block(f"if hasattr({variable}, '__await__'):"):
                out.line(f"{variable} = await {variable}")
        elif is_loader(parameter.hint):
            source = self._loaders[parameter.name]
            target = source.binding.settled
            is_single = target.scope is Scope.SINGLETON
            load = out.method(target, source.name) if is_single else f"{pipes.instance(target)}.{source.name}"
            return f"request.loader({out.constant(source.function, 'loader')}, {load})"
        else:
            out.line(f"{variable} = {decoded}.{parameter.name}")
        pipes.apply(variable, parameter)
        return variable

    def shape(self, out: Source, call: str, handler: str) -> None:
        """Write the shaping of entities: those of a stream one by one."""
        shaped: Any = shaped_later if self._deferred else shaped_result
        if inspect.isasyncgenfunction(self.handler.function):
            shaped = shaped_stream
        entities = out.constant(self._entities, "entities")
        out.line(f"result = {out.constant(shaped, 'shaped')}(result, {entities}, {call}, {handler})")

    def refusal(self, out: Source) -> str:
        """Return what turns a verdict into an error."""
        label = out.constant(self.handler.label, "label")
        return f"{out.constant(refused, 'refused')}(verdict, {label})"

    def failed(self, out: Source) -> str:
        """Return what says that a filter made an error of an exception."""
        return f"result.__class__ is {out.constant(GraphQLError, 'GraphQLError')}"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the return."""
        del plain, context
        if self._confirms:
            out.line("result = True if result is None else result")
        if observed:
            out.line(f"outcome = {out.constant(outcome_of, 'outcome_of')}(result)")
        out.line("return result")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Write the answer to an exception."""
        label = out.constant(self.handler.label, "label")
        out.line(f"result = {out.constant(failure_of, 'failure_of')}(error, {label})")
        if observed:
            out.line(f"outcome = {out.constant(outcome_of, 'outcome_of')}(result)")
        out.line("return result")


def outcome_of(result: Any) -> str:
    """Return how a field ended, for instruments."""
    if result.__class__ is not GraphQLError:
        return "ok"
    return "error" if (result.extensions or {}).get("code") == "INTERNAL" else "refused"


def shaped_result(result: Any, entities: Entities, shape: Callable[[Any, Handler], Any], handler: Handler) -> Any:
    """Return *result* with its entities as the mask shows them."""
    if result.__class__ is GraphQLError:
        return result
    return entities.shape(result, lambda value: shape(value, handler))


def shaped_later(result: Any, entities: Entities, shape: Callable[[Any, Handler], Any], handler: Handler) -> Any:
    """Return what a loader will give with its entities as the mask shows them."""
    if not inspect.isawaitable(result):
        return shaped_result(result, entities, shape, handler)

    async def later() -> Any:
        return shaped_result(await result, entities, shape, handler)

    return later()


def shaped_stream(result: Any, entities: Entities, shape: Callable[[Any, Handler], Any], handler: Handler) -> Any:
    """Return a stream whose events are each shaped when they come; those that the actor may not see are dropped."""
    if result.__class__ is GraphQLError:
        return result
    return _shaped(result, entities, lambda value: shape(value, handler))


async def _shaped(events: Any, entities: Entities, shape: Callable[[Any], Any]) -> AsyncIterator[Any]:
    try:
        async for event in events:
            try:
                shown = entities.event(event, shape)
            except DeniedError:
                continue
            yield shown
    finally:
        await events.aclose()
