"""G3: the cost of an operation is never below the number of resolver calls that it makes, and never 20 times above."""

import os
import random

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    execute_sync,
)

from nestpy_graphql._cost import allowed_items, evaluate
from nestpy_graphql._documents import Documents, RefusedDocument
from nestpy_graphql._limits import Limits

CASES, SEED = int(os.environ.get("COSTS", "150")), int(os.environ.get("COSTS_SEED", "3"))
"""`make soak` asks for 2,000 operations; five are asked of each schema."""

DEAREST = 200
"""Operations that cost more are refused here, so that counting stays quick."""

USEFUL = 20

PLENTY = dict.fromkeys(
    ("max_aliases", "max_depth", "max_directives", "max_fragments", "max_root_fields", "max_tokens"), 10**6
)


class World:
    """A random schema whose resolvers count their calls and return as much as they are allowed, or less."""

    def __init__(self, rng):
        self.rng = rng
        self.calls = 0
        self.turn = 0
        self.limits = Limits(**PLENTY, list_size=rng.randint(1, 4), max_cost=DEAREST)
        count = rng.randint(2, 4)
        self.interface = GraphQLInterfaceType("Named", lambda: {"name": GraphQLField(GraphQLString), "kin": self.kin})
        self.kin = GraphQLField(GraphQLList(self.interface))
        self.objects = [self.object(f"T{i}") for i in range(count)]
        self.union = GraphQLUnionType("Any", lambda: self.objects[:2], resolve_type=self.type_of)
        self.interface.resolve_type = self.type_of
        self.pages = [self.page(one) for one in self.objects]
        self.schema = GraphQLSchema(GraphQLObjectType("Query", lambda: self.fields(5)), types=self.objects)

    def type_of(self, value, info, type_):
        names = [one.name for one in self.schema.get_possible_types(type_)]
        return self.rng.choice(names) if self.turn is None else names[self.turn % len(names)]

    def object(self, name):
        def fields():
            kin = self.counted(GraphQLField(GraphQLList(self.interface)), "kin")
            return {"name": self.counted(GraphQLField(GraphQLString), "name"), "kin": kin, **self.fields(4)}

        return GraphQLObjectType(name, fields, interfaces=[self.interface])

    def page(self, of):
        items = GraphQLField(GraphQLList(of))
        fields = {"items": items, "total": GraphQLField(GraphQLInt), "more": GraphQLField(GraphQLList(of))}
        return GraphQLObjectType(
            f"{of.name}Page", lambda: {name: self.counted(field, name) for name, field in fields.items()}
        )

    def fields(self, count):
        return {f"f{i}": self.field(f"f{i}") for i in range(self.rng.randint(1, count))}

    def field(self, name):
        rng = self.rng
        kind = rng.choice(["leaf", "leaf", "one", "list", "sized", "bounded", "page", "lists", "any", "non-null"])
        target = rng.choice([*self.objects, self.interface, self.union])
        if kind == "leaf":
            type_ = GraphQLString
        elif kind in {"one", "any"}:
            type_ = target
        elif kind == "page":
            type_ = rng.choice(self.pages)
        elif kind == "lists":
            type_ = GraphQLList(GraphQLNonNull(GraphQLList(target)))
        elif kind == "non-null":
            type_ = GraphQLNonNull(GraphQLList(GraphQLNonNull(target)))
        else:
            type_ = GraphQLList(target)
        extensions, arguments = {}, {}
        if kind in {"sized", "page"}:
            maximum = rng.randint(1, 6)
            default = rng.randint(1, maximum)
            arguments["first"] = GraphQLArgument(GraphQLInt, default_value=default)
            extensions["nestpy_size"] = ("first", default, maximum)
        elif kind == "bounded":
            extensions["nestpy_items"] = rng.randint(1, 3)
        if rng.random() < 0.2:
            extensions["nestpy_cost"] = rng.randint(1, 3)
        return self.counted(GraphQLField(type_, arguments, extensions=extensions), name)

    def counted(self, field, name):
        type_ = field.type
        while isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type

        def resolve(source, info, **arguments):
            self.calls += field.extensions.get("nestpy_cost", 1)
            if isinstance(type_, GraphQLObjectType) and "nestpy_size" in field.extensions:
                return {"size": allowed_items(field, arguments, self.limits)}
            if not isinstance(type_, GraphQLList):
                return "x" if type_ is GraphQLString else 1 if type_ is GraphQLInt else {}
            most = allowed_items(field, arguments, self.limits)
            if name == "items":
                most = source["size"]
            inner = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
            if isinstance(inner, GraphQLList):
                return [[{}] * self.length(self.limits.list_size) for _ in range(self.length(most))]
            return [{}] * self.length(most)

        field.resolve = resolve
        return field

    def length(self, most):
        return most if self.turn is not None else self.rng.randint(0, most)


class Writer:
    """A random valid operation: merged fields, fragments on objects, interfaces and unions, sizes from everywhere."""

    def __init__(self, world, *, hidden):
        self.world, self.rng, self.hidden = world, world.rng, hidden
        self.definitions, self.variables, self.fragments = [], {}, []

    def write(self):
        body = self.selections(self.world.schema.query_type, self.rng.randint(1, 4))
        variables = f"({', '.join(self.definitions)})" if self.definitions else ""
        return f"query{variables} {{ {body} }} {' '.join(self.fragments)}"

    def selections(self, type_, depth):
        if type_ is self.world.union:
            text = " ".join(self.inside(one, depth) for one in self.rng.sample(type_.types, self.rng.randint(1, 2)))
        else:
            names = self.rng.choices(sorted(type_.fields), k=self.rng.randint(1, 3))
            text = " ".join(self.field(type_, name, depth) for name in names) or "__typename"
            if type_ is self.world.interface and self.rng.random() < 0.6:
                text += " " + self.inside(self.rng.choice(self.world.objects), depth)
        if self.rng.random() < 0.2:
            return self.spread(type_, text)
        return text

    def inside(self, type_, depth):
        return f"... on {type_.name}{self.maybe()} {{ {self.selections(type_, depth)} }}"

    def spread(self, type_, text):
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {type_.name} {{ {text} }}")
        return f"...{name}{self.maybe()} ...{name}"

    def field(self, type_, name, depth):
        field = type_.fields[name]
        named = field.type
        while hasattr(named, "of_type"):
            named = named.of_type
        leaf = named in {GraphQLString, GraphQLInt}
        if depth == 0 and not leaf:
            return "__typename"
        # names differ by type, so that two possible types never ask for different things under one name
        alias = f"{type_.name.lower()}_{name}_{self.rng.randint(0, 9)}"
        arguments = self.size(field) if "first" in field.args else ""
        alias += "".join(letter if letter.isalnum() else "_" for letter in arguments.replace("-", "m"))
        below = "" if leaf else f" {{ {self.selections(named, depth - 1)} }}"
        return f"{alias}: {name}{arguments}{self.maybe()}{below}"

    def size(self, field):
        value = self.rng.choice([0, 1, 2, 3, 5, 7, -1, 1000, None])
        kind = self.rng.choice(["literal", "variable", "default", "absent", "nothing"])
        name = f"v{len(self.definitions)}"
        if kind == "nothing":
            return ""
        if kind == "literal":
            return f"(first: {'null' if value is None else value})"
        if kind == "default":
            self.definitions.append(f"${name}: Int = {'null' if value is None else value}")
        else:
            self.definitions.append(f"${name}: Int")
        if kind == "variable":
            self.variables[name] = value
        return f"(first: ${name})"

    def maybe(self):
        if not self.hidden or self.rng.random() < 0.7:
            return ""
        name = f"v{len(self.definitions)}"
        self.definitions.append(f"${name}: Boolean!")
        self.variables[name] = self.rng.random() < 0.5
        return f" @{self.rng.choice(['include', 'skip'])}(if: ${name})"


def calls_of(world, prepared, variables, *, turn):
    """Count the calls: with full lists whose items all have the same of their possible types, or by chance."""
    world.calls, world.turn = 0, turn
    answer = execute_sync(world.schema, prepared.document, variable_values=variables)
    assert answer.errors is None
    return world.calls


def prepared(world, source, variables):
    try:
        return Documents(world.schema, world.limits, introspection=False, suggestions=False).prepare(
            source, None, variables
        )
    except RefusedDocument as refused:
        if refused.errors[0].extensions.get("limit") != "max_cost":
            raise
        return None


@pytest.mark.timeout(60 + CASES)
def test_the_cost_is_never_below_the_calls_and_never_far_above():
    world, compared = None, 0
    for case in range(CASES):
        rng = random.Random(SEED * 1_000_003 + case)
        world = World(rng) if case % 5 == 0 else world
        world.rng = rng
        hidden = rng.random() < 0.5
        writer = Writer(world, hidden=hidden)
        source = writer.write()
        operation = prepared(world, source, writer.variables)
        if operation is None:
            continue
        cost = evaluate(operation.cost, writer.variables)
        most = max(calls_of(world, operation, writer.variables, turn=turn) for turn in (0, 1, 2, None))
        assert most <= cost, f"{source}\n{writer.variables}"
        if not hidden:
            assert cost <= USEFUL * max(most, 1), f"{source}\n{writer.variables}"
        compared += 1
    assert compared >= CASES // 2
