"""Redis for tests: found three ways, a database for each test, and servers that a test may kill."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis.asyncio
from redis import Redis

from nestpy_testing import RedisProcess, RedisServer, ServerUnavailableError, find_redis
from nestpy_testing._server_process import listens

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server():
    with RedisProcess(aof=None, config={"databases": "4", "requirepass": "hush:1"}) as process:
        yield process


@pytest.fixture
def shared(server):
    return RedisServer(server.url.removesuffix("/0"), "embedded")


def ask(url, *words):
    with Redis.from_url(url, decode_responses=True) as client:
        return client.execute_command(*words)


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_gets_an_empty_database(redis_url, turn):
    async with redis.asyncio.from_url(redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("key", "value")
    assert not redis_url.endswith("/0")


def test_databases_are_apart_and_emptied_and_given_again(shared):
    with shared.database() as first, shared.database() as second:
        assert first != second
        ask(first, "SET", "key", "1")
        assert ask(second, "DBSIZE") == 0
    with shared.database() as again:
        assert again == first
        assert ask(again, "DBSIZE") == 0


def test_other_processes_take_other_databases(shared):
    program = (
        "import sys\nfrom nestpy_testing import RedisServer\n"
        "with RedisServer(sys.argv[1], 'embedded').database() as url: print(url)"
    )
    with shared.database() as mine:
        done = subprocess.run([sys.executable, "-c", program, shared.url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() not in ("", mine)


def test_database_with_data_of_others_is_left_alone(shared):
    url = f"{shared.url}/1"
    ask(url, "SET", "theirs", "1")
    with shared.database() as mine:
        assert mine.endswith("/2")
    assert ask(url, "GET", "theirs") == "1"
    ask(url, "FLUSHDB")


def test_what_a_killed_run_left_is_emptied(shared):
    program = (
        "import os, signal, sys\nfrom redis import Redis\nfrom nestpy_testing import RedisServer\n"
        "context = RedisServer(sys.argv[1], 'embedded').database()\n"
        "Redis.from_url(context.__enter__()).set('left', 1)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, shared.url], check=False)
    assert done.returncode == -signal.SIGKILL
    with shared.database() as url:
        assert url.endswith("/1")
        assert ask(url, "DBSIZE") == 0


def test_no_free_database_is_an_error_without_the_password(shared):
    with shared.database(), shared.database(), shared.database(), pytest.raises(ServerUnavailableError) as caught:
        shared.database().__enter__()
    assert "all of its databases from 1 are taken or hold data" in str(caught.value)
    assert "hush" not in str(caught.value)


# -- three ways


def test_redis_url_is_the_first_way(shared, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"{shared.url}/3")
    found = find_redis()
    assert found.source == "env"
    with found.database() as url:
        assert ask(url, "PING") is True


def test_default_port_is_the_second_way(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    if listens("127.0.0.1", 6379):
        found = find_redis("local")
        assert (found.source, found.url) == ("local", "redis://127.0.0.1:6379")
    else:
        with pytest.raises(ServerUnavailableError, match=r"127\.0\.0\.1:6379: .*refused"):
            find_redis("local")


def test_server_of_our_own_is_the_third_way(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    found = find_redis("embedded")
    try:
        assert found.source == "embedded"
        with found.database() as url:
            assert ask(url, "SET", "a", "b") is True
    finally:
        found.close()


def test_named_server_that_does_not_answer_is_an_error_and_never_replaced(monkeypatch, unused_port):
    monkeypatch.setenv("REDIS_URL", f"redis://:hush@127.0.0.1:{unused_port}")
    with pytest.raises(ServerUnavailableError, match=r"`REDIS_URL`: .*refused") as caught:
        find_redis()
    assert "hush" not in str(caught.value)


def test_wrong_password_is_named(shared, server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"redis://:other@127.0.0.1:{server.port}")
    with pytest.raises(ServerUnavailableError, match="`REDIS_URL`: WRONGPASS"):
        find_redis("env")


def test_without_any_server_the_error_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(ServerUnavailableError) as caught:
        find_redis("env")
    assert str(caught.value) == (
        "No Redis for this test.\n"
        "  `REDIS_URL`: is not set\n"
        "Hint: install `nestpy-testing[redis]`, which brings a server, or set `REDIS_URL`, "
        "or start Redis or Valkey on 127.0.0.1:6379"
    )


# -- servers of a test's own


def test_killed_server_has_what_it_confirmed_and_comes_back_on_its_port():
    with RedisProcess(aof="always") as process:
        for number in range(1, 4):
            assert ask(process.url, "INCR", "count") == number
            process.kill()
            process.start()
        process.restart()
        assert ask(process.url, "GET", "count") == "3"


def test_server_without_a_file_forgets():
    with RedisProcess(aof=None) as process:
        ask(process.url, "SET", "a", "b")
        process.restart()
        assert ask(process.url, "GET", "a") is None


async def test_paused_server_answers_after_resume(private_redis):
    async with redis.asyncio.from_url(private_redis.url) as client:
        private_redis.pause()
        asked = asyncio.create_task(client.ping())
        done, _ = await asyncio.wait({asked}, timeout=0.2)
        assert not done
        private_redis.resume()
        assert await asked


def test_private_server_runs_as_nobody_under_root(private_redis):
    owner = Path(f"/proc/{private_redis.pid}").stat().st_uid
    assert owner != 0
    assert not private_redis.directory.joinpath("dump.rdb").exists()
