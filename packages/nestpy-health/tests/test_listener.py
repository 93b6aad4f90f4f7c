"""The listener of an app without HTTP answers probes and survives whatever else is sent to it."""

import asyncio
import contextlib
import logging

import pytest

from nestpy_core import APP_GUARD, AppStatus, Denial, PluginError, Scope, hookimpl, injectable, provide
from nestpy_core.contracts import Endpoint, EndpointAnswer, EndpointRequest
from nestpy_health import HealthError, indicators, readiness
from nestpy_testing import free_port


@indicators
class Fine:
    @readiness
    async def database(self) -> None: ...


@injectable
class Page:
    async def metrics(self, request: EndpointRequest) -> EndpointAnswer:
        if request.query == "fail":
            raise OSError("hunter2")
        headers = {"x-query": request.query, "x-agent": request.headers.get("user-agent", ""), "x-bad": "a\r\nb: c"}
        return EndpointAnswer(headers=headers, body=b"page")


class Metrics:
    """A plugin with an endpoint of its own."""

    def __init__(self, *, public=False, method="metrics"):
        self.public = public
        self.method = method

    @hookimpl
    def nestpy_collect(self, graph):
        return [Page, Endpoint(path="/metrics", host=Page, method=self.method, owner="tests", public=self.public)]


@pytest.fixture
def listening(make_app):
    """Return ``async with listening(*providers, **health_options) as send``."""

    @contextlib.asynccontextmanager
    async def listen(*providers, **options):
        port = options.setdefault("port", free_port())
        app = make_app(*providers, host="127.0.0.1", **options)
        async with app.create_context(serve=True) as context:
            yield Sender(port, context)

    return listen


class Sender:
    """Sends bytes and returns all that comes back."""

    def __init__(self, port, context):
        self.port = port
        self.context = context

    async def __call__(self, *parts, end=False):
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            with contextlib.suppress(OSError):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if end:
                    writer.write_eof()
            received = b""
            with contextlib.suppress(ConnectionError):
                received = await reader.read()
            writer.close()
            return received


def get(path, *headers, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: x", *headers, "", ""]).encode()


def status(received):
    return int(received.split(b" ", 2)[1]) if received else None


async def test_a_probe_is_answered_and_the_connection_closed(listening):
    async with listening(Fine) as send:
        head, _, body = (await send(get("/health/ready"))).partition(b"\r\n\r\n")
        assert head.decode().splitlines() == [
            "HTTP/1.1 200 OK",
            "x-content-type-options: nosniff",
            "content-type: application/json",
            "cache-control: no-store",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        assert body.startswith(b'{"status":"up","info":{"database":{"name":"database","status":"up"}}')


async def test_head_is_told_the_length_and_no_body(listening):
    async with listening(Fine) as send:
        whole = await send(get("/health/ready"))
        assert await send(get("/health/ready", method="HEAD")) == whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


async def test_it_follows_the_apps_status(listening):
    async with listening(Fine) as send:
        held = await send.context.get(AppStatus)
        held.hold("five processes died")
        assert status(await send(get("/health/ready"))) == 503
        assert status(await send(get("/health/live"))) == 200


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (get("/health/absent"), 404),
        (get("/"), 404),
        (get("/health/live/"), 404),
        (get("/health/live", method="POST"), 405),
        (get("/health/live", "content-length: 3", method="PUT") + b"abc", 405),
        (get("/absent", method="DELETE"), 404),
        (get("/health/%6cive"), 200),
        (get("http://x/health/live"), 200),
        (get("/health/live?a=1"), 200),
        (b"GET /health/live HTTP/1.0\r\n\r\n", 200),
        (b"GET /health/live HTTP/1.1\r\n\r\n", 400),
        (get("/health/live", "host: y"), 400),
        (get("/health/live", version="2.0"), 505),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (get("*"), 400),
        (get("ftp://x/health/live"), 400),
        (b"GET  /health/live HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"get /health/live HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (get("/health/live", " folded"), 400),
        (get("/health/live", "name : value"), 400),
        (get("/health/live", "no colon"), 400),
        (get("/health/live", "x: a\x00b"), 400),
        (get("/health/live", "x: a\nb"), 400),
        (get("/" + "a" * 3000), 414),
        (get("/health/live", "x: " + "a" * 9000), 431),
        (b"A" * 100_000, 431),
        (get("/health/live\xff"), 400),
    ],
)
async def test_whatever_is_sent_gets_a_clear_answer(listening, request_bytes, expected):
    async with listening(Fine) as send:
        received = await send(request_bytes)
        assert status(received) == expected
        assert received.count(b"HTTP/1.1 ") == 1
        if expected == 405:
            assert b"\r\nallow: GET, HEAD\r\n" in received
        assert status(await send(get("/health/live"))) == 200


async def test_random_bytes_end_in_an_answer_or_a_closed_connection(listening):
    import random

    source = random.Random(7)  # noise, not a secret
    async with listening(Fine, max_connections=200) as send:
        noise = [source.randbytes(source.randrange(1, 2000)) + b"\r\n\r\n" for _ in range(100)]
        answers = await asyncio.gather(*(send(each, end=True) for each in noise))
        assert {status(each) for each in answers} <= {400, 431, 505}
        assert status(await send(get("/health/live"))) == 200


async def test_half_a_head_is_408_and_half_a_head_that_ends_is_400(listening):
    async with listening(Fine, request_timeout=0.4) as send:
        assert status(await send(b"GET /health/live HTTP/1.1\r\nho")) == 408
        assert status(await send(b"GET /health/live HTTP/1.1\r\nho", end=True)) == 400
        assert await send(end=True) == b""


async def test_a_drip_of_bytes_does_not_keep_a_connection(listening):
    async with listening(Fine, request_timeout=1.5) as send:
        reader, writer = await asyncio.open_connection("127.0.0.1", send.port)
        ended = asyncio.ensure_future(reader.read())
        async with asyncio.timeout(20):
            while not ended.done():
                writer.write(b"x")
                await asyncio.wait([ended], timeout=0.05)
        assert status(await ended) == 408
        writer.close()


async def test_connections_are_bounded_and_the_rest_served_afterwards(listening):
    async with listening(Fine, max_connections=2, request_timeout=30) as send:
        idle = [await asyncio.open_connection("127.0.0.1", send.port) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert await send(get("/health/live")) == b""
        for _, writer in idle:
            writer.close()
        async with asyncio.timeout(20):
            while status(await send(get("/health/live"))) != 200:
                await asyncio.sleep(0.01)


async def test_an_idle_connection_does_not_hold_the_stop(listening):
    async with asyncio.timeout(20):
        async with listening(Fine, request_timeout=3600) as send:
            _, writer = await asyncio.open_connection("127.0.0.1", send.port)
            await asyncio.sleep(0.05)
        writer.close()


async def test_an_address_in_use_is_named_with_its_setting(listening):
    async with listening(Fine) as send:
        with pytest.raises(HealthError) as caught:
            async with listening(Fine, port=send.port):
                pass
    assert str(caught.value) == (
        f"`127.0.0.1:{send.port}` cannot be bound for the health probes: Address already in use.\n"
        "Hint: stop what listens there, or set `NESTPY_HEALTH__PORT`"
    )


async def test_port_0_takes_a_free_one_and_tells_it(listening, caplog):
    caplog.set_level(logging.INFO, "nestpy.health")
    async with listening(Fine, port=0) as send:
        send.port = int(caplog.text.rpartition("http://127.0.0.1:")[2].split()[0])
        assert status(await send(get("/health/live"))) == 200


async def test_it_can_be_left_out(make_app):
    app = make_app(Fine, listen=False)
    assert app.plan.edges[0].transport() is None


def test_it_is_listed_with_what_it_serves(make_app):
    def listed(**options):
        edges = {edge.name: edge for edge in make_app(Fine, **options).edges}
        return [entry.what for entry in edges["health"].entries()]

    probes = ["GET /health/live", "GET /health/ready", "GET /health/startup"]
    assert listed() == ["readiness database", *probes]
    assert listed(http={}) == ["readiness database"]


async def test_with_http_there_is_no_second_listener(make_app):
    app = make_app(Fine, http={})
    assert [edge.name for edge in app.edges if edge.transport() is not None] == ["http"]


# -- other endpoints


async def test_endpoints_of_other_plugins_are_served_too(listening, caplog):
    async with listening(plugins=[Metrics(public=True)]) as send:
        received = await send(get("/metrics?a=1", "user-agent: prometheus"))
        assert status(received) == 200
        assert b"\r\nx-query: a=1\r\nx-agent: prometheus\r\ncontent-length: 4\r\n" in received
        assert received.endswith(b"\r\n\r\npage")
        assert b"x-bad" not in received
        failed = await send(get("/metrics?fail"))
        assert status(failed) == 500
        assert b"hunter2" not in failed
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (True, 200),
        (False, 403),
        (Denial.unauthorized(challenge="Basic"), 401),
        (Denial.rate_limited(3), 429),
        (Denial.insufficient_scope(("metrics",)), 403),
    ],
    ids=["admitted", "refused", "unauthorized", "rate limited", "scope"],
)
async def test_guards_stand_before_what_is_not_public(listening, verdict, expected):
    class Gate:
        posture = True

        def can_activate(self, context):
            assert context.headers["host"] == "x"
            return verdict

    async with listening(provide(APP_GUARD, use_class=Gate, multi=True), plugins=[Metrics()]) as send:
        received = await send(get("/metrics"))
        assert status(received) == expected
        assert (b"www-authenticate: Basic" in received) is (expected == 401)
        assert status(await send(get("/health/live"))) == 200


async def test_a_guard_that_fails_refuses_and_the_log_says_why(listening, caplog):
    class Gate:
        posture = True

        def can_activate(self, context):
            raise OSError("hunter2")

    async with listening(provide(APP_GUARD, use_class=Gate, multi=True), plugins=[Metrics()]) as send:
        received = await send(get("/metrics"))
        assert status(received) == 500
        assert b"hunter2" not in received
    assert "/metrics failed" in caplog.text
    assert "hunter2" in caplog.text


async def test_an_interceptor_that_answers_something_else_is_a_500(listening):
    from nestpy_core import APP_INTERCEPTOR

    class Odd:
        def after(self, context, result):
            return "text"

    async with listening(provide(APP_INTERCEPTOR, use_class=Odd, multi=True)) as send:
        assert status(await send(get("/health/live"))) == 500


def test_an_endpoint_without_its_method_is_a_boot_error(boot_problems):
    [problem] = boot_problems(plugins=[Metrics(method="absent")])
    assert problem == "`Page.absent`, which tests mounts, is no method of a provider."


def test_a_guard_that_needs_what_only_another_edge_carries_is_refused_at_boot(make_app):
    from nestpy_core import Carrier

    class Letter: ...

    class Post:
        @hookimpl
        def nestpy_collect(self, graph):
            return [Carrier(Letter, ("post",))]

    @injectable(scope=Scope.REQUEST)
    class Gate:
        letter: Letter
        posture = True

        def can_activate(self, context) -> bool:
            return True

    with pytest.raises(PluginError, match="injects `Letter`, which the probes' listener does not carry"):
        make_app(provide(APP_GUARD, use_class=Gate, multi=True), plugins=[Metrics(), Post()])
