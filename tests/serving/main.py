"""The application that the tests of servers serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import msgspec

from nestpy_core import App, injectable, module, on_application_bootstrap, on_application_shutdown
from nestpy_http import (
    Body,
    Header,
    HttpModule,
    Query,
    Request,
    Response,
    controller,
    delete,
    get,
    http_code,
    post,
    put,
)


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    price: float = 1.5


@injectable
class Lifecycle:
    @on_application_bootstrap
    def started(self) -> None:
        print("started", flush=True)

    @on_application_shutdown
    def stopped(self) -> None:
        print("stopped", flush=True)


@controller("/items")
class ItemsController:
    @get("/")
    async def find_all(self, page: Query[int] = 1, tag: Query[list[str]] = []) -> dict[str, Any]:  # noqa: B006
        return {"page": page, "tag": tag}

    @get("/{item_id}")
    def find(self, item_id: int, x_tenant: Header[str] = "none") -> list[Any]:
        return [item_id, x_tenant]

    @post("/")
    async def create(self, item: Body[Item]) -> Item:
        return item

    @put("/raw")
    async def raw(self, request: Request) -> bytes:
        return await request.body()

    @delete("/{item_id}")
    @http_code(204)
    async def remove(self, item_id: int) -> None: ...

    @get("/named/{name}")
    async def named(self, name: str) -> str:
        return name

    @get("/cookies")
    async def cookies(self) -> Response:
        return Response("é", headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])

    @get("/ticks")
    async def ticks(self) -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "tick\n"
                await asyncio.sleep(0.01)
        finally:
            print("stream closed", flush=True)

    @get("/failing")
    async def failing(self) -> str:
        raise LookupError("nobody may read this")


@module(imports=[HttpModule.for_root()], providers=[Lifecycle, ItemsController])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
