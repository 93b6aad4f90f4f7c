"""With nestpy-orm: lists are filtered and masked by one ability, hidden rows leave no trace, writes their condition."""

import asyncio
import contextlib
import json
import logging
import os
from typing import Any

import pytest
from authz_world import Login, User
from piccolo.columns import ForeignKey, Integer, Text
from piccolo.table import Table

from nestpy_authz import AbilityFactory, AuthzModule, CasbinPolicies, as_system, authorize, related
from nestpy_core import APP_GUARD, App, DeniedError, acting_as, injectable, module, provide, public
from nestpy_http import Body, HttpClient, HttpModule, Query, controller, delete, get, patch, post
from nestpy_orm import (
    Database,
    EntityNotFoundError,
    FieldDeniedError,
    OrmConfig,
    OrmModule,
    Repository,
    create_table,
    expose,
)

RACES = int(os.environ.get("AUTHZ_RACES", "300"))
"""`make soak` asks for ten thousand."""


@expose()
class Team(Table):
    id = Integer(primary_key=True)
    org = Integer()


@expose(relations=["team"])
class Note(Table):
    id = Integer(primary_key=True)
    title = Text(unique=True)
    secret = Text(default="")
    org = Integer()
    team = ForeignKey(Team, null=True, default=None)


class Rules(AbilityFactory):
    def define(self, actor, can, cannot):
        org = actor.org_id
        can("read", Note, org=org, fields=["id", "title", "org", "team"])
        can("read", Note, team=related(org=org))
        cannot("read", Note, title="buried")
        cannot("read", Note, fields=["secret"])
        can("read", Team)
        if "writer" in actor.roles:
            can(["create", "update"], Note, org=org, fields=["id", "title", "org"])
            can("delete", Note, org=org)

    def define_visitor(self, can, cannot):
        can("read", Note, org=0, fields=["id", "title"])


@injectable
class Stores:
    notes: Repository[Note]
    teams: Repository[Team]


@injectable
class Factories:
    found: list[AbilityFactory]


@controller("/notes")
class NotesController:
    notes: Repository[Note]

    @authorize("read", Note)
    @get("/")
    async def index(self, order: Query[list[str]] = []) -> list[Note]:  # noqa: B006  # never changed
        return await self.notes.find(order=order)

    @public
    @get("/front")
    async def front(self) -> list[Note]:
        return await self.notes.find()

    @authorize("read", Note)
    @get("/page")
    async def page(
        self,
        order: Query[list[str]] = [],  # noqa: B006  # never changed
        after: Query[str | None] = None,
        title: Query[str | None] = None,
    ) -> Any:
        filters = {"title": title} if title is not None else None
        page = await self.notes.page(order=order, after=after, first=2, filters=filters)
        return {"items": page.items, "next": page.next, "count": await self.notes.count()}

    @authorize("read", Note)
    @get("/leak")
    async def leak(self) -> list[Note]:
        return await self.notes.unscoped("a test of the mask").find(order=["id"])

    @authorize("read", Note)
    @get("/{id}")
    async def one(self, id: int) -> Note:
        return await self.notes.get(id)

    @authorize("create", Note)
    @post("/")
    async def create(self, body: Body[dict[str, str | int]]) -> Note:
        return await self.notes.create(body)

    @authorize("update", Note)
    @patch("/{id}")
    async def update(self, id: int, body: Body[dict[str, str | int]]) -> Note:
        return await self.notes.update(id, body)

    @authorize("delete", Note)
    @delete("/{id}")
    async def delete(self, id: int) -> None:
        await self.notes.delete(id)


ROWS = [
    {"id": 1, "title": "mine", "secret": "canary", "org": 3, "team": None},
    {"id": 2, "title": "ours", "secret": "canary", "org": 8, "team": 1},
    {"id": 4, "title": "buried", "secret": "canary", "org": 3, "team": 1},
    {"id": 5, "title": "front", "secret": "canary", "org": 0, "team": None},
]
HIDDEN = [
    {"id": 3, "title": "theirs", "secret": "canary", "org": 8, "team": 2},
    {"id": 90, "title": "zz canary", "secret": "a", "org": 9, "team": None},
]


@contextlib.asynccontextmanager
async def serving(url, *rows):
    @module(
        imports=[HttpModule, OrmModule.for_root(url=url, cursor_secret="the same"), AuthzModule.for_root(Rules)],
        providers=[Stores, NotesController, provide(APP_GUARD, use_class=Login, multi=True)],
    )
    class NotesModule: ...

    app = App(NotesModule, environ={"NESTPY_ENV": "test"})
    async with app.create_context() as context:
        database = await context.get(Database)
        for table in (Team, Note):
            await create_table(database, table)
        with as_system("the rows of the test"):
            for team, org in ((1, 3), (2, 8)):
                await (await context.get(Stores)).teams.create(id=team, org=org)
            for row in rows:
                await (await context.get(Stores)).notes.create(row)
        client = HttpClient(app.__rsgi__)
        client.context = context
        yield client


@pytest.fixture(params=["postgres", "sqlite"])
def url(request, tmp_path):
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path}/notes.db"


READER, WRITER = {"x-user": "ada"}, {"x-user": "ada writer"}


async def test_a_list_holds_the_rows_and_fields_that_the_actor_may_read(url):
    async with serving(url, *ROWS, *HIDDEN) as client:
        answer = await client.get("/notes?order=id", headers=READER)
        assert answer.json() == [
            {"id": 1, "title": "mine", "org": 3, "team": None},
            {"id": 2, "title": "ours", "org": 8, "team": {"id": 1, "org": 3}},
        ]
        assert (await client.get("/notes/1", headers=READER)).json()["title"] == "mine"
        assert [row["id"] for row in (await client.get("/notes/front")).json()] == [5]
        leaked = await client.get("/notes/leak", headers=READER)
        assert "canary" not in leaked.text
        assert [row["id"] for row in leaked.json()] == [1]


ASKED = [
    "/notes",
    "/notes?order=-id",
    "/notes?order=title",
    "/notes?order=secret",
    "/notes?order=-secret",
    "/notes/page",
    "/notes/page?order=-id",
    "/notes/page?title=theirs",
    "/notes/page?title=mine",
    "/notes/page?order=secret",
    "/notes/leak",
    "/notes/3",
    "/notes/90",
    "/notes/77",
    "/notes/front",
]


async def test_two_worlds_that_differ_in_hidden_rows_alone_give_equal_answers(url, tmp_path):
    async def answers(client):
        found = []
        for target in ASKED:
            answer = await client.get(target, headers=READER)
            headers = {name: value for name, value in answer.headers.items() if name != "date"}
            found.append((target, answer.status, answer.text, headers))
        for method, target, body in (
            ("PATCH", "/notes/3", {"title": "x"}),
            ("PATCH", "/notes/90", {"title": "x"}),
            ("DELETE", "/notes/3", None),
            ("DELETE", "/notes/77", None),
        ):
            answer = await client.request(method, target, headers=WRITER, **({"json": body} if body else {}))
            found.append((method, target, answer.status, answer.text))
        return found

    async with serving(url, *ROWS, *HIDDEN) as client:
        with_hidden = await answers(client)
    async with serving(f"sqlite:///{tmp_path}/other.db", *ROWS) as client:
        without = await answers(client)
    assert with_hidden == without
    hidden = {target: (status, text) for target, status, text, *_ in with_hidden if target.startswith("/")}
    absent = hidden["/notes/77"]
    assert (hidden["/notes/3"][0], hidden["/notes/90"][0], absent[0]) == (404, 404, 404)
    assert hidden["/notes/3"][1].replace("/3", "/77") == absent[1]
    assert hidden["/notes?order=secret"][0] == 403
    assert not any("canary" in text for _, text in hidden.values())


async def test_a_forbidden_field_in_a_body_changes_nothing(url):
    async with serving(url, *ROWS, *HIDDEN) as client:
        for method, target, body in (
            ("PATCH", "/notes/1", {"secret": "x", "title": "changed"}),
            ("PATCH", "/notes/1", {"team": 1}),
            ("POST", "/notes", {"id": 50, "title": "new", "org": 3, "secret": "x"}),
            ("POST", "/notes", {"id": 50, "title": "new", "org": 8}),
            ("PATCH", "/notes/1", {"org": 8}),
            ("PATCH", "/notes/2", {"title": "changed"}),
            ("PATCH", "/notes/3", {"title": "changed"}),
            ("DELETE", "/notes/3", None),
            ("DELETE", "/notes/2", None),
        ):
            answer = await client.request(method, target, headers=WRITER, **({"json": body} if body else {}))
            assert answer.status in (403, 404), (method, target, body, answer.status)
        with as_system("to look"):
            notes = await (await client.context.get(Stores)).notes.find(order=["id"])
        kept = [(note.id, note.title, note.secret, note.org, note.team) for note in notes]
        assert kept == sorted((r["id"], r["title"], r["secret"], r["org"], r["team"]) for r in [*ROWS, *HIDDEN])
        assert (await client.patch("/notes/1", json={"title": "changed"}, headers=WRITER)).json()["title"] == "changed"


@pytest.mark.timeout(120 + RACES // 20)
async def test_a_row_that_leaves_the_actors_reach_between_read_and_write_is_not_written(postgres_url):
    async with serving(postgres_url, {"id": 1, "title": "start", "org": 3}) as client:
        notes = (await client.context.get(Stores)).notes
        database = await client.context.get(Database)
        ada = User("ada", ("writer",), org_id=3)
        written = refused = 0

        async def write(number):
            nonlocal written, refused
            with acting_as(ada):
                try:
                    note = await notes.update(1, title=f"written {number}")
                except (EntityNotFoundError, DeniedError):
                    refused += 1
                else:
                    written += 1
                    assert note.org == 3

        async def move(number):
            await database.execute("UPDATE note SET org = $1", (3 + number % 2,))

        for number in range(RACES):
            await asyncio.gather(*(step(number) for step in ((write, move) if number % 3 else (move, write))))
        await database.execute("UPDATE note SET org = 4, title = 'theirs'")
        await asyncio.gather(*(write(number) for number in range(10)))
        with as_system("to look"):
            assert (await notes.get(1)).title == "theirs"
        assert written > 10
        assert refused > 10


async def test_without_an_actor_code_sees_nothing_and_is_told_how_to_say_otherwise(url, caplog):
    async with serving(url, *ROWS) as client:
        notes = (await client.context.get(Stores)).notes
        caplog.clear()
        assert await notes.find() == []
        assert await notes.count() == 0
        with pytest.raises((FieldDeniedError, DeniedError)):
            await notes.create(id=60, title="x", org=0)
        [warning] = [
            record for record in caplog.records if record.name == "nestpy.authz" and record.levelno == logging.WARNING
        ]
        assert "`unscoped()`" in warning.remedy
        assert len(await notes.unscoped("a test").find()) == len(ROWS)
        with as_system("a test"):
            assert len(await notes.find()) == len(ROWS)


async def test_without_authorization_in_the_app_nothing_is_filtered(url):
    @module(imports=[OrmModule.for_root(url=url)], providers=[Stores])
    class PlainModule: ...

    async with App(PlainModule, environ={"NESTPY_ENV": "test"}).create_context() as context:
        database, notes = await context.get(Database), (await context.get(Stores)).notes
        for table in (Team, Note):
            await create_table(database, table)
        await notes.create(id=1, title="x", org=1)
        assert len(await notes.find()) == 1


MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft, fields, where
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
"""
POLICIES = [
    ("p", ["reader", "Note", "read", "allow", "id title", '({"org": 3})']),
    ("g", ["ada", "reader"]),
]


class PolicyTable:
    """A casbin adapter that reads a table of the app's own database."""

    def __init__(self, database):
        self.database = database

    async def load_policy(self, model):
        for line in await self.database.raw("SELECT kind, vals FROM policies ORDER BY id"):
            model[line["kind"][0]][line["kind"]].policy.append(json.loads(line["vals"]))


class StoredPolicies(CasbinPolicies):
    def __init__(self, database: Database) -> None:
        super().__init__(MODEL, PolicyTable(database), subjects=[Note])


async def test_policies_come_from_a_table_of_the_apps_database(url):
    async def store(number, kind, values):
        await database.raw("INSERT INTO policies VALUES ({}, {}, {})", number, kind, json.dumps(values))

    database = Database(OrmConfig.of(url))
    await database.open()
    await create_table(database, Team)
    await create_table(database, Note)
    await database.execute("CREATE TABLE policies (id INTEGER PRIMARY KEY, kind TEXT, vals TEXT)")
    for number, line in enumerate(POLICIES):
        await store(number, *line)
    for row in ROWS:
        await Repository(Note, database).create({**row, "team": None})

    @module(imports=[OrmModule.for_root(url=url), AuthzModule.for_root(StoredPolicies)], providers=[Stores, Factories])
    class StoredModule: ...

    async with App(StoredModule, environ={"NESTPY_ENV": "test"}).create_context() as context:
        notes = (await context.get(Stores)).notes
        with acting_as(User("ada")):
            assert [note.id for note in await notes.find(order=["id"])] == [1, 4]
            with pytest.raises(FieldDeniedError):
                await notes.find(order=["secret"])
        with acting_as(User("bob")):
            assert await notes.find() == []
        await store(9, "p", ["ada", "Note", "read", "deny", "", '({"title": "buried"})'])
        factories = (await context.get(Factories)).found
        (policies,) = [one for one in factories if isinstance(one, StoredPolicies)]
        await policies.reload()
        with acting_as(User("ada")):
            assert [note.id for note in await notes.find()] == [1]
    await database.close()
