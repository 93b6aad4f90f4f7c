"""Guards, pipes, interceptors and filters: their order, their number, and what each of them sees."""

import functools

import pytest
from line_edge import Failed, Refused, app_of, calling, edge_of, on_line, problem, station

from nestpy_core import (
    APP_FILTER,
    APP_GUARD,
    APP_INTERCEPTOR,
    APP_PIPE,
    DefinitionError,
    Denial,
    Guard,
    Interceptor,
    Reflector,
    blocking,
    catch,
    injectable,
    meta,
    module,
    provide,
    public,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)

log: list[str] = []


@pytest.fixture(autouse=True)
def _empty_log():
    log.clear()


def guard(name, answer=True, **attributes):
    def can_activate(self, context):
        log.append(f"guard {name}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return type(name, (), {"can_activate": can_activate, **attributes})


def around(name):
    async def intercept(self, context, call_next):
        log.append(f"{name} in")
        try:
            result = await call_next()
        finally:
            log.append(f"{name} out")
        return result

    return type(name, (), {"intercept": intercept})


def pipe(name, change=lambda value: value):
    def transform(self, value, parameter):
        log.append(f"pipe {name} {parameter.name}")
        return change(value)

    return type(name, (), {"transform": transform})


def filtering(name, *types, answer=None):
    def catch_(self, error, context):
        log.append(f"filter {name} {type(error).__name__}")
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise error
        return answer

    return catch(*(types or (Exception,)))(type(name, (), {"catch": catch_}))


def globally(token, cls, **options):
    return provide(token, use_class=cls, multi=True, **options)


async def test_the_order_from_the_outside_in():
    @use_guards(guard("HostGuard"))
    @use_interceptors(around("HostAround"))
    @use_pipes(pipe("HostPipe"))
    @station
    class Host:
        @use_guards(guard("MethodGuard"))
        @use_interceptors(around("MethodAround"))
        @use_pipes(pipe("MethodPipe"))
        @on_line("go")
        async def go(self, word: str) -> str:
            log.append("handler")
            return word

    async with calling(
        Host,
        globally(APP_GUARD, guard("GlobalGuard")),
        globally(APP_INTERCEPTOR, around("GlobalAround")),
        globally(APP_PIPE, pipe("GlobalPipe")),
    ) as send:
        assert await send("go on") == "on"
    assert log == [
        "GlobalAround in",
        "guard GlobalGuard",
        "guard HostGuard",
        "guard MethodGuard",
        "HostAround in",
        "MethodAround in",
        "pipe GlobalPipe word",
        "pipe HostPipe word",
        "pipe MethodPipe word",
        "handler",
        "MethodAround out",
        "HostAround out",
        "GlobalAround out",
    ]


async def test_several_of_one_decorator_run_in_the_written_order():
    @station
    class Host:
        @use_guards(guard("First"), guard("Second"))
        @use_guards(guard("Third"))
        @on_line("go")
        def go(self) -> None: ...

    async with calling(Host) as send:
        await send("go")
    assert log == ["guard First", "guard Second", "guard Third"]


async def test_each_layer_runs_once_however_many_levels_declare_it():
    Everywhere, Around, Piping = guard("Everywhere"), around("Around"), pipe("Piping")
    Filter = filtering("Filter")

    @use_guards(Everywhere)
    @use_interceptors(Around)
    @use_pipes(Piping)
    @use_filters(Filter)
    @station
    class Host:
        @use_guards(Everywhere)
        @use_interceptors(Around)
        @use_pipes(Piping)
        @use_filters(Filter)
        @on_line("go")
        def go(self, word: str) -> None:
            raise ValueError

    app = app_of(
        Host,
        globally(APP_GUARD, Everywhere),
        globally(APP_INTERCEPTOR, Around),
        globally(APP_PIPE, Piping),
        globally(APP_FILTER, Filter),
    )
    async with app.create_context():
        await edge_of(app).send("go on")
    assert sorted(log) == sorted(
        ["guard Everywhere", "Around in", "pipe Piping word", "filter Filter ValueError", "Around out"]
    )
    assert "Everywhere runs once: kept at global, skipped at host" in app.graph.notices


async def test_two_instances_of_one_class_are_two_layers():
    class Limit:
        def __init__(self, name: str) -> None:
            self.name = name

        def can_activate(self, context) -> bool:
            log.append(self.name)
            return True

    @use_guards(Limit("host"))
    @station
    class Host:
        @use_guards(Limit("method"))
        @on_line("go")
        def go(self) -> None: ...

    async with calling(
        Host,
        provide(APP_GUARD, use_value=Limit("one"), multi=True),
        provide(APP_GUARD, use_value=Limit("two"), multi=True),
    ) as send:
        await send("go")
    assert log == ["one", "two", "host", "method"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (False, Refused("no")),
        (None, Refused("no")),
        (1, Refused("no")),
        (Denial.forbidden("not you"), Refused("forbidden: not you")),
    ],
    ids=["false", "none", "truthy", "denial"],
)
async def test_a_refusal_is_an_answer_that_filters_never_see(answer, expected):
    @use_guards(guard("Strict", answer))
    @use_filters(filtering("Filter", answer="filtered"))
    @use_interceptors(around("Inner"))
    @station
    class Host:
        @on_line("go")
        def go(self) -> None:
            log.append("handler")

    async with calling(Host, globally(APP_INTERCEPTOR, around("Outer"))) as send:
        assert await send("go") == expected
    assert log == ["Outer in", "guard Strict", "Outer out"]


async def test_after_a_refusal_no_later_guard_runs():
    @use_guards(guard("No", answer=False), guard("Later"))
    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    async with calling(Host) as send:
        assert await send("go") == Refused("no")
    assert log == ["guard No"]


@pytest.mark.parametrize("outer", [False, True], ids=["alone", "inside a global interceptor"])
async def test_a_guard_that_raises_refuses_and_no_filter_sees_it(outer):
    @use_guards(guard("Broken", RuntimeError("database down")))
    @use_filters(filtering("Filter", answer="filtered"))
    @station
    class Host:
        @on_line("go")
        def go(self) -> None:
            log.append("handler")

    layers = [globally(APP_INTERCEPTOR, around("Outer"))] if outer else []
    async with calling(Host, *layers) as send:
        assert await send("go") == (Refused("failed") if outer else Failed("RuntimeError"))
    assert "handler" not in log
    assert not any(line.startswith("filter") for line in log)


async def test_guards_may_be_async_or_return_an_awaitable():
    class Later:
        def can_activate(self, context):
            return self._decide()

        async def _decide(self):
            log.append("decided")
            return True

    class Async:
        async def can_activate(self, context):
            return True

    @use_guards(Later, Async)
    @station
    class Host:
        @on_line("go")
        def go(self) -> str:
            return "in"

    async with calling(Host) as send:
        assert await send("go") == "in"
    assert log == ["decided"]


async def test_layers_from_annotated_factories_are_awaited_as_what_they_really_are():
    class AsyncGuard:
        async def can_activate(self, context):
            log.append("guard")
            return True

    class AsyncAfter:
        async def after(self, context, result):
            return f"{result} after"

    class Plain:
        def after(self, context, result):
            return result

    def make_guard() -> Guard:
        return AsyncGuard()

    def make_after() -> Plain:
        return AsyncAfter()

    @station
    class Host:
        @on_line("go")
        def go(self) -> str:
            return "in"

    async with calling(
        Host,
        provide(APP_GUARD, use_factory=make_guard, multi=True),
        provide(APP_INTERCEPTOR, use_factory=make_after, multi=True),
    ) as send:
        assert await send("go") == "in after"
    assert log == ["guard"]


def test_a_layer_factory_that_says_nothing_is_a_problem():
    assert problem(provide(APP_GUARD, use_factory=lambda: None, multi=True)) == (
        "The factory of `APP_GUARD` in `RootModule` does not say which layer it makes.\n"
        "Hint: annotate its result with the layer's class"
    )


async def test_before_and_after_need_no_closure():
    class Notes:
        def before(self, context) -> None:
            log.append("before")

        async def after(self, context, result):
            return f"{result}!"

    @use_interceptors(Notes)
    @station
    class Host:
        @on_line("go")
        def go(self) -> str:
            return "in"

    app = app_of(Host)
    async with app.create_context():
        assert await edge_of(app).send("go") == "in!"
    assert "call_next" not in edge_of(app).functions["go"].source


async def test_filters_are_asked_nearest_first_until_one_answers():
    @use_filters(filtering("HostFilter", answer="host"))
    @station
    class Host:
        @use_filters(filtering("Lookup", LookupError, answer="lookup"), filtering("Passing", ValueError))
        @on_line("go")
        def go(self, what: str) -> None:
            raise {"value": ValueError, "key": KeyError, "os": OSError}[what]

    async with calling(Host, globally(APP_FILTER, filtering("GlobalFilter", answer="global"))) as send:
        assert await send("go key") == "lookup"
        assert await send("go value") == "host"
        assert await send("go os") == "host"
    assert log == [
        "filter Lookup KeyError",
        "filter Passing ValueError",
        "filter HostFilter ValueError",
        "filter HostFilter OSError",
    ]


async def test_filters_catch_what_interceptors_and_pipes_raise_each_error_once():
    def explode(value):
        raise ValueError

    class Exploding:
        async def intercept(self, context, call_next):
            await call_next()
            raise OSError

    @station
    class Host:
        @use_pipes(pipe("Bad", explode))
        @on_line("pipe")
        def pipe(self, word: str) -> None: ...

        @use_interceptors(Exploding)
        @on_line("inner")
        def inner(self) -> None: ...

        @on_line("fine")
        def fine(self) -> None: ...

    layers = [globally(APP_FILTER, filtering("Passing")), globally(APP_INTERCEPTOR, Exploding)]
    async with calling(Host, *layers) as send:
        assert await send("pipe a") == Failed("ValueError")
        assert log == ["pipe Bad word", "filter Passing ValueError"]
        log.clear()
        assert await send("inner") == Failed("OSError")
        assert log == ["filter Passing OSError"]
        log.clear()
        assert await send("fine") == Failed("OSError")
        assert log == ["filter Passing OSError"]


async def test_one_exception_object_raised_twice_is_filtered_twice():
    same = ValueError()

    @use_filters(filtering("Passing"))
    @station
    class Host:
        @on_line("go")
        def go(self) -> None:
            raise same

    async with calling(Host) as send:
        await send("go")
        await send("go")
    assert log == ["filter Passing ValueError"] * 2


async def test_global_interceptors_run_where_nothing_matches_with_no_handler():
    class Seeing:
        async def intercept(self, context, call_next):
            log.append(context.handler)
            return await call_next()

    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    async with calling(Host, globally(APP_INTERCEPTOR, Seeing), globally(APP_GUARD, guard("Guard"))) as send:
        assert await send("nobody") == Failed("unknown word")
    assert log == [None]


async def test_one_layer_serves_hosts_of_two_modules_and_injects_what_each_sees():
    @injectable
    class Book:
        pass

    @injectable
    class Careful:
        book: Book

        def can_activate(self, context) -> bool:
            log.append("careful")
            return True

    @use_guards(Careful)
    @station
    class One:
        @on_line("one")
        def one(self) -> None: ...

    @use_guards(Careful)
    @station
    class Two:
        @on_line("two")
        def two(self) -> None: ...

    @module(providers=[Book])
    class Books: ...

    @module(imports=[Books], providers=[One])
    class First: ...

    @module(imports=[Books], providers=[Two])
    class Second: ...

    async with calling(imports=[First, Second]) as send:
        await send("one")
        await send("two")
    assert log == ["careful", "careful"]


def test_a_layer_that_another_module_keeps_is_out_of_reach():
    Keeper = guard("Keeper")

    @module(providers=[provide(Keeper)])
    class Owner: ...

    @use_guards(Keeper)
    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    @module(providers=[Host])
    class Hosts: ...

    assert problem(imports=[Owner, Hosts]).startswith(
        "`Host.go` in `Hosts` needs `Keeper` (`@use_guards`), which `Owner` provides; `Hosts` does not import `Owner`."
    )


async def test_typed_metadata_is_read_nearest_first():
    class Roles(tuple):
        __slots__ = ()

    class Reading:
        def can_activate(self, context) -> bool:
            log.append((context.meta(Roles), Reflector().get_all(Roles, context), Reflector().get(int, context)))
            return True

    @meta(Roles(("host",)))
    @use_guards(Reading)
    @station
    class Host:
        @meta(Roles(("method",)))
        @on_line("go")
        def go(self) -> None: ...

    async with calling(Host) as send:
        await send("go")
    assert log == [(("method",), (("method",), ("host",)), None)]


async def test_a_wrapped_handler_is_awaited_and_a_blocking_one_runs_in_a_thread():
    import threading

    def wrapping(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            log.append("wrapped")
            return function(*args, **kwargs)

        return wrapper

    def at_once(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with pytest.raises(StopIteration) as ended:
                function(*args, **kwargs).send(None)
            return ended.value.value

        return wrapper

    @station
    class Host:
        @wrapping
        @on_line("go")
        async def go(self, word: str) -> str:
            return word

        @blocking
        @on_line("slow")
        def slow(self, word: str, *, times: int = 2) -> bool:
            assert word * times == "aa"
            return threading.current_thread() is not threading.main_thread()

        @at_once
        @on_line("now")
        async def now(self, word: str) -> str:
            return word

    class Counting:
        @at_once
        async def transform(self, value, parameter):
            return f"{value}{len(value)}"

    async with calling(Host) as send:
        assert await send("go on") == "on"
        assert await send("slow a") is True
        assert await send("now on") == "on"

    Host.now = use_pipes(Counting())(Host.now)
    async with calling(Host) as send:
        assert await send("now on") == "on2"


async def test_an_override_without_a_decorator_removes_the_handler():
    @station
    class Base:
        @on_line("go")
        def go(self) -> str:
            return "base"

        @on_line("stay")
        def stay(self) -> str:
            return type(self).__name__

    @station
    class Child(Base):
        def go(self) -> str:
            return "child"

    async with calling(Child) as send:
        assert await send("stay") == "Child"
        assert await send("go") == Failed("unknown word")


def test_a_handler_outside_a_host_is_a_problem():
    @injectable
    class Service:
        @on_line("go")
        def go(self) -> None: ...

    assert problem(Service) == (
        "`Service.go` is decorated with `@on_line`, but `Service` is no host.\nHint: decorate `Service` with `@station`"
    )


@pytest.mark.parametrize("wrapper", [staticmethod, classmethod, property])
def test_a_handler_that_is_no_plain_method_is_a_problem(wrapper):
    def go(self) -> None: ...

    Host = station(type("Host", (), {"go": wrapper(on_line("go")(go))}))
    assert problem(Host).startswith("`Host.go` is decorated with `@on_line` and is no plain method (")


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (
            use_guards,
            (
                "`int` is none of the guards: it defines no `can_activate`.\n"
                "Hint: write `def can_activate(self, context)` in `int`"
            ),
        ),
        (
            use_pipes,
            (
                "`int` is none of the pipes: it defines no `transform`.\n"
                "Hint: write `def transform(self, value, parameter)` in `int`"
            ),
        ),
        (
            use_interceptors,
            (
                "`int` is none of the interceptors: it defines no `intercept` or `before` or `after`.\n"
                "Hint: write `async def intercept(self, context, call_next)` in `int`"
            ),
        ),
        (
            use_filters,
            (
                "`int` is none of the filters: it defines no `catch`.\n"
                "Hint: write `def catch(self, error, context)` in `int`"
            ),
        ),
    ],
)
def test_what_is_no_layer_is_refused_where_it_stands(use, text):
    with pytest.raises(DefinitionError) as caught:
        use(int)
    assert str(caught.value) == text


def test_a_layer_of_another_family_is_told_which():
    class Upper:
        def transform(self, value, parameter):
            return value.upper()

    with pytest.raises(DefinitionError) as caught:
        use_guards(Upper)
    assert str(caught.value) == (
        "`Upper` is none of the guards: it defines no `can_activate`.\n"
        "Hint: `Upper` is one of the pipes: name it in `@use_pipes(…)`"
    )
    with pytest.raises(DefinitionError) as caught:
        use_interceptors(Upper())
    assert str(caught.value) == (
        "An object of `Upper` is none of the interceptors: it defines no `intercept` or `before` or `after`.\n"
        "Hint: `Upper` is one of the pipes: name it in `@use_pipes(…)`"
    )
    with pytest.raises(DefinitionError) as caught:

        @catch(ValueError)
        class Wrong: ...

    assert str(caught.value) == (
        "`Wrong` is none of the filters: it defines no `catch`.\n"
        "Hint: write `def catch(self, error, context)` in `Wrong`"
    )


def test_what_is_no_layer_is_a_problem_where_a_module_binds_it():
    class Wrong: ...

    class Upper:
        def transform(self, value, parameter):
            return value.upper()

    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    assert problem(Host, provide(APP_GUARD, use_class=Wrong, multi=True)) == (
        "`Wrong` is none of the guards: it defines no `can_activate` (bound in `RootModule`).\n"
        "Hint: write `def can_activate(self, context)` in `Wrong`"
    )
    assert problem(Host, provide(APP_GUARD, use_class=Upper, multi=True)) == (
        "`Upper` is none of the guards: it defines no `can_activate` (bound in `RootModule`).\n"
        "Hint: `Upper` is one of the pipes: bind it with `provide(APP_PIPE, use_class=Upper, multi=True)`"
    )


def test_protocols_of_layers_are_no_layers_of_their_own():
    assert Interceptor
    assert public


async def test_forty_interceptors_fit_into_one_function():
    layers = [around(f"Around{number:02}") for number in range(40)]

    @use_interceptors(*layers)
    @station
    class Host:
        @on_line("go")
        def go(self) -> str:
            return "in"

    async with calling(Host) as send:
        assert await send("go") == "in"
    assert log[0] == "Around00 in"
    assert log[-1] == "Around00 out"
    assert len(log) == 80
