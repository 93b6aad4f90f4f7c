from nestpy_{{module}} import _plugin


def test_the_plugin_states_the_api_it_was_written_for() -> None:
    assert _plugin.nestpy_api == "{{minor}}"
