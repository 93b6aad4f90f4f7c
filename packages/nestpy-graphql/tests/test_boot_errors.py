"""What is wrong with resolvers and types is told before anything is constructed, with the edit to make."""

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import msgspec
import pytest

from nestpy_core import BootError, DefinitionError, ExecutionContext, Scope, injectable, use_guards
from nestpy_graphql import (
    GraphqlModule,
    Loader,
    dataloader,
    field,
    interface,
    mutation,
    query,
    resolver,
    subscription,
    type_options,
)
from nestpy_http import HttpContext, Request


class User(msgspec.Struct):
    name: str


class Org(msgspec.Struct):
    name: str


class Opaque:
    pass


@resolver()
class Fine:
    @query()
    def user(self) -> User: ...


@pytest.fixture
def refused(app_of):
    """Return what a boot is refused with: each problem without its number."""

    def boot(*providers, **options):
        with pytest.raises(BootError) as caught:
            app_of(*providers, **options)
        text = str(caught.value)
        parts = text.split("\n\n")[1:]
        return [part.partition(". ")[2] for part in parts]

    return boot


def test_two_owners_of_one_operation_are_named(refused):
    @resolver()
    class Other:
        @query("user")
        def somebody(self) -> User: ...

    assert refused(Fine, Other) == [
        (
            "`Fine.user` and `Other.somebody` are both the field `Query.user`.\n"
            "   Hint: give one of them another name, or leave one out"
        )
    ]


def test_two_owners_of_one_field_are_named(refused):
    @resolver(User)
    class Some:
        @field()
        def age(self, user: User) -> int: ...

    @resolver(User)
    class Others:
        @field("age")
        def years(self, user: User) -> int: ...

    assert refused(Fine, Some, Others) == [
        (
            "`Some.age` and `Others.years` are both the field `User.age`.\n"
            "   Hint: give one of them another name, or leave one out"
        )
    ]


def test_types_that_graphql_does_not_have_are_named_with_their_place(refused):
    class Holder(msgspec.Struct):
        kept: list[Opaque]

    @resolver()
    class Root:
        @query()
        def of_result(self) -> Opaque: ...

        @query()
        def of_field(self) -> Holder: ...

        @query()
        def of_argument(self, by: Opaque) -> int: ...

        @query()
        def of_nothing(self) -> None: ...

        @query()
        def of_union(self) -> User | int: ...

        @query()
        def of_arguments(self, by: User | Org) -> int: ...

    hint = "   Hint: annotate it with a Struct, a dataclass, an exposed entity, an enumeration or a scalar"
    assert sorted(refused(Root)) == sorted([
        f"`Root.of_result` is `Opaque`, for which GraphQL has no type.\n{hint}",
        f"`Holder.kept` is `Opaque`, for which GraphQL has no type.\n{hint}",
        ("`Root.of_argument(by)` is `Opaque`, for which GraphQL has no input type.\n"
        "   Hint: annotate it with a Struct, a dataclass, an enumeration or a scalar"),
        ("`Root.of_nothing` returns nothing, for which GraphQL has no type.\n"
        "   Hint: return something, for instance `-> bool`"),
        ("`Root.of_union` is `User | int`, a union of which not every member is an object.\n"
        "   Hint: return one type, or a data class for each case"),
        ("`Root.of_arguments(by)` is `User | Org`, and GraphQL has no unions of arguments.\n"
        "   Hint: take one type, or several optional arguments"),
    ])  # fmt: skip


def test_an_enumeration_of_other_values_is_shown_but_not_taken(refused, app_of):
    class Pair(enum.Enum):
        FIRST = (1, 2)

    @resolver()
    class Shown:
        @query()
        def pair(self) -> Pair: ...

    @resolver()
    class Taken:
        @query()
        def taken(self, pairs: list[Pair]) -> int: ...

    app_of(Shown)
    assert refused(Taken) == [
        (
            "`Taken.taken(pairs)` is `Pair`, whose values are neither all texts nor all integers.\n"
            "   Hint: give its members such values, or take another argument"
        )
    ]


def test_a_field_belongs_to_a_type(refused):
    @resolver()
    class Loose:
        @field()
        def age(self, user: User) -> int: ...

    @resolver(User)
    class Childless:
        @field()
        def height(self) -> int: ...

    hint = "   Hint: write `@resolver(User)` above its class, and take the parent as its first parameter"
    assert refused(Fine, Loose, Childless) == [
        f"`Loose.age` is a `@field` of no type.\n{hint}",
        "`Childless.height` takes no parent, and is a field of `User`.\n   Hint: write `(self, user: User, …)`",
    ]


def test_a_field_of_a_type_that_nothing_returns_is_told(refused):
    @resolver(Org)
    class Orgs:
        @field()
        def size(self, org: Org) -> int: ...

    assert refused(Fine, Orgs) == [
        (
            "`Orgs.size` is a field of `Org`, which no operation returns.\n"
            "   Hint: return it from a `@query`, or leave the field out"
        )
    ]


def test_a_schema_without_a_query_is_refused(refused):
    @resolver()
    class Root:
        @mutation()
        def change(self) -> int: ...

    assert refused(Root) == [
        (
            "The schema has no query, which GraphQL asks of every schema.\n"
            "   Hint: decorate a method of a `@resolver()` class with `@query()`"
        )
    ]


def test_results_are_annotated(refused):
    @resolver()
    class Root:
        @query()
        def bare(self): ...

    assert refused(Fine, Root) == [
        "`Root.bare` says nothing of what it returns.\n   Hint: annotate the result: it is the field's type"
    ]


def test_subscriptions_yield_and_nothing_else_does(refused):
    @resolver()
    class Root:
        @subscription()
        async def once(self) -> int: ...

        @query()
        async def often(self) -> AsyncIterator[int]:
            yield 1

    assert sorted(refused(Fine, Root)) == [
        (
            "`Root.often` is decorated with `@query`, which is for functions that return.\n"
            "   Hint: return the result, or decorate it with `@subscription()`"
        ),
        (
            "`Root.once` is decorated with `@subscription`, which is for async generators.\n"
            "   Hint: write `async def` with `yield`, and `-> AsyncIterator[Event]`"
        ),
    ]


def test_two_types_of_one_name_are_told_with_their_modules(refused):
    def other():
        class User(msgspec.Struct):
            age: int

        return User

    second = other()

    @resolver()
    class Root:
        @query()
        def other(self) -> second: ...

    assert refused(Fine, Root) == [
        (
            f"Two types are called `User`: `{__name__}.User` and `{__name__}.{second.__qualname__}`.\n"
            "   Hint: give one class another name"
        )
    ]


def test_an_output_and_an_input_of_one_name_are_told(refused):
    class UserInput(msgspec.Struct):
        name: str

    @resolver()
    class Root:
        @query()
        def given(self, one: User) -> UserInput: ...

    [problem] = refused(Root)
    assert problem.startswith("Two types are called `UserInput`: ")
    assert "the input `User`" in problem


def test_a_type_needs_a_field(refused):
    class Empty(msgspec.Struct):
        pass

    @resolver()
    class Root:
        @query()
        def empty(self) -> Empty: ...

    assert refused(Root) == [
        "`Empty` has no field, which GraphQL asks of every type.\n   Hint: give it a field, or return a scalar"
    ]


def test_an_input_needs_a_field(refused):
    class Empty(msgspec.Struct):
        pass

    @resolver()
    class Root:
        @query()
        def given(self, one: Empty) -> int: ...

    assert refused(Root) == [
        "`Empty` has no field, which GraphQL asks of every type.\n   Hint: give it a field, or take no such argument"
    ]


def test_an_annotation_that_cannot_be_read_is_named_with_its_class(refused):
    @dataclass
    class Broken:
        one: "Nowhere"  # noqa: F821

    @resolver()
    class Root:
        @query()
        def broken(self) -> Broken: ...

    assert refused(Root) == [
        (
            "`Broken` has an annotation that cannot be read: name 'Nowhere' is not defined.\n"
            "   Hint: define or import the name in the module of the class, not in a function or under `TYPE_CHECKING`"
        )
    ]


@injectable
class Users:
    @dataloader
    async def by_id(self, keys: list[int]) -> dict[int, User]: ...


def test_a_loader_that_nobody_makes_is_told(refused):
    @resolver(User)
    class Fields:
        @field()
        async def boss(self, user: User, users: Loader[str, User]) -> User: ...

    assert refused(Fine, Fields, Users) == [
        (
            "`Fields.boss(users)` is `Loader[str, User]`, and no `@dataloader` of the app loads that.\n"
            "   Hint: decorate a service's method `(self, keys: list[Key]) -> dict[Key, Value]` with `@dataloader`"
        )
    ]


def test_a_loader_that_two_make_is_told_and_one_may_be_named(refused, app_of):
    @injectable
    class More:
        @dataloader
        async def by_id(self, keys: list[int]) -> dict[int, User]: ...

    @resolver(User)
    class Fields:
        @field()
        async def boss(self, user: User, users: Loader[int, User]) -> User: ...

    @resolver(User)
    class Named:
        @field()
        async def boss(self, user: User, users: Annotated[Loader[int, User], More.by_id]) -> User: ...

    assert refused(Fine, Fields, Users, More) == [
        (
            "`Fields.boss(users)` is `Loader[int, User]`, which `Users.by_id` and `More.by_id` load.\n"
            "   Hint: say which: `Annotated[Loader[int, User], Users.by_id]`"
        )
    ]
    app_of(Fine, Named, Users, More)


def test_a_loader_of_a_transient_service_is_refused(refused):
    @injectable(scope=Scope.TRANSIENT)
    class Fleeting:
        @dataloader
        async def by_id(self, keys: list[int]) -> dict[int, User]: ...

    @resolver(User)
    class Fields:
        @field()
        async def boss(self, user: User, users: Loader[int, User]) -> User: ...

    assert refused(Fine, Fields, Fleeting) == [
        (
            "`Fields.boss(users)` loads with `Fleeting`, which is transient: each field has its own.\n"
            "   Hint: make the service a singleton, or request-scoped; one loader serves the whole operation"
        )
    ]


def test_a_dataloader_takes_keys_and_returns_a_mapping(refused):
    @injectable
    class Wrong:
        @dataloader
        async def by_id(self, keys: list[int]) -> list[User]: ...

    assert refused(Fine, Wrong) == [
        (
            "`Wrong.by_id` is decorated with `@dataloader` and takes or returns something else.\n"
            "   Hint: write `(self, keys: list[Key]) -> dict[Key, Value]`"
        )
    ]


class Guard:
    posture = True

    def can_activate(self, context) -> bool:
        return True


def test_an_operation_without_a_posture_is_refused_as_soon_as_one_has_it(refused):
    @use_guards(Guard)
    @resolver()
    class Guarded:
        @query()
        def safe(self) -> int: ...

    [problem] = refused(Fine, Guarded)
    assert problem.startswith(
        "1 of the app's handlers say neither who may call them nor `@public`: `Fine.user`.\n"
        "   Hint: add a guard with `posture = True`, or `@public`, to each or to its host"
    )


def test_a_schema_that_graphql_refuses_is_refused_in_its_words(refused):
    @interface
    class Named(msgspec.Struct):
        name: str

    class Wrong(Named):
        pass

    @resolver(Wrong)
    class Fields:
        @field()
        def name(self, wrong: Wrong) -> int: ...

    @resolver()
    class Root:
        @query()
        def named(self) -> Named: ...

    assert refused(Root, Fields) == [
        "The schema is not valid: Interface field Named.name expects type String! but Wrong.name is type Int!."
    ]


def test_decorators_refuse_what_they_cannot_take():
    def refused(make):
        with pytest.raises(DefinitionError) as caught:
            make()
        return str(caught.value)

    assert refused(lambda: query(lambda: 1)) == "`@query` is written with parentheses.\nHint: write `@query()`"
    name = "`{}` in `@field` is no name.\nHint: letters, digits and underscores, not two at the beginning"
    assert refused(lambda: field("a-b")) == name.format("a-b")
    assert refused(lambda: field("__x")) == name.format("__x")
    assert refused(lambda: query(cost=-1)) == "`cost=-1` in `@query` is below 0."
    assert refused(lambda: query(items=-1)) == "`items=-1` in `@query` is below 0."
    assert refused(lambda: resolver(3)) == (
        "`@resolver` takes the class whose fields it adds, not `3`.\nHint: write `@resolver(User)`"
    )
    assert refused(lambda: resolver(Fine)) == (
        "`@resolver` is written with parentheses: `Fine` holds resolvers.\nHint: write `@resolver()`"
    )
    assert refused(lambda: interface(3)) == "`@interface` decorates classes, not `3`"
    assert refused(lambda: GraphqlModule.for_root(path="graphql")) == (
        "`graphql` is no path of an endpoint.\nHint: write one such as `/graphql`"
    )
    assert refused(lambda: type_options(name="a b")) == (
        "`a b` in `type_options` is no name.\nHint: letters, digits and underscores, not two at the beginning"
    )


@pytest.mark.parametrize("member", ["true", "null", "größe", "a b", "__hidden"])
def test_an_enumeration_whose_members_graphql_cannot_name_is_told(refused, member):
    made = enum.StrEnum("Odd", {"FINE": "fine", member: "odd"})

    @resolver()
    class Root:
        @query()
        def odd(self) -> made: ...

    assert refused(Root) == [
        (
            f"`Odd` has the member `{member}`, which is no name of a value in GraphQL.\n"
            "   Hint: letters, digits and underscores, not two at the beginning, and none of `true`, `false` and `null`"
        )
    ]


def test_two_names_that_clients_would_see_as_one_are_told(refused):
    class Twice(msgspec.Struct):
        created_at: int
        createdAt: int

    @resolver()
    class Root:
        @query()
        def twice(self) -> Twice: ...

        @query()
        def both(self, org_id: int, orgId: int) -> int: ...

    assert sorted(refused(Root)) == [
        (
            "`Root.both` has the arguments `org_id` and `orgId`, which are both `orgId` to clients.\n"
            "   Hint: give one of them another name"
        ),
        (
            "`Twice` has the fields `created_at` and `createdAt`, which are both `createdAt` to clients.\n"
            "   Hint: give one of them another name"
        ),
    ]


def test_a_struct_may_be_the_default_of_an_argument(app_of):
    class Filter(msgspec.Struct):
        name: str = ""

    @resolver()
    class Root:
        @query()
        def found(self, by: Filter = Filter()) -> str: ...  # noqa: B008

    assert app_of(Root)


@pytest.mark.parametrize(
    ("sdl", "told"),
    [
        ("", "`` of `sdl=` is no file."),
        ("x" * 5000, "of `sdl=` cannot be read: File name too long."),
        ("missing.graphql", "`missing.graphql` of `sdl=` is no file."),
        ("{", "What `sdl=` defines cannot be read: Syntax Error"),
    ],
)
def test_what_is_no_schema_language_is_told_as_one_text_or_several(refused, sdl, told):
    for given in (sdl, [sdl]):
        [problem] = refused(Fine, sdl=given)
        assert told in problem


def test_a_file_of_schema_language_is_text(refused, tmp_path):
    (tmp_path / "schema.graphql").write_bytes(b"\xff\xfe\x00")
    [problem] = refused(Fine, sdl=str(tmp_path / "schema.graphql"))
    assert "is no text in UTF-8" in problem


@pytest.mark.parametrize("path", ["", "graphql", "/graphql/", "//", "/a b", "/graphql?x", "/g#x", "/{x}", "/%41"])
def test_an_endpoint_has_a_path_that_clients_can_ask_for(path):
    with pytest.raises(DefinitionError, match="is no path of an endpoint"):
        GraphqlModule.for_root(path=path)


def test_a_field_takes_its_parent_first(refused):
    @injectable
    class Orgs:
        @dataloader
        async def by_id(self, keys: list[int]) -> dict[int, Org]: ...

    @resolver(User)
    class Others:
        @field()
        def of_another(self, org: Org) -> int: ...

        @field()
        def of_nobody(self) -> int: ...

        @field()
        def of_a_loader(self, orgs: Loader[int, Org], user: User) -> int: ...

        @field()
        def of_a_scalar(self, id: int) -> int: ...

    assert refused(Fine, Orgs, Others) == [
        (
            "`Others.of_another` takes `org: Org` first, where its parent stands, a `User`.\n"
            "   Hint: write `(self, user: User, …)`"
        ),
        (
            "`Others.of_nobody` takes no parent, and is a field of `User`.\n"
            "   Hint: write `(self, user: User, …)`"
        ),
        (
            "`Others.of_a_loader` takes `orgs: Loader[int, Org]` first, where its parent stands, a `User`.\n"
            "   Hint: write `(self, user: User, …)`"
        ),
        (
            "`Others.of_a_scalar` takes `id: int` first, where its parent stands, a `User`.\n"
            "   Hint: write `(self, user: User, …)`"
        ),
    ]  # fmt: skip


def test_a_field_may_name_its_parent_by_any_of_its_classes(app_of):
    class Named(Protocol):
        name: str

    class Member(User):
        pass

    @resolver(Member)
    class Members:
        @query()
        def member(self) -> Member | None: ...

        @field()
        def by_class(self, member: Member) -> int: ...

        @field()
        def by_base(self, member: User) -> int: ...

        @field()
        def by_protocol(self, member: Named) -> int: ...

        @field()
        def by_either(self, member: Org | Member) -> int: ...

        @field()
        def by_anything(self, member: Any) -> int: ...

        @field()
        def by_object(self, member: object) -> int: ...

        @field()
        def unsaid(self, member) -> int: ...

    assert app_of(Members).edges


def test_an_argument_says_its_type(refused):
    @resolver()
    class Root:
        @query()
        def of_user(self, name) -> User: ...

    assert refused(Root) == [
        (
            "`Root.of_user(name)` says nothing of its type.\n"
            "   Hint: annotate it with a Struct, a dataclass, an enumeration or a scalar"
        )
    ]


def test_a_query_that_is_refused_is_not_missing(refused):
    @resolver()
    class Root:
        @query()
        def of_user(self): ...

    assert refused(Root) == [
        (
            "`Root.of_user` says nothing of what it returns.\n"
            "   Hint: annotate the result: it is the field's type"
        )
    ]  # fmt: skip


def test_what_other_edges_give_is_asked_for_by_other_names(refused):
    @resolver()
    class Root:
        @query()
        def of_request(self, request: Request) -> User: ...

        @query()
        def of_context(self, context: HttpContext) -> User: ...

        @query()
        def of_any_context(self, context: ExecutionContext) -> User: ...

    assert refused(Root) == [
        (
            "`Root.of_request(request)` is `Request`, which a field is not given.\n"
            "   Hint: take `GraphqlRequest`: its `headers` and `http` are those of the request"
        ),
        (
            "`Root.of_context(context)` is `HttpContext`, which a field is not given.\n"
            "   Hint: take `GraphqlContext`"
        ),
        (
            "`Root.of_any_context(context)` is `ExecutionContext`, which a field is not given.\n"
            "   Hint: take `GraphqlContext`"
        ),
    ]  # fmt: skip


def test_an_interface_has_a_class_that_implements_it(refused):
    @interface
    class Alone(msgspec.Struct):
        id: int

    @resolver()
    class Root:
        @query()
        def of_user(self) -> Alone: ...

    assert refused(Root) == [
        (
            "`Alone` is an interface, and no class derives from it.\n"
            "   Hint: derive from it what is returned, or leave `@interface` out"
        )
    ]


def test_a_scalar_of_the_app_is_described_by_a_scalar():
    with pytest.raises(DefinitionError) as caught:
        GraphqlModule.for_root(scalars={Opaque: "Opaque"})
    assert str(caught.value) == (
        "`Opaque` in `scalars=` is described by a `str`.\n"
        'Hint: write `Opaque: Scalar(name="Opaque", serialize=…, parse=…)`'
    )


def test_a_type_of_a_class_is_not_named_by_text(refused):
    @resolver("User")
    class Some:
        @field()
        def age(self, user: User) -> int: ...

    assert refused(Fine, Some) == [
        (
            "`Some.age` is a field of the text `User`, and no file in schema language defines that type.\n"
            "   Hint: write the class: `@resolver(User)`"
        )
    ]
