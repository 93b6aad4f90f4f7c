"""Events and transactions meet in a real database: what is undone enlists nothing, the background stands outside."""

import contextlib

import msgspec
import pytest
from piccolo.columns import UUID, Varchar
from piccolo.table import Table

from nestpy_core import module
from nestpy_events import EventBus, EventsModule, listeners, on_event
from nestpy_http import HttpModule, controller, post
from nestpy_orm import Database, OrmModule, Repository, create_table, expose, uuid7
from nestpy_testing import TestApp


@expose()
class Order(Table, tablename="event_orders"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100)


@expose()
class Note(Table, tablename="event_notes"):
    id = UUID(primary_key=True, default=uuid7)
    text = Varchar(length=100)


class OrderPlaced(msgspec.Struct, frozen=True):
    name: str


@listeners
class Notes:
    notes: Repository[Note]

    @on_event(OrderPlaced)
    async def write(self, event: OrderPlaced) -> None:
        await self.notes.create(Note(text=event.name))
        if event.name == "bad note":
            raise OSError("disk full")


@controller("/orders")
class Orders:
    orders: Repository[Order]
    bus: EventBus

    @post("/{way}/{name}")
    async def place(self, way: str, name: str) -> None:
        await self.orders.create(Order(name=name))
        await getattr(self.bus, way)(OrderPlaced(name))
        if name == "bad order":
            raise OSError("disk full")


@pytest.fixture
def placing(tmp_path):
    """Return ``async with placing() as place``, which places an order and returns what is kept of orders and notes."""

    @contextlib.asynccontextmanager
    async def start():
        imports = [HttpModule, EventsModule, OrmModule.for_root(url=f"sqlite:///{tmp_path / 'events.db'}")]

        @module(imports=imports, providers=[Notes, Orders])
        class AppModule: ...

        async with TestApp(AppModule).with_settings({"DATABASE_URL": ""}) as app:
            database = await app.get(Database)
            for entity in (Order, Note):
                await create_table(database, entity)

            async def place(way, name):
                await app.http.post(f"/orders/{way}/{name}")
                await app.events.settle()
                orders = await database.fetch("SELECT name FROM event_orders")
                notes = await database.fetch("SELECT text FROM event_notes")
                return len(orders), len(notes)

            yield place

    return start


@pytest.mark.parametrize("way", ["emit", "publish", "enlist"])
async def test_an_order_that_is_kept_is_noted(placing, way):
    async with placing() as place:
        assert await place(way, "good") == (1, 1)


@pytest.mark.parametrize(
    ("way", "kept"),
    [("emit", (0, 0)), ("publish", (0, 1)), ("enlist", (0, 0))],
    ids=["emitted in the transaction", "published outside of it", "enlisted after it"],
)
async def test_what_becomes_of_the_note_when_the_order_is_undone(placing, way, kept):
    async with placing() as place:
        assert await place(way, "bad order") == kept


@pytest.mark.parametrize("way", ["emit", "publish", "enlist"])
async def test_a_listener_that_fails_undoes_its_own_work_alone(placing, way):
    async with placing() as place:
        assert await place(way, "bad note") == (1, 0)
