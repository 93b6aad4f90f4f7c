"""Slow and vanishing clients over real connections: what they were sent from is closed, whatever the server buffers."""

import json
import time
from pathlib import Path

import httpx
import pytest
import websocket

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HERE = Path(__file__).parent / "transports"


@pytest.fixture(scope="module")
def port():
    port = free_port()
    with Program("main.py", cwd=HERE, environ={"NESTPY_HTTP__PORT": str(port)}, port=port):
        yield port


def sources(port):
    answer = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ open }"}, timeout=30)
    return answer.json()["data"]["open"]


def until(claim):
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def subscribed(port, query):
    socket = websocket.create_connection(
        f"ws://127.0.0.1:{port}/graphql", timeout=60, subprotocols=["graphql-transport-ws"]
    )
    socket.send('{"type": "connection_init"}')
    socket.send(json.dumps({"type": "subscribe", "id": "s", "payload": {"query": query}}))
    assert json.loads(socket.recv()) == {"type": "connection_ack"}
    return socket


def test_a_client_that_reads_nothing_is_left_and_its_source_closed(port):
    socket = subscribed(port, "subscription { flood(size: 50000) }")
    until(lambda: sources(port) == 0)
    received = 0
    with pytest.raises((websocket.WebSocketException, OSError)):  # the connection ends
        while received < 256 * 1024 * 1024:
            received += len(socket.recv() or b"")
            if not socket.connected:
                raise websocket.WebSocketConnectionClosedException
    socket.shutdown()
    assert received < 64 * 1024 * 1024  # what buffers held, and not a source without end


def test_a_client_that_vanishes_ends_its_source(port):
    sockets = [subscribed(port, "subscription { endless }") for _ in range(20)]
    until(lambda: sources(port) == 20)
    for socket in sockets:
        socket.sock.close()
    until(lambda: sources(port) == 0)


def test_an_event_stream_whose_client_reads_nothing_takes_no_more_from_its_source_and_ends_with_it(port):
    body = {"query": "subscription { flood(size: 50000) }"}
    with httpx.stream(
        "POST",
        f"http://127.0.0.1:{port}/graphql",
        json=body,
        headers={"accept": "text/event-stream"},
        timeout=30,
    ) as answer:
        assert answer.status_code == 200
        until(lambda: sources(port) == 1)
    until(lambda: sources(port) == 0)
