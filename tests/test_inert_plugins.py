"""What is installed and not imported by the app costs nothing: no heavy import, no edge, no route."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

PLUGINS = sorted(entry.value for entry in metadata.entry_points(group="nestpy"))
LIGHT = {"nestpy_core", "pluggy", "msgspec", "anyio", "typing_extensions"}

SCRIPT = """
import asyncio, json, sys
from nestpy_core import App, injectable, module

@injectable
class Task:
    def run(self) -> int:
        return 7

@module(providers=[Task])
class AppModule: ...

async def main() -> None:
    app = App(AppModule)
    async with app.create_context() as context:
        assert (await context.get(Task)).run() == 7
    assert app.edges == ()

asyncio.run(main())
print(json.dumps(sorted(sys.modules)))
"""


def _run(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def _loaded_by(code: str) -> set[str]:
    """Return the modules that *code* loads beyond what any program has from the start, such as a coverage tracer."""
    return _run(code) - _run("import json, sys; print(json.dumps(sorted(sys.modules)))")


def _third_party(modules: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules}
    return {top for top in tops if top not in sys.stdlib_module_names and not top.startswith("_")}


def test_there_are_plugins_to_look_at():
    assert "nestpy_http._plugin" in PLUGINS


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_module_imports_no_library_and_nothing_of_its_own_package(plugin):
    modules = _loaded_by(f"import json, sys, {plugin}; print(json.dumps(sorted(sys.modules)))")
    package = plugin.partition(".")[0]
    assert {name for name in modules if name.partition(".")[0] == package} == {package, plugin}
    assert _third_party(modules) <= {package, *LIGHT}


def test_an_app_that_imports_none_of_them_loads_none_of_them():
    modules = _loaded_by(SCRIPT)
    packages = {plugin.partition(".")[0] for plugin in PLUGINS}
    own = {name for name in modules if name.partition(".")[0] in packages}
    assert own == {*PLUGINS, *packages}
    assert _third_party(modules) <= {*packages, *LIGHT}
