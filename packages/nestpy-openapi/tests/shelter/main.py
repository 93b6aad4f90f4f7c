"""An app with every kind of input and answer, for the tests of the document, the page and the commands."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec

from nestpy_core import (
    App,
    DefaultValue,
    Denial,
    DenialKind,
    ExecutionContext,
    Lowercase,
    ParseArray,
    ParseInt,
    ParseUUID,
    Trim,
    injectable,
    module,
    public,
    use_guards,
)
from nestpy_http import (
    Body,
    ConflictError,
    Cookie,
    File,
    FileResponse,
    Form,
    Header,
    HttpContext,
    HttpModule,
    NotFoundError,
    Path,
    Query,
    Response,
    Upload,
    consumes,
    controller,
    delete,
    etag,
    get,
    header,
    http_code,
    param,
    patch,
    post,
    produces,
    put,
    redirect,
    sse,
)
from nestpy_openapi import ApiResponse, OpenApiModule, api


class Color(enum.Enum):
    """The colours of fur."""

    BLACK = "black"
    WHITE = "white"


class NewCat(msgspec.Struct):
    """A cat that comes in."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="What it answers to.")]
    age: Annotated[int, msgspec.Meta(ge=0, le=40)] = 0
    color: Color = Color.BLACK
    chip: uuid.UUID | None = None


class CatChanges(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | msgspec.UnsetType = msgspec.UNSET
    age: Annotated[int, msgspec.Meta(ge=0, le=40)] | msgspec.UnsetType = msgspec.UNSET


class Owner(msgspec.Struct):
    name: str
    cats: list[Cat] = []


class Cat(msgspec.Struct):
    """A cat of the shelter."""

    id: int
    name: str
    age: int
    color: Color
    since: dt.datetime
    weight: decimal.Decimal = decimal.Decimal("4.5")
    owner: Owner | None = None
    notes: dict[str, str] = {}


class Walk(msgspec.Struct, tag="walk"):
    minutes: int


class Nap(msgspec.Struct, tag="nap"):
    place: tuple[int, int]


@dataclass
class Visit:
    when: dt.date
    who: str
    things: list[Walk | Nap]


class Page(TypedDict):
    items: list[Cat]
    total: int


class VisitFilters(msgspec.Struct, kw_only=True, rename="camel"):
    reason: Annotated[str, msgspec.Meta(description="Why they came.", max_length=50)]
    min_age: Annotated[int, msgspec.Meta(ge=0, le=30)] | None = None
    colors: list[Color] = []
    since: dt.date | None = None
    price: float = 0.0


class SignUp(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    age: int
    note: str | None = None


SINCE = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def some_cat(number: int) -> Cat:
    return Cat(number, "Tom", 3, Color.BLACK, SINCE)


@injectable
class Shelter:
    def __init__(self) -> None:
        self.cats = {number: some_cat(number) for number in (1, 2, 3)}

    def find(self, number: int) -> Cat:
        if number not in self.cats:
            raise NotFoundError("no such cat")
        return self.cats[number]

    def take_in(self, cat: NewCat) -> Cat:
        if cat.name == "Garfield":
            raise ConflictError("there is one")
        number = max(self.cats, default=0) + 1
        self.cats[number] = Cat(number, cat.name, cat.age, cat.color, SINCE)
        return self.cats[number]

    def let_go(self, number: int) -> None:
        del self.cats[self.find(number).id]


class KeyGuard:
    posture = True
    security_scheme = "apiKey"
    denials = (DenialKind.UNAUTHORIZED, DenialKind.RATE_LIMITED)

    def can_activate(self, context: ExecutionContext) -> bool | Denial:
        assert isinstance(context, HttpContext)
        return context.request.headers.get("x-api-key") == "open" or Denial.unauthorized("no key", challenge="ApiKey")


class StaffGuard:
    posture = True

    def can_activate(self, context: ExecutionContext) -> bool | Denial:
        assert isinstance(context, HttpContext)
        return context.request.headers.get("authorization") == "Bearer staff" or Denial.unauthorized()


@api(description="The cats of the shelter.")
@public
@controller("/cats")
class CatsController:
    """What callers do not read."""

    shelter: Shelter

    @get("/")
    async def list(
        self,
        color: Query[Color | None] = None,
        names: Query[list[str]] = [],  # noqa: B006  # copied for each request
        page: Query[Annotated[int, msgspec.Meta(ge=1, le=1000)]] = 1,
        sort: Query[Literal["age", "name"]] = "name",
        since: Query[dt.datetime | None] = None,
        exact: Query[bool] = False,
    ) -> Page:
        """List cats.

        They come in order.

            as code stays

        Args:
            color: of the fur.
            page: from 1 on,
                a thousand at most.

        Returns:
            a page.
        """
        return Page(items=[some_cat(2)], total=1)

    @post("/")
    async def create(self, cat: NewCat, context: HttpContext) -> Cat:
        """Take a cat in."""
        taken = self.shelter.take_in(cat)
        context.response.set("location", f"/cats/{taken.id}")
        return taken

    @get("/{cat_id}")
    async def read(self, cat_id: int) -> Cat:
        """Read a cat.

        Raises:
            NotFoundError: no cat has this number.
        """
        return self.shelter.find(cat_id)

    @patch("/{id}")
    async def change(self, changes: CatChanges, number: Annotated[Path[int], param(name="id")]) -> Cat:
        return self.shelter.find(number)

    @api(deprecated=True, summary="Let a cat go", tags=["Cats", "Leaving"])
    @delete("/{cat_id}")
    async def remove(self, cat_id: int) -> None:
        self.shelter.let_go(cat_id)

    @http_code(202)
    @put("/{cat_id}/visits/{day}")
    async def visit(self, cat_id: int, day: dt.date, visit: Visit) -> Visit:
        self.shelter.find(cat_id)
        return visit

    @get("/{cat_id}/photo")
    async def photo(self, cat_id: int) -> FileResponse:
        self.shelter.find(cat_id)
        return FileResponse(__file__, media_type="text/plain")


@public
@controller("/inputs")
class InputsController:
    @get("/headers")
    async def headers(
        self,
        token: Annotated[Header[str], param(name="x-token")],
        limit: Header[Annotated[int, msgspec.Meta(ge=0)]] = 1,
        sid: Cookie[str] = "",
        accept: Header[str] = "",
    ) -> dict[str, Any]:
        return {"token": token, "limit": limit, "sid": sid}

    @get("/pipes/{slug}")
    async def pipes(
        self,
        slug: Annotated[Path[str], param(pipes=[Lowercase()])],
        ids: Annotated[Query[list[int]], param(pipes=[ParseArray(items=int)])],
        number: Annotated[Query[int], param(pipes=[DefaultValue("7"), ParseInt()])],
        text: Annotated[Query[str], param(pipes=[Trim()])] = "",
        key: Annotated[Query[uuid.UUID | None], param(pipes=[ParseUUID(version=7)])] = None,
        keys: Annotated[Query[list[uuid.UUID] | None], param(pipes=[ParseArray(items=ParseUUID(version=4))])] = None,
    ) -> list[int]:
        return [*ids, number]

    @get("/search")
    async def search(self, filters: Query[VisitFilters], exact: Query[bool] = False) -> list[str]:
        """Search visits.

        Args:
            filters: what the visits have in common.
            exact: letter by letter.
        """
        return [filters.reason, *filters.colors] if exact else []

    @post("/form")
    async def form(self, who: Form[SignUp]) -> str:
        return who.name

    @post("/upload")
    async def upload(self, who: Form[SignUp], photo: File[Upload], more: File[list[Upload] | None] = None) -> int:
        """Send photos.

        Args:
            photo: of the cat.
        """
        return photo.size

    @post("/raw")
    async def raw(self, body: Body[bytes]) -> bytes:
        return body

    @consumes("application/json", "application/msgpack")
    @produces("application/json", "application/msgpack")
    @post("/packed")
    async def packed(self, numbers: Body[list[int]]) -> list[int]:
        return numbers

    @post("/maybe")
    async def maybe(self, cat: NewCat | None = None) -> bool:
        return cat is not None

    @get("/files/{path...}")
    async def rest(self, path: str) -> str:
        return path


@public
@controller("/answers")
class AnswersController:
    @sse("/events")
    async def events(self) -> AsyncIterator[Cat]:
        yield some_cat(2)

    @get("/lines")
    def lines(self) -> Iterator[Cat]:
        yield some_cat(2)

    @produces("text/csv")
    @get("/chunks")
    def chunks(self) -> Iterator[str]:
        yield "a,b"

    @header("x-served-by", "shelter")
    @etag
    @get("/tagged")
    async def tagged(self) -> list[Cat]:
        return [some_cat(2)]

    @redirect("/cats", 308)
    @get("/old")
    async def old(self) -> None: ...

    @api(
        summary="Anything",
        responses={
            200: ApiResponse(description="A cat, this time.", body=Cat, headers={"X-Mood": "how it feels"}),
            418: "It is a teapot",
        },
        operation_id="anything",
        extra={"x-internal": True},
    )
    @get("/anything")
    async def anything(self) -> Response:
        return Response(some_cat(2))

    @api(exclude=True)
    @get("/hidden")
    async def hidden(self) -> str:
        return "hidden"


@use_guards(KeyGuard)
@controller("/staff")
class StaffController:
    @get("/")
    async def list(self) -> list[Owner]:
        return []

    @use_guards(StaffGuard)
    @get("/pay")
    async def pay(self) -> decimal.Decimal:
        return decimal.Decimal("9.50")


@module(
    imports=[
        HttpModule.for_root(),
        OpenApiModule.for_root(
            title="The shelter",
            version="1.2.0",
            description="Cats and *who cares for them*.",
            info={"contact": {"name": "The shelter"}},
            security_schemes={"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        ),
    ],
    providers=[Shelter, CatsController, InputsController, AnswersController, StaffController],
)
class ShelterModule: ...


app = App(ShelterModule)

if __name__ == "__main__":
    app.run()
