"""An app with HTTP and probes."""

import os

from nestpy_core import App, module
from nestpy_health import HealthModule, indicators, readiness
from nestpy_http import HttpModule, controller, get


@controller("/")
class Hello:
    @get("/")
    async def hello(self) -> str:
        return "hello"

    @get("/pid")
    async def pid(self) -> str:
        return str(os.getpid())


@indicators
class Indicators:
    @readiness
    async def database(self) -> None: ...


@module(
    imports=[HttpModule.for_root(workers=int(os.environ.get("WORKERS", "1"))), HealthModule.for_root()],
    providers=[Hello, Indicators],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
