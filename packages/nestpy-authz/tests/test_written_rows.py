"""With nestpy-orm: what is written, or read for another action, is shown as a read would show it, rules that lead to
other entities included."""

import contextlib

import pytest
from authz_world import Login
from piccolo.columns import ForeignKey, Integer, Text
from piccolo.table import Table

from nestpy_authz import Abilities, AbilityFactory, AuthzModule, as_system, authorize, is_in, predicate, related
from nestpy_core import APP_GUARD, App, Compare, module, provide
from nestpy_http import HttpClient, HttpModule, Query, controller, get, patch, post
from nestpy_orm import Changes, Creation, Database, OrmModule, Repository, create_table, expose, transactional


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


class OfBoardsAlone(AbilityFactory):
    edition = 0

    def version(self):
        return self.edition

    def define(self, actor, can, cannot):
        can("read", Card, board=related(org=actor.org_id), fields=["id", "text"])
        can("update", Card, board=related(org=is_in([actor.org_id, 8])))
        can("create", Card)
        cannot("read", Card, fields=["text"], board=related(org=5))


class ByPredicate(AbilityFactory):
    def define(self, actor, can, cannot):
        can("read", Card, self.is_short)
        can(["create", "update"], Card)

    @predicate("read", Card)
    def is_short(self, card):
        return len(card.text) < 9


@authorize("create", Card)
@controller("/cards")
class CardsController:
    cards: Repository[Card]
    abilities: Abilities

    @post("/{id}")
    async def create(self, id: int, body: Creation[Card]) -> Card:
        return await self.cards.create(body, id=id)

    @get("/{id}")
    @transactional()
    async def one(self, id: int, lock: Query[bool] = False) -> Card:
        return await self.cards.get(id, action="update", lock=lock)

    @get("/{id}/may")
    async def may(self, id: int) -> dict[str, bool]:
        card = await self.cards.get(id, action="update")
        ability = self.abilities.current()
        return {action: ability.can(action, card) for action in ("read", "update", "delete")}

    @get("/{id}/as-another")
    async def as_another(self, id: int) -> Card:
        card = await self.cards.get(id, action="update")
        self.abilities.factories[-1].edition += 1
        return card

    @patch("/{id}")
    async def update(self, id: int, body: Changes[Card]) -> Card:
        return await self.cards.update(id, body)


@authorize("update", Card)
@controller("/lists")
class ListsController:
    cards: Repository[Card]

    @get("/")
    async def listed(self) -> list[Card]:
        return await self.cards.find(order=["id"], action="update")

    @get("/page")
    async def page(self) -> list[Card]:
        found = await self.cards.page(Compare("text", "eq", "x"), order=["id"], action="update")
        return found.items

    @get("/stream")
    async def streamed(self) -> list[Card]:
        return [card async for card in self.cards.stream(Compare("text", "eq", "x"), action="update")]


@contextlib.asynccontextmanager
async def serving(url, rules, *lists):
    @module(
        imports=[HttpModule, OrmModule.for_root(url=url), AuthzModule.for_root(rules)],
        providers=[CardsController, *lists, provide(APP_GUARD, use_class=Login, multi=True)],
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


@contextlib.asynccontextmanager
async def of_two_boards(url, rules):
    async with serving(url, rules, ListsController) as client:
        for card, board in ((1, 1), (2, 2)):
            assert (await client.post(f"/cards/{card}", json={"text": "x", "board": board})).status == 201
        yield client


async def test_a_row_that_was_read_for_another_action_is_shown_where_a_read_would_have_found_it(url):
    mine = {"id": 1, "text": "x", "board": 1}
    async with of_two_boards(url, OfBoards) as client:
        for path in ("/cards/1", "/cards/1?lock=true"):
            assert (await client.get(path)).json() == mine
        for path in ("/cards/2", "/cards/2?lock=true"):
            assert (await client.get(path)).json() == {}
        for path in ("/lists", "/lists/page", "/lists/stream"):
            assert (await client.get(path)).json() == [mine]


async def test_a_row_that_was_read_under_a_rule_that_leads_on_as_well_shows_the_fields_that_a_read_shows(url):
    async with of_two_boards(url, OfBoardsAlone) as client:
        for path in ("/cards/1", "/cards/1?lock=true"):
            assert (await client.get(path)).json() == {"id": 1}
        assert (await client.get("/cards/2")).json() == {}
        for path in ("/lists", "/lists/page", "/lists/stream"):
            assert (await client.get(path)).json() == [{"id": 1}]
        assert (await client.get("/cards/1/may")).json() == {"read": True, "update": True, "delete": False}
        assert (await client.get("/cards/2/may")).json() == {"read": False, "update": True, "delete": False}


async def test_what_one_ability_was_told_of_a_row_another_does_not_know(url):
    async with of_two_boards(url, OfBoardsAlone) as client:
        assert (await client.get("/cards/1/as-another")).json() == {}


async def test_a_row_that_was_read_for_another_action_tells_itself_what_no_query_can(url):
    async with serving(url, ByPredicate) as client:
        for card, text in ((1, "short"), (2, "not so short")):
            await client.post(f"/cards/{card}", json={"text": text, "board": 1})
        assert (await client.get("/cards/1")).json()["text"] == "short"
        assert (await client.get("/cards/2")).json() == {}
