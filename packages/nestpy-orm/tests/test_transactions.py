"""Transactions in scripts and services: isolation, retries, savepoints, what runs after a commit, piccolo's queries."""

import asyncio

import pytest
import shop

from nestpy_core import after_commit
from nestpy_http import Response, controller, post
from nestpy_orm import (
    Creation,
    EntityError,
    Repository,
    SerializationConflictError,
    UniqueViolationError,
    UnitEndedError,
    transactional,
)

pytestmark = pytest.mark.anyio


async def test_a_block_is_kept_or_undone_as_a_whole(database, orgs):
    async with database.transaction():
        await orgs.create(name="one")
    with pytest.raises(UniqueViolationError):
        async with database.transaction():
            await orgs.create(name="two")
            await orgs.create(name="one")
    async with database.transaction() as unit:
        await orgs.create(name="three")
        unit.fail()
    assert [org.name for org in await orgs.find()] == ["one"]


async def test_a_failed_statement_in_a_savepoint_leaves_the_rest(database, orgs):
    async with database.transaction():
        await orgs.create(name="one")
        with pytest.raises(UniqueViolationError):
            async with database.transaction():
                await orgs.create(name="one")
        await orgs.create(name="two")
    assert await orgs.count() == 2


async def test_an_uncommitted_row_is_seen_inside_and_not_outside(open_database, shared_url):
    async with open_database(shared_url) as inside, open_database(shared_url, tables=False) as outside:
        async with inside.transaction():
            await Repository(shop.Org, inside).create(name="Acme")
            assert await Repository(shop.Org, inside).count() == 1
            assert await Repository(shop.Org, outside).count() == 0
        assert await Repository(shop.Org, outside).count() == 1


async def test_gathered_statements_of_a_transaction_that_fails_leave_the_pool_sound(database, orgs):
    with pytest.raises(UniqueViolationError):
        async with database.transaction():
            await orgs.create(name="first")
            await asyncio.gather(*(orgs.create(name=f"org {number % 3}") for number in range(9)))
    assert await orgs.count() == 0
    await asyncio.gather(*(orgs.create(name=f"org {number}") for number in range(9)))
    assert await orgs.count() == 9


async def test_savepoints_of_concurrent_tasks_undo_nothing_of_each_other(database, orgs):
    async def attempt(number):
        async with database.transaction():
            await orgs.create(name=f"org {number}")
            await asyncio.sleep(0)
            assert await orgs.exists(shop.Org.name == f"org {number}")
            if number % 2:
                raise KeyError

    async with database.transaction():
        await asyncio.gather(*(attempt(number) for number in range(8)), return_exceptions=True)
    assert sorted(org.name for org in await orgs.find()) == ["org 0", "org 2", "org 4", "org 6"]


async def test_a_task_that_outlives_its_unit_may_read_and_not_write(database, orgs):
    released = asyncio.Event()

    async def later():
        await released.wait()
        assert await orgs.count() == 1
        await orgs.create(name="late")

    async with database.transaction():
        await orgs.create(name="Acme")
        task = asyncio.create_task(later())
    released.set()
    with pytest.raises(UnitEndedError, match="outlived its unit of work"):
        await task


async def test_colliding_transactions_run_again_until_each_has_its_effect(open_database, postgres_url):
    async with open_database(postgres_url) as database:
        notes = Repository(shop.Note, database)
        note = await notes.create(text="0")
        attempts = []

        async def increment():
            attempts.append(1)
            read = await notes.get(note.id)
            await notes.update(note.id, text=str(int(read.text) + 1))

        await asyncio.gather(*(database.retry(increment, attempts=20) for _ in range(5)))
        assert (await notes.get(note.id)).text == "5"
        assert len(attempts) > 5
        with pytest.raises(SerializationConflictError):
            await asyncio.gather(*(database.retry(increment, attempts=1) for _ in range(8)))


async def test_what_waits_for_a_commit_runs_once_it_is_kept_and_never_when_it_is_undone(database, orgs):
    seen = []

    async def note(word):
        seen.append((word, await orgs.count()))

    async with database.transaction():
        await orgs.create(name="one")
        await after_commit(lambda: note("kept"))
        async with database.transaction():
            await after_commit(lambda: note("inner"))
        assert seen == []
    assert seen == [("kept", 1), ("inner", 1)]
    with pytest.raises(KeyError):
        async with database.transaction():
            await after_commit(lambda: note("undone"))
            raise KeyError
    assert len(seen) == 2


async def test_what_fails_after_a_commit_is_logged_and_undoes_nothing(database, orgs, caplog):
    async with database.transaction():
        await orgs.create(name="one")
        await after_commit(lambda: 1 / 0)
    assert await orgs.count() == 1
    assert "was to run after a commit failed" in caplog.text


async def test_queries_of_piccolo_run_on_the_database_that_they_are_given_to(database, orgs):
    await database.run(shop.Org.insert(shop.Org(name="Acme"), shop.Org(name="Globex")))
    await database.run(shop.Org.update({shop.Org.name: "Acme Inc"}).where(shop.Org.name == "Acme"))
    rows = await database.run(shop.Org.select(shop.Org.name).order_by(shop.Org.name))
    assert [row["name"] for row in rows] == ["Acme Inc", "Globex"]
    with pytest.raises(KeyError):
        async with database.transaction():
            await database.run(shop.Org.delete(force=True))
            assert await database.run(shop.Org.count()) == 0
            raise KeyError
    assert await database.run(shop.Org.count()) == 2
    with pytest.raises(EntityError, match="does not say which database"):
        await shop.Org.select()


async def test_two_databases_of_one_process_hold_one_entity_each(open_database, postgres_url, tmp_path):
    async with open_database(postgres_url) as one, open_database(f"sqlite:///{tmp_path / 'two.db'}") as two:
        first, second = Repository(shop.Org, one), Repository(shop.Org, two)

        async def fill(orgs, word):
            for number in range(10):
                async with orgs._database.transaction():
                    await orgs.create(name=f"{word} {number}")
                    assert await orgs.count(shop.Org.name == f"{word} {number}") == 1

        await asyncio.gather(fill(first, "one"), fill(second, "two"))
        assert {org.name[:3] for org in await first.find()} == {"one"}
        assert {org.name[:3] for org in await second.find()} == {"two"}


@controller("/")
class CountingController:
    notes: Repository[shop.Note]

    @post("/count/{id}")
    @transactional(attempts=20)
    async def count(self, id: str) -> str:
        note = await self.notes.get(id)
        return (await self.notes.update(note.id, text=str(int(note.text) + 1))).text

    @post("/refuse")
    @transactional(attempts=2)
    async def refuse(self, body: Creation[shop.Note]) -> Response:
        await self.notes.create(body)
        return Response("no", status=409)


async def test_a_handler_with_attempts_runs_again_when_it_collides(postgres_url, shop_app):
    async with shop_app(postgres_url, CountingController) as app:
        notes = await app.get(Repository[shop.Note])
        note = await notes.create(text="0")
        answers = await asyncio.gather(*(app.http.post(f"/count/{note.id}") for _ in range(5)))
        assert sorted(answer.text for answer in answers) == ["1", "2", "3", "4", "5"]
        assert (await app.http.post("/refuse", json={"text": "x"})).status == 409
        assert await notes.count() == 1
