"""The plugin adds to apps that import its module, and to no others."""

from nestpy_core import App, module
from nestpy_{{module}} import _plugin
from nestpy_{{module}}._module import {{class}}Module


@module(imports=[{{class}}Module])
class AppModule: ...


@module
class OtherModule: ...


def test_it_contributes_where_its_module_is_imported() -> None:
    assert _plugin.nestpy_collect(App(AppModule, environ={}).graph) == []
    assert _plugin.nestpy_collect(App(OtherModule, environ={}).graph) is None


def test_the_plugin_states_the_api_it_was_written_for() -> None:
    assert _plugin.nestpy_api == "{{hooks}}"
