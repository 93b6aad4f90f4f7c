"""What type checkers know of repositories, inputs and operations."""

from __future__ import annotations

import uuid
from typing import assert_type

from piccolo.columns import UUID, Varchar
from piccolo.table import Table

from nestpy_core import Page, injectable
from nestpy_orm import Changes, Creation, Crud, Database, Repository, crud, expose, transactional, uuid7


@expose()
class User(Table, tablename="users"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100)


@injectable
class Directory:
    users: Repository[User]
    database: Database

    async def read(self, key: uuid.UUID) -> None:
        assert_type(await self.users.get(key), User)
        assert_type(await self.users.find_one(key), User | None)
        assert_type(await self.users.find(User.name == "Ada", order=["name"]), list[User])
        assert_type(await self.users.page(first=3), Page[User])
        assert_type(await self.users.count(), int)
        assert_type((await self.users.get(key)).name, str)
        async for user in self.users.stream():
            assert_type(user, User)

    async def write(self, body: Creation[User], changes: Changes[User]) -> None:
        made = await self.users.create(body)
        assert_type(await self.users.update(made.id, changes, name="Eve"), User)
        async with self.database.transaction() as unit:
            assert_type(unit.failed, bool)
        assert_type(await self.database.retry(self.users.count, attempts=2), int)


@crud(User, path="/users")
class UsersResource(Crud[User]):
    async def create(self, body: Creation[User]) -> User:
        return await super().create(body)

    @transactional(isolation="serializable", attempts=3)
    async def update(self, id: uuid.UUID, body: Changes[User]) -> User:  # noqa: A002  # as callers call it
        assert_type(self.repository, Repository[User])
        return await super().update(id, body)


directory = Directory(users=Repository(User, Database(...)), database=...)  # type: ignore[arg-type]  # shape alone
