"""Jobs and rows in one transaction: what is rolled back enqueues nothing, what is committed runs, once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from piccolo.columns import UUID, Integer, Varchar
from piccolo.table import Table

from nestpy_core import BootError, Inject, injectable
from nestpy_orm import Database, OrmModule, Repository, create_table, expose, uuid7
from nestpy_queue import Queue, QueueModule, process, processor
from nestpy_queue._relay import Relay
from nestpy_testing import Program

from .working import admin_of, app_of, until, working

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

PROGRAM = Path(__file__).parent / "programs" / "outbox_worker.py"


class Work(msgspec.Struct):
    number: int


@expose()
class Effect(Table, tablename="effects"):
    id = UUID(primary_key=True, default=uuid7)
    number = Integer()
    job = Varchar(length=64)


@injectable
class Producer:
    work: Queue[Work]
    database: Database
    effects: Repository[Effect]

    async def place(self, number: int, *, keep: bool = True) -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with self.database.transaction():
                await self.effects.create(Effect(number=number, job="placed"))
                await self.work.enqueue(Work(number))
                if not keep:
                    raise ZeroDivisionError


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/rows.sqlite"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def placing(database_url: str, tmp_path: Path) -> Callable[..., Any]:
    settings = {"path": str(tmp_path / "queue.sqlite"), "synchronous": "normal"}
    created: list[bool] = []

    @contextlib.asynccontextmanager
    async def start(*providers: Any, serve: bool = False, imports: tuple[Any, ...] = ()) -> AsyncIterator[Any]:
        orm = OrmModule.for_root(url=database_url)
        async with working(Producer, *providers, settings=settings, serve=serve, imports=(orm, *imports)) as context:
            if not created:
                await create_table(await context.get(Database), Effect)
                created.append(True)
            yield context

    return start


FEATURE = (QueueModule.for_feature({Work: "work"}),)


async def test_a_job_is_sent_with_the_commit_of_its_transaction_and_lost_with_its_rollback(placing: Any) -> None:
    async with placing(imports=FEATURE) as context:
        producer, admin = await context.get(Producer), await admin_of(context)
        await producer.place(1)
        assert (await admin.counts("work")).waiting == 1
        await producer.place(2, keep=False)
        assert (await admin.counts("work")).waiting == 1
        assert [row.number for row in await producer.effects.find()] == [1]
        await producer.work.enqueue(Work(3))
        assert (await admin.counts("work")).waiting == 2


async def test_what_a_crash_left_in_the_outbox_is_sent_later_and_twice_is_once(placing: Any) -> None:
    ran: list[int] = []

    @processor("work")
    class Worker:
        @process()
        async def work(self, job: Work) -> None:
            ran.append(job.number)

    async with placing(imports=FEATURE) as context:
        producer, admin, relay = await context.get(Producer), await admin_of(context), await context.get(Relay)
        real, relay.flush_quietly = relay.flush_quietly, lambda queue: asyncio.sleep(0)
        for number in range(5):
            await producer.place(number)
        assert (await admin.counts("work")).waiting == 0
        settle, relay.outbox.settle = relay.outbox.settle, lambda ids: asyncio.sleep(0)
        await real("work")
        relay.outbox.settle = settle
        assert (await admin.counts("work")).waiting == 5
    async with placing(Worker, serve=True) as context:
        await until(lambda: len(ran) == 5)
        relay = await context.get(Relay)
        while await relay.outbox.pending("queue:work", 1):
            await asyncio.sleep(0.01)
    assert sorted(ran) == [0, 1, 2, 3, 4]


async def test_random_commits_and_rollbacks_run_exactly_what_was_committed(placing: Any) -> None:
    ran: list[int] = []

    @processor("work", concurrency=10)
    class Worker:
        @process()
        async def work(self, job: Work) -> None:
            ran.append(job.number)

    async with placing(Worker, serve=True) as context:
        producer = await context.get(Producer)
        kept = {number for number in range(150) if random.random() < 0.5}
        await asyncio.gather(*(producer.place(number, keep=number in kept) for number in range(150)))
        await until(lambda: len(ran) >= len(kept))
        await asyncio.sleep(0.1)
        assert sorted(ran) == sorted(kept) == sorted(row.number for row in await producer.effects.find())


async def test_an_attempt_that_fails_undoes_its_rows_and_the_next_begins_without_them(placing: Any) -> None:
    attempts: list[int] = []

    @processor("work", retries=1, backoff=0.0)
    class Worker:
        effects: Repository[Effect]

        @process()
        async def work(self, job: Work) -> None:
            attempts.append(len(await self.effects.find()))
            await self.effects.create(Effect(number=job.number, job="worked"))
            if len(attempts) == 1:
                raise ZeroDivisionError

    async with placing(Worker, serve=True) as context:
        producer = await context.get(Producer)
        job = await producer.work.enqueue(Work(7))
        await job.result(timeout=20)
        assert attempts == [0, 0]
        assert [row.number for row in await producer.effects.find()] == [7]


@pytest.mark.e2e
async def test_a_worker_killed_between_its_commit_and_its_report_leaves_one_effect(
    placing: Any, database_url: str, tmp_path: Path
) -> None:
    async with placing(imports=FEATURE) as context:
        producer, admin = await context.get(Producer), await admin_of(context)
        await producer.work.enqueue_many([Work(number) for number in range(60)])
        for faults in (
            "test.effect_written=crash@5",
            "nestpy.queue.before_end=crash@10",
            "nestpy.queue.before_end=crash@3",
        ):
            program = Program(
                PROGRAM, database_url, tmp_path / "queue.sqlite", ready="ready", environ={"NESTPY_FAULTS": faults}
            )
            await asyncio.to_thread(program.start)
            await until(lambda program=program: not program.running)  # type: ignore[misc]  # bound now
            await asyncio.to_thread(program.close)
        program = Program(PROGRAM, database_url, tmp_path / "queue.sqlite", ready="ready")
        await asyncio.to_thread(program.start)
        assert await admin.drained("work", 40)
        assert await asyncio.to_thread(program.terminate) == 0
        await asyncio.to_thread(program.close)
        rows = await producer.effects.find()
        assert sorted(row.number for row in rows) == list(range(60))


def test_once_without_an_outbox_is_a_boot_error() -> None:
    @processor("work")
    class Worker:
        @process(once=True)
        async def work(self, job: Work) -> None: ...

    with pytest.raises(BootError) as caught:
        app_of(Worker, settings={"store": "memory"})
    assert [str(one) for one in caught.value.exceptions] == [
        (
            "`Worker.work` is to be done once, and nothing in this app keeps an outbox.\n"
            "Hint: import `OrmModule`, whose transaction records what is done"
        )
    ]


def test_once_without_a_transaction_is_a_boot_error() -> None:
    @processor("work")
    class Worker:
        @process(once=True)
        async def work(self, job: Work) -> None: ...

    with pytest.raises(BootError) as caught:
        app_of(Worker, settings={"store": "memory"}, imports=(OrmModule.for_root(url="sqlite://:memory:"),))
    assert [str(one) for one in caught.value.exceptions] == [
        (
            "`Worker.work` is to be done once, and reaches nothing that runs it in a transaction.\n"
            "Hint: inject what it writes with, such as a `Repository` or the `Database`, or leave `once=True` out"
        )
    ]


@pytest.mark.parametrize("outer", ["host", "service", "parameter"])
def test_once_is_for_whatever_reaches_the_database(outer: str) -> None:
    @injectable
    class Effects:
        effects: Repository[Effect]

    @processor("work")
    class OfHost:
        effects: Repository[Effect]

        @process(once=True)
        async def work(self, job: Work) -> None: ...

    @processor("work")
    class OfService:
        effects: Effects

        @process(once=True)
        async def work(self, job: Work) -> None: ...

    @processor("work")
    class OfParameter:
        @process(once=True)
        async def work(self, job: Work, effects: Inject[Effects]) -> None: ...

    worker = {"host": OfHost, "service": OfService, "parameter": OfParameter}[outer]
    orm = OrmModule.for_root(url="sqlite://:memory:")
    assert app_of(Effects, worker, settings={"store": "memory"}, imports=(orm,)).edges
