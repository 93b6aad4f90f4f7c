"""What describes an app — documents, clients — reads its routes as callers meet them."""

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import msgspec

from nestpy_core import Trim
from nestpy_http import (
    Body,
    Cookie,
    File,
    FileResponse,
    Form,
    Header,
    Query,
    Response,
    SignedCookie,
    Upload,
    consumes,
    controller,
    etag,
    get,
    header,
    http_code,
    param,
    post,
    produces,
    put,
    redirect,
    served_routes,
    served_versions,
    sse,
    version,
)


class Cat(msgspec.Struct):
    name: str


def routes_of(app):
    return {f"{route.method} {route.path}": route for route in served_routes(app.graph)}


def test_each_input_tells_where_it_stands_and_whether_it_must_be_there(make_app):
    @controller("/cats/{cat_id}")
    class Inputs:
        @put("/{part}")
        async def put(
            self,
            cat_id: int,
            part: str,
            cat: Cat,
            tags: Query[list[str]],
            page: Query[Annotated[int, msgspec.Meta(ge=1)]] = 1,
            key: Annotated[Header[str | None], param(name="X-Api-Key", pipes=[Trim()])] = None,
            sid: Cookie[str] = "",
        ) -> Cat: ...

    (route,) = served_routes(make_app(Inputs).graph)
    found = [(each.where, each.name, each.required, each.several) for each in route.inputs]
    assert found == [
        ("path", "cat_id", True, False),
        ("path", "part", True, False),
        ("body", "cat", True, False),
        ("query", "tags", True, True),
        ("query", "page", False, False),
        ("header", "x-api-key", False, False),
        ("cookie", "sid", False, False),
    ]
    assert [type(pipe) for pipe in route.inputs[5].pipes] == [Trim]
    assert (route.path, route.shape, route.names) == ("/cats/{cat_id}/{part}", "/cats/{}/{}", ("cat_id", "part"))
    assert route.inputs[4].default == 1


def test_signed_cookie_is_a_text_under_the_name_that_clients_see(make_app):
    @controller("/")
    class Reading:
        @get("/")
        async def who(self, session: SignedCookie[Cat | None] = None) -> str: ...

    (route,) = served_routes(make_app(Reading, cookie_secrets=["s" * 32]).graph)
    assert [(each.where, each.name, each.kind) for each in route.inputs] == [("cookie", "__Host-session", str)]


class CatFilters(msgspec.Struct, rename="camel"):
    breed: str
    min_age: Annotated[int, msgspec.Meta(ge=0)] = 0
    colors: list[str] = []
    note: str | msgspec.UnsetType = msgspec.UNSET


def test_each_field_of_a_whole_query_is_an_input_of_its_own(make_app):
    @controller("/cats")
    class Searches:
        @get("/")
        async def search(self, filters: Query[CatFilters], dry: Query[bool] = False) -> list[Cat]: ...

        @get("/maybe")
        async def maybe(self, filters: Annotated[Query[CatFilters | None], param(allow_unknown=True)]) -> list[Cat]: ...

    search, maybe = served_routes(make_app(Searches).graph)
    found = [(each.where, each.name, each.kind, each.required, each.default, each.several) for each in search.inputs]
    assert found == [
        ("query", "breed", str, True, inspect.Parameter.empty, False),
        ("query", "minAge", Annotated[int, msgspec.Meta(ge=0)], False, 0, False),
        ("query", "colors", list[str], False, [], True),
        ("query", "note", str, False, msgspec.UNSET, False),
        ("query", "dry", bool, False, False, False),
    ]
    assert [(each.parameter.name, each.whole) for each in search.inputs] == [("filters", True)] * 4 + [("dry", False)]
    assert {each.allow_unknown for each in search.inputs} == {False}
    assert [each.required for each in maybe.inputs] == [False] * 4
    assert (maybe.inputs[0].default, maybe.inputs[0].allow_unknown) == (msgspec.UNSET, True)


def test_bodies_tell_their_media_types(make_app):
    @controller("/")
    class Bodies:
        @post("/json")
        async def json(self, cat: Cat) -> None: ...

        @post("/raw")
        async def raw(self, body: Body[AsyncIterator[bytes]]) -> None: ...

        @post("/form")
        async def form(self, cat: Form[Cat]) -> None: ...

        @post("/file")
        async def file(self, cat: Form[Cat], files: File[list[Upload]]) -> None: ...

        @consumes("application/json", "application/msgpack")
        @post("/packed")
        async def packed(self, cat: Cat) -> None: ...

    found = {name: route.consumes for name, route in routes_of(make_app(Bodies)).items()}
    assert found == {
        "POST /json": ("application/json",),
        "POST /raw": ("application/octet-stream",),
        "POST /form": ("application/x-www-form-urlencoded",),
        "POST /file": ("multipart/form-data",),
        "POST /packed": ("application/json", "application/msgpack", "application/vnd.msgpack"),
    }


def test_answers_tell_status_type_and_media_type(make_app):
    @controller("/")
    class Answers:
        @post("/made")
        async def made(self) -> Cat: ...

        @get("/none")
        async def none(self) -> None: ...

        @http_code(202)
        @get("/text")
        async def text(self) -> str: ...

        @get("/either")
        async def either(self) -> Cat | Response: ...

        @get("/anything")
        async def anything(self) -> Response: ...

        @get("/file")
        async def file(self) -> FileResponse: ...

        @redirect("/none", 308)
        @get("/old")
        async def old(self) -> None: ...

        @etag
        @header("x-a", "b")
        @get("/tagged")
        async def tagged(self) -> list[Cat]: ...

        @produces("application/json", "application/msgpack")
        @get("/chosen")
        async def chosen(self) -> Cat: ...

    routes = routes_of(make_app(Answers))
    found = {name: (one.status, one.result, one.produces, one.stream) for name, one in routes.items()}
    assert found == {
        "POST /made": (201, Cat, ("application/json",), "no"),
        "GET /none": (204, None, (), "no"),
        "GET /text": (202, str, ("text/plain; charset=utf-8",), "no"),
        "GET /either": (200, Cat, ("application/json",), "no"),
        "GET /anything": (200, Any, ("*/*",), "no"),
        "GET /file": (200, bytes, ("*/*",), "no"),
        "GET /old": (308, None, (), "no"),
        "GET /tagged": (200, list[Cat], ("application/json",), "no"),
        "GET /chosen": (200, Cat, ("application/json", "application/msgpack"), "no"),
    }
    assert routes["GET /old"].headers == (("location", "/none"),)
    assert routes["GET /tagged"].headers == (("x-a", "b"),)
    statuses = {name: one.statuses for name, one in routes.items() if one.statuses}
    assert statuses == {
        "GET /file": (206, 304, 404, 412, 416),
        "GET /tagged": (304, 412),
        "GET /chosen": (406,),
    }


def test_streams_tell_how_they_come(make_app):
    @controller("/")
    class Streams:
        @get("/lines")
        def lines(self) -> Iterator[Cat]:
            yield Cat("a")

        @produces("text/csv")
        @get("/chunks")
        def chunks(self) -> Iterator[str]:
            yield "a"

        @sse("/events")
        async def events(self) -> AsyncIterator[Cat]:
            yield Cat("a")

    routes = routes_of(make_app(Streams))
    assert {name: (one.result, one.produces, one.stream) for name, one in routes.items()} == {
        "GET /lines": (Cat, ("application/jsonl",), "lines"),
        "GET /chunks": (bytes, ("text/csv",), "chunks"),
        "GET /events": (Cat, ("text/event-stream",), "events"),
    }


def test_a_version_is_told_wherever_requests_name_it(make_app):
    @controller("/cats", version=["1", "2"])
    class Versioned:
        @get("/")
        async def both(self) -> str: ...

        @version("2")
        @get("/new")
        async def new(self) -> str: ...

    for options in ({"prefix": "/api"}, {"versioning": "header"}):
        app = make_app(Versioned, **options)
        assert [route.version for route in served_routes(app.graph)] == ["1", "2", "2"]
        assert served_versions(app.graph) == ("1", "2")
    assert served_routes(app.graph)[0].path == "/cats"
