"""What an operation may cost: an upper bound on the fields it resolves, known before the first is resolved.

The cost of a field is its own (1, or ``extensions["nestpy_cost"]``) and that of what it selects, as often as its list
is long. The walk goes the executor's way: it merges fields of one name in the answer, enters a fragment once per
selection set, follows every object type that an interface or union may turn out to be and takes the dearest.
``@skip`` and ``@include`` are taken to include. Sizes that hang on variables stay open: a cost is then a short program
over them, made once per document and run in a microsecond per request.

The bound is sound, that is never below the number of resolver calls, as long as the executor keeps what is assumed:

- a list is never longer than `allowed_items` says for its field and arguments (cut it or fail the field);
- a size argument outside 1 … maximum, null, or no integer, yields at most the maximum; 0 may yield 1;
- the default in ``nestpy_size`` is the argument's default in the schema, or the resolver's own where it has none;
- a field that resolves others itself (calls another resolver, loops over services) says so in ``nestpy_cost``.

What extensions of an object type's field may say (an interface's own fields are never resolved, theirs are not read):

``nestpy_cost``
    the cost of one call of its resolver, from 0; 1 without.
``nestpy_size``
    ``(argument, default, maximum)``: the integer argument that says how many items are returned, in the field's own
    list, or, where the field returns a page, in that object's ``items``, ``edges`` or ``nodes``.
``nestpy_items``
    how many items the list has at most, whatever the arguments; without either, `Limits.list_size`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
    is_object_type,
)
from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from ._counts import INTROSPECTION
from ._limits import Limits

PAGES = frozenset({"items", "edges", "nodes"})
"""The lists of a page that are as long as the argument of the field that returned the page says."""

WORK = 20_000
"""Selections looked at before an operation is refused as too complex: ten times what 2,000 tokens can hold."""

STEPS = 500
"""Steps of an open cost; an operation with more, each with a size that a variable gives, is refused."""


class Size(NamedTuple):
    """A list's length that a variable gives.

    Attributes:
        variable: its name.
        default: the length when it is not given.
        maximum: the length when what is given is no integer between 1 and this.
    """

    variable: str
    default: int
    maximum: int


class Step(NamedTuple):
    """One line of the program of an open cost.

    Attributes:
        known: the part that is known.
        parts: what is added to it, each as how often, how often by a variable, and which earlier step.
        dearest: whether the dearest of the parts and what is known is taken instead of their sum.
    """

    known: int
    parts: tuple[tuple[int, Size | None, int], ...]
    dearest: bool


Cost: TypeAlias = int | tuple[Step, ...]
"""What an operation costs; while it hangs on variables, the steps to find it, of which the last one has the result."""


class TooComplexError(Exception):
    """Finding the cost would itself cost too much."""


class _Field(NamedTuple):
    """What the walk must know of a field of an object type.

    Attributes:
        cost: of one call.
        lists: how many lists are around its items.
        argument: what gives the length of the outermost list, or of the page's; and its default and maximum.
        items: the stated bound of its list.
        types: what its items may be; empty for leaves.
    """

    cost: int
    lists: int
    argument: tuple[str, int, int] | None
    items: int | None
    types: tuple[GraphQLObjectType, ...]


def evaluate(cost: Cost, variables: Mapping[str, Any]) -> int:
    """Return what an operation costs with these variables, which are taken as they came, before they are coerced."""
    if isinstance(cost, int):
        return cost
    values: list[int] = []
    for known, parts, dearest in cost:
        total = known
        for times, size, step in parts:
            part = times * values[step]
            if size is not None:
                part *= _length(variables.get(size.variable, size.default), size.maximum)
            total = max(total, part) if dearest else total + part
        values.append(total)
    return values[-1]


def least(cost: Cost) -> int:
    """Return what an operation costs at least, whatever its variables."""
    return evaluate(cost, _ONES)


class _Ones(dict[str, int]):
    """Every variable, as small as it counts."""

    def get(self, key: str, default: object = None) -> int:  # there is always a value
        return 1


_ONES = _Ones()


def allowed_items(field: GraphQLField, arguments: Mapping[str, Any], limits: Limits) -> int:
    """Return how long the list of *field*, or of the page that it returns, may be: what its cost was taken to be.

    Args:
        field: of an object type.
        arguments: its arguments, coerced.
        limits: the bound of a list without any other.
    """
    size = field.extensions.get("nestpy_size")
    if size is None:
        return int(field.extensions.get("nestpy_items", limits.list_size))
    argument, default, maximum = size
    return _length(arguments.get(argument, default), maximum)


def _length(given: object, maximum: int) -> int:
    """Return the length that an argument gives: a number, or the keys of as many objects."""
    if isinstance(given, list):
        given = len(given)
    if type(given) is not int:
        return maximum
    return max(given, 1) if 0 <= given <= maximum else maximum


class Costs:
    """Finds the cost of operations against one schema."""

    __slots__ = ("_fields", "_limits", "_schema")

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._fields: dict[str, dict[str, _Field]] = {}

    def of(self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Cost:
        """Return the cost of an operation; what the schema does not know costs nothing and is refused by the rules.

        Raises:
            TooComplexError: the walk took more than `WORK` steps, or the cost has more than `STEPS`.
        """
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            return 0
        return _Walk(self, self._schema, operation, fragments, self._limits).result(root)

    def fields(self, parent: GraphQLObjectType) -> dict[str, _Field]:
        """Return the fields of an object type as the walk wants them."""
        known = self._fields.get(parent.name)
        if known is None:
            known = self._fields[parent.name] = {name: self._field(field) for name, field in parent.fields.items()}
        return known

    def _field(self, field: GraphQLField) -> _Field:
        lists, type_ = 0, get_nullable_type(field.type)
        while is_list_type(type_):
            lists, type_ = lists + 1, get_nullable_type(type_.of_type)
        named = get_named_type(field.type)
        types: Sequence[GraphQLObjectType] = ()
        if is_object_type(named):
            types = (named,)
        elif is_abstract_type(named):
            types = self._schema.get_possible_types(named)
        own = field.extensions
        return _Field(own.get("nestpy_cost", 1), lists, own.get("nestpy_size"), own.get("nestpy_items"), tuple(types))


class _Open(NamedTuple):
    """A cost that a step finds."""

    step: int


_Amount: TypeAlias = int | _Open


class _Walk:
    """One operation's way through the schema."""

    __slots__ = ("_costs", "_defaults", "_found", "_fragments", "_limits", "_operation", "_schema", "_steps", "_work")

    def __init__(
        self,
        costs: Costs,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        limits: Limits,
    ) -> None:
        self._costs, self._schema, self._fragments, self._limits = costs, schema, fragments, limits
        self._operation = operation
        self._defaults = {one.variable.name.value: one.default_value for one in operation.variable_definitions or ()}
        self._found: dict[tuple[object, ...], _Amount] = {}
        self._steps: list[Step] = []
        self._work = WORK

    def result(self, root: GraphQLObjectType) -> Cost:
        """Return the cost of the operation."""
        amount = self._object(root, (self._operation.selection_set,), None)
        if isinstance(amount, int):
            return amount
        return tuple(self._steps[: amount.step + 1])

    def _object(
        self, parent: GraphQLObjectType, selections: tuple[SelectionSetNode, ...], length: int | Size | None
    ) -> _Amount:
        """Return what the *selections* of one object cost; *length* is that of its list if it is a page."""
        key = (parent.name, length, *map(id, selections))
        found = self._found.get(key)
        if found is None:
            fields = self._costs.fields(parent)
            known, parts = 0, []
            for nodes in self._collect(parent, selections).values():
                name = nodes[0].name.value
                if name in INTROSPECTION:
                    known += max(1, self._limits.max_cost // 4)
                elif name in fields:
                    known += fields[name].cost
                    times, size, amount = self._below(fields[name], name, nodes, length)
                    if isinstance(amount, int) and size is None:
                        known += times * amount
                    else:
                        parts.append((times, size, amount))
            found = self._found[key] = self._step(known, parts)
        return found

    def _below(
        self, field: _Field, name: str, nodes: list[FieldNode], page: int | Size | None
    ) -> tuple[int, Size | None, _Amount]:
        """Return what a field selects: how often, how often by a variable, and what it costs once."""
        below = tuple(node.selection_set for node in nodes if node.selection_set)
        if not below or not field.types:
            return 0, None, 0
        length = self._length(field.argument, nodes[0]) if field.argument else None
        amounts = [self._object(type_, below, None if field.lists else length) for type_ in field.types]
        if not field.lists:
            return 1, None, self._dearest(0, amounts)
        if length is None:
            length = field.items or (page if page is not None and name in PAGES else self._limits.list_size)
        inner = self._limits.list_size ** (field.lists - 1)
        item = self._dearest(1, amounts)  # an item is made even if nothing of it is resolved
        return (inner, length, item) if isinstance(length, Size) else (inner * length, None, item)

    def _dearest(self, known: int, amounts: Sequence[_Amount]) -> _Amount:
        known = max(known, *(amount for amount in amounts if isinstance(amount, int)), 0)
        parts = [(1, None, amount) for amount in amounts if not isinstance(amount, int)]
        return self._step(known, parts, dearest=True)

    def _step(self, known: int, parts: Sequence[tuple[int, Size | None, _Amount]], *, dearest: bool = False) -> _Amount:
        """Return what is known if nothing is open, else a new step; known amounts of open size get steps first."""
        if not parts:
            return known
        if not known and len(parts) == 1 and parts[0][:2] == (1, None):
            return parts[0][2]
        numbered = tuple((times, size, self._number(amount)) for times, size, amount in parts)
        return self._added(Step(known, numbered, dearest))

    def _number(self, amount: _Amount) -> int:
        return self._added(Step(amount, (), dearest=False)).step if isinstance(amount, int) else amount.step

    def _added(self, step: Step) -> _Open:
        if len(self._steps) == STEPS:
            raise TooComplexError
        self._steps.append(step)
        return _Open(len(self._steps) - 1)

    def _length(self, argument: tuple[str, int, int], node: FieldNode) -> int | Size:
        name, default, maximum = argument
        given = next((one.value for one in node.arguments or () if one.name.value == name), None)
        if given is None:
            return _length(default, maximum)
        if not isinstance(given, VariableNode):
            return _length(_literal(given), maximum)
        variable = given.name.value
        otherwise = self._defaults.get(variable)
        return Size(variable, _length(_literal(otherwise) if otherwise else default, maximum), maximum)

    def _collect(
        self, parent: GraphQLObjectType, selections: tuple[SelectionSetNode, ...]
    ) -> dict[str, list[FieldNode]]:
        """Collect the fields of one object by their names in the answer, as execution does, in its order."""
        fields: dict[str, list[FieldNode]] = {}
        entered: set[str] = set()
        stack = [node for one in reversed(selections) for node in reversed(one.selections)]
        self._spend(len(stack))
        while stack:
            node = stack.pop()
            if isinstance(node, FieldNode):
                fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
                continue
            inside: FragmentDefinitionNode | InlineFragmentNode | None = None
            if isinstance(node, InlineFragmentNode):
                inside = node
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in entered:
                entered.add(node.name.value)
                inside = self._fragments.get(node.name.value)
            if inside is not None and self._applies(inside, parent):
                self._spend(len(inside.selection_set.selections))
                stack += reversed(inside.selection_set.selections)
        return fields

    def _applies(self, fragment: FragmentDefinitionNode | InlineFragmentNode, parent: GraphQLObjectType) -> bool:
        if fragment.type_condition is None or fragment.type_condition.name.value == parent.name:
            return True
        wanted = self._schema.get_type(fragment.type_condition.name.value)
        return is_abstract_type(wanted) and self._schema.is_sub_type(wanted, parent)

    def _spend(self, steps: int) -> None:
        self._work -= steps + 1
        if self._work < 0:
            raise TooComplexError


def _literal(node: ValueNode) -> int | None:
    """Return a small integer; None for anything else, which is then taken to be as large as it may."""
    if isinstance(node, IntValueNode) and len(node.value) < 10:
        return int(node.value)
    if isinstance(node, ListValueNode):
        return len(node.values)
    return None
