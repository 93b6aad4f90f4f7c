"""The actor, and with it the ability, travels into jobs and events; a tick acts as nobody and sees nothing."""

import asyncio

import msgspec
import pytest
from authz_world import Post, User

from nestpy_authz import Abilities, AbilityFactory, AuthzModule
from nestpy_core import App, acting_as, injectable, module
from nestpy_events import EventBus, EventsModule, listeners, on_event
from nestpy_queue import Queue, QueueModule, process, processor


class Rules(AbilityFactory):
    def define(self, actor, can, cannot):
        for role in actor.roles:
            can(role, Post)
        can("publish", Post, requires_scope="posts:publish")


class Job(msgspec.Struct):
    number: int


class Happened(msgspec.Struct, frozen=True):
    number: int


def seen_by(abilities):
    ability = abilities.current()
    return {action for action in ("read", "update", "publish") if ability.can(action, Post)}


@injectable
class Seen:
    def __init__(self) -> None:
        self.found: dict[int, set[str]] = {}
        self.done = asyncio.Event()


@processor("authz", concurrency=2)
class Jobs:
    abilities: Abilities
    seen: Seen

    @process()
    async def work(self, job: Job) -> None:
        self.seen.found[job.number] = seen_by(self.abilities)
        if len(self.seen.found) == 4:
            self.seen.done.set()


@listeners
class Listening:
    abilities: Abilities
    seen: Seen

    @on_event(Happened)
    async def happened(self, event: Happened) -> None:
        self.seen.found[event.number] = seen_by(self.abilities)


@injectable
class Sending:
    queue: Queue[Job]
    bus: EventBus
    seen: Seen


@module(
    imports=[QueueModule.for_root(store="memory"), EventsModule, AuthzModule.for_root(Rules)],
    providers=[Jobs, Listening, Sending, Seen],
)
class WorkModule: ...


@pytest.fixture
async def sending():
    async with App(WorkModule, environ={"NESTPY_ENV": "test"}).create_context(serve=True) as context:
        yield await context.get(Sending)


ACTORS = [
    (User("ada", ("read",)), {"read", "publish"}),
    (User("bob", ("update",), scopes=("posts:publish",)), {"update", "publish"}),
    (User("eve", ("update",), scopes=()), {"update"}),
    (None, set()),
]


async def test_a_job_may_do_what_whoever_enqueued_it_may_and_no_scope_is_gained(sending):
    for number, (actor, _) in enumerate(ACTORS):
        with acting_as(actor):
            await sending.queue.enqueue(Job(number))
    async with asyncio.timeout(20):
        await sending.seen.done.wait()
    assert sending.seen.found == {number: allowed for number, (_, allowed) in enumerate(ACTORS)}


async def test_a_listener_may_do_what_whoever_emitted_may(sending):
    for number, (actor, _) in enumerate(ACTORS):
        with acting_as(actor):
            await sending.bus.emit(Happened(number))
    assert sending.seen.found == {number: allowed for number, (_, allowed) in enumerate(ACTORS)}
