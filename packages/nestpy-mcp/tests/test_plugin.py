import subprocess
import sys
from pathlib import Path

from nestpy_mcp import _plugin


def test_the_plugin_states_the_api_it_was_written_for() -> None:
    assert _plugin.nestpy_api == "0.1"


def test_a_server_without_sessions_does_not_load_the_hashes_of_openssl() -> None:
    script = Path(__file__).parent / "serving" / "stateless.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "3 []\n"
