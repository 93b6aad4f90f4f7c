"""What Python's types look like in the schema, and what the schema is made of."""

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field as default
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Required, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from nestpy_core import Page
from nestpy_graphql import ID, Scalar, field, interface, mutation, query, resolver, subscription, type_options
from nestpy_testing import TestApp

T = TypeVar("T")


def block(text, head):
    """Return one definition of a schema, without its description."""
    lines = text.splitlines()
    start = lines.index(head)
    return "\n".join(lines[start : lines.index("}", start) + 1]) if head.endswith("{") else head


class Color(enum.Enum):
    """What paint is."""

    RED = "r"
    DARK_BLUE = "b"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Org(msgspec.Struct):
    name: str


class User(msgspec.Struct):
    """Somebody.

    Attributes:
        full_name: as it stands in the passport,
            in capitals.
    """

    id: uuid.UUID
    full_name: str
    friends: "list[User]"
    boss: "User | None" = None
    old_name: Annotated[str | None, type_options(deprecated="use `fullName`")] = None
    age: Annotated[int, msgspec.Meta(description="in years")] = 0
    nick: str | msgspec.UnsetType = msgspec.UNSET


class Renamed(msgspec.Struct, rename="camel"):
    first_name: str
    strange: str = msgspec.field(name="other_name")


@dataclass
class Box(Generic[T]):
    content: T
    spare_parts: list[T] = default(default_factory=list)


class Keys(TypedDict):
    a: int
    b: NotRequired[str]


class Loose(TypedDict, total=False):
    a: int
    b: Required[str]


@attrs.define
class Thing:
    weight: float
    tags: set[str] = attrs.field(factory=set)


def test_structs_have_camel_case_names_nullability_and_what_docstrings_say(sdl):
    @resolver()
    class Root:
        @query()
        def user(self) -> User | None: ...

        @query()
        def renamed(self) -> Renamed: ...

    text = sdl(Root)
    assert '"""Somebody."""\ntype User {' in text
    assert (
        block(text, "type User {")
        == '''type User {
  """in years"""
  age: Int!
  boss: User
  friends: [User!]!

  """as it stands in the passport, in capitals."""
  fullName: String!
  id: UUID!
  nick: String
  oldName: String @deprecated(reason: "use `fullName`")
}'''
    )
    assert block(text, "type Renamed {") == "type Renamed {\n  firstName: String!\n  other_name: String!\n}"
    assert block(text, "type Query {") == "type Query {\n  renamed: Renamed!\n  user: User\n}"


def test_dataclasses_typed_dicts_and_attrs_classes_are_objects(sdl):
    @resolver()
    class Root:
        @query()
        def box(self) -> Box[int]: ...

        @query()
        def keys(self) -> Keys: ...

        @query()
        def loose(self) -> Loose: ...

        @query()
        def thing(self) -> Thing: ...

    text = sdl(Root)
    assert block(text, "type IntBox {") == "type IntBox {\n  content: Int!\n  spareParts: [Int!]!\n}"
    assert block(text, "type Keys {") == "type Keys {\n  a: Int!\n  b: String\n}"
    assert block(text, "type Loose {") == "type Loose {\n  a: Int\n  b: String!\n}"
    assert block(text, "type Thing {") == "type Thing {\n  tags: [String!]!\n  weight: Float!\n}"


def test_a_generic_class_is_a_type_for_each_argument(sdl):
    @resolver()
    class Root:
        @query()
        def users(self) -> Page[User]: ...

        @query()
        def boxes(self) -> Box[Page[Org]]: ...

        @query()
        def listed(self) -> Box[list[int | None]]: ...

    text = sdl(Root)
    assert "type OptionalIntListBox {" in text
    assert "type UserPage {" in text
    assert "  items: [User!]!" in text
    assert block(text, "type OrgPageBox {") == "type OrgPageBox {\n  content: OrgPage!\n  spareParts: [OrgPage!]!\n}"


def test_enumerations_have_the_names_of_their_members(sdl):
    @resolver()
    class Root:
        @query()
        def color(self, like: Color = Color.DARK_BLUE, size: Size = Size.LARGE) -> Color: ...

    text = sdl(Root)
    assert '"""What paint is."""\nenum Color {\n  DARK_BLUE\n  RED\n}' in text
    assert "enum Size {\n  LARGE\n  SMALL\n}" in text
    assert "color(like: Color! = DARK_BLUE, size: Size! = LARGE): Color!" in text


async def test_enumerations_travel_as_members_and_as_values(app_of):
    @resolver()
    class Root:
        @query()
        def mixed(self, color: Color, size: Size = Size.SMALL) -> list[Color]:
            assert isinstance(color, Color)
            assert isinstance(size, Size)
            return [color, "r", Color.DARK_BLUE]

        @query()
        def sizes(self) -> list[Size]:
            return [Size.SMALL, 2]

    async with TestApp(app_of(Root)) as app:
        found = await app.graphql("query($c: Color!) { mixed(color: $c, size: LARGE) sizes }", {"c": "DARK_BLUE"})
        assert found.data == {"mixed": ["DARK_BLUE", "RED", "DARK_BLUE"], "sizes": ["SMALL", "LARGE"]}


def test_unions_are_called_by_their_members_or_as_one_says(sdl):
    @resolver()
    class Root:
        @query()
        def found(self) -> Annotated[User | Org, type_options(name="SearchResult")]: ...

        @query()
        def all(self) -> list[User | Org | None]: ...

        @query()
        def again(self) -> Org | User | None: ...

    text = sdl(Root)
    assert "union SearchResult = Org | User" in text
    assert "union UserOrOrg = Org | User" in text
    assert "  found: SearchResult!" in text
    assert "  all: [UserOrOrg]!" in text


def test_interfaces_are_implemented_by_whatever_derives_from_them(sdl):
    @interface
    class Node(msgspec.Struct):
        id: ID

    class Named(Node):
        name: str

    class Deep(Named):
        depth: int

    @resolver(Node)
    class Nodes:
        @field()
        def url(self, node: Node) -> str: ...

    @resolver()
    class Root:
        @query()
        def node(self) -> Node | None: ...

    text = sdl(Root, Nodes)
    assert block(text, "interface Node {") == "interface Node {\n  id: ID!\n  url: String!\n}"
    assert (
        block(text, "type Named implements Node {")
        == "type Named implements Node {\n  id: ID!\n  name: String!\n  url: String!\n}"
    )
    assert "  depth: Int!" in block(text, "type Deep implements Node {")


def test_a_class_with_slots_implements_an_interface_once(sdl):
    @interface
    @attrs.define
    class Shape:
        area: float

    @attrs.define
    class Circle(Shape):
        radius: float

    @resolver()
    class Root:
        @query()
        def shape(self) -> Shape: ...

    assert "type Circle implements Shape {" in sdl(Root)


Email = NewType("Email", str)
Literals = Literal["new", "old"]


def test_scalars_are_found_by_class(sdl):
    class All(msgspec.Struct):
        uuid: uuid.UUID
        moment: dt.datetime
        day: dt.date
        time: dt.time
        length: dt.timedelta
        price: decimal.Decimal
        raw: bytes
        anything: Any
        mapping: dict[str, int]
        id: ID
        email: Email
        literal: Literals
        number: Literal[1, 2]
        ratio: int | float
        pair: tuple[int, ...]
        flag: bool

    @resolver()
    class Root:
        @query()
        def all(self) -> All: ...

    fields = dict(
        line.split(": ")
        for line in block(sdl(Root), "type All {").replace("  ", "").splitlines()
        if ": " in line
    )  # fmt: skip
    assert fields == {
        "uuid": "UUID!", "moment": "DateTime!", "day": "Date!", "time": "Time!", "length": "Duration!",
        "price": "Decimal!", "raw": "Bytes!", "anything": "JSON!", "mapping": "JSON!", "id": "ID!",
        "email": "String!", "literal": "String!", "number": "Int!", "ratio": "Float!", "pair": "[Int!]!",
        "flag": "Boolean!",
    }  # fmt: skip


@dataclass(frozen=True)
class Money:
    cents: int


MONEY = Scalar(
    name="Money",
    serialize=lambda money: money.cents / 100,
    parse=lambda value: Money(int(value * 100)),
    description="Euros",
)


async def test_every_scalar_survives_the_way_in_and_out(app_of):
    given = {
        "uuid": "0198c5a2-7b1e-7000-8000-000000000001",
        "moment": "2030-01-02T03:04:05Z",
        "day": "2030-01-02",
        "time": "03:04:05",
        "length": "PT3600S",
        "price": "1.10",
        "raw": "aGk=",
        "anything": {"a": [1, None, "x"]},
        "id": "7",
        "money": 1.5,
    }
    kinds = {
        "uuid": uuid.UUID, "moment": dt.datetime, "day": dt.date, "time": dt.time, "length": dt.timedelta,
        "price": decimal.Decimal, "raw": bytes, "anything": dict, "id": str, "money": Money,
    }  # fmt: skip

    class All(msgspec.Struct):
        uuid: uuid.UUID
        moment: dt.datetime
        day: dt.date
        time: dt.time
        length: dt.timedelta
        price: decimal.Decimal
        raw: bytes
        anything: Any
        id: ID
        money: Money

    @resolver()
    class Root:
        @query()
        def echo(self, all: All) -> All:
            assert {name: type(getattr(all, name)) for name in kinds} == kinds
            return all

    async with TestApp(app_of(Root, scalars={Money: MONEY})) as app:
        names = " ".join(given)
        found = await app.graphql(f"query($all: AllInput!) {{ echo(all: $all) {{ {names} }} }}", {"all": given})
        assert (found.errors, found.data) == ([], {"echo": given})


def test_arguments_have_types_defaults_and_descriptions(sdl):
    class Filter(msgspec.Struct):
        """What to look for."""

        name: str
        color: Color | None = None
        limit: int = 10
        since: dt.date = dt.date(2030, 1, 1)
        ratio: float = 0.5
        words: list[str] = []

    class Patch(msgspec.Struct):
        name: str | msgspec.UnsetType | None = msgspec.UNSET
        age: int | msgspec.UnsetType = msgspec.UNSET

    @resolver()
    class Root:
        @query()
        def find(self, filter_by: Filter, user_ids: list[uuid.UUID] | None = None, strict: bool = True) -> list[str]:
            """Find things.

            Args:
                filter_by: what they have.
                strict: whether
                    to the letter.
            """

        @mutation("patch", description="Change", deprecated="no more")
        def patch_it(self, patch: Patch) -> bool: ...

    text = sdl(Root)
    assert '"""What to look for."""\ninput FilterInput {' in text
    assert (
        block(text, "input FilterInput {")
        == """input FilterInput {
  color: Color
  limit: Int! = 10
  name: String!
  ratio: Float! = 0.5
  since: Date
  words: [String!]
}"""
    )
    assert block(text, "input PatchInput {") == "input PatchInput {\n  age: Int\n  name: String\n}"
    assert '  """Find things."""\n  find(\n    """what they have."""\n    filterBy: FilterInput!' in text
    assert '    """whether to the letter."""\n    strict: Boolean! = true' in text
    assert "    userIds: [UUID!]\n" in text
    assert '  """Change"""\n  patch(patch: PatchInput!): Boolean! @deprecated(reason: "no more")' in text


async def test_what_a_partial_update_leaves_out_is_told_from_null(app_of):
    class Patch(msgspec.Struct):
        name: str | msgspec.UnsetType | None = msgspec.UNSET
        age: int | msgspec.UnsetType = msgspec.UNSET

    @resolver()
    class Root:
        @query()
        def told(self, patch: Patch) -> str:
            return repr((patch.name, patch.age))

        @query()
        def back(self) -> Patch:
            return Patch(age=3)

    async with TestApp(app_of(Root)) as app:
        found = await app.graphql(
            '{ none: told(patch: {}) null: told(patch: {name: null}) some: told(patch: {name: "x", age: 1}) '
            "back { name age } }"
        )
        assert found.data == {
            "none": "(UNSET, UNSET)",
            "null": "(None, UNSET)",
            "some": "('x', 1)",
            "back": {"name": None, "age": 3},
        }


async def test_recursive_types_and_inputs_go_as_deep_as_asked(app_of):
    class Tree(msgspec.Struct):
        name: str
        children: "list[Tree]" = []

    globals()["Tree"] = Tree

    @resolver()
    class Root:
        @query()
        def grown(self, tree: Tree) -> Tree:
            return Tree("top", [tree])

    async with TestApp(app_of(Root, list_size=3)) as app:
        found = await app.graphql(
            '{ grown(tree: {name: "a", children: [{name: "b", children: []}]}) '
            "{ name children { name children { name } } } }"
        )
        assert found.data == {
            "grown": {"name": "top", "children": [{"name": "a", "children": [{"name": "b"}]}]},
        }


def test_a_field_adds_to_a_type_or_replaces_what_it_has(sdl):
    @resolver(Org)
    class Orgs:
        @field()
        def size_of_staff(self, org: Org, only_active: bool = False) -> int: ...

        @field()
        def name(self, org: Org) -> str | None: ...

    @resolver()
    class Root:
        @query()
        def org(self) -> Org: ...

    text = block(sdl(Root, Orgs), "type Org {")
    assert text == "type Org {\n  name: String\n  sizeOfStaff(onlyActive: Boolean! = false): Int!\n}"


def test_the_field_of_the_nearest_class_is_taken(sdl):
    class Base(msgspec.Struct):
        id: int

    class Derived(Base):
        pass

    @resolver(Derived)
    class OfDerived:
        @field()
        def label(self, of: Derived) -> int: ...

    @resolver(Base)
    class OfBase:
        @field()
        def label(self, of: Base) -> str: ...

    @resolver()
    class Root:
        @query()
        def base(self) -> Base: ...

        @query()
        def derived(self) -> Derived: ...

    for order in ((Root, OfBase, OfDerived), (OfDerived, OfBase, Root)):
        text = sdl(*order)
        assert "label: String!" in block(text, "type Base {")
        assert "label: Int!" in block(text, "type Derived {")


def test_a_field_of_a_generic_class_is_added_to_each_type_of_it(sdl):
    @resolver(Box)
    class Boxes:
        @field()
        def weight(self, box: Box[Any]) -> int: ...

    @resolver()
    class Root:
        @query()
        def box(self) -> Box[Org]: ...

    assert "  weight: Int!" in block(sdl(Root, Boxes), "type OrgBox {")


def test_subscriptions_show_what_one_event_is(sdl):
    @resolver()
    class Root:
        @query()
        def hello(self) -> str: ...

        @subscription()
        async def ticks(self, to: int = 3) -> AsyncIterator[Org]:
            yield Org("one")

    assert block(sdl(Root), "type Subscription {") == "type Subscription {\n  ticks(to: Int! = 3): Org!\n}"


def test_a_query_and_a_mutation_may_share_a_name(sdl):
    @resolver()
    class Root:
        @query()
        def user(self) -> str: ...

        @mutation("user")
        def change_user(self) -> str: ...

    text = sdl(Root)
    assert block(text, "type Query {") == "type Query {\n  user: String!\n}"
    assert block(text, "type Mutation {") == "type Mutation {\n  user: String!\n}"


def test_the_schema_is_sorted_and_the_same_whatever_the_order_of_resolvers(sdl):
    @resolver()
    class First:
        @query()
        def zebra(self, b: int, a: int) -> str: ...

    @resolver()
    class Second:
        @query()
        def ant(self) -> Org: ...

    text = sdl(First, Second)
    assert text == sdl(Second, First)
    assert text == (
        "type Org {\n  name: String!\n}\n\ntype Query {\n  ant: Org!\n  zebra(a: Int!, b: Int!): String!\n}\n"
    )


def test_resolvers_of_two_modules_meet_in_one_schema_and_those_of_none_are_left_out(sdl):
    from nestpy_core import module

    @resolver()
    class Users:
        @query()
        def users(self) -> list[str]: ...

    @resolver()
    class Orgs:
        @query()
        def orgs(self) -> list[str]: ...

    @resolver()
    class Forgotten:
        @query()
        def forgotten(self) -> list[str]: ...

    @module(providers=[Users])
    class UsersModule: ...

    @module(providers=[Orgs])
    class OrgsModule: ...

    @module(providers=[Forgotten])
    class NobodyImportsThis: ...

    assert sdl(imports=(UsersModule, OrgsModule)) == "type Query {\n  orgs: [String!]!\n  users: [String!]!\n}\n"


@pytest.mark.parametrize("kind", [list[int], set[int], tuple[int, ...], frozenset[int]])
async def test_collections_are_lists(app_of, kind):
    @resolver()
    class Root:
        @query()
        def echo(self, given: kind) -> kind:
            assert isinstance(given, kind.__origin__)
            return given

    async with TestApp(app_of(Root)) as app:
        assert (await app.graphql("{ echo(given: [3]) }")).data == {"echo": [3]}


async def test_a_generic_type_is_given_fields_for_one_of_its_parameters(app_of):
    class Course(msgspec.Struct):
        title: str

    @resolver(Page[Course])
    class Courses:
        @query()
        def courses(self) -> Page[Course]:
            return Page(items=[Course("Python")])

        @query()
        def numbers(self) -> Page[int]:
            return Page(items=[1])

        @field()
        def total_count(self, page: Page[Course]) -> int:
            return len(page.items)

    app = app_of(Courses)
    async with TestApp(app) as test:
        found = await test.graphql("{ courses { items { title } totalCount } }")
        assert found.data == {"courses": {"items": [{"title": "Python"}], "totalCount": 1}}
        assert (await test.graphql("{ numbers { totalCount } }")).errors
