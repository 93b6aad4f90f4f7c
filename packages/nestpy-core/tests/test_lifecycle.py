"""Hooks run in phases, in order of need; the start is strict, the shutdown exhaustive."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest
from line_edge import QUIET, Line, LinePlugin, app_of, calling, edge_of, on_line, problem, started, station

from nestpy_core import (
    DefinitionError,
    Scope,
    StartError,
    StrayCancellationError,
    Token,
    before_application_shutdown,
    injectable,
    on_application_bootstrap,
    on_application_shutdown,
    on_module_destroy,
    on_module_init,
    provide,
)


def hooked(name, log, needs=(), failing=""):
    """Return a provider that logs every phase."""

    def hook(phase):
        async def run(self):
            log.append(f"{name} {phase}")
            if phase == failing:
                raise OSError("broken pipe")

        return run

    members = {
        "initialise": on_module_init(hook("init")),
        "bootstrap": on_application_bootstrap(hook("bootstrap")),
        "destroy": on_module_destroy(hook("destroy")),
        "before": before_application_shutdown(hook("before")),
        "shutdown": on_application_shutdown(hook("shutdown")),
        "__annotations__": {f"need{number}": need for number, need in enumerate(needs)},
    }
    return injectable(type(name, (), members))


def pair(log, **options):
    needed = hooked("Zebra", log)
    return needed, hooked("Ant", log, needs=[needed], **options)


async def test_phases_and_the_order_of_need_inside_them():
    log = []
    Zebra, Ant = pair(log)
    async with started(Ant, Zebra, hooked("Bee", log)):
        log.append("serving")
    assert log == [
        *("Zebra init", "Ant init", "Bee init"),
        *("Zebra bootstrap", "Ant bootstrap", "Bee bootstrap"),
        "serving",
        *("Bee destroy", "Ant destroy", "Zebra destroy"),
        *("Bee before", "Ant before", "Zebra before"),
        *("Bee shutdown", "Ant shutdown", "Zebra shutdown"),
    ]


async def test_several_hooks_of_one_phase_run_by_name_and_may_be_sync():
    log = []

    @injectable
    class Service:
        @on_module_init
        def second(self) -> None:
            log.append("second")

        @on_module_init
        async def first(self) -> None:
            log.append("first")

        @on_module_destroy
        @on_application_bootstrap
        def both(self) -> None:
            log.append("both")

    async with started(Service):
        pass
    assert log == ["first", "second", "both", "both"]


async def test_hooks_run_once_on_the_instance_that_handlers_see_whatever_it_is_bound_to():
    log = []

    class Port: ...

    @injectable
    class Adapter(Port):
        @on_module_init
        def open(self) -> None:
            log.append(self)

    async with started(Adapter, provide(Port, use_existing=Adapter)) as context:
        assert log == [await context.get(Port)]
    log.clear()
    async with started(provide(Port, use_factory=Adapter)) as context:
        assert log == [await context.get(Port)]


async def test_a_failing_init_aborts_the_start_names_its_place_and_cleans_up():
    log = []
    Zebra, Ant = pair(log, failing="init")
    app = app_of(Ant, Zebra)
    with pytest.raises(StartError) as caught:
        async with app.create_context():
            pytest.fail("it started")
    assert str(caught.value) == "`Ant.initialise` failed in `on_module_init`: OSError: broken pipe"
    assert log == ["Zebra init", "Ant init", "Zebra destroy"]


async def test_a_failing_bootstrap_destroys_everything_that_was_initialised():
    log = []
    Zebra, Ant = pair(log, failing="bootstrap")
    app = app_of(Ant, Zebra)
    with pytest.raises(StartError, match=r"`Ant.bootstrap` failed in `on_application_bootstrap`"):
        async with app.create_context():
            pytest.fail("it started")
    assert log[-2:] == ["Ant destroy", "Zebra destroy"]


@pytest.mark.parametrize("phase", ["destroy", "before", "shutdown"])
async def test_every_shutdown_hook_runs_even_when_one_fails(phase, caplog):
    log = []
    Zebra, Ant = pair(log, failing=phase)
    async with started(Ant, Zebra):
        log.clear()
    assert log == [
        *("Ant destroy", "Zebra destroy"),
        *("Ant before", "Zebra before"),
        *("Ant shutdown", "Zebra shutdown"),
    ]
    assert f"Ant.{phase} failed in" in caplog.text
    assert "OSError: broken pipe" in caplog.text


async def test_a_hook_that_hangs_is_left_behind(caplog):
    log = []

    @injectable
    class Hanging:
        @on_module_destroy
        async def hang(self) -> None:
            await anyio.sleep_forever()

        @on_application_shutdown
        async def last(self) -> None:
            log.append("last")

    async with started(Hanging, environ={**QUIET, "NESTPY_APP__HOOK_TIMEOUT": "0.01"}):
        pass
    assert log == ["last"]
    assert "Hanging.hang did not end within 0.01 s in on_module_destroy" in caplog.text


async def test_clean_ups_that_hang_are_left_behind_one_by_one_and_the_others_run(caplog):
    log = []

    def hanging(label):
        async def hang() -> AsyncIterator[str]:
            try:
                yield label
                await anyio.sleep_forever()
            finally:
                log.append(label)

        return provide(Token[str](label), use_factory=hang)

    async def quick() -> AsyncIterator[int]:
        yield 1
        log.append("quick")

    limits = {"NESTPY_APP__SHUTDOWN_TIMEOUT": "0.01"}
    providers = [hanging("one"), hanging("two"), provide(int, use_factory=quick)]
    async with started(*providers, environ={**QUIET, **limits}):
        pass
    assert sorted(log) == ["one", "quick", "two"]
    assert caplog.text.count("hang did not end in time") == 2


async def ended():
    """Raise what awaiting a task of one's own raises when that was cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


async def test_a_task_that_a_hook_or_a_clean_up_ends_and_awaits_cancels_nothing_else(caplog):
    log = []

    @injectable
    class Ending:
        @on_module_destroy
        async def end(self) -> None:
            await ended()

    async def ending() -> AsyncIterator[int]:
        yield 1
        await ended()

    async def last() -> AsyncIterator[str]:
        yield "last"
        log.append("last left")

    app = app_of(Slow, Ending, hooked("Ant", log), provide(int, use_factory=ending), provide(str, use_factory=last))
    edge_of(app).finish = ended
    async with app.create_context():
        log.clear()
    assert log == ["Ant destroy", "Ant before", "Ant shutdown", "last left"]
    assert [line.partition(" failed")[0] for line in caplog.messages] == [
        "edge line",
        "Ending.end",
        "the clean-up of ending",
    ]


async def test_a_task_that_an_init_hook_ends_and_awaits_fails_the_start():
    @injectable
    class Ending:
        @on_module_init
        async def end(self) -> None:
            await ended()

    with pytest.raises(StartError, match=r"`Ending.end` failed in `on_module_init`: StrayCancellationError: A task"):
        async with started(Ending):
            pytest.fail("it started")


def test_a_hook_of_what_does_not_live_long_enough_is_a_problem():
    @injectable(scope=Scope.REQUEST)
    class Session:
        @on_module_init
        def open(self) -> None: ...

    assert problem(Session) == (
        "`Session.open` is a lifecycle hook of a request-scoped provider, which does not live as long as the app.\n"
        "Hint: move the hook to a singleton"
    )


def test_a_hook_takes_only_self():
    with pytest.raises(DefinitionError) as caught:

        @on_module_init
        def hook(self, service) -> None: ...

    assert str(caught.value).endswith(
        "is a lifecycle hook and takes only `self`.\nHint: inject what it needs as a field of its class"
    )
    with pytest.raises(DefinitionError, match="`@on_module_init` decorates methods, not `int`"):
        on_module_init(int)


async def test_an_overridden_hook_without_its_decorator_is_silent():
    log = []

    @injectable
    class Base:
        @on_module_init
        def open(self) -> None:
            log.append("base")

    @injectable
    class Child(Base):
        def open(self) -> None:
            log.append("child")

    async with started(Child):
        pass
    assert log == []


# -- serving and draining


@station
class Slow:
    def __init__(self) -> None:
        self.entered = anyio.Event()
        self.leave = anyio.Event()

    @on_line("slow")
    async def slow(self) -> str:
        self.entered.set()
        await self.leave.wait()
        return "finished"


async def test_a_drain_finishes_what_runs_and_accepts_nothing_new():
    app = app_of(Slow)
    async with anyio.create_task_group() as group:
        release = anyio.Event()
        line, late = Line("slow"), Line("slow")

        async def serve() -> None:
            async with app.create_context(serve=True) as context:
                edge_of(app).queue.put_nowait(line)
                slow = await context.get(Slow)
                await slow.entered.wait()
                group.start_soon(finish, slow)
            release.set()

        async def finish(slow) -> None:
            while not app._run.stopping.is_set():
                await anyio.sleep(0)
            await anyio.wait_all_tasks_blocked()
            edge_of(app).queue.put_nowait(late)
            await anyio.wait_all_tasks_blocked()
            slow.leave.set()

        group.start_soon(serve)
        await release.wait()
    assert line.answer == "finished"
    assert late.answer is None


async def test_work_that_never_ends_is_cancelled_at_the_limit(caplog):
    app = app_of(Slow, environ={**QUIET, "NESTPY_APP__FINISH_TIMEOUT": "0.01"})
    line = Line("slow")
    async with app.create_context(serve=True) as context:
        edge_of(app).queue.put_nowait(line)
        await (await context.get(Slow)).entered.wait()
    assert line.answer is None
    assert "work still running after 0.01 s is cancelled" in caplog.text


async def test_the_first_failing_transport_ends_the_others_and_is_the_result(caplog):
    class Failing:
        name = "failing"

        async def serve(self, serving) -> None:
            serving.ready()
            raise OSError("port taken")

    app = app_of(Slow)
    run = app._new_run([Failing(), edge_of(app)])
    await run()
    assert isinstance(run.failure, OSError)
    assert run.stopping.is_set()


async def test_a_transport_that_ends_and_awaits_a_task_has_failed():
    class Ending:
        name = "ending"

        async def serve(self, serving) -> None:
            serving.ready()
            await ended()

    run = app_of(Slow)._new_run([Ending()])
    await run()
    assert isinstance(run.failure, StrayCancellationError)


async def test_a_transport_that_is_cancelled_may_clean_up_until_the_deadline_and_not_beyond():
    log = []

    class Stubborn:
        name = "stubborn"

        async def serve(self, serving) -> None:
            serving.ready()
            try:
                await anyio.sleep_forever()
            finally:
                await anyio.sleep(0)
                log.append("cleaned up")
                try:
                    await anyio.sleep_forever()
                finally:
                    log.append("cut off")

    limits = {"NESTPY_APP__FINISH_TIMEOUT": "0.01", "NESTPY_APP__SHUTDOWN_TIMEOUT": "0.02"}
    run = app_of(hooked("Ant", log), environ={**QUIET, **limits})._new_run([Stubborn()])
    run.drain()
    await run()
    assert [line for line in log if not line.startswith("Ant")] == ["cleaned up", "cut off"]
    assert log[-1] == "Ant shutdown"
    assert run.failure is None


@pytest.mark.parametrize("times", [1, 2])
async def test_what_is_being_started_cleans_up_when_the_start_is_given_up(times):
    log = []
    leave = anyio.Event()

    async def connect() -> str:
        log.append("connecting")
        try:
            await anyio.sleep_forever()
        finally:
            log.append("disconnecting")
            await leave.wait()
            log.append("disconnected")
        return "never"

    run = app_of(provide(str, use_factory=connect))._new_run([])
    task = asyncio.create_task(run())
    while not log:
        await anyio.sleep(0)
    run.drain()
    while len(log) == 1:
        await anyio.sleep(0)
    for _ in range(times - 1):
        run.drain()
    leave.set()
    await task
    assert log == ["connecting", "disconnecting", "disconnected"]
    assert run.failure is None


async def test_a_start_can_be_given_up():
    log = []

    @injectable
    class Waiting:
        @on_module_init
        async def wait(self) -> None:
            log.append("waiting")
            await anyio.sleep_forever()

    Zebra = hooked("Aardvark", log)
    app = app_of(Waiting, Zebra)
    run = app._new_run([])
    async with anyio.create_task_group() as group:
        group.start_soon(run)
        while "waiting" not in log:
            await anyio.sleep(0)
        run.drain()
    assert run.failure is None
    assert log[-1] == "Aardvark destroy"


async def test_a_context_in_a_cancelled_scope_still_shuts_down():
    log = []
    app = app_of(hooked("Ant", log))
    with anyio.CancelScope() as scope:
        async with app.create_context():
            scope.cancel()
            await anyio.sleep(0)
    assert log[-1] == "Ant shutdown"


async def test_readiness_waits_for_every_transport():
    async with calling(Slow, plugin=LinePlugin()) as send:
        assert (await send("nobody")).why == "unknown word"


@pytest.mark.parametrize("serve", [True, False])
async def test_an_edge_without_a_transport_finishes_before_the_first_shutdown_hook(serve):
    log = []
    app = app_of(Slow, hooked("Ant", log))

    async def finish():
        log.append(f"finish {app._run.stopping.is_set()}")

    edge_of(app).finish = finish
    async with app.create_context(serve=serve):
        log.clear()
    assert log == ["finish True", "Ant destroy", "Ant before", "Ant shutdown"]


async def test_an_edge_that_does_not_finish_in_time_is_cancelled_and_one_that_fails_stops_nothing(caplog):
    log = []
    app = app_of(Slow, hooked("Ant", log), environ={**QUIET, "NESTPY_APP__FINISH_TIMEOUT": "0.01"})
    edge_of(app).finish = anyio.sleep_forever
    async with app.create_context():
        pass

    async def fail():
        raise OSError("broken pipe")

    edge_of(app).finish = fail
    async with app.create_context():
        pass
    assert log[-1] == "Ant shutdown"
    assert "what edge line still runs after 0.01 s is cancelled" in caplog.text
    assert "edge line failed to finish" in caplog.text
