"""The cyclic garbage collector around a boot."""

import gc
import os
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import pytest
from line_edge import LinePlugin

from nestpy_core import App, BootError, hookimpl, injectable, module


@injectable
class Service: ...


@module(providers=[Service])
class AppModule: ...


class Watching:
    """A plugin that sees whether the collector works while its hooks run."""

    def __init__(self):
        self.collecting = []

    @hookimpl
    def nestpy_verify(self, graph):
        self.collecting.append(gc.isenabled())


@pytest.fixture(autouse=True)
def _collector_as_it_was():
    enabled = gc.isenabled()
    gc.unfreeze()
    yield
    (gc.enable if enabled else gc.disable)()


def test_a_boot_collects_nothing_and_leaves_the_collector_at_work():
    gc.enable()
    watching = Watching()
    App(AppModule, plugins=[watching])
    assert watching.collecting == [False]
    assert gc.isenabled()


def test_a_boot_that_fails_leaves_the_collector_at_work():
    class Missing: ...

    @injectable
    class Wanting:
        missing: Missing

    @module(providers=[Wanting])
    class WantingModule: ...

    gc.enable()
    with pytest.raises(BootError):
        App(WantingModule)
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off():
    gc.disable()
    App(AppModule)
    assert not gc.isenabled()


def test_an_app_within_the_boot_of_another_leaves_the_collector_at_work():
    class Nesting(Watching):
        @hookimpl
        def nestpy_collect(self, graph):
            App(AppModule)

    gc.enable()
    nesting = Nesting()
    App(AppModule, plugins=[nesting])
    assert nesting.collecting == [False]
    assert gc.isenabled()


def test_an_app_that_nobody_holds_is_collected():
    gc.enable()
    app = App(AppModule, plugins=[LinePlugin()])
    app.cycle = app
    forgotten = weakref.ref(app)
    del app
    gc.collect()
    assert forgotten() is None


def test_what_the_user_froze_stays_frozen():
    gc.enable()
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        App(AppModule)
        assert gc.get_freeze_count() >= frozen - 1000
    finally:
        gc.unfreeze()


@pytest.mark.e2e
@pytest.mark.parametrize(("collecting", "expected"), [("enable", "frozen"), ("disable", "as it was")])
def test_a_process_that_runs_an_app_freezes_what_it_consists_of(collecting, expected, tmp_path):
    source = f"""
        import gc, os, sys
        sys.path.append({str(Path(__file__).parent)!r})
        from line_edge import LinePlugin, station, on_line
        from nestpy_core import App, module, on_module_init

        @station
        class Host:
            @on_line("go")
            def go(self) -> None: ...

            @on_module_init
            def begin(self) -> None:
                frozen = gc.get_freeze_count() > 10_000
                print("frozen" if frozen else "as it was", gc.isenabled(), flush=True)
                os._exit(0)

        @module(providers=[Host])
        class Root: ...

        gc.{collecting}()
        App(Root, plugins=[LinePlugin()]).run()
    """
    file = tmp_path / "main.py"
    file.write_text(textwrap.dedent(source))
    environ = {**os.environ, "NESTPY_ENV": "test"}
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, env=environ, timeout=30, check=False)
    assert done.stdout.split("\n")[0] == f"{expected} {collecting == 'enable'}", done.stderr
