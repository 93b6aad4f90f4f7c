"""A query that one Struct, dataclass, TypedDict or attrs class takes whole: what it becomes, and what is refused."""

import dataclasses
import datetime as dt
import decimal
import enum
from typing import Annotated, Any, Generic, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from nestpy_core import provide, use_pipes
from nestpy_http import (
    Form,
    HttpClient,
    HttpContext,
    Path,
    Query,
    Response,
    WebSocket,
    controller,
    get,
    param,
    post,
    websocket,
)

pytestmark = pytest.mark.anyio
T = TypeVar("T")


class Sort(enum.Enum):
    NEW = "new"
    OLD = "old"


class ListFilters(msgspec.Struct, kw_only=True, rename="camel"):
    text: str = ""
    page: Annotated[int, msgspec.Meta(ge=1)] = 1
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    tags: Annotated[list[str], msgspec.Meta(max_length=3)] = []
    ids: set[int] | None = None
    active: bool | None = None
    sort: Sort = Sort.NEW
    price: float | None = None
    since: dt.date | None = None


class Between(msgspec.Struct):
    first: int
    last: int
    exact: bool = False

    def __post_init__(self):
        if self.last < self.first:
            raise ValueError("`last` comes before `first`")


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    q: str = ""


class Dated(msgspec.Struct):
    at: dt.datetime | msgspec.UnsetType = msgspec.UNSET
    on: bool = False
    price: float = 0.0
    exact: decimal.Decimal = decimal.Decimal(0)
    note: str | msgspec.UnsetType = msgspec.UNSET


class Paged(msgspec.Struct, Generic[T]):
    cursor: T
    more: list[T] = []


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Named(TypedDict, total=False):
    name: str
    count: int


class Half(TypedDict):
    name: str
    count: NotRequired[int]


@attrs.define
class Window:
    start: int
    end: int = 9


class Doubles:
    def transform(self, value: Any, parameter: Any) -> Any:
        return msgspec.structs.replace(value, page=value.page * 2) if isinstance(value, ListFilters) else value


class Refuses:
    def transform(self, value: Any, parameter: Any) -> Any:
        raise ValueError("Too many filters")


class Parsed:
    def transform(self, value: str, parameter: Any) -> Strict:
        return Strict(q=value.upper())


@controller("/q")
class SearchController:
    @get("/list")
    async def listed(self, filters: Query[ListFilters]) -> ListFilters:
        return filters

    @get("/beside/{kind}")
    async def beside(self, kind: Path[str], filters: Query[ListFilters], dry: Query[bool] = False) -> list[Any]:
        return [kind, filters.page, dry]

    @get("/two")
    async def two(self, filters: Query[ListFilters], strict: Query[Strict]) -> list[Any]:
        return [filters.page, strict.q]

    @get("/between")
    async def between(self, between: Query[Between]) -> Between:
        return between

    @get("/strict")
    async def strict(self, strict: Annotated[Query[Strict], param(allow_unknown=True)]) -> Strict:
        return strict

    @get("/open")
    async def open(self, filters: Annotated[Query[ListFilters], param(allow_unknown=True)]) -> int:
        return filters.page

    @get("/maybe")
    async def maybe(self, between: Query[Between | None] = None) -> Between | None:
        return between

    @get("/default")
    async def default(self, filters: Query[ListFilters] = ListFilters(page=7), q: Query[str] = "") -> list[Any]:  # noqa: B008
        filters.tags.append("x")
        return [filters.page, filters.tags, q]

    @get("/dated")
    async def dated(self, dated: Query[Dated]) -> Dated:
        return dated

    @post("/dated")
    async def dated_form(self, dated: Form[Dated]) -> Dated:
        return dated

    @get("/paged")
    async def paged(self, paged: Query[Paged[int]]) -> Paged[int]:
        return paged

    @get("/point")
    async def point(self, point: Query[Point]) -> list[float]:
        return [point.x, point.y]

    @get("/named")
    async def named(self, named: Query[Named]) -> Named:
        return named

    @get("/half")
    async def half(self, half: Query[Half]) -> Half:
        return half

    @post("/half")
    async def half_form(self, half: Form[Half]) -> Half:
        return half

    @get("/window")
    async def window(self, window: Query[Window]) -> list[int]:
        return [window.start, window.end]

    @post("/both")
    async def both(self, point: Point, between: Query[Between]) -> list[Any]:
        return [point.x, between.first]

    @use_pipes(Doubles)
    @get("/piped")
    async def piped(self, filters: Query[ListFilters]) -> int:
        return filters.page

    @use_pipes(Refuses)
    @get("/refused")
    async def refused(self, filters: Query[ListFilters]) -> None: ...

    @get("/parsed")
    async def parsed(self, q: Annotated[Query[Strict], param(pipes=[Parsed()])]) -> str:
        return q.q

    @websocket("/socket")
    async def socket(self, socket: WebSocket, between: Query[Between]) -> None:
        await socket.accept()
        await socket.send(str(between.first))


@pytest.fixture
async def client(serving):
    async with serving(SearchController) as client:
        yield client


async def codes(answer):
    assert answer.status == 400, answer.text
    return {where: [one["code"] for one in found] for where, found in answer.json()["errors"].items()}


# -- what it becomes


async def test_each_field_is_a_query_parameter_by_its_encoded_name(client):
    answer = await client.get("/q/list?text=a+b&page=2&pageSize=5&tags=x&tags=y&ids=7&active=true&sort=old&price=1.5")
    assert answer.json() == {
        "text": "a b",
        "page": 2,
        "pageSize": 5,
        "tags": ["x", "y"],
        "ids": [7],
        "active": True,
        "sort": "old",
        "price": 1.5,
        "since": None,
    }


@pytest.mark.parametrize("query", ["", "?", "?&", "?="])
async def test_absent_fields_have_their_defaults(client, query):
    found = (await client.get(f"/q/list{query}")).json()
    assert (found["page"], found["pageSize"], found["tags"], found["sort"]) == (1, 20, [], "new")


async def test_other_data_types_are_taken_whole_too(client):
    assert (await client.get("/q/point?x=1.5")).json() == [1.5, 0.0]
    assert (await client.get("/q/named?count=2")).json() == {"count": 2}
    assert (await client.get("/q/half?name=a")).json() == {"name": "a"}
    assert (await client.get("/q/window?start=3")).json() == [3, 9]
    assert (await client.get("/q/paged?cursor=3&more=4")).json() == {"cursor": 3, "more": [4]}


async def test_optional_one_is_absent_where_none_of_its_fields_is_given(client):
    assert (await client.get("/q/maybe")).json() is None
    assert (await client.get("/q/maybe?first=1&last=2")).json()["last"] == 2
    assert await codes(await client.get("/q/maybe?first=1")) == {"last": ["required"]}
    assert await codes(await client.get("/q/maybe?other=1")) == {
        "first": ["required"],
        "last": ["required"],
        "other": ["unknown_field"],
    }


async def test_default_of_the_whole_stands_where_none_of_its_fields_is_given_and_is_new_each_time(client):
    for _ in range(2):
        assert (await client.get("/q/default?q=a")).json() == [7, ["x"], "a"]
    assert (await client.get("/q/default?pageSize=2")).json() == [1, ["x"], ""]


async def test_other_parameters_may_stand_beside_it(client):
    assert (await client.get("/q/beside/cats?page=3&dry=1")).json() == ["cats", 3, True]
    assert (await client.get("/q/two?page=3&q=x")).json() == [3, "x"]
    assert (await client.post("/q/both?first=1&last=2", json={"x": 1})).json() == [1.0, 1]


async def test_pipes_of_the_route_see_what_was_made_and_its_own_ones_the_text(client):
    assert (await client.get("/q/piped?page=3")).json() == 6
    assert (await client.get("/q/parsed?q=abc")).text == "ABC"
    assert (await client.get("/q/refused")).json()["errors"] == {
        "filters": [{"code": "pipe", "message": "Too many filters"}]
    }


async def test_handshake_of_a_websocket_takes_one_too(make_app):
    app = make_app(SearchController)
    async with app.create_context():
        client = HttpClient(app.__rsgi__, asgi=app)
        async with client.websocket("/q/socket?first=4&last=5") as socket:
            assert await socket.receive() == "4"


async def test_guards_and_layers_still_see_the_whole_query(serving):
    class Reads:
        def can_activate(self, context: HttpContext) -> bool:
            return context.request.query == {"page": ["4"]}

    from nestpy_core import APP_GUARD

    async with serving(SearchController, provide(APP_GUARD, use_class=Reads, multi=True)) as client:
        assert (await client.get("/q/list?page=4")).status == 200


# -- what is refused


async def test_every_violation_is_told_at_once_by_the_name_of_its_field(client):
    answer = await client.get("/q/list?page=0&pageSize=x&tags=a&tags=b&tags=c&tags=d&ids=1&ids=z&active=maybe&sort=up")
    assert await codes(answer) == {
        "page": ["range"],
        "pageSize": ["type"],
        "tags": ["length"],
        "ids.1": ["type"],
        "active": ["type"],
        "sort": ["enum"],
    }


async def test_violations_beside_it_are_told_with_its_own(client):
    answer = await client.get("/q/beside/cats?page=0&dry=maybe")
    assert await codes(answer) == {"page": ["range"], "dry": ["type"]}
    answer = await client.post("/q/both?first=x", json={"x": "y"})
    assert await codes(answer) == {"x": ["type"], "first": ["type"], "last": ["required"]}


@pytest.mark.parametrize(
    ("query", "failures"),
    [
        ("page=1&page=2", {"page": ["repeated"]}),
        ("page_size=1", {"page_size": ["unknown_field"]}),
        ("page=9223372036854775808", {"page": ["range"]}),
        ("price=nan", {"price": ["type"]}),
        ("since=1700000000", {"since": ["invalid"]}),
        ("active=null&ids=null", {"active": ["type"], "ids.0": ["type"]}),
    ],
)
async def test_texts_are_held_to_what_single_parameters_are(client, query, failures):
    assert await codes(await client.get(f"/q/list?{query}")) == failures


@pytest.mark.parametrize("value", ["at=1700000000", "on=TRUE", "price=inf", "exact=NaN", "note=a&note=b"])
async def test_forms_and_queries_refuse_what_a_single_parameter_refuses(client, value):
    name = value.partition("=")[0]
    assert (await codes(await client.get(f"/q/dated?{value}"))).keys() == {name}
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await codes(await client.post("/q/dated", content=value, headers=form))).keys() == {name}


async def test_field_of_a_partial_typed_dict_is_told_of_too(client):
    assert await codes(await client.get("/q/half?name=a&count=x")) == {"count": ["type"]}
    assert await codes(await client.post("/q/half", data={"name": "a", "count": "x"})) == {"count": ["type"]}


async def test_generic_one_is_held_to_its_arguments(client):
    assert await codes(await client.get("/q/paged?cursor=x&more=1&more=y")) == {"cursor": ["type"], "more.1": ["type"]}


async def test_what_the_type_itself_refuses_is_told_in_its_words(client):
    answer = await client.get("/q/between?first=2&last=1")
    assert answer.json()["errors"] == {"": [{"code": "invalid", "message": "`last` comes before `first`"}]}


async def test_unknown_names_are_refused_unless_they_are_allowed(client, serving):
    assert await codes(await client.get("/q/list?pge=2&page=1")) == {"pge": ["unknown_field"]}
    assert await codes(await client.get("/q/beside/cats?page=1&dry=1&pge=2")) == {"pge": ["unknown_field"]}
    assert (await client.get("/q/open?pge=2&page=3")).json() == 3
    assert await codes(await client.get("/q/strict?q=1&pge=2")) == {"pge": ["unknown_field"]}
    async with serving(SearchController, allow_unknown=True) as lenient:
        assert (await lenient.get("/q/list?pge=2&page=1")).status == 200
        assert (await lenient.get("/q/two?page=2&q=x")).json() == [2, "x"]
        assert await codes(await lenient.get("/q/strict?q=1&pge=2")) == {"pge": ["unknown_field"]}


async def test_nest_preset_tells_what_nestjs_tells_of_a_query_class(serving):
    async with serving(SearchController, errors="nest") as client:
        found = (await client.get("/q/list?page=0&nope=1")).json()
    assert found["message"] == ["property nope should not exist", "page must not be less than 1"]


# -- what does not boot


def test_names_that_clash_are_a_boot_error_that_names_both(boot_problems):
    @controller("/")
    class Clashes:
        @get("/one")
        async def one(
            self, filters: Query[ListFilters], size: Annotated[Query[int], param(name="pageSize")]
        ) -> None: ...

        @get("/two")
        async def two(self, filters: Query[ListFilters], more: Query[ListFilters]) -> None: ...

    one, two = boot_problems(Clashes)
    assert one == (
        "`Clashes.one` takes `pageSize` of the query twice, in `filters` and in `size`.\n"
        "Hint: rename it in one of them, or take it from `filters` alone"
    )
    assert two.startswith("`Clashes.two` takes `text` of the query twice, in `filters` and in `more`.")


@dataclasses.dataclass
class Where:
    name: str


class Nested(msgspec.Struct):
    where: Where | None = None


class Listed(msgspec.Struct):
    all: list[Where] = []


class Mapped(msgspec.Struct):
    more: dict[str, str] = {}


class Arrayed(msgspec.Struct, array_like=True):
    q: str = ""


@pytest.mark.parametrize(
    ("kind", "field", "inner"),
    [(Nested, "where", "Where | None"), (Listed, "all", "list[Where]"), (Mapped, "more", "dict[str, str]")],
)
def test_field_that_no_text_can_be_does_not_boot(boot_problems, kind, field, inner):
    @controller("/")
    class Nests:
        @get("/")
        async def get(self, filters: Query[kind]) -> None: ...

    (problem,) = boot_problems(Nests)
    assert problem == (
        f"`filters` of `Nests.get` is `{kind.__name__}`, whose field `{field}` is `{inner}`, which no text of a query "
        f"can be.\nHint: make its parts fields of `{kind.__name__}`, each a text, a number or a list of them"
    )


def test_struct_without_names_does_not_boot(boot_problems):
    @controller("/")
    class Arrays:
        @get("/")
        async def get(self, filters: Query[Arrayed]) -> None: ...

    (problem,) = boot_problems(Arrays)
    assert problem.startswith("`filters` of `Arrays.get` is `Arrayed`, whose fields have no names (`array_like=True`).")


def test_struct_without_a_place_on_a_get_is_told_of_the_query(boot_problems):
    @controller("/")
    class Gets:
        @get("/")
        async def get(self, filters: ListFilters) -> None: ...

    (problem,) = boot_problems(Gets)
    assert "\nHint: or write `filters: Query[ListFilters]`, whose fields stand in the query" in problem


# -- what it costs


def test_source_takes_it_in_one_line_and_reads_nothing_twice(make_app):
    @controller("/")
    class One:
        @get("/")
        async def get(self, filters: Query[ListFilters], dry: Query[bool] = False) -> Response: ...

    source = next(item.source for item in make_app(One).functions if item.name == "One.get")
    lines = [line.strip() for line in source.splitlines()]
    start = lines.index("query = _query_values(scope.query_string)")
    assert lines[start : start + 8] == [
        "query = _query_values(scope.query_string)",
        "_raw_filters = query",
        "_raw_dry = query.get('dry')",
        "try:",
        "_arg_filters = _make_filters(_raw_filters)",
        "_arg_dry = _default_dry if _raw_dry is None else _booleans[_raw_dry]",
        "except _input_errors:",
        "raise _explain(_arguments, {'filters': _raw_filters, 'dry': _raw_dry}) from None",
    ]
