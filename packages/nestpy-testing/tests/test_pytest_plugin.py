"""The pytest plugin costs nothing until a fixture is used, and its option says where servers come from."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

UNUSED = """
import sys

def test_nothing_is_loaded():
    loaded = {name for name in sys.modules if name.partition(".")[0].startswith("nestpy")}
    assert loaded == {"nestpy_testing", "nestpy_testing._pytest"}
    assert not {"asyncpg", "structlog", "redis", "granian"} & set(sys.modules)
"""

SERVERS = """
import asyncio
import asyncpg
import pytest
from redis import Redis

def filled(url):
    async def fill():
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE users (name text)")
        await connection.close()
    return fill()

@pytest.fixture(scope="session")
def prepare_database():
    return filled

def test_postgres(postgres_url, server_source):
    async def count():
        connection = await asyncpg.connect(postgres_url)
        try:
            return await connection.fetchval("SELECT count(*) FROM users")
        finally:
            await connection.close()
    assert asyncio.run(count()) == 0
    assert server_source == "embedded"
    assert ":5432/" not in postgres_url

def test_redis(redis_url):
    assert ":6379/" not in redis_url
    with Redis.from_url(redis_url) as client:
        assert client.set("a", "b")
"""

ALONE = ("-p", "anyio.pytest_plugin", "-p", "nestpy_testing._pytest")


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


ABSENT = """
def test_postgres(postgres_url): pass
def test_redis(redis_url): pass
"""


def test_unused_plugin_loads_nothing(pytester):
    pytester.makepyfile(UNUSED)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_option_forces_servers_of_our_own(pytester, monkeypatch, alone):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    pytester.makepyfile(SERVERS)
    pytester.runpytest_subprocess(*ALONE, "--servers=embedded").assert_outcomes(passed=2)


def test_configuration_does_it_too_and_a_missing_server_is_no_skip(pytester, monkeypatch, alone):
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    pytester.makeini("[pytest]\nnestpy_servers = env\n")
    pytester.makepyfile(ABSENT)
    result = pytester.runpytest_subprocess(*ALONE)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*No PostgreSQL for this test.*", "*No Redis for this test.*"])
    result.stdout.fnmatch_lines("*Hint: install `nestpy-testing?redis?`, which brings a server*")
