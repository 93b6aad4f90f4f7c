"""Pipes on HTTP: every place, every binding, and what a refusal looks like."""

import enum
import uuid
from typing import Annotated

import msgspec
import pytest

from nestpy_core import (
    APP_PIPE,
    DefaultValue,
    DefinitionError,
    Lowercase,
    ParseArray,
    ParseEnum,
    ParseInt,
    ParseUUID,
    Scope,
    Trim,
    Validate,
    ValidationPipe,
    ViolationsError,
    injectable,
    provide,
    use_pipes,
)
from nestpy_http import (
    Body,
    Cookie,
    File,
    Form,
    Header,
    HttpContext,
    NotFoundError,
    Path,
    Query,
    Upload,
    controller,
    get,
    param,
    post,
)

pytestmark = pytest.mark.anyio

CANARY = "canary-1b9e"
V4 = "0e3f6a2c-5b1d-4c6e-9f00-1a2b3c4d5e6f"
V7 = "01890a5d-ac96-774b-bcce-b302099a8057"


class Color(enum.Enum):
    RED = "red"


@controller("/parsed")
class ParsedController:
    @get("/int/{id}")
    async def number(self, id: Annotated[Path[int], param(pipes=[ParseInt()])]) -> str:  # named by the route
        return repr(id)

    @get("/uuid/{key}")
    async def key(self, key: Annotated[Path[uuid.UUID], param(pipes=[ParseUUID(version=7)])]) -> str:
        return repr(key)

    @get("/text/{key}")
    async def text(self, key: Annotated[Path[str], param(pipes=[ParseUUID()])]) -> str:
        return repr(key)

    @get("/color")
    async def color(
        self, color: Annotated[Query[Color], param(pipes=[Trim, Lowercase, ParseEnum(Color)])] = Color.RED
    ) -> str:
        return color.name

    @get("/array")
    async def array(self, ids: Annotated[Query[list[int]], param(pipes=[ParseArray(items=int)])]) -> str:
        return repr(ids)

    @get("/default")
    async def default(self, page: Annotated[Query[int], param(pipes=[DefaultValue("1"), ParseInt()])]) -> str:
        return repr(page)

    @get("/bounded")
    async def bounded(self, n: Annotated[Query[int], msgspec.Meta(ge=1), param(pipes=[ParseInt()])]) -> str:
        return repr(n)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("int/7", "7"),
        (f"uuid/{V7}", f"UUID('{V7}')"),
        (f"text/{V4}", f"'{V4}'"),
        ("color?color=%20RED%20", "RED"),
        ("color", "RED"),
        ("array?ids=1,%202", "[1, 2]"),
        ("array?ids=1,2&ids=3", "[1, 2, 3]"),
        ("array?ids=", "[]"),
        ("array?ids=%20%20", "[]"),
        ("default", "1"),
        ("default?page=3", "3"),
        ("bounded?n=1", "1"),
    ],
)
async def test_pipes_parse_what_stands_anywhere(path, text, serving):
    async with serving(ParsedController) as http:
        answer = await http.get(f"/parsed/{path}")
        assert (answer.status, answer.text) == (200, text)


@pytest.mark.parametrize(
    ("path", "errors"),
    [
        (f"int/{CANARY}", {"id": [{"code": "type", "message": "Expected `int`"}]}),
        (f"uuid/{V4}", {"key": [{"code": "type", "message": "Expected `UUID` of version 7"}]}),
        (f"text/{CANARY}", {"key": [{"code": "type", "message": "Expected `UUID`"}]}),
        (f"color?color={CANARY}", {"color": [{"code": "enum", "message": "Expected `Color`"}]}),
        ("array?ids=1,2,x", {"ids.2": [{"code": "type", "message": "Expected `int`"}]}),
        ("array", {"ids": [{"code": "required", "message": "This field is required"}]}),
        ("default?page=x", {"page": [{"code": "type", "message": "Expected `int`"}]}),
        ("bounded?n=0", {"n": [{"code": "range", "message": "Expected `int` >= 1"}]}),
        ("bounded?n=1&n=2", {"n": [{"code": "repeated", "message": "This field is given more than once"}]}),
    ],
)
async def test_refusal_is_a_400_that_names_field_and_type_and_never_the_value(path, errors, serving):
    async with serving(ParsedController) as http:
        answer = await http.get(f"/parsed/{path}")
        assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
        assert answer.json()["errors"] == errors
        assert answer.json()["detail"] == "validation failed"
        assert CANARY not in answer.text


async def test_unsafe_segment_never_reaches_a_pipe(serving):
    seen = []

    class Note:
        def transform(self, value, parameter):
            seen.append(value)
            return value

    @controller("/safe")
    class SafeController:
        @get("/{name}")
        async def name(self, name: Annotated[Path[str], param(pipes=[Note()])]) -> str:
            return name

    async with serving(SafeController) as http:
        assert (await http.get("/safe/a%5Cb")).status == 400
        assert (await http.get("/safe/ab")).text == "ab"
    assert seen == ["ab"]


class User:
    def __init__(self, name):
        self.name = name


@injectable
class Users:
    def __init__(self) -> None:
        self.known = {"7": User("Ann")}


@injectable
class UserById:
    users: Users

    async def transform(self, value, parameter):
        if value not in self.users.known:
            raise NotFoundError("no such user")
        return self.users.known[value]


@controller("/users")
class UsersController:
    @get("/{user}")
    async def one(self, user: Annotated[Path[User], param(pipes=[UserById])]) -> str:
        return user.name

    @get("/")
    async def maybe(self, user: Annotated[Query[User | None], param(pipes=[UserById])] = None) -> str:
        return user.name if user else "nobody"


async def test_pipe_class_comes_from_the_container_and_may_replace_the_conversion(serving):
    async with serving(UsersController, Users) as http:
        assert (await http.get("/users/7")).text == "Ann"
        assert (await http.get("/users/8")).json()["detail"] == "no such user"
        assert (await http.get("/users?user=7")).text == "Ann"
        assert (await http.get("/users")).text == "nobody"


async def test_pipe_that_forgets_to_replace_the_conversion_is_a_silent_500(serving):
    @controller("/forgot")
    class ForgotController:
        @get("/{user}")
        async def one(self, user: Annotated[Path[User], param(pipes=[Trim])]) -> str:
            return user.name

    async with serving(ForgotController) as http:
        answer = await http.get(f"/forgot/{CANARY}")
        assert answer.status == 500
        assert CANARY not in answer.text


def test_pipe_class_without_what_it_injects_does_not_boot(boot_problems):
    problems = boot_problems(UsersController)
    assert len(problems) == 1
    assert problems[0].startswith("`UserById` in `TestedModule` needs `Users` (`users`)")


def test_what_is_no_pipe_is_refused_where_it_stands():
    with pytest.raises(DefinitionError, match="is none of the pipes"):
        param(pipes=[object()])


class Cat(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    tags: list[str] = []


class TrimNames:
    async def transform(self, value, parameter):
        return msgspec.structs.replace(value, name=value.name.strip()) if isinstance(value, Cat) else value


@controller("/bodies")
class BodiesController:
    @post("/checked")
    async def checked(self, cat: Annotated[Body[Cat], param(pipes=[TrimNames, Validate(Cat)])]) -> str:
        return repr(cat)

    @post("/optional")
    async def optional(self, cat: Annotated[Body[Cat | None], param(pipes=[TrimNames()])] = None) -> str:
        return repr(cat)

    @post("/default")
    async def default(self, cat: Annotated[Body[Cat | None], param(pipes=[DefaultValue(Cat("Tom"))])] = None) -> str:
        return repr(cat)

    @post("/refused")
    async def refused(self, cat: Annotated[Body[Cat], param(pipes=[ParseInt()])]) -> str:
        return repr(cat)


async def test_bodies_run_through_pipes_once_they_are_decoded(serving):
    async with serving(BodiesController) as http:
        assert (await http.post("/bodies/checked", json={"name": " Tom "})).text == "Cat(name='Tom', tags=[])"
        refused = await http.post("/bodies/checked", json={"name": "  "})
        assert refused.status == 400
        assert refused.json()["errors"] == {"name": [{"code": "length", "message": "Expected `str` of length >= 1"}]}
        assert (await http.post("/bodies/optional")).text == "None"
        assert (await http.post("/bodies/optional", json={"name": " T"})).text == "Cat(name='T', tags=[])"
        assert (await http.post("/bodies/default")).text == "Cat(name='Tom', tags=[])"
        assert (await http.post("/bodies/refused", json={"name": "T"})).json()["errors"] == {
            "": [{"code": "type", "message": "Expected `int`"}]
        }


@use_pipes(Trim)
@controller("/global/{name}")
class GlobalController:
    @get("/")
    async def everything(
        self, name: str, context: HttpContext, n: Query[int], who: Header[str], sid: Cookie[str], tags: Query[list[str]]
    ) -> str:
        return f"{name}|{n}|{who}|{sid}|{tags}|{context.handler.name}"

    @use_pipes(Lowercase())
    @post("/")
    async def body(self, name: str, cat: Cat) -> str:
        return f"{name}|{cat.name}"


async def test_pipes_of_app_host_and_method_see_every_argument_and_never_the_request(serving):
    class Note:
        def transform(self, value, parameter):
            seen.append(parameter.name)
            return value

    seen = []
    provider = provide(APP_PIPE, use_value=Note(), multi=True)
    async with serving(GlobalController, provider) as http:
        answer = await http.get(
            "/global/%20Ab%20?n=%207%20&tags=%20x&tags=y%20", headers={"who": " me ", "cookie": "sid= s "}
        )
        assert answer.text == "Ab|7|me|s|['x', 'y']|everything"
        assert seen == ["name", "n", "who", "sid", "tags"]
        assert (await http.post("/global/%20AB%20", json={"name": " Tom "})).text == "ab| Tom "


async def test_pipes_of_one_call_come_from_its_own_scope(serving):
    @injectable(scope=Scope.REQUEST)
    class Tenant:
        context: HttpContext

        def transform(self, value, parameter):
            return f"{self.context.headers['tenant']}/{value}"

    @controller("/tenants")
    class TenantController:
        @get("/{key}")
        async def key(self, key: Annotated[Path[str], param(pipes=[Tenant])]) -> str:
            return key

    async with serving(TenantController) as http:
        assert (await http.get("/tenants/a", headers={"tenant": "x"})).text == "x/a"
        assert (await http.get("/tenants/a", headers={"tenant": "y"})).text == "y/a"


class Small:
    def transform(self, value, parameter):
        if value.size > 3:
            raise ValueError("over 3 bytes")
        return value


@controller("/forms")
class FormsController:
    @post("/fields")
    async def fields(
        self,
        name: Annotated[Form[str], param(pipes=[Trim, Lowercase])],
        ids: Annotated[Form[list[int]], param(pipes=[ParseArray(items=int)])],
        page: Annotated[Form[int], param(pipes=[DefaultValue(1)])],
    ) -> str:
        return f"{name} {ids} {page}"

    @post("/whole")
    async def whole(self, cat: Annotated[Form[Cat], param(pipes=[TrimNames(), ValidationPipe])]) -> str:
        return repr(cat)

    @post("/files")
    async def files(self, file: Annotated[File[Upload], param(pipes=[Small])]) -> str:
        return file.filename or ""


async def test_fields_and_files_of_forms_run_through_pipes(serving):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with serving(FormsController) as http:
        fields = await http.post("/forms/fields", content=b"name=+AB+&ids=1,+2&ids=3", headers=kind)
        assert fields.text == "ab [1, 2, 3] 1"
        refused = await http.post("/forms/fields", content=b"name=a&ids=1,x", headers=kind)
        assert refused.json()["errors"] == {"ids.1": [{"code": "type", "message": "Expected `int`"}]}
        whole = await http.post("/forms/whole", content=b"name=+Tom+", headers=kind)
        assert whole.text == "Cat(name='Tom', tags=[])"
        blank = await http.post("/forms/whole", content=b"name=++", headers=kind)
        assert blank.json()["errors"] == {"name": [{"code": "length", "message": "Expected `str` of length >= 1"}]}
        part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        parts = {"content-type": "multipart/form-data; boundary=x"}
        small = await http.post("/forms/files", content=part + b"abc\r\n--x--\r\n", headers=parts)
        assert small.text == "a.txt"
        large = await http.post("/forms/files", content=part + b"abcd\r\n--x--\r\n", headers=parts)
        assert large.json()["errors"] == {"file": [{"code": "pipe", "message": "over 3 bytes"}]}


async def test_pipe_may_name_several_failures_of_its_own(serving):
    class Strict:
        def transform(self, value, parameter):
            raise ViolationsError({"": [{"code": "range", "message": "too old"}], "0": []})

    @controller("/strict")
    class StrictController:
        @get("/")
        async def strict(self, q: Annotated[Query[str], param(pipes=[Strict()])]) -> str:
            return q

    async with serving(StrictController) as http:
        answer = await http.get(f"/strict?q={CANARY}")
        assert answer.json()["errors"] == {"q": [{"code": "range", "message": "too old"}], "q.0": []}
