"""What hostile clients try: planning that explodes, memory that grows, variables that take long to refuse."""

import asyncio
import gc
import sys
from typing import Any

import msgspec
import pytest
from graphql import build_schema

from nestpy_core import current_actor, injectable, public, use_guards
from nestpy_graphql import GraphqlConfig, GraphqlRequest, Limits, Loader, dataloader, field, mutation, query, resolver
from nestpy_graphql._documents import Documents
from nestpy_graphql._execution import Executor, Planned
from nestpy_graphql._run import Bubble
from nestpy_graphql._runtime import GraphqlRuntime
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


class Node(msgspec.Struct):
    number: int


class Person(msgspec.Struct):
    id: str


Reserved = msgspec.defstruct("Reserved", [("class", str), ("None", int)])


class Cat(msgspec.Struct):
    name: str


class Dog(msgspec.Struct):
    bark: str


class Spy(Cat):
    """Is in no schema."""


@injectable
class WhoGuard:
    posture = True

    def can_activate(self, context):
        context.actor = Person(context.headers.get("x-who") or "nobody")
        return True


def who():
    actor = current_actor()
    return None if actor is None else actor.id


@public
@resolver(Person)
class People:
    @use_guards(WhoGuard)
    @query()
    async def me(self) -> str | None:
        return who()

    @query()
    async def anybody(self) -> str | None:
        return who()

    @use_guards(WhoGuard)
    @mutation()
    async def rename(self) -> Person:
        return Person(str(who()))

    @mutation()
    async def visit(self) -> str | None:
        return who()

    @use_guards(WhoGuard)
    @field()
    def own(self, person: Person) -> str | None:
        return who()

    @field()
    def seen(self, person: Person) -> str | None:
        return who()

    @query()
    async def person(self) -> Person:
        return Person("somebody")

    @query()
    async def reserved(self) -> Reserved:
        return Reserved(**{"class": "first", "None": 1})

    @query()
    async def pet(self) -> Cat | Dog:
        return Spy("canary")

    @query()
    async def torn(self) -> str:
        return "canary \ud800"


class TornList(list):
    def __iter__(self):
        yield from super().__iter__()
        raise ValueError("canary")


@injectable
class Numbers:
    @dataloader
    async def words(self, keys: list[int]) -> dict[int, str]:
        await asyncio.sleep(0)
        raise ValueError("canary")


@resolver(Node)
class Nodes:
    @query()
    async def nodes(self, first: int = 1) -> list[Node]:
        return [Node(number) for number in range(first)]

    @query()
    async def never(self) -> Node:
        return None

    @query()
    async def whole(self, numbers: list[int]) -> int:
        return len(numbers)

    @query()
    async def echo(self, value: Any = None) -> Any:
        return value

    @query()
    async def torn_list(self) -> list[Node]:
        return TornList([Node(1), Node(2)])

    @query()
    async def mixed(self) -> list[Node] | None:
        return [Node(1), Node(None), Node(3)]

    @field()
    async def slowly(self, node: Node) -> int:
        await asyncio.sleep(0)
        return node.number

    @field()
    async def loaded(self, node: Node, numbers: Loader[int, str]) -> str | None:
        return await numbers.load(node.number)

    @field()
    async def kids(self, node: Node, first: int = 1) -> list[Node]:
        return [Node(node.number + 1)]


@pytest.fixture
async def app(app_of):
    async with TestApp(app_of(public(Nodes), Numbers, People, WhoGuard, max_batch=3)) as app:
        yield app


async def lines(running):
    """Return how many lines of Python run, which no load changes."""
    count = 0

    def local(frame, event, _):
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(local)
    try:
        await running
    finally:
        sys.settrace(before)
    return count


def alive(kind):
    return sum(isinstance(one, kind) for one in gc.get_objects())


def nested(levels):
    return "{ nodes(first: 1) { number " + "kids(first: 1) { number " * levels + "} " * levels + "} }"


async def test_planning_lists_in_lists_takes_linear_work(app):
    assert (await app.graphql(nested(1))).codes == []
    few, many = await lines(app.graphql(nested(5))), await lines(app.graphql(nested(10)))
    assert many < few * 4


def frames_of(error):
    """Return how many frames an exception holds."""
    trace, count = error.__traceback__, 0
    while trace is not None:
        trace, count = trace.tb_next, count + 1
    return count


async def test_a_null_that_goes_up_keeps_no_frames_of_requests_that_are_over(app):
    for _ in range(20):
        assert (await app.graphql("{ never { number } }")).codes == ["INTERNAL"]
    gc.collect()
    assert max((frames_of(one) for one in gc.get_objects() if isinstance(one, Bubble)), default=0) < 40


async def test_a_list_of_wrong_items_is_refused_with_the_work_for_the_few_that_are_told(app):
    document = "query ($numbers: [Int!]!) { whole(numbers: $numbers) }"
    few, many = [await lines(app.graphql(document, {"numbers": ["x"] * count})) for count in (40, 19_000)]
    assert many - few < 30 * 19_000
    found = await app.graphql(document, {"numbers": ["x"] * 20_000})
    assert found.codes == ["LIMIT_EXCEEDED"]
    found = await app.graphql(document, {"numbers": ["x"] * 10_000})
    assert found.codes == ["BAD_USER_INPUT"]
    assert list(found.errors[0]["extensions"]["errors"]) == [f"numbers.{index}" for index in range(20)]


@pytest.mark.parametrize("value", [[0] * 20_000, [[[0]]] * 10_000, {"a": [{"b": [0] * 19_999}]}])
async def test_variables_hold_a_bounded_number_of_values_however_they_are_nested(app, value):
    found = await app.graphql("query ($value: JSON) { echo(value: $value) }", {"value": value})
    assert (found.data, found.codes) == (None, ["LIMIT_EXCEEDED"])
    assert found.errors[0]["extensions"]["limit"] == "max_values"
    found = await app.graphql("query ($value: JSON) { echo(value: $value) }", {"value": [0] * 19_000})
    assert found.codes == []


async def test_who_acts_in_one_root_field_does_not_act_in_the_next(app):
    headers = {"x-who": "ada"}
    found = await app.graphql("mutation { rename { id } visit again: visit }", headers=headers)
    assert found.data == {"rename": {"id": "ada"}, "visit": None, "again": None}
    found = await app.graphql("{ me anybody last: me }", headers=headers)
    assert found.data == {"me": "ada", "anybody": None, "last": "ada"}
    found = await app.graphql("{ person { own seen } anybody }", headers=headers)
    assert found.data == {"person": {"own": "ada", "seen": None}, "anybody": None}
    found = await app.graphql("{ person { own } }", headers=headers)
    assert (await app.graphql("{ anybody }")).data == {"anybody": None}


async def test_fields_whose_names_are_words_of_python_are_told(app):
    assert (await app.graphql("{ reserved { class None } }")).data == {"reserved": {"class": "first", "None": 1}}


@pytest.mark.parametrize("document", ["{ pet { ... on Cat { name } } }", "{ torn }"])
async def test_what_cannot_be_told_is_an_error_of_graphql_that_says_nothing_of_it(app, document):
    found = await app.graphql(document)
    assert (found.status, found.data, found.codes) == (200, None, ["INTERNAL"])
    assert all(word not in str(found.errors) for word in ("Spy", "canary", "ud800"))


async def test_plans_are_forgotten_with_their_documents_however_many_different_ones_come():
    schema = build_schema("type Query { name: String }")
    documents = Documents(schema, Limits(), introspection=False, suggestions=False, cache_bytes=100_000)
    executor = Executor(schema, None, documents, GraphqlConfig())
    gc.collect()
    before = alive(Planned)
    for number in range(500):
        prepared = executor.prepare(f"query Q{number} {{ name }}", None, None)
        assert await executor.execute(prepared, GraphqlRequest(), {}) == {"data": {"name": None}}
    del prepared
    gc.collect()
    assert alive(Planned) - before < 200


async def test_conditions_leave_few_plans(app):
    runtime = await app.get(GraphqlRuntime)
    names = [f"v{number}" for number in range(6)]
    document = f"query ({' '.join(f'${name}: Boolean!' for name in names)}) {{ anybody "
    document += " ".join(f"{name}: anybody @include(if: ${name})" for name in names) + "}"
    for chosen in range(64):
        variables = {name: bool(chosen >> number & 1) for number, name in enumerate(names)}
        found = await app.graphql(document, variables)
        assert set(found.data) == {"anybody", *(name for name in names if variables[name])}
    assert len(runtime.executor.prepare(document, None, None).planned.plans) <= 4


@pytest.mark.parametrize(
    "document",
    ["{ tornList { slowly } }", "{ tornList { loaded slowly } }", "{ mixed { number loaded slowly } }"],
)
@pytest.mark.filterwarnings("error")
async def test_a_list_that_fails_midway_leaves_no_task_and_no_coroutine(app, document):
    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    before = asyncio.all_tasks()
    found = await app.graphql(document)
    assert (found.codes, "canary" in str(found)) == (["INTERNAL"], False)
    async with asyncio.timeout(30):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0)
    gc.collect()
    assert failures == []


async def test_operations_of_one_batch_share_nobody_and_fail_alone(app):
    documents = ["{ me }", "{ anybody }", "{"]
    answer = await app.http.post("/graphql", json=[{"query": one} for one in documents], headers={"x-who": "ada"})
    first, second, third = answer.json()
    assert (first, second) == ({"data": {"me": "ada"}}, {"data": {"anybody": None}})
    assert third["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
