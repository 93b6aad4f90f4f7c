"""WebSockets over real connections: the app's own server, several processes of it, and servers that are not its own."""

import json
import signal
import threading
from pathlib import Path

import httpx
import pytest
import websocket

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HERE = Path(__file__).parent / "sockets"
CLOSE = websocket.ABNF.OPCODE_CLOSE


class Served:
    def __init__(self, program, port):
        self.program = program
        self.port = port
        self.opened = []

    def open(self, path="/talk/echo", **options):
        self.opened.append(websocket.create_connection(f"ws://127.0.0.1:{self.port}{path}", timeout=30, **options))
        return self.opened[-1]

    def get(self, path):
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def refusal(self, path="/talk/echo", **options):
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            self.open(path, **options)
        return caught.value


@pytest.fixture
def serve():
    """Return ``serve(*command, **environ)``; ``PORT`` in the command is the port."""
    started = []

    def start(*command, **environ):
        port = free_port()
        run = [str(port) if word == "PORT" else word for word in command or ["main.py"]]
        program = Program(*run, cwd=HERE, environ={"NESTPY_HTTP__PORT": str(port), **environ}, port=port)
        started.append(Served(program, port))
        program.start()
        return started[-1]

    yield start
    for served in started:
        for socket in served.opened:
            socket.shutdown()
        served.program.close()


def closed(socket):
    """Read up to the close frame; return its code and reason."""
    while True:
        opcode, data = socket.recv_data(control_frame=True)
        if opcode == CLOSE:
            return int.from_bytes(data[:2], "big"), data[2:].decode()


SERVERS = {
    "its own": (["main.py"], {}),
    "its own, two workers": (["main.py"], {"NESTPY_HTTP__WORKERS": "2"}),
    "granian over ASGI": (["-m", "granian", "--interface", "asgi", "--port", "PORT", "main:app"], {}),
    "uvicorn": (["-m", "uvicorn", "--port", "PORT", "main:app"], {}),
}


@pytest.mark.parametrize("name", SERVERS)
def test_conversations_closings_refusals_and_requests_are_the_same_on_every_server(serve, name):
    command, environ = SERVERS[name]
    served = serve(*command, **environ)
    socket = served.open(subprotocols=["one", "two"])
    assert socket.getsubprotocol() == "one"
    socket.send("ünïcode")
    assert socket.recv() == "ünïcode"
    socket.send_binary(bytes(range(256)) * 1000)
    assert socket.recv() == bytes(range(256)) * 1000
    socket.send("close")
    assert closed(socket) == (4400, "as you say")
    socket = served.open()
    socket.send_binary(b"x" * (1024 * 1024 + 1))
    assert closed(socket)[0] == 1009
    refused = served.refusal("/talk/refused")
    assert (refused.status_code, json.loads(refused.resp_body)["detail"]) == (401, "who are you?")
    assert served.refusal("/talk/nowhere").status_code == 404
    assert served.refusal(origin="http://evil.example").status_code == 403
    served.open(origin=f"http://127.0.0.1:{served.port}").close()
    assert served.get("/talk/hello").text == "hello"
    assert served.get("/talk/nowhere").status_code == 404


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_closes_every_socket_with_1001_and_the_app_ends_with_0(serve, workers):
    served = serve(NESTPY_HTTP__WORKERS=workers)
    sockets = [served.open() for _ in range(20)]
    for socket in sockets:
        socket.send("here")
        assert socket.recv() == "here"
    served.program.send(signal.SIGTERM)
    assert {closed(socket) for socket in sockets} == {(1001, "the server stops")}
    assert served.program.wait(60) == 0
    assert served.program.output.count("closed 1001") == 20


@pytest.mark.parametrize("socket", [False, True], ids=["a request", "a request and a conversation"])
def test_what_outlives_the_drain_is_answered_with_503_as_over_rsgi(serve, socket):
    served = serve(
        NESTPY_APP__FINISH_TIMEOUT="0.5", NESTPY_APP__SHUTDOWN_TIMEOUT="100", NESTPY_HTTP__REQUEST_TIMEOUT="0"
    )
    if socket:
        served.open("/talk/stays")
    found = []
    asking = threading.Thread(target=lambda: found.append(served.get("/talk/slow").status_code), daemon=True)
    asking.start()
    served.program.wait_for_line("began")
    served.program.send(signal.SIGTERM)
    asking.join(30)
    assert found == [503]
    assert served.program.wait(60) == 0


def test_a_client_that_vanishes_ends_its_conversation(serve):
    served = serve()
    socket = served.open()
    socket.send("here")
    assert socket.recv() == "here"
    socket.shutdown()
    served.program.wait_for_line(r"closed 100[56]")


def test_under_a_foreign_rsgi_server_sockets_are_answered_with_501_and_boot_warns(serve):
    served = serve("-m", "granian", "--interface", "rsgi", "--port", "PORT", "main:app")
    assert served.refusal().status_code == 501
    assert served.get("/talk/hello").text == "hello"
    assert any("WebSockets are answered with 501" in line for line in served.program.lines)
