"""The same operations by resolvers: the real edge behind the transports."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from nestpy_core import App, Denial, injectable, module, public, use_guards
from nestpy_core.errors import DomainError, FailureKind
from nestpy_graphql import GraphqlModule, GraphqlRequest, field, query, resolver, subscription
from nestpy_http import HttpModule


@injectable
class Seen:
    def __init__(self):
        self.open = 0
        self.closed = 0
        self.moved = asyncio.Event()

    def count(self, by):
        self.open += by
        self.closed += by < 0
        self.moved.set()
        self.moved = asyncio.Event()


class AbsentError(DomainError):
    kind = FailureKind.NOT_FOUND


class Mood(msgspec.Struct):
    word: str


@injectable
class KeyGuard:
    posture = True

    def can_activate(self, context):
        return context.headers.get("x-key") == "right" or Denial.unauthorized("no key")


@public
@resolver(Mood)
class Moods:
    seen: Seen

    @query()
    async def hello(self, name: str = "world") -> str:
        return f"Hello {name}"

    @subscription()
    async def count(self, to: int) -> AsyncIterator[int]:
        self.seen.count(1)
        try:
            for number in range(to):
                yield number
        finally:
            self.seen.count(-1)

    @subscription()
    async def endless(self, request: GraphqlRequest) -> AsyncIterator[str]:
        self.seen.count(1)
        try:
            yield str(request.parameters.get("token", "first"))
            await asyncio.Event().wait()
        finally:
            self.seen.count(-1)

    @subscription()
    async def broken(self) -> AsyncIterator[str]:
        yield "fine"
        raise ValueError("secret canary")

    @subscription()
    async def moods(self) -> AsyncIterator[Mood]:
        for word in ("good", "bad", "again"):
            yield Mood(word=word)

    @field()
    async def loud(self, mood: Mood) -> str | None:
        if mood.word == "bad":
            raise AbsentError("this one not")
        return mood.word.upper()


@resolver()
class Secrets:
    @use_guards(KeyGuard)
    @subscription()
    async def secrets(self) -> AsyncIterator[str]:
        yield "secret"


@module(imports=[HttpModule.for_root(), GraphqlModule.for_root()], providers=[Moods, Secrets, Seen, KeyGuard])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
