"""A world of rows in PostgreSQL and SQLite, and what the gate, both databases and the oracle say of a policy."""

import contextlib

from piccolo.columns import (
    UUID,
    BigInt,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    ForeignKey,
    Integer,
    Numeric,
    Text,
    Timestamp,
    Timestamptz,
)
from piccolo.table import Table
from policies import allowed, shown, write

from nestpy_authz import Abilities, AbilityFactory, AuthzModule
from nestpy_core import App, acting_as, module
from nestpy_orm import Database, OrmModule, Repository, create_table, expose


@expose()
class Owner(Table):
    id = Integer(primary_key=True)
    org = Integer(null=True, default=None)
    label = Text(null=True, default=None)


@expose()
class Thing(Table):
    id = Integer(primary_key=True)
    number = BigInt(null=True, default=None)
    name = Text(null=True, default=None)
    ratio = DoublePrecision(null=True, default=None)
    price = Numeric(digits=(10, 2), null=True, default=None)
    flag = Boolean(null=True, default=None)
    moment = Timestamptz(null=True, default=None)
    local = Timestamp(null=True, default=None)
    day = Date(null=True, default=None)
    key = UUID(null=True, default=None)
    blob = Bytea(null=True, default=None)
    owner = ForeignKey(Owner, null=True, default=None)


COLUMNS = ("id", "number", "name", "ratio", "price", "flag", "moment", "local", "day", "key", "blob", "owner")
SUBJECTS = {"Thing": Thing, "Owner": Owner}


class Principal:
    """Whoever the current policy is about; a new object for each, so that no ability is kept."""

    def __init__(self, policy):
        self.id = "somebody"
        self.roles = ()
        self.policy = policy


class Rules(AbilityFactory):
    def define(self, actor, can, cannot):
        write(actor.policy, SUBJECTS, can, cannot)


class World:
    """One database with the rows, whose instances have their owner loaded."""

    async def open(self, context, owners, rows):
        self.database = await context.get(Database)
        self.abilities = await context.get(Abilities)
        self.things = Repository(Thing, self.database, self.abilities)
        unscoped = Repository(Thing, self.database)
        for table in (Owner, Thing):
            await create_table(self.database, table)
        if self.database.dialect == "postgres":
            await self.database.raw('ALTER TABLE thing ALTER COLUMN name TYPE text COLLATE "en-US-x-icu"')
        people = Repository(Owner, self.database)
        for owner in owners:
            await people.create(owner)
        async with self.database.transaction():
            for row in rows:
                await unscoped.create({name: row[name] for name in COLUMNS})
        loaded = {one.id: one for one in await people.find()}
        self.instances = await unscoped.find(order=["id"])
        for one in self.instances:
            one.owner = loaded.get(one.owner)
        return self

    async def selected(self, policy):
        """Return the ids that a list of this principal holds."""
        with acting_as(Principal(policy)):
            return {one.id for one in await self.things.find()}

    async def related(self, policy, owners, first):
        """Return, for each owner, the ids of its things in the order of all of its pages."""
        with acting_as(Principal(policy)):
            pages = await self.things.related("owner", owners, first=first)
            found = {owner: [one.id for one in page.items] for owner, page in pages.items()}
            for owner, page in pages.items():
                after = page.next
                while after is not None:
                    more = (await self.things.related("owner", [owner], first=first, after=after))[owner]
                    found[owner] += [one.id for one in more.items]
                    after = more.next
        return found

    async def by_keys(self, policy, ids):
        """Return which of these ids are found."""
        with acting_as(Principal(policy)):
            return set(await self.things.by_keys(ids))


@contextlib.asynccontextmanager
async def world(url, owners, rows):
    @module(imports=[OrmModule.for_root(url=url), AuthzModule.for_root(Rules)])
    class WorldModule: ...

    async with App(WorldModule, environ={"NESTPY_ENV": "test"}).create_context() as context:
        yield await World().open(context, owners, rows)


def by_oracle(policy, rows):
    return {row["id"] for row in rows if allowed(policy, "read", row)}


def related_by_oracle(policy, rows, owners):
    ids = sorted(by_oracle(policy, rows))
    owner_of = {row["id"]: row["owner"] for row in rows}
    return {owner: [one for one in ids if owner_of[one] == owner] for owner in owners}


def by_gate(world, policy):
    ability = world.abilities.of(Principal(policy))
    return {one.id for one in world.instances if ability.can("read", one)}


def fields_by_gate(world, policy):
    ability = world.abilities.of(Principal(policy))
    found = {}
    for one in world.instances:
        if ability.can("read", one):
            fields = ability.fields("read", one)
            found[one.id] = set(COLUMNS) if fields is None else fields & set(COLUMNS)
    return found


def fields_by_oracle(policy, rows):
    return {row["id"]: shown(policy, row, COLUMNS) for row in rows if allowed(policy, "read", row)}
