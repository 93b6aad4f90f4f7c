from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from harness import gate
from harness.workloads import Exchange, Workload


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"Hello World"
        self.send_response(404 if self.path == "/lost" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Pipeline", "on")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def failures(port, **wanted):
    return gate.failures(port, Workload("W", "", Exchange(**{"path": "/", "answer": b"Hello World"} | wanted)))


def test_equal_bytes_pass(port):
    assert failures(port, answer_headers={"x-pipeline": "on"}) == []


def test_other_bytes_fail(port):
    assert failures(port, answer=b"Hello world") == ["GET /: body Hello World, not Hello world"]


def test_another_status_fails(port):
    assert failures(port, path="/lost") == ["GET /lost: status 404, not 200"]


def test_any_refusal_that_blames_the_client_passes_where_words_are_free(port):
    assert failures(port, path="/lost", answer=None, statuses=range(400, 500)) == []


def test_a_missing_header_fails(port):
    assert failures(port, answer_headers={"x-mark": "1"}) == ["GET /: header x-mark is '', not '1'"]


def test_a_server_that_is_gone_fails():
    assert failures(1)[0].startswith("GET /: ConnectionRefusedError")
