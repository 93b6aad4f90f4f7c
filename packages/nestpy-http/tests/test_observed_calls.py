"""What instruments of any capability learn of a request, and the headers that they put on its answer."""

import asyncio
from types import ModuleType

import pytest

from nestpy_core import Instrument, hookimpl, injectable, use_guards
from nestpy_http import FileResponse, HttpClient, HttpError, Path, Response, controller, etag, get, post

pytestmark = pytest.mark.anyio


@injectable
class Watcher:
    def __init__(self):
        self.calls = []

    def begin(self, call):
        call.answer_with([("x-seen", "yes")])
        return call

    def end(self, call, outcome, error):
        self.calls.append((call, call.outcome(outcome, error), error))

    @property
    def told(self):
        return [(call.kind.operation, outcome, call.failed(outcome)) for call, outcome, _ in self.calls]

    def last(self):
        call, outcome, _ = self.calls[-1]
        return call.fields(outcome)


def watching():
    plugin = ModuleType("watching_plugin")
    plugin.nestpy_api = "0.1"
    plugin.nestpy_collect = hookimpl(lambda graph: [Watcher], specname="nestpy_collect")
    plugin.nestpy_instrument = hookimpl(lambda handler, marker: [Instrument(Watcher)], specname="nestpy_instrument")
    return plugin


class Refusing:
    def can_activate(self, context):
        return False


@controller("/")
class WatchedController:
    file = __file__

    @get("/users/{user_id}")
    async def user(self, user_id: Path[int]) -> dict[str, int]:
        return {"id": user_id}

    @get("/text")
    async def text(self) -> str:
        return "größe"

    @get("/stream")
    async def stream(self):
        for chunk in ("one", b"two", "größe"):
            yield chunk

    @get("/file")
    async def whole(self) -> FileResponse:
        return FileResponse(self.file)

    @etag
    @get("/tagged")
    async def tagged(self) -> str:
        return "unchanged"

    @get("/long")
    async def long(self) -> str:
        return "x" * 5000

    @post("/broken")
    async def broken(self) -> None:
        raise RuntimeError("secret")

    @get("/missing")
    async def missing(self) -> Response:
        raise HttpError(status=404)

    @use_guards(Refusing)
    @get("/refused")
    async def refused(self) -> str:
        return "never"

    @get("/waiting")
    async def waiting(self) -> str:
        await asyncio.sleep(60)
        return "never"


@pytest.fixture
def watched(make_app):
    """Return ``async with watched(**options) as (client, watcher)``."""
    import contextlib

    @contextlib.asynccontextmanager
    async def start(**options):
        app = make_app(WatchedController, plugins=[watching()], **options)
        async with app.create_context() as context:
            yield HttpClient(app.__rsgi__), await context.get(Watcher)

    return start


async def test_calls_are_known_by_route_template_and_status(watched):
    async with watched() as (client, watcher):
        for method, path in [
            ("GET", "/users/1"),
            ("GET", "/users/x"),
            ("HEAD", "/users/1"),
            ("GET", "/nowhere"),
            ("DELETE", "/users/1"),
            ("POST", "/broken"),
            ("GET", "/missing"),
            ("GET", "/refused"),
            ("BREW", "/users/1"),
        ]:
            assert (await client.request(method, path)).headers.get("x-seen") == "yes", (method, path)
    assert watcher.told == [
        ("GET /users/{user_id}", "200", False),
        ("GET /users/{user_id}", "400", False),
        ("HEAD /users/{user_id}", "200", False),
        ("GET", "404", False),
        ("DELETE", "405", False),
        ("POST /broken", "500", True),
        ("GET /missing", "404", False),
        ("GET /refused", "403", False),
        ("HTTP", "501", True),
    ]
    labels = [dict(call.kind.labels) for call, _, _ in watcher.calls]
    assert labels[3] == {"method": "GET", "route": "unmatched"}
    assert labels[8] == {"method": "_OTHER", "route": "unmatched"}


async def test_fields_tell_the_bytes_that_were_sent(watched):
    sizes = {}
    async with watched() as (client, watcher):
        for path in ("/text", "/stream", "/file", "/long"):
            answer = await client.get(path)
            sizes[path] = (watcher.last()["bytes"], len(answer.content))
        await client.head("/long")
        assert watcher.last()["bytes"] == 0
    assert all(counted == sent for counted, sent in sizes.values()), sizes
    assert sizes["/stream"][0] == 6 + len("größe".encode())


async def test_what_changes_an_answer_on_its_way_out_is_seen_changed(watched):
    async with watched(compression=True) as (client, watcher):
        tag = (await client.get("/tagged")).headers["etag"]
        answer = await client.get("/tagged", headers={"if-none-match": tag})
        assert (answer.status, answer.headers["x-seen"]) == (304, "yes")
        assert (watcher.last()["status"], watcher.last()["bytes"]) == (304, 0)
        answer = await client.get("/long", headers={"accept-encoding": "gzip"})
        assert watcher.last()["bytes"] == len(answer.content) < 500


async def test_fields_are_those_of_the_operation_line(watched):
    headers = {"user-agent": "curl/8", "x-forwarded-for": "203.0.113.9"}
    async with watched() as (client, watcher):
        await client.get("/users/1?token=hidden", headers=headers)
        assert watcher.last() == {
            "method": "GET",
            "path": "/users/1",
            "route": "/users/{user_id}",
            "status": 200,
            "bytes": 8,
            "client_ip": "127.0.0.1",
            "forwarded": "203.0.113.9",
            "user_agent": "curl/8",
        }
        await client.get("/text")
        assert (watcher.last()["forwarded"], watcher.last()["user_agent"]) == (None, None)


async def test_only_a_trusted_proxy_hands_a_trace_on(watched):
    headers = {"traceparent": "00-1-2-01", "tracestate": "a=1"}
    async with watched() as (client, watcher):
        await client.get("/text", headers=headers)
        call = watcher.calls[-1][0]
        assert (call.trusted, call.incoming()) == (False, headers)
    async with watched(trusted_proxies=("127.0.0.1",)) as (client, watcher):
        await client.get("/text", headers=headers)
        assert watcher.calls[-1][0].trusted
        await client.get("/text", headers=[("traceparent", "a"), ("traceparent", "b")])
        assert watcher.calls[-1][0].incoming() == {}
        await client.get("/text")
        assert watcher.calls[-1][0].incoming() == {}


async def test_deadlines_and_clients_that_leave_are_outcomes(watched):
    async with watched(request_timeout=0.2) as (client, watcher):
        assert (await client.get("/waiting")).headers["x-seen"] == "yes"
        assert watcher.told == [("GET /waiting", "503", True)]


def test_without_instruments_routes_are_compiled_as_ever(make_app):
    def sources(*plugins):
        app = make_app(WatchedController, plugins=plugins)
        return {function.filename: function.source for function in app.functions}

    plain, observed = sources(), sources(watching())
    assert not any("HttpCall" in source for source in plain.values())
    assert "_HttpCall(_kinds, scope, protocol)" in observed["nestpy:http GET /text"]
