from __future__ import annotations

import subprocess
import sys

from nestpy_core import App, injectable, module, on_application_bootstrap, on_application_shutdown
from nestpy_http import HttpModule, controller, get


@injectable
class Life:
    @on_application_bootstrap
    def up(self) -> None:
        sys.stdout.write("up\n")

    @on_application_shutdown
    def down(self) -> None:
        sys.stderr.write("down\n")


@controller("/")
class Controller:
    @get("/child")
    async def child(self) -> int:
        return subprocess.Popen(["sleep", "600"]).pid


@module(imports=[HttpModule.for_root()], providers=[Life, Controller])
class AppModule: ...


if __name__ == "__main__":
    App(AppModule).run()
