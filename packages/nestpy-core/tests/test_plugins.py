"""Plugins come through entry points; one that cannot be used is named with its distribution and version."""

import contextlib
import importlib
import sys

import pytest
from line_edge import QUIET, LinePlugin, app_of, root_of

from nestpy_core import App, Instrument, PluginError, hookimpl, injectable, on_module_init, provide


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay a distribution with one plugin module where Python finds it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def lay(distribution, source, *, name=None, version="1.0"):
        module = f"{distribution.replace('-', '_')}_plugin"
        (tmp_path / f"{module}.py").write_text("from nestpy_core import hookimpl\n" + source)
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[nestpy]\n{name or distribution} = {module}\n")
        modules.append(module)
        importlib.invalidate_caches()

    yield lay
    for module in modules:
        sys.modules.pop(module, None)


def error_of_boot():
    with pytest.raises(PluginError) as caught:
        app_of()
    return str(caught.value)


async def test_an_installed_plugin_contributes(install):
    install(
        "acme-words",
        "from nestpy_core import Token, provide\n"
        "WORD = Token('WORD')\n"
        "@hookimpl\n"
        "def nestpy_collect(graph):\n"
        "    return [provide(WORD, use_value='hello')]\n",
    )
    app = app_of()
    word = sys.modules["acme_words_plugin"].WORD
    async with app.create_context() as context:
        assert await context.get(word) == "hello"


def test_one_name_of_two_distributions_is_a_clash(install):
    install("acme-one", "", name="words", version="1.2")
    install("acme-two", "", name="words", version="3.4")
    text = error_of_boot()
    assert text in {
        f"Two distributions offer the plugin `words`: {first} and {second}.\nHint: uninstall one of them"
        for first, second in [("acme-one 1.2", "acme-two 3.4"), ("acme-two 3.4", "acme-one 1.2")]
    }


def test_a_plugin_that_does_not_import_is_named(install):
    install("acme-broken", "import nowhere_at_all\n")
    assert error_of_boot() == (
        "The plugin `acme-broken` of acme-broken 1.0 does not import: "
        "ModuleNotFoundError: No module named 'nowhere_at_all'\n"
        "Hint: reinstall `acme-broken`, or uninstall it"
    )


@pytest.mark.parametrize(
    ("version", "fits"), [("0.1", True), ("0.0", True), ("0.2", False), ("1.0", False), ("x", False)]
)
def test_the_version_of_the_hooks_is_read_first(install, version, fits):
    install("acme-old", f"nestpy_api = {version!r}\n@hookimpl\ndef nestpy_collect(graph): return ()\n")
    if fits:
        assert app_of()
        return
    assert error_of_boot() == (
        f"The plugin of acme-old 1.0 was written for hooks {version}; this nestpy-core speaks 0.1.\n"
        "Hint: upgrade the older of the two"
    )


def test_an_unknown_hook_is_refused(install):
    install("acme-typo", "@hookimpl\ndef nestpy_colect(graph): ...\n")
    text = error_of_boot()
    assert "nestpy_colect" in text
    assert text.endswith("Hint: compare the name with the hooks of `nestpy_core.Hooks`")


def test_a_hook_with_a_wrong_parameter_is_refused(install):
    install("acme-wrong", "@hookimpl\ndef nestpy_collect(graf): ...\n")
    text = error_of_boot()
    assert text.startswith("The plugin of acme-wrong 1.0 cannot be registered:")
    assert "graf" in text


def test_plugins_belong_to_one_app():
    class Counting(LinePlugin):
        seen = 0

        @hookimpl
        def nestpy_collect(self, graph):
            self.seen += 1
            return ()

    plugin = Counting()
    App(root_of(), environ=QUIET, plugins=[plugin])
    App(root_of(), environ=QUIET)
    assert plugin.seen == 1


def test_one_plugin_twice_is_refused():
    plugin = LinePlugin()
    with pytest.raises(PluginError, match="cannot be registered"):
        App(root_of(), environ=QUIET, plugins=[plugin, plugin])


def test_an_instrument_that_nobody_provides_is_named():
    from line_edge import on_line, station

    class Meter: ...

    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    with pytest.raises(PluginError) as caught:
        app_of(Host, plugin=LinePlugin(instruments=[Instrument(Meter)]))
    assert str(caught.value) == "A plugin instruments with `Meter`, which is no singleton of the app"


async def test_plugins_may_contribute_hosts_and_what_hooks_into_the_lifecycle():
    log = []

    @injectable
    class Background:
        @on_module_init
        def begin(self) -> None:
            log.append("begun")

    async with app_of(plugin=LinePlugin(contributions=[Background, provide(int, use_value=1)])).create_context():
        assert log == ["begun"]


class AroundPlugin:
    """Stands around each run and says when."""

    def __init__(self, said, failure=None):
        self.said = said
        self.failure = failure

    @hookimpl
    def nestpy_around(self, graph, supervising):
        @contextlib.contextmanager
        def around():
            self.said.append(("begin", graph.root.label, supervising))
            if self.failure:
                raise self.failure
            yield
            self.said.append("end")

        return around()


async def test_a_plugin_stands_around_each_run_of_an_app():
    said = []

    def make():
        said.append("made")
        yield 1
        said.append("cleaned up")

    app = App(root_of(provide(int, use_factory=make)), environ=QUIET, plugins=[AroundPlugin(said)])
    for _ in range(2):
        async with app.create_context():
            pass
    assert said == [("begin", "RootModule", False), "made", "cleaned up", "end"] * 2


async def test_what_a_plugin_cannot_stand_around_does_not_start():
    app = App(root_of(), environ=QUIET, plugins=[AroundPlugin([], OSError("no room"))])
    with pytest.raises(OSError, match="no room"):
        async with app.create_context():
            raise AssertionError("it starts")
