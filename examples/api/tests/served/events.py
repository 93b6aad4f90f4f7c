import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import ClassVar

import msgspec
from piccolo.columns import UUID, Varchar
from piccolo.table import Table

from nestpy_authz import AbilityFactory, AuthzModule, authorize
from nestpy_core import App, injectable, module, provide, public, use_guards
from nestpy_graphql import GraphqlContext, field, mutation, query, resolver, subscription
from nestpy_http import HttpModule
from nestpy_orm import OrmModule, expose

ID = uuid.UUID(int=1)


@expose()
class Person(Table):
    id = UUID(primary_key=True)
    name = Varchar()
    note = Varchar(null=True, default=None)


class Pair(msgspec.Struct):
    first: Person
    all: list[Person]


class Caller(msgspec.Struct, frozen=True):
    id: str


@injectable
class Desk:
    """What an administrator does while others listen."""

    def __init__(self) -> None:
        self.level = 2
        self.said = 0
        self.begun = 0
        self.changed = asyncio.Condition()

    async def listen(self) -> AsyncIterator[int]:
        heard = self.said
        self.begun += 1
        while True:
            async with self.changed:
                while self.said == heard:
                    await self.changed.wait()
            heard += 1
            yield heard


@injectable
class Rules(AbilityFactory):
    desk: Desk

    def version(self) -> int:
        return self.desk.level

    def define_visitor(self, can, cannot):
        if self.desk.level >= 1:
            can("read", Person, fields=["id", "name"])

    def define(self, actor, can, cannot):
        can("listen", "people")
        if self.desk.level >= 1:
            can("read", Person, fields=None if self.desk.level > 1 else ["id", "name"])
        if self.desk.level >= 2:
            can("read", "secrets")


@injectable
class Known:
    posture: ClassVar[bool] = True

    def can_activate(self, context: GraphqlContext) -> bool:
        context.actor = Caller("ann")
        return True


def person() -> Person:
    return Person(id=ID, name="Ada", note="confidential")


@use_guards(Known)
@authorize("listen", "people")
@resolver(Person)
class People:
    desk: Desk

    @subscription()
    async def joined(self) -> AsyncIterator[Person]:
        async for _ in self.desk.listen():
            yield person()

    @subscription()
    async def pairs(self) -> AsyncIterator[Pair | None]:
        async for _ in self.desk.listen():
            yield Pair(person(), [person(), person()])

    @field()
    @use_guards(Known)
    @authorize("read", "secrets")
    async def secret(self, person: Person) -> str | None:
        return "told"


@public
@resolver()
class Desks:
    desk: Desk

    @subscription()
    async def seen(self) -> AsyncIterator[Person]:
        async for _ in self.desk.listen():
            yield person()

    @query()
    def begun(self) -> int:
        return self.desk.begun

    @mutation()
    async def say(self, level: int) -> int:
        async with self.desk.changed:
            self.desk.level = level
            self.desk.said += 1
            self.desk.changed.notify_all()
        return self.desk.said


@module(
    imports=[HttpModule.for_root(), OrmModule.for_root(url="sqlite:///events.sqlite"), AuthzModule],
    providers=[People, Desks, Desk, Known, provide(AbilityFactory, use_class=Rules, multi=True)],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
