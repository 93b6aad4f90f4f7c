"""Whoever can write into the store runs no code and stops no worker."""

import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from nestpy_core import injectable
from nestpy_queue import Queue, process, processor
from nestpy_queue._envelope import VERSION, Envelope, seal_of
from nestpy_queue._store import Submission

from .working import admin_of, until_state, working

pytestmark = pytest.mark.anyio


class Work(msgspec.Struct):
    number: int


@injectable
class Producer:
    work: Queue[Work]


class Explosive:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("code ran",))


@processor("work", retries=3, backoff=0.0)
class Worker:
    @process()
    async def work(self, job: Work) -> int:
        return job.number


def envelope(**changes: Any) -> bytes:
    parts = {"v": VERSION, "type": "Work", "payload": msgspec.Raw(b'{"number":1}'), **changes}
    return msgspec.json.encode(Envelope(**parts))


BAD = {
    "pickle": (pickle.dumps(Explosive()), "PayloadError: undecodable: it is no envelope of a job"),
    "nothing": (b"", "PayloadError: undecodable: it is no envelope of a job"),
    "no UTF-8": (b"\xff\xfe{", "PayloadError: undecodable: it is no envelope of a job"),
    "depth": (b"[" * 100_000, "PayloadError: undecodable: it is no envelope of a job"),
    "deep payload": (
        envelope(payload=msgspec.Raw(b'{"number":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
        "PayloadError: undecodable: it is no envelope of a job",
    ),
    "another version": (envelope(v=99), "PayloadError: undecodable: version 99 of the envelope is unknown"),
    "ten megabytes": (
        envelope(payload=msgspec.Raw(b'{"number":"' + b"x" * 10_000_000 + b'"}')),
        "PayloadError: the payload does not fit `Work`: Expected `int`, got `str` - at `$.number`",
    ),
    "a payload that does not fit": (
        envelope(payload=msgspec.Raw(b"{}")),
        "PayloadError: the payload does not fit `Work`: Object missing required field `number`",
    ),
}


async def planted(context: Any, data: bytes) -> Callable[[], Awaitable[Any]]:
    admin = await admin_of(context)
    await admin.store.submit("work", [Submission("planted", data)])
    return lambda: admin.find("work", "planted")


@pytest.mark.parametrize("kind", BAD, ids=str)
async def test_what_is_no_job_goes_to_the_dead_letters_and_the_worker_goes_on(
    settings: dict[str, Any], kind: str
) -> None:
    data, reason = BAD[kind]
    async with working(Worker, Producer, settings={**settings, "timeout": 10.0}) as context:
        found = await until_state(await planted(context, data), "dead")
        assert f"PayloadError: {found.reason.removeprefix('PayloadError: ')}" == reason
        assert await (await (await context.get(Producer)).work.enqueue(Work(7))).result() == 7


async def test_only_jobs_signed_with_a_known_key_run_and_keys_can_be_rotated(settings: dict[str, Any]) -> None:
    old, new = "old key " * 8, "new key " * 8
    signed = seal_of([old]).close(msgspec.json.decode(envelope(), type=Envelope))
    async with working(Worker, Producer, settings={**settings, "signing_keys": [new, old]}) as context:
        admin, queue = await admin_of(context), (await context.get(Producer)).work
        assert await (await queue.enqueue(Work(1))).result() == 1
        await admin.store.submit("work", [Submission("by the old key", signed)])
        await until_state(lambda: admin.find("work", "by the old key"), "done")
        forged = signed.replace(b'"number":1', b'"number":2')
        for name, data in {"forged": forged, "unsigned": envelope()}.items():
            await admin.store.submit("work", [Submission(name, data)])
            dead = await until_state(lambda name=name: admin.find("work", name), "dead")  # type: ignore[misc]  # bound now
            assert dead.reason == "undecodable: its signature is missing or forged"


async def test_a_job_nobody_here_knows_is_put_back_for_a_while_and_is_not_lost(settings: dict[str, Any]) -> None:
    async with working(Worker, Producer, settings={**settings, "deploy_window": 0.6}) as context:
        find = await planted(context, envelope(type="Unheard"))
        found = await until_state(find, "delayed")
        assert found.failures == 0
        dead = await until_state(find, "dead")
        assert dead.reason == "no worker knows the job `Unheard`"
        assert await (await (await context.get(Producer)).work.enqueue(Work(7))).result() == 7
