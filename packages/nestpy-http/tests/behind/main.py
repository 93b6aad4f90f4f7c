"""An application behind a proxy: it tells whether it is ready, and what reached it that its proxy never saw."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nestpy_core import APP_INTERCEPTOR, App, AppStatus, injectable, module, provide
from nestpy_http import Body, HttpContext, HttpModule, Response, ServiceUnavailableError, controller, get, post


@injectable
class Seen:
    def __init__(self) -> None:
        self.forwarded = 0
        self.smuggled: list[str] = []


@injectable
class Counting:
    seen: Seen

    def before(self, context: HttpContext) -> None:
        request = context.request
        if request.path == "/seen":
            return
        if request.headers.get("x-front") is None:
            self.seen.smuggled.append(f"{request.method} {request.path}")
        else:
            self.seen.forwarded += 1


@controller("/")
class BehindController:
    status: AppStatus
    seen: Seen

    @get("/ready")
    async def ready(self) -> str:
        if not self.status.ready:
            raise ServiceUnavailableError
        return "ready"

    @get("/seen")
    async def what_was_seen(self) -> dict[str, Any]:
        return {"forwarded": self.seen.forwarded, "smuggled": self.seen.smuggled}

    @get("/hello")
    async def hello(self) -> str:
        return "hello"

    @post("/echo")
    async def echo(self, body: Body[bytes]) -> Response:
        return Response(body, 200)

    @get("/slow")
    async def slow(self) -> str:
        await asyncio.sleep(0.05)
        return "slow"

    @get("/stream")
    async def stream(self) -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"%d" % number


@module(
    imports=[HttpModule.for_root(host="127.0.0.1")],
    providers=[Seen, BehindController, provide(APP_INTERCEPTOR, use_class=Counting, multi=True)],
)
class BehindModule: ...


app = App(BehindModule)

if __name__ == "__main__":
    app.run()
