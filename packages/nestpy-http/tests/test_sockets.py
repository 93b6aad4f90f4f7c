"""WebSockets: a handshake is a request with its guards, a conversation comes after it, and both have ends."""

import asyncio
import contextlib
import gc

import pytest

from nestpy_core import Denial, Inject, injectable, public, use_guards, use_interceptors
from nestpy_http import (
    HandshakeError,
    Header,
    HttpClient,
    Query,
    Request,
    SocketClosedError,
    UnauthorizedError,
    WebSocket,
    controller,
    get,
    websocket,
)

pytestmark = pytest.mark.anyio


@injectable
class Journal:
    def __init__(self):
        self.lines = []


@injectable
class KeyGuard:
    def can_activate(self, context):
        return context.headers.get("x-key") == "right" or Denial.unauthorized("no key")


@injectable
class Counted:
    journal: Journal

    async def intercept(self, context, call_next):
        self.journal.lines.append("in")
        result = await call_next()
        self.journal.lines.append("out")
        return result


@controller("/talk")
class Talk:
    journal: Journal

    @get("/echo")
    async def page(self) -> str:
        return "a page"

    @websocket("/echo")
    async def echo(self, socket: WebSocket):
        await socket.accept(socket.subprotocols[0] if socket.subprotocols else None, [("x-room", "7")])
        async for message in socket:
            await socket.send(message)
        self.journal.lines.append(f"closed {socket.close_code}")

    @websocket("/rooms/{room}")
    async def room(self, socket: WebSocket, room: int, name: Query[str], agent: Header[str] = "none"):
        await socket.accept()
        await socket.send(f"{name} in {room} with {agent} at {socket.path}")

    @use_guards(KeyGuard)
    @use_interceptors(Counted)
    @websocket("/guarded")
    async def guarded(self, socket: WebSocket, request: Request, journal: Inject[Journal]):
        assert request.path == socket.request.path
        await socket.accept()
        journal.lines.append("talking")
        await socket.receive()

    @websocket("/refused")
    async def refused(self, socket: WebSocket):
        raise UnauthorizedError("who are you?")

    @websocket("/silent")
    async def silent(self, socket: WebSocket): ...

    @websocket("/broken")
    async def broken(self, socket: WebSocket):
        await socket.accept()
        raise ValueError("secret canary")

    @websocket("/deaf")
    async def deaf(self, socket: WebSocket):
        await socket.accept()
        await socket.send("waiting")
        await asyncio.Event().wait()

    @websocket("/closes")
    async def closes(self, socket: WebSocket, code: Query[int], reason: Query[str]):
        await socket.accept()
        await socket.close(code, reason)


@pytest.fixture
def talking(make_app):
    @contextlib.asynccontextmanager
    async def serve(*more, environ=None, **options):
        providers = more or (Talk, Journal, KeyGuard, Counted)
        app = make_app(*providers, **options)
        async with app.create_context() as context:
            client = HttpClient(app.__rsgi__, asgi=app)
            client.context = context
            client.app = app
            yield client

    return serve


async def refused(client, target, **options):
    with pytest.raises(HandshakeError) as caught:
        async with client.websocket(target, **options):
            pass
    return caught.value.response


async def closed(socket):
    with pytest.raises(SocketClosedError) as caught:
        await socket.receive()
    return caught.value.code, caught.value.reason


async def test_text_and_bytes_go_both_ways_under_an_agreed_subprotocol(talking):
    async with talking() as client:
        async with client.websocket("/talk/echo", subprotocols=["one", "two"]) as socket:
            assert socket.subprotocol == "one"
            assert socket.headers.get("x-room") == "7"
            for message in ("hello", "ünïcode", b"\x00\xff"):
                await socket.send(message)
                assert await socket.receive() == message
        assert (await client.context.get(Journal)).lines == ["closed 1000"]
        assert (await client.get("/talk/echo")).text == "a page"


async def test_parameters_are_those_of_the_handshake(talking):
    async with talking() as client:
        async with client.websocket("/talk/rooms/12?name=Ada", headers={"agent": "x"}) as socket:
            assert await socket.receive() == "Ada in 12 with x at /talk/rooms/12"
            assert await closed(socket) == (1000, "")
        answer = await refused(client, "/talk/rooms/twelve")
        assert (answer.status, sorted(answer.json()["errors"])) == (400, ["name", "room"])


async def test_guards_and_interceptors_stand_before_the_handshake_and_end_before_the_talk(talking):
    async with talking() as client:
        answer = await refused(client, "/talk/guarded")
        assert (answer.status, answer.media_type) == (401, "application/problem+json")
        journal = await client.context.get(Journal)
        journal.lines.clear()
        async with client.websocket("/talk/guarded", headers={"x-key": "right"}) as socket:
            await socket.send("go")
            await closed(socket)
        assert journal.lines == ["in", "out", "talking"]


async def test_a_handler_refuses_with_what_it_raises_and_with_403_when_it_accepts_nothing(talking):
    async with talking() as client:
        answer = await refused(client, "/talk/refused")
        assert (answer.status, answer.json()["detail"]) == (401, "who are you?")
        assert (await refused(client, "/talk/silent")).status == 403
        assert (await refused(client, "/talk/nowhere")).status == 404


async def test_a_failure_closes_with_1011_and_tells_the_log_alone(talking, caplog):
    async with talking() as client, client.websocket("/talk/broken") as socket:
        assert await closed(socket) == (1011, "")
    assert "Talk.broken failed" in caplog.text


async def test_the_code_and_the_reason_of_a_close_reach_the_client(talking):
    async with talking() as client:
        async with client.websocket("/talk/closes?code=4400&reason=wrong") as socket:
            assert await closed(socket) == (4400, "wrong")
        async with client.websocket("/talk/closes", params={"code": 4400, "reason": "ü" * 100}) as socket:
            assert await closed(socket) == (4400, "ü" * 61)
        async with client.websocket("/talk/closes?code=1006&reason=") as socket:
            assert await closed(socket) == (1011, "")


async def test_a_message_over_the_limit_closes_with_1009(talking):
    async with talking(max_socket_message_bytes=10) as client:
        for data in ("x" * 11, "ü" * 6, b"x" * 11):
            async with client.websocket("/talk/echo") as socket:
                await socket.send("ü" * 5)
                assert await socket.receive() == "ü" * 5
                await socket.send(data)
                assert (await closed(socket))[0] == 1009


ORIGINS = [
    ({}, None),
    ({"origin": "http://localhost"}, None),
    ({"origin": "http://localhost", "cookie": "a=1"}, None),
    ({"origin": "http://localhost:81"}, 403),
    ({"origin": "http://evil.example", "cookie": "a=1"}, 403),
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "http://localhost.evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": ""}, 403),
    ({"origin": "http://friend.example"}, None),
    ({"origin": "http://friend.example", "cookie": "a=1"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), ORIGINS, ids=str)
async def test_another_site_opens_no_socket(talking, headers, status):
    async with talking(cors_origins=["http://friend.example"]) as client:
        if status is None:
            async with client.websocket("/talk/echo", headers=headers) as socket:
                assert socket.headers.get("x-room") == "7"
        else:
            assert (await refused(client, "/talk/echo", headers=headers)).status == status


async def test_an_origin_that_may_send_cookies_opens_sockets_with_them_and_any_origin_never(talking):
    friend = {"origin": "http://friend.example", "cookie": "a=1"}
    options = {"cors_origins": ["http://friend.example"], "cors_credentials": True}
    async with talking(**options) as client, client.websocket("/talk/echo", headers=friend) as socket:
        assert socket.headers.get("x-room") == "7"
    async with talking(cors_origins=["*"]) as client:
        async with client.websocket("/talk/echo", headers={"origin": "http://anybody.example"}):
            pass
        assert (await refused(client, "/talk/echo", headers=friend)).status == 403
        assert (await refused(client, "/talk/echo", headers={"origin": "null"})).status == 403


async def test_the_host_is_checked_as_for_any_request(talking):
    async with talking(hosts=["app.example"]) as client:
        assert (await refused(client, "/talk/echo")).status == 421
        async with client.websocket("/talk/echo", headers={"host": "app.example"}):
            pass


async def test_no_more_sockets_are_open_than_the_setting_says(talking):
    async with talking(max_sockets=2) as client:
        async with client.websocket("/talk/echo"), client.websocket("/talk/echo"):
            assert (await refused(client, "/talk/echo")).status == 503
        async with client.websocket("/talk/echo"):
            pass


async def test_open_sockets_take_no_place_from_requests(talking):
    async with (
        talking(max_concurrency=1, queue_wait=0) as client,
        client.websocket("/talk/echo") as one,
        client.websocket("/talk/echo"),
    ):
        await one.send("x")
        assert await one.receive() == "x"
        assert (await client.get("/talk/echo")).status == 200


async def test_a_socket_is_closed_with_1001_at_the_end_of_its_lifetime(talking):
    async with talking(socket_lifetime=0.05) as client, client.websocket("/talk/echo") as socket:
        assert await closed(socket) == (1001, "connect again")


async def test_a_handler_that_goes_on_after_its_socket_was_closed_is_cancelled(talking, monkeypatch, caplog):
    monkeypatch.setattr("nestpy_http._sockets.GRACE", 0.01)
    async with talking(socket_lifetime=0.05) as client:
        async with client.websocket("/talk/deaf") as socket:
            assert await socket.receive() == "waiting"
            assert (await closed(socket))[0] == 1001
        assert "went on after its socket was closed" in caplog.text


async def test_at_its_end_the_app_closes_every_socket_with_1001_and_opens_them_again_when_it_starts_anew(make_app):
    app = make_app(Talk, Journal, KeyGuard, Counted)
    client = HttpClient(app.__rsgi__, asgi=app)
    for _ in range(2):
        async with contextlib.AsyncExitStack() as left:
            async with app.create_context() as started:
                socket = await left.enter_async_context(client.websocket("/talk/echo"))
                journal = await started.get(Journal)
            assert await closed(socket) == (1001, "the server stops")
            assert journal.lines == ["closed 1001"]


async def test_a_thousand_sockets_leave_no_task_behind(talking):
    async with talking() as client:
        before = len(asyncio.all_tasks())
        for number in range(1000):
            async with client.websocket("/talk/echo") as socket:
                await socket.send("x")
                assert await socket.receive() == "x"
                if number % 2:
                    await socket.close(1001)
        assert len(asyncio.all_tasks()) == before
        gc.collect()
        assert not [one for one in gc.get_objects() if type(one) is WebSocket]


async def test_sockets_join_the_posture_of_the_app(make_app, boot_problems):
    @injectable
    class Admits(KeyGuard):
        posture = True

    @controller("/open")
    class Open:
        @websocket("/one")
        async def one(self, socket: WebSocket): ...

        @public
        @websocket("/two")
        async def two(self, socket: WebSocket): ...

        @use_guards(Admits)
        @websocket("/three")
        async def three(self, socket: WebSocket): ...

    [problem] = boot_problems(Open, Admits)
    assert "Open.one" in problem
    assert "Open.t" not in problem


async def test_definitions_that_cannot_work_are_named_at_boot(boot_problems):
    @controller("/wrong")
    class Wrong:
        @websocket("/one")
        async def nothing(self): ...

        @get("/two")
        async def stray(self, socket: WebSocket): ...

        @websocket("/three")
        async def first(self, socket: WebSocket): ...

        @websocket("/three")
        async def second(self, socket: WebSocket): ...

    both = "`Wrong.first` and `Wrong.second`"
    assert boot_problems(Wrong) == [
        "`Wrong.nothing` takes no `WebSocket`.\nHint: write `socket: WebSocket`, for one",
        "`socket` of `Wrong.stray` is a `WebSocket`.\nHint: decorate the method with `@websocket`",
        f"{both} both answer WEBSOCKET `/wrong/three`.\nHint: give one of them another path or method",
    ]


class RsgiSocket:
    """What granian gives an RSGI app for a WebSocket, as far as a refusal goes."""

    closed = None

    def close(self, status=None):
        self.closed = status


async def test_rsgi_answers_a_websocket_with_501(make_app):
    class Scope:
        proto = "ws"

    app = make_app(Talk, Journal, KeyGuard, Counted)
    async with app.create_context():
        protocol = RsgiSocket()
        await app.__rsgi__(Scope(), protocol)
        assert protocol.closed == 501


async def test_an_app_without_sockets_has_nothing_of_them(make_app):
    @controller("/")
    class Plain:
        @get("/")
        async def hello(self) -> str:
            return "hello"

    app = make_app(Plain)
    edge = app.edges[0]
    assert edge.open_sockets is None
    assert edge.rsgi.__code__.co_name == "kernel"
    async with app.create_context():
        client = HttpClient(app.__rsgi__, asgi=app)
        assert (await refused(client, "/")).status == 403


async def test_a_foreign_rsgi_server_is_told_at_boot_that_sockets_do_not_work_there(make_app, caplog):
    app = make_app(Talk, Journal, KeyGuard, Counted)
    loop = asyncio.get_running_loop()
    app.__rsgi_init__(loop)
    assert "WebSockets are answered with 501" in caplog.text
    await app._ensure_started()
    app.__rsgi_del__(loop)
    await app._task


async def test_a_close_is_written_though_whoever_closes_is_cancelled_by_whoever_receives(talking):
    @controller("/race")
    class Race:
        @websocket("/")
        async def race(self, socket: WebSocket):
            await socket.accept()
            closer = asyncio.create_task(socket.close(4001, "first"))
            async for _ in socket:
                pass
            closer.cancel()

    async with talking(Race) as client, client.websocket("/race") as socket:
        assert await closed(socket) == (4001, "first")
