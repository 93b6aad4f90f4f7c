"""A body is held to its type: no unknown fields, no endless strings or lists, no integers over 64 bits."""

import dataclasses
import enum
import time
import tracemalloc
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import msgspec
import pytest

from nestpy_http import Body, ClientIp, HttpContext, Query, Request, controller, param, patch, post

pytestmark = pytest.mark.anyio
T = TypeVar("T")


class Leaf(msgspec.Struct, tag=True):
    number: int
    more: "list[Leaf] | None" = None


class Closed(msgspec.Struct, tag="closed", forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(max_length=3)]


@dataclasses.dataclass
class Data:
    text: str
    one_of: Leaf | Closed | None = None
    either: str | int | float = 1


class Dict(TypedDict, total=False):
    several: list[Data]
    choice: Literal["a", 1] | list[str]


class Row(NamedTuple):
    number: int
    data: Data
    last: int = 1


class Colour(enum.Enum):
    RED = "red"


class Deep(msgspec.Struct, rename="camel"):
    all_leaves: list[Leaf]
    by_name: dict[str, Dict] = {}
    row: Row | None = None
    pair: tuple[int, Data] | None = None
    numbers: set[int] = set()
    colour: Colour | Leaf | None = None
    anything: Any = None


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Flat(msgspec.Struct):
    name: str
    age: int
    tags: list[str]
    score: int | None = None


class Change(msgspec.Struct):
    name: str | msgspec.UnsetType = msgspec.UNSET
    note: str | msgspec.UnsetType | None = msgspec.UNSET


@controller("/bodies")
class BodiesController:
    @post("/deep")
    async def deep(self, body: Deep) -> Deep:
        return body

    @post("/page")
    async def page(self, body: Body[Page[Flat]]) -> int:
        return len(body.items)

    @post("/flat")
    async def flat(self, body: Flat) -> Flat:
        return body

    @post("/open")
    async def open(self, body: Annotated[Body[Page[Flat]], param(allow_unknown=True)]) -> int:
        return len(body.items)

    @post("/free")
    async def free(self, body: Body[dict[str, Any]]) -> int:
        return len(body)

    @post("/list")
    async def list(self, body: Body[list[int]]) -> int:
        return len(body)

    @patch("/flat")
    async def change(self, body: Change) -> dict[str, Any]:
        return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET}

    @post("/page-number")
    async def page_number(self, page: Query[int]) -> int:
        return page


FLAT = {"name": "Ada", "age": 36, "tags": ["a"]}


@pytest.fixture
async def client(serving):
    async with serving(BodiesController) as client:
        yield client


async def codes(client, path, body):
    answer = await client.post(f"/bodies/{path}", json=body)
    if answer.status == 201:
        return {}
    assert answer.status == 400, answer.text
    return {where: [one["code"] for one in found] for where, found in answer.json()["errors"].items()}


GOOD = {
    "allLeaves": [{"type": "Leaf", "number": 1, "more": [{"number": 2}]}],
    "byName": {"x": {"several": [{"text": "s", "one_of": {"type": "closed", "text": "abc"}}], "choice": ["q"]}},
    "row": [1, {"text": "b"}],
    "pair": [1, {"text": "s", "either": 1.5}],
    "numbers": [1, 2],
    "colour": "red",
    "anything": {"x": [{"y": 1}]},
}


async def test_body_of_every_kind_of_type_passes(client):
    assert await codes(client, "deep", GOOD) == {}
    assert await codes(client, "deep", {"allLeaves": [], "colour": {"type": "Leaf", "number": 1}}) == {}
    assert await codes(client, "page", {"items": [FLAT]}) == {}
    assert await codes(client, "flat", FLAT | {"score": 1}) == {}
    assert await codes(client, "flat", FLAT | {"name": "a: b"}) == {}


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("flat", FLAT | {"is_admin": True}, "is_admin"),
        ("flat", FLAT | {"": 1}, ""),
        ("page", {"items": [FLAT, FLAT | {"is_admin": True}]}, "items.1.is_admin"),
        ("page", {"items": [], "next": None}, "next"),
        ("deep", {"allLeaves": [{"number": 1, "extra": 1}]}, "allLeaves.0.extra"),
        ("deep", {"allLeaves": [{"number": 1, "more": [{"number": 1, "extra": 1}]}]}, "allLeaves.0.more.0.extra"),
        ("deep", {"allLeaves": [], "all_leaves": []}, "all_leaves"),
        ("deep", {"allLeaves": [], "byName": {"x": {"several": [{"text": "s", "extra": 1}]}}}, "byName"),
        ("deep", {"allLeaves": [], "byName": {"x": {"extra": 1}}}, "byName"),
        ("deep", {"allLeaves": [], "row": [1, {"text": "b", "extra": 1}]}, "row.1"),
        ("deep", {"allLeaves": [], "pair": [1, {"text": "b", "extra": 1}]}, "pair.1"),
        ("deep", {"allLeaves": [], "colour": {"type": "Leaf", "number": 1, "extra": 1}}, "colour"),
    ],
)
async def test_unknown_field_is_refused_wherever_it_stands(client, path, body, where):
    found = await codes(client, path, body)
    assert [code for several in found.values() for code in several] == ["unknown_field"]
    assert next(iter(found)).startswith(where)


async def test_unknown_fields_and_every_other_failure_are_listed_together(client):
    found = await codes(client, "page", {"items": [{"name": 1, "age": "x", "is_admin": True}], "more": 1})
    assert found == {
        "items.0.name": ["type"],
        "items.0.age": ["type"],
        "items.0.tags": ["required"],
        "items.0.is_admin": ["unknown_field"],
        "more": ["unknown_field"],
    }


async def test_parameter_and_setting_let_unknown_fields_pass(client, serving):
    body = {"items": [FLAT | {"is_admin": True}], "next": None}
    assert await codes(client, "open", body) == {}
    async with serving(BodiesController, allow_unknown=True) as lax:
        assert await codes(lax, "page", body) == {}


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("flat", FLAT | {"name": "x" * 10_001}, "name"),
        ("flat", FLAT | {"tags": ["x"] * 1_001}, "tags"),
        ("flat", FLAT | {"tags": ["x" * 10_001]}, "tags.0"),
        ("list", [1] * 1_001, ""),
        ("free", {str(number): 1 for number in range(10_001)}, ""),
        ("deep", {"allLeaves": [{"number": 1}] * 1_001}, "allLeaves"),
    ],
)
async def test_endless_strings_lists_and_objects_are_refused(client, path, body, where):
    assert await codes(client, path, body) == {where: ["length"]}


SAID = msgspec.Meta(description="what it is for")


class SaidInner(msgspec.Struct):
    number: int = 0


class Said(msgspec.Struct):
    text: Annotated[str, SAID] = ""
    number: Annotated[int, SAID] = 0
    inner: Annotated[SaidInner | None, SAID] = None
    either: Annotated[SaidInner, SAID] | str = ""
    several: Annotated[list[Annotated[SaidInner, SAID]], SAID] = []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"text": "x" * 10_001}, "text"),
        ({"number": 2**63}, "number"),
        ({"inner": {"other": 1}}, "inner.other"),
        ({"either": {"other": 1}}, "either"),
        ({"several": [{"other": 1}]}, "several.0.other"),
        ({"several": [{}] * 1_001}, "several"),
        ({"other": 1}, "other"),
    ],
)
@pytest.mark.parametrize("path", ["/below", "/above"])
async def test_description_takes_no_bound_away(serving, path, body, where):
    @controller("/")
    class Described:
        @post("/below")
        async def below(self, body: Said) -> None: ...

        @post("/above")
        async def above(self, body: Annotated[Said, SAID]) -> None: ...

    async with serving(Described) as client:
        answer = await client.post(path, json=body)
    assert answer.status == 400
    assert list(answer.json()["errors"]) == [where]


async def test_strings_and_lists_at_the_bound_pass_and_settings_move_it(client, serving):
    body = FLAT | {"name": "x" * 10_000, "tags": ["x"] * 1_000}
    assert await codes(client, "flat", body) == {}
    async with serving(BodiesController, max_string_length=3, max_list_length=2) as narrow:
        assert await codes(narrow, "flat", FLAT | {"tags": ["a", "b"]}) == {}
        assert await codes(narrow, "flat", FLAT | {"tags": ["a", "b", "c"]}) == {"tags": ["length"]}
        assert await codes(narrow, "flat", FLAT | {"name": "Adaa"}) == {"name": ["length"]}


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("flat", FLAT | {"age": 2**63}, "age"),
        ("flat", FLAT | {"age": -(2**63) - 1}, "age"),
        ("flat", FLAT | {"score": 2**63}, "score"),
        ("list", [1, 2**63], "1"),
        ("page", {"items": [FLAT | {"age": 2**63}]}, "items.0.age"),
    ],
)
async def test_integer_beyond_64_bits_is_refused(client, path, body, where):
    assert await codes(client, path, body) == {where: ["range"]}


async def test_a_body_is_refused_the_same_beside_a_context_and_a_provider(serving):
    @controller("/")
    class ContextController:
        @post("/")
        async def create(self, given: Closed, context: HttpContext, request: Request, ip: ClientIp) -> None: ...

    async with serving(ContextController) as http:
        answer = await http.post("/", json={"type": "closed", "text": "long"})
    assert (answer.status, list(answer.json()["errors"])) == (400, ["text"])


async def test_a_refused_body_stands_in_memory_at_most_twice(serving):
    @controller("/")
    class Taking:
        @post("/texts")
        async def texts(self, texts: Body[list[str]]) -> int:
            return len(texts)

        @post("/numbers")
        async def numbers(self, numbers: Body[list[int]]) -> int:
            return len(numbers)

    def peak():
        return tracemalloc.get_traced_memory()[1] - begun

    async with serving(Taking) as client:
        for path, item in (("/texts", "abc"), ("/numbers", 999)):
            body = msgspec.json.encode([item] * 40_000)
            tracemalloc.start()
            try:
                begun = tracemalloc.get_traced_memory()[0]
                msgspec.json.decode(body)
                once = peak()
                tracemalloc.reset_peak()
                answer = await client.post(path, content=body, headers={"content-type": "application/json"})
                refused = peak()
            finally:
                tracemalloc.stop()
            assert (answer.status, answer.json()["errors"][""][0]["code"]) == (400, "length")
            assert refused < 2.5 * once


async def test_a_whole_number_may_be_written_with_a_fraction(serving):
    class Order(msgspec.Struct):
        count: Annotated[int, msgspec.Meta(le=30)]
        price: float = 1.5
        rows: list[int] = []

    @controller("/")
    class OrderController:
        @post("/{place}")
        async def create(self, place: int, order: Order, times: Query[int] = 2) -> list[Any]:
            return [place, order.count, order.price, order.rows, times]

    async with serving(OrderController) as http:
        mended = await http.post("/7", json={"count": 25.0, "price": 2.0, "rows": [1, 2.0]})
        assert (mended.status, mended.json()) == (201, [7, 25, 2.0, [1, 2], 2])
        for body, fields in (
            ({"count": 25.5}, ["count"]),
            ({"count": 31.0, "rows": ["a"], "more": 1.0}, ["count", "more", "rows.0"]),
            ({"count": 1e300}, ["count"]),
        ):
            refused = await http.post("/7", json=body)
            assert (refused.status, sorted(refused.json()["errors"])) == (400, fields)
        refused = await http.post("/x?times=a", json={"count": 25.0})
        assert sorted(refused.json()["errors"]) == ["place", "times"]


async def test_integers_of_64_bits_pass(client):
    assert await codes(client, "flat", FLAT | {"age": 2**63 - 1, "score": -(2**63)}) == {}


async def test_partial_update_tells_absent_from_null(client):
    answer = await client.patch("/bodies/flat", json={"note": None})
    assert answer.json() == {"note": None}
    assert (await client.patch("/bodies/flat", json={})).json() == {}
    refused = await client.patch("/bodies/flat", json={"nam": "x"})
    assert refused.json()["errors"] == {"nam": [{"code": "unknown_field", "message": "This field is not known"}]}


STRICT = [
    ('{"name": "x", "age": 1, "tags": [], "age": 2}', "The body has an object with a repeated key"),
    ('{"name": "x", "age": 1, "tags": [], "\\u0061ge": 2}', "The body has an object with a repeated key"),
    ("[" * 65 + "]" * 65, "The body is nested more than 64 levels deep"),
    ('{"name": ' + "[" * 64 + "]" * 64 + "}", "The body is nested more than 64 levels deep"),
]


@pytest.mark.parametrize(("body", "says"), STRICT)
async def test_strict_json_refuses_repeated_keys_and_depth(serving, body, says):
    async with serving(BodiesController, strict_json=True) as client:
        answer = await client.post("/bodies/flat", content=body, headers={"content-type": "application/json"})
        assert answer.status == 400
        assert answer.json()["detail"] == says


async def test_strict_json_takes_everything_else(serving):
    async with serving(BodiesController, strict_json=True) as client:
        assert await codes(client, "flat", FLAT | {"name": '[[[["\\' + "[" * 100}) == {}
        assert await codes(client, "deep", GOOD) == {}
        broken = await client.post("/bodies/flat", content='{"a"', headers={"content-type": "application/json"})
        assert broken.json()["detail"] == "The body is not valid JSON"


PATTERNS = {
    "(a+)+$": True,
    "^(a|b+)*$": True,
    "(\\w+\\s?)*$": True,
    "(?:x{1,3})*": True,
    "(.*)*": True,
    "(?=(a+)+)b": True,
    "^(([a-z])+.)+[A-Z]([a-z])+$": True,
    "^[a-z0-9]+(-[a-z0-9]+)*$": False,
    "^(\\d{1,3}\\.){3}\\d{1,3}$": False,
    "^(?:[a-z]+\\.)*[a-z]+$": False,
    "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$": False,
    "(\\.\\d+)?": False,
}


@pytest.mark.parametrize(("pattern", "refused"), PATTERNS.items())
def test_pattern_that_repeats_a_repetition_is_refused_at_boot(boot_problems, make_app, pattern, refused):
    class Named(msgspec.Struct):
        name: Annotated[str, msgspec.Meta(pattern=pattern)]

    @controller("/")
    class NamedController:
        @post("/")
        async def create(self, given: Body[list[Named]]) -> None: ...

    if not refused:

        @controller("/")
        class FineController:
            @post("/")
            async def create(self, given: Body[Named]) -> None: ...

        make_app(FineController)
        return
    text = "\n".join(boot_problems(NamedController))
    assert f"whose pattern `{pattern}` repeats a repetition" in text


def seconds(work):
    best = float("inf")
    for _ in range(7):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


@pytest.mark.parametrize("body", [b'{"a":', b"[", b'{"name":"' + b"\\\\", b'"', b'\\"', b"\\", b'"\\'])
def test_strict_scan_is_linear(body):
    from nestpy_http._strict_json import strict

    def refuse(times):
        try:
            strict(msgspec.json.decode)(body * times)
        except (ValueError, RecursionError):
            return

    tries = range(3)  # for a busy machine
    ratio = 2.5
    assert any(seconds(lambda: refuse(200_000)) <= ratio * seconds(lambda: refuse(100_000)) + 0.02 for _ in tries)
