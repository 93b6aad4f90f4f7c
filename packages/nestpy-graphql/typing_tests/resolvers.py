"""What type checkers conclude about resolvers and loaders; checked, never run."""

from collections.abc import AsyncIterator
from typing import Annotated, assert_type

import msgspec

from nestpy_core import Scope
from nestpy_graphql import (
    GraphqlRequest,
    Loader,
    dataloader,
    field,
    interface,
    mutation,
    query,
    resolver,
    subscription,
    type_options,
)


class Org(msgspec.Struct):
    name: str


@interface
class User(msgspec.Struct):
    name: str
    org_id: int
    nick: Annotated[str, type_options(deprecated="use `name`")] = ""


class Orgs:
    @dataloader
    async def by_id(self, keys: list[int]) -> dict[int, Org]:
        return {key: Org(str(key)) for key in keys}


@resolver(User)
class Users:
    orgs: Orgs

    @query()
    async def users(self, request: GraphqlRequest, first: int = 3) -> list[User]:
        return [User(request.kind, first)]

    @mutation("rename", deprecated="no more")
    def rename_user(self, name: str) -> bool:
        return bool(name)

    @subscription()
    async def named(self) -> AsyncIterator[User]:
        yield User("x", 1)

    @field(cost=2, items=10)
    async def org(self, user: User, orgs: Loader[int, Org]) -> Org | None:
        found = await orgs.load(user.org_id)
        assert_type(found, Org | None)
        return found


@resolver(scope=Scope.REQUEST)
class Scoped:
    orgs: Orgs


async def use(loader: Loader[int, Org], request: GraphqlRequest) -> None:
    orgs = Orgs()
    users = Users(orgs=orgs)
    Scoped(orgs=orgs)
    assert_type(await users.users(request), list[User])
    assert_type(users.rename_user("x"), bool)
    assert_type(await loader.load_many([1, 2]), list[Org | None])
    assert_type(Loader(orgs.by_id), Loader[int, Org])
    await loader.load("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Users(orgs)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    query(cost="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
