"""Listeners are handlers like any other: layers, scopes, instruments; what is wrong with them fails the boot."""

import msgspec
import pytest

from nestpy_core import (
    APP_GUARD,
    Call,
    DefinitionError,
    Denial,
    Inject,
    Instrument,
    Scope,
    acting_as,
    blocking,
    catch,
    current_actor,
    from_context,
    hookimpl,
    injectable,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from nestpy_events import EventBus, EventContext, EventName, EventsModule, listeners, on_event
from nestpy_testing import TestApp


class UserCreated(msgspec.Struct, frozen=True):
    name: str


class OrderPaid(msgspec.Struct, frozen=True):
    total: int


seen: list = []


@pytest.fixture(autouse=True)
def _forget():
    seen.clear()


class Ada:
    id = "ada"
    roles = ()


async def test_layers_run_from_the_outside_in(listening):
    class Gate:
        def can_activate(self, context) -> bool:
            seen.append(("guard", context.edge, context.event.name))
            return True

    class Around:
        async def intercept(self, context, call_next):
            seen.append("before")
            await call_next()
            seen.append("after")

    class Upper:
        def transform(self, value, parameter):
            return UserCreated(value.name.upper())

    @listeners
    class Layered:
        @use_guards(Gate())
        @use_interceptors(Around())
        @use_pipes(Upper())
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None:
            seen.append(event.name)

    async with listening(Layered) as bus:
        assert await bus.emit(UserCreated("ada")) == ()
    assert seen == [("guard", "events", "ada"), "before", "ADA", "after"]


async def test_filters_answer_for_what_they_catch(listening):
    @catch(OSError)
    class Calm:
        def catch(self, error, context):
            seen.append(f"caught {error}")

    @listeners
    class Noisy:
        @use_filters(Calm)
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None:
            raise OSError("disk full")

    async with listening(Noisy) as bus:
        assert await bus.emit(UserCreated("ada")) == ()
    assert seen == ["caught disk full"]


async def test_a_refused_listener_is_left_out_and_the_refusal_logged(listening, caplog):
    class Never:
        def can_activate(self, context):
            return Denial.forbidden("not today")

    class Broken:
        def can_activate(self, context):
            raise OSError("no answer")

    @listeners
    class Guarded:
        @use_guards(Never())
        @on_event(UserCreated)
        def refused(self, event: UserCreated) -> None:
            seen.append("refused")

        @use_guards(Broken())
        @on_event(UserCreated)
        def broken(self, event: UserCreated) -> None:
            seen.append("broken")

        @on_event(UserCreated)
        def open(self, event: UserCreated) -> None:
            seen.append("open")

    async with listening(Guarded) as bus:
        failures = await bus.emit(UserCreated("ada"))
    assert seen == ["open"]
    assert [str(failure) for failure in failures] == ["no answer"]
    assert "Guarded.refused was refused: reason=forbidden detail='not today'" in caplog.text


async def test_guards_that_authorize_callers_are_not_asked_about_what_comes_from_inside(listening):
    class Login:
        posture = True

        def can_activate(self, context) -> bool:
            return False

    @listeners
    class Inner:
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None:
            seen.append(event.name)

    async with listening(Inner, provide(APP_GUARD, use_class=Login, multi=True)) as bus:
        await bus.emit(UserCreated("ada"))
    assert seen == ["ada"]


async def test_a_layer_that_says_who_acts_says_it_for_its_listener_alone(listening):
    class Login:
        def can_activate(self, context) -> bool:
            context.actor = Ada()
            return True

    @listeners
    class Inner:
        @use_guards(Login())
        @on_event(UserCreated, priority=1)
        def first(self) -> None:
            seen.append(current_actor().id)

        @on_event(UserCreated)
        def second(self) -> None:
            seen.append(current_actor())

    async with listening(Inner) as bus:
        await bus.emit(UserCreated("x"))
        assert current_actor() is None
        with acting_as(Ada()):
            await bus.emit(UserCreated("x"))
    assert seen[:2] == ["ada", None]
    assert seen[2] == seen[3].id == "ada"


async def test_each_call_is_a_request_scope_of_its_own(listening):
    @injectable(scope=Scope.REQUEST)
    class Session:
        context: EventContext

    @listeners(scope=Scope.REQUEST)
    class Scoped:
        session: Session

        @on_event(UserCreated)
        def one(self, event: UserCreated, same: Inject[Session]) -> None:
            seen.append((self.session, same, same.context.event))

        @on_event(UserCreated)
        def two(self, event: UserCreated, other: Inject[Session]) -> None:
            seen.append((self.session, other, other.context.event))

    event = UserCreated("ada")
    async with listening(Session, Scoped) as bus:
        await bus.emit(event)
    (first, same, carried), (second, other, _) = seen
    assert first is same
    assert second is other
    assert first is not second
    assert carried is event


async def test_one_instance_may_be_the_host_of_several_edges(make_app):
    from nestpy_http import HttpClient, HttpModule, Path, controller, get

    @controller("/names")
    @listeners
    class Both:
        last = "nobody"

        @on_event(UserCreated)
        @blocking
        def keep(self, event: UserCreated) -> None:
            self.last = event.name

        @get("/{prefix}")
        def show(self, prefix: Path[str]) -> str:
            return prefix + self.last

    app = make_app(Both, imports=[HttpModule])
    async with app.create_context() as context:
        await (await context.get(EventBus)).emit(UserCreated("ada"))
        assert (await HttpClient(app.__rsgi__).get("/names/the-")).content == b"the-ada"


async def test_parameters_may_come_from_the_context(listening):
    from typing import Annotated

    Length = Annotated[int, from_context(lambda context: len(context.event.name))]

    @listeners
    class Reading:
        @on_event(UserCreated)
        def hear(self, event: UserCreated, length: Length, context: EventContext) -> None:
            seen.append((length, context.name, context.handler.label))

    async with listening(Reading) as bus:
        await bus.emit(UserCreated("ada"))
    assert seen == [(3, None, "Reading.hear")]


async def test_instruments_are_told_of_each_call(listening):
    @injectable
    class Meter:
        def begin(self, call: Call) -> Call:
            return call

        def end(self, state: Call, outcome: object, error: Exception | None) -> None:
            kind = state.kind
            seen.append((kind.name, dict(kind.labels), state.outcome(outcome, error), type(state.subject).__name__))

    class Plugin:
        @hookimpl
        def nestpy_collect(self, graph):
            return [Meter]

        @hookimpl
        def nestpy_instrument(self, handler, marker):
            return [Instrument(Meter)]

    @listeners
    class Two:
        @on_event(UserCreated, priority=1)
        def fine(self, event: UserCreated) -> None: ...

        @on_event("user.*")
        def broken(self) -> None:
            raise OSError

    async with listening(Two, plugins=[Plugin()]) as bus:
        await bus.emit(UserCreated("ada"))
        await bus.emit("user.created", UserCreated("ada"))
    assert seen == [
        ("events.dispatch", {"event": "UserCreated", "listener": "Two.fine"}, "ok", "UserCreated"),
        ("events.dispatch", {"event": "user.*", "listener": "Two.broken"}, "error", "UserCreated"),
    ]


def test_a_listener_without_layers_is_compiled_to_a_call(make_app):
    @listeners
    class Plain:
        @on_event(UserCreated)
        async def hear(self, event: UserCreated) -> None: ...

    [function] = make_app(Plain).functions
    assert function.source == (
        "async def handle(event, name):\n"
        "    try:\n"
        "        result = await _handle(event)\n"
        "        return None\n"
        "    except _raised as error:\n"
        "        if (error := _own_failure(error)) is None:\n"
        "            raise\n"
        "        return _fail(error)\n"
    )


async def test_the_test_kit_has_the_bus():
    from nestpy_core import module

    @listeners
    class Hearing:
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None:
            seen.append(event.name)

    @module(imports=[EventsModule], providers=[Hearing])
    class AppModule: ...

    async with TestApp(AppModule) as app:
        await app.events.publish(UserCreated("ada"))
        await app.events.settle()
    assert seen == ["ada"]


# -- what fails the boot


def test_an_annotation_that_the_event_does_not_fit_is_a_boot_error(boot_problems):
    @listeners
    class Wrong:
        @on_event(UserCreated)
        def hear(self, event: OrderPaid) -> None: ...

    [problem] = boot_problems(Wrong)
    assert problem == (
        "`Wrong.hear` listens to `UserCreated` and takes `event: OrderPaid`, which that is not.\n"
        "Hint: write `event: UserCreated`"
    )


def test_a_second_parameter_is_a_boot_error(boot_problems):
    @listeners
    class Greedy:
        @on_event(UserCreated)
        def hear(self, event: UserCreated, more: int) -> None: ...

    [problem] = boot_problems(Greedy)
    assert problem == (
        "`Greedy.hear` listens to `UserCreated` and takes `event` and `more`; a listener takes the event alone.\n"
        "Hint: write `more: Inject[…]`, or inject it as a field of its class"
    )


def test_a_name_where_there_is_none_is_a_boot_error(boot_problems):
    @listeners
    class Odd:
        @on_event(UserCreated)
        def hear(self, event: UserCreated, name: EventName) -> None: ...

    [problem] = boot_problems(Odd)
    assert problem == (
        "`Odd.hear` listens to the class `UserCreated`, whose events have no name, and takes an `EventName`.\n"
        "Hint: remove that parameter"
    )


def test_listeners_without_the_module_are_a_boot_error():
    from nestpy_core import App, BootError, module

    @listeners
    class Lonely:
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None: ...

    @module(providers=[Lonely])
    class AppModule: ...

    with pytest.raises(BootError) as caught:
        App(AppModule, environ={"NESTPY_ENV": "test"})
    [problem] = caught.value.exceptions
    assert str(problem) == (
        "`Lonely.hear` is decorated with `@on_event`, and nothing serves the edge `events`.\n"
        "Hint: install the distribution of `@on_event`, and import its module in `AppModule`"
    )


@pytest.mark.parametrize("event", [5, None, int, list[int], UserCreated("ada"), "", "order.", "a.b*", "***"])
def test_what_nothing_can_listen_to_is_a_definition_error(event):
    with pytest.raises(DefinitionError, match=r"Hint: "):
        on_event(event)


def test_a_class_that_is_no_host_is_a_definition_error_or_a_boot_error(boot_problems):
    @injectable
    class Bare:
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None: ...

    [problem] = boot_problems(Bare)
    assert "@listeners" in problem
