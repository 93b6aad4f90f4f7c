"""The real `graphql-ws` and `graphql-sse` clients, in Node, against real servers."""

import json
import subprocess
from pathlib import Path

import pytest

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.needs("node", "npm"), pytest.mark.timeout(300)]

HERE = Path(__file__).parent / "transports"
PACKAGES = (
    "graphql-ws-6.4.2-graphql-sse-2.6.1",
    "graphql@16.15.0",
    "graphql-ws@6.4.2",
    "graphql-sse@2.6.1",
    "ws@8.23.0",
)
"""Their folder, and what is in it."""
SERVERS = {
    "its own": (["main.py"], {}),
    "its own, two workers": (["main.py"], {"NESTPY_HTTP__WORKERS": "2"}),
    "granian over ASGI": (["-m", "granian", "--interface", "asgi", "--port", "PORT", "main:app"], {}),
    "resolvers": (["resolved.py"], {}),
}
PICKY = {"resolvers": "subscription { moods { loud } }"}


@pytest.mark.parametrize("name", SERVERS)
def test_the_clients_get_results_errors_and_ends_as_the_protocols_have_them(name, node_packages):
    command, environ = SERVERS[name]
    port = free_port()
    run = [str(port) if word == "PORT" else word for word in command]
    script = node_packages(*PACKAGES) / "clients.mjs"
    script.write_text((HERE / "clients.mjs").read_text())
    with Program(*run, cwd=HERE, environ={"NESTPY_HTTP__PORT": str(port), **environ}, port=port):
        url = f"http://127.0.0.1:{port}/graphql"
        picky = PICKY.get(name, "subscription { picky(ends: true) }")
        done = subprocess.run(["node", script, url, picky], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    count = [{"data": {"count": number}} for number in range(3)]
    hello = [{"data": {"hello": "Hello world"}}]
    refusal = ["Cannot query field 'nothing' on type 'Query'."]
    moods = [one["data"].get("picky") or one["data"].get("moods") for one in seen.pop("picky")]
    if name == "resolvers":
        assert moods == [{"loud": "GOOD"}, {"loud": None}, {"loud": "AGAIN"}]
        assert [error["message"] for error in seen.pop("broken")[-1]["errors"]] == ["Internal server error"]
    else:
        assert moods == ["good", None, "again"]
        assert seen.pop("broken") == ["Internal server error"]
    assert seen == {
        "count": count,
        "query": hello,
        "refused": refusal,
        "together": list(range(50)),
        "pong": True,
        "closings": [1000],
        "sse": {"count": count, "query": hello, "refused": refusal, "endless": [{"data": {"endless": "first"}}]},
    }
