"""A module's boundary is Python's own: public names leave, private ones never do, `exports=` is `__all__`."""

import random
from typing import Annotated

import pytest
from line_edge import QUIET, app_of, boot_error, calling, edge_of, on_line, problem, started, station

from nestpy_core import (
    AccessError,
    App,
    Inject,
    Token,
    dynamic,
    injectable,
    module,
    provide,
    use_guards,
)


@injectable
class Alpha: ...


@injectable
class Beta:
    alpha: Alpha


@module(providers=[Alpha])
class AlphaModule: ...


@module(providers=[Beta])
class BetaModule: ...


def test_a_graph_says_which_modules_it_has_by_class_or_by_name():
    graph = app_of(imports=[AlphaModule]).graph
    assert [graph.has(one) for one in (AlphaModule, BetaModule)] == [True, False]
    names = (f"{__name__}:AlphaModule", f"{__name__}:BetaModule", "nowhere._module:AlphaModule")
    assert [graph.has(name) for name in names] == [True, False, False]


def test_a_forgotten_import_is_named_with_its_owner():
    error = boot_error(imports=[AlphaModule, BetaModule])
    assert isinstance(error.exceptions[0], AccessError)
    assert str(error.exceptions[0]) == (
        "`Beta` in `BetaModule` needs `Alpha` (`alpha`), which `AlphaModule` provides; "
        "`BetaModule` does not import `AlphaModule`.\n"
        "Hint: add `AlphaModule` to `imports=` of `BetaModule`"
    )


async def test_the_import_mends_it():
    @module(imports=[AlphaModule], providers=[Beta])
    class Mended: ...

    async with started(imports=[AlphaModule, Mended]) as context:
        assert (await context.get(Beta)).alpha is await context.get(Alpha)


@pytest.mark.parametrize("kind", ["handler", "host", "guard", "factory", "alias"])
def test_every_kind_of_consumer_is_held_to_the_boundary(kind):
    @injectable
    class Guard:
        alpha: Alpha

        def can_activate(self, context) -> bool:
            return True

    @station
    class Host:
        @on_line("a")
        def a(self, alpha: Inject[Alpha]) -> None: ...

    @station
    class FieldHost:
        alpha: Alpha

    @use_guards(Guard)
    @station
    class Guarded:
        @on_line("a")
        def a(self) -> None: ...

    token = Token[object]("TOKEN")
    provider, consumer = {
        "handler": (Host, "`Host.a`"),
        "host": (FieldHost, "`FieldHost`"),
        "guard": (Guarded, "`Guard`"),
        "factory": (provide(token, use_factory=lambda alpha: alpha), "The factory of `TOKEN`"),
        "alias": (provide(token, use_existing=Alpha), "`TOKEN`"),
    }[kind]
    if kind == "factory":

        def make(alpha: Alpha) -> object:
            return alpha

        provider = provide(token, use_factory=make)

    @module(providers=[provider])
    class Consumers: ...

    text = problem(imports=[AlphaModule, Consumers])
    assert text.startswith(f"{consumer} in `Consumers` needs `Alpha`")
    assert "which `AlphaModule` provides; `Consumers` does not import `AlphaModule`." in text


def test_a_private_provider_never_leaves():
    @injectable
    class _Secretive: ...

    @module(providers=[_Secretive])
    class Owner: ...

    @injectable
    class Curious:
        secretive: _Secretive

    assert problem(Curious, imports=[Owner]) == (
        "`Curious` in `RootModule` needs `_Secretive` (`secretive`), which is private to `Owner`.\n"
        "Hint: rename `_Secretive` without its leading underscore, or inject something public of `Owner`"
    )


def test_a_private_provider_cannot_be_exported_by_name_either():
    @injectable
    class _Secretive: ...

    @module(providers=[_Secretive], exports=[_Secretive])
    class Owner: ...

    assert problem(imports=[Owner]) == (
        "`Owner` exports `_Secretive`, which is private by its name.\n"
        "Hint: rename `_Secretive` without its leading underscore, or remove it from `exports=`"
    )


def test_private_tokens_and_private_bindings_of_several_stay_inside():
    secret = Token[str]("_SECRET")

    @injectable
    class Curious:
        values: list[Annotated[str, secret]]

    @module(providers=[provide(secret, use_value="x", multi=True)])
    class Owner: ...

    assert problem(Curious, imports=[Owner]).startswith(
        "`Curious` in `RootModule` needs `_SECRET` (`values`), which is private to `Owner`."
    )


class _Kept: ...


def test_a_list_of_what_another_module_keeps_private_is_out_of_reach():
    @module(providers=[provide(_Kept, multi=True)])
    class KeepingModule: ...

    @injectable
    class Asking:
        kept: list[_Kept]

    assert problem(Asking, imports=[KeepingModule]).startswith(
        "`Asking` in `RootModule` needs `_Kept` (`kept`), which is private to `KeepingModule`."
    )


def test_exports_hold_back_what_they_do_not_list():
    @module(providers=[Alpha, provide(int, use_value=1)], exports=[int])
    class Owner: ...

    assert problem(Beta, imports=[Owner]) == (
        "`Beta` in `RootModule` needs `Alpha` (`alpha`), which `Owner` provides and does not export.\n"
        "Hint: add `Alpha` to `exports=` of `Owner`"
    )


async def test_without_exports_what_is_imported_passes_on_and_with_exports_what_is_listed():
    @module(imports=[AlphaModule])
    class Open: ...

    @module(imports=[AlphaModule], exports=[AlphaModule])
    class Listing: ...

    @module(imports=[AlphaModule], exports=[Alpha])
    class Naming: ...

    @module(imports=[AlphaModule], exports=[])
    class Closed: ...

    for importer in (Open, Listing, Naming):
        async with started(Beta, imports=[importer]) as context:
            assert await context.get(Beta)
    assert problem(Beta, imports=[Closed]) == (
        "`Beta` in `RootModule` needs `Alpha` (`alpha`), which `AlphaModule` provides; "
        "`RootModule` does not import `AlphaModule`.\n"
        "Hint: add `AlphaModule` to `imports=` of `RootModule`\n"
        "Hint: or add `AlphaModule` to `exports=` of `Closed`, which `RootModule` imports"
    )


def test_an_export_of_nothing_is_a_problem():
    @module(exports=[Alpha])
    class Liar: ...

    @module(exports=[AlphaModule])
    class Forgetful: ...

    assert problem(imports=[Liar]) == (
        "`Liar` exports `Alpha`, which it neither provides nor imports.\n"
        "Hint: add `Alpha` to `providers=` of `Liar`, or remove it from `exports=`"
    )
    assert problem(imports=[Forgetful]) == (
        "`Forgetful` exports `AlphaModule`, which it neither provides nor imports.\n"
        "Hint: add `AlphaModule` to `imports=` of `Forgetful`, or remove it from `exports=`"
    )


async def test_a_shared_module_is_visible_everywhere_once_the_root_imports_it():
    @module(providers=[Alpha], shared=True)
    class Infrastructure: ...

    async with started(imports=[Infrastructure, BetaModule]) as context:
        assert await context.get(Beta)

    @module(imports=[Infrastructure], exports=[])
    class Far: ...

    assert problem(imports=[Far, BetaModule]) == (
        "`Beta` in `BetaModule` needs `Alpha` (`alpha`), which `Infrastructure` provides; "
        "`BetaModule` does not import `Infrastructure`.\n"
        "Hint: add `Infrastructure` to `imports=` of `BetaModule`\n"
        "Hint: or import `Infrastructure` in the root module `RootModule`: it is shared"
    )


async def test_a_feature_is_seen_by_its_importers_alone():
    label = Token[str]("NAME")

    @module
    class FeatureModule:
        @classmethod
        def for_feature(cls, value: str):
            return dynamic(cls, providers=[provide(label, use_value=value)], feature=value, label="for_feature")

    @injectable
    class Reader:
        name: Annotated[str, label]

    @module(imports=[FeatureModule.for_feature("cats")], providers=[Reader], exports=[Reader])
    class Cats: ...

    async with started(imports=[Cats]) as context:
        assert (await context.get(Reader)).name == "cats"

    @module(providers=[Reader])
    class Outside: ...

    assert problem(imports=[Outside, FeatureModule.for_feature("cats")]) == (
        "`Reader` in `Outside` needs `NAME` (`name`), which `FeatureModule.for_feature(cats)` provides; "
        "`Outside` does not import `FeatureModule.for_feature(cats)`.\n"
        "Hint: add `FeatureModule.for_feature(cats)` to `imports=` of `Outside`"
    )


def test_a_feature_that_is_exported_takes_no_other_one_along():
    first, second = Token[str]("FIRST"), Token[str]("SECOND")

    @module
    class FeatureModule: ...

    features = [
        dynamic(FeatureModule, providers=[provide(token, use_value="")], feature=token.name)
        for token in (first, second)
    ]

    @module(imports=features, exports=features[:1])
    class Between: ...

    @injectable
    class Reader:
        one: Annotated[str, first]
        other: Annotated[str, second]

    assert problem(Reader, imports=[Between]).startswith(
        "`Reader` in `RootModule` needs `SECOND` (`other`), which `FeatureModule.for_root(SECOND)` provides;"
    )


async def test_a_diamond_constructs_once():
    built = []

    @injectable
    class Counter:
        def __init__(self) -> None:
            built.append(self)

    @module(providers=[Counter])
    class Bottom: ...

    @module(imports=[Bottom])
    class Left: ...

    @module(imports=[Bottom])
    class Right: ...

    async with started(imports=[Left, Right]):
        assert len(built) == 1


def test_one_class_in_two_modules_is_an_error_that_names_both():
    @module(providers=[Alpha])
    class Other: ...

    assert problem(imports=[AlphaModule, Other]) == (
        "`Alpha` is provided by `AlphaModule` and `Other`.\n"
        "Hint: keep `Alpha` in one module and import that module in the other\n"
        "Hint: or write `multi=True` on each binding and inject a list"
    )


async def test_listing_order_never_matters():
    @injectable
    class Base: ...

    @injectable
    class Middle:
        base: Base

    @station
    class Top:
        middle: Middle
        base: Base

        @on_line("ids")
        def ids(self) -> bool:
            return self.middle.base is self.base

    dice = random.Random(7)
    for _ in range(50):
        base, middle, top = dice.sample([Base, Middle, Top], 3)

        @module(providers=[base])
        class First: ...

        @module(imports=[First], providers=[middle])
        class Second: ...

        @module(imports=dice.sample([First, Second], 2), providers=[top])
        class Third: ...

        app = (
            app_of(imports=dice.sample([First, Second, Third], 3))
            if (base, middle, top)
            == (
                Base,
                Middle,
                Top,
            )
            else app_of(*dice.sample([Base, Middle, Top], 3))
        )
        async with app.create_context():
            assert await edge_of(app).send("ids") is True


def test_problems_read_the_same_whatever_the_order():
    @injectable
    class Left:
        right: "Right"

    @injectable
    class Right:
        left: Left

    @injectable
    class Entry:
        right: Right

    globals()["Right"] = Right
    orders = [[Left, Right], [Right, Left], [Entry, Right, Left]]
    assert len({problem(*order) for order in orders}) == 1


def test_modules_that_import_each_other_boot():
    @module
    class Even: ...

    @module
    class Odd: ...

    even = dynamic(Even, imports=[Odd], providers=[provide(int, use_value=2)])
    odd = dynamic(Odd, imports=[even], providers=[provide(str, use_value="one")])
    graph = App(dynamic(Even, imports=[odd]), environ=QUIET).graph
    assert {node.label for node in graph.modules} >= {"Even", "Odd"}


async def test_a_module_that_the_root_does_not_reach_is_inert():
    @station
    class Lost:
        @on_line("lost")
        def lost(self) -> None: ...

    @station
    class Found:
        @on_line("found")
        def found(self) -> str:
            return "here"

    async with calling(Found) as send:
        assert await send("found") == "here"
        assert (await send("lost")).why == "unknown word"
