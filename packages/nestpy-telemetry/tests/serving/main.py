"""An app in two processes; each request says which one answered, and a job is measured beside them."""

import os

from prometheus_client import CollectorRegistry, Counter

from nestpy_core import App, injectable, module
from nestpy_http import HttpModule, controller, get
from nestpy_telemetry import TelemetryModule


@injectable
class Orders:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.counted = Counter("orders", "Orders so far", registry=registry)


@controller("/")
class ServedController:
    orders: Orders

    @get("/pid")
    async def pid(self) -> int:
        self.orders.counted.inc()
        return os.getpid()

    @get("/die")
    async def die(self) -> None:
        os._exit(9)


@module(
    imports=[HttpModule.for_root(workers=2), TelemetryModule.for_root(log_format="json")],
    providers=[Orders, ServedController],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
