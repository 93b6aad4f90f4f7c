"""A task that a call cancels and awaits, or an exit, fails that call; a cancellation of the call itself stays one."""

import asyncio
import sys

import anyio
import pytest
from line_edge import calling, on_line, station

from nestpy_core import (
    Inject,
    Scope,
    StrayCancellationError,
    StrayExitError,
    blocking,
    catch,
    injectable,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
)


async def stray():
    """Raise what awaiting a cancelled task raises."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


@injectable
class StrayGuard:
    async def can_activate(self, context):
        await stray()


@injectable
class StrayBefore:
    async def before(self, context):
        await stray()


@injectable
class StrayAfter:
    async def after(self, context, result):
        await stray()


@injectable
class StrayAround:
    async def intercept(self, context, call_next):
        await stray()


async def connect() -> int:
    await stray()
    return 1


@station
class Host:
    @on_line("handler")
    async def handler(self) -> None:
        await stray()

    @use_guards(StrayGuard)
    @on_line("guard")
    def guard(self) -> None: ...

    @use_interceptors(StrayBefore)
    @on_line("before")
    def before(self) -> None: ...

    @use_interceptors(StrayAfter)
    @on_line("after")
    def after(self) -> None: ...

    @use_interceptors(StrayAround)
    @on_line("around")
    def around(self) -> None: ...

    @on_line("provider")
    def provider(self, connection: Inject[int]) -> None: ...


PLACES = ["handler", "guard", "before", "after", "around", "provider"]


@pytest.mark.parametrize("place", PLACES)
async def test_what_a_call_cancels_and_awaits_is_its_failure(place):
    async with calling(Host, provide(int, use_factory=connect, scope=Scope.REQUEST)) as send:
        assert (await send(place)).why == "StrayCancellationError"


@pytest.mark.parametrize("place", [place for place in PLACES if place != "guard"])
async def test_filters_are_offered_it(place):
    seen = []

    @catch(Exception)
    @injectable
    class Filter:
        def catch(self, error, context) -> str:
            seen.append((type(error), type(error.__cause__)))
            return "caught"

    filtered = use_filters(Filter)(type("Filtered", (Host,), {}))
    async with calling(station(filtered), provide(int, use_factory=connect, scope=Scope.REQUEST)) as send:
        assert await send(place) == "caught"
    assert seen == [(StrayCancellationError, asyncio.CancelledError)]


@pytest.mark.parametrize("outer", [True, False])
async def test_a_call_that_is_cancelled_ends_whatever_its_filters_catch(outer):
    log = []

    @catch(Exception)
    @injectable
    class Filter:
        def catch(self, error, context) -> str:
            log.append("caught")
            return "caught"

    class Around:
        async def intercept(self, context, call_next):
            return await call_next()

    @use_filters(Filter)
    @station
    class Waiting:
        @on_line("wait")
        async def wait(self) -> None:
            log.append("waiting")
            await anyio.sleep_forever()

    if outer:
        use_interceptors(Around)(Waiting)
    async with calling(Waiting) as send:
        call = asyncio.ensure_future(send("wait"))
        while not log:
            await anyio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert log == ["waiting"]


@station
class Exiting:
    @on_line("async")
    async def asynchronous(self) -> None:
        sys.exit(3)

    @on_line("sync")
    def synchronous(self) -> None:
        sys.exit("no more")

    @blocking
    @on_line("thread")
    def thread(self) -> None:
        sys.exit()

    @on_line("interrupted")
    async def interrupted(self) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["async", "sync", "thread"])
async def test_what_calls_sys_exit_fails_its_call_alone(place):
    async with calling(Exiting) as send:
        assert (await send(place)).why == "StrayExitError"


async def test_filters_are_offered_an_exit_and_it_says_what_to_do():
    seen = []

    @catch(StrayExitError)
    @injectable
    class Filter:
        def catch(self, error, context) -> str:
            seen.append(error)
            return "caught"

    filtered = use_filters(Filter)(type("Filtered", (Exiting,), {}))
    async with calling(station(filtered)) as send:
        assert await send("async") == "caught"
    assert (seen[0].code, type(seen[0].__cause__)) == (3, SystemExit)
    assert str(seen[0]) == (
        "`SystemExit(3)` was raised, which ends a call of a served app and not its process.\n"
        "Hint: catch it around what calls `sys.exit`; an app ends itself by a signal: "
        "`os.kill(os.getpid(), signal.SIGTERM)`"
    )


async def test_an_interrupt_is_no_failure_of_a_call():
    async with calling(Exiting) as send:
        with pytest.raises(KeyboardInterrupt):
            await send("interrupted")
