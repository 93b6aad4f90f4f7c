"""A second edge needs nothing of core but its public names."""

import contextlib

from line_edge import (
    Failed,
    Line,
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
    Carrier,
    Endpoint,
    EndpointAnswer,
    Inject,
    Instrument,
    Operation,
    Problem,
    Scope,
    injectable,
    provide,
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


def test_an_endpoint_without_a_host_is_a_problem():
    plugin = LinePlugin(contributions=[Endpoint(path="/live", host=Probe, method="check", owner="nestpy-probe")])
    assert problem(plugin=plugin) == "`Probe.check`, which nestpy-probe mounts, is no method of a provider."


@injectable
class Meter:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def begin(self, line: Line) -> str:
        self.seen.append(f"begin {line.text}")
        return line.text

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
