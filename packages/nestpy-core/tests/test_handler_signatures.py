"""What nothing could call as it is written is a problem of the boot: handlers, layers and constructors."""

import functools
import inspect

import pytest
from line_edge import calling, on_line, problem, report, started, station

from nestpy_core import (
    APP_GUARD,
    injectable,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)


def line_of(function):
    return f"{__file__}:{inspect.unwrap(function).__code__.co_firstlineno}"


def test_a_handler_of_any_arguments_is_a_problem():
    @station
    class Host:
        @on_line("several")
        async def several(self, *args: int) -> None: ...

        @on_line("named")
        async def named(self, word: str, **options: str) -> None: ...

    assert report(Host) == (
        "`RootModule` cannot boot: 2 problems.\n"
        "\n"
        f"1. `Host.several` takes `*args`, which no edge fills ({line_of(Host.several)}).\n"
        "   Hint: write each argument as a parameter of its own; a decorator keeps them with `functools.wraps`\n"
        "\n"
        f"2. `Host.named` takes `**options`, which no edge fills ({line_of(Host.named)}).\n"
        "   Hint: write each argument as a parameter of its own; a decorator keeps them with `functools.wraps`"
    )


def test_a_decorator_that_hides_the_parameters_is_a_problem_of_its_own():
    def hiding(function):
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @station
    class Host:
        @on_line("go")
        @hiding
        def go(self, word: str) -> str:
            return word

    assert problem(Host) == (
        f"`Host.go` takes `*args` and `**kwargs`, which no edge fills ({line_of(Host.go)}).\n"
        "Hint: write each argument as a parameter of its own; a decorator keeps them with `functools.wraps`"
    )


async def test_a_wrapper_is_read_as_what_it_wraps():
    def telling(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return f"told {function(*args, **kwargs)}"

        return wrapper

    @station
    class Host:
        @on_line("go")
        @telling
        def go(self, word: str) -> str:
            return word

    async with calling(Host) as send:
        assert await send("go a") == "told a"


@pytest.mark.parametrize("parameters", ["", "word: str", "*, word: str"])
def test_a_handler_without_self_is_a_problem(parameters):
    names: dict[str, object] = {}
    exec(f"async def go({parameters}) -> str: ...", names)  # three functions that differ in this alone
    go = on_line("go")(names["go"])
    Host = station(type("Host", (), {"go": go}))
    assert problem(Host) == (
        "`Host.go` takes no `self`, and is called as a method (<string>:1).\nHint: make `self` its first parameter"
    )


async def test_self_may_have_another_name_or_an_annotation():
    @station
    class Host:
        @on_line("one")
        def one(this, word: str) -> str:  # the point of the test
            return word

        @on_line("two")
        def two(this: "Host", word: str) -> str:  # as above
            return word

    globals()["Host"] = Host
    async with calling(Host) as send:
        assert await send("one a") == "a"
        assert await send("two b") == "b"


def can_activate(context):
    return True


def transform(self, value):
    return value


def before():
    return None


def after(self, context):
    return None


async def intercept(self, context, call_next, more):
    return await call_next()


def catch(self, error, context, *, more):
    return error


@pytest.mark.parametrize(
    ("use", "method", "given"),
    [
        (use_guards, can_activate, "self, context"),
        (use_pipes, transform, "self, value, parameter"),
        (use_interceptors, before, "self, context"),
        (use_interceptors, after, "self, context, result"),
        (use_interceptors, intercept, "self, context, call_next"),
        (use_filters, catch, "self, error, context"),
    ],
)
def test_a_layer_that_cannot_be_called_is_a_problem(use, method, given):
    Layer = injectable(type("Layer", (), {method.__name__: method}))

    @use(Layer)
    @station
    class Host:
        @on_line("go")
        def go(self, word: str) -> str:
            return word

    assert problem(Host) == (
        f"`{method.__name__}` of `Layer` does not take what it is called with: `{given}` ({line_of(method)}).\n"
        f"Hint: write `{'async ' * inspect.iscoroutinefunction(method)}def {method.__name__}({given})`"
    )


def test_a_ready_or_global_layer_that_cannot_be_called_is_a_problem_too():
    class Layer:
        can_activate = can_activate

    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    text = (
        f"`can_activate` of `Layer` does not take what it is called with: `self, context` ({line_of(can_activate)}).\n"
        "Hint: write `def can_activate(self, context)`"
    )
    assert problem(use_guards(Layer())(Host)) == text
    assert problem(Host, provide(APP_GUARD, use_class=Layer, multi=True)) == text


async def test_layers_may_take_more_than_they_are_given():
    class Admitting:
        @staticmethod
        def can_activate(context) -> bool:
            return True

    class Loose:
        def transform(self, *given, more=None):
            return given[0].upper()

    @use_guards(Admitting)
    @use_pipes(Loose)
    @station
    class Host:
        @on_line("go")
        def go(self, word: str) -> str:
            return word

    async with calling(Host) as send:
        assert await send("go a") == "A"


def test_a_constructor_that_makes_a_coroutine_is_a_problem():
    @injectable
    class Pool:
        async def __init__(self) -> None: ...

    assert problem(Pool) == (
        f"`__init__` of `Pool` is async, and constructors are not awaited ({line_of(Pool.__init__)}).\n"
        "Hint: write `def __init__`, and await in a method with `@on_module_init` or in a factory: "
        "`provide(Pool, use_factory=…)`"
    )


async def test_constructors_and_factories_still_ignore_any_arguments():
    @injectable
    class Pool:
        def __init__(self, *args: int, **options: int) -> None:
            self.size = len(args) + len(options)

    class Other:
        size = 0

    def make(*args: int, **options: int) -> Other:
        return Other()

    async with started(Pool, provide(Other, use_factory=make)) as context:
        assert (await context.get(Pool)).size == (await context.get(Other)).size == 0
