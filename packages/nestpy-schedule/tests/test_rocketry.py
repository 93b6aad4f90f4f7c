"""Rocketry's conditions, with Pydantic 2, mcp and taskiq in the same process."""

import asyncio
import importlib.util
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nestpy_core import App, BootError, DefinitionError, Inject, injectable, use_guards
from nestpy_schedule import Schedules, Tick, every, rocketry, scheduled
from nestpy_testing import LogCapture

from .running import QUIET, START, FakeClock, root_of, running

pytestmark = pytest.mark.anyio

HOUR = 3600


def hours(ticks: list[datetime]) -> list[float]:
    return [(one - START).total_seconds() / HOUR for one in ticks]


async def test_a_condition_runs_its_method_when_it_holds(clock: FakeClock) -> None:
    fired: dict[str, list[datetime]] = {"window": [], "every": [], "after": [], "berlin": []}

    @scheduled
    class Jobs:
        @rocketry("daily between 10:00 and 12:00", poll="30m")
        async def window(self, tick: Tick) -> None:
            fired["window"].append(tick.due)

        @rocketry("every 6 hours", poll="30m")
        async def every(self, tick: Tick) -> None:
            fired["every"].append(tick.due)

        @rocketry("daily after 09:00 & after task 'Jobs.window'", poll="30m")
        async def after(self, tick: Tick) -> None:
            fired["after"].append(tick.due)

        @rocketry("daily between 10:00 and 12:00", poll="30m", tz="Europe/Berlin")
        async def berlin(self, tick: Tick) -> None:
            fired["berlin"].append(tick.due)

    async with running(Jobs, clock=clock):
        await clock.advance(48 * HOUR)
    assert hours(fired["window"]) == [10, 34]
    assert hours(fired["every"]) == [0.5 + 6.5 * number for number in range(8)]
    assert hours(fired["after"]) == [10.5, 34.5]
    assert hours(fired["berlin"]) == [9, 33]


async def test_what_runs_is_a_tick_as_any_other(clock: FakeClock) -> None:
    seen: list[Any] = []

    @injectable
    class Tool:
        name = "saw"

    @injectable
    class Never:
        def can_activate(self, context: Any) -> bool:
            return False

    @scheduled
    class Jobs:
        @rocketry("every 10 seconds", name="ten")
        async def ten(self, tick: Tick, tool: Inject[Tool]) -> None:
            seen.append((tick.name, tick.due, tool.name))
            raise ZeroDivisionError

        @rocketry("every 10 seconds")
        @use_guards(Never)
        async def guarded(self) -> None:
            seen.append("never")

        @rocketry("after task 'ten' failed")
        async def mourn(self) -> None:
            seen.append("mourned")

        @every("7s", name="plain")
        async def plain(self) -> None: ...

        @rocketry("after task 'plain'")
        async def follow(self) -> None:
            seen.append("followed")

    async with running(Jobs, Tool, clock=clock) as context:
        await clock.advance(9)
        assert (await context.get(Schedules)).status("Jobs.guarded").outcome == "error"
        assert str((await context.get(Schedules)).status("ten").trigger) == "rocketry every 10 seconds"
    assert [one for one in seen if isinstance(one, tuple)] == [("ten", START + timedelta(seconds=1), "saw")]
    assert [one for one in seen if isinstance(one, str)] == ["mourned", "followed"]


async def test_a_run_that_goes_on_is_not_joined_by_another_and_finishes_when_the_app_stops() -> None:
    ended: list[str] = []
    watched, go = asyncio.Event(), asyncio.Event()

    @scheduled
    class Jobs:
        @rocketry("always true", poll="10ms")
        async def slow(self) -> None:
            await go.wait()
            ended.append("slow")

        @rocketry("task 'Jobs.slow' is running & ~has started", poll="10ms")
        async def watch(self) -> None:
            ended.append("watch")
            watched.set()

    async with running(Jobs):
        await watched.wait()
        asyncio.get_running_loop().call_later(0.2, go.set)
    assert ended == ["watch", "slow"]


async def test_the_log_that_conditions_read_has_a_bound(clock: FakeClock) -> None:
    from nestpy_schedule._rocketry import Conditions

    conditions = Conditions(["job"], lambda: 0.0)
    for _ in range(5000):
        conditions.note("job", "run")
    assert len(conditions._logs["job"].filter_by()) == 1000  # nothing public shows it


async def test_a_fleet_runs_a_condition_once(redis_url: str) -> None:
    ran: list[str] = []

    def host(number: int) -> type:
        @scheduled
        class Jobs:
            @rocketry("hourly", poll="100ms", name="job")
            async def job(self) -> None:
                ran.append(f"process {number}")

        return Jobs

    settings = {"url": redis_url}
    async with running(host(1), settings=settings), running(host(2), settings=settings):
        while not ran:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
    async with running(host(3), settings=settings):
        await asyncio.sleep(0.5)
    # An hour that ends in the middle counts anew.
    assert 1 <= len(ran) <= (1 if datetime.now(UTC).minute else 2)


@pytest.fixture
def without_rocketry(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rocketry" else real(name))


def problems_of(*hosts: type) -> list[str]:
    with pytest.raises(BootError) as caught:
        App(root_of(*hosts), environ=QUIET)
    return [str(one) for one in caught.value.exceptions]


@pytest.mark.usefixtures("without_rocketry")
def test_without_the_extra_the_boot_says_how_to_get_it() -> None:
    @scheduled
    class Jobs:
        @rocketry("daily")
        async def job(self) -> None: ...

    assert problems_of(Jobs) == [
        (
            "`Jobs.job` is a schedule of `@rocketry`, and the package rocketry is not installed.\n"
            "Hint: pip install nestpy-schedule[rocketry]"
        )
    ]


def test_conditions_that_cannot_be_are_problems_at_boot() -> None:
    @scheduled
    class Jobs:
        @rocketry("now and then")
        async def words(self) -> None: ...

        @rocketry("daily & after task 'nobody'")
        async def unknown(self) -> None: ...

        @rocketry("cron @hourly")
        async def late(self) -> None: ...

        @rocketry("scheduler has more than 3 cycles")
        async def cycles(self) -> None: ...

    words, unknown, late, cycles = problems_of(Jobs)
    assert words == (
        "`Jobs.words`: `now and then` is no condition that Rocketry can check: "
        "Could not find parser for string 'now and then'.."
    )
    assert unknown == (
        "`Jobs.unknown`: `daily & after task 'nobody'` is no condition that Rocketry can check: "
        "Task 'nobody' not found."
    )
    assert late.startswith("`Jobs.late`: `cron @hourly` is no condition that Rocketry can check: ")
    assert cycles.endswith("nestpy-schedule counts no cycles.")
    with pytest.raises(DefinitionError, match="`Nowhere` is no time zone"):
        rocketry("daily", tz="Nowhere")
    with pytest.raises(DefinitionError, match="`0` in `@rocketry` must be at least 10 ms"):
        rocketry("daily", poll=0)


async def test_a_condition_that_fails_later_is_said_once_and_does_not_hold(
    clock: FakeClock, log_capture: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nestpy_schedule._rocketry import Conditions

    @scheduled
    class Jobs:
        @rocketry("always true")
        async def job(self) -> None:
            raise AssertionError

    def fail(*_: Any) -> bool:
        raise KeyError("gone")

    monkeypatch.setattr(Conditions, "holds", fail)
    async with running(Jobs, clock=clock):
        await clock.advance(10)
    log_capture.expect_one(level="error", logger="nestpy.schedule")


PROGRAM = """
import sys
import mcp, pydantic, taskiq
from nestpy_core import App, module
from nestpy_schedule import ScheduleModule, every, rocketry, scheduled

@scheduled
class Jobs:
    @DECORATOR
    async def job(self) -> None: ...

@module(imports=[ScheduleModule], providers=[Jobs])
class RootModule: ...

finders = list(sys.meta_path)
App(RootModule, environ={"NESTPY_ENV": "test"})
assert sys.meta_path == finders
class Model(pydantic.BaseModel):
    number: int
print("rocketry" in sys.modules, "nestpy_schedule._rocketry" in sys.modules, Model(number="1").number)
"""


@pytest.mark.parametrize(("decorator", "loaded"), [('rocketry("daily")', True), ('every("1s")', False)])
def test_rocketry_is_loaded_only_where_it_is_used_and_lives_beside_pydantic_2(decorator: str, loaded: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("DECORATOR", decorator)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{loaded} {loaded} 1\n", "")
