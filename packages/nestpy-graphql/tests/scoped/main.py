"""An app whose operations hold something: what a client that goes leaves behind can be asked for."""

import asyncio
from collections.abc import AsyncIterator

from nestpy_core import App, Inject, Scope, injectable, module, provide, public
from nestpy_graphql import query, resolver, subscription
from nestpy_http import HttpModule


@injectable
class Held:
    def __init__(self) -> None:
        self.opened = self.open = 0


class Session: ...


async def session(held: Held) -> AsyncIterator[Session]:
    held.opened += 1
    held.open += 1
    try:
        yield Session()
    finally:
        await asyncio.sleep(0)
        held.open -= 1


@public
@resolver()
class Root:
    held: Held

    @query()
    def counts(self) -> list[int]:
        return [self.held.opened, self.held.open]

    @query()
    async def waits(self, session: Inject[Session]) -> str:
        return await asyncio.Event().wait() and "never"

    @subscription()
    async def events(self, session: Inject[Session]) -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()


@module(
    imports=[HttpModule.for_root()],
    providers=[Root, Held, provide(Session, use_factory=session, scope=Scope.REQUEST)],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
