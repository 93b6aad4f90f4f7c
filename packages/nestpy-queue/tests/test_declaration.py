import dataclasses
from typing import Annotated, Any

import msgspec
import pytest

from nestpy_core import BootError, DefinitionError, Inject, from_context, injectable, use_guards, use_interceptors
from nestpy_core.contracts import Actor
from nestpy_queue import JobContext, Queue, QueueModule, RunningJob, process, processor
from nestpy_testing import LogCapture

from .working import app_of, until_state, working

MEMORY = {"store": "memory"}


class Transcode(msgspec.Struct):
    track: int


@dataclasses.dataclass
class Publish:
    track: int


@injectable
class Producer:
    tracks: Queue[Transcode]


def report(*providers: Any, imports: tuple[Any, ...] = ()) -> str:
    with pytest.raises(BootError) as caught:
        app_of(*providers, settings=MEMORY, imports=imports)
    return "\n".join(str(one) for one in caught.value.exceptions)


def test_a_queue_that_nobody_takes_jobs_from_is_a_boot_error() -> None:
    assert report(Producer) == (
        "`Queue[Transcode]` is injected, and no queue takes `Transcode`.\n"
        "Hint: write a processor of it, or `QueueModule.for_feature({Transcode: …})`"
    )


def test_an_app_that_only_enqueues_says_which_queue() -> None:
    app = app_of(Producer, settings=MEMORY, imports=(QueueModule.for_feature({Transcode: "audio"}),))
    assert next(edge for edge in app.edges if edge.name == "queue").transport() is None


def test_a_type_of_job_has_one_owner() -> None:
    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None: ...

    assert report(Audio, imports=(QueueModule.for_feature({Transcode: "video"}),)) == (
        "`Transcode` belongs to the queue `audio` by `Audio.transcode` and to `video` by `QueueModule.for_feature`.\n"
        "Hint: a type of job has one owner: its processor, or `for_feature` in an app that only enqueues it"
    )


def test_a_processor_and_a_feature_may_say_the_same() -> None:
    @processor("audio")
    class Audio:
        @process(name="transcode")
        async def transcode(self, job: Transcode) -> None: ...

    app = app_of(Audio, Producer, settings=MEMORY, imports=(QueueModule.for_feature({Transcode: "audio"}),))
    edge = next(edge for edge in app.edges if edge.name == "queue")
    assert [entry.what for entry in edge.entries()] == ["audio transcode"]


def test_a_queue_has_one_processor() -> None:
    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None: ...

    @processor("audio")
    class Sound:
        @process()
        async def publish(self, job: Publish) -> None: ...

    assert report(Audio, Sound) == (
        "`Audio` and `Sound` are both processors of the queue `audio`.\n"
        "Hint: give one of them another queue, or make their methods one class"
    )


def test_two_jobs_of_one_name_in_one_queue_are_told_apart_by_hand() -> None:
    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None: ...

        @process(name="Transcode")
        async def publish(self, job: Publish) -> None: ...

    assert report(Audio) == (
        "`Audio.transcode` and `Audio.publish` both handle jobs called `Transcode` of the queue `audio`.\n"
        "Hint: give one of them a name of its own: `@process(name=…)`"
    )


def test_a_handler_takes_one_job_of_a_class_of_its_own() -> None:
    @processor("audio")
    class Audio:
        @process()
        async def nothing(self) -> None: ...

        @process()
        async def several(self, first: Transcode, second: Publish) -> None: ...

        @process()
        async def number(self, job: int) -> None: ...

        @process()
        async def unsaid(self, job) -> None: ...  # type: ignore[no-untyped-def]  # what is refused

        @process()
        async def either(self, job: Transcode | Publish) -> None: ...

    assert report(Audio) == (
        "`Audio.nothing` must take one job, and has 0 parameters that could be it.\n"
        "Hint: annotate one parameter with the class of the job; others take `RunningJob` or `Inject[…]`\n"
        "`Audio.several` must take one job, and has 2 parameters that could be it.\n"
        "Hint: annotate one parameter with the class of the job; others take `RunningJob` or `Inject[…]`\n"
        "The job of `Audio.number` is annotated `int`, which is no class of its own.\n"
        "Hint: give the job a msgspec Struct or a dataclass: the class says which queue it belongs to\n"
        "`Audio.unsaid` does not say of which class its job `job` is.\n"
        "Hint: give the job a msgspec Struct or a dataclass: the class says which queue it belongs to\n"
        "The job of `Audio.either` is annotated `Transcode | Publish`, which is no class of its own.\n"
        "Hint: write a method for each of them"
    )


def test_two_methods_for_one_type_of_job_are_one_problem() -> None:
    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None: ...

        @process()
        async def again(self, job: Transcode) -> None: ...

    assert report(Audio) == (
        "`Audio.transcode` and `Audio.again` both handle `Transcode`.\n"
        "Hint: a type of job has one handler; make them one, or give one of them a job of its own class"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"queue": "Audio"}, "`Audio` in `@processor` is no name of a queue."),
        ({"queue": "a{b}"}, "`a{b}` in `@processor` is no name of a queue."),
        ({"concurrency": 0}, "`concurrency=0` of `@processor` must be a whole number of at least 1"),
        ({"retries": -1}, "`retries=-1` of `@processor` must be a whole number of at least 0"),
        ({"max_deaths": True}, "`max_deaths=True` of `@processor` must be a whole number of at least 1"),
        ({"timeout": 0}, "`timeout=0` of `@processor` must be more than 0 seconds, or None"),
        ({"timeout": "5s"}, "`timeout=5s` of `@processor` must be more than 0 seconds, or None"),
        ({"rate": (0, 1)}, "`rate=(0, 1)` of `@processor` must be a number of jobs and a number of seconds"),
        ({"rate": 100}, "`rate=100` of `@processor` must be a number of jobs and a number of seconds"),
        ({"rate": ("10", 1)}, "`rate=('10', 1)` of `@processor` must be a number of jobs and a number of seconds"),
        ({"backoff": -1}, "`backoff` of `@processor` must not be negative, and is -1 to 300.0"),
        ({"backoff": "exponential"}, "`backoff=exponential` of `@processor` must be seconds or a `Backoff`"),
    ],
)
def test_what_a_processor_cannot_be_is_refused_where_it_stands(options: dict[str, Any], text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        processor(**{"queue": "audio", **options})
    assert str(caught.value).startswith(text)


def test_process_is_written_with_parentheses() -> None:
    with pytest.raises(DefinitionError, match="Hint: write `@process\\(\\)`"):
        process(lambda: None)  # type: ignore[arg-type]  # what is refused


def test_processor_is_told_its_queue() -> None:
    with pytest.raises(DefinitionError) as caught:
        processor(Transcode)  # type: ignore[arg-type]  # what is refused
    assert str(caught.value) == (
        '`@processor` is told its queue: `Transcode` names none.\nHint: write `@processor("audio")`'
    )


def test_for_feature_takes_queues_by_their_jobs() -> None:
    with pytest.raises(DefinitionError) as caught:
        QueueModule.for_feature("audio")  # type: ignore[arg-type]  # what is refused
    assert str(caught.value) == (
        "`QueueModule.for_feature` takes the queue of each class of jobs, not `audio`.\n"
        'Hint: write `QueueModule.for_feature({Transcode: "audio"})`'
    )


@pytest.mark.anyio
async def test_a_handler_takes_the_attempt_its_context_and_injected_things() -> None:
    seen: list[Any] = []

    @injectable
    class Tool:
        name = "saw"

    @processor("audio")
    class Audio:
        @process()
        def publish(
            self,
            job: Publish,
            this: RunningJob,
            context: JobContext,
            tool: Inject[Tool],
            name: Annotated[str, from_context(lambda context: context.job.queue)],
        ) -> None:
            seen.extend([job, this is context.job, tool.name, name, this.attempt, this.enqueued_at.tzinfo is not None])

    @injectable
    class Publisher:
        tracks: Queue[Publish]

    async with working(Audio, Tool, Publisher, settings=MEMORY) as context:
        await (await (await context.get(Publisher)).tracks.enqueue(Publish(3))).result()
    assert seen == [Publish(3), True, "saw", "audio", 1, True]


@pytest.mark.anyio
async def test_layers_run_around_a_job_as_around_a_request(log_capture: LogCapture) -> None:
    order: list[str] = []

    @injectable
    class OnlyEven:
        def can_activate(self, context: JobContext) -> bool:
            order.append("guard")
            return b"1" not in context.job.payload

    @injectable
    class Watch:
        async def intercept(self, context: JobContext, call_next: Any) -> Any:
            order.append("before")
            result = await call_next()
            order.append("after")
            return result

    @processor("audio", retries=5)
    @use_guards(OnlyEven)
    @use_interceptors(Watch)
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> str:
            order.append("handler")
            return "done"

    async with working(Audio, Producer, settings=MEMORY) as context:
        queue = (await context.get(Producer)).tracks
        assert await (await queue.enqueue(Transcode(2))).result() == "done"
        assert order == ["guard", "before", "handler", "after"]
        found = await until_state((await queue.enqueue(Transcode(1))).status, "dead")
        assert found.reason == "UnrecoverableError: refused: forbidden"
    assert "Audio.transcode was refused: reason=forbidden" in log_capture.expect_one(logger="nestpy.guards").event


def test_an_actor_of_a_job_is_an_actor() -> None:
    from nestpy_queue import CarriedActor

    assert isinstance(CarriedActor(id="ada"), Actor)
