"""An application that several processes serve, with a second edge that one of them runs."""

import asyncio
import multiprocessing
import os
import sys
import time

import anyio

from nestpy_core import App, hookimpl, injectable, module, on_module_destroy, on_module_init
from nestpy_core.errors import ConfigurationError
from nestpy_http import HttpModule, Query, controller, get

if (method := os.environ.get("METHOD")) and multiprocessing.get_start_method(allow_none=True) is None:
    multiprocessing.set_start_method(method)


def say(word: str) -> None:
    os.write(1, f"{word} {os.getpid()}\n".encode())


class Ticker:
    name = "ticker"

    async def serve(self, serving):
        say("ticks")
        serving.ready()
        await serving.stopping.wait()


class TickerEdge:
    name = "ticker"

    def verify(self):
        return []

    def compile(self, compiler):
        return None

    def transport(self):
        return Ticker()


class TickerPlugin:
    @hookimpl
    def nestpy_edge(self, graph):
        return TickerEdge()


@injectable
class Lifecycle:
    @on_module_init
    async def begin(self):
        say("init")
        if os.environ.get("FAIL") == "start":
            raise OSError("no database")
        if os.environ.get("FAIL") == "setting":
            raise ConfigurationError("db.url", "must be set")
        if os.environ.get("FAIL") == "never":
            await anyio.sleep_forever()

    @on_module_destroy
    def finish(self):
        say("destroy")


@controller("/")
class Controller:
    @get("/pid")
    async def pid(self) -> str:
        return str(os.getpid())

    @get("/loop")
    async def loop(self) -> str:
        return type(asyncio.get_running_loop()).__module__

    @get("/loaded")
    async def loaded(self, name: Query[str]) -> bool:
        return name in sys.modules

    @get("/slow")
    async def slow(self, seconds: Query[float] = 1.0) -> str:
        say("began")
        await asyncio.sleep(seconds)
        return "finished"

    @get("/thread")
    async def thread(self) -> None:
        say("began")
        await asyncio.to_thread(time.sleep, 600)

    @get("/block")
    async def block(self) -> None:
        say("began")
        time.sleep(600)


@module(imports=[HttpModule.for_root()], providers=[Controller, Lifecycle])
class AppModule: ...


@module(
    imports=[HttpModule.for_root(workers=2), HttpModule.for_root_async(lambda: {"host": "127.0.0.2"})],
    providers=[Controller],
)
class LateModule: ...


if os.environ.get("SHAPE") == "unnamed":
    App(AppModule, plugins=[TickerPlugin()]).run()
if os.environ.get("SHAPE") == "late":
    App(LateModule).run()

app = App(AppModule, plugins=[TickerPlugin()])

if __name__ == "__main__":
    app.run()
