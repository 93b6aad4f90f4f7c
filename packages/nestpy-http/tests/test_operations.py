"""Operations that a capability derives from an entity are routes, by the conventions of REST."""

import msgspec
import pytest

from nestpy_core import HandlerMarker, HostMarker, Operation, Page, declare_handler, declare_host, hookimpl, module
from nestpy_http import HttpModule
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


class Cat(msgspec.Struct):
    id: int
    name: str


class NewCat(msgspec.Struct):
    name: str


class ShelfHost(HostMarker, frozen=True, kw_only=True):
    edge = "operation"
    word = "@shelf"


class ShelfMarker(HandlerMarker, frozen=True, kw_only=True):
    edge = "operation"
    word = "@shelf"
    host_word = "@shelf"


def on_shelf(function):
    return declare_handler(function, ShelfMarker())


class Shelf:
    @on_shelf
    async def list(self, first: int = 2, after: str | None = None) -> Page[Cat]:
        return Page(items=[Cat(n, "Tom") for n in range(first)], next=None if after else "more")

    @on_shelf
    async def get(self, id: int) -> Cat:
        return Cat(id, "Tom")

    @on_shelf
    async def create(self, body: NewCat) -> Cat:
        return Cat(7, body.name)

    @on_shelf
    async def update(self, id: int, body: NewCat) -> Cat:
        return Cat(id, body.name)

    @on_shelf
    async def delete(self, id: int) -> None: ...

    @on_shelf
    async def feed(self, body: NewCat) -> str:
        return f"fed {body.name}"


declare_host(Shelf, ShelfHost())


class ShelfPlugin:
    @hookimpl
    def nestpy_collect(self, graph):
        kinds = {"list": "query", "get": "query"}
        names = ("list", "get", "create", "update", "delete", "feed")
        return [
            Operation(
                name=name,
                kind=kinds.get(name, "command"),
                entity=Cat,
                host=Shelf,
                method=name,
                action=name,
                path="/cats",
            )
            for name in names
        ]


@module(imports=[HttpModule.for_root(prefix="/api")], providers=[Shelf])
class ShelfModule: ...


async def test_operations_answer_as_resources_do():
    async with TestApp(ShelfModule, plugins=[ShelfPlugin()]) as app:
        listed = await app.http.get("/api/cats?first=1")
        assert (listed.status, listed.json()) == (200, [{"id": 0, "name": "Tom"}])
        assert listed.headers["x-next-cursor"] == "more"
        assert "x-next-cursor" not in (await app.http.get("/api/cats?after=x")).headers
        assert (await app.http.get("/api/cats?first=x")).status == 400
        assert (await app.http.get("/api/cats/3")).json() == {"id": 3, "name": "Tom"}
        made = await app.http.post("/api/cats", json={"name": "Kim"})
        assert (made.status, made.headers["location"]) == (201, "/api/cats/7")
        assert (await app.http.patch("/api/cats/3", json={"name": "Kim"})).json() == {"id": 3, "name": "Kim"}
        gone = await app.http.delete("/api/cats/3")
        assert (gone.status, gone.text) == (204, "")
        assert (await app.http.post("/api/cats/feed", json={"name": "Kim"})).text == "fed Kim"
        assert (await app.http.put("/api/cats/3", json={"name": "Kim"})).headers["allow"] == "GET, HEAD, PATCH, DELETE"
