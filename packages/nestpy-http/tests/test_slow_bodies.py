"""A body that stalls or is too large costs its client the connection, on every server."""

import contextlib
import socket
import time

import pytest
from wire_servers import SERVERS, serving

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=SERVERS)
def port(request):
    with serving(request.param, {"NESTPY_HTTP__BODY_TIMEOUT": "0.5"}) as port:
        yield port


def answer_to(port, data, drip=b""):
    """Send *data*, then *drip* byte by byte; return the status, and the seconds until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        begun = time.monotonic()
        connection.sendall(data)
        connection.settimeout(0.1)
        seen = b""
        while time.monotonic() - begun < 8:
            with contextlib.suppress(TimeoutError):
                received = connection.recv(65536)
                seen += received
                if not received:
                    break
            if drip and not seen:
                with contextlib.suppress(OSError):
                    connection.sendall(drip[:1])
                    drip = drip[1:]
        return int(seen.split(b" ", 2)[1]) if seen else None, time.monotonic() - begun


HEAD = b"POST /intake/%s HTTP/1.1\r\nhost: localhost\r\n%s\r\n\r\n"
MULTIPART = b"content-type: multipart/form-data; boundary=XX\r\ntransfer-encoding: chunked"
SLOW = {
    "with a length": (HEAD % (b"small", b"content-length: 9"), b"x" * 8),
    "with a long length": (HEAD % (b"stream", b"content-length: 90000"), b"x" * 100),
    "in chunks": (HEAD % (b"small", b"transfer-encoding: chunked"), b""),
    "in chunks that trickle": (HEAD % (b"small", b"transfer-encoding: chunked"), b"1\r\nx\r\n1\r\nx"),
    "with files": (HEAD % (b"upload", MULTIPART), b"4\r\n--XX\r\n"),
    "with files, after a whole chunk": (HEAD % (b"upload", MULTIPART) + b"4\r\n--XX\r\n", b""),
}


@pytest.mark.parametrize("way", SLOW)
def test_stalled_body_is_408_and_the_connection_is_closed(port, way):
    data, drip = SLOW[way]
    status, seconds = answer_to(port, data, drip)
    assert status == 408
    assert seconds < 4


@pytest.mark.parametrize("framing", [b"content-length: 11", b"transfer-encoding: chunked"])
def test_large_body_is_413_and_the_connection_is_closed(port, framing):
    body = b"b\r\n12345678901\r\n" if b"chunked" in framing else b""
    status, seconds = answer_to(port, HEAD % (b"small", framing) + body)
    assert status == 413
    assert seconds < 4


def test_server_goes_on(port):
    data = HEAD % (b"small", b"content-length: 3\r\nconnection: close") + b"abc"
    assert answer_to(port, data)[0] == 201
