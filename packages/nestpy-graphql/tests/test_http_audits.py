"""Every audit of the GraphQL over HTTP specification, as `graphql-http` has them, against served apps."""

import json
import subprocess
from pathlib import Path

import pytest

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.needs("node", "npm"), pytest.mark.timeout(300)]

HERE = Path(__file__).parent / "audited"
PACKAGES = ("graphql-http-1.23.1", "graphql@16.15.0", "graphql-http@1.23.1")
"""Their folder, and what is in it."""


@pytest.mark.parametrize("command", [["main.py"], ["-m", "uvicorn", "main:app", "--port", "PORT"]], ids=["own", "asgi"])
def test_every_must_and_should_of_graphql_over_http_holds(command, node_packages):
    port = free_port()
    run = [str(port) if word == "PORT" else word for word in command]
    script = node_packages(*PACKAGES) / "audits.mjs"
    script.write_text((HERE / "audits.mjs").read_text())
    with Program(*run, cwd=HERE, environ={"NESTPY_HTTP__PORT": str(port)}, port=port):
        url = f"http://127.0.0.1:{port}/graphql"
        done = subprocess.run(["node", script, url], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) > 50
    assert [one for one in results if one["status"] != "ok" and not one["name"].startswith("MAY ")] == []
