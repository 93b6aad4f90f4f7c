"""Loops are found, drawn once, and drawn the same wherever they are entered."""

import sys
from typing import Generic, Protocol, TypeVar

import msgspec
import pytest
from line_edge import app_of, boot_error, problem, report, root_of

from nestpy_core import (
    App,
    Scope,
    Token,
    config,
    dynamic,
    injectable,
    module,
    provide,
    provide_generic,
    use_guards,
)

T = TypeVar("T")


def chain(length, *, closed=False, scope=Scope.SINGLETON):
    """Return classes of which each injects the next; closed, the last injects the first."""
    classes = [type(f"Link{number:04}", (), {}) for number in range(length)]
    for number, cls in enumerate(classes):
        following = classes[(number + 1) % length]
        if closed or number + 1 < length:
            cls.__annotations__ = {"following": following}
        injectable(scope=scope)(cls)
    return classes


def test_three_that_wait_on_each_other_are_drawn():
    first, second, third = chain(3, closed=True)
    assert problem(second, third, first) == (
        "`Link0000`, `Link0001` and `Link0002` wait on each other.\n"
        "  ╭─▶ Link0000 (RootModule)\n"
        "  │     ▼ following\n"
        "  │   Link0001 (RootModule)\n"
        "  │     ▼ following\n"
        "  │   Link0002 (RootModule)\n"
        "  ╰─────╯ following\n"
        "Hint: move what they share into a provider of its own, and inject that into each of them"
    )


def test_one_that_needs_itself():
    (cls,) = chain(1, closed=True)
    assert problem(cls) == (
        "`Link0000` in `RootModule` needs itself.\n"
        "  ╭─▶ Link0000 (RootModule)\n"
        "  ╰─────╯ following\n"
        "Hint: remove the field `following`"
    )


def test_a_self_referential_transient_is_a_boot_error():
    (cls,) = chain(1, closed=True, scope=Scope.TRANSIENT)
    assert "`Link0000` in `RootModule` needs itself." in problem(cls)


def test_a_loop_across_modules_names_each_module():
    @injectable
    class Left:
        right: "Right"

    @injectable
    class Right:
        left: Left

    @module
    class Even: ...

    @module
    class Odd: ...

    odd = dynamic(Odd, imports=[Even], providers=[Right])
    even = dynamic(Even, imports=[odd], providers=[Left])
    text = problem(imports=[even])
    assert "Left (Even)" in text
    assert "Right (Odd)" in text


def test_a_loop_through_an_alias_a_factory_and_a_generic():
    class Repository(Generic[T]):
        pass

    token = Token[object]("TOKEN")

    class Port(Protocol): ...

    def make_repository(entity: type[T], port: Port) -> Repository[T]:
        return Repository()

    @injectable
    class Adapter:
        users: Repository[int]

    del token
    text = problem(Adapter, provide(Port, use_existing=Adapter), provide_generic(Repository, make_repository))
    assert text.startswith("`Adapter`, `Repository[int]` and `Port` wait on each other.")
    assert "▼ users" in text
    assert "▼ port" in text
    assert "╯ use_existing" in text


def test_aliases_that_name_each_other():
    first, second = Token[int]("FIRST"), Token[int]("SECOND")
    assert problem(provide(first, use_existing=second), provide(second, use_existing=first)).startswith(
        "`FIRST` and `SECOND` wait on each other."
    )
    assert problem(provide(first, use_existing=first)).startswith("`FIRST` in `RootModule` needs itself.")


def test_layers_that_are_aliases_of_each_other():
    class Guard:
        def can_activate(self, context) -> bool:
            return True

    class Other(Guard): ...

    from line_edge import on_line, station

    @use_guards(Guard)
    @station
    class Host:
        @on_line("a")
        def a(self) -> None: ...

    assert "wait on each other" in problem(Host, provide(Guard, use_existing=Other), provide(Other, use_existing=Guard))


def test_a_loop_through_a_late_configuration():
    @config("loop")
    class LoopConfig(msgspec.Struct, frozen=True, kw_only=True):
        size: int = 1

    @injectable
    class Source:
        settings: LoopConfig

    async def fill(source: Source) -> dict[str, object]:
        return {"size": 2}

    @module
    class LoopModule: ...

    late = dynamic(LoopModule, providers=[Source], late={LoopConfig: fill})
    assert problem(imports=[late]).startswith("`LoopConfig` and `Source` wait on each other.")


def test_two_loops_that_share_a_member_are_both_drawn():
    @injectable
    class Hub:
        left: "Left"
        right: "Right"

    @injectable
    class Left:
        hub: Hub

    @injectable
    class Right:
        hub: Hub

    assert len(boot_error(Hub, Left, Right).exceptions) == 2


def test_a_knot_of_many_does_not_drown_the_report():
    classes = [type(f"Knot{number}", (), {}) for number in range(60)]
    for cls in classes:
        cls.__annotations__ = {f"to_{other.__name__.lower()}": other for other in classes if other is not cls}
        injectable(cls)
    assert len(boot_error(*classes).exceptions) == 20


def test_a_chain_of_five_thousand_boots(monkeypatch):
    monkeypatch.setattr(sys, "setrecursionlimit", pytest.fail)
    classes = chain(5000)
    assert App(root_of(*classes), environ={"NESTPY_ENV": "test"}).graph.bindings_of(classes[0])


def test_a_loop_of_twelve_hundred_is_drawn():
    text = report(*chain(1200, closed=True))
    assert text.count("▼ following") == 1199


@pytest.mark.parametrize("scope", [Scope.REQUEST, Scope.TRANSIENT])
async def test_a_chain_of_twelve_hundred_short_lived_ones_compiles_and_builds(scope):
    from line_edge import edge_of, on_line, station

    from nestpy_core import Inject

    classes = chain(1200, scope=scope)
    first = classes[0]

    @station
    class Host:
        @on_line("go")
        def go(self, first: Inject[first]) -> str:
            return type(first).__name__

    app = app_of(*classes, Host)
    async with app.create_context() as context, context.request() as request:
        assert await edge_of(app).send("go") == "Link0000"
        assert isinstance(await request.get(first), first)


def test_modules_nested_a_thousand_deep_boot():
    current = root_of()
    for _ in range(1500):
        current = root_of(imports=[current])
    assert App(current, environ={"NESTPY_ENV": "test"})
