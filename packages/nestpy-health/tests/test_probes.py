"""What the three probes answer, and how they run their indicators."""

import asyncio
import logging
import time

import anyio.to_thread
import msgspec
import pytest

from nestpy_core import (
    APP_GUARD,
    App,
    AppStatus,
    Call,
    Clock,
    Inject,
    Instrument,
    Scope,
    StartError,
    blocking,
    hookimpl,
    injectable,
    on_application_bootstrap,
    provide,
    use_guards,
    use_interceptors,
)
from nestpy_core.contracts import HealthIndicator
from nestpy_health import Health, indicators, liveness, readiness, startup
from nestpy_testing import FakeClock

CANARY = "postgres://root:hunter2@db"


@indicators
class Fine:
    @liveness
    async def loop(self) -> None: ...

    @readiness
    def database(self) -> bool:
        return True

    @startup(name="migrated")
    async def migrations(self) -> None: ...


@indicators
class Broken:
    @readiness
    async def broker(self) -> None:
        raise OSError(CANARY)


class Contributed:
    def __init__(self, name="queue", error=None):
        self.name = name
        self.error = error
        self.calls = 0

    async def check(self):
        self.calls += 1
        if self.error is not None:
            raise self.error


def bound(*contributed):
    return [provide(HealthIndicator, use_value=each, multi=True) for each in contributed]


async def test_every_probe_runs_the_indicators_that_carry_its_name(serving):
    async with serving(Fine) as client:
        live = await client.get("/health/live")
        ready = await client.get("/health/ready")
        started = await client.get("/health/startup")
    up = {"name": "loop", "status": "up"}
    assert live.status == 200
    assert live.json() == {"status": "up", "info": {"loop": up}, "error": {}, "details": {"loop": up}}
    assert list(ready.json()["info"]) == ["database"]
    assert list(started.json()["info"]) == ["migrated"]
    assert live.headers["content-type"] == "application/json"
    assert live.headers["cache-control"] == "no-store"


async def test_one_that_raises_is_503_names_it_and_tells_nothing_of_the_cause(serving, caplog):
    async with serving(Fine, Broken) as client:
        answer = await client.get("/health/ready")
    down = {"name": "broker", "status": "down", "error": "check failed"}
    up = {"name": "database", "status": "up"}
    assert answer.status == 503
    assert answer.json() == {
        "status": "down",
        "info": {"database": up},
        "error": {"broker": down},
        "details": {"broker": down, "database": up},
    }
    assert "hunter2" not in f"{answer.content}{answer.headers}"
    record = next(record for record in caplog.records if record.name == "nestpy.health")
    assert record.getMessage() == "indicator broker of readiness failed"
    assert record.levelno == logging.WARNING
    assert CANARY in str(record.exc_info[1])


async def test_an_app_without_indicators_is_up(serving):
    async with serving() as client:
        for path in ("/health/live", "/health/ready", "/health/startup"):
            assert (await client.get(path)).status == 200


async def test_a_prefix_moves_the_probes_with_a_warning_and_an_exclusion_keeps_them(serving, caplog):
    async with serving(Fine, http={"prefix": "/api"}) as client:
        assert (await client.get("/api/health/ready")).status == 200
        assert (await client.get("/health/ready")).status == 404
    [warning] = caplog.messages
    assert warning == (
        "health probes moved with the app's prefix to `/api/health/live`, `/api/health/ready`, `/api/health/startup`: "
        'ask them there, or keep them in place with `http.prefix_exclude=["/health/*"]`'
    )
    caplog.clear()
    async with serving(Fine, http={"prefix": "/api", "prefix_exclude": ["/health/*"]}) as client:
        assert (await client.get("/health/ready")).status == 200
    assert caplog.messages == []


async def test_the_body_is_ordered_by_name(probing):
    async with probing(Fine, *bound(Contributed("zoo"), Contributed("ant"))) as health:
        assert list((await health.readiness()).details) == ["ant", "database", "zoo"]


async def test_what_plugins_contribute_counts_for_readiness_alone(probing):
    async with probing(*bound(Contributed("queue", OSError(CANARY)))) as health:
        ready = await health.readiness()
        assert ready.error["queue"].error == "check failed"
        assert CANARY.encode() not in msgspec.json.encode(ready)
        assert (await health.liveness()).status == "up"
        assert (await health.startup()).status == "up"


async def test_what_is_neither_none_nor_true_is_down(probing, caplog):
    @indicators
    class Odd:
        @readiness
        def no(self) -> bool:
            return False

        @readiness
        def many(self) -> list:
            return []

    async with probing(Odd) as health:
        assert (await health.readiness()).error.keys() == {"no", "many"}
    assert "indicator no of readiness returned a bool that is neither None nor True" in caplog.text


async def test_details_may_stay_inside(serving):
    async with serving(Fine, Broken, details=False) as client:
        answer = await client.get("/health/ready")
    assert answer.status == 503
    assert answer.json() == {"status": "down", "info": {}, "error": {}, "details": {}}


# -- time


def hanging(**options):
    @indicators
    class Hanging:
        begun = 0
        cancelled = 0

        @readiness(**options)
        async def tap(self) -> None:
            Hanging.begun += 1
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                Hanging.cancelled += 1
                raise

    return Hanging


async def test_one_that_hangs_is_cancelled_at_its_timeout_and_the_others_count(probing, caplog):
    Hanging = hanging()
    async with probing(Fine, Hanging, indicator_timeout=0.05, probe_deadline=5) as health:
        report = await health.readiness()
        assert report.error["tap"].error == "timed out"
        assert report.info.keys() == {"database"}
        assert Hanging.cancelled == 1
    assert "indicator tap of readiness did not end within 0.05 s" in caplog.text


async def test_its_own_timeout_stands_before_the_setting(probing):
    async with probing(hanging(timeout=0.05), indicator_timeout=60, probe_deadline=60) as health:
        assert (await health.readiness()).error["tap"].error == "timed out"


async def test_the_probe_has_a_deadline_of_its_own(probing):
    async with probing(hanging(), indicator_timeout=60, probe_deadline=0.05) as health:
        began = time.monotonic()
        assert (await health.readiness()).error["tap"].error == "probe deadline exceeded"
        assert time.monotonic() - began < 10


async def test_indicators_run_at_the_same_time(probing):
    both = anyio.Event()
    waiting = []

    @indicators
    class Pair:
        @readiness
        async def left(self) -> None:
            await meet("left")

        @readiness
        async def right(self) -> None:
            await meet("right")

    async def meet(name):
        waiting.append(name)
        if len(waiting) == 2:
            both.set()
        await both.wait()

    async with probing(Pair, indicator_timeout=10, probe_deadline=10) as health:
        assert (await health.readiness()).status == "up"


async def test_one_that_nothing_can_cancel_is_not_started_twice(probing):
    begun, release = [], asyncio.Event()

    @indicators
    class Stubborn:
        @readiness
        async def mule(self) -> None:
            begun.append(1)
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

    async with probing(Stubborn, indicator_timeout=0.02, probe_deadline=0.05, cache=0) as health:
        for _ in range(3):
            assert (await health.readiness()).error["mule"].error == "timed out"
        assert len(begun) == 1
        release.set()
        await asyncio.sleep(0.01)
        assert (await health.readiness()).status == "up"
    assert len(begun) == 2


async def test_a_thread_that_hangs_answers_in_time_too(probing):
    import threading

    release = threading.Event()

    @indicators
    class Slow:
        @readiness
        @blocking
        def disk(self) -> None:
            release.wait(30)

    async with probing(Slow, indicator_timeout=0.02, probe_deadline=0.05, cache=0) as health:
        assert (await health.readiness()).error["disk"].error == "timed out"
        assert (await health.readiness()).error["disk"].error == "timed out"
        release.set()
        await anyio.to_thread.run_sync(lambda: None)


# -- one run for all who ask


async def test_answers_are_given_again_while_they_are_fresh(probing):
    counted = Contributed()
    async with probing(*bound(counted), cache=3600) as health:
        assert await health.readiness() is await health.readiness()
        assert counted.calls == 1
    async with probing(*bound(counted), cache=0) as health:
        await health.readiness()
        await health.readiness()
    assert counted.calls == 3


async def test_a_report_is_good_for_a_second(make_app):
    clock, counted = FakeClock(), Contributed()
    app = App(
        make_app(*bound(counted)).root, overrides=[provide(Clock, use_value=clock)], environ={"NESTPY_ENV": "test"}
    )
    async with app.create_context() as context:
        health = await context.get(Health)
        await health.readiness()
        await clock.advance(0.99)
        await health.readiness()
        assert counted.calls == 1
        await clock.advance(0.01)
        await health.readiness()
        assert counted.calls == 2


async def test_instruments_are_told_of_each_run(probing):
    ended = []

    @injectable
    class Meter:
        def begin(self, call: Call) -> Call:
            return call

        def end(self, state: Call, outcome: object, error: Exception | None) -> None:
            ended.append((state.kind.name, state.kind.labels["indicator"], state.outcome(outcome, error)))

    class Plugin:
        @hookimpl
        def nestpy_collect(self, graph):
            return [Meter]

        @hookimpl
        def nestpy_instrument(self, handler, marker):
            return [Instrument(Meter)]

    async with probing(Fine, Broken, plugins=[Plugin()]) as health:
        await health.readiness()
    assert sorted(ended) == [
        ("health.indicator", "Broken.broker", "error"),
        ("health.indicator", "Fine.database", "ok"),
    ]


async def test_a_thousand_who_ask_at_once_share_one_run(probing):
    counted = Contributed()
    async with probing(*bound(counted), cache=0) as health:
        reports = await asyncio.gather(*(health.readiness() for _ in range(1000)))
    assert counted.calls == 1
    assert len({id(report) for report in reports}) == 1


async def test_one_who_leaves_does_not_end_the_run_of_the_others(probing):
    release, counted = asyncio.Event(), []

    @indicators
    class Patient:
        @readiness
        async def gate(self) -> None:
            counted.append(1)
            await release.wait()

    async with probing(Patient, indicator_timeout=30, probe_deadline=30) as health:
        first = asyncio.create_task(health.readiness())
        second = asyncio.create_task(health.readiness())
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.wait([first])
        release.set()
        assert (await second).status == "up"
    assert counted == [1]


async def test_indicators_do_not_act_as_whoever_asked_first(probing):
    import contextvars

    who = contextvars.ContextVar("who", default="nobody")
    seen = []

    @indicators
    class Curious:
        @readiness
        def asker(self) -> None:
            seen.append(who.get())

    async with probing(Curious) as health:
        who.set("ada")
        await health.readiness()
    assert seen == ["nobody"]


# -- where the app stands


async def test_startup_and_readiness_are_red_until_the_bootstrap_is_over(make_app):
    seen = []

    @injectable
    class Warming:
        health: Health

        @on_application_bootstrap
        async def warm(self) -> None:
            seen.extend(await asyncio.gather(self.health.startup(), self.health.readiness(), self.health.liveness()))

    app = make_app(Warming)
    async with app.create_context() as context:
        health = await context.get(Health)
        assert (await health.startup()).status == "up"
        assert (await health.readiness()).status == "up"
    starting, waiting, alive = seen
    assert starting.error["app"].error == waiting.error["app"].error == "starting"
    assert alive.status == "up"


async def test_readiness_turns_red_when_the_drain_begins_whatever_was_remembered(make_app):
    app = make_app(Fine, cache=3600)
    async with app.create_context() as context:
        health = await context.get(Health)
        assert (await health.readiness()).status == "up"
        app._run.drain()
        await app._run.draining.wait()
        assert (await health.readiness()).error["app"].error == "shutting down"
        assert (await health.liveness()).status == "up"


async def test_indicators_rest_while_readiness_is_red_anyway(make_app):
    counted = Contributed()
    async with make_app(*bound(counted)).create_context() as context:
        health, status = await context.get(Health), await context.get(AppStatus)
        status.hold("five processes died")
        await health.readiness()
    assert counted.calls == 0


async def test_a_drain_that_begins_while_indicators_run_is_seen(make_app):
    release = asyncio.Event()

    @indicators
    class Patient:
        @readiness
        async def gate(self) -> None:
            await release.wait()

    app = make_app(Patient, indicator_timeout=30, probe_deadline=30)
    async with app.create_context() as context:
        health = await context.get(Health)
        status = await context.get(AppStatus)
        asked = asyncio.create_task(health.readiness())
        await asyncio.sleep(0.01)
        status.draining = True
        release.set()
        assert (await asked).error["app"].error == "shutting down"


async def test_whoever_holds_readiness_turns_it_red_and_the_log_says_why(make_app, caplog):
    async with make_app().create_context() as context:
        health, status = await context.get(Health), await context.get(AppStatus)
        status.hold("five processes died")
        assert (await health.readiness()).error["app"].error == "held back"
        await health.readiness()
        assert caplog.text.count("readiness is held back: five processes died") == 1
        status.release("five processes died")
        assert (await health.readiness()).status == "up"


# -- what indicators are made of


async def test_indicators_inject_like_any_host_and_may_live_for_one_run(probing):
    @injectable(scope=Scope.REQUEST)
    class Session: ...

    seen = []

    @indicators(scope=Scope.REQUEST)
    class Scoped:
        session: Session

        @readiness
        async def fresh(self, same: Inject[Session]) -> None:
            seen.append((self.session, same))

    async with probing(Session, Scoped, cache=0) as health:
        await health.readiness()
        await health.readiness()
    assert seen[0][0] is seen[0][1]
    assert seen[0][0] is not seen[1][0]


async def test_layers_stand_around_indicators_and_a_refusal_is_down(probing):
    seen = []

    class Note:
        def before(self, context) -> None:
            seen.append((context.edge, context.handler.label))

    class Never:
        def can_activate(self, context) -> bool:
            return False

    @indicators
    class Layered:
        @use_interceptors(Note())
        @readiness
        def noted(self) -> None: ...

        @use_guards(Never())
        @readiness
        def refused(self) -> None: ...

    async with probing(Layered) as health:
        report = await health.readiness()
    assert seen == [("health", "Layered.noted")]
    assert (report.info.keys(), report.error["refused"].error) == ({"noted"}, "check failed")


async def test_probes_are_open_and_indicators_unasked_in_an_app_whose_guards_authorize(serving):
    class Login:
        posture = True

        def can_activate(self, context) -> bool:
            return False

    async with serving(Fine, provide(APP_GUARD, use_class=Login, multi=True)) as client:
        assert (await client.get("/health/ready")).status == 200


def test_two_of_one_name_are_a_boot_error(boot_problems):
    @indicators
    class Other:
        @readiness(name="database")
        def second(self) -> None: ...

    [problem] = boot_problems(Fine, Other)
    assert problem == (
        "`Fine.database` and `Other.second` are both the indicator `database` of readiness.\n"
        'Hint: give one of them another name: `@readiness(name="…")`'
    )


async def test_a_contributed_namesake_fails_the_start(probing):
    with pytest.raises(StartError, match="Two indicators of readiness are called `database`"):
        async with probing(Fine, *bound(Contributed("database"))):
            pass


def test_an_indicator_that_takes_anything_else_is_a_boot_error(boot_problems):
    @indicators
    class Greedy:
        @readiness
        def size(self, limit: int) -> None: ...

    [problem] = boot_problems(Greedy)
    assert problem == (
        "`Greedy.size` is an indicator and takes `limit`, which nothing gives it.\n"
        "Hint: write `limit: Inject[…]`, or inject it as a field of its class"
    )
