"""What nobody provides is named with its consumer, its module and the edit to make."""

import enum
import importlib
import sys
import types
from abc import ABC, abstractmethod
from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest
from line_edge import app_of, boot_error, on_line, problem, report, root_of, started, station

from nestpy_core import (
    App,
    BootError,
    Inject,
    MissingProviderError,
    ParameterOptions,
    Token,
    from_context,
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


NAMED = Token[str]("some name")


def test_a_token_is_written_as_its_variable():
    @injectable
    class Pool:
        dsn: Annotated[str, NAMED]

    assert problem(Pool).splitlines()[1:] == ["Hint: add `provide(NAMED, use_value=…)` to `providers=` of `RootModule`"]


def test_a_token_is_looked_for_past_lazy_modules_and_what_only_looks_like_one(monkeypatch):
    class Lazy(types.ModuleType):
        def __getattribute__(self, name):
            raise RuntimeError(f"loading for {name} failed")

    class Pretending:
        __slots__ = ()
        __class__ = types.ModuleType

    monkeypatch.setattr(sys, "modules", {"lazy": Lazy("lazy"), "pretending": Pretending(), **sys.modules})

    @injectable
    class Pool:
        dsn: Annotated[str, NAMED]

    assert "`provide(NAMED, use_value=…)`" in problem(Pool)


def test_a_token_that_no_module_holds_is_named_by_its_text():
    local = Token[str]("local")

    @injectable
    class Pool:
        dsn: Annotated[str, local]
        several: Annotated[list[str], local]

    assert [line for line in report(Pool).splitlines() if "Hint" in line] == [
        "   Hint: add `provide(…, use_value=…)` with the token `local` to `providers=` of `RootModule`",
        "   Hint: add `provide(…, use_class=…, multi=True)` with the token `local` to `providers=` of `RootModule`",
    ]


def test_a_token_of_several_is_asked_for_as_a_list():
    @injectable
    class Pool:
        dsn: Annotated[str, NAMED]

    assert problem(Pool, provide(NAMED, use_value="a", multi=True)) == (
        "`Pool` in `RootModule` needs one `some name` (`dsn`), which is bound with `multi=True`.\n"
        "Hint: annotate it `Annotated[list[…], NAMED]`"
    )


class Where(enum.Enum):
    QUERY = "query"


FromQuery = Annotated[T, Where.QUERY]


def test_what_the_context_gives_belongs_to_handlers():
    @injectable
    class Service:
        cats: Annotated[Cats, from_context(lambda context: context)]

    @injectable
    class Other:
        size: Annotated[int, ParameterOptions()]

    assert problem(Service) == (
        "`Service` in `RootModule` annotates `cats` with `from_context(…)`, which only parameters of handlers take.\n"
        "Hint: take `cats` as a parameter of the handler, and hand it to the method that needs it"
    )
    assert problem(Other) == (
        "`Other` in `RootModule` annotates `size` with `ParameterOptions`, which only parameters of handlers take.\n"
        "Hint: take `size` as a parameter of the handler, and hand it to the method that needs it"
    )


PLACES = """
import enum
from typing import Annotated, TypeVar
from nestpy_core import HandlerMarker, declare_handler

T = TypeVar("T")

class Place(enum.Enum):
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"

Query = Annotated[T, Place.QUERY]

class Placing:
    def __init__(self, place):
        self.place = place

    def __getitem__(self, kind):
        return Annotated[kind, self.place]

Cookie = Placing(Place.COOKIE)

class WebMarker(HandlerMarker, frozen=True, kw_only=True):
    edge = "web"
    word = "@get"
    host_word = "@web"
"""


def test_the_marker_of_an_edge_belongs_to_handlers(tmp_path, monkeypatch):
    (tmp_path / "acme_web").mkdir()
    (tmp_path / "acme_web" / "__init__.py").write_text(PLACES)
    (tmp_path / "acme_web-1.dist-info").mkdir()
    (tmp_path / "acme_web-1.dist-info" / "METADATA").write_text("Name: acme-web\nVersion: 1\n")
    (tmp_path / "acme_web-1.dist-info" / "entry_points.txt").write_text("[nestpy]\nweb = acme_web._plugin\n")
    (tmp_path / "acme_web" / "_plugin.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    web = importlib.import_module("acme_web")
    monkeypatch.setitem(sys.modules, "acme_web", web)

    @injectable
    class Service:
        size: web.Query[int]

    @injectable
    class Other:
        size: Annotated[int, web.Place.HEADER]

    @injectable
    class Third:
        size: web.Cookie[int]

    def make(size: web.Query[int]) -> Cats:
        return Cats()

    @injectable
    class Foreign:
        size: FromQuery[int]

    rest = "which only parameters of handlers take.\n"
    hint = "Hint: take `size` as a parameter of the handler, and hand it to the method that needs it"
    assert problem(Service) == f"`Service` in `RootModule` annotates `size` with `Query` of acme_web, {rest}{hint}"
    assert problem(Other) == f"`Other` in `RootModule` annotates `size` with `HEADER` of acme_web, {rest}{hint}"
    assert problem(Third) == f"`Third` in `RootModule` annotates `size` with `Cookie` of acme_web, {rest}{hint}"
    assert problem(provide(Cats, use_factory=make)) == (
        f"The factory of `Cats` in `RootModule` annotates `size` with `Query` of acme_web, {rest}{hint}"
    )
    assert problem(Foreign) == (
        "`Foreign` in `RootModule` needs `int` (`size`), and no module provides it.\n"
        "Hint: give `size` a default, or inject a setting or `Annotated[int, TOKEN]`"
    )


OFFERING = """
__all__ = [3, "Bus", "Box", "Base", "BUS", "AbsentModule", "BusModule", "NoModule", "SharedModule", "ExitModule"]

def __getattr__(name):
    if name == "NoModule":
        return int
    if name == "ExitModule":
        raise SystemExit(1)
    if name in __all__:
        from . import _parts
        return getattr(_parts, name)
    raise AttributeError(name)
"""
PARTS = """
from abc import ABC, abstractmethod
from typing import Generic, TypeVar
from nestpy_core import Token, dynamic, injectable, module

T = TypeVar("T")
BUS = Token("the bus")

@injectable
class Bus: ...

class Box(Generic[T]): ...

class Base(ABC):
    @abstractmethod
    def go(self): ...

@module
class BusModule: ...

@module(shared=True)
class SharedModule: ...
"""


@pytest.fixture
def offering(tmp_path, monkeypatch):
    """Give a package that offers modules beside what they provide."""
    (tmp_path / "acme_bus").mkdir()
    (tmp_path / "acme_bus" / "__init__.py").write_text(OFFERING)
    (tmp_path / "acme_bus" / "_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("acme_bus")
    for name in ("acme_bus", "acme_bus._parts"):
        sys.modules.pop(name, None)


def test_what_a_distribution_offers_comes_with_its_module(offering):
    @injectable
    class Reader:
        bus: offering.Bus
        box: offering.Box[int]
        token: Annotated[str, offering.BUS]
        several: list[offering.Bus]

    hint = (
        "   Hint: import `BusModule` of acme_bus in `RootModule`, or `SharedModule` of acme_bus in the root module "
        "`RootModule`"
    )
    assert [line for line in report(Reader).splitlines() if "Hint" in line] == [hint] * 4


def test_a_module_that_is_imported_is_not_offered_again(offering):
    @injectable
    class Reader:
        bus: offering.Bus
        base: offering.Base

    @module(providers=[Reader], imports=[offering.BusModule])
    class Feature: ...

    assert report(imports=[Feature]) == (
        "`RootModule` cannot boot: 2 problems.\n"
        "\n"
        "1. `Reader` in `Feature` needs `Bus` (`bus`), and no module provides it.\n"
        "   Hint: import `SharedModule` of acme_bus in the root module `RootModule`\n"
        "\n"
        "2. `Reader` in `Feature` needs `Base` (`base`), and no module provides it.\n"
        "   Hint: import `SharedModule` of acme_bus in the root module `RootModule`\n"
        "   Hint: or add `provide(Base, use_class=…)` to `providers=` of `Feature`, or of a module that it imports"
    )
    assert problem(
        Reader, provide(offering.Base, use_value=1), imports=[offering.BusModule, offering.SharedModule]
    ) == (
        "`Reader` in `RootModule` needs `Bus` (`bus`), and no module provides it.\n"
        "Hint: add `Bus` to `providers=` of `RootModule`, or of a module that it imports"
    )


def test_an_app_is_not_sent_to_its_own_package(offering):
    @injectable
    class Reader:
        bus: offering.Bus

    @module(providers=[Reader])
    class OwnModule: ...

    OwnModule.__module__ = "acme_bus.main"
    with pytest.raises(BootError) as caught:
        App(OwnModule, environ={"NESTPY_ENV": "test"})
    assert str(caught.value.exceptions[0]).splitlines()[1:] == [
        "Hint: add `Bus` to `providers=` of `OwnModule`, or of a module that it imports"
    ]


@pytest.mark.parametrize("names", [3, object(), None, ["GoneModule"]])
def test_a_package_whose_list_of_names_makes_no_sense_is_left_alone(offering, names):
    @injectable
    class Reader:
        bus: offering.Bus

    offering.__all__ = names
    assert problem(Reader).splitlines()[1:] == [
        "Hint: add `Bus` to `providers=` of `RootModule`, or of a module that it imports"
    ]


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
