"""Guards, pipes, interceptors, filters, request scope and instruments stand around each field as on any edge."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest

from nestpy_core import (
    APP_FILTER,
    APP_GUARD,
    APP_INTERCEPTOR,
    Denial,
    DenialKind,
    Inject,
    Scope,
    Trim,
    Uppercase,
    catch,
    from_context,
    injectable,
    provide,
    public,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from nestpy_graphql import GraphqlContext, GraphqlRequest, field, mutation, query, resolver
from nestpy_http import HttpContext, param
from nestpy_testing import TestApp


class Item(msgspec.Struct):
    name: str


SEEN: list[str] = []


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


def guard(name, verdict=True):
    class Guard:
        posture = True

        def can_activate(self, context: GraphqlContext | HttpContext) -> bool | Denial:
            SEEN.append(f"{name} {context.edge}")
            return verdict

    Guard.__name__ = Guard.__qualname__ = name
    return injectable(Guard)


REFUSALS = {
    "unauthenticated": Denial.unauthorized("Who are you?", challenge="Bearer"),
    "forbidden": False,
    "limited": Denial.rate_limited(retry_after=1.2),
    "scoped": Denial.insufficient_scope(("read", "write")),
}


@pytest.mark.parametrize("site", ["app", "host", "method"])
@pytest.mark.parametrize(
    ("kind", "extensions"),
    [
        ("unauthenticated", {"code": "UNAUTHENTICATED"}),
        ("forbidden", {"code": "FORBIDDEN"}),
        ("limited", {"code": "RATE_LIMITED", "retryAfterSeconds": 2}),
        ("scoped", {"code": "INSUFFICIENT_SCOPE", "requiredScopes": ["read", "write"]}),
    ],
)
async def test_a_guard_of_any_site_refuses_with_its_code(app_of, site, kind, extensions):
    refusing = guard("Refusing", REFUSALS[kind])

    @resolver()
    class Root:
        @query()
        def secret(self) -> str | None:
            SEEN.append("resolved")
            return "canary"

    if site == "host":
        use_guards(refusing)(Root)
    elif site == "method":
        use_guards(refusing)(Root.secret)
    providers = [provide(APP_GUARD, use_class=refusing, multi=True)] if site == "app" else []
    async with TestApp(app_of(Root, *providers)) as app:
        found = await app.graphql("{ secret }")
    assert (found.status, found.data) == (200, {"secret": None})
    assert found.errors[0]["extensions"] == extensions
    assert SEEN == ["Refusing graphql"]


async def test_guards_of_the_app_run_once_for_each_operation_field_and_not_for_the_fields_below(app_of):
    @use_guards(guard("OfHost"))
    @resolver(Item)
    class Items:
        @field()
        @use_guards(guard("OfField"))
        def more(self, item: Item) -> str:
            return item.name

    @use_guards(guard("OfRoot"))
    @resolver()
    class Root:
        @query()
        @use_guards(guard("OfMethod"))
        def item(self) -> Item:
            return Item("x")

    async with TestApp(app_of(Root, Items, provide(APP_GUARD, use_class=guard("OfApp"), multi=True))) as app:
        assert (await app.graphql("{ item { name more } }")).data == {"item": {"name": "x", "more": "x"}}
    assert [one.partition(" ")[0] for one in SEEN] == ["OfApp", "OfRoot", "OfMethod", "OfHost", "OfField"]


async def test_a_field_that_is_refused_leaves_the_others(app_of):
    @resolver(Item)
    class Items:
        @field()
        @use_guards(guard("No", False))
        def more(self, item: Item) -> str | None:
            return item.name

    @public
    @resolver()
    class Root:
        @query()
        def item(self) -> Item:
            return Item("x")

    async with TestApp(app_of(Root, Items)) as app:
        found = await app.graphql("{ item { name more } }")
    assert (found.data, found.codes) == ({"item": {"name": "x", "more": None}}, ["FORBIDDEN"])
    assert found.errors[0]["path"] == ["item", "more"]


@injectable
class Outer:
    async def intercept(self, context, call_next) -> Any:
        if context.edge != "graphql":
            return await call_next()
        return f"({await call_next()})"


@injectable
class Inner:
    async def intercept(self, context: GraphqlContext, call_next) -> Any:
        assert context.request.kind == "query"
        return f"<{await call_next()} {context.arguments}>"


@injectable
@catch(LookupError)
class Mend:
    def catch(self, error, context) -> str:
        return f"mended {context.edge}"


@injectable
@catch(ValueError)
class MendAll:
    def catch(self, error, context) -> str:
        return "mended by the app"


Name = Annotated[str | None, from_context(lambda context: context.request.operation_name)]


@public
@resolver()
class Layered:
    @query()
    @use_interceptors(Inner)
    async def wrapped(self, text: str = "x") -> str:
        return text

    @query()
    @use_pipes(Trim)
    def piped(self, text: Annotated[str, param(pipes=[Uppercase()])], list: list[int] | None = None) -> str:
        return f"{text}{list}"

    @query()
    @use_filters(Mend)
    def mended(self) -> str:
        raise KeyError

    @query()
    def mended_by_all(self) -> str:
        raise ValueError

    @query()
    async def named(self, name: Name, context: GraphqlContext, request: GraphqlRequest) -> str:
        assert context.request is request
        return f"{name} {context.handler.name}"


async def test_interceptors_filters_and_pipes_stand_around(app_of):
    providers = [
        provide(APP_INTERCEPTOR, use_class=Outer, multi=True),
        provide(APP_FILTER, use_class=MendAll, multi=True),
    ]
    async with TestApp(app_of(Layered, *providers)) as app:
        found = await app.graphql('query Q { wrapped piped(text: " a ") mended mendedByAll named }')
    assert found.data == {
        "wrapped": "(<x {'text': 'x'}>)",
        "piped": "(ANone)",
        "mended": "(mended graphql)",
        "mendedByAll": "(mended by the app)",
        "named": "(Q named)",
    }


@injectable(scope=Scope.REQUEST)
class PerCall:
    def __init__(self, request: GraphqlRequest):
        self.request = request

    def who(self) -> str:
        return str(self.request.headers.get("x-who"))


CLEANED: list[str] = []


class Resource:
    pass


async def resource() -> AsyncIterator[Resource]:
    CLEANED.append("open")
    yield Resource()
    CLEANED.append("closed")


@resolver(scope=Scope.REQUEST)
class Scoped:
    per: PerCall

    @query()
    async def who(self, other: Inject[PerCall]) -> str:
        await asyncio.sleep(0)
        assert other is self.per
        return self.per.who()

    @query()
    async def used(self, resource: Inject[Resource]) -> list[str]:
        return list(CLEANED)


async def test_request_scoped_providers_know_the_operation_and_are_cleaned_up(app_of):
    CLEANED.clear()
    made = provide(Resource, use_factory=resource, scope=Scope.REQUEST)
    async with TestApp(app_of(Scoped, PerCall, made)) as app:
        assert (await app.graphql("{ who }", headers={"x-who": "ann"})).data == {"who": "ann"}
        assert (await app.graphql("{ used }")).data == {"used": ["open"]}
        assert CLEANED == ["open", "closed"]


@injectable
class Actor:
    posture = True

    async def can_activate(self, context: GraphqlContext) -> bool:
        context.actor = context.headers.get("x-who")
        await asyncio.sleep(0)
        return True


@use_guards(Actor)
@resolver()
class Acting:
    @query()
    async def me(self, context: GraphqlContext, request: GraphqlRequest, times: int = 1) -> list[str]:
        found = []
        for _ in range(times):
            await asyncio.sleep(0)
            request.state.setdefault("who", context.actor)
            found.append(f"{context.actor} {request.state['who']} {request.variables['n']}")
        return found


async def test_a_hundred_operations_at_once_do_not_see_each_other(app_of):
    source = "query($n: Int!) { a: me(times: $n) b: me(times: 3) }"
    async with TestApp(app_of(Acting)) as app:
        found = await asyncio.gather(
            *(app.graphql(source, {"n": n % 7 + 1}, headers={"x-who": f"u{n}"}) for n in range(100))
        )
    for n, one in enumerate(found):
        line = f"u{n} u{n} {n % 7 + 1}"
        assert one.data == {"a": [line] * (n % 7 + 1), "b": [line] * 3}


async def test_what_a_layer_does_to_its_arguments_ends_with_its_call(app_of):
    @injectable
    class Meddling:
        posture = True

        def can_activate(self, context: GraphqlContext) -> bool:
            context.arguments["number"] = context.arguments.get("number", 0) + 1
            SEEN.append(str(context.arguments["number"]))
            return True

    @use_guards(Meddling)
    @resolver()
    class Root:
        @query()
        def told(self, number: int) -> int:
            return number

    async with TestApp(app_of(Root)) as app:
        for _ in range(3):
            assert (await app.graphql("{ told(number: 1) }")).data == {"told": 1}
    assert SEEN == ["2", "2", "2"]


async def test_mutations_and_subscriptions_have_guards_too(app_of):
    @use_guards(guard("No", False))
    @resolver()
    class Root:
        @public
        @query()
        def hello(self) -> str:
            return "hello"

        @mutation()
        def change(self) -> int | None:
            SEEN.append("resolved")
            return 1

    async with TestApp(app_of(Root)) as app:
        found = await app.graphql("mutation { change }")
    assert (found.data, found.codes) == ({"change": None}, ["FORBIDDEN"])
    assert SEEN == ["No graphql"]


def test_every_kind_of_denial_has_a_code():
    from nestpy_graphql._failures import _DENIALS

    assert set(_DENIALS) == set(DenialKind)
