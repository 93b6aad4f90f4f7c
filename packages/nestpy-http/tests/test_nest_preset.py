"""`errors="nest"`: every body that a NestJS service was seen to answer, byte for byte."""

import datetime as dt
import enum
import logging
import subprocess
import sys
import uuid
from typing import Annotated, Literal

import msgspec
import pytest

from nestpy_core import (
    APP_INTERCEPTOR,
    Denial,
    ParseArray,
    ParseBool,
    ParseDate,
    ParseEnum,
    ParseFloat,
    ParseInt,
    ParseUUID,
    Validate,
    ValidationPipe,
    catch,
    provide,
    use_filters,
    use_guards,
)
from nestpy_http import (
    BadRequestError,
    Body,
    ConflictError,
    ForbiddenError,
    Form,
    HttpError,
    InternalServerError,
    InvalidInputError,
    NotFoundError,
    Path,
    Query,
    Response,
    ServiceUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
    controller,
    get,
    param,
    post,
    put,
)

pytestmark = pytest.mark.anyio

CANARY = "canary-1b9e"
JSON = "application/json; charset=utf-8"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class GoneFishingError(NotFoundError):
    pass


class CarryingError(Exception):
    statusCode = 422
    message = "m"


class OwnError(HttpError):
    status = 409


RAISED = {
    "text": (lambda: HttpError("txt", status=418), 418, '{"statusCode":418,"message":"txt"}'),
    "object": (lambda: HttpError(status=409, extensions={"x": 1}), 409, '{"x":1}'),
    "not-found": (NotFoundError, 404, '{"message":"Not Found","statusCode":404}'),
    "gone": (lambda: NotFoundError("gone"), 404, '{"message":"gone","error":"Not Found","statusCode":404}'),
    "described": (
        lambda: NotFoundError("gone", extensions={"error": "desc"}),
        404,
        '{"message":"gone","error":"desc","statusCode":404}',
    ),
    "list": (
        lambda: BadRequestError("a", extensions={"message": ["a", "b"]}),
        400,
        '{"message":["a","b"],"error":"Bad Request","statusCode":400}',
    ),
    "own-object": (lambda: NotFoundError(extensions={"z": 1}), 404, '{"z":1}'),
    "subclass": (lambda: GoneFishingError("x"), 404, '{"message":"x","error":"Not Found","statusCode":404}'),
    "own-class": (lambda: OwnError("x"), 409, '{"statusCode":409,"message":"x"}'),
    "unauthorized": (UnauthorizedError, 401, '{"message":"Unauthorized","statusCode":401}'),
    "unauthorized-text": (
        lambda: UnauthorizedError("no token"),
        401,
        '{"message":"no token","error":"Unauthorized","statusCode":401}',
    ),
    "forbidden": (ForbiddenError, 403, '{"message":"Forbidden","statusCode":403}'),
    "conflict": (lambda: ConflictError("taken"), 409, '{"message":"taken","error":"Conflict","statusCode":409}'),
    "too-many": (TooManyRequestsError, 429, '{"statusCode":429,"message":"ThrottlerException: Too Many Requests"}'),
    "internal": (InternalServerError, 500, '{"message":"Internal Server Error","statusCode":500}'),
    "unavailable": (ServiceUnavailableError, 503, '{"message":"Service Unavailable","statusCode":503}'),
    "unknown": (lambda: LookupError(CANARY), 500, '{"statusCode":500,"message":"Internal server error"}'),
    "unknown-with-status": (
        CarryingError,
        500,
        '{"statusCode":500,"message":"Internal server error"}',
    ),
    "own-fields": (
        lambda: InvalidInputError({"email": [{"code": "taken", "message": "is taken"}]}),
        400,
        '{"message":["email is taken"],"error":"Bad Request","statusCode":400}',
    ),
}


@controller("/raised")
class RaisedController:
    @get("/{name}")
    async def raised(self, name: str) -> str:
        error = RAISED[name][0]()
        raise error


@pytest.mark.parametrize("name", RAISED)
async def test_raised_errors_have_nestjs_bodies(name, serving, caplog):
    _, status, body = RAISED[name]
    caplog.set_level(logging.CRITICAL)
    async with serving(RaisedController, errors="nest") as http:
        for _ in range(2):
            answer = await http.get(f"/raised/{name}")
            assert (answer.status, answer.text) == (status, body)
            assert answer.headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("method", "target", "message"),
    [
        ("GET", "/x?q=1", "Cannot GET /x?q=1"),
        ("GET", "/x", "Cannot GET /x"),
        ("POST", "/raised/not-found", "Cannot POST /raised/not-found"),
        ("OPTIONS", "/raised/not-found", "Cannot OPTIONS /raised/not-found"),
        ("DELETE", "/x/%C3%A9%20a?b=%20", "Cannot DELETE /x/%C3%A9%20a?b=%20"),
        ("GET", "/raised", "Cannot GET /raised"),
    ],
)
@pytest.mark.parametrize("intercepted", [False, True])
async def test_unmatched_requests_are_a_404_with_their_target(method, target, message, intercepted, serving):
    class Through:
        async def intercept(self, context, call_next):
            return await call_next()

    more = [provide(APP_INTERCEPTOR, use_value=Through(), multi=True)] if intercepted else []
    async with serving(RaisedController, *more, errors="nest") as http:
        answer = await http.request(method, target)
        assert answer.text == f'{{"message":"{message}","error":"Not Found","statusCode":404}}'
        assert (answer.status, answer.headers["content-type"]) == (404, JSON)
        assert "allow" not in answer.headers


async def test_unmatched_head_is_a_404_without_a_body(serving):
    async with serving(RaisedController, errors="nest") as http:
        answer = await http.request("HEAD", "/x")
        assert (answer.status, answer.content) == (404, b"")


VERDICTS = {
    "false": (False, 403, '{"message":"Forbidden resource","error":"Forbidden","statusCode":403}'),
    "denial": (Denial(), 403, '{"message":"Forbidden resource","error":"Forbidden","statusCode":403}'),
    "told": (Denial.forbidden("not you"), 403, '{"message":"not you","error":"Forbidden","statusCode":403}'),
    "scope": (
        Denial.insufficient_scope(("a",)),
        403,
        '{"message":"Forbidden resource","error":"Forbidden","statusCode":403}',
    ),
    "unauthorized": (Denial.unauthorized(), 401, '{"message":"Unauthorized","statusCode":401}'),
    "limited": (
        Denial.rate_limited(3),
        429,
        '{"statusCode":429,"message":"ThrottlerException: Too Many Requests"}',
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
async def test_refusals_of_guards_have_nestjs_bodies(name, serving):
    verdict, status, body = VERDICTS[name]

    class Verdict:
        def can_activate(self, context):
            return verdict

    @use_guards(Verdict())
    @controller("/guarded")
    class GuardedController:
        @get("/")
        async def guarded(self) -> str:
            return "in"

    async with serving(GuardedController, errors="nest") as http:
        answer = await http.get("/guarded")
        assert (answer.status, answer.text, answer.headers["content-type"]) == (status, body, JSON)


@controller("/pipes")
class PipesController:
    @get("/int/{x}")
    async def integer(self, x: Annotated[Path[int], param(pipes=[ParseInt()])]) -> str:
        return repr(x)

    @get("/float/{x}")
    async def number(self, x: Annotated[Path[float], param(pipes=[ParseFloat()])]) -> str:
        return repr(x)

    @get("/bool/{x}")
    async def boolean(self, x: Annotated[Path[bool], param(pipes=[ParseBool()])]) -> str:
        return repr(x)

    @get("/uuid/{x}")
    async def key(self, x: Annotated[Path[uuid.UUID], param(pipes=[ParseUUID()])]) -> str:
        return repr(x)

    @get("/uuid4/{x}")
    async def key4(self, x: Annotated[Path[uuid.UUID], param(pipes=[ParseUUID(version=4)])]) -> str:
        return repr(x)

    @get("/enum/{x}")
    async def color(self, x: Annotated[Path[Color], param(pipes=[ParseEnum(Color)])]) -> str:
        return repr(x)

    @get("/date/{x}")
    async def date(self, x: Annotated[Path[dt.date], param(pipes=[ParseDate()])]) -> str:
        return repr(x)

    @get("/array/{x}")
    async def array(self, x: Annotated[Path[list[int]], param(pipes=[ParseArray(items=int)])]) -> str:
        return repr(x)

    @get("/checked/{x}")
    async def checked(self, x: Annotated[Path[int], msgspec.Meta(ge=3), param(pipes=[ValidationPipe])]) -> str:
        return repr(x)

    @get("/own/{x}")
    async def own(self, x: Annotated[Path[int], param(pipes=[Validate(Annotated[int, msgspec.Meta(ge=3)])])]) -> str:
        return repr(x)


@controller("/declared")
class DeclaredController:
    @get("/int/{x}")
    async def integer(self, x: int) -> str:
        return repr(x)

    @get("/float/{x}")
    async def number(self, x: float) -> str:
        return repr(x)

    @get("/bool/{x}")
    async def boolean(self, x: bool) -> str:
        return repr(x)

    @get("/uuid/{x}")
    async def key(self, x: uuid.UUID) -> str:
        return repr(x)

    @get("/enum/{x}")
    async def color(self, x: Color) -> str:
        return repr(x)

    @get("/date/{x}")
    async def date(self, x: dt.date) -> str:
        return repr(x)

    @get("/query")
    async def query(
        self,
        n: Query[int | None] = None,
        page: Annotated[Query[int], msgspec.Meta(ge=1, le=9)] = 1,
        ids: Query[list[int]] = [],  # noqa: B006  # defaults are copied
        word: Annotated[Query[str], msgspec.Meta(min_length=2, pattern="^[a-z]+$")] = "ab",
        colors: Query[list[Color]] = [],  # noqa: B006
    ) -> str:
        return "in"

    @get("/needed")
    async def needed(self, day: Query[dt.date]) -> str:
        return "in"

    @get("/number")
    async def needed_number(self, n: Query[int]) -> str:
        return "in"

    @get("/word")
    async def needed_word(self, word: Query[str]) -> str:
        return "in"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pipes/int/x", '"Validation failed (numeric string is expected)"'),
        ("pipes/float/x", '"Validation failed (numeric string is expected)"'),
        ("pipes/bool/x", '"Validation failed (boolean string is expected)"'),
        ("pipes/uuid/x", '"Validation failed (uuid is expected)"'),
        ("pipes/uuid4/x", '"Validation failed (uuid v 4 is expected)"'),
        ("pipes/enum/x", '"Validation failed (enum string is expected)"'),
        ("pipes/date/x", '"Validation failed (invalid date format)"'),
        ("pipes/array/x,2", '"[0] item must be a number"'),
        ("pipes/own/1", '["x must not be less than 3"]'),
        ("pipes/checked/1", '["x must not be less than 3"]'),
        ("declared/int/x", '"Validation failed (numeric string is expected)"'),
        ("declared/float/x", '"Validation failed (numeric string is expected)"'),
        ("declared/bool/x", '"Validation failed (boolean string is expected)"'),
        ("declared/uuid/x", '"Validation failed (uuid is expected)"'),
        ("declared/enum/x", '"Validation failed (enum string is expected)"'),
        ("declared/date/x", '"Validation failed (invalid date format)"'),
        ("declared/query?n=x", '"Validation failed (numeric string is expected)"'),
        ("declared/query?n=1&n=2", '"Validation failed (numeric string is expected)"'),
        ("declared/query?page=0", '["page must not be less than 1"]'),
        ("declared/query?page=10", '["page must not be greater than 9"]'),
        ("declared/query?ids=1&ids=x", '"[1] item must be a number"'),
        ("declared/query?word=a", '["word must be longer than or equal to 2 characters"]'),
        ("declared/query?word=A1", '["word must match /^[a-z]+$/ regular expression"]'),
        ("declared/query?colors=x", '"[0] Validation failed (enum string is expected)"'),
        ("declared/needed", '"Validation failed (no Date provided)"'),
        ("declared/number", '"Validation failed (numeric string is expected)"'),
        ("declared/word", '["word must be a string"]'),
    ],
)
async def test_arguments_are_refused_in_the_words_of_nestjs_pipes(path, message, serving):
    async with serving(PipesController, DeclaredController, errors="nest") as http:
        answer = await http.get(f"/{path}")
        assert answer.text == f'{{"message":{message},"error":"Bad Request","statusCode":400}}'
        assert (answer.status, answer.headers["content-type"]) == (400, JSON)


class In(msgspec.Struct, forbid_unknown_fields=True):
    s: str


class Dto(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, msgspec.Meta(pattern="^[^@ ]+@[^@ ]+$", extra_json_schema={"format": "email"})]
    age: Annotated[int, msgspec.Meta(ge=3)]
    inner: In = msgspec.field(name="in")


class Rich(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2, max_length=4)] = "ab"
    size: Annotated[float, msgspec.Meta(gt=0, lt=2.5)] = 1.0
    count: Annotated[int, msgspec.Meta(gt=0, le=9, multiple_of=3)] = 3
    tags: Annotated[list[str], msgspec.Meta(min_length=1, max_length=2)] = msgspec.field(default_factory=lambda: ["a"])
    items: list[In] = []
    color: Color = Color.RED
    kind: Literal["a", "b"] = "a"
    key: uuid.UUID | None = None
    day: dt.date | None = None
    on: bool = True
    more: dict[str, int] = {}
    nested: In | None = None


@controller("/bodies")
class BodiesController:
    @post("/")
    async def create(self, dto: Dto) -> Dto:
        return dto

    @put("/rich")
    async def rich(self, rich: Rich) -> str:
        return "in"

    @put("/list")
    async def several(self, numbers: Body[list[int]]) -> str:
        return "in"


CAPTURED = (
    '["email must be an email","age must be an integer number","age must not be less than 3","in.s must be a string"]'
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"email": "x", "age": "y", "in": {"s": 3}}, CAPTURED),
        ({"in": {}}, CAPTURED),
        (
            {"email": "a@b", "age": 3, "in": {"s": "x"}, "extra": 1},
            '["property extra should not exist"]',
        ),
        (
            {"email": "a@b", "age": 2, "in": {"s": "x", "y": 1}},
            '["in.property y should not exist","age must not be less than 3"]',
        ),
        ({"email": "a@b", "age": 3, "in": 7}, '["nested property in must be either object or array"]'),
        ({"email": "a@b", "age": 3}, '["nested property in must be either object or array"]'),
    ],
)
async def test_bodies_are_refused_in_the_words_of_nestjs_validators(body, message, serving):
    async with serving(BodiesController, errors="nest") as http:
        answer = await http.post("/bodies", json=body)
        assert answer.text == f'{{"message":{message},"error":"Bad Request","statusCode":400}}'
        assert (answer.status, answer.headers["content-type"]) == (400, JSON)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "a"}, "name must be longer than or equal to 2 characters"),
        ({"name": "abcde"}, "name must be shorter than or equal to 4 characters"),
        ({"size": 0}, "size must be greater than 0"),
        ({"size": 3}, "size must be less than 2.5"),
        ({"count": 0}, "count must be a positive number"),
        ({"count": 12}, "count must not be greater than 9"),
        ({"count": 4}, "count must be divisible by 3"),
        ({"tags": []}, "tags must contain at least 1 elements"),
        ({"tags": ["a", "b", "c"]}, "tags must contain no more than 2 elements"),
        ({"tags": [1, 2]}, "each value in tags must be a string"),
        ({"items": [{"s": "a"}, {"s": 1}]}, "items.1.s must be a string"),
        ({"items": [3]}, "items.nested property 0 must be either object or array"),
        ({"color": "x"}, "color must be one of the following values: red, blue"),
        ({"kind": "x"}, "kind must be one of the following values: a, b"),
        ({"key": "x"}, "key must be a UUID"),
        ({"day": "x"}, "day must be a valid ISO 8601 date string"),
        ({"on": "x"}, "on must be a boolean value"),
        ({"more": []}, "more must be an object"),
        ({"nested": 1}, "nested property nested must be either object or array"),
        ({"nested": {"s": 1}}, "nested.s must be a string"),
    ],
)
async def test_each_constraint_has_the_sentence_of_its_validator(body, message, serving):
    async with serving(BodiesController, errors="nest") as http:
        answer = await http.request("PUT", "/bodies/rich", json=body)
        assert (answer.status, answer.json()["message"]) == (400, [message])


async def test_what_a_body_may_not_be_at_all(serving):
    async with serving(BodiesController, errors="nest", max_body_bytes=64) as http:
        broken = await http.post("/bodies", content=b"{", headers={"content-type": "application/json"})
        assert broken.text == '{"message":"The body is not valid JSON","error":"Bad Request","statusCode":400}'
        large = await http.post("/bodies", content=b" " * 65, headers={"content-type": "application/json"})
        assert (large.status, large.text) == (413, '{"statusCode":413,"message":"request entity too large"}')
        other = await http.post("/bodies", content=b"x", headers={"content-type": "text/plain"})
        assert other.status == 415
        assert other.text == (
            '{"message":"The body must be `application/json`","error":"Unsupported Media Type","statusCode":415}'
        )
        items = await http.request("PUT", "/bodies/list", json=[1, "x"])
        assert items.json()["message"] == ["1 must be an integer number"]


async def test_forms_are_refused_as_bodies_are(serving):
    @controller("/forms")
    class FormsController:
        @post("/")
        async def create(self, dto: Form[Rich]) -> str:
            return dto.name

    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with serving(FormsController, errors="nest") as http:
        answer = await http.post("/forms", content=b"name=a&count=x", headers=kind)
        assert answer.json()["message"] == [
            "name must be longer than or equal to 2 characters",
            "count must be an integer number",
            "count must be a positive number",
            "count must not be greater than 9",
            "count must be divisible by 3",
        ]


async def test_foreign_sites_and_the_other_status_have_nestjs_bodies_too(serving):
    async with serving(BodiesController, errors="nest", validation_status=422) as http:
        foreign = await http.post("/bodies", json={}, headers={"cookie": "a=b", "sec-fetch-site": "cross-site"})
        assert foreign.text == (
            '{"message":"Cross-origin request detected from Sec-Fetch-Site header",'
            '"error":"Forbidden","statusCode":403}'
        )
        assert foreign.status == 403
        unfit = await http.request("PUT", "/bodies/rich", json={"on": 3})
        assert (unfit.status, unfit.text) == (
            422,
            '{"message":["on must be a boolean value"],"error":"Unprocessable Entity","statusCode":422}',
        )


async def test_what_fits_is_answered_as_ever(serving):
    async with serving(BodiesController, errors="nest") as http:
        answer = await http.post("/bodies", json={"email": "a@b", "age": 3, "in": {"s": "x"}})
        assert (answer.status, answer.text) == (201, '{"email":"a@b","age":3,"in":{"s":"x"}}')


async def test_filters_still_come_first(serving):
    @catch(LookupError)
    class Found:
        def catch(self, error, context):
            return Response({"mine": True}, 410)

    @use_filters(Found)
    @controller("/filtered")
    class FilteredController:
        @get("/")
        async def fail(self) -> str:
            raise LookupError(CANARY)

    async with serving(FilteredController, errors="nest") as http:
        answer = await http.get("/filtered")
        assert (answer.status, answer.text) == (410, '{"mine":true}')


async def test_security_headers_and_challenges_stay(serving):
    async with serving(RaisedController, errors="nest") as http:
        answer = await http.get("/raised/unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await http.get("/raised/too-many")).headers["retry-after"] == "1"


def test_there_are_two_presets(boot_problems):
    problems = boot_problems(RaisedController, errors="other")
    assert len(problems) == 1
    assert problems[0].startswith("Setting `http.errors` must be")


def test_the_default_preset_imports_nothing_of_the_other():
    code = (
        "import sys; from nestpy_core import App, module; from nestpy_http import HttpModule\n"
        "@module(imports=[HttpModule.for_root()])\n"
        "class M: ...\n"
        "App(M); print([name for name in sys.modules if 'nestpy_http._nest' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
