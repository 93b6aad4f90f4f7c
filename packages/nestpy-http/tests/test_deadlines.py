"""Late handlers are cancelled, a full server refuses, and neither leaves anything behind."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from nestpy_core import injectable
from nestpy_core.errors import DefinitionError
from nestpy_http import Body, HttpClient, controller, get, post, timeout
from nestpy_http._deadlines import SEEN, RunningRequests

pytestmark = pytest.mark.anyio


@injectable
class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []


@controller("/")
class WorkController:
    log: Log

    @get("/fast")
    async def fast(self) -> str:
        return "fast"

    @get("/hangs")
    async def hangs(self) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.lines.append("cancelled")
            raise
        return "never"

    @timeout(2)
    @get("/own")
    async def own(self) -> str:
        await asyncio.Event().wait()
        return "never"

    @timeout(0)
    @get("/endless")
    async def endless(self) -> str:
        await asyncio.Event().wait()
        return "never"

    @get("/stream")
    async def stream(self) -> AsyncIterator[bytes]:
        yield b"one,"
        await asyncio.sleep(0.2)
        yield b"two"

    @get("/silent")
    async def silent(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b"never"

    @get("/gives-up")
    async def gives_up(self) -> str:
        raise asyncio.CancelledError


@timeout(2)
@controller("/bounded")
class BoundedController:
    @get("/")
    async def hangs(self) -> str:
        await asyncio.Event().wait()
        return "never"


@pytest.fixture
async def work(make_app):
    """Return ``(client, running, log)`` of a started app."""
    app = make_app(Log, WorkController, BoundedController, max_concurrency=2, queue_wait=0.05)
    async with app.create_context() as context:
        running = await context.get(RunningRequests)
        running.stop()
        yield HttpClient(app.__rsgi__), running, await context.get(Log)


async def started(running, count=1):
    while len(running.table) < count:
        await asyncio.sleep(0)


async def ask(http, path):
    task = asyncio.create_task(http.get(path))
    await asyncio.sleep(0.01)
    return task


def age(running, seconds):
    """Sweep as if everything had begun *seconds* ago."""
    running.sweep(0.0)
    running.sweep(seconds)


async def test_a_handler_past_its_deadline_is_cancelled_and_answered_with_503(work, caplog):
    http, running, log = work
    task = await ask(http, "/hangs")
    age(running, 29.9)
    await asyncio.sleep(0.01)
    assert not task.done()
    running.sweep(30.0)
    answer = await task
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == "The request took too long"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert log.lines == ["cancelled"]
    assert not running.table
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "WorkController.hangs was cancelled: it took too long"
    ]


@pytest.mark.parametrize("path", ["/own", "/bounded"])
async def test_a_route_or_a_controller_has_its_own_deadline(work, path):
    http, running, _ = work
    task = await ask(http, path)
    age(running, 2.0)
    assert (await task).status == 503


async def test_zero_is_no_deadline(work):
    http, running, _ = work
    task = await ask(http, "/endless")
    age(running, 1e9)
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


async def test_the_app_can_have_no_deadline(make_app):
    app = make_app(Log, WorkController, request_timeout=0)
    async with app.create_context() as context:
        running = await context.get(RunningRequests)
        task = await ask(HttpClient(app.__rsgi__), "/hangs")
        age(running, 1e9)
        await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()


async def test_the_sweeper_runs_by_itself(make_app):
    app = make_app(Log, WorkController, request_timeout=0.05)
    async with app.create_context():
        assert (await HttpClient(app.__rsgi__).get("/hangs")).status == 503


async def test_a_stream_is_bounded_up_to_its_first_byte(work):
    http, running, _ = work
    silent = await ask(http, "/silent")
    assert len(running.table) == 1
    age(running, 30.0)
    assert (await silent).status == 503
    task = await ask(http, "/stream")
    assert not running.table
    age(running, 1e9)
    assert (await task).content == b"one,two"


async def test_a_cancellation_that_is_not_ours_goes_on(work):
    http, running, log = work
    task = await ask(http, "/hangs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log.lines == ["cancelled"]
    assert not running.table


async def test_a_cancellation_of_something_else_is_a_failure(work):
    http, running, _ = work
    assert (await http.get("/gives-up")).status == 500
    assert not running.table


async def test_the_cancellation_ends_with_the_request(work):
    http, running, _ = work

    async def asks_twice():
        first = await http.get("/hangs")
        await asyncio.sleep(0)
        return first.status, (await http.get("/fast")).status, asyncio.current_task().cancelling()

    task = asyncio.create_task(asks_twice())
    await started(running)
    age(running, 30.0)
    assert await task == (503, 200, 0)


async def test_a_client_that_leaves_ends_its_handler(work):
    http, running, log = work
    async with asyncio.timeout(5):
        entered = asyncio.Event()

        async def leaves():
            async with http.stream("GET", "/hangs"):
                entered.set()

        task = asyncio.create_task(leaves())
        await started(running)
        age(running, 0.1)
        await asyncio.sleep(0.01)
        (protocol,) = running.table
        await protocol.hang_up()
        await asyncio.sleep(0.01)
        assert log.lines == ["cancelled"]
        await asyncio.wait({task})
        running.sweep(2.0)
        assert not running.table


async def test_a_full_server_lets_requests_wait_a_moment_then_refuses(work):
    http, _, _ = work
    tasks = [await ask(http, "/hangs"), await ask(http, "/hangs")]
    answer = await http.get("/fast")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == "Too many requests are running"
    waiting = await ask(http, "/fast")
    tasks[0].cancel()
    assert (await waiting).status == 200
    assert (await http.get("/fast")).status == 200
    tasks[1].cancel()


async def test_a_queue_that_does_not_empty_refuses_at_once(make_app):
    app = make_app(Log, WorkController, BoundedController, max_concurrency=3, queue_wait=10)
    async with app.create_context() as context:
        running = await context.get(RunningRequests)
        running.stop()
        now = [0.0]
        running.clock = lambda: now[0]
        http = HttpClient(app.__rsgi__)
        hanging = [await ask(http, "/hangs") for _ in range(3)]
        first = await ask(http, "/fast")
        now[0] = 9.0
        second = await ask(http, "/fast")
        assert not first.done()
        now[0] = 10.0
        assert (await first).status == 503
        third = await ask(http, "/fast")
        assert not second.done()
        now[0] = 10.001
        assert (await second).status == 503
        assert not third.done()
        now[0] = 10.006
        assert (await third).status == 503
        fourth = await ask(http, "/fast")
        now[0] = 20.0
        assert not fourth.done()
        hanging[0].cancel()
        assert (await fourth).status == 200
        for task in hanging:
            task.cancel()


async def test_slow_bodies_take_no_place_from_those_that_run(make_app):
    @controller("/")
    class TakingController:
        @post("/body")
        async def body(self, body: Body[bytes]) -> int:
            return len(body)

        @get("/hangs")
        async def hangs(self) -> None:
            await asyncio.Event().wait()

        @get("/fast")
        async def fast(self) -> str:
            return "fast"

    ends = asyncio.Event()

    async def slow():
        yield b"a"
        await ends.wait()
        yield b"b"

    app = make_app(TakingController, max_concurrency=1, queue_wait=0)
    async with app.create_context() as context:
        running = await context.get(RunningRequests)
        running.stop()
        http = HttpClient(app.__rsgi__)
        bodies = []
        for _ in range(6):
            bodies.append(asyncio.create_task(http.post("/body", content=slow())))
            await asyncio.sleep(0.01)
            running.sweep(1.0)
            running.sweep(1.05)
        assert (len(running.parked), len(running.table)) == (4, 1)
        assert (await bodies[5]).status == 503
        assert (await http.get("/fast")).status == 503
        for task in (bodies.pop(5), bodies.pop(0)):
            task.cancel()
        await asyncio.sleep(0.01)
        running.sweep(1.1)
        assert (len(running.parked), len(running.table)) == (4, 0)
        assert (await http.get("/fast")).status == 200
        hanging = await ask(http, "/hangs")
        ends.set()
        assert [(await task).status for task in bodies] == [503] * 4
        hanging.cancel()
        await asyncio.wait({hanging})
        assert (running.parked, running.table) == ({}, {})


async def test_a_parked_body_is_late_and_goes_on_like_any_other(make_app):
    @controller("/")
    class TakingController:
        @post("/body")
        async def body(self, body: Body[bytes]) -> int:
            return len(body)

    ends = asyncio.Event()

    async def slow():
        yield b"a"
        await ends.wait()

    app = make_app(TakingController)
    async with app.create_context() as context:
        running = await context.get(RunningRequests)
        running.stop()
        http = HttpClient(app.__rsgi__)
        for age, status in ((5.1, 408), (4.0, 201)):
            task = asyncio.create_task(http.post("/body", content=slow()))
            await asyncio.sleep(0.01)
            for now in (1.0, 1.05, 1.0 + age):
                running.sweep(now)
            assert len(running.parked) == 1
            await asyncio.sleep(0.01)
            ends.set()
            assert (await task).status == status
            ends.clear()
            assert (running.parked, running.table) == ({}, {})


@pytest.mark.parametrize(
    ("length", "came", "age", "status"),
    [
        (999, 1, 5.1, 408),
        (999, 998, 4.9, 201),
        (1_000, 999, 5.1, 408),
        (9_000, 999, 5.1, 408),
        (9_000, 2_400, 9.9, 201),
    ],
)
async def test_a_body_of_any_length_keeps_its_rate_after_five_seconds(make_app, length, came, age, status):
    @controller("/")
    class TakingController:
        @post("/body")
        async def body(self, body: Body[bytes]) -> int:
            return len(body)

    ends = asyncio.Event()

    async def slow():
        yield b"a" * came
        await ends.wait()
        yield b"a" * (length - came)

    app = make_app(TakingController)
    async with app.create_context() as context:
        running = await context.get(RunningRequests)
        running.stop()
        http = HttpClient(app.__rsgi__)
        sent = {"content-length": str(length)}
        task = asyncio.create_task(http.post("/body", content=slow(), headers=sent))
        await asyncio.sleep(0.01)
        for now in (1.0, 1.05, 1.0 + age):
            running.sweep(now)
        await asyncio.sleep(0.01)
        ends.set()
        assert (await task).status == status


async def test_the_queue_is_bounded_too(work):
    http, _, _ = work
    tasks = [await ask(http, "/hangs"), await ask(http, "/hangs")]
    waiting = [asyncio.create_task(http.get("/fast")) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in waiting) == 18
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {503}
    for task in tasks:
        task.cancel()


async def test_streams_do_not_count_as_running(work):
    http, _, _ = work
    streams = [await ask(http, "/stream") for _ in range(5)]
    assert (await http.get("/fast")).status == 200
    assert {(await stream).content for stream in streams} == {b"one,two"}


async def test_everything_can_be_ended_at_once(work):
    http, running, _ = work
    tasks = [await ask(http, "/hangs"), await ask(http, "/endless")]
    running.end_all()
    assert [(await task).status for task in tasks] == [503, 503]


async def test_an_entry_is_seen_once(work):
    http, running, _ = work
    task = await ask(http, "/hangs")
    running.sweep(5.0)
    running.sweep(6.0)
    assert [entry[SEEN] for entry in running.table.values()] == [5.0]
    task.cancel()


def test_a_timeout_is_no_less_than_nothing():
    with pytest.raises(DefinitionError, match=r"@timeout\(-1\)"):
        timeout(-1)
