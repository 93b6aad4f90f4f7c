"""A throw-away second edge: stations answer lines of text. It stands on nothing but core's public names."""

import asyncio
import contextlib
import dataclasses
import inspect
from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar

import anyio

from nestpy_core import (
    App,
    BootError,
    Carrier,
    Context,
    Denial,
    ExecutionContext,
    Handler,
    HandlerError,
    HandlerMarker,
    HostMarker,
    Problem,
    Scope,
    declare_handler,
    declare_host,
    handler_of,
    hookimpl,
    module,
)

QUIET = {"NESTPY_ENV": "test"}


@dataclasses.dataclass(slots=True)
class Line:
    """One incoming line and what became of it."""

    text: str
    answer: Any = None

    @property
    def words(self) -> list[str]:
        return self.text.split()[1:]


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    why: str


class LineContext(ExecutionContext, eq=False):
    edge: ClassVar[str] = "line"
    line: Any = None


class StationMarker(HostMarker, frozen=True, kw_only=True):
    edge: ClassVar[str] = "line"
    word: ClassVar[str] = "@station"


class LineMarker(HandlerMarker, frozen=True, kw_only=True):
    edge: ClassVar[str] = "line"
    word: ClassVar[str] = "@on_line"
    host_word: ClassVar[str] = "@station"
    trigger: str


def station(cls: Any = None, /, *, scope: Scope | None = None) -> Any:
    if cls is None:
        return lambda target: declare_host(target, StationMarker(), scope)
    return declare_host(cls, StationMarker(), scope)


def on_line(trigger: str) -> Any:
    return lambda function: declare_handler(function, LineMarker(trigger=trigger))


def refused(verdict: object) -> Refused:
    if isinstance(verdict, Denial):
        return Refused(f"{verdict.kind.value}: {verdict.detail}")
    return Refused("failed" if isinstance(verdict, Exception) else "no")


class LineCode:
    """Writes what is the edge's own of one compiled function."""

    signature = "line"
    subject = "line"
    wants_context = False

    def __init__(self, trigger: str, handler: Handler | None) -> None:
        self.name = f"line {trigger}"
        self.filename = f"nestpy:line {trigger}"
        self.handler = handler

    def context(self, out):
        return f"{out.constant(LineContext, 'LineContext')}({out.constant(self.handler, 'handler')}, line=line)"

    def carrier(self, token, out):
        return "line"

    def arguments(self, out, pipes):
        if self.handler is None:
            out.line(f"result = {out.constant(Failed('unknown word'), 'unknown')}")
            return {}
        taken = {}
        if any(parameter.inject is None for parameter in self.handler.parameters):
            out.line("words = line.words")
        position = 0
        for parameter in self.handler.parameters:
            if parameter.inject is not None:
                continue
            variable = taken[parameter.name] = out.fresh(parameter.name)
            word = f"words[{position}]"
            if not parameter.required:
                default = out.constant(parameter.default, f"default_{parameter.name}")
                word = f"{word} if len(words) > {position} else {default}"
            out.line(f"{variable} = {word}")
            pipes.apply(variable, parameter)
            if parameter.hint not in (str, inspect.Parameter.empty):
                out.line(f"{variable} = {out.constant(parameter.hint, 'convert')}({variable})")
            position += 1
        return taken

    def refusal(self, out):
        return f"{out.constant(refused, 'refused')}(verdict)"

    def answer(self, out, *, plain, context, observed):
        if observed:
            out.line('outcome = "answered"')
        out.line("line.answer = result")

    def failure(self, out, *, observed):
        if observed:
            out.line('outcome = "failed"')
        out.line(f"line.answer = {out.constant(Failed, 'Failed')}(type(error).__name__)")


class LineEdge:
    name = "line"

    def __init__(self, graph) -> None:
        self.graph = graph
        self.functions: dict[str, Any] = {}
        self.queue: asyncio.Queue[Line] = asyncio.Queue()
        self.triggers: dict[str, tuple[Handler, LineMarker]] = {}
        self.problems: list[Problem] = []
        for handler, _, marker in graph.handlers_of("line"):
            if marker.trigger in self.triggers:
                earlier = self.triggers[marker.trigger][0].label
                self.problems.append(
                    HandlerError(
                        f"`{earlier}` and `{handler.label}` both answer the word `{marker.trigger}`.",
                        hints=("give one of them another word",),
                    )
                )
            self.triggers[marker.trigger] = handler, marker
        mounted = [(one.path, one.host, one.method, one.owner, one.public) for one in graph.endpoints]
        mounted += [
            (f"{one.entity.__name__}.{one.name}", one.host, one.method, "an operation", False)
            for one in graph.operations
        ]
        for trigger, host, method, owner, public in mounted:
            found = handler_of(graph, host, method, owner=owner, public=public)
            if isinstance(found, Problem):
                self.problems.append(found)
            else:
                self.triggers[trigger] = found, LineMarker(trigger=trigger)

    def verify(self) -> Iterable[Problem]:
        return self.problems

    def entries(self):
        return []

    def compile(self, compiler) -> None:
        for trigger, (handler, marker) in self.triggers.items():
            self.functions[trigger] = compiler.handler(handler, marker, LineCode(trigger, handler))
        self.unmatched = compiler.unmatched(LineCode("unmatched", None))

    def transport(self):
        return self if self.triggers else None

    async def send(self, text: str) -> Any:
        line = Line(text)
        await self.handle(line)
        return line.answer

    async def handle(self, line: Line) -> None:
        function = self.functions.get(line.text.partition(" ")[0], self.unmatched)
        await function.function(line)

    async def serve(self, serving) -> None:
        async with anyio.create_task_group() as calls, anyio.create_task_group() as accepting:
            serving.ready()
            accepting.start_soon(self.accept, calls)
            await serving.stopping.wait()
            accepting.cancel_scope.cancel()

    async def accept(self, calls) -> None:
        while True:
            calls.start_soon(self.handle, await self.queue.get())


class LinePlugin:
    """What the entry point of a real distribution would name."""

    def __init__(self, *, contributions=(), instruments=(), problems=()) -> None:
        self.contributions = contributions
        self.instruments = instruments
        self.problems = problems

    @hookimpl
    def nestpy_collect(self, graph):
        return [Carrier(Line, ("line",)), Carrier(LineContext, ("line",)), *self.contributions]

    @hookimpl
    def nestpy_edge(self, graph):
        has_work = any(graph.handlers_of("line")) or graph.endpoints or graph.operations
        return LineEdge(graph) if has_work else None

    @hookimpl
    def nestpy_verify(self, graph):
        return self.problems

    @hookimpl
    def nestpy_instrument(self, graph, handler, marker):
        return self.instruments


def root_of(*providers, imports=(), exports=None):
    @module(imports=imports, providers=providers, exports=exports)
    class RootModule: ...

    return RootModule


def app_of(*providers, imports=(), overrides=(), environ=QUIET, plugin=None):
    return App(
        root_of(*providers, imports=imports),
        overrides=overrides,
        environ=environ,
        plugins=[plugin or LinePlugin()],
    )


def edge_of(app) -> LineEdge:
    return next(edge for edge in app.edges if edge.name == "line")


@contextlib.asynccontextmanager
async def calling(*providers, **options) -> AsyncIterator[Any]:
    """Start an app of these providers and give what sends it a line."""
    app = app_of(*providers, **options)
    async with app.create_context():
        yield edge_of(app).send


@contextlib.asynccontextmanager
async def started(*providers, **options) -> AsyncIterator[Context]:
    async with app_of(*providers, **options).create_context() as context:
        yield context


def boot_error(*providers, **options) -> BootError:
    """Return the error of an app that must not boot."""
    try:
        app_of(*providers, **options)
    except BootError as error:
        return error
    raise AssertionError("the app boots")


def report(*providers, **options) -> str:
    return str(boot_error(*providers, **options))


def problem(*providers, **options) -> str:
    """Return the text of the one problem of an app that must not boot."""
    error = boot_error(*providers, **options)
    assert len(error.exceptions) == 1, str(error)
    return str(error.exceptions[0])
