import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from nestpy_core import acting_as, current_actor, injectable
from nestpy_queue import (
    Backoff,
    CarriedActor,
    PayloadError,
    Queue,
    QueueError,
    RetryError,
    RunningJob,
    UnrecoverableError,
    process,
    processor,
)

from .working import admin_of, until, until_state, working

pytestmark = pytest.mark.anyio


class Transcode(msgspec.Struct):
    track: int


class Publish(msgspec.Struct):
    track: int


@injectable
class Producer:
    tracks: Queue[Transcode]


def audio(**options: Any) -> tuple[type, list[int]]:
    """Make a processor that writes down which tracks it ran."""
    ran: list[int] = []

    @processor("audio", **options)
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> int:
            ran.append(job.track)
            await asyncio.sleep(0)
            return job.track * 2

    return Audio, ran


async def test_a_job_runs_and_whoever_enqueued_it_gets_the_result(settings: dict[str, Any]) -> None:
    host, ran = audio()
    async with working(host, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        job = await queue.enqueue(Transcode(21))
        assert await job.result() == 42
        assert ran == [21]
        found = await queue.find(job.id)
        assert found is not None
        assert (found.state, found.failures, found.queue, job.queue) == ("done", 0, "audio", "audio")
        assert await queue.find("nobody") is None


async def test_jobs_wait_for_a_worker_that_starts_later(shared_settings: dict[str, Any]) -> None:
    host, ran = audio()
    async with working(host, Producer, settings=shared_settings, serve=False) as context:
        queue = (await context.get(Producer)).tracks
        jobs = await queue.enqueue_many([Transcode(track) for track in range(20)])
        assert len({job.id for job in jobs}) == 20
    async with working(host, Producer, settings=shared_settings):
        await until(lambda: len(ran) == 20)
    assert sorted(ran) == list(range(20))


async def test_three_retries_are_four_attempts_and_then_a_dead_letter_that_can_be_replayed(
    settings: dict[str, Any],
) -> None:
    attempts: list[int] = []
    broken = True

    @processor("audio", retries=3, backoff=0.0)
    class Audio:
        @process()
        async def transcode(self, job: Transcode, this: RunningJob) -> None:
            attempts.append(this.attempt)
            if broken:
                raise ZeroDivisionError(f"track {job.track}")

    async with working(Audio, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        admin = await admin_of(context)
        job = await queue.enqueue(Transcode(7))
        found = await until_state(job.status, "dead")
        assert attempts == [1, 2, 3, 4]
        assert (found.failures, found.reason) == (3, "ZeroDivisionError: track 7")
        with pytest.raises(QueueError, match=r"is dead: ZeroDivisionError: track 7"):
            await job.result()
        assert [one.id for one in await admin.dead("audio")] == [job.id]
        broken = False
        assert await admin.replay("audio", job.id) == 1
        await until_state(job.status, "done")
        assert attempts == [1, 2, 3, 4, 1]
        assert await admin.dead("audio") == []


async def test_dead_letters_can_be_purged_one_or_all(settings: dict[str, Any]) -> None:
    @processor("audio")
    class Audio:
        @process()
        def transcode(self, job: Transcode) -> None:
            raise UnrecoverableError("no such codec")

    async with working(Audio, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        admin = await admin_of(context)
        jobs = [await queue.enqueue(Transcode(track)) for track in range(3)]
        for job in jobs:
            await until_state(job.status, "dead")
        assert await admin.purge("audio", jobs[0].id) == 1
        for act in (admin.purge, admin.replay):
            with pytest.raises(QueueError) as caught:
                await act("audio", jobs[1].id, jobs[0].id, "nobody")
            assert str(caught.value) == (
                "Nothing is changed in the queue `audio`, because these are no dead jobs of it: "
                f"`{jobs[0].id}` is unknown, `nobody` is unknown.\nHint: `nestpy queue dead TARGET audio` lists them"
            )
        assert (await admin.counts("audio")).dead == 2
        assert await admin.purge("audio") == 2
        assert await jobs[1].status() is None


@pytest.mark.parametrize("error", [UnrecoverableError("never"), PayloadError("unfit")])
async def test_what_cannot_help_is_not_tried_again(settings: dict[str, Any], error: Exception) -> None:
    attempts: list[int] = []

    @processor("audio", retries=5, backoff=0.0)
    class Audio:
        @process()
        async def transcode(self, job: Transcode, this: RunningJob) -> None:
            attempts.append(this.attempt)
            raise error

    async with working(Audio, Producer, settings=settings) as context:
        job = await (await context.get(Producer)).tracks.enqueue(Transcode(1))
        await until_state(job.status, "dead")
    assert attempts == [1]


async def test_a_handler_may_say_when_to_try_again(settings: dict[str, Any]) -> None:
    times: list[float] = []

    @processor("audio", retries=1, backoff=60.0)
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            times.append(time.monotonic())
            if len(times) == 1:
                raise RetryError(delay=0.2)

    async with working(Audio, Producer, settings=settings) as context:
        job = await (await context.get(Producer)).tracks.enqueue(Transcode(1))
        await until_state(job.status, "done")
    assert 0.19 <= times[1] - times[0] < 10


async def test_a_poison_payload_is_dead_at_once_and_the_queue_goes_on(shared_settings: dict[str, Any]) -> None:
    settings = shared_settings

    class Old(msgspec.Struct):
        track: str

    @injectable
    class OldProducer:
        tracks: Queue[Old]

    @processor("audio")
    class Before:
        @process(name="Transcode")
        async def old(self, job: Old) -> None: ...

    host, ran = audio(retries=3)
    async with working(Before, OldProducer, settings=settings, serve=False) as context:
        bad = await (await context.get(OldProducer)).tracks.enqueue(Old("secret-value"))
    async with working(host, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        good = await queue.enqueue(Transcode(2))
        assert await good.result() == 4
        found = await until_state(lambda: queue.find(bad.id), "dead")
        assert found.reason == (
            "PayloadError: the payload does not fit `Transcode`: Expected `int`, got `str` - at `$.track`"
        )
        assert ran == [2]


async def test_five_slots_run_five_jobs_at_once_and_never_six(settings: dict[str, Any]) -> None:
    most = running = 0

    @processor("audio", concurrency=5)
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            nonlocal most, running
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.05)
            running -= 1

    async with working(Audio, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        jobs = await queue.enqueue_many([Transcode(track) for track in range(20)])
        for job in jobs:
            await job.result()
    assert most == 5


async def test_a_delayed_job_does_not_run_before_its_time(settings: dict[str, Any]) -> None:
    host, ran = audio()
    async with working(host, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        began = time.monotonic()
        late = await queue.enqueue(Transcode(1), delay=timedelta(seconds=0.4))
        later = await queue.enqueue(Transcode(2), at=datetime.now(UTC) + timedelta(seconds=0.6))
        status = await (await queue.enqueue(Transcode(3), delay=60)).status()
        assert status is not None
        assert status.state == "delayed"
        assert status.due is not None
        await late.result()
        assert time.monotonic() - began >= 0.39
        await later.result()
        assert time.monotonic() - began >= 0.59
    assert ran == [1, 2]


async def test_a_higher_priority_starts_first_and_equals_in_order(settings: dict[str, Any]) -> None:
    host, ran = audio()
    async with working(host, Producer, settings=settings) as context:
        admin = await admin_of(context)
        queue = (await context.get(Producer)).tracks
        await admin.pause("audio")
        await queue.enqueue(Transcode(5), priority="low")
        await queue.enqueue(Transcode(3))
        await queue.enqueue(Transcode(4))
        await queue.enqueue(Transcode(1), priority="high")
        last = await queue.enqueue(Transcode(2), priority="high")
        await asyncio.sleep(0.05)
        assert ran == []
        assert (await admin.counts("audio")).paused
        await admin.resume("audio")
        await last.result()
        await until(lambda: len(ran) == 5)
    assert ran == [1, 2, 3, 4, 5]


async def test_a_key_holds_one_job_until_it_has_ended(settings: dict[str, Any]) -> None:
    host, ran = audio()
    async with working(host, Producer, settings=settings) as context:
        admin = await admin_of(context)
        queue = (await context.get(Producer)).tracks
        await admin.pause("audio")
        first = await queue.enqueue(Transcode(1), key="track-1")
        second = await queue.enqueue(Transcode(1), key="track-1")
        other = await queue.enqueue(Transcode(2), key="track-2")
        assert (first.duplicate, second.duplicate, second.id == first.id) == (False, True, True)
        await admin.resume("audio")
        await first.result()
        await other.result()
        third = await queue.enqueue(Transcode(3), key="track-1")
        assert not third.duplicate
        await third.result()
    assert sorted(ran) == [1, 2, 3]


async def test_a_key_is_free_after_its_time_after_death_and_after_a_cancel(settings: dict[str, Any]) -> None:
    host, _ = audio()
    async with working(host, Producer, settings=settings, serve=False) as context:
        queue = (await context.get(Producer)).tracks
        await queue.enqueue(Transcode(1), key="short", key_ttl=0.05)
        await asyncio.sleep(0.1)
        assert not (await queue.enqueue(Transcode(1), key="short")).duplicate
        job = await queue.enqueue(Transcode(1), key="cancelled")
        assert await job.cancel()
        assert not (await queue.enqueue(Transcode(1), key="cancelled")).duplicate


async def test_a_waiting_a_delayed_and_a_running_job_can_be_cancelled(settings: dict[str, Any]) -> None:
    entered = asyncio.Event()
    ended: list[str] = []

    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            entered.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

    async with working(Audio, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        running = await queue.enqueue(Transcode(1))
        await entered.wait()
        await (await admin_of(context)).pause("audio")
        waiting = await queue.enqueue(Transcode(2))
        delayed = await queue.enqueue(Transcode(3), delay=60)
        for job in (running, waiting, delayed):
            assert await job.cancel()
            await until_state(job.status, "cancelled")
        assert ended == ["cancelled"]
        assert await running.cancel()
        assert not await queue.cancel("nobody")


async def test_progress_is_seen_while_the_job_runs(settings: dict[str, Any]) -> None:
    go = asyncio.Event()

    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode, this: RunningJob) -> str:
            await this.progress({"percent": 50})
            await go.wait()
            return this.id

    async with working(Audio, Producer, settings=settings) as context:
        job = await (await context.get(Producer)).tracks.enqueue(Transcode(1))
        found = await until_state(job.status, "running")
        while found.progress is None:
            found = await job.status()
            await asyncio.sleep(0.005)
        assert found.progress == {"percent": 50}
        go.set()
        assert await job.result() == job.id


async def test_an_attempt_that_takes_too_long_has_failed(settings: dict[str, Any]) -> None:
    @processor("audio", timeout=0.1)
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            await asyncio.sleep(60)

    async with working(Audio, Producer, settings=settings) as context:
        job = await (await context.get(Producer)).tracks.enqueue(Transcode(1))
        found = await until_state(job.status, "dead")
    assert found.reason == "TimeoutError: the attempt took more than 0.1 seconds"


async def test_a_rate_bounds_the_starts_of_the_whole_queue(settings: dict[str, Any]) -> None:
    host, ran = audio(rate=(5, 1.0), concurrency=20)
    async with working(host, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        began = time.monotonic()
        jobs = await queue.enqueue_many([Transcode(track) for track in range(8)])
        for job in jobs:
            await job.result()
        assert time.monotonic() - began >= 0.5
    assert len(ran) == 8


async def test_who_enqueued_a_job_acts_while_it_runs(settings: dict[str, Any]) -> None:
    seen: list[Any] = []

    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            seen.append(current_actor())

    async with working(Audio, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        with acting_as(CarriedActor(id="ada", roles=("admin",))):
            job = await queue.enqueue(Transcode(1))
        await job.result()
        await (await queue.enqueue(Transcode(2))).result()
    assert seen == [CarriedActor(id="ada", roles=("admin",)), None]


async def test_what_cannot_be_written_or_is_too_large_is_refused_where_it_is_enqueued(
    settings: dict[str, Any],
) -> None:
    host, _ = audio()
    async with working(host, Producer, settings={**settings, "max_payload_bytes": 20}, serve=False) as context:
        queue: Any = (await context.get(Producer)).tracks
        with pytest.raises(PayloadError, match="The queue `audio` takes `Transcode` here, not `Publish`"):
            await queue.enqueue(Publish(1))
        with pytest.raises(PayloadError, match=r"is more than `queue\.max_payload_bytes`, 20"):
            await queue.enqueue(Transcode(10**15))
        with pytest.raises(PayloadError, match="`at` must have a time zone"):
            await queue.enqueue(Transcode(1), at=datetime(2030, 1, 1))  # noqa: DTZ001  # what is refused
        with pytest.raises(PayloadError, match="exclude each other"):
            await queue.enqueue(Transcode(1), at=datetime.now(UTC), delay=1)
        with pytest.raises(PayloadError, match="`delay` must be seconds or a timedelta, and is `str`"):
            await queue.enqueue(Transcode(1), delay="5s")
        with pytest.raises(PayloadError, match="`priority=urgent` must be"):
            await queue.enqueue(Transcode(1), priority="urgent")
        assert (await (await admin_of(context)).counts("audio")).waiting == 0


async def test_a_job_of_more_than_256_kib_is_refused_unless_a_setting_allows_it() -> None:
    class Upload(msgspec.Struct):
        data: str

    @processor("uploads")
    class Uploads:
        @process()
        async def upload(self, job: Upload) -> None: ...

    @injectable
    class Uploader:
        uploads: Queue[Upload]

    async with working(Uploads, Uploader, settings={"store": "memory"}, serve=False) as context:
        queue = (await context.get(Uploader)).uploads
        await queue.enqueue(Upload("x" * 262_000))
        with pytest.raises(PayloadError, match=r"of 262511 bytes is more than `queue\.max_payload_bytes`, 262144"):
            await queue.enqueue(Upload("x" * 262_500))


async def test_counts_say_what_waits_is_delayed_runs_and_was_done(settings: dict[str, Any]) -> None:
    go = asyncio.Event()

    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            await go.wait()

    async with working(Audio, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).tracks
        admin = await admin_of(context)
        first = await queue.enqueue(Transcode(1))
        await until_state(first.status, "running")
        await queue.enqueue(Transcode(2))
        await queue.enqueue(Transcode(3), delay=60)
        await asyncio.sleep(0.05)
        counts = await admin.counts("audio")
        assert (counts.waiting, counts.delayed, counts.running, counts.workers) == (1, 1, 1, 1)
        assert 0.04 < counts.lag < 20
        assert not await admin.drained("audio", 0.0)
        go.set()
        await first.result()
        with pytest.raises(QueueError, match=r"There is no queue `video`.\nHint: the app's queues are `audio`"):
            await admin.counts("video")


def test_the_wait_before_another_attempt_doubles_up_to_its_cap() -> None:
    backoff = Backoff(base=2.0, cap=30.0)
    assert [backoff.limit(failures) for failures in (1, 2, 3, 4, 5, 5000)] == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
