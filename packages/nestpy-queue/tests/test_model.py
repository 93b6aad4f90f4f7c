"""Random histories of a store against a model of it: each job is in exactly one state, attempts only grow."""

import asyncio
import dataclasses
import os
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from nestpy_queue._redis import RedisStore
from nestpy_queue._sqlite import SqliteStore
from nestpy_queue._store import Ending, JobStore, Reservation, Submission

QUEUE = "work"
FAR = 3600.0
MAX_DEATHS = 3
WORKERS = ("ada", "bob")


@dataclasses.dataclass
class Modelled:
    """What the model knows of a job."""

    state: str
    priority: int
    key: str
    due: bool = False
    failures: int = 0
    deaths: int = 0
    delivery: int = 0
    owner: str = ""


class StoreMachine(RuleBasedStateMachine):
    """Every rule does one thing to the store and the same to the model."""

    reservations = Bundle("reservations")
    make: Any = staticmethod(lambda: SqliteStore(":memory:"))

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.store: JobStore = self.make()
        self.run(self.store.open())
        self.model: dict[str, Modelled] = {}
        self.alive: set[str] = set()
        self.paused = False
        self.names = iter(range(10**9))
        for worker in WORKERS:
            self.live(worker)
        for priority in (0, 1, 1, 2):
            self.submit(delayed=False, priority=priority, key="")

    def run(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def live(self, worker: str) -> None:
        self.store.beater([QUEUE], worker, FAR)()
        self.alive.add(worker)

    def holder(self, key: str) -> str | None:
        open_states = ("delayed", "waiting", "running")
        return next(
            (id_ for id_, one in self.model.items() if key and one.key == key and one.state in open_states), None
        )

    @rule(
        delayed=st.sampled_from([False, False, False, True]),
        priority=st.integers(0, 2),
        key=st.sampled_from(["", "", "k1", "k2"]),
    )
    def submit(self, delayed: bool, priority: int, key: str) -> None:
        name = f"job-{next(self.names):06}"
        one = Submission(name, b"{}", FAR if delayed else 0.0, priority, key)
        (taken,) = self.run(self.store.submit(QUEUE, [one]))
        holder = self.holder(key)
        assert taken == (holder or name)
        if holder is None:
            self.model[name] = Modelled("delayed" if delayed else "waiting", priority, key)

    @rule()
    def submit_again(self) -> None:
        for name in list(self.model)[:1]:
            assert self.run(self.store.submit(QUEUE, [Submission(name, b"{}")])) == [name]

    @rule(target=reservations, worker=st.sampled_from(WORKERS), limit=st.integers(1, 3), solo=st.booleans())
    def reserve(self, worker: str, limit: int, solo: bool) -> Any:
        if worker not in self.alive:
            self.live(worker)
        found = self.run(self.store.reserve(QUEUE, worker, limit, None, solo=solo))
        waiting = [one for one in self.model.values() if one.state == "waiting" and (one.priority == 3) == solo]
        expected = [] if self.paused else sorted(one.priority for one in waiting)[:limit]
        assert [self.model[one.id].priority for one in found] == expected
        for one in found:
            known = self.model[one.id]
            assert known.state == "waiting"
            assert one.delivery > known.delivery
            assert (one.failures, one.deaths) == (known.failures, known.deaths)
            known.state, known.owner, known.delivery = "running", worker, one.delivery
        return multiple(*[(one, worker) for one in found])

    @rule(worker=st.sampled_from(WORKERS), outcome=st.sampled_from(["done", "retry", "retry", "dead", "release"]))
    def work(self, worker: str, outcome: Any) -> None:
        for solo in (False, True):
            for held in self.reserve(worker, 3, solo).values:
                self.end(held, outcome, other=False, delay=0.0)

    @rule(worker=st.sampled_from(WORKERS), times=st.integers(1, 3))
    def crash(self, worker: str, times: int) -> None:
        for _ in range(times):
            self.reserve(worker, 3, solo=False)
            self.reserve(worker, 3, solo=True)
            self.die(worker)

    @rule(
        held=reservations,
        outcome=st.sampled_from(["done", "retry", "dead", "release", "cancelled"]),
        other=st.booleans(),
        delay=st.sampled_from([0.0, FAR]),
    )
    def end(self, held: tuple[Reservation, str], outcome: Any, other: bool, delay: float) -> None:
        reservation, worker = held
        by = next(one for one in WORKERS if one != worker) if other else worker
        ending = Ending(reservation, by, outcome, delay, b"", "why", FAR)
        known = self.model.get(reservation.id)
        owns = (
            known is not None
            and known.state == "running"
            and (known.owner, known.delivery) == (by, reservation.delivery)
        )
        answered = self.run(self.store.end([ending]))
        if not owns:
            return
        assert known is not None
        assert answered == [True]
        assert self.run(self.store.end([ending])) == [True], "ending twice is ending once"
        if outcome in ("retry", "release"):
            known.state = "delayed" if delay or outcome == "retry" else "waiting"
            known.due = not delay
            known.failures += outcome == "retry"
        else:
            known.state = outcome

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: str) -> None:
        self.store.beater([QUEUE], worker, 0.001)()
        self.run(self.store.counts(QUEUE))
        self.run(asyncio.sleep(0.003))
        self.alive.discard(worker)
        found = self.run(self.store.sweep(QUEUE, MAX_DEATHS))
        mine = [one for one in self.model.values() if one.state == "running" and one.owner == worker]
        assert found.reclaimed == len(mine)
        for one in mine:
            one.deaths += 1
            one.state = "dead" if one.deaths >= MAX_DEATHS else "waiting"
            one.priority = 3 if one.deaths == MAX_DEATHS - 1 else one.priority
        self.promote()

    @rule()
    def sweep(self) -> None:
        self.run(asyncio.sleep(0.002))
        assert self.run(self.store.sweep(QUEUE, MAX_DEATHS)).reclaimed == 0
        self.promote()

    def promote(self) -> None:
        for one in self.model.values():
            if one.state == "delayed" and one.due:
                one.state = "waiting"

    @rule(worker=st.sampled_from(WORKERS))
    def lose_everything(self, worker: str) -> None:
        count = self.run(self.store.recover(QUEUE, worker, []))
        mine = [one for one in self.model.values() if one.state == "running" and one.owner == worker]
        assert count == len(mine)
        for one in mine:
            one.state = "waiting"

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.model:
            name = data.draw(st.sampled_from(sorted(self.model)))
            known = self.model[name]
            if known.state in ("waiting", "delayed"):
                known.state = "cancelled"
            assert self.run(self.store.cancel(QUEUE, name)) == known.state

    @rule(paused=st.sampled_from([True, False, False, False, False, False]))
    def pause(self, paused: bool) -> None:
        self.run(self.store.pause(QUEUE, paused=paused))
        self.paused = paused

    @rule()
    def replay(self) -> None:
        dead = [one for one in self.model.values() if one.state == "dead"]
        assert self.run(self.store.replay(QUEUE, [])) == len(dead)
        for one in dead:
            one.state, one.failures, one.deaths = "waiting", 0, 0
            one.priority = 1 if one.priority == 3 else one.priority
            one.key = ""

    @rule()
    def purge(self) -> None:
        dead = [name for name, one in self.model.items() if one.state == "dead"]
        assert self.run(self.store.purge(QUEUE, [])) == len(dead)
        for name in dead:
            del self.model[name]

    @invariant()
    def every_job_is_where_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        for name, one in self.model.items():
            found = self.run(self.store.find(QUEUE, name))
            assert (found.state, found.failures, found.deaths) == (one.state, one.failures, one.deaths)
        counts = self.run(self.store.counts(QUEUE))
        for state in ("waiting", "delayed", "running", "dead"):
            assert getattr(counts, state) == sum(one.state == state for one in self.model.values())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
            self.loop.close()


SEQUENCES = int(os.environ.get("MODEL_SEQUENCES", "50"))

CI = settings(
    max_examples=SEQUENCES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.timeout(6 * SEQUENCES)
def test_sqlite_does_what_the_model_does() -> None:
    run_state_machine_as_test(StoreMachine, settings=CI)


@pytest.fixture
def redis_machine(redis_url: str) -> type[StoreMachine]:
    class RedisMachine(StoreMachine):
        make = staticmethod(lambda: RedisStore(redis_url, prefix=uuid.uuid4().hex, durability="off", timeout=10.0))

    return RedisMachine


@pytest.mark.timeout(6 * SEQUENCES)
def test_redis_does_what_the_model_does(redis_machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(redis_machine, settings=CI)
