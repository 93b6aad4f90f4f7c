"""With nestpy-orm: what a write returns is shown as a read would show it, also where a rule leads to another entity."""

import contextlib

import pytest
from authz_world import Login
from piccolo.columns import ForeignKey, Integer, Text
from piccolo.table import Table

from nestpy_authz import AbilityFactory, AuthzModule, as_system, authorize, predicate, related
from nestpy_core import APP_GUARD, App, module, provide
from nestpy_http import HttpClient, HttpModule, controller, patch, post
from nestpy_orm import Changes, Creation, Database, OrmModule, Repository, create_table, expose


@expose()
class Board(Table):
    id = Integer(primary_key=True)
    org = Integer()


@expose(optional=["text"])
class Card(Table):
    id = Integer(primary_key=True)
    text = Text()
    board = ForeignKey(Board, null=False)


class OfBoards(AbilityFactory):
    def define(self, actor, can, cannot):
        can("read", Card, board=related(org=actor.org_id))
        can(["create", "update"], Card)


class ByPredicate(AbilityFactory):
    def define(self, actor, can, cannot):
        can("read", Card, self.is_short)
        can("create", Card)

    @predicate("read", Card)
    def is_short(self, card):
        return len(card.text) < 9


@authorize("create", Card)
@controller("/cards")
class CardsController:
    cards: Repository[Card]

    @post("/{id}")
    async def create(self, id: int, body: Creation[Card]) -> Card:
        return await self.cards.create(body, id=id)

    @patch("/{id}")
    async def update(self, id: int, body: Changes[Card]) -> Card:
        return await self.cards.update(id, body)


@contextlib.asynccontextmanager
async def serving(url, rules):
    @module(
        imports=[HttpModule, OrmModule.for_root(url=url), AuthzModule.for_root(rules)],
        providers=[CardsController, provide(APP_GUARD, use_class=Login, multi=True)],
    )
    class BoardsModule: ...

    app = App(BoardsModule, environ={"NESTPY_ENV": "test"})
    async with app.create_context() as context:
        database = await context.get(Database)
        for table in (Board, Card):
            await create_table(database, table)
        with as_system("the rows of the test"):
            for board, org in ((1, 3), (2, 8)):
                await database.run(Board.insert(Board(id=board, org=org)))
        yield HttpClient(app.__rsgi__, headers={"x-user": "ada"})


@pytest.fixture(params=["postgres", "sqlite"])
def url(request, tmp_path):
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path}/cards.db"


async def test_a_row_that_was_made_or_changed_within_reach_is_shown(url):
    async with serving(url, OfBoards) as client:
        made = await client.post("/cards/1", json={"text": "new", "board": 1})
        assert (made.status, made.json()) == (201, {"id": 1, "text": "new", "board": 1})
        for changes in ({"text": "changed"}, {"board": 1}, {}):
            changed = await client.patch("/cards/1", json=changes)
            assert (changed.status, changed.json()) == (200, {"id": 1, "text": "changed", "board": 1})


async def test_a_row_that_was_made_or_moved_beyond_reach_shows_nothing(url):
    async with serving(url, OfBoards) as client:
        assert (await client.post("/cards/1", json={"text": "new", "board": 2})).json() == {}
        assert (await client.patch("/cards/1", json={})).json() == {}
        assert (await client.post("/cards/2", json={"text": "new", "board": 1})).json()["id"] == 2
        assert (await client.patch("/cards/2", json={"board": 2})).json() == {}


async def test_what_no_query_can_tell_of_a_written_row_the_row_tells_itself(url):
    async with serving(url, ByPredicate) as client:
        assert (await client.post("/cards/1", json={"text": "short", "board": 1})).json()["text"] == "short"
        assert (await client.post("/cards/2", json={"text": "not so short", "board": 1})).json() == {}
