"""The entities that the tests are about."""

import enum

from piccolo.columns import JSON, UUID, Email, ForeignKey, Integer, OnDelete, Timestamptz, Varchar
from piccolo.table import Table

from nestpy_orm import create_table, expose, uuid7


class Role(enum.Enum):
    admin = "admin"
    user = "user"


@expose()
class Org(Table, tablename="orgs"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100, unique=True)


@expose(created="created_at", updated="updated_at", write_only=["password"], optional=["password"])
class User(Table, tablename="users"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100)
    email = Email(unique=True)
    org = ForeignKey(Org, null=False, on_delete=OnDelete.restrict)
    role = Varchar(choices=Role, default=Role.user)
    age = Integer(null=True, default=None)
    password = Varchar(secret=True)
    notes = JSON(null=True, default=None)
    created_at = Timestamptz()
    updated_at = Timestamptz()


@expose(soft_delete="deleted_at", version="version", read_only=["deleted_at"])
class Note(Table, tablename="notes"):
    id = UUID(primary_key=True, default=uuid7)
    text = Varchar(length=200)
    version = Integer(default=1)
    deleted_at = Timestamptz(null=True, default=None)


ENTITIES = (Org, User, Note)


async def create_tables(database):
    for entity in ENTITIES:
        await create_table(database, entity)
