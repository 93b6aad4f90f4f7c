"""What nobody provides is named with its consumer, its module and the edit to make."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest
from line_edge import app_of, boot_error, on_line, problem, report, root_of, started, station

from nestpy_core import (
    App,
    BootError,
    Inject,
    MissingProviderError,
    Token,
    injectable,
    module,
    provide,
    provide_generic,
    use_guards,
)

T = TypeVar("T")
DSN = Token[str]("DSN")


class Cats:
    """Provided by nobody."""


@injectable
class CatsService:
    cats: Cats


def test_a_missing_class_is_named_with_consumer_module_and_field():
    assert problem(CatsService) == (
        "`CatsService` in `RootModule` needs `Cats` (`cats`), and no module provides it.\n"
        "Hint: add `Cats` to `providers=` of `RootModule`, or of a module that it imports"
    )


def test_it_is_a_lookup_error_before_anything_is_constructed():
    built = []

    @injectable
    class Eager:
        def __init__(self) -> None:
            built.append(self)

    error = boot_error(CatsService, Eager)
    assert isinstance(error.exceptions[0], MissingProviderError)
    assert isinstance(error.exceptions[0], LookupError)
    assert built == []


def test_a_missing_protocol_asks_for_an_implementation():
    class Watch(Protocol):
        def now(self) -> float: ...

    @injectable
    class Timer:
        watch: Watch

    assert problem(Timer) == (
        "`Timer` in `RootModule` needs `Watch` (`watch`), and no module provides it.\n"
        "Hint: add `provide(Watch, use_class=…)` to `providers=` of `RootModule`, or of a module that it imports"
    )


def test_an_implementation_under_its_own_name_is_pointed_at():
    class Clock(ABC):
        @abstractmethod
        def now(self) -> float: ...

    @injectable
    class SystemClock(Clock):
        def now(self) -> float:
            return 0.0

    @injectable
    class Timer:
        clock: Clock

    assert "Hint: `SystemClock` in `RootModule` is one: add `provide(Clock, use_existing=SystemClock)`" in problem(
        Timer, SystemClock
    )


def test_a_missing_token_asks_for_a_value():
    @injectable
    class Pool:
        dsn: Annotated[str, DSN]

    assert problem(Pool) == (
        "`Pool` in `RootModule` needs `DSN` (`dsn`), and no module provides it.\n"
        "Hint: add `provide(DSN, use_value=…)` to `providers=` of `RootModule`"
    )


def test_a_missing_builtin_asks_for_a_default_or_a_token():
    @injectable
    class Pool:
        size: int

    assert problem(Pool) == (
        "`Pool` in `RootModule` needs `int` (`size`), and no module provides it.\n"
        "Hint: give `size` a default, or inject a setting or `Annotated[int, TOKEN]`"
    )


def test_what_names_no_class_asks_for_a_default_or_a_token_too():
    @injectable
    class Reader:
        anything: Any

    assert problem(Reader) == (
        "`Reader` in `RootModule` needs `Any` (`anything`), and no module provides it.\n"
        "Hint: give `anything` a default, or inject a setting or `Annotated[Any, TOKEN]`"
    )


def test_a_missing_list_asks_for_a_multi_binding():
    @injectable
    class Herd:
        cats: list[Cats]

    assert problem(Herd) == (
        "`Herd` in `RootModule` needs `list[Cats]` (`cats`), and no module provides it.\n"
        "Hint: add `provide(Cats, use_class=…, multi=True)` to `providers=` of `RootModule`"
    )


def test_one_of_several_and_several_of_one_are_told_apart():
    @injectable
    class One:
        cats: Cats

    @injectable
    class Many:
        cats: list[Cats]

    several = provide(Cats, use_value=1, multi=True)
    assert problem(One, several) == (
        "`One` in `RootModule` needs one `Cats` (`cats`), which is bound with `multi=True`.\n"
        "Hint: annotate it `list[Cats]`"
    )
    assert problem(Many, provide(Cats, use_value=1)) == (
        "`Many` in `RootModule` needs `list[Cats]` (`cats`), and `Cats` is bound once.\n"
        "Hint: write `multi=True` on the binding of `Cats`, or annotate it `Cats`"
    )


def test_a_parametrisation_and_its_bare_class_are_explained():
    class Repository(Generic[T]): ...

    @injectable
    class Users:
        repository: Repository[Cats]

    @injectable
    class Bare:
        repository: Repository

    assert problem(Users) == (
        "`Users` in `RootModule` needs `Repository[Cats]` (`repository`), and no module provides it.\n"
        "Hint: add `provide(Repository[Cats], use_class=…)` to `providers=` of `RootModule`, "
        "or import the module that provides it"
    )
    assert problem(Bare, provide_generic(Repository)) == (
        "`Bare` in `RootModule` needs `Repository` (`repository`), and no module provides it.\n"
        "Hint: name what it is for: `Repository[…]`"
    )


def test_a_similar_name_is_offered():
    @injectable
    class CatsServices: ...

    @injectable
    class Consumer:
        service: CatsService

    assert "Hint: `CatsServices` has a similar name" in problem(Consumer, CatsServices)


def test_factories_handlers_and_layers_are_consumers_too():
    def make_pool(cats: Cats) -> int:
        return 1

    class Guard:
        def can_activate(self, context) -> bool:
            return True

    @injectable
    class NeedyGuard(Guard):
        cats: Cats

    @station
    class Host:
        @on_line("a")
        def a(self, cats: Inject[Cats]) -> None: ...

        @use_guards(NeedyGuard)
        @on_line("b")
        def b(self) -> None: ...

    error = boot_error(provide(DSN, use_factory=make_pool), Host)
    assert [one.sentence for one in error.exceptions] == [
        "The factory of `DSN` in `RootModule` needs `Cats` (`cats`), and no module provides it.",
        "`NeedyGuard` in `RootModule` needs `Cats` (`cats`), and no module provides it.",
        "`Host.a` in `RootModule` needs `Cats` (`cats`), and no module provides it.",
    ]


def test_every_problem_is_reported_at_once_and_numbered():
    @injectable
    class Left:
        right: "Right"

    @injectable
    class Right:
        left: Left

    globals()["Right"] = Right
    text = report(CatsService, Left, Right, CatsService)
    assert text == (
        "`RootModule` cannot boot: 3 problems.\n"
        "\n"
        "1. `CatsService` is provided twice by `RootModule`.\n"
        "   Hint: remove one of the two lines from `RootModule`\n"
        "\n"
        "2. `CatsService` in `RootModule` needs `Cats` (`cats`), and no module provides it.\n"
        "   Hint: add `Cats` to `providers=` of `RootModule`, or of a module that it imports\n"
        "\n"
        "3. `Left` and `Right` wait on each other.\n"
        "     ╭─▶ Left (RootModule)\n"
        "     │     ▼ right\n"
        "     │   Right (RootModule)\n"
        "     ╰─────╯ left\n"
        "   Hint: move what they share into a provider of its own, and inject that into each of them"
    )


async def test_optional_injection_takes_none_or_the_object_whatever_the_order():
    @injectable
    class Patient:
        cats: Cats | None
        spare: Cats | None = None

    async with started(Patient) as context:
        patient = await context.get(Patient)
        assert (patient.cats, patient.spare) == (None, None)
    for providers in ([provide(Cats), Patient], [Patient, provide(Cats)]):
        async with started(*providers) as context:
            patient = await context.get(Patient)
            assert isinstance(patient.cats, Cats)
            assert patient.spare is patient.cats


def test_an_optional_that_exists_beyond_the_boundary_is_an_error_and_not_none():
    @injectable
    class _Hidden: ...

    @module(providers=[_Hidden])
    class Owner: ...

    @injectable
    class Consumer:
        hidden: _Hidden | None = None

    assert "which is private to `Owner`" in problem(Consumer, imports=[Owner])


def test_a_class_of_the_same_name_from_elsewhere_is_told_apart():
    mine = injectable(type("Cats", (), {"__module__": "billing.cats"}))
    theirs = type("Cats", (), {"__module__": "shop.cats"})

    @injectable
    class Consumer:
        cats: theirs

    assert problem(mine, Consumer) == (
        "`Consumer` in `RootModule` needs `shop.cats.Cats` (`cats`), and no module provides it.\n"
        "Hint: `RootModule` provides `billing.cats.Cats`, another one\n"
        "Hint: add `Cats` to `providers=` of `RootModule`, or of a module that it imports"
    )


def test_modules_and_providers_of_equal_names_are_told_apart():
    first = injectable(type("Cats", (), {"__module__": "billing.cats"}))
    second = injectable(type("Cats", (), {"__module__": "shop.cats"}))

    def home(name, cls):
        return module(providers=[cls])(type("CatsModule", (), {"__module__": name}))

    @injectable
    class Consumer:
        cats: first

    @module(providers=[Consumer])
    class Inner: ...

    text = problem(imports=[home("billing", first), home("shop", second), Inner])
    assert text == (
        "`Consumer` in `Inner` needs `billing.cats.Cats` (`cats`), which `billing.CatsModule` provides; "
        "`Inner` does not import `billing.CatsModule`.\n"
        "Hint: add `billing.CatsModule` to `imports=` of `Inner`"
    )


def test_a_boot_error_can_be_split_and_keeps_its_kind():
    error = boot_error(CatsService, provide(DSN, use_factory=lambda cats: cats))
    part, rest = error.split(MissingProviderError)
    assert isinstance(part, BootError)
    assert isinstance(rest, BootError)
    assert part.graph is error.graph


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError) as caught:
        App(Cats)
    assert str(caught.value) == "`Cats` is no module.\nHint: decorate it with `@module(…)`"
    assert root_of() is not None
    assert app_of().edges == ()
