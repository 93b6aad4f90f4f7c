"""One application answers alike in-process, alone, and under granian and uvicorn; it starts and drains with each."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from nestpy_testing import TestApp, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]

DIRECTORY = Path(__file__).parent / "serving"
IGNORED = {"date", "server", "transfer-encoding", "connection"}

COMMANDS = {
    "alone": ["main.py"],
    "nestpy run": ["-m", "nestpy_core._command", "run", "main:app"],
    "granian rsgi": ["-m", "granian", "--interface", "rsgi", "--port", "PORT", "main:app"],
    "granian asgi": ["-m", "granian", "--interface", "asgi", "--port", "PORT", "main:app"],
    "granian asginl": ["-m", "granian", "--interface", "asginl", "--port", "PORT", "main:app"],
    "uvicorn": ["-m", "uvicorn", "--port", "PORT", "main:app"],
}

CASES = {
    "query defaults": ("GET", "/items", {}),
    "query": ("GET", "/items?page=2&tag=a&tag=b%20c", {}),
    "path and header": ("GET", "/items/7", {"headers": {"X-Tenant": "acme"}}),
    "HEAD": ("HEAD", "/items/7", {}),
    "encoded path": ("GET", "/items/named/a%20%C3%A9+", {}),
    "body": ("POST", "/items", {"json": {"name": "tea"}}),
    "wrong body": ("POST", "/items", {"json": {"name": "t", "price": "x"}}),
    "wrong content type": ("POST", "/items", {"content": b"<a/>", "headers": {"content-type": "text/xml"}}),
    "no JSON": ("POST", "/items", {"content": b"{", "headers": {"content-type": "application/json"}}),
    "wrong path": ("GET", "/items/x", {}),
    "raw body": ("PUT", "/items/raw", {"content": b"\x00" * 70_000}),
    "204": ("DELETE", "/items/7", {}),
    "cookies": ("GET", "/items/cookies", {}),
    "404": ("GET", "/absent", {}),
    "405": ("POST", "/items/7", {}),
    "OPTIONS": ("OPTIONS", "/items/7", {}),
    "500": ("GET", "/items/failing", {}),
}


@contextlib.contextmanager
def server(command, *, expected=0, **environ):
    port = free_port()
    arguments = [str(port) if argument == "PORT" else argument for argument in command]
    variables = {"NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__HOST": "127.0.0.1", **environ}
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=DIRECTORY,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            answers(process, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                output, errors = process.communicate(timeout=15)
            finally:
                process.kill()
    if expected is not None:
        assert process.returncode in (expected, -signal.SIGTERM if "uvicorn" in command else expected), errors
        assert output.count("started") == output.count("stopped") == 1, output + errors


def answers(process, url):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended with {process.returncode}:\n{process.stderr.read()}")
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/items")
            return
        time.sleep(0.05)
    pytest.fail("the server does not answer")


@pytest.fixture(scope="module")
async def reference():
    sys.path.insert(0, str(DIRECTORY))
    try:
        import main

        async with TestApp(main.AppModule) as app:
            found = {}
            for name, (method, target, options) in CASES.items():
                answer = await app.http.request(method, target, **options)
                headers = [pair for pair in answer.headers.items() if pair[0] not in IGNORED]
                found[name] = (answer.status, sorted(headers), answer.content)
    finally:
        sys.path.remove(str(DIRECTORY))
        del sys.modules["main"]
    return found


@pytest.mark.parametrize("name", COMMANDS)
async def test_every_server_answers_as_the_client_and_drains(name, reference):
    found = {}
    drains = name != "granian asginl"  # it knows no lifespan, so nothing tells the app of the end
    with server(COMMANDS[name], expected=0 if drains else None) as (url, _), httpx.Client(base_url=url) as client:
        for case, (method, target, options) in CASES.items():
            answer = client.request(method, target, **options)
            headers = [pair for pair in answer.headers.multi_items() if pair[0] not in IGNORED]
            found[case] = (answer.status_code, sorted(headers), answer.content)
    assert found == reference


@pytest.mark.parametrize("name", ["alone", "nestpy run", "uvicorn"])
def test_wrong_setting_ends_the_process_with_78_and_the_report(name):
    arguments = [argument.replace("PORT", "1") for argument in COMMANDS[name]]
    environ = {**os.environ, "NESTPY_ENV": "test", "NESTPY_HTTP__PORT": "many"}
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=DIRECTORY,
        env=environ,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 78, ended.stderr
    assert "1. Setting `http.port` must be" in ended.stderr
    assert "many" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_first_request_starts_the_app_where_the_server_has_no_lifespan():
    with server(["-m", "uvicorn", "--lifespan", "off", "--port", "PORT", "main:app"], expected=None) as (url, process):
        assert httpx.get(f"{url}/items").status_code == 200
        assert process.stdout.readline() == "started\n"


def test_answers_are_not_empty(reference):
    assert {case: answer[0] for case, answer in reference.items()} == {
        "query defaults": 200,
        "query": 200,
        "path and header": 200,
        "HEAD": 200,
        "encoded path": 200,
        "body": 201,
        "wrong body": 400,
        "wrong content type": 415,
        "no JSON": 400,
        "wrong path": 400,
        "raw body": 200,
        "204": 204,
        "cookies": 200,
        "404": 404,
        "405": 405,
        "OPTIONS": 204,
        "500": 500,
    }
    assert b"nobody may read this" not in reference["500"][2]


@pytest.mark.parametrize("name", ["nestpy run", "granian asgi", "uvicorn"])
def test_client_that_leaves_a_stream_ends_it_without_an_error(name):
    with server(COMMANDS[name], expected=None) as (url, process):
        with httpx.stream("GET", f"{url}/items/ticks") as answer:
            assert next(answer.iter_bytes()) == b"tick\n"
        assert "stream closed\n" in iter(process.stdout.readline, "")
        process.send_signal(signal.SIGTERM)
        assert "Error" not in process.stderr.read()
