"""The application that the rows of the wire table ask."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from nestpy_core import App, Denial, injectable, module, on_module_destroy, use_guards
from nestpy_http import (
    Body,
    ClientIp,
    Cookie,
    File,
    FileResponse,
    Form,
    Header,
    HttpContext,
    HttpModule,
    Query,
    Response,
    ServerEvent,
    SignedCookie,
    Upload,
    body_limit,
    consumes,
    controller,
    etag,
    get,
    http_code,
    post,
    produces,
    redirect,
    sse,
)

SECRET = "canary-4c1d"
ASSETS = Path(__file__).parent / "assets"


class Address(msgspec.Struct, forbid_unknown_fields=True):
    city: Annotated[str, msgspec.Meta(min_length=1)]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    price: Annotated[int, msgspec.Meta(ge=0)] = 0
    address: Address | None = None


class Refusing:
    def can_activate(self, context: Any) -> Denial:
        return Denial.unauthorized("Log in")


@controller("/items")
class ItemsController:
    @get("/")
    async def find_all(
        self,
        page: Query[int] = 1,
        tag: Query[list[str]] = [],  # noqa: B006  # copied for each request
        order: Query[Literal["asc", "desc"]] = "asc",
    ) -> dict[str, Any]:
        return {"page": page, "tag": tag, "order": order}

    @get("/{item_id}")
    async def find(self, item_id: int) -> str:
        return str(item_id)

    @post("/")
    async def create(self, item: Item) -> Item:
        return item

    @post("/raw")
    @http_code(200)
    async def raw(self, body: Body[bytes]) -> str:
        return str(len(body))


@controller("/seen")
class SeenController:
    @get("/{name}")
    async def seen(self, name: str, x_a: Header[str] = "none", sid: Cookie[str] = "none") -> list[str]:
        return [name, x_a, sid]


@controller("/guarded")
class GuardedController:
    @use_guards(Refusing)
    @get("/")
    async def guarded(self) -> str:
        return SECRET


@controller("/answers")
class AnswersController:
    @get("/text")
    async def text(self) -> str:
        return "é"

    @get("/bytes")
    async def raw(self) -> bytes:
        return b"\x00\xff"

    @get("/nothing")
    async def nothing(self) -> None: ...

    @get("/status")
    async def status(self, code: Query[int]) -> Response:
        return Response("x", code)

    @get("/header")
    async def header(self) -> Response:
        return Response("x", headers={"location": f"/x\r\nset-cookie: {SECRET}=1"})

    @get("/raises")
    async def raises(self) -> str:
        raise LookupError(SECRET)

    @get("/stream")
    async def stream(self) -> AsyncIterator[bytes]:
        yield b"one,"
        yield b"two"

    @get("/late")
    async def late(self) -> AsyncIterator[bytes]:
        yield b"begun"
        raise LookupError(SECRET)

    @get("/slow")
    async def slow(self, seconds: Query[float]) -> str:
        print("began", flush=True)  # noqa: T201  # the test waits for it
        try:
            await asyncio.sleep(seconds)
        finally:
            print("left", flush=True)  # noqa: T201
        return "finished"

    @get("/left")
    async def left(self) -> str:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            Path(os.environ["WIRE_CANCELLED"]).touch()
            raise
        return "finished"

    @get("/peer")
    async def peer(self, address: ClientIp) -> str:
        return address

    @get("/early")
    async def early(self, fail: Query[bool] = True) -> AsyncIterator[bytes]:
        if fail:
            raise LookupError(SECRET)
        yield b"late"


class SignUp(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    age: int = 0


@controller("/intake")
class IntakeController:
    @post("/form")
    async def form(self, form: Form[SignUp]) -> SignUp:
        return form

    @post("/upload")
    async def upload(self, photo: File[Upload], title: Form[str] = "") -> list[Any]:
        return [photo.filename, photo.media_type, len(await photo.read()), title]

    @post("/stream")
    async def stream(self, body: Body[AsyncIterator[bytes]]) -> int:
        return sum([len(chunk) async for chunk in body])

    @consumes("application/json", "application/msgpack")
    @post("/packed")
    async def packed(self, body: SignUp) -> SignUp:
        return body

    @body_limit(10)
    @post("/small")
    async def small(self, body: Body[bytes]) -> int:
        return len(body)

    @post("/numbers")
    async def numbers(self, body: Body[dict[int, int]]) -> int:
        return len(body)


@controller("/shaped")
class ShapedController:
    @get("/go")
    async def go(self, to: Query[str]) -> Response:
        return redirect(to)

    @get("/moved")
    @redirect("/items", 308)
    async def moved(self) -> None: ...

    @get("/cookie")
    async def cookie(self, context: HttpContext) -> str:
        context.response.set_cookie("sid", "abc", max_age=60)
        return "set"

    @get("/oversized")
    async def oversized(self, context: HttpContext) -> str:
        context.response.set_cookie("sid", SECRET * 400)
        return "set"

    @get("/tagged")
    @etag
    async def tagged(self) -> dict[str, int]:
        return {"a": 1}

    @get("/produced")
    @produces("application/json", "application/msgpack")
    async def produced(self) -> dict[str, int]:
        return {"a": 1}

    @get("/download")
    async def download(self) -> FileResponse:
        return FileResponse(ASSETS / "ten.txt", filename='na\u00efve "a/b".html', media_type="text/html")

    @sse("/events")
    async def events(self, last_event_id: Header[str] = "0") -> AsyncIterator[ServerEvent]:
        yield ServerEvent({"a": 1}, event="update", id=last_event_id)

    @get("/lines")
    async def lines(self) -> AsyncIterator[dict[str, int]]:
        yield {"a": 1}
        yield {"a": 2}


@injectable
class Lifecycle:
    @on_module_destroy
    def destroyed(self) -> None:
        print("destroyed", flush=True)  # noqa: T201


PROVIDERS = [
    Lifecycle,
    ShapedController,
    ItemsController,
    SeenController,
    GuardedController,
    AnswersController,
    IntakeController,
]


@controller("/signed")
class SignedController:
    @get("/session")
    async def session(self, session: SignedCookie[str | None] = None) -> str:
        return f"{session}"

    @get("/other")
    async def other(self, other: SignedCookie[str | None] = None) -> str:
        return f"{other}"


STRICT: dict[str, Any] = {
    "strict_headers": True,
    "hosts": ("localhost", "*.example.com"),
    "cors_origins": ("https://app.example.com",),
    "request_timeout": 0.2,
    "strict_json": True,
    "cookie_secrets": ("the secret of the wire table, 32 bytes or more",),
}
STATIC = HttpModule.serve_static("/assets", ASSETS)


def app_module(*providers: type, **settings: Any) -> type:
    @module(imports=[HttpModule.for_root(**settings), STATIC], providers=[*PROVIDERS, *providers])
    class WireModule: ...

    return WireModule


MODULES = {
    "": app_module(),
    "strict": app_module(SignedController, **STRICT),
    "hasty": app_module(body_timeout=0.5, header_timeout=2),
    "narrow": app_module(max_concurrency=1, queue_wait=0),
}


class Login(Refusing):
    posture = True


@use_guards(Login)
@controller("/account")
class AccountController:
    @get("/")
    async def account(self) -> str:
        return SECRET


class Pattern(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(pattern="(a+)+$")]


@controller("/pattern")
class PatternController:
    @post("/")
    async def pattern(self, body: Pattern) -> Pattern:
        return body


REFUSED: dict[str, Callable[[], type]] = {
    "an open route beside a guarded one": lambda: app_module(AccountController),
    "a pattern": lambda: app_module(PatternController),
    "credentials for everybody": lambda: app_module(cors_origins=("*",), cors_credentials=True),
    "a short secret": lambda: app_module(cookie_secrets=("changeme",)),
    "a debug mode": lambda: app_module(debug=True),
}

SETTINGS = os.environ.get("WIRE_SETTINGS", "")

app = App(REFUSED[SETTINGS]() if SETTINGS in REFUSED else MODULES[SETTINGS])

if __name__ == "__main__":
    app.run()
