"""Every kind of column keeps its values, in conditions too, on every database."""

import datetime as dt
import decimal
import uuid

import pytest
from piccolo.columns import (
    JSON,
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    Integer,
    Interval,
    Numeric,
    SmallInt,
    Text,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.table import Table

from nestpy_core import Compare
from nestpy_orm import EntityError, Repository, create_table

pytestmark = pytest.mark.anyio


class Everything(Table, tablename="everything"):
    text = Text()
    small = SmallInt()
    number = Integer()
    big = BigInt()
    exact = Numeric(digits=(10, 2))
    real = DoublePrecision()
    yes = Boolean()
    day = Date()
    hour = Time()
    moment = Timestamp()
    instant = Timestamptz()
    span = Interval()
    raw = Bytea()
    key = UUID()
    words = Array(base_column=Varchar())
    document = JSON()
    binary = JSONB()


VALUES = {
    "text": "ä {} ' \" ? $1",
    "small": -5,
    "number": 2**31 - 1,
    "big": -(2**63),
    "exact": decimal.Decimal("12.50"),
    "real": 0.1,
    "yes": True,
    "day": dt.date(2026, 2, 3),
    "hour": dt.time(4, 5, 6),
    "moment": dt.datetime(2026, 2, 3, 4, 5, 6, 789),  # noqa: DTZ001  # a column without a zone
    "instant": dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
    "span": dt.timedelta(days=1, seconds=2),
    "raw": b"\x00\xff",
    "key": uuid.UUID(int=7),
    "words": ["a", "b"],
    "document": {"a": [1, None, "x"]},
    "binary": "text",
}
ORDERED = ("text", "small", "number", "big", "exact", "real", "day", "hour", "moment", "instant", "span", "key")


@pytest.fixture
async def rows(database):
    await create_table(database, Everything)
    return Repository(Everything, database)


async def test_values_come_back_as_they_were(rows):
    made = await rows.create(VALUES)
    read = await rows.get(made.id)
    assert {name: getattr(read, name) for name in VALUES} == VALUES
    assert (made.id, (await rows.create(VALUES)).id) == (1, 2)


@pytest.mark.parametrize("name", [name for name in VALUES if name not in ("words", "document", "binary")])
async def test_values_are_found_by_themselves(rows, name):
    await rows.create(VALUES)
    assert await rows.count(Compare(name, "eq", VALUES[name])) == 1
    assert await rows.count(Compare(name, "in", (VALUES[name],))) == 1
    assert await rows.count(Compare(name, "ne", VALUES[name])) == 0
    assert (await rows.page(filters={name: VALUES[name]})).items


@pytest.mark.parametrize("name", ORDERED)
async def test_lists_go_on_behind_a_value_of_every_type(rows, name):
    for _ in range(3):
        await rows.create(VALUES)
    seen, after = [], None
    while True:
        page = await rows.page(order=[name], first=1, after=after)
        seen += [item.id for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [1, 2, 3]


class Ticket(Table, tablename="tickets"):
    text = Text()


async def test_an_instance_whose_key_the_database_counts_up_is_made_anywhere(database):
    await create_table(database, Ticket)
    tickets = Repository(Ticket, database)
    made = [await tickets.create(Ticket(text=text)) for text in ("one", "two")]
    assert [ticket.id for ticket in made] == [1, 2]
    assert [ticket.text for ticket in await tickets.find(order=["id"])] == ["one", "two"]
    with pytest.raises(EntityError, match="does not say which database"):
        await Ticket.select()
