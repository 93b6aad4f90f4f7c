"""The official clients and the official conformance suite, against real servers in processes of their own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HERE = Path(__file__).parent / "serving"
PACKAGES = ("@modelcontextprotocol/conformance@0.1.10", "@modelcontextprotocol/sdk@1.32.2")
CACHE = Path(__file__).parents[3] / ".hatch" / "node" / "mcp-conformance-0.1.10-sdk-1.32.2"
PENDING = (
    "tools-call-elicitation",
    "json-schema-2020-12",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "server-sse-polling",
)
SERVERS = {
    "rsgi": (["everything.py"], {}),
    "rsgi, two workers": (["everything.py"], {"NESTPY_HTTP__WORKERS": "2"}),
    "asgi": (["-m", "uvicorn", "--port", "PORT", "everything:app"], {}),
    "asgi, two workers": (["-m", "uvicorn", "--port", "PORT", "--workers", "2", "everything:app"], {}),
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the node packages, installed once for every run in this clone."""
    if not (CACHE / "node_modules" / ".bin" / "conformance").exists():
        fresh = tmp_path_factory.mktemp("node")
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(fresh)]
        subprocess.run([*command, *PACKAGES], check=True, capture_output=True)
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(CACHE, ignore_errors=True)
        shutil.move(fresh, CACHE)
    return CACHE


@pytest.fixture(scope="module", params=[(name, stateful) for name in SERVERS for stateful in (False, True)], ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, bool]]:
    name, stateful = request.param
    command, environ = SERVERS[name]
    port = free_port()
    variables = {**environ, "STATEFUL": str(int(stateful)), "NESTPY_HTTP__PORT": str(port), "NESTPY_LOG__LEVEL": "INFO"}
    if stateful and "workers" in name:
        variables |= {"REDIS_URL": request.getfixturevalue("redis_server").url, "NESTPY_MCP__SESSION_STORE": "redis"}
    run = [str(port) if word == "PORT" else word for word in command]
    with Program(*run, cwd=HERE, environ=variables, port=port):
        yield f"http://127.0.0.1:{port}/mcp", stateful


def check(seen: dict[str, Any], *, asks: bool) -> None:
    assert seen.pop("tools") == 14
    asked = seen.pop("asked")
    assert ("ada@example.com" in asked) is asks, asked
    assert seen == {
        "said": "This is a simple text response for testing.",
        "worked": "done",
        "progress": [0, 50, 100],
        "prompt": "Prompt with arguments: arg1='a', arg2='b'",
        "read": '{"id":"7","templateTest":true,"data":"Data for ID: 7"}',
        "failed": True,
    }


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_python_client_uses_everything(server: tuple[str, bool], mode: str) -> None:
    url, stateful = server
    command = [sys.executable, "-W", "ignore", "clients.py", url, mode]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), asks=stateful or mode == "auto")


@pytest.mark.needs("node", "npm")
def test_the_official_typescript_client_uses_everything(
    server: tuple[str, bool], modules: Path, tmp_path: Path
) -> None:
    url, stateful = server
    script = modules / "client.mjs"
    script.write_text((HERE / "client.mjs").read_text())
    del tmp_path
    done = subprocess.run(["node", script, url], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), asks=stateful)


@pytest.mark.needs("node", "npm")
def test_every_scenario_of_the_official_conformance_suite_passes(modules: Path, tmp_path: Path) -> None:
    port = free_port()
    environ = {"STATEFUL": "1", "NESTPY_HTTP__PORT": str(port)}
    suite = modules / "node_modules" / ".bin" / "conformance"
    url = f"http://localhost:{port}/mcp"
    with Program("everything.py", cwd=HERE, environ=environ, port=port):
        done = _run([suite, "server", "--url", url], tmp_path)
        assert "26 passed, 0 failed" in done.stdout, done.stdout[-3000:]
        for scenario in PENDING:
            done = _run([suite, "server", "--url", url, "--scenario", scenario], tmp_path)
            assert done.returncode == 0, done.stdout[-3000:]
            assert ", 0 failed, 0 warnings" in done.stdout, done.stdout[-3000:]


def _run(command: list[Any], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=240)
