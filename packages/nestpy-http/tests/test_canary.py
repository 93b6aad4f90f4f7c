"""A secret in an exception, wherever it is raised, reaches the log and never a client, in development neither."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest

from nestpy_core import (
    APP_INTERCEPTOR,
    Inject,
    Scope,
    catch,
    from_context,
    injectable,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from nestpy_http import HttpClient, HttpContext, Response, controller, etag, get, post, produces, sse
from nestpy_http.errors import HttpError

pytestmark = pytest.mark.anyio

CANARY = "canary-77d1"
URL = f"postgresql://app:{CANARY}@db.internal/app"


class DriverError(Exception):
    """What a driver raises: its text, its arguments and its attributes all tell too much."""

    def __init__(self, statement: str) -> None:
        super().__init__(f"could not run {statement} at {URL}", {"url": URL})
        self.statement = statement
        self.add_note(URL)


def fail() -> Any:
    password = CANARY
    try:
        raise DriverError(f"SELECT '{password}'")
    except DriverError as error:
        raise RuntimeError(f"no answer from redis://:{password}@cache", error) from error


class Failing:
    def can_activate(self, context):
        return fail()

    def transform(self, value, parameter):
        return fail()

    async def intercept(self, context, call_next):
        return fail()


class FailingAfter:
    def after(self, context, result):
        return fail()


class FailingOn:
    """A global interceptor that fails where the request says so, 404s included."""

    def before(self, context):
        if context.headers.get("x-fail"):
            fail()


@catch(Exception)
class FailingFilter:
    def catch(self, error, context):
        raise RuntimeError(CANARY) from error


@injectable(scope=Scope.REQUEST)
class FailingUnit:
    def __init__(self) -> None:
        fail()


class Secretive:
    def __repr__(self) -> str:
        return CANARY


class Checked(msgspec.Struct):
    name: str

    def __post_init__(self) -> None:
        fail()


async def cleaned() -> AsyncIterator[Secretive]:
    yield Secretive()
    fail()


@controller("/")
class CanaryController:
    @get("/guard")
    @use_guards(Failing())
    async def guard(self) -> str:
        return ""

    @get("/interceptor")
    @use_interceptors(Failing())
    async def interceptor(self) -> str:
        return ""

    @get("/after")
    @use_interceptors(FailingAfter())
    async def after(self) -> str:
        return ""

    @get("/pipe/{value}")
    @use_pipes(Failing())
    async def pipe(self, value: str) -> str:
        return value

    @get("/handler")
    async def handler(self) -> str:
        return str(fail())

    @get("/filter")
    @use_filters(FailingFilter)
    async def filter(self) -> str:
        return str(fail())

    @get("/provider")
    async def provider(self, unit: Inject[FailingUnit]) -> str:
        return str(unit)

    @get("/clean-up")
    async def clean_up(self, unit: Inject[Secretive]) -> str:
        return "clean"

    @get("/context")
    async def context(self, value: Annotated[str, from_context(lambda context: fail())]) -> str:
        return value

    @post("/body")
    async def body(self, body: Checked) -> str:
        return body.name

    @get("/result")
    async def result(self) -> dict[str, Any]:
        return {"secret": Secretive()}

    @get("/produced")
    @produces("application/json", "application/msgpack")
    async def produced(self) -> dict[str, Any]:
        return {"secret": Secretive()}

    @get("/text")
    async def text(self) -> str:
        return Secretive()  # type: ignore[return-value]

    @get("/tagged")
    @etag
    async def tagged(self) -> str:
        return str(fail())

    @get("/header")
    async def header(self) -> Response:
        return Response("x", headers={"x-a": f"a\r\n{CANARY}: 1"})

    @get("/status")
    async def status(self) -> Response:
        return Response(CANARY, 999)

    @get("/cookie")
    async def cookie(self, context: HttpContext) -> None:
        context.response.set_cookie("a", f"{CANARY};")

    @get("/stream")
    async def stream(self) -> AsyncIterator[str]:
        fail()
        yield ""

    @sse("/events")
    async def events(self) -> AsyncIterator[str]:
        fail()
        yield ""

    @get("/wrapped")
    async def wrapped(self) -> str:
        try:
            return str(fail())
        except RuntimeError as error:
            raise HttpError(status=502) from error


PATHS = [route for route in vars(CanaryController) if not route.startswith("_")]


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("errors", ["standards", "nest"])
async def test_canary_of_any_place_never_reaches_a_client(environment, errors, make_app, caplog):
    layers = [FailingUnit, FailingFilter, provide(Secretive, use_factory=cleaned, scope=Scope.REQUEST)]
    layers.append(provide(APP_INTERCEPTOR, use_class=FailingOn, multi=True))
    environ = {"NESTPY_ENV": environment}
    app = make_app(CanaryController, *layers, environ=environ, errors=errors, server_timing=True, compression=True)
    seen = {}
    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        for path in [*(name.replace("_", "-") for name in PATHS), "pipe/x"]:
            answers = [await http.get(f"/{path}")]
            if path == "body":
                answers = [await http.post("/body", json={"name": CANARY})]
            answers += [await http.head(f"/{path}"), await http.get(f"/{path}", headers={"x-fail": "1"})]
            answers.append(await http.get(f"/{path}/no/such/route", headers={"x-fail": "1"}))
            for answer in answers:
                assert CANARY not in answer.text + repr(answer.headers), path
            seen[path] = answers[0].status
    assert seen.pop("clean-up") == 200
    assert seen.pop("wrapped") == 502
    assert seen.pop("pipe") == 404
    assert set(seen.values()) == {500}, seen
    assert CANARY in caplog.text
