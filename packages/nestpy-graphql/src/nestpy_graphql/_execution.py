"""Executes operations: documents are checked, plans are made once, and every outcome is a response."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Mapping
from typing import Any

import graphql
from graphql import (
    GraphQLError,
    GraphQLSchema,
    VariableNode,
    VariableValues,
    Visitor,
    visit,
)

from ._config import GraphqlConfig
from ._documents import Documents, Prepared
from ._entities import Entities
from ._failures import failure_of, formatted
from ._plan import ObjectPlan, unfit
from ._planner import Planner
from ._refused import RefusedDocument
from ._request import GraphqlRequest
from ._run import Bubble, Run
from ._variables import InvalidVariablesError, variables_of

logger = logging.getLogger("nestpy.graphql")

Result = dict[str, Any]
"""A response as the specification has it: ``data``, ``errors``."""

_NO_VARIABLES = VariableValues({}, {})
_PLANS = 4
"""Plans of one operation: as many choices of its ``@skip`` and ``@include`` are remembered."""


class Planned:
    """The plans of one operation, by what its conditions were; they are forgotten with its document."""

    __slots__ = ("conditions", "plans")

    def __init__(self, prepared: Prepared) -> None:
        self.conditions = _conditions(prepared)
        self.plans: OrderedDict[tuple[Any, ...], ObjectPlan] = OrderedDict()


class Executor:
    """Executes the operations of one app."""

    def __init__(self, schema: GraphQLSchema, entities: Entities, documents: Documents, config: GraphqlConfig) -> None:
        self.schema = schema
        self._entities = entities
        self._documents = documents
        self._budget = config.max_cost
        self._most_values = config.max_values

    def prepare(self, source: str, operation_name: str | None, variables: Mapping[str, Any] | None) -> Prepared:
        """Return a checked operation.

        Raises:
            RefusedDocument: a limit or a rule refuses it.
        """
        return self._documents.prepare(source, operation_name, variables)

    def execute(
        self, prepared: Prepared, request: GraphqlRequest, variables: Mapping[str, Any]
    ) -> Coroutine[Any, Any, Result]:
        """Return, once awaited, the response of a query or a mutation."""
        try:
            run, plan = self._begin(prepared, request, variables)
        except InvalidVariablesError as error:
            return _refused(error.error)
        except GraphQLError as error:  # a condition without a value
            return _refused(unfit(error))
        complete = plan.complete_serially if prepared.kind == "mutation" else plan.complete_async
        return self._response(run, complete(None, run, None))

    async def _response(self, run: Run, completing: Awaitable[Any]) -> Result:
        """Return the response with the data of *completing*, and end what was made for it, however that ends."""
        request = run.request
        try:
            data = await completing
        except Bubble:
            data = None
        except BaseException as error:
            request.cancel()
            await request.end(error)
            raise
        if request.scope is not None:
            await request.end()
        return {"data": data, "errors": run.errors} if run.errors else {"data": data}

    async def subscribe(
        self, prepared: Prepared, request: GraphqlRequest, variables: Mapping[str, Any]
    ) -> Result | AsyncGenerator[Result, None]:
        """Return the responses of a subscription, or the one that refuses it."""
        try:
            run, plan = self._begin(prepared, request, variables)
            field = plan.fields[0]
            events = await field.start(run)
        except InvalidVariablesError as error:
            return {"errors": [formatted(error.error)]}
        except Exception as error:  # noqa: BLE001  # it becomes an error of the response
            await request.end()
            return {"errors": [formatted(failure_of(error, "subscription"))]}
        except BaseException as error:
            await request.end(error)
            raise
        return self._events(events, field, run)

    async def _events(self, events: Any, field: Any, run: Run) -> AsyncGenerator[Result, None]:
        source, run.request.scope = run.request.scope, None  # that of what yields the events lives as long as it does
        failure: BaseException | None = None
        try:
            async for event in events:
                yield await self._event(event, field, run)
        except Exception as error:  # noqa: BLE001  # the stream ends with it
            failure = error
            yield {"data": None, "errors": [formatted(failure_of(error, field.label), [field.key], field.nodes)]}
        except BaseException as error:
            failure = error
            raise
        finally:
            try:
                await events.aclose()
            finally:
                if source is not None:
                    await source.close(failure)
                failure = None  # its traceback holds this frame

    async def _event(self, event: Any, field: Any, run: Run) -> Result:
        """Return the response of one event, whose fields have loaders and a request scope of their own."""
        run.request.begin_event()
        one = Run(run.request, run.variables, self._budget)
        return await self._response(one, field.event(event, one))

    def _begin(self, prepared: Prepared, request: GraphqlRequest, given: Mapping[str, Any]) -> tuple[Run, ObjectPlan]:
        operation = prepared.operation
        variables = _NO_VARIABLES
        if operation.variable_definitions:
            variables = variables_of(self.schema, operation, given, self._most_values)
        request.kind = prepared.kind
        request.variables = variables.coerced
        if operation.name is not None:
            request.operation_name = operation.name.value
        return Run(request, variables, self._budget), self._plan(prepared, variables)

    def _plan(self, prepared: Prepared, variables: VariableValues) -> ObjectPlan:
        if prepared.planned is None:
            prepared.planned = Planned(prepared)
        planned: Planned = prepared.planned
        key = tuple(variables.coerced.get(name) for name in planned.conditions)
        if key not in planned.plans:
            fragments = {
                one.name.value: one
                for one in prepared.document.definitions
                if isinstance(one, graphql.FragmentDefinitionNode)
            }
            planned.plans[key] = Planner(self.schema, self._entities, fragments, variables).root(prepared.operation)
            if len(planned.plans) > _PLANS:
                planned.plans.popitem(last=False)
        return planned.plans[key]


async def _refused(error: GraphQLError) -> Result:
    return {"errors": [formatted(error)]}


def refusal(error: RefusedDocument) -> Result:
    """Return the response of a document that is refused."""
    return {"errors": [formatted(one) for one in error.errors]}


class _Conditions(Visitor):
    """Finds the variables that ``@skip`` and ``@include`` depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: Any, *_: Any) -> None:
        """Take the variables of a condition."""
        if node.name.value in ("skip", "include"):
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.names[argument.value.name.value] = None


def _conditions(prepared: Prepared) -> tuple[str, ...]:
    defined = {one.variable.name.value for one in prepared.operation.variable_definitions or ()}
    found = _Conditions()
    visit(prepared.document, found)
    return tuple(name for name in found.names if name in defined)
