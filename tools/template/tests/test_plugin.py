import sys

import nestpy_{{module}}._plugin


def test_the_plugin_states_the_api_it_was_written_for() -> None:
    assert sys.modules["nestpy_{{module}}._plugin"].nestpy_api == nestpy_{{module}}._plugin.nestpy_api == "{{minor}}"
