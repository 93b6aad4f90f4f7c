"""N parents cost one load more, each key once, and nothing outlives the operation it was loaded for."""

import asyncio

import msgspec
import pytest

from nestpy_core import injectable
from nestpy_graphql import GraphqlRequest, Loader, dataloader, field, mutation, query, resolver
from nestpy_graphql._runtime import GraphqlRuntime
from nestpy_testing import TestApp


class Org(msgspec.Struct):
    id: int
    name: str


class User(msgspec.Struct):
    id: int
    org_id: int


@injectable
class Orgs:
    def __init__(self):
        self.names = {1: "one", 2: "two"}
        self.asked = []
        self.failing = False

    @dataloader
    async def by_id(self, keys: list[int]) -> dict[int, Org]:
        self.asked.append(keys)
        await asyncio.sleep(0)
        if self.failing:
            raise ValueError("canary")
        return {key: Org(key, self.names[key]) for key in keys if key in self.names}


@resolver(User)
class Users:
    @field()
    async def org(self, user: User, orgs: Loader[int, Org]) -> Org | None:
        return await orgs.load(user.org_id)

    @field()
    async def neighbours(self, user: User, orgs: Loader[int, Org]) -> list[Org | None]:
        return await orgs.load_many([user.org_id, user.org_id + 1])


@resolver()
class Root:
    orgs: Orgs | None = None

    @query()
    def users(self, count: int = 10) -> list[User]:
        return [User(number, number % 3 + 1) for number in range(count)]

    @query()
    async def org(self, id: int, orgs: Loader[int, Org]) -> Org | None:
        return await orgs.load(id)

    @mutation()
    async def rename(self, id: int, name: str, orgs: Loader[int, Org]) -> Org | None:
        before = await orgs.load(id)
        assert before is not None
        self.orgs.names[id] = name
        return await orgs.load(id)


@pytest.fixture
async def app(app_of):
    async with TestApp(app_of(Root, Users, Orgs, list_size=10)) as app:
        yield app


async def test_many_parents_cost_one_load_with_each_key_once(app):
    orgs = await app.get(Orgs)
    found = await app.graphql("{ users { org { name } } }")
    assert found.data["users"][:3] == [{"org": {"name": "one"}}, {"org": {"name": "two"}}, {"org": None}]
    assert orgs.asked == [[1, 2, 3]]


async def test_fields_of_one_operation_share_what_is_loaded(app):
    orgs = await app.get(Orgs)
    found = await app.graphql(
        "{ a: org(id: 1) { name } b: org(id: 1) { id } users(count: 3) { neighbours { name } org { id } } }"
    )
    assert (found.errors, found.data["a"], found.data["b"]) == ([], {"name": "one"}, {"id": 1})
    assert sorted(key for keys in orgs.asked for key in keys) == [1, 2, 3, 4]


async def test_two_operations_share_nothing(app):
    orgs = await app.get(Orgs)
    source = "{ org(id: 1) { name } }"
    both = await asyncio.gather(app.graphql(source), app.graphql(source))
    assert [one.data for one in both] == [{"org": {"name": "one"}}] * 2
    assert orgs.asked == [[1], [1]]


async def test_each_field_of_a_mutation_loads_anew(app):
    orgs = await app.get(Orgs)
    found = await app.graphql('mutation { a: rename(id: 1, name: "x") { name } b: rename(id: 1, name: "y") { name } }')
    assert found.data == {"a": {"name": "one"}, "b": {"name": "x"}}
    assert orgs.asked == [[1], [1]]


async def test_a_load_that_fails_fails_every_field_that_waits_for_it(app, caplog):
    orgs = await app.get(Orgs)
    orgs.failing = True
    found = await app.graphql("{ users(count: 2) { id org { name } } }")
    assert found.data == {"users": [{"id": 0, "org": None}, {"id": 1, "org": None}]}
    assert found.codes == ["INTERNAL", "INTERNAL"]
    assert "canary" not in str(found.errors)


async def test_a_loader_is_tested_by_hand():
    asked = []

    async def load(keys):
        asked.append(keys)
        return {key: key * 2 for key in keys if key < 3}

    loader = Loader(load)
    loader.prime(9, 0)
    assert await loader.load_many([1, 2, 1, 3, 9]) == [2, 4, 2, None, 0]
    assert await loader.load(1) == 2
    loader.clear(1)
    assert await loader.load(1) == 2
    assert asked == [[1, 2, 3], [1]]


async def test_a_caller_that_gives_up_takes_nobody_along():
    begun, go = asyncio.Event(), asyncio.Event()

    async def load(keys):
        begun.set()
        await go.wait()
        return {key: key for key in keys}

    loader = Loader(load)

    async def caller(key):
        return await loader.load(key)

    leaving, staying = asyncio.ensure_future(caller(1)), asyncio.ensure_future(caller(1))
    await begun.wait()
    leaving.cancel()
    go.set()
    assert await staying == 1
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_an_operation_that_is_cancelled_takes_its_loads_along(app_of):
    begun, ended = asyncio.Event(), asyncio.Event()

    @injectable
    class Endless:
        @dataloader
        async def by_id(self, keys: list[int]) -> dict[int, Org]:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with TestApp(app_of(Root, Users, Endless)) as app:
        executor = (await app.get(GraphqlRuntime)).executor
        prepared = executor.prepare("{ users { org { name } } }", None, None)
        running = asyncio.ensure_future(executor.execute(prepared, GraphqlRequest(), {}))
        await begun.wait()
        running.cancel()
        await ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_key_that_is_being_loaded_is_not_loaded_twice():
    begun, go, asked = asyncio.Event(), asyncio.Event(), []

    async def load(keys):
        asked.append(keys)
        begun.set()
        await go.wait()
        return {key: key for key in keys}

    loader = Loader(load)
    first = loader.load(1)
    await begun.wait()
    second = loader.load(1)
    go.set()
    assert [await first, await second, asked] == [1, 1, [[1]]]


async def test_a_load_that_returns_no_mapping_fails_those_that_wait():
    async def load(keys):
        return list(keys)

    with pytest.raises(TypeError, match="returns a mapping of keys to values, not a list"):
        await Loader(load).load(1)


async def test_a_load_that_fails_may_be_asked_again():
    failures = [ValueError("once")]

    async def load(keys):
        if failures:
            raise failures.pop()
        return {key: key for key in keys}

    loader = Loader(load)
    with pytest.raises(ValueError, match="once"):
        await loader.load(1)
    assert await loader.load(1) == 1


async def test_a_load_may_answer_at_once(app_of):
    @injectable
    class Names:
        @dataloader
        def by_id(self, keys: list[int]) -> dict[int, str]:
            return {key: f"number {key}" for key in keys}

    @resolver()
    class Numbers:
        @query()
        async def name(self, id: int, names: Loader[int, str]) -> str | None:
            return await names.load(id)

    async with TestApp(app_of(Names, Numbers)) as test:
        assert (await test.graphql("{ name(id: 3) }")).data == {"name": "number 3"}
