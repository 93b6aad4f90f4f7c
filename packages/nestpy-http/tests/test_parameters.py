"""Where arguments come from, what they may be, and how each wrong one is told."""

import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pytest

from nestpy_core import Inject, injectable
from nestpy_http import Body, Cookie, Header, HttpContext, Path, Query, Request, controller, get, param, post

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


KINDS = {
    "str": (str, "x y", "'x y'"),
    "int": (int, "-12", "-12"),
    "big int": (int, "9223372036854775807", "9223372036854775807"),
    "float": (float, "1.5", "1.5"),
    "exponent": (float, "1e3", "1000.0"),
    "true": (bool, "true", "True"),
    "zero": (bool, "0", "False"),
    "optional": (int | None, "3", "3"),
    "enum": (Colour, "red", "<Colour.RED: 'red'>"),
    "int enum": (Level, "2", "<Level.HIGH: 2>"),
    "literal": (Literal["a", "b"], "b", "'b'"),
    "int literal": (Literal[1, 2], "2", "2"),
    "uuid": (
        uuid.UUID,
        "0190163d-8694-739b-aea5-966c26f8ad91",
        "UUID('0190163d-8694-739b-aea5-966c26f8ad91')",
    ),
    "datetime": (
        dt.datetime,
        "2026-01-02T03:04:05Z",
        "datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)",
    ),
    "date": (dt.date, "2026-01-02", "datetime.date(2026, 1, 2)"),
    "time": (dt.time, "03:04:05", "datetime.time(3, 4, 5)"),
    "duration": (dt.timedelta, "PT90S", "datetime.timedelta(seconds=90)"),
    "decimal": (decimal.Decimal, "1.10", "Decimal('1.10')"),
    "constraint": (Annotated[int, msgspec.Meta(ge=1, le=9)], "9", "9"),
    "pattern": (Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], "abc", "'abc'"),
    "union": (int | str, "x", "'x'"),
}


def controller_of(place, kind):
    @controller("/v")
    class ValueController:
        if place == "path":

            @get("/{value}")
            async def path(self, value: Path[kind]) -> str:
                return repr(value)

        elif place == "query":

            @get("/")
            async def query(self, value: Query[kind]) -> str:
                return repr(value)

        elif place == "header":

            @get("/")
            async def header(self, value: Header[kind]) -> str:
                return repr(value)

        else:

            @get("/")
            async def cookie(self, value: Cookie[kind]) -> str:
                return repr(value)

    return ValueController


def ask(http, place, text):
    if place == "path":
        return http.get(f"/v/{text}")
    if place == "query":
        return http.get("/v", params={"value": text})
    return http.get("/v", headers={"value": text} if place == "header" else {"cookie": f"a=1; value={text}"})


@pytest.mark.parametrize("place", ["path", "query", "header", "cookie"])
async def test_every_scalar_is_read_from_every_place(place, serving):
    for name, (kind, text, expected) in KINDS.items():
        async with serving(controller_of(place, kind)) as http:
            answer = await ask(http, place, text)
            assert (answer.status, answer.text) == (200, expected), name


WRONG = {
    "word for int": (int, "abc", "type"),
    "float for int": (int, "1.5", "type"),
    "grouped int": (int, "1_000", "type"),
    "unicode digits": (int, "٣", "type"),
    "superscript": (int, "²", "type"),
    "hex": (int, "0x10", "type"),
    "int beyond 64 bit": (int, "9223372036854775808", "range"),
    "int of 5,000 digits": (int, "9" * 5000, "range"),
    "yes for bool": (bool, "yes", "type"),
    "nan": (float, "nan", "type"),
    "infinity": (float, "inf", "type"),
    "overflow to infinity": (float, "1e999", "range"),
    "enum": (Colour, "green", "enum"),
    "literal": (Literal["a", "b"], "c", "enum"),
    "uuid": (uuid.UUID, "0190163d", "invalid"),
    "datetime": (dt.datetime, "yesterday", "invalid"),
    "datetime in seconds": (dt.datetime, "0.5", "invalid"),
    "duration in seconds": (dt.timedelta, "0.5", "invalid"),
    "null": (int | None, "null", "type"),
    "decimal": (decimal.Decimal, "1,5", "invalid"),
    "decimal nan": (decimal.Decimal, "NaN", "type"),
    "too small": (Annotated[int, msgspec.Meta(ge=1)], "0", "range"),
    "too long": (Annotated[str, msgspec.Meta(max_length=3)], "wxyz", "length"),
    "pattern": (Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], "QQQQ", "pattern"),
    "multiple": (Annotated[int, msgspec.Meta(multiple_of=5)], "77", "multiple_of"),
}


@pytest.mark.parametrize("place", ["path", "query", "header", "cookie"])
@pytest.mark.parametrize("name", WRONG)
async def test_wrong_scalar_is_400_with_its_field_and_code_and_never_its_value(place, name, serving):
    kind, text, code = WRONG[name]
    if not text.isascii() and place in ("header", "cookie"):
        pytest.skip("no server passes on a header outside ASCII")
    async with serving(controller_of(place, kind)) as http:
        answer = await ask(http, place, text)
    assert (answer.status, answer.media_type) == (400, "application/problem+json")
    problem = answer.json()
    assert problem["detail"] == "validation failed"
    ((field, (failure,)),) = problem["errors"].items()
    assert (field, failure["code"]) == ("value", code)
    assert text not in failure["message"]


@pytest.mark.parametrize("place", ["query", "header", "cookie"])
async def test_absent_value_is_required(place, serving):
    async with serving(controller_of(place, int)) as http:
        answer = await http.get("/v")
        assert answer.status == 400
        assert answer.json()["errors"] == {"value": [{"code": "required", "message": "This field is required"}]}


@pytest.mark.parametrize("place", ["query", "header", "cookie"])
async def test_absent_optional_is_none(place, serving):
    async with serving(controller_of(place, int | None)) as http:
        assert (await http.get("/v")).text == "None"


@controller("/defaults")
class DefaultsController:
    @get("/")
    async def defaults(
        self,
        size: Query[int] = 20,
        tags: Query[list[str]] = [],  # noqa: B006  # what the test is about
        sort: Query[Literal["asc", "desc"]] = "asc",
        agent: Header[str] = "none",
        session: Cookie[str | None] = None,
    ) -> str:
        tags.append("mine")
        return f"{size} {tags} {sort} {agent} {session}"

    @get("/nested")
    async def nested(self, pairs: Query[list[Any]] = [[]]) -> str:  # noqa: B006
        pairs[0].append("mine")
        return repr(pairs)


async def test_defaults_stand_in_for_what_is_absent_and_are_never_shared(serving):
    async with serving(DefaultsController) as http:
        for _ in range(2):
            assert (await http.get("/defaults")).text == "20 ['mine'] asc none None"
        assert (await http.get("/defaults?size=1&tags=a&sort=desc")).text == "1 ['a', 'mine'] desc none None"


async def test_nested_mutable_default_is_not_shared_either(serving):
    async with serving(DefaultsController) as http:
        for _ in range(2):
            assert (await http.get("/defaults/nested")).text == "[['mine']]"


@controller("/lists")
class ListsController:
    @get("/")
    async def lists(
        self,
        ids: Query[list[int]],
        names: Query[set[str]] = frozenset(),
        pair: Query[tuple[int, str] | None] = None,
        few: Query[Annotated[list[int], msgspec.Meta(max_length=2)] | None] = None,
    ) -> str:
        return f"{ids} {sorted(names)} {pair} {few}"


async def test_list_takes_one_or_several_values(serving):
    async with serving(ListsController) as http:
        assert (await http.get("/lists?ids=1")).text == "[1] [] None None"
        assert (await http.get("/lists?ids=1&ids=2&names=a&names=a")).text == "[1, 2] ['a'] None None"
        assert (await http.get("/lists?ids=1&pair=7&pair=x")).text == "[1] [] (7, 'x') None"


async def test_wrong_item_of_a_list_is_told_as_such(serving):
    async with serving(ListsController) as http:
        assert (await http.get("/lists?ids=1&ids=x")).json()["errors"] == {
            "ids.1": [{"code": "type", "message": "Expected `int`, got `str`"}]
        }
        assert (await http.get("/lists?ids=x")).status == 400
        answer = await http.get("/lists?ids=1&few=1&few=2&few=3")
        assert answer.json()["errors"]["few"][0]["code"] == "length"


async def test_list_takes_every_line_of_a_repeated_header(serving):
    async with serving(controller_of("header", list[int])) as http:
        assert (await http.get("/v", headers=[("value", "1"), ("value", "2")])).text == "[1, 2]"
        assert (await http.get("/v")).status == 400
    async with serving(controller_of("header", list[int] | None)) as http:
        assert (await http.get("/v")).text == "None"


async def test_single_value_given_twice_is_400(serving):
    async with serving(controller_of("query", int), DefaultsController) as http:
        answer = await http.get("/v?value=1&value=2")
        assert answer.status == 400
        assert answer.json()["errors"] == {
            "value": [{"code": "repeated", "message": "This field is given more than once"}]
        }
        for query in ("sort=asc&sort=asc", "size=1&size=1"):
            assert (await http.get(f"/defaults?{query}")).status == 400


@pytest.mark.parametrize("kind", [str, bool, float, int | None, str | None, Literal["1"], int | str])
async def test_repeated_key_is_400_for_every_single_valued_type(kind, serving):
    async with serving(controller_of("query", kind)) as http:
        assert (await http.get("/v?value=1&value=1")).status == 400


async def test_more_than_a_hundred_query_parameters_are_400(serving):
    async with serving(DefaultsController) as http:
        assert (await http.get("/defaults?" + "&".join(f"p{n}=1" for n in range(100)))).status == 200
        answer = await http.get("/defaults?" + "&".join(f"p{n}=1" for n in range(101)))
        assert (answer.status, answer.json()["detail"]) == (400, "The query holds more than 100 parameters")
        assert (await http.get("/defaults?" + "&" * 5000)).status == 400


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("value=a%20b+c%2B", "'a b c+'"),
        ("%76alue=1", "'1'"),
        ("value=", "''"),
        ("value", "''"),
        ("value=a=b", "'a=b'"),
        ("&&value=x&", "'x'"),
        ("=y&value=x", "'x'"),
        ("value=%C3%A9", "'é'"),
        ("value=%ff", "'\ufffd'"),
        ("value=%zz%", "'%zz%'"),
        ("value=%00", "'\\x00'"),
        ("other=1;value=2&value=3", "'3'"),
    ],
)
async def test_query_is_decoded_as_a_form(query, text, serving):
    async with serving(controller_of("query", str)) as http:
        assert (await http.get(f"/v?{query}")).text == text


async def test_names_may_differ_from_pythons(serving):
    @controller("/named")
    class NamedController:
        @get("/{user_id}")
        async def named(self, user: Annotated[Path[int], param(name="user_id")]) -> str:
            return str(user)

        @get("/")
        async def others(
            self,
            key: Annotated[Header[str], param(name="X-API-Key")],
            x_request_id: Header[str],
            kind: Annotated[Query[str], param(name="filter[kind]")] = "none",
            sid: Annotated[Cookie[str], param(name="__Host-sid")] = "none",
        ) -> str:
            return f"{key} {x_request_id} {kind} {sid}"

    async with serving(NamedController) as http:
        assert (await http.get("/named/7")).text == "7"
        answer = await http.get(
            "/named?filter%5Bkind%5D=a",
            headers={"x-api-KEY": "k", "X-Request-ID": "r", "cookie": "__Host-sid=s"},
        )
        assert answer.text == "k r a s"
        assert set((await http.get("/named")).json()["errors"]) == {"x-api-key", "x-request-id"}


class Trim:
    def transform(self, value, parameter):
        return value.strip()


class Refuse:
    def transform(self, value, parameter):
        raise ValueError(f"{value!r} is refused")


class Double:
    async def transform(self, value, parameter):
        return f"{value}{value}"


async def test_pipes_of_a_parameter_run_before_its_conversion_in_order(serving):
    @controller("/piped")
    class PipedController:
        @get("/")
        async def piped(self, value: Annotated[Query[int], param(pipes=[Trim(), Double()])] = 0) -> str:
            return repr(value)

        @get("/refused")
        async def refused(self, value: Annotated[Query[str], param(pipes=[Refuse()])]) -> str:
            return value

    async with serving(PipedController) as http:
        assert (await http.get("/piped?value=%2012%20")).text == "1212"
        assert (await http.get("/piped")).text == "0"
        answer = await http.get("/piped/refused?value=canary")
        assert (answer.status, list(answer.json()["errors"])) == (400, ["value"])
        assert answer.json()["errors"]["value"][0]["code"] == "pipe"
        assert "canary" not in answer.text


@injectable
class Clock:
    def now(self) -> str:
        return "now"


@controller("/carried/{key}")
class CarriedController:
    @get("/")
    async def carried(
        self, request: Request, key: str, context: HttpContext, clock: Inject[Clock], *, q: Query[str]
    ) -> str:
        return f"{request.method} {request.path} {request.query} {key} {context.handler.label} {clock.now()} {q}"

    @get("/positional")
    async def positional(self, key: str, /, q: Query[str]) -> str:
        return f"{key} {q}"


async def test_request_context_and_injected_providers_come_beside_arguments(serving):
    async with serving(CarriedController, Clock) as http:
        answer = await http.get("/carried/k?q=1")
        assert answer.text == "GET /carried/k {'q': ['1']} k CarriedController.carried now 1"
        assert (await http.get("/carried/k/positional?q=1")).text == "k 1"


async def test_request_says_what_arrived(serving):
    @controller("/")
    class EchoController:
        @post("/")
        async def echo(self, request: Request) -> dict[str, Any]:
            assert await request.body() == await request.body()
            return {
                "query": request.query_string,
                "header": request.headers.get("x-a"),
                "cookies": request.cookies,
                "client": request.client,
                "scheme": request.scheme,
                "body": await request.json(),
            }

    async with serving(EchoController) as http:
        headers = {"x-a": "1", "cookie": 'a=1; b="2"; a=3; broken'}
        answer = await http.post("/?x=1", json=[1], headers=headers)
        assert answer.json() == {
            "query": "x=1",
            "header": "1",
            "cookies": {"a": "1", "b": "2"},
            "client": "127.0.0.1:50000",
            "scheme": "http",
            "body": [1],
        }


async def test_body_that_the_handler_decodes_itself_is_a_400_when_it_does_not_fit(serving):
    @controller("/")
    class OwnController:
        @post("/")
        async def own(self, request: Request) -> str:
            return repr(await request.json(dict[str, int]))

    async with serving(OwnController) as http:
        assert (await http.post("/", json={"a": 1})).text == "{'a': 1}"
        for content in (b"{", b"\xff", b"[" * 100_000, b'{"a":"x"}', b""):
            assert (await http.post("/", content=content)).status == 400


@controller("/weird")
class WeirdController:
    @get("/{segments}")
    async def names(
        self,
        segments: str,
        result: Query[int],
        context: Query[int],
        scope: Query[int],
        protocol: Query[int],
        error: Query[int],
        headers: Header[int],
        query: Query[int],
        cookies: Cookie[int],
        verdict: Query[int] = 1,
        outcome: Query[int] = 1,
        draft: Query[int] = 1,
        stack: Query[int] = 1,
        refused: Query[int] = 1,
        int: Query[int] = 1,
        naïve: Query[int] = 1,  # noqa: PLC2401
        _leading: Query[str] = "x",
        raw_result: Query[str] = "x",
    ) -> str:
        return " ".join(map(str, [segments, result, context, scope, protocol, error, headers, query, cookies, int]))


async def test_parameter_names_never_meet_those_of_the_generated_code(serving):
    async with serving(WeirdController) as http:
        answer = await http.get(
            "/weird/s?result=1&context=2&scope=3&protocol=4&error=5&query=7&int=9",
            headers={"headers": "6", "cookie": "cookies=8"},
        )
        assert answer.text == "s 1 2 3 4 5 6 7 8 9"


async def test_handler_may_have_any_name(serving):
    def handler_called(name):
        async def handler(self, value: Query[int] = 3) -> str:
            return str(int(value))

        handler.__name__ = handler.__qualname__ = name
        return get(f"/{name}")(handler)

    names = ["int", "scope", "result", "protocol", "print", "RecursionError", "Exception", "segments", "context"]
    namespace = {name: handler_called(name) for name in names}
    cls = controller("/named")(type("NamesController", (), namespace))
    async with serving(cls) as http:
        for name in names:
            assert (await http.get(f"/named/{name}?value=4")).text == "4"
            assert (await http.get(f"/named/{name}?value=x")).status == 400


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


async def test_scalar_body_is_read_from_json(serving):
    @controller("/")
    class ScalarController:
        @post("/int")
        async def number(self, value: Body[int]) -> str:
            return repr(value)

        @post("/str")
        async def text(self, value: Body[str]) -> str:
            return repr(value)

        @post("/bytes")
        async def raw(self, value: Body[bytes]) -> str:
            return repr(value)

        @post("/page")
        async def page(self, value: Page[int]) -> str:
            return repr(value)

    async with serving(ScalarController) as http:
        assert (await http.post("/int", json=3)).text == "3"
        assert (await http.post("/int", json="3")).json()["errors"][""][0]["code"] == "type"
        assert (await http.post("/str", json="x")).text == "'x'"
        assert (await http.post("/bytes", content=b"\x00\xff")).text == repr(b"\x00\xff")
        assert (await http.post("/page", json={"items": [1]})).text == "Page(items=[1])"
        assert (await http.post("/page", json={"items": [1, "x"]})).json()["errors"] == {
            "items.1": [{"code": "type", "message": "Expected `int`, got `str`"}]
        }
