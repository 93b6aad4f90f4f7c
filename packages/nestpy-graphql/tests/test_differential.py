"""Random documents get from our executor what graphql-core's own gets from the same schema.

Where several errors belong to one null, the specification (October 2021, section 6.4.4) leaves open which of them are
told: a field that fails may cancel its siblings. So what is compared is the data, and the nulls that errors explain.
"""

import asyncio
import gc
import inspect
import warnings
from dataclasses import dataclass
from typing import Annotated, Any

import graphql
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from nestpy_core import injectable
from nestpy_graphql import GraphqlRequest, Loader, dataloader, field, interface, query, resolver, type_options
from nestpy_graphql._planner import Planner
from nestpy_graphql._runtime import GraphqlRuntime
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

OBJECTS = {
    "Query": {
        "node": "Node!", "nodes": "[Node]", "pets": "[Pet!]!", "box": "Box", "surely": "Box!", "bad": "Box",
        "badly": "Box!", "late": "[Cat!]", "count": "Int!", "nothing": "Int", "missing": "Int!", "grid": "[[Int]!]",
    },
    "Box": {
        "name": "String!", "hollow": "String!", "cats": "[Cat!]!", "holes": "[Cat!]", "gaps": "[Cat]", "pet": "Pet",
        "inner": "Box", "surely": "Box!", "fails": "Int", "dies": "Int!", "slow": "Box", "loaded": "Cat",
        "sized": "Int!",
    },
    "Cat": {"id": "ID!", "lives": "Int", "wrong": "Int", "home": "Box", "lost": "Box!", "purrs": "Boolean!"},
    "Dog": {"id": "ID!", "tricks": "[String!]!", "broken": "[String!]!", "home": "Box"},
    "Node": {"id": "ID!"},
    "Pet": {},
}  # fmt: skip
POSSIBLE = {"Node": ["Cat", "Dog", "Node"], "Pet": ["Cat", "Dog", "Node", "Pet"]}
LEAVES = {"String", "Int", "ID", "Boolean"}


@interface
class Node(msgspec.Struct):
    id: str


class Cat(Node):
    lives: int | None = 9
    wrong: int | None = None


class Dog(Node):
    tricks: list[str] = []
    broken: list[str] = []


Pet = Annotated[Cat | Dog, type_options(name="Pet")]


@dataclass
class Box:
    name: str
    depth: int
    hollow: str = None  # which becomes an error


def cat(number: int) -> Cat:
    return Cat(id=f"c{number}", lives=None if number % 2 else number, wrong="nine" if number % 3 == 0 else 1)


def dog(number: int) -> Dog:
    broken: Any = ["sit", None] if number % 2 else "none"
    return Dog(id=f"d{number}", tricks=["sit"] * number, broken=broken)


@injectable
class Service:
    @dataloader
    async def by_id(self, keys: list[int]) -> dict[int, Cat]:
        await asyncio.sleep(0)
        return {key: cat(key) for key in keys if key % 2 == 0}


@resolver()
class Root:
    @query()
    def node(self) -> Node:
        return cat(2)

    @query()
    async def nodes(self) -> list[Node | None] | None:
        return [cat(3), None, dog(1)]

    @query()
    def pets(self) -> list[Pet]:
        return [dog(2), cat(1), dog(3)]

    @query()
    def box(self) -> Box | None:
        return Box("box", 0)

    @query()
    async def surely(self) -> Box:
        await asyncio.sleep(0)
        return Box("surely", 1)

    @query()
    def bad(self) -> Box | None:
        raise ValueError("bad")

    @query()
    def badly(self) -> Box:
        raise ValueError("badly")

    @query()
    async def late(self) -> list[Cat] | None:
        return [cat(1), None, cat(2)]  # which becomes an error

    @query()
    def count(self) -> int:
        return 7

    @query()
    def nothing(self) -> int | None:
        return None

    @query()
    def missing(self) -> int:
        return None  # which becomes an error

    @query()
    def grid(self) -> list[list[int | None]] | None:
        return [[1, None], [2], []]


@resolver(Box)
class Boxes:
    @field()
    def cats(self, box: Box) -> list[Cat]:
        return [cat(number) for number in range(box.depth + 2)]

    @field()
    async def holes(self, box: Box) -> list[Cat] | None:
        return [cat(box.depth), None]  # which becomes an error

    @field()
    async def gaps(self, box: Box) -> list[Cat | None]:
        await asyncio.sleep(0)
        return [None, cat(box.depth)]

    @field()
    def pet(self, box: Box) -> Pet | None:
        return cat(1) if box.depth % 2 else dog(1)

    @field()
    def inner(self, box: Box) -> Box | None:
        return Box("inner", box.depth + 1) if box.depth < 3 else None

    @field()
    async def surely(self, box: Box) -> Box:
        return Box("surely", box.depth + 1) if box.depth < 3 else None

    @field()
    def fails(self, box: Box) -> int | None:
        raise ValueError(box.name)

    @field()
    async def dies(self, box: Box) -> int:
        await asyncio.sleep(0)
        raise ValueError(box.name)

    @field()
    async def slow(self, box: Box) -> Box | None:
        await asyncio.sleep(0)
        return Box("slow", box.depth + 1)

    @field()
    async def loaded(self, box: Box, cats: Loader[int, Cat]) -> Cat | None:
        return await cats.load(box.depth)

    @field()
    def sized(self, box: Box, by: int = 2, names: list[str | None] | None = None) -> int:
        return box.depth * by + len(names or [])


@resolver(Node)
class Nodes:
    @field()
    async def home(self, node: Node) -> Box | None:
        return Box(node.id, 2)


@resolver(Cat)
class Cats:
    @field()
    def lost(self, cat: Cat) -> Box:
        if cat.id == "c1":
            raise LookupError
        return Box("lost", 2)

    @field()
    def purrs(self, cat: Cat) -> bool:
        return bool(cat.lives)


VARIABLES = {"s": "Boolean!", "i": "Boolean! = true", "by": "Int! = 3", "name": 'String = "n"'}
CONDITIONS = st.sampled_from(
    [
        *[""] * 12,
        " @skip(if: true)",
        " @include(if: false)",
        " @include(if: true)",
        " @skip(if: $s)",
        " @include(if: $i)",
    ]
)


def bare(kind: str) -> str:
    return kind.strip("[]!")


@st.composite
def selections(draw: Any, kind: str, depth: int, fragments: dict[str, str]) -> str:
    """Return what is selected of a type, aliased so that equal keys mean equal fields."""
    fields = {name: of for name, of in OBJECTS[kind].items() if depth > 0 or bare(of) in LEAVES}
    written = []
    for _ in range(draw(st.integers(1, 4))):
        choice = draw(st.integers(0, 9))
        if choice == 0 or not fields:
            written.append("__typename")
        elif choice == 1 and depth > 0:
            on = draw(st.sampled_from(POSSIBLE.get(kind, [kind])))
            inner = draw(selections(on, depth - 1, fragments))
            written.append(f"... on {on}{draw(CONDITIONS)} {{ {inner} }}")
        elif choice == 2 and depth > 0:
            on = draw(st.sampled_from(POSSIBLE.get(kind, [kind])))
            name = f"F{len(fragments)}"
            fragments[name] = ""
            fragments[name] = f"fragment {name} on {on} {{ {draw(selections(on, depth - 1, fragments))} }}"
            written += [f"...{name}{draw(CONDITIONS)}"] * draw(st.integers(1, 2))
        else:
            name, of = draw(st.sampled_from(sorted(fields.items())))
            alias = f"{name}{draw(st.sampled_from(['', 'X']))}"
            key = "" if alias == name else f"{alias}: "
            given = "(by: $by, names: [$name])" if name == "sized" else ""
            below = "" if bare(of) in LEAVES else f" {{ {draw(selections(bare(of), depth - 1, fragments))} }}"
            written.append(f"{key}{name}{given}{draw(CONDITIONS)}{below}")
    return " ".join(written)


@st.composite
def documents(draw):
    fragments = {}
    selected = draw(selections("Query", 4, fragments))
    body = " ".join([f"{{ {selected} }}", *fragments.values()])
    used = {name: kind for name, kind in VARIABLES.items() if f"${name}" in body}
    definitions = ", ".join(f"${name}: {kind}" for name, kind in used.items())
    values = {"s": st.booleans(), "i": st.booleans(), "by": st.integers(0, 9), "name": st.sampled_from(["x", None])}
    given = {name: draw(values[name]) for name in used if name == "s" or draw(st.booleans())}
    return f"query{f'({definitions})' if used else ''} {body}", given


def explained(data, errors):
    """Return where nulls stand that errors explain."""
    found = set()
    for path in errors:
        at, taken = data, []
        for key in path:
            if at is None:
                break
            at = at[key]
            taken.append(key)
        assert at is None, f"an error at {path}, where there is {at!r}"
        found.add(tuple(taken))
    return found


async def compared(runtime, source, variables):
    """Return data and explained nulls of both executors."""
    schema, executor = runtime.executor.schema, runtime.executor
    ours = await executor.execute(executor.prepare(source, None, variables), GraphqlRequest(), variables)
    tasks = []

    def as_task(resolve, parent, info, **given):
        """Let a resolver end even where graphql-core drops it, because a field beside it failed."""
        found = resolve(parent, info, **given)
        if not inspect.isawaitable(found):
            return found
        tasks.append(asyncio.ensure_future(found))
        return tasks[-1]

    theirs = graphql.execute(
        schema,
        graphql.parse(source),
        context_value=GraphqlRequest(),
        variable_values=variables,
        middleware=[as_task],
    )
    if not isinstance(theirs, graphql.ExecutionResult):
        theirs = await theirs
    await asyncio.gather(*tasks, return_exceptions=True)  # it cancels those that it drops
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()  # coroutines of its own, which it drops where a field beside them failed
    return (
        (ours["data"], explained(ours["data"], [one["path"] for one in ours.get("errors", ())])),
        (theirs.data, explained(theirs.data, [one.path for one in theirs.errors or ()])),
    )


@pytest.fixture
async def runtime(app_of):
    limits = dict.fromkeys(["max_cost", "max_aliases", "max_directives", "max_depth", "max_tokens"], 10**6)
    async with TestApp(app_of(Root, Boxes, Nodes, Cats, Service, **limits, max_root_fields=1000)) as app:
        yield await app.get(GraphqlRuntime)


def is_valid(runtime, source):
    return not graphql.validate(runtime.executor.schema, graphql.parse(source))


@pytest.mark.timeout(300)
@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(case=documents())
async def test_random_documents_get_what_graphql_core_gets(runtime, case):
    source, variables = case
    if is_valid(runtime, source):
        ours, theirs = await compared(runtime, source, variables)
        assert ours == theirs


async def test_an_executor_that_ignores_conditions_is_caught(runtime, monkeypatch):
    monkeypatch.setattr(Planner, "_is_included", lambda *_: True)
    ours, theirs = await compared(runtime, "{ count nothing @skip(if: true) }", {})
    assert (ours, theirs) == (({"count": 7, "nothing": None}, set()), ({"count": 7}, set()))
