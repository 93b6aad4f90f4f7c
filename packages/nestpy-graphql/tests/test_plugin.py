from nestpy_graphql import _plugin


def test_the_plugin_states_the_api_it_was_written_for() -> None:
    assert _plugin.nestpy_api == "0.1"
