"""What an app's own server imports of granian."""

import importlib.util
import subprocess
import sys

import pytest


def loaded(source):
    """Run *source* in a fresh process and return the modules that it prints."""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


SERVER = "import sys; import nestpy_http._server; print(*sys.modules)"
OPTIONAL = ("dotenv", "watchfiles")


@pytest.mark.parametrize("name", OPTIONAL)
def test_the_apps_own_server_imports_nothing_that_only_granians_command_uses(name):
    assert importlib.util.find_spec(name) is not None, "without it this test says nothing"
    modules = loaded(SERVER)
    assert "granian.server.embed" in modules
    assert name not in modules


@pytest.mark.parametrize("name", OPTIONAL)
def test_granian_that_is_imported_already_stays_as_it_is(name):
    assert name in loaded(f"import granian; {SERVER}")


def test_an_app_may_use_what_granian_was_spared():
    assert set(OPTIONAL) <= set(loaded(f"import nestpy_http._server, dotenv, watchfiles; {SERVER}"))
