"""A worker without HTTP, whose probes have a listener of their own; it prints what of HTTP was loaded."""

import sys

from nestpy_core import App, injectable, module, on_application_bootstrap, on_application_shutdown
from nestpy_health import HealthModule, indicators, liveness

HTTP = ("nestpy_http", "granian", "uvicorn")


@injectable
class Witness:
    @on_application_bootstrap
    def look(self) -> None:
        sys.stdout.write(f"{sorted(name for name in sys.modules if name.startswith(HTTP))}\n")
        sys.stdout.flush()

    @on_application_shutdown
    def leave(self) -> None:
        sys.stdout.write("left\n")


@indicators
class Indicators:
    @liveness
    async def loop(self) -> None: ...


@module(imports=[HealthModule.for_root()], providers=[Witness, Indicators])
class WorkerModule: ...


if __name__ == "__main__":
    App(WorkerModule).run()
