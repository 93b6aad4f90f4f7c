"""NestPy, as `python main.py` starts it; with `STREAMS` it has a subscription, and is served over ASGI for that."""

import os
from collections.abc import AsyncIterator, Awaitable

import msgspec
from data import ORGS, PEOPLE

from nestpy_core import App, injectable, module, public
from nestpy_graphql import Loader, dataloader, field, query, resolver, subscription
from nestpy_http import HttpModule


class Org(msgspec.Struct):
    id: int
    name: str


class User(msgspec.Struct):
    id: int
    name: str
    email: str
    org_id: int


USERS = [User(*person) for person in PEOPLE]


@injectable
class Orgs:
    @dataloader
    async def by_id(self, keys: list[int]) -> dict[int, Org]:
        return {key: Org(key, ORGS[key]) for key in keys}


@public
@resolver(User)
class Users:
    @query()
    async def hello(self) -> str:
        return "world"

    @query(items=100)
    async def users(self) -> list[User]:
        return USERS

    @field()
    def org(self, user: User, orgs: Loader[int, Org]) -> Awaitable[Org | None]:
        return orgs.load(user.org_id)


@public
@resolver()
class Clock:
    @subscription()
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


@module(
    imports=[HttpModule.for_root(port=int(os.environ["PORT"]))],
    providers=[Users, Orgs, *([Clock] if os.environ.get("STREAMS") else [])],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
