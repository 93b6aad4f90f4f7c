"""Methods that wait for nothing: they take no task, and what a loader gives them is awaited for all of them at once."""

import asyncio
from collections.abc import Awaitable

import msgspec
import pytest

from nestpy_core import injectable, module, public
from nestpy_graphql import GraphqlModule, Loader, dataloader, field, query, resolver
from nestpy_http import HttpModule
from nestpy_testing import TestApp


class Org(msgspec.Struct):
    id: int


class User(msgspec.Struct):
    id: int


@injectable
class Orgs:
    def __init__(self) -> None:
        self.loads: list[list[int]] = []
        self.tasks = 0

    @dataloader
    async def by_id(self, keys: list[int]) -> dict[int, Org]:
        self.loads.append(keys)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        if 1013 in keys:
            raise LookupError("secret")
        return {key: Org(key) for key in keys if key != 7}


@public
@resolver(User)
class Users:
    @query(items=1000)
    async def users(self, first: int = 3) -> list[User]:
        return [User(number) for number in range(first)]

    @query()
    async def unlucky(self) -> list[User]:
        return [User(1012), User(1013)]

    @field()
    def org(self, user: User, orgs: Loader[int, Org]) -> Awaitable[Org | None]:
        return orgs.load(user.id)

    @field()
    def label(self, user: User) -> str:
        return f"User {user.id}"

    @field()
    def odd(self, user: User) -> str:
        if user.id % 2:
            raise LookupError("secret")
        return "even"


@public
@resolver(Org)
class OrgFields:
    @field()
    def sister(self, org: Org, orgs: Loader[int, Org]) -> Awaitable[Org | None]:
        return orgs.load(org.id + 100)


@module(
    imports=[HttpModule, GraphqlModule.for_root(max_cost=500)],
    providers=[Users, Orgs, OrgFields],
)
class Root: ...


@pytest.fixture
async def app():
    async with TestApp(Root) as app:
        yield app


async def test_a_hundred_parents_load_once_without_a_task_each(app):
    found = await app.graphql("{ users(first: 100) { id label org { id } } }")
    assert found.errors == []
    assert found.data["users"][42] == {"id": 42, "label": "User 42", "org": {"id": 42}}
    assert found.data["users"][7]["org"] is None
    orgs = await app.get(Orgs)
    assert orgs.loads == [list(range(100))]
    assert orgs.tasks < 20


async def test_loads_within_loads_are_one_for_each_level(app):
    found = await app.graphql("{ users(first: 3) { org { sister { id } } } }")
    assert found.data["users"][2] == {"org": {"sister": {"id": 102}}}
    assert (await app.get(Orgs)).loads == [[0, 1, 2], [100, 101, 102]]


async def test_a_failing_load_is_an_error_of_each_field_that_asked(app):
    found = await app.graphql("{ unlucky { id org { id } } }")
    assert found.data == {"unlucky": [{"id": 1012, "org": None}, {"id": 1013, "org": None}]}
    assert [error["path"] for error in found.errors] == [["unlucky", 0, "org"], ["unlucky", 1, "org"]]
    assert found.codes == ["INTERNAL", "INTERNAL"]


async def test_a_method_that_raises_at_once_takes_no_other_along(app):
    found = await app.graphql("{ users(first: 3) { id odd } }")
    assert found.data is None
    assert [error["path"] for error in found.errors] == [["users", 1, "odd"]]


async def test_lists_that_are_longer_than_they_were_taken_to_be_end_the_operation(app):
    found = await app.graphql("{ users(first: 600) { id } }")
    assert found.codes == ["LIMIT_EXCEEDED"]
    assert "500" in found.errors[0]["message"]
