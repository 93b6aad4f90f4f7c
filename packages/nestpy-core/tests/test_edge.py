"""A second edge needs nothing of core but its public names."""

import asyncio
import contextlib
from typing import Annotated

from line_edge import (
    QUIET,
    Failed,
    Line,
    LineCode,
    LineContext,
    LinePlugin,
    app_of,
    boot_error,
    calling,
    edge_of,
    on_line,
    problem,
    station,
)

from nestpy_core import (
    CURRENT_TRACE,
    AppConfig,
    Call,
    CallKind,
    Carrier,
    Endpoint,
    EndpointAnswer,
    Handler,
    Inject,
    Instrument,
    Operation,
    Parameter,
    Problem,
    Relation,
    Scope,
    current_trace,
    from_context,
    injectable,
    outgoing_trace,
    provide,
    use_interceptors,
)


@injectable
class Greeter:
    def greeting(self, name: str) -> str:
        return f"Hello {name}"


@station
class Hall:
    greeter: Greeter

    @on_line("greet")
    async def greet(self, name: str) -> str:
        return self.greeter.greeting(name)

    @on_line("add")
    def add(self, left: int, right: int = 10) -> int:
        return left + right

    @on_line("whole")
    def whole(self, line: Inject[Line]) -> str:
        return line.text

    @on_line("who")
    def who(self, context: Inject[LineContext]) -> str:
        return f"{context.edge} {context.handler.label}"


async def test_handlers_answer_with_injected_services_and_converted_arguments():
    async with calling(Greeter, Hall) as send:
        assert await send("greet Ada") == "Hello Ada"
        assert await send("add 1 2") == 3
        assert await send("add 1") == 11
        assert await send("whole of it") == "whole of it"
        assert await send("who") == "line Hall.who"


async def test_what_nothing_matches_has_its_own_function():
    async with calling(Greeter, Hall) as send:
        assert await send("nobody") == Failed("unknown word")


async def test_an_exception_becomes_the_edges_failure():
    async with calling(Greeter, Hall) as send:
        assert await send("add one") == Failed("ValueError")


def test_a_parameter_tells_its_annotation_from_the_metadata_and_finds_what_reads_the_context():
    reader = from_context(lambda context: context.state)
    bare, read = (Parameter("x", hint, None) for hint in (list[int], Annotated[list[int], "other", reader]))
    assert (bare.plain_hint, bare.context_reader) == (list[int], None)
    assert (read.plain_hint, read.context_reader) == (list[int], reader)


def test_an_edge_without_work_is_absent():
    assert app_of(Greeter).edges == ()


def test_the_edges_own_problems_join_the_report():
    @station
    class Other:
        @on_line("greet")
        def greet(self) -> None: ...

    assert problem(Greeter, Hall, Other) == (
        "`Hall.greet` and `Other.greet` both answer the word `greet`.\nHint: give one of them another word"
    )


def test_a_plugins_verify_hook_joins_the_report():
    error = boot_error(Greeter, plugin=LinePlugin(problems=[Problem("The moon is full.", hints=("wait",))]))
    assert str(error) == "`RootModule` cannot boot: 1 problem.\n\n1. The moon is full.\n   Hint: wait"


@injectable
class Probe:
    greeter: Greeter

    async def check(self) -> EndpointAnswer:
        return EndpointAnswer(body=self.greeter.greeting("probe").encode())

    def find(self, number: int) -> int:
        return number * 2


async def test_endpoints_and_operations_of_a_plugin_are_mounted():
    plugin = LinePlugin(
        contributions=[
            Greeter,
            Probe,
            Endpoint(path="/live", host=Probe, method="check", owner="nestpy-probe", public=True),
            Operation(name="find", kind="query", entity=Greeter, host=Probe, method="find", action="read"),
        ]
    )
    async with calling(plugin=plugin) as send:
        assert (await send("/live")).body == b"Hello probe"
        assert await send("Greeter.find 21") == 42


async def test_endpoints_that_depend_on_settings_are_contributed_by_a_function():
    def late(graph):
        level = graph.sections[AppConfig].log_level
        return [Endpoint(path=f"/{level}", host=Probe, method="check", owner="nestpy-probe", public=True)]

    plugin = LinePlugin(contributions=[Greeter, Probe, late])
    async with calling(plugin=plugin, environ={**QUIET, "NESTPY_APP__LOG_LEVEL": "error"}) as send:
        assert (await send("/error")).body == b"Hello probe"


def test_relations_of_a_plugin_are_in_the_graph_once_it_has_seen_the_handlers():
    def late(graph):
        return [
            Relation(entity=Greeter, name=handler.name, target=Probe, kind="one", key="id", host=Probe, method="find")
            for handler in graph.handlers
        ]

    app = app_of(Hall, plugin=LinePlugin(contributions=[Greeter, Probe, late]))
    assert [relation.name for relation in app.graph.relations] == [handler.name for handler in app.graph.handlers]
    assert app.graph.relations


def test_an_endpoint_without_a_host_is_a_problem():
    plugin = LinePlugin(contributions=[Endpoint(path="/live", host=Probe, method="check", owner="nestpy-probe")])
    assert problem(plugin=plugin) == "`Probe.check`, which nestpy-probe mounts, is no method of a provider."


@injectable
class Meter:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def begin(self, call: Call) -> str:
        self.seen.append(f"begin {call.subject.text}")
        return call.subject.text

    def end(self, state: str, outcome: str | None, error: Exception | None) -> None:
        self.seen.append((f"end {state}", outcome, type(error).__name__ if error else None))


@injectable
class Unit:
    meter: Meter

    def begin(self, context: LineContext):
        return self._around(context)

    def _around(self, context):
        @contextlib.asynccontextmanager
        async def around():
            self.meter.seen.append("unit begins")
            try:
                yield
            except Exception:
                self.meter.seen.append("unit rolls back")
                raise
            self.meter.seen.append("unit commits")

        return around()


async def test_instruments_stand_around_the_operation_and_around_the_work():
    plugin = LinePlugin(contributions=[Meter, Unit], instruments=[Instrument(Meter), Instrument(Unit, "work")])
    app = app_of(Greeter, Hall, plugin=plugin)
    async with app.create_context() as context:
        await edge_of(app).send("greet Ada")
        await edge_of(app).send("add one")
        meter = await context.get(Meter)
    assert meter.seen == [
        "begin greet Ada",
        "unit begins",
        "unit commits",
        ("end greet Ada", "answered", None),
        "begin add one",
        "unit begins",
        "unit rolls back",
        ("end add one", "failed", "ValueError"),
    ]


async def test_instruments_observe_what_nothing_matches():
    plugin = LinePlugin(contributions=[Meter], instruments=[Instrument(Meter)])
    app = app_of(Greeter, Hall, plugin=plugin)
    async with app.create_context() as context:
        await edge_of(app).send("nobody")
        assert (await context.get(Meter)).seen == ["begin nobody", ("end nobody", "answered", None)]


async def test_a_carrier_gives_each_call_its_own_object():
    @injectable(scope=Scope.REQUEST)
    class Speaker:
        line: Line

    @station
    class Stage:
        @on_line("say")
        def say(self, speaker: Inject[Speaker]) -> str:
            return speaker.line.text

    async with calling(Speaker, Stage) as send:
        assert await send("say one") == "say one"
        assert await send("say two") == "say two"


def test_what_only_another_edge_carries_cannot_be_reached():
    class Letter: ...

    @station
    class Stage:
        @on_line("say")
        def say(self, letter: Inject[Letter]) -> None: ...

    assert problem(Stage, plugin=LinePlugin(contributions=[Carrier(Letter, ("post",))])) == (
        "`Stage.say` is called by the edge `line` and reaches `Letter`, which only post calls carry.\n"
        "Hint: inject something that does not need `Letter`"
    )


async def test_edges_carry_one_token_together():
    @injectable(scope=Scope.REQUEST)
    class Speaker:
        line: Line

    @station
    class Stage:
        @on_line("say")
        def say(self, speaker: Inject[Speaker]) -> str:
            return speaker.line.text

    plugin = LinePlugin(contributions=[Carrier(Line, ("post",))])
    async with calling(Speaker, Stage, plugin=plugin) as send:
        assert await send("say one") == "say one"


async def test_a_part_of_a_larger_call_is_no_call_of_its_own_to_operation_instruments(monkeypatch):
    monkeypatch.setattr(LineCode, "part", True, raising=False)
    plugin = LinePlugin(contributions=[Meter], instruments=[Instrument(Meter)])
    app = app_of(Greeter, Hall, plugin=plugin)
    async with app.create_context() as context:
        await edge_of(app).send("nobody")
        assert (await context.get(Meter)).seen == []


def test_what_a_plugin_contributes_sees_only_what_is_shared():
    assert problem(Greeter, plugin=LinePlugin(contributions=[Probe])) == (
        "`Probe` in `plugins` needs `Greeter` (`greeter`), which `RootModule` provides; "
        "`plugins` does not import `RootModule`.\n"
        "Hint: provide `Greeter` in a module that is `@module(shared=True)` "
        "and imported in the root module `RootModule`"
    )


def test_a_plugin_yields_to_the_apps_own_binding():
    plugin = LinePlugin(contributions=[provide(Greeter, default=True)])
    own = provide(Greeter, use_value="mine")
    assert app_of(own, plugin=plugin).graph.bindings_of(Greeter)[0].source == "mine"


@injectable
class Shout:
    def shape(self, result: object, handler: Handler) -> object:
        return f"{handler.name.upper()}: {result}!"


async def test_an_instrument_of_the_result_stands_outside_of_all_layers_and_before_the_encoding():
    class Polite:
        def after(self, context, result):
            return f"dear {result}"

    @use_interceptors(Polite)
    @station
    class Desk:
        @on_line("hail")
        def hail(self, name: str) -> str:
            return name

    plugin = LinePlugin(contributions=[Shout], instruments=[Instrument(Shout, "result")])
    app = app_of(Desk, plugin=plugin)
    async with app.create_context():
        assert await edge_of(app).send("hail Ada") == "HAIL: dear Ada!"
        assert await edge_of(app).send("nobody") == Failed("unknown word")
    without = edge_of(app_of(Desk)).functions["hail"].source
    shaped = "        result = _Shout.shape(result, _handler)\n"
    assert edge_of(app).functions["hail"].source.replace(shaped, "") == without


@injectable
class Teller:
    def __init__(self) -> None:
        self.told: list[object] = []

    def begin(self, call: Call) -> Call:
        return call

    def end(self, call: Call, outcome: str | None, error: BaseException | None) -> None:
        ended = call.outcome(outcome, error)
        self.told.append((call.kind.name, call.kind.operation, ended, call.failed(ended), call.fields(ended)))


class HeardCall(Call):
    __slots__ = ()

    def incoming(self):
        return {"traceparent": self.subject.text}


async def test_instruments_know_the_calls_of_an_edge_that_says_nothing_of_them():
    app = app_of(Greeter, Hall, plugin=LinePlugin(contributions=[Teller], instruments=[Instrument(Teller)]))
    async with app.create_context() as context:
        await edge_of(app).send("greet Ada")
        await edge_of(app).send("add one")
        await edge_of(app).send("nobody")
        told = (await context.get(Teller)).told
    assert told == [
        ("line.call", "line greet", "ok", False, {"operation": "line greet", "outcome": "ok"}),
        ("line.call", "line add", "error", True, {"operation": "line add", "outcome": "error"}),
        ("unmatched.call", "line unmatched", "ok", False, {"operation": "line unmatched", "outcome": "ok"}),
    ]


async def test_an_edge_that_makes_calls_of_its_own_tells_instruments_more(monkeypatch):
    def call(self, out):
        kind = CallKind(
            edge="line", name="line.heard", operation=self.name, kind="consumer", labels={"word": self.name}
        )
        return f"{out.constant(HeardCall, 'HeardCall')}({out.constant(kind, 'kind')}, line)"

    @injectable
    class Hearer:
        def begin(self, call):
            heard.append((call.kind.name, call.kind.labels, call.incoming()["traceparent"], call.trusted))

        def end(self, state, outcome, error):
            heard.append(error)

    heard: list[object] = []
    monkeypatch.setattr(LineCode, "call", call, raising=False)
    app = app_of(Greeter, Hall, plugin=LinePlugin(contributions=[Hearer], instruments=[Instrument(Hearer)]))
    async with app.create_context():
        await edge_of(app).send("greet Ada")
    assert heard == [("line.heard", {"word": "line greet"}, "greet Ada", True), None]


async def test_a_call_that_is_cancelled_tells_its_instruments():
    @station
    class Stage:
        @on_line("wait")
        async def wait(self) -> None:
            await asyncio.sleep(60)

    app = app_of(Stage, plugin=LinePlugin(contributions=[Teller], instruments=[Instrument(Teller)]))
    async with app.create_context() as context:
        call = asyncio.create_task(edge_of(app).send("wait"))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        told = (await context.get(Teller)).told
    assert [one[2:4] for one in told] == [("cancelled", True)]


async def test_what_is_sent_on_carries_the_trace_that_an_instrument_has_set():
    @injectable
    class Tracer:
        def begin(self, call):
            return CURRENT_TRACE.set(Standing())

        def end(self, token, outcome, error):
            CURRENT_TRACE.reset(token)

    class Standing:
        trace_id, span_id, sampled = "1" * 32, "2" * 16, True

        def outgoing(self):
            return {"traceparent": f"00-{self.trace_id}-{self.span_id}-01"}

    @station
    class Stage:
        @on_line("send")
        async def send(self) -> object:
            return outgoing_trace(), current_trace().span_id

    assert outgoing_trace() == {}
    app = app_of(Stage, plugin=LinePlugin(contributions=[Tracer], instruments=[Instrument(Tracer)]))
    async with app.create_context():
        assert await edge_of(app).send("send") == ({"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}, "2" * 16)
    assert current_trace() is None
