"""Makes the plan of an operation: collects fields, applies fragments and conditions, chooses how values complete."""

from __future__ import annotations

import uuid
from asyncio import isfuture
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableValues,
    get_directive_values,
)
from graphql.pyutils import is_iterable

from nestpy_core import name_of
from nestpy_core.errors import DeniedError

from ._entities import Entities, Shown
from ._introspection import NAMES, introspected
from ._plan import Complete, ObjectPlan, PlannedField, TypeName
from ._run import BUBBLE, Bubble, Path, Run, gathered


class Planner:
    """Makes the plan of one operation for one choice of its ``@skip`` and ``@include``."""

    def __init__(
        self,
        schema: GraphQLSchema,
        entities: Entities,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: VariableValues,
    ) -> None:
        self._schema = schema
        self._entities = entities
        self._fragments = fragments
        self._conditions = conditions
        self._operation: OperationDefinitionNode | None = None
        self._objects_made: dict[tuple[Any, ...], ObjectPlan] = {}

    def root(self, operation: OperationDefinitionNode) -> ObjectPlan:
        """Return the plan of the operation's own fields."""
        kind = self._schema.get_root_type(operation.operation)
        if kind is None:
            raise GraphQLError(f"The schema has no {operation.operation.value}s")
        self._operation = operation
        return self.object(kind, [operation.selection_set])

    def object(self, kind: GraphQLObjectType, selections: list[SelectionSetNode]) -> ObjectPlan:
        """Return the plan of what is selected of an object type, made once: a list asks for it twice at each level."""
        made = (kind.name, *map(id, selections))
        if made not in self._objects_made:
            self._objects_made[made] = self._object(kind, selections)
        return self._objects_made[made]

    def _object(self, kind: GraphQLObjectType, selections: list[SelectionSetNode]) -> ObjectPlan:
        grouped: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selection in selections:
            self._collect(kind, selection, grouped, seen)
        return ObjectPlan(kind.name, [self._field(kind, key, nodes) for key, nodes in grouped.items()])

    def _collect(
        self, kind: GraphQLObjectType, selection: SelectionSetNode, grouped: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selection.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                grouped.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._applies(node.type_condition, kind):
                    self._collect(kind, node.selection_set, grouped, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(fragment.type_condition, kind):
                    self._collect(kind, fragment.selection_set, grouped, seen)

    def _is_included(self, node: Any) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self._conditions)
        if skip and skip["if"] is True:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self._conditions)
        return not (include and include["if"] is False)

    def _applies(self, condition: Any, kind: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == kind.name:
            return True
        found = self._schema.get_type(condition.name.value)
        return isinstance(found, GraphQLInterfaceType | GraphQLUnionType) and self._schema.is_sub_type(found, kind)

    def _field(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> PlannedField:
        name = nodes[0].name.value
        if name == "__typename":
            return TypeName(key, nodes, kind.name)
        if name in NAMES and self._operation is not None:
            return introspected(self._schema, self._operation, self._fragments, key, nodes)
        planned = PlannedField(key, f"{kind.name}.{name}", nodes, kind.fields[name])
        planned.complete, planned.awaits = self._completion(kind.fields[name].type, planned)
        return planned

    # -- completion

    def _completion(self, kind: Any, field: PlannedField) -> tuple[Complete, bool]:
        """Return what completes a value that is not None, and whether that is a coroutine."""
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if isinstance(kind, GraphQLList):
            return self._list(kind.of_type, field)
        if isinstance(kind, GraphQLObjectType):
            return self._objects(kind, field)
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return self._abstract(kind, field)
        return _leaf(kind), False

    def _objects(self, kind: GraphQLObjectType, field: PlannedField) -> tuple[Complete, bool]:
        plan = self.object(kind, _selections(field))
        complete = plan.complete_async if plan.is_async else plan.ready
        if self._support(kind) is None:
            return complete, plan.is_async
        shown = self._entities.shown

        def complete_entity(value: Any, run: Run, path: Path) -> Any:
            return complete(value if value.__class__ is Shown else shown(value), run, path)

        return complete_entity, plan.is_async

    def _abstract(self, kind: GraphQLInterfaceType | GraphQLUnionType, field: PlannedField) -> tuple[Complete, bool]:
        name_of_value: Any = kind.resolve_type
        completions: dict[str, tuple[Complete, bool]] = {
            one.name: self._objects(one, field) for one in self._schema.get_possible_types(kind)
        }
        if not any(awaits for _, awaits in completions.values()):

            def complete(value: Any, run: Run, path: Path) -> Any:
                return completions[name_of_value(value)][0](value, run, path)

            return complete, False

        async def complete_async(value: Any, run: Run, path: Path) -> Any:
            finish, awaits = completions[name_of_value(value)]
            found = finish(value, run, path)
            return await found if awaits else found

        return complete_async, True

    def _list(self, kind: Any, field: PlannedField) -> tuple[Complete, bool]:
        complete, awaits = self._completion(kind, field)
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        is_entity = isinstance(inner, GraphQLObjectType) and self._support(inner) is not None
        rows = self._entities.shown if is_entity else None
        objects = None
        if awaits and isinstance(inner, GraphQLObjectType):
            objects = self.object(inner, _selections(field))
        cost = 0
        if isinstance(inner, GraphQLObjectType):
            chosen = objects or self.object(inner, _selections(field))
            cost = 1 + sum(one.cost for one in chosen.fields)
        plan = ListPlan(field, complete, objects, rows, nullable=not isinstance(kind, GraphQLNonNull), cost=cost)
        return (plan.complete_async if awaits else plan.complete), awaits

    def _support(self, kind: GraphQLObjectType) -> Any:
        return self._entities.support(kind.extensions.get("nestpy_class"))


class ListPlan:
    """What one operation selects of the items of a list."""

    __slots__ = ("_complete", "_cost", "_field", "_limit", "_nullable", "_objects", "_shown")

    def __init__(
        self,
        field: PlannedField,
        complete: Complete,
        objects: ObjectPlan | None,
        shown: Callable[[Any], Shown] | None,
        *,
        nullable: bool,
        cost: int,
    ) -> None:
        self._field = field
        self._complete = complete
        self._objects = objects
        self._shown = shown
        self._nullable = nullable
        self._cost = cost
        self._limit: int | None = field.definition.extensions.get("nestpy_items")

    def _items(self, value: Any, run: Run) -> Any:
        """Return the items of a list, without those that the actor may not read.

        Raises:
            TypeError: it is none.
            ValueError: it is longer than its field says.
        """
        is_list = value.__class__ is list or (is_iterable(value) and not isinstance(value, Mapping))
        if not is_list:
            raise TypeError(f"`{self._field.label}` gave no list")
        rows: Any = value if value.__class__ is list else list(value)  # what fails while it is read fails here
        size = len(rows)
        if self._limit is not None and size > self._limit:
            raise ValueError(f"`{self._field.label}` gave {size} items, more than the {self._limit} it declares")
        if self._cost:
            run.spend(size * self._cost)
        return rows if self._shown is None else list(readable(rows, self._shown))

    def complete(self, value: Any, run: Run, path: Path) -> list[Any]:
        """Return the data of items that lie ready."""
        complete, found = self._complete, []
        for index, item in enumerate(self._items(value, run)):
            try:
                found.append(self._absent(run, (path, index)) if item is None else complete(item, run, (path, index)))
            except Exception as error:  # noqa: BLE001  # it becomes an error of the response
                found.append(run.fail(error, self._field, (path, index), nullable=self._nullable))
        return found

    async def complete_async(self, value: Any, run: Run, path: Path) -> list[Any]:
        """Return the data of items that wait, side by side."""
        if self._objects is not None:
            return await self._complete_objects(self._objects, value, run, path)
        found = await gathered(
            [self._item(item, run, (path, index)) for index, item in enumerate(self._items(value, run))]
        )
        if BUBBLE in found:
            raise Bubble
        return found

    async def _complete_objects(self, plan: ObjectPlan, value: Any, run: Run, path: Path) -> list[Any]:
        """Return the data of objects: a task for each field that waits, none for the objects themselves."""
        found: list[Any] = []
        waiting: list[Any] = []
        owners: list[tuple[int, str]] = []
        deferred: list[tuple[int, PlannedField, Any, Path]] = []
        for index, item in enumerate(self._items(value, run)):
            place = (path, index)
            try:
                found.append(self._absent(run, place) if item is None else plan.begin(item, run, place))
            except Exception as error:  # noqa: BLE001  # it becomes an error of the response
                found.append(self._failed(error, run, place, waiting, deferred))
                continue
            for field in plan.waiting if item is not None else ():
                spot = (place, field.key)
                if not field.deferred:
                    waiting.append(field.resolve(item, run, spot))
                    owners.append((index, field.key))
                    continue
                try:
                    deferred.append((index, field, field.begin(item, run), spot))
                except Exception as error:  # noqa: BLE001  # it becomes an error of the response
                    deferred.append((index, field, error, spot))
        filled = list(zip(owners, await gathered(waiting), strict=True))
        for (index, key), data in (*filled, *await settled(deferred, run)):
            if data is not BUBBLE:
                if found[index] is not None:
                    found[index][key] = data
            elif self._nullable:
                found[index] = None
            else:
                raise Bubble
        return found

    def _failed(  # what ends with it
        self, error: Exception, run: Run, path: Path, waiting: list[Any], deferred: list[tuple[Any, Any, Any, Any]]
    ) -> Any:
        """Let null stand for an item, or end what waits and go on at the parent."""
        try:
            return run.fail(error, self._field, path, nullable=self._nullable)
        except Bubble:
            for one in waiting:
                one.close()
            for _, _, future, _ in deferred:
                if isfuture(future):
                    future.cancel()
            raise

    async def _item(self, item: Any, run: Run, path: Path) -> Any:
        try:
            return self._absent(run, path) if item is None else await self._complete(item, run, path)
        except Exception as error:  # noqa: BLE001  # it becomes an error of the response
            return run.fail(error, self._field, path, nullable=self._nullable)

    def _absent(self, run: Run, path: Path) -> Any:
        if not self._nullable:
            self._field.refuse_null(run, path)


async def settled(deferred: list[tuple[int, PlannedField, Any, Path]], run: Run) -> list[tuple[tuple[int, str], Any]]:
    """Return the data of what futures give: all of them wait for the same loader, so one after the other is enough."""
    found: list[tuple[tuple[int, str], Any]] = []
    later: list[Any] = []
    for index, field, future, path in deferred:
        try:
            value = await future if isfuture(future) else future
        except Exception as error:  # noqa: BLE001  # it becomes an error of the response
            value = error
        if field.awaits:
            later.append(field.settle(value, run, path))
            found.append(((index, field.key), None))
        else:
            found.append(((index, field.key), field.settle_now(value, run, path)))
    if later:
        data = await gathered(later)
        waits = iter(data)
        return [
            (key, next(waits) if field.awaits else one)
            for (key, one), (_, field, _, _) in zip(found, deferred, strict=True)
        ]
    return found


def readable(rows: Any, shown: Callable[[Any], Shown]) -> Iterator[Any]:
    """Yield the rows of a list that may be shown."""
    for row in rows:
        if row is None or row.__class__ is Shown or row.__class__ is dict:
            yield row
            continue
        try:
            yield shown(row)
        except DeniedError:
            continue


def _leaf(kind: Any) -> Complete:
    serialize, plain, taken = kind.coerce_output_value, _PLAIN.get(kind.name), _TAKEN.get(kind.name, object)

    def complete(value: Any, run: Run, path: Path) -> Any:
        del run, path
        if value.__class__ is plain:
            return value
        # Without this an object in the place of a text would be told as it prints itself.
        if not isinstance(value, taken):
            raise TypeError(f"a {name_of(value.__class__)} is no `{kind.name}`")
        try:
            return serialize(value)
        except GraphQLError as error:  # its text holds the value
            raise TypeError(f"a {name_of(value.__class__)} is no `{kind.name}`") from error

    return complete


_PLAIN = {"String": str, "Boolean": bool}
_TAKEN = {"String": (str, int, float), "ID": (str, int, uuid.UUID)}
"""By scalar, the classes that it takes for its own, where graphql-core would take any that prints itself."""


def _selections(field: PlannedField) -> list[SelectionSetNode]:
    return [node.selection_set for node in field.nodes if node.selection_set is not None]
