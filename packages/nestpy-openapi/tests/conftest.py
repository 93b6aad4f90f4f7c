"""The app of `shelter/main.py`, in the test's process and as a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from nestpy_core import App, module
from nestpy_http import HttpModule
from nestpy_openapi import OpenApiModule
from nestpy_testing import free_port

SHELTER = Path(__file__).parent / "shelter"


@pytest.fixture(scope="session")
def shelter():
    """The main module of the app with every kind of input and answer."""
    spec = importlib.util.spec_from_file_location("shelter_main", SHELTER / "main.py")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["shelter_main"] = loaded
    try:
        spec.loader.exec_module(loaded)
        yield loaded
    finally:
        del sys.modules["shelter_main"]


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, http={…}, environ={…}, **openapi_options)``."""

    def make(*providers, http=None, environ=None, **options):
        imports = [HttpModule.for_root(**(http or {})), OpenApiModule.for_root(**options)]

        @module(imports=imports, providers=list(providers))
        class AppModule: ...

        return App(AppModule, environ={"NESTPY_ENV": "test", **(environ or {})})

    return make


@pytest.fixture
def start_process(tmp_path):
    """Return ``start_process(*command, cwd=SHELTER, **environ)``, which gives the URL once it answers."""
    started = []

    def start(*command, cwd=SHELTER, path="/api-json", **environ):
        port = free_port()
        variables = {"NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__HOST": "127.0.0.1"}
        log = tmp_path / f"{port}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *(command or ["main.py"])],
                cwd=cwd,
                env={**os.environ, **variables, **environ},
                stdout=out,
                stderr=out,
            )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}{environ.get('NESTPY_HTTP__PREFIX', '')}{path}", timeout=10)
                return url
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
