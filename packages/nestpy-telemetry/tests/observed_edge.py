"""A small edge beside HTTP: jobs that carry a trace, and events that they cause, described as core asks for it."""

from typing import ClassVar

from nestpy_core import (
    Call,
    CallKind,
    ExecutionContext,
    HandlerMarker,
    HostMarker,
    current_trace,
    declare_handler,
    declare_host,
    hookimpl,
    outgoing_trace,
)


class JobContext(ExecutionContext, eq=False):
    edge: ClassVar[str] = "queue"


class ProcessorMarker(HostMarker, frozen=True, kw_only=True):
    edge: ClassVar[str] = "queue"
    word: ClassVar[str] = "@processor"


class JobMarker(HandlerMarker, frozen=True, kw_only=True):
    edge: ClassVar[str] = "queue"
    word: ClassVar[str] = "@job"
    host_word: ClassVar[str] = "@processor"
    exposed: ClassVar[bool] = False
    name: str
    event: bool = False


class Job:
    """A job with what its producer sent along."""

    def __init__(self, edge, carrier):
        self.edge = edge
        self.carrier = carrier
        self.result = None


class JobCall(Call):
    __slots__ = ()

    def incoming(self):
        return self.subject.carrier


class BrokenCall(Call):
    __slots__ = ()

    def incoming(self):
        raise ValueError("this edge is broken")


class JobCode:
    signature = "job"
    subject = "job"
    wants_context = False

    def __init__(self, handler, marker, call):
        self.name = marker.name
        self.filename = f"nestpy:queue {marker.name}"
        self.handler = handler
        self._call = call
        self._kind = CallKind(
            edge="queue",
            name="events.dispatch" if marker.event else "queue.job",
            operation=marker.name,
            kind="internal" if marker.event else "consumer",
        )

    def call(self, out):
        return f"{out.constant(self._call, 'Call')}({out.constant(self._kind, 'kind')}, job)"

    def context(self, out):
        return f"{out.constant(JobContext, 'JobContext')}({out.constant(self.handler, 'handler')})"

    def carrier(self, token, out):
        return "job"

    def arguments(self, out, pipes):
        return {parameter.name: "job" for parameter in self.handler.parameters}

    def refusal(self, out):
        return "None"

    def answer(self, out, *, plain, context, observed):
        out.line("job.result = result")

    def failure(self, out, *, observed):
        out.line("job.result = error")


class JobEdge:
    name = "queue"

    def __init__(self, graph, call):
        self._handlers = [(handler, marker) for handler, _, marker in graph.handlers_of("queue")]
        self._call = call
        self.functions = {}

    def verify(self):
        return ()

    def compile(self, compiler):
        for handler, marker in self._handlers:
            code = JobCode(handler, marker, self._call)
            self.functions[marker.name] = compiler.handler(handler, marker, code).function

    def transport(self):
        return None

    async def send(self, name, carrier):
        job = Job(self, carrier)
        await self.functions[name](job)
        return job.result


class JobPlugin:
    def __init__(self, *, broken=False):
        self._call = BrokenCall if broken else JobCall

    @hookimpl
    def nestpy_edge(self, graph):
        return JobEdge(graph, self._call)


def job(name, *, event=False):
    return lambda function: declare_handler(function, JobMarker(name=name, event=event))


@lambda cls: declare_host(cls, ProcessorMarker())
class Worker:
    seen: ClassVar[list] = []

    @job("ship")
    async def ship(self, job) -> str:
        await job.edge.send("shipped", {})
        self.seen.append(outgoing_trace())
        return "shipped"

    @job("shipped", event=True)
    async def shipped(self, job) -> None:
        self.seen.append(current_trace().outgoing())

    @job("fail")
    async def fail(self, job) -> None:
        raise RuntimeError("no")

    @job("wait")
    async def wait(self, job) -> None:
        import asyncio

        await asyncio.sleep(60)


def edge_of(app):
    return next(edge for edge in app.edges if edge.name == "queue")
