"""One small application, started once for each optional feature: `FEATURE` names the settings of `HttpModule`."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec

from nestpy_core import (
    APP_INTERCEPTOR,
    App,
    ExecutionContext,
    Scope,
    catch,
    injectable,
    module,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
)
from nestpy_http import (
    Body,
    File,
    HttpContext,
    HttpModule,
    Request,
    SignedCookie,
    SignedCookies,
    Upload,
    compress,
    controller,
    etag,
    get,
    post,
    produces,
    timeout,
)

SECRET = "benchmarks sign with this well-known secret"  # signs nothing of value
TEXT = "Hello World"
PAGE = ["a line of text that compresses as text does"] * 120


class Message(msgspec.Struct):
    message: str


class Session(msgspec.Struct):
    user: int


@injectable
class Admitting:
    def can_activate(self, context: ExecutionContext) -> bool:
        return True


@injectable
class Marking:
    def after(self, context: HttpContext, result: Any) -> Any:
        return result


@injectable
class Wrapping:
    async def intercept(self, context: ExecutionContext, call_next: Any) -> Any:
        return await call_next()


@catch(LookupError)
class Missing:
    def catch(self, error: LookupError, context: ExecutionContext) -> str:
        return "missing"


@injectable(scope=Scope.REQUEST)
class Unit:
    def __init__(self) -> None:
        self.text = TEXT


@controller("/")
class FeatureController:
    @get("/plaintext")
    async def plaintext(self) -> str:
        return TEXT

    @get("/json")
    async def message(self) -> Message:
        return Message(TEXT)

    @get("/page")
    async def page(self) -> list[str]:
        return PAGE

    @get("/page-as-it-is")
    @compress(False)
    async def page_as_it_is(self) -> list[str]:
        return PAGE

    @post("/messages")
    async def create(self, message: Message) -> Message:
        return message

    @post("/raw")
    async def raw(self, body: Body[bytes]) -> int:
        return len(body)

    @post("/numbers")
    async def numbers(self, body: Body[list[int]]) -> int:
        return len(body)

    @post("/upload")
    async def upload(self, file: File[Upload]) -> int:
        return file.size

    @get("/etag")
    @etag
    async def tagged(self) -> str:
        return TEXT

    @get("/produces")
    @produces("application/json", "application/msgpack")
    async def chosen(self) -> Message:
        return Message(TEXT)

    @get("/guard")
    @use_guards(Admitting)
    async def guarded(self) -> str:
        return TEXT

    @get("/after")
    @use_interceptors(Marking)
    async def after(self) -> str:
        return TEXT

    @get("/intercept")
    @use_interceptors(Wrapping)
    async def intercepted(self) -> str:
        return TEXT

    @get("/filter")
    @use_filters(Missing)
    async def filtered(self) -> str:
        return TEXT

    @get("/context")
    async def context(self, context: HttpContext) -> str:
        return TEXT

    @get("/request")
    async def request(self, request: Request) -> str:
        return TEXT

    @get("/unbounded")
    @timeout(0)
    async def unbounded(self) -> str:
        return TEXT


@controller("/signed")
class SignedController:
    cookies: SignedCookies

    @get("/cookie")
    async def cookie(self) -> str:
        return self.cookies.sign("session", Session(7), 10**9)

    @get("/")
    async def session(self, session: SignedCookie[Session]) -> str:
        return TEXT


@controller("/versioned", version="1")
class VersionedController:
    @get("/")
    async def first(self) -> str:
        return TEXT


SETTINGS: dict[str, Any] = json.loads(os.environ.get("SETTINGS", "{}"))
GLOBAL = [provide(APP_INTERCEPTOR, use_class=Marking, multi=True)] if os.environ.get("GLOBAL") else []


def telemetry() -> list[Any]:
    """Import telemetry where it is measured: without it, nothing of it may be loaded."""
    options = os.environ.get("TELEMETRY")
    if options is None:
        return []
    from nestpy_telemetry import TelemetryModule

    return [TelemetryModule.for_root(**json.loads(options))]


@module(
    imports=[
        HttpModule.for_root(host="127.0.0.1", port=int(os.environ["PORT"]), cookie_secrets=(SECRET,), **SETTINGS),
        *telemetry(),
    ],
    providers=[
        Admitting,
        Marking,
        Wrapping,
        Missing,
        Unit,
        FeatureController,
        SignedController,
        VersionedController,
        *GLOBAL,
    ],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
