"""Connections: opened at start, held, bounded in time, replaced after an outage, closed at drain."""

import asyncio
import sqlite3
import time

import pytest
import shop

from nestpy_core import App, BootError, ConfigurationError, HealthIndicator, injectable, module
from nestpy_orm import (
    Database,
    DatabaseUnavailableError,
    OrmConfig,
    OrmModule,
    PoolTimeoutError,
    QueryTimeoutError,
    Repository,
)
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


def root(providers=(), **options):
    @module(imports=[OrmModule.for_root(**options)], providers=providers)
    class DataModule: ...

    return DataModule


def test_an_app_without_a_url_does_not_boot_and_names_the_setting():
    with pytest.raises(BootError) as caught:
        App(root(), environ={"NESTPY_ENV": "test"})
    assert "`orm.url`" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mysql://a:hunter2@host/db", "hunter2", "postgresql://user:hunter2@host", "://hunter2"]
)
def test_an_app_with_another_url_does_not_boot_and_does_not_repeat_it(url):
    with pytest.raises(BootError) as caught:
        App(root(), environ={"DATABASE_URL": url, "NESTPY_ENV": "test"})
    assert "Setting `orm.url` must" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_database_that_cannot_be_reached_aborts_the_start_without_its_url(unused_port, tmp_path, caplog):
    for url in (f"postgresql://user:hunter2@127.0.0.1:{unused_port}/hunter2", f"sqlite:///{tmp_path}/hunter2/x.db"):
        with pytest.raises(ConfigurationError, match="opening it failed with") as caught:
            async with TestApp(root()).with_settings({"DATABASE_URL": url}):
                pass
        assert "hunter2" not in f"{caught.value}{caplog.text}"
        assert caught.value.__cause__ is None


async def test_the_environment_is_stronger_than_code(tmp_path):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'real.db'}"}
    async with TestApp(root(url="sqlite:///never.db")).with_settings(settings) as app:
        assert await (await app.get(Database)).raw("SELECT 1 AS one") == [{"one": 1}]
    assert (tmp_path / "real.db").exists()


async def test_statements_share_connections_instead_of_opening_one_each(database, users):
    for _ in range(50):
        await users.count()
    driver = database.driver
    assert (driver.size if database.dialect == "postgres" else len(driver._readers)) <= 1


async def test_nothing_but_the_statement_is_sent_to_postgres(open_database, postgres_url):
    async with open_database(postgres_url) as database, open_database(postgres_url, tables=False) as other:
        await database.fetch("SELECT 7")
        process = database.driver._idle[0].raw.get_server_pid()
        for _ in range(3):
            await database.fetch("SELECT 7")
            await asyncio.sleep(0)
            seen = await other.raw("SELECT state, query FROM pg_stat_activity WHERE pid = {}", process)
            assert seen == [{"state": "idle", "query": "SELECT 7"}]


async def test_statements_stay_prepared_up_to_a_number(open_database, postgres_url):
    async with open_database(postgres_url, tables=False, pool_size=1) as database:

        async def prepared():
            return [row[0] for row in await database.fetch("SELECT statement FROM pg_prepared_statements")]

        for _ in range(3):
            assert (await database.fetch("SELECT $1::int", (3,)))[0][0] == 3
        assert (await prepared()).count("SELECT $1::int") == 1
        for number in range(600):
            await database.fetch(f"SELECT {number}")
        kept = await prepared()
        assert len(kept) <= 513
        assert "SELECT $1::int" not in kept
        assert (await database.fetch("SELECT $1::int", (4,)))[0][0] == 4


async def test_a_statement_whose_columns_a_migration_has_changed_is_prepared_again(open_database, postgres_url):
    async with open_database(postgres_url, tables=False) as database:
        await database.execute("CREATE TABLE things (id INTEGER)")
        await database.execute("INSERT INTO things VALUES (1)")
        assert [tuple(row) for row in await database.fetch("SELECT * FROM things")] == [(1,)]
        await database.execute("ALTER TABLE things ALTER COLUMN id TYPE TEXT, ADD COLUMN name TEXT")
        for _ in range(2):
            assert [tuple(row) for row in await database.fetch("SELECT * FROM things")] == [("1", None)]


async def test_no_extension_is_installed_or_needed(open_database, postgres_url):
    async with open_database(postgres_url) as database:
        assert await database.raw("SELECT extname FROM pg_extension WHERE extname = 'uuid-ossp'") == []


async def test_a_file_is_opened_in_wal_mode_with_foreign_keys_and_a_busy_timeout(open_database, tmp_path):
    async with open_database(f"sqlite:///{tmp_path / 'x.db'}", lock_timeout=1.5) as database:
        found = [
            (await database.fetch(f"PRAGMA {name}", write=write))[0][0]
            for write in (True, False)
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
        assert found == ["wal", 1, 1500] * 2
        with pytest.raises(Exception, match=r"SQLITE_READONLY|not available"):
            await database.fetch("DELETE FROM users")


async def test_databases_in_memory_are_private(open_database):
    async with open_database("sqlite://:memory:") as one, open_database("sqlite://:memory:") as two:
        await Repository(shop.Org, one).create(name="Acme")
        assert await Repository(shop.Org, two).count() == 0


async def test_a_full_pool_refuses_after_its_timeout(shared_url, open_database):
    async with open_database(shared_url, pool_size=1, pool_timeout=0.1) as database:
        async with database.connection(write=True):
            with pytest.raises(PoolTimeoutError):
                async with database.connection(write=True):
                    pass
        assert await database.raw("SELECT 1 AS one")


async def test_a_waiter_gets_the_connection_that_comes_back(postgres_url, open_database):
    async with open_database(postgres_url, pool_size=2) as database:
        rows = await asyncio.gather(*(database.fetch("SELECT pg_sleep(0.01), $1::int", (n,)) for n in range(40)))
        assert [row[0][1] for row in rows] == list(range(40))
        assert database.driver.size == 2


async def test_a_slow_statement_is_ended_and_its_connection_serves_on(open_database, shared_url):
    async with open_database(shared_url, statement_timeout=1.0, pool_size=1) as database:
        slow = (
            "SELECT pg_sleep(30)"
            if database.dialect == "postgres"
            else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
        )
        started = time.monotonic()
        with pytest.raises(QueryTimeoutError):
            await database.fetch(slow)
        assert time.monotonic() - started < 10
        assert (await database.fetch("SELECT 1"))[0][0] == 1


async def test_a_wait_for_a_lock_ends(open_database, postgres_url):
    async with open_database(postgres_url, lock_timeout=0.2) as database:
        orgs = Repository(shop.Org, database)
        acme = await orgs.create(name="Acme")
        async with database.connection(write=True) as other:
            await other.begin(None)
            await other.execute("UPDATE orgs SET name = 'x'", ())
            with pytest.raises(QueryTimeoutError):
                await orgs.update(acme.id, name="y")
            await other.rollback()
        assert (await orgs.update(acme.id, name="y")).name == "y"


async def test_cancelled_statements_leave_no_answer_behind_for_others(open_database, shared_url):
    async with open_database(shared_url, pool_size=3) as database:
        mark = "$1::int" if database.dialect == "postgres" else "?"

        async def ask(number):
            return (await database.fetch(f"SELECT {mark}", (number,)))[0][0]

        async def cut(number):
            task = asyncio.create_task(ask(number))
            await asyncio.sleep(0.0005 * (number % 4))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for round_ in range(5):
            answers = asyncio.gather(*(ask(number) for number in range(20)))
            await asyncio.gather(*(cut(1000 + number) for number in range(20)))
            assert await answers == list(range(20)), round_


async def test_connections_come_back_after_the_server_was_restarted(private_postgres, open_database):
    async with open_database(private_postgres.url, connect_timeout=1.0) as database:
        orgs = Repository(shop.Org, database)
        await orgs.create(name="Acme")
        private_postgres.kill()
        with pytest.raises(DatabaseUnavailableError):
            await orgs.count()
        private_postgres.start()
        deadline = time.monotonic() + 20
        while True:
            try:
                assert await orgs.count() == 1
                break
            except DatabaseUnavailableError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)


async def test_closing_does_not_wait_for_a_connection_that_hangs(open_database, shared_url):
    database = Database(OrmConfig.of(shared_url, close_timeout=0.3))
    await database.open()
    held = await database.driver.acquire(write=True)
    await held.begin(None)
    started = time.monotonic()
    await database.close()
    assert time.monotonic() - started < 10


def is_open(connection):
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


async def test_a_connection_is_closed_though_whoever_opened_it_was_cut_off(tmp_path, monkeypatch):
    made, connect = [], sqlite3.connect

    def recorded(*arguments, **options):
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", recorded)
    database = Database(OrmConfig.of(f"sqlite:///{tmp_path / 'x.db'}"))
    await database.open()
    for number in range(60):
        task = asyncio.create_task(database.fetch("SELECT 1"))
        for _ in range(number % 6):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await database.raw("SELECT 1 AS one") == [{"one": 1}]
    await database.close()
    assert len(made) > 1
    assert not any(map(is_open, made))
    with pytest.raises(DatabaseUnavailableError):
        await database.raw("SELECT 1 AS one")


async def test_a_file_that_is_no_database_is_closed_again(tmp_path, monkeypatch):
    made, connect = [], sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: made.append(connect(*args, **options)) or made[-1])
    (tmp_path / "x.db").write_bytes(b"no database" * 1000)
    database = Database(OrmConfig.of(f"sqlite:///{tmp_path / 'x.db'}"))
    with pytest.raises(ConfigurationError):
        await database.open()
    assert [is_open(one) for one in made] == [False]


async def test_a_file_that_another_process_is_making_is_waited_for(tmp_path, monkeypatch):
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("time.sleep", lambda _seconds: other.in_transaction and other.execute("COMMIT"))
    database = Database(OrmConfig.of(f"sqlite:///{tmp_path / 'x.db'}", lock_timeout=30))
    await database.open()
    try:
        assert await database.raw("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    finally:
        await database.close()
        other.close()


async def test_a_file_that_another_process_does_not_let_go_of_ends_the_start(tmp_path):
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = Database(OrmConfig.of(f"sqlite:///{tmp_path / 'x.db'}", lock_timeout=0.05))
    with pytest.raises(ConfigurationError, match="opening it failed with `OperationalError`"):
        await database.open()
    other.close()


@injectable
class Probes:
    found: list[HealthIndicator]


async def test_readiness_asks_the_database(database_url):
    async with TestApp(root(providers=[Probes])).with_settings({"DATABASE_URL": database_url}) as app:
        (indicator,) = (await app.get(Probes)).found
        await indicator.check()
        assert indicator.name == "database"


async def test_settings_may_exist_only_at_start(tmp_path):
    async def options() -> dict[str, object]:
        return {"url": f"sqlite:///{tmp_path / 'late.db'}", "pool_size": 2}

    @module(imports=[OrmModule.for_root_async(options)])
    class LateModule: ...

    async with TestApp(LateModule).with_settings({"DATABASE_URL": ""}) as app:
        database = await app.get(Database)
        assert (database.dialect, database.config.pool_size) == ("sqlite", 2)


async def test_an_app_can_migrate_and_seed_itself_when_it_starts(tmp_path, database_url):
    folder = tmp_path / "steps"
    folder.mkdir()
    (folder / "0001_orgs.sql").write_text("-- up\nCREATE TABLE orgs (id UUID PRIMARY KEY, name VARCHAR(100));\n")

    async def seed(database):
        await Repository(shop.Org, database).create(name="Acme")

    self_made = root(url=database_url, migrations=str(folder), seeds=[seed], auto_migrate=True)
    async with TestApp(self_made).with_settings({"DATABASE_URL": ""}) as app:
        assert await Repository(shop.Org, await app.get(Database)).count() == 1


async def test_a_network_that_swallows_everything_fails_statements_in_time_and_heals(
    postgres_url, open_database, fault_proxy
):
    proxy = fault_proxy(postgres_url)
    settings = {"statement_timeout": 0.3, "connect_timeout": 0.5, "pool_timeout": 0.5, "close_timeout": 0.5}
    async with open_database(proxy.url, pool_size=2, **settings) as database:
        orgs = Repository(shop.Org, database)
        await orgs.create(name="Acme")
        assert await orgs.count() == 1
        proxy.black_hole()
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises((DatabaseUnavailableError, QueryTimeoutError)):
                await orgs.count()
        with pytest.raises((DatabaseUnavailableError, QueryTimeoutError)):
            async with database.transaction():
                await orgs.create(name="Globex")
        assert time.monotonic() - started < 20
        proxy.heal()
        deadline = time.monotonic() + 20
        while True:
            try:
                assert await orgs.count() == 1
                break
            except (DatabaseUnavailableError, QueryTimeoutError):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
