"""What is easily written wrong is refused where it stands, or works."""

import msgspec
import pytest
import shop

from nestpy_core import App, BootError, DefinitionError, injectable, module
from nestpy_http import HttpModule, controller, get
from nestpy_orm import (
    Crud,
    Database,
    EntityError,
    OrmModule,
    QueryError,
    Repository,
    WriteInQueryError,
    crud,
    expose,
    transactional,
)
from nestpy_testing import TestApp


class Plain(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("decorate", "word", "example"),
    [
        (lambda: expose(shop.Org), "@expose", "@expose()"),
        (lambda: crud(type("Orgs", (Crud,), {})), "@crud", '@crud(User, path="/users")'),
        (lambda: transactional(test_a_repository_is_of_an_entity), "@transactional", "@transactional()"),
    ],
)
def test_a_decorator_without_its_parentheses_is_refused(decorate, word, example):
    with pytest.raises(DefinitionError) as caught:
        decorate()
    assert (
        str(caught.value) == f"`{word}` stands above what it decorates without its arguments.\nHint: write `{example}`"
    )


def test_crud_and_its_base_are_about_one_entity():
    with pytest.raises(DefinitionError) as caught:

        @crud(shop.Org, path="/orgs")
        class OrgCrud(Crud[shop.User]): ...

    assert str(caught.value) == (
        "`@crud(Org)` stands on `OrgCrud`, which derives from `Crud[User]`.\nHint: write `class OrgCrud(Crud[Org]):`"
    )


@pytest.mark.parametrize("only", [("lst",), "list", ("list", "read"), [["list"]], None])
def test_crud_offers_operations_that_there_are(only):
    with pytest.raises(DefinitionError) as caught:
        crud(shop.Org, path="/orgs", only=only)
    assert str(caught.value) == (
        f"`@crud(Org, only={only!r})` names what is no operation.\n"
        'Hint: it takes a tuple of "list", "get", "create", "update", "delete", for instance `only=("list",)`'
    )


def test_a_repository_is_of_an_entity():
    @injectable
    class Stores:
        plain: Repository[Plain]

    @module(imports=[OrmModule.for_root(url="sqlite://:memory:")], providers=[Stores])
    class AppModule: ...

    with pytest.raises(BootError) as caught:
        App(AppModule, environ={"NESTPY_ENV": "test"})
    (problem,) = caught.value.exceptions
    assert str(problem) == (
        "`Repository[Plain]` is asked for, and `Plain` is no entity.\nHint: derive `Plain` from `piccolo.table.Table`"
    )


def test_nobody_derives_from_a_repository():
    with pytest.raises(DefinitionError) as caught:

        @injectable
        class Users(Repository[shop.User]): ...

    assert str(caught.value) == (
        "`Users` derives from `Repository[User]`, which nobody does: what is injected would be another one.\n"
        "Hint: give a service the field `rows: Repository[User]`, and your queries as its methods"
    )
    with pytest.raises(DefinitionError, match="`Users` derives from `Repository`, which"):
        type("Users", (Repository,), {})


async def test_a_condition_of_another_kind_says_what_one_is(orgs):
    with pytest.raises(EntityError, match=r"Hint: write `Org\.name == …`, or core's `Compare\(\"name\", \"eq\", …\)`"):
        await orgs.find({"name": "Acme"})


@controller("/orgs")
class OrgsController:
    database: Database

    @get("/{name}")
    async def read(self, name: str) -> list[str | None]:
        queries = shop.Org.select(shop.Org.name)
        found = [
            await self.database.run(shop.Org.objects().first()),
            await self.database.run(shop.Org.objects().get(shop.Org.name == name)),
        ]
        texts = await self.database.run(queries.output(as_list=True))
        first = await self.database.run(queries.first())
        return [*(None if one is None else one.name for one in found), *texts, first and first["name"]]

    @get("/{name}/raw")
    async def raw(self, name: str) -> list[dict[str, str]]:
        return await self.database.raw(
            "WITH found AS (SELECT name FROM orgs WHERE name = {}) SELECT * FROM found", name
        )

    @get("/{name}/write")
    async def write(self, name: str) -> list[dict[str, str]]:
        return await self.database.raw("WITH one AS (SELECT 1) UPDATE orgs SET name = {}", name)

    @get("/{name}/make")
    async def make(self, name: str) -> None:
        await self.database.run(shop.Org.objects().get_or_create(shop.Org.name == name))


async def test_whatever_reads_may_be_asked_where_nothing_is_written(database_url, caplog):
    @module(imports=[HttpModule, OrmModule.for_root(url=database_url)], providers=[OrgsController])
    class AppModule: ...

    async with TestApp(AppModule).with_settings({"DATABASE_URL": ""}) as app:
        database = await app.get(Database)
        await shop.create_tables(database)
        await database.run(shop.Org.insert(shop.Org(name="Acme")))
        assert (await app.http.get("/orgs/Acme")).json() == ["Acme"] * 4
        assert (await app.http.get("/orgs/Acme/raw")).json() == [{"name": "Acme"}]
        for path in ("/orgs/Evil/write", "/orgs/Evil/make"):
            assert (await app.http.get(path)).status == 500
            assert issubclass(caplog.records[-1].exc_info[0], WriteInQueryError)
            assert "decorate it with `@transactional()`" in str(caplog.records[-1].exc_info[1])
        assert await database.run(shop.Org.count()) == 1


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere", "SELECT absent FROM orgs"])
async def test_a_table_or_column_that_is_not_there_points_at_the_migrations(database, sql):
    with pytest.raises(QueryError, match=r"\nHint: run the migrations that have not run yet: `nestpy db up TARGET`"):
        await database.raw(sql)


async def test_a_statement_that_is_wrong_otherwise_does_not(database):
    with pytest.raises(QueryError) as caught:
        await database.raw("SELECT FROM WHERE")
    assert "Hint" not in str(caught.value)
