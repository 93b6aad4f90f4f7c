from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nestpy_core import Clock
from nestpy_queue import QueueAdmin
from nestpy_testing import FakeClock, Program, TestApp

DIRECTORY = Path(__file__).parents[1]


@pytest.fixture(params=["sqlite", "redis"])
def settings(request, tmp_path):
    if request.param == "sqlite":
        return {"NESTPY_QUEUE__PATH": str(tmp_path / "queue.sqlite")}
    return {
        "REDIS_URL": request.getfixturevalue("redis_url"),
        "NESTPY_QUEUE__DURABILITY": "off",
        "NESTPY_QUEUE__TIMEOUT": "10",
    }


@pytest.mark.anyio
async def test_an_enqueued_job_comes_back(main, settings):
    async with TestApp(main.app, socket=True).with_settings(settings) as app:
        queue = (await app.get(main.TranscodeProducer)).audio
        job = await queue.enqueue(main.Transcode(track="probe"))
        assert await job.result() == "probe.ogg"


@pytest.mark.anyio
async def test_five_jobs_run_at_once(main, settings):
    async with TestApp(main.app, socket=True).with_settings(settings) as app:
        queue = (await app.get(main.TranscodeProducer)).audio
        jobs = await queue.enqueue_many([main.Transcode(track=str(number)) for number in range(5)])
        assert sorted([await job.result() for job in jobs]) == [f"{number}.ogg" for number in range(5)]


@pytest.mark.anyio
async def test_every_five_seconds_a_job_is_enqueued(main, tmp_path):
    clock = FakeClock()
    settings = {"NESTPY_QUEUE__PATH": str(tmp_path / "queue.sqlite"), "NESTPY_QUEUE__WORK": "false"}
    test_app = TestApp(main.app, socket=True).with_settings(settings)
    async with test_app.override_provider(Clock).use_value(clock) as app:
        await clock.advance(4.9)
        admin = await app.get(QueueAdmin)
        assert (await admin.counts("audio")).waiting == 0
        await clock.advance(0.2)
        while not (await admin.counts("audio")).waiting:
            await clock.settle()


CHECK = """
import asyncio, sys, main

async def work():
    async with main.app.create_context(serve=True) as context:
        queue = (await context.get(main.TranscodeProducer)).audio
        job = await queue.enqueue(main.Transcode(track="probe"))
        return await job.result()

print(asyncio.run(work()))
http = ("nestpy_http.", "granian", "uvicorn")
print([name for name in sys.modules if name.startswith(http) and name != "nestpy_http._plugin"])
"""


@pytest.mark.e2e
def test_it_runs_by_itself_without_any_module_of_http(tmp_path):
    environ = {"NESTPY_QUEUE__PATH": str(tmp_path / "queue.sqlite"), "NESTPY_ENV": "development"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=DIRECTORY,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["probe.ogg", "[]"], done.stderr
    with Program(DIRECTORY / "main.py", cwd=DIRECTORY, environ=environ, ready="transcoded track-") as program:
        assert program.terminate() == 0
