"""An app pays for telemetry only where it imports it and has it on."""

import subprocess
import sys

from nestpy_core import App, module
from nestpy_http import HttpModule, Query, controller, get, post
from nestpy_telemetry import TelemetryModule

OFF = {"operations": False, "trace_headers": False, "metrics": False}


@controller("/")
class PlainController:
    @get("/")
    async def hello(self) -> str:
        return "Hello World"

    @post("/users/{user_id}")
    async def user(self, user_id: int, verbose: Query[bool] = False) -> dict[str, int]:
        return {"id": user_id}

    @get("/stream")
    async def stream(self):
        yield "one"


def compiled(*imports):
    """Return the source of every function of an app, and every constant of it that is data: its headers."""

    @module(imports=[HttpModule.for_root(), *imports], providers=[PlainController])
    class PlainModule: ...

    app = App(PlainModule, environ={"NESTPY_ENV": "test"})
    return [
        (
            function.filename,
            function.source,
            {name: value for name, value in function._globals.items() if isinstance(value, list | str | bytes | int)},
        )
        for function in app.functions
    ]


def test_installed_and_not_imported_or_off_it_leaves_code_and_headers_byte_identical(monkeypatch):
    installed, off, on = compiled(), compiled(TelemetryModule.for_root(**OFF)), compiled(TelemetryModule)
    plugins = sys.modules["nestpy_core._plugins"]
    every = plugins.installed
    monkeypatch.setattr(plugins, "installed", lambda: [one for one in every() if one[0].name != "telemetry"])
    absent = compiled()
    assert installed == absent
    assert off == absent
    assert {name for name, _, _ in on} > {name for name, _, _ in absent}
    assert all(source not in [other for _, other, _ in absent] for name, source, _ in on if "kernel" not in name)


NOT_IMPORTED = """
import sys
from nestpy_core import App, module
from nestpy_http import HttpModule, controller, get

@controller("/")
class Hello:
    @get("/")
    async def hello(self) -> str:
        return "hello"

@module(imports=[HttpModule.for_root()], providers=[Hello])
class Root: ...

App(Root, environ={})
heavy = ("structlog", "opentelemetry", "prometheus_client", "nestpy_telemetry.")
print(sorted(name for name in sys.modules if name.startswith(heavy)))
"""


def test_installed_and_not_imported_it_loads_nothing():
    done = subprocess.run([sys.executable, "-c", NOT_IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout == "['nestpy_telemetry._plugin']\n"
