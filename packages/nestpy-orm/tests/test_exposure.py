"""What leaves the process of an entity, and what its inputs take."""

import msgspec
import pytest
import shop
from piccolo.columns import UUID, ForeignKey, Integer, Timestamptz, Varchar
from piccolo.table import Table
from test_scoping import Rules, abiding

from nestpy_core import App, BootError, Compare, DefinitionError, module
from nestpy_http import HttpModule, controller, get, post
from nestpy_orm import Changes, Creation, Crud, Database, OrmModule, Repository, create_table, crud, expose, uuid7

pytestmark = pytest.mark.anyio


@expose(relations=["org", "boss"], hidden=["salary"])
class Clerk(Table, tablename="clerks"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=50)
    salary = Integer(default=100)
    org = ForeignKey(shop.Org, null=False)
    boss = ForeignKey("self", null=True, default=None)


class Diary(Table, tablename="diaries"):
    id = UUID(primary_key=True, default=uuid7)
    text = Varchar()


@crud(Clerk, path="/clerks")
class ClerkCrud(Crud[Clerk]): ...


async def test_relations_are_shown_as_the_rows_they_refer_to_with_one_query_each(database_url, shop_app):
    async with shop_app(database_url, ClerkCrud) as app:
        await create_table(await app.get(Database), Clerk)
        orgs = Repository(shop.Org, await app.get(Database))
        acme = await orgs.create(name="Acme")
        ada = (await app.http.post("/clerks", json={"name": "Ada", "org": str(acme.id)})).json()
        assert ada["org"] == {"id": str(acme.id), "name": "Acme"}
        assert ada["boss"] is None
        bob = (await app.http.post("/clerks", json={"name": "Bob", "org": str(acme.id), "boss": ada["id"]})).json()
        assert bob["boss"] == {"id": ada["id"], "name": "Ada", "org": str(acme.id), "boss": None}
        listed = (await app.http.get("/clerks?sort=name")).json()
        assert listed == [ada, bob]
        assert "salary" not in str(listed)


async def test_a_relation_that_the_actor_may_not_read_is_not_shown(database_url, shop_app):
    rules = Rules({"read": Compare("name", "ne", "Acme"), "create": Compare("name", "is_null", False)})
    async with shop_app(database_url, ClerkCrud, imports=[abiding(rules)]) as app:
        database = await app.get(Database)
        await create_table(database, Clerk)
        acme = await Repository(shop.Org, database).create(name="Acme")
        made = await app.http.post("/clerks", json={"name": "Ada", "org": str(acme.id)})
        assert (made.status, made.json()["org"]) == (201, None)


def test_inputs_and_outputs_are_structs_of_the_columns():
    created = {field.name: field.required for field in msgspec.structs.fields(Creation[shop.User])}
    assert created == {
        "name": True,
        "email": True,
        "org": True,
        "role": False,
        "age": False,
        "password": False,
        "notes": False,
    }
    changed = msgspec.structs.fields(Changes[shop.User])
    assert {field.name for field in changed} == set(created)
    assert not any(field.required for field in changed)
    assert Creation[shop.User] is Creation[shop.User]
    assert Creation[shop.User].__name__ == "CreateUser"


@controller("/")
class DiaryController:
    @get("/")
    async def read(self) -> list[Diary]:
        return []

    @post("/")
    async def write(self, body: shop.Org) -> None: ...


def test_an_entity_that_is_not_exposed_cannot_be_returned_nor_one_be_taken_as_a_body():
    @module(imports=[HttpModule.for_root(), OrmModule.for_root(url="sqlite://:memory:")], providers=[DiaryController])
    class DiaryModule: ...

    with pytest.raises(BootError) as caught:
        App(DiaryModule, environ={"NESTPY_ENV": "test"})
    report = str(caught.value)
    assert "`DiaryController.read` returns `Diary`, which is not exposed." in report
    assert "Hint: decorate `Diary` with `@expose()`" in report
    assert "`body` of `DiaryController.write` is the entity `Org` itself." in report


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": ["shoe"]}, "names `shoe`, which is no field"),
        ({"relations": ["text"]}, "`text` in `relations=` is no foreign key"),
        ({"soft_delete": "text"}, "`soft_delete=` needs a nullable timestamp"),
        ({"updated": "text"}, "`text` is no timestamp"),
        ({"version": "text"}, "`version=` needs an integer field"),
    ],
)
def test_an_exposure_that_cannot_work_is_refused_at_once(options, text):
    with pytest.raises(DefinitionError, match=text):
        expose(**options)(Diary)


def test_only_entities_are_exposed():
    with pytest.raises(DefinitionError, match="decorates entities, which `int` is not"):
        expose()(int)


def test_identifiers_ascend():
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert {one.version for one in made} == {7}


async def test_columns_that_piccolo_updates_are_kept_up_to_date(open_database):
    class Page(Table, tablename="pages"):
        id = UUID(primary_key=True, default=uuid7)
        text = Varchar()
        changes = Integer(default=0, auto_update=lambda: 7)
        seen_at = Timestamptz()

    async with open_database("sqlite://:memory:") as database:
        await create_table(database, Page)
        pages = Repository(Page, database)
        page = await pages.create(text="x")
        assert (page.changes, (await pages.update(page.id, text="y")).changes) == (0, 7)
