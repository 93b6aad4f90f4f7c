"""What an actor may read is asked again for each event of a subscription, over real connections."""

import json
import time
from pathlib import Path

import httpx
import pytest
import websocket

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HERE = Path(__file__).parent / "served"
ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    port = free_port()
    environ = {"NESTPY_HTTP__PORT": str(port), "NESTPY_APP__DIRECTORY": str(tmp_path_factory.mktemp("events"))}
    with Program(HERE / "events.py", cwd=tmp_path_factory.mktemp("events"), environ=environ, port=port):
        yield f"127.0.0.1:{port}/graphql"


class Socket:
    """A subscription over graphql-transport-ws."""

    def __init__(self, address, query):
        self._socket = websocket.create_connection(f"ws://{address}", timeout=60, subprotocols=["graphql-transport-ws"])
        self._socket.send('{"type": "connection_init"}')
        assert json.loads(self._socket.recv()) == {"type": "connection_ack"}
        self._socket.send(json.dumps({"type": "subscribe", "id": "s", "payload": {"query": query}}))

    def event(self):
        message = json.loads(self._socket.recv())
        assert message["type"] == "next", message
        return message["payload"]

    def close(self):
        self._socket.close()


class Stream:
    """The same over server-sent events."""

    def __init__(self, address, query):
        self._client = httpx.Client(timeout=60)
        headers = {"accept": "text/event-stream"}
        request = self._client.build_request("POST", f"http://{address}", json={"query": query}, headers=headers)
        self._answer = self._client.send(request, stream=True)
        self._lines = self._answer.iter_lines()

    def event(self):
        return next(json.loads(line[6:]) for line in self._lines if line.startswith("data: "))

    def close(self):
        self._answer.close()
        self._client.close()


def begun(address):
    return ask(address, "{ begun }")["begun"]


@pytest.fixture(params=[Socket, Stream], ids=["socket", "stream"])
def subscribed(address, request):
    opened = []

    def subscribe(query):
        before, deadline = begun(address), time.monotonic() + 60
        opened.append(request.param(address, query))
        while begun(address) == before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return opened[-1]

    yield subscribe
    for one in opened:
        one.close()


def ask(address, query):
    return httpx.post(f"http://{address}", json={"query": query}, timeout=60).json()["data"]


def say(address, level):
    """Let the actor have the rights of *level*, and whoever listens hear of it."""
    ask(address, f"mutation {{ say(level: {level}) }}")


def codes(event):
    return [(error["path"][-1], error["extensions"]["code"]) for error in event.get("errors", [])]


def test_a_mask_that_changes_between_two_events_is_that_of_the_second(address, subscribed):
    events = subscribed("subscription { joined { id name note secret } }")
    say(address, level=2)
    assert events.event() == {"data": {"joined": {"id": ID, "name": "Ada", "note": "confidential", "secret": "told"}}}
    say(address, level=1)
    second = events.event()
    assert second["data"] == {"joined": {"id": ID, "name": "Ada", "note": None, "secret": None}}
    assert codes(second) == [("secret", "FORBIDDEN")]
    say(address, level=2)
    assert events.event()["data"]["joined"]["note"] == "confidential"


def test_an_ability_that_is_taken_away_between_two_events_drops_the_second(address, subscribed):
    events = subscribed("subscription { joined { id note } }")
    for level in (2, 0, 0, 1):
        say(address, level)
    assert [events.event()["data"]["joined"]["note"] for _ in range(2)] == ["confidential", None]


def test_what_an_event_holds_is_masked_as_it_stands_when_the_event_comes(address, subscribed):
    events = subscribed("subscription { pairs { first { note } all { note } } }")
    found = []
    for level in (2, 1, 0):
        say(address, level)
        found.append(events.event())
    noted, unnoted = {"note": "confidential"}, {"note": None}
    assert [one["data"]["pairs"] for one in found] == [
        {"first": noted, "all": [noted, noted]},
        {"first": unnoted, "all": [unnoted, unnoted]},
        {"first": unnoted, "all": []},
    ]
    assert "confidential" not in str(found[1:])


def test_events_show_a_visitor_what_visitors_may_read(address, subscribed):
    events = subscribed("subscription { seen { name note } }")
    for level in (2, 0, 1):
        say(address, level)
    assert [events.event() for _ in range(2)] == [{"data": {"seen": {"name": "Ada", "note": None}}}] * 2
