"""Every row of the wire table, in-process and through raw sockets on three servers, with identical answers."""

import ast
import asyncio
import contextlib
import http.client
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import msgspec
import pytest
from wire_servers import DIRECTORY, SERVERS, launched, serving

from nestpy_core import App, BootError
from nestpy_testing import TestApp, free_port

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
ALL = {row["claim"]: row for row in tomllib.loads((DIRECTORY / "rows.toml").read_text("utf-8"))["row"]}
ROWS = {claim: row for claim, row in ALL.items() if "send" in row or "raw" in row}
REFUSED = {claim: row for claim, row in ALL.items() if "refused" in row}
ELSEWHERE = {claim: row for claim, row in ALL.items() if "elsewhere" in row}
DEFAULTS = {*range(1, 50), *range(80, 87)}
KEYS = {
    "claim",
    "settings",
    "default",
    "send",
    "headers",
    "body",
    "chunks",
    "stalls",
    "raw",
    "meanwhile",
    "status",
    "closes",
    "has",
    "json",
    "says",
    "errors",
    "known",
    "refused",
    "elsewhere",
}
SECONDS = 15.0
"""How long a test waits for what must happen; each row happens in well under three."""
IGNORED = {"date", "transfer-encoding", "connection"}
SECRET = "canary"


def expand(text):
    """Write out ``{ repeat, with, times, end }``; with ``step`` each ``{n}`` counts by it."""
    if not isinstance(text, dict):
        return text
    step = text.get("step")
    copies = (text["with"].replace("{n}", str(number * (step or 0))) for number in range(text["times"]))
    repeated = text["with"] * text["times"] if step is None else "".join(copies)
    return text["repeat"] + repeated + text.get("end", "")


def headers_of(row):
    return [(name, expand(value)) for name, value in row.get("headers", [])]


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    content: bytes

    @classmethod
    def of(cls, status, headers, content):
        kept = {name.lower(): value for name, value in headers if name.lower() not in IGNORED}
        return cls(status, kept, content)


def check(row, answer, runner):
    known = row.get("known", {}).get(runner, {})
    expected = {**row, **known}
    if "status" not in expected:
        assert answer is None
        return
    assert answer is not None, "no answer"
    assert answer.status == expected["status"]
    for name, value in expected.get("has", {}).items():
        assert answer.headers.get(name, False) == value, name
    assert SECRET not in answer.content.decode("latin-1").replace("address.canary", "") + repr(answer.headers)
    if "json" in expected and not known:
        found = msgspec.json.decode(answer.content)
        assert {**found, **expected["json"]} == found if isinstance(found, dict) else found == expected["json"]
    if "says" in expected and not known:
        assert expected["says"] in answer.content.decode()
    if "errors" in expected and not known:
        errors = msgspec.json.decode(answer.content)["errors"]
        assert {path: [one["code"] for one in found] for path, found in errors.items()} == expected["errors"]


# -- the requests of a row


async def in_process(client, row):
    method, _, target = expand(row["send"]).partition(" ")
    options = {"headers": headers_of(row)}
    if "chunks" in row:
        options["content"] = in_chunks(row)
    else:
        options["content"] = expand(row.get("body", "")).encode("latin-1")
    if "meanwhile" not in row:
        answer = await client.request(method, target, **options)
        return Answer.of(answer.status, answer.headers.items(), answer.content)
    running = asyncio.create_task(in_process(client, {"send": row["meanwhile"]}))
    try:
        async with asyncio.timeout(SECONDS):
            while (answer := await client.request(method, target, **options)).status != row["status"]:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.wait({running})
    return Answer.of(answer.status, answer.headers.items(), answer.content)


async def in_chunks(row):
    for chunk in row["chunks"]:
        yield expand(chunk).encode("latin-1")
    if "stalls" in row:
        await asyncio.Event().wait()


def on_the_wire(row):
    if "raw" in row:
        return expand(row["raw"]).encode("latin-1")
    headers = [("host", "localhost"), *headers_of(row)]
    if "chunks" in row:
        headers.append(("transfer-encoding", "chunked"))
        parts = [expand(chunk).encode("latin-1") for chunk in row["chunks"]]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        body += b"" if "stalls" in row else b"0\r\n\r\n"
    else:
        body = expand(row.get("body", "")).encode("latin-1")
        if body or expand(row["send"]).startswith("POST"):
            headers.append(("content-length", str(len(body))))
    head = "\r\n".join([f"{expand(row['send'])} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def through_a_socket(port, row, runner=""):
    if "meanwhile" in row:
        return beside_another(port, row, runner)
    data = on_the_wire(row)
    method = data.split(b" ", 1)[0].decode()
    expected = row.get("known", {}).get(runner, row)
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        with contextlib.suppress(OSError):  # a server that refuses early stops reading
            connection.sendall(data)
        answer = None if "status" not in expected else read_answer(connection, method)
        if "closes" in expected:
            assert closes(connection, expected["closes"]) == expected["closes"]
        return answer


def read_answer(connection, method):
    with contextlib.closing(http.client.HTTPResponse(connection, method=method)) as answer:
        answer.begin()
        return Answer.of(answer.status, answer.getheaders(), answer.read())


def closes(connection, expected):
    """Say whether the server ends the connection without another byte: in time, or within a second if it must not."""
    connection.settimeout(SECONDS if expected else 1)
    try:
        assert connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def beside_another(port, row, runner):
    """Return the answer once it is the expected one: only the server knows when the other request has begun."""
    alone = {name: value for name, value in row.items() if name != "meanwhile"}
    deadline = time.monotonic() + SECONDS
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as running:
        running.sendall(on_the_wire({"send": row["meanwhile"]}))
        while (answer := through_a_socket(port, alone, runner)).status != row["status"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return answer


# -- the runners


@pytest.fixture
def chosen(request):
    """Return what a row's ``settings`` says, see `main.MODULES`."""
    return getattr(request, "param", "")


def each_row(*, raw):
    """Ask each row of an app with its settings; rows that only a socket can say where *raw*."""
    claims = [claim for claim, row in ROWS.items() if raw or "raw" not in row]
    rows = [pytest.param(ROWS[claim].get("settings", ""), claim, id=claim) for claim in claims]
    return pytest.mark.parametrize(("chosen", "claim"), rows, indirect=["chosen"])


@pytest.fixture(scope="module")
def program():
    """Return the module `main`, imported in this process."""
    sys.path.insert(0, str(DIRECTORY))
    try:
        sys.modules.pop("main", None)
        import main

        yield main
    finally:
        sys.path.remove(str(DIRECTORY))
        sys.modules.pop("main", None)


@pytest.fixture(scope="module")
async def clients(program):
    """Start one app for each of the settings, in this process."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            name: (await stack.enter_async_context(TestApp(module))).http for name, module in program.MODULES.items()
        }


@pytest.fixture
def client(clients, chosen):
    return clients[chosen]


@pytest.fixture(scope="module")
def start():
    """Start each server with each settings once, when a row first asks for it; end them all after the last row."""
    ports = {}
    with contextlib.ExitStack() as stack:

        def started(name, chosen):
            if (name, chosen) not in ports:
                ports[name, chosen] = stack.enter_context(serving(name, {"WIRE_SETTINGS": chosen}))
            return ports[name, chosen]

        yield started


@pytest.fixture(params=SERVERS)
def server(request, chosen, start):
    return request.param, start(request.param, chosen)


@each_row(raw=False)
async def test_row_holds_in_process(claim, client):
    check(ROWS[claim], await in_process(client, ROWS[claim]), "in-process")


@pytest.mark.e2e
@each_row(raw=True)
async def test_row_holds_on_the_wire_and_is_the_answer_of_the_client(claim, server, client):
    runner, port = server
    row = ROWS[claim]
    answer = through_a_socket(port, row, runner)
    check(row, answer, runner)
    if "raw" not in row and runner not in row.get("known", {}):
        assert answer == await in_process(client, row)


@pytest.mark.e2e
def test_stream_that_fails_late_is_cut_where_the_server_can(server):
    runner, port = server
    if runner == "granian rsgi":  # it ends every stream as if it were complete: a known limit
        assert through_a_socket(port, {"send": "GET /answers/late", "status": 200}).content == b"begun"
        return
    with pytest.raises(http.client.IncompleteRead) as cut:
        through_a_socket(port, {"send": "GET /answers/late", "status": 200})
    assert cut.value.partial == b"begun"


@pytest.mark.parametrize("claim", REFUSED)
def test_row_does_not_boot_in_process(claim, program):
    row = REFUSED[claim]
    with pytest.raises(BootError) as caught:
        App(program.REFUSED[row["settings"]](), environ={"NESTPY_ENV": "test"})
    assert row["refused"] in str(caught.value)


@pytest.mark.e2e
@pytest.mark.parametrize("runner", SERVERS)
@pytest.mark.parametrize("claim", REFUSED)
def test_row_does_not_boot_under_a_server(claim, runner):
    row = REFUSED[claim]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with launched(runner, free_port(), {"WIRE_SETTINGS": row["settings"]}, **options) as process:
        try:
            text = process.communicate(timeout=25)[0]
        finally:
            process.kill()
    assert process.returncode == (1 if runner == "granian asgi" else 78)  # granian's own code for a worker that ended
    assert row["refused"] in text


def test_rows_are_well_formed():
    for claim, row in ALL.items():
        assert row.keys() <= KEYS, claim
        assert len(row.keys() & {"raw", "send", "refused", "elsewhere"}) == 1, claim
        assert row.get("known", {}).keys() <= {"in-process", *SERVERS}, claim
        assert "status" in row or "raw" not in row or "closes" in row, claim


def test_no_secure_default_is_missing():
    assert DEFAULTS - {row.get("default") for row in ALL.values()} == set()


@pytest.mark.parametrize("claim", ELSEWHERE)
def test_row_of_another_layer_is_proven_there(claim):
    for test in ELSEWHERE[claim]["elsewhere"]:
        path, _, name = test.partition("::")
        found = ast.parse((ROOT / path).read_text("utf-8")).body
        assert name in {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}, test
