"""Units of work and statements of GraphQL operations over the entities of the examples."""

import asyncio
import contextlib
import uuid

import pytest
from example_db import ACME, MIGRATIONS, Org, User, seed

from nestpy_core import module, running_unit
from nestpy_graphql import GraphqlModule, mutation, query, resolver
from nestpy_http import HttpModule
from nestpy_orm import Crud, Database, OrmModule, Repository, crud, ensure
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


@crud(Org, path="/orgs")
class Orgs(Crud[Org]): ...


@crud(User, path="/users")
class Users(Crud[User]): ...


@resolver()
class Work:
    orgs: Repository[Org]

    def __init__(self, orgs: Repository[Org]) -> None:
        self.orgs = orgs
        self.units = []
        self.all = asyncio.Event()

    @query()
    async def written(self) -> str:
        made = await self.orgs.create(name="written by a query")
        return made.name

    @query()
    async def unit(self) -> int:
        self.units.append(running_unit.get())
        if len(self.units) == 3:
            self.all.set()
        await self.all.wait()
        return await self.orgs.count()

    @mutation()
    async def half(self) -> str:
        await self.orgs.create(name="half done")
        raise ValueError("canary")


@module(
    imports=[
        HttpModule.for_root(port=0),
        OrmModule.for_root(url="sqlite:///units.sqlite", migrations=MIGRATIONS, seeds=[seed], auto_migrate=True),
        GraphqlModule.for_root(max_cost=10**6),
    ],
    providers=[Orgs, Users, Work],
)
class UnitsModule: ...


@pytest.fixture(params=["sqlite", "postgres"])
async def app(request, tmp_path, start_app):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"
    return await start_app(TestApp(UnitsModule).with_settings({"DATABASE_URL": url}))


async def names(app):
    found = await app.graphql("{ orgs(first: 100) { items { name } } }")
    return {org["name"] for org in found.data["orgs"]["items"]}


async def test_a_query_writes_nothing(app):
    before = await names(app)
    found = await app.graphql("{ written }")
    assert (found.data, found.codes) == (None, ["INTERNAL"])
    assert await names(app) == before


async def test_a_mutation_that_fails_leaves_nothing(app):
    before = await names(app)
    found = await app.graphql("mutation { half }")
    assert (found.data, found.codes, "canary" in str(found)) == (None, ["INTERNAL"], False)
    assert await names(app) == before


async def test_fields_of_a_query_share_no_unit_of_work(app):
    work = await app.get(Work)
    found = await app.graphql("{ a: unit b: unit c: unit }")
    assert (found.errors, found.data) == ([], {"a": 2, "b": 2, "c": 2})
    assert len({id(unit) for unit in work.units}) == 3


@contextlib.contextmanager
def counting(database, monkeypatch):
    """Give a list to which each statement adds how many rows it has read."""
    statements, fetch = [], database.fetch

    async def counted(*arguments, **options):
        rows = await fetch(*arguments, **options)
        statements.append(len(rows))
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(database, "fetch", counted)
        yield statements


async def test_a_thousand_nodes_cost_one_statement_for_each_level(app, monkeypatch):
    database = await app.get(Database)
    orgs = [{"id": uuid.uuid4(), "name": f"org {number}"} for number in range(48)]
    await ensure(database, Org, *orgs)
    users = [
        {
            "name": f"user {number}",
            "email": f"{number}@x.example",
            "org_id": orgs[number % 48]["id"],
            "id": uuid.uuid4(),
        }
        for number in range(48 * 20)
    ]
    await ensure(database, User, *users)
    source = "{ orgs(first: 100) { items { name users(first: 20) { items { name org { name } } } } } }"
    with counting(database, monkeypatch) as statements:
        found = await app.graphql(source)
    assert found.errors == []
    rows = [user for org in found.data["orgs"]["items"] for user in org["users"]["items"]]
    assert (len(found.data["orgs"]["items"]), len(rows)) == (50, 48 * 20 + 5)
    assert {user["org"]["name"] for user in rows} >= {"Acme", "org 1", "org 47"}
    assert 0 < len(statements) <= 3


async def test_a_row_by_its_key_costs_one_statement_for_each_relation(app, monkeypatch):
    database = await app.get(Database)
    with counting(database, monkeypatch) as statements:
        found = await app.graphql(f'{{ org(id: "{ACME}") {{ users {{ items {{ org {{ name }} }} }} }} }}')
    assert {user["org"]["name"] for user in found.data["org"]["users"]["items"]} == {"Acme"}
    assert 0 < len(statements) <= 3
