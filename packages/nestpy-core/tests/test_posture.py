"""Once a guard authenticates or authorizes, every exposed handler says who may call it."""

from typing import ClassVar

from line_edge import LineMarker, LinePlugin, Refused, app_of, calling, on_line, problem, station

from nestpy_core import APP_GUARD, Endpoint, EndpointAnswer, declare_handler, injectable, provide, public, use_guards


class Login:
    posture = True

    def can_activate(self, context) -> bool:
        return False


class Limit:
    def can_activate(self, context) -> bool:
        return True


@use_guards(Login)
@station
class Guarded:
    @on_line("guarded")
    def guarded(self) -> None: ...


@station
class Open:
    @on_line("one")
    def one(self) -> str:
        return "one"

    @use_guards(Limit)
    @on_line("two")
    def two(self) -> None: ...


@public
@station
class Public:
    @on_line("public")
    def public(self) -> str:
        return "public"


def test_before_the_first_such_guard_a_boot_line_lists_what_is_open():
    assert (
        "open to everybody, having neither guard nor @public: `Open.one`, `Open.two`"
        in app_of(Open, Public).graph.notices
    )


def test_of_many_that_are_open_the_line_names_ten_and_counts_the_rest():
    def opened(number):
        def go(self) -> None: ...

        return station(type(f"Open{number:02}", (), {"go": on_line(f"word{number}")(go)}))

    [notice] = [text for text in app_of(*map(opened, range(13))).graph.notices if text.startswith("open to")]
    assert notice.endswith("`Open08.go`, `Open09.go` and 3 more, which `nestpy routes` lists")


def test_with_one_the_rest_must_declare_themselves():
    assert problem(Open, Guarded, Public) == (
        "2 of the app's handlers say neither who may call them nor `@public`: `Open.one`, `Open.two`.\n"
        "Hint: add a guard with `posture = True`, or `@public`, to each or to its host\n"
        "Hint: or bind one for all: `provide(APP_GUARD, use_class=…, multi=True)`"
    )


async def test_a_global_guard_covers_all_and_public_lifts_it():
    async with calling(Open, Guarded, Public, provide(APP_GUARD, use_class=Login, multi=True)) as send:
        assert await send("one") == Refused("no")
        assert await send("public") == "public"


async def test_what_overrides_such_a_guard_stands_for_it():
    async with calling(
        Open,
        provide(APP_GUARD, use_class=Login, multi=True),
        overrides=[provide(Login, use_value=Limit())],
    ) as send:
        assert await send("one") == "one"
    assert app_of(Guarded, provide(Login), overrides=[provide(Login, use_class=Limit)])


def test_an_overridden_global_guard_still_covers_what_another_one_demands():
    class Ticket(Login): ...

    @use_guards(Ticket)
    @station
    class Gate:
        @on_line("gate")
        def gate(self) -> None: ...

    everywhere = provide(APP_GUARD, use_class=Login, multi=True)
    assert app_of(Open, Gate, everywhere, overrides=[provide(Login, use_value=Limit())])


def test_endpoints_of_plugins_are_counted():
    @injectable
    class Probe:
        async def check(self) -> EndpointAnswer:
            return EndpointAnswer()

    def plugin(**options):
        endpoint = Endpoint(path="/live", host=Probe, method="check", owner="nestpy-probe", **options)
        return LinePlugin(contributions=[Probe, endpoint])

    assert problem(Guarded, plugin=plugin()).startswith(
        "1 of the app's handlers say neither who may call them nor `@public`: `/live` of nestpy-probe."
    )
    assert app_of(Guarded, plugin=plugin(public=True))


class Wink(LineMarker, frozen=True, kw_only=True):
    exposed: ClassVar[bool] = False


async def test_what_nobody_outside_calls_needs_none_and_is_not_asked_for_one():
    @station
    class Inner:
        @use_guards(Limit)
        def wink(self) -> str:
            return "seen"

    declare_handler(Inner.wink, Wink(trigger="wink"))
    async with calling(Inner, provide(APP_GUARD, use_class=Login, multi=True)) as send:
        assert await send("wink") == "seen"
