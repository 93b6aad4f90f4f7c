"""What an operation costs, in numbers: sizes from literals, variables and defaults, pages, bounds and types."""

import pytest
from graphql import build_schema

from nestpy_graphql._cost import STEPS, allowed_items, evaluate
from nestpy_graphql._documents import Documents, RefusedDocument
from nestpy_graphql._limits import Limits

SCHEMA = build_schema("""
    type Query {
        me: User, users(first: Int): [User!]!, page(first: Int): UserPage, hits: [Hit], named: [Named], matrix: [[User]]
        tags: [String], dear: User, free: User, few: [User], version: Int
    }
    interface Named { name: String, friends: [User] }
    type User implements Named {
        name: String, age: Int, friends: [User], users(first: Int): [User], page(first: Int): UserPage
    }
    type Robot implements Named { name: String, maker: User, friends: [User] }
    type UserPage { items: [User], edges: [Edge], total: Int, more: [User] }
    type Edge { node: User }
    union Hit = User | Robot
    type Mutation { invite: User }
""")
EXTENSIONS = {
    ("Query", "users"): {"nestpy_size": ("first", 20, 100)},
    ("User", "users"): {"nestpy_size": ("first", 5, 10)},
    ("Query", "page"): {"nestpy_size": ("first", 20, 100)},
    ("User", "page"): {"nestpy_size": ("first", 5, 10)},
    ("Query", "dear"): {"nestpy_cost": 50},
    ("Query", "free"): {"nestpy_cost": 0},
    ("Query", "few"): {"nestpy_items": 2},
}  # fmt: skip
for (owner, name), extensions in EXTENSIONS.items():
    SCHEMA.type_map[owner].fields[name].extensions.update(extensions)

LIMITS = Limits(list_size=7, max_cost=10**9, max_aliases=1000, max_root_fields=1000)


def cost_of(source, variables=None):
    documents = Documents(SCHEMA, LIMITS, introspection=True, suggestions=True)
    return evaluate(documents.prepare(source, None, variables).cost, variables or {})


@pytest.mark.parametrize(
    ("source", "cost"),
    [
        ("{ version }", 1),
        ("{ __typename }", 0),
        ("{ me { name, age } }", 3),
        ("mutation { invite { name } }", 2),
        ("{ users { name } }", 1 + 20),
        ("{ users(first: 3) { name, age } }", 1 + 3 * 2),
        ("{ users(first: 3) { users(first: 4) { name } } }", 1 + 3 * (1 + 4)),
        ("{ users(first: 1000) { name } }", 1 + 100),
        ("{ users(first: -1) { name } }", 1 + 100),
        ("{ users(first: null) { name } }", 1 + 100),
        ("{ users(first: 99999999999999999999) { name } }", None),
        ("{ users(first: 0) { name } }", 1 + 1),
        ("{ users { __typename } }", 1 + 20),
        ("{ few { name } }", 1 + 2),
        ("{ me { friends { name } } }", 2 + 7),
        ("{ matrix { name } }", 1 + 7 * 7),
        ("{ tags }", 1),
        ("{ dear { name } }", 51),
        ("{ free { name } }", 1),
        ("{ page(first: 3) { total } }", 2),
        ("{ page(first: 3) { items { name } } }", 1 + 1 + 3),
        ("{ page { items { name, age }, total } }", 1 + 1 + 20 * 2 + 1),
        ("{ page(first: 3) { edges { node { name } } } }", 1 + 1 + 3 * 2),
        ("{ page(first: 3) { more { name } } }", 1 + 1 + 7),
        ("{ page(first: 3) { items { page(first: 2) { items { name } } } } }", 2 + 3 * (2 + 2)),
        ("{ hits { ... on User { name, age } ... on Robot { name } } }", 1 + 7 * 2),
        ("{ hits { ... on Named { name } ... on User { age } ... on Robot { maker { name } } } }", 1 + 7 * 3),
        ("{ named { name, ... on Robot { maker { friends { name } } } } }", 1 + 7 * (1 + 1 + 1 + 7)),
        ("{ me { name }, me { name, age } }", 3),
        ("{ me { ...A, ...A, name } } fragment A on User { name, friends { ...B } } fragment B on User { age }", 3 + 7),
        ("{ a: me { name }, b: me { name } }", 4),
        ("{ me @skip(if: true) { name } }", 2),
    ],
)  # fmt: skip
def test_an_operation_costs_what_its_lists_may_hold(source, cost):
    if cost is None:
        with pytest.raises(RefusedDocument, match="32-bit"):
            cost_of(source)
    else:
        assert cost_of(source) == cost


@pytest.mark.parametrize(
    ("definition", "given", "size"),
    [
        ("$n: Int", {"n": 4}, 4),
        ("$n: Int", {}, 20),
        ("$n: Int = 6", {}, 6),
        ("$n: Int = 6", {"n": 4}, 4),
        ("$n: Int = null", {}, 100),
        ("$n: Int = 5000", {}, 100),
        ("$n: Int", {"n": None}, 100),
        ("$n: Int", {"n": 101}, 100),
        ("$n: Int", {"n": 10**30}, 100),
        ("$n: Int", {"n": -3}, 100),
        ("$n: Int", {"n": 0}, 1),
        ("$n: Int", {"n": 4.0}, 100),
        ("$n: Int", {"n": "4"}, 100),
        ("$n: Int", {"n": True}, 100),
        ("$n: Int", {"n": {"n": 4}}, 100),
    ],
)
def test_a_size_comes_from_the_variable_or_its_default_and_is_the_maximum_in_doubt(definition, given, size):
    assert cost_of(f"query ({definition}) {{ users(first: $n) {{ name }} }}", given) == 1 + size
    assert cost_of(f"query ({definition}) {{ page(first: $n) {{ items {{ name }} }} }}", given) == 2 + size


def test_a_list_of_keys_is_as_long_as_what_is_found_by_it():
    schema = build_schema("type Query { found(ids: [Int!]!): [Found] } type Found { name: String }")
    schema.query_type.fields["found"].extensions["nestpy_size"] = ("ids", 100, 100)
    documents = Documents(schema, LIMITS, introspection=False, suggestions=False)
    for source, variables, size in (
        ("{ found(ids: [1, 2, 3]) { name } }", {}, 3),
        ("{ found(ids: 1) { name } }", {}, 1),
        ("query ($ids: [Int!]!) { found(ids: $ids) { name } }", {"ids": [1, 2]}, 2),
        ("query ($ids: [Int!]!) { found(ids: $ids) { name } }", {"ids": []}, 1),
        ("query ($ids: [Int!]!) { found(ids: $ids) { name } }", {"ids": [1] * 200}, 100),
        ("query ($ids: [Int!]! = [1, 2, 3, 4]) { found(ids: $ids) { name } }", {}, 4),
    ):
        assert evaluate(documents.prepare(source, None, variables).cost, variables) == 1 + size


def test_open_sizes_multiply_and_the_dearest_type_is_found_with_the_variables():
    nested = "query ($a: Int, $b: Int) { users(first: $a) { users(first: $b) { name } } }"
    assert cost_of(nested, {"a": 3, "b": 4}) == 1 + 3 * (1 + 4)
    either = (
        "query ($a: Int, $b: Int) { hits { ... on User { x: users(first: $a) { name } }"
        " ... on Robot { maker { y: users(first: $b) { name } } } } }"
    )
    assert cost_of(either, {"a": 9, "b": 1}) == 1 + 7 * 10
    assert cost_of(either, {"a": 1, "b": 9}) == 1 + 7 * 11


def test_one_document_is_judged_by_the_variables_of_each_request():
    documents = Documents(SCHEMA, Limits(max_cost=50), introspection=False, suggestions=False)
    source = "query ($n: Int) { users(first: $n) { name } }"
    for _ in range(2):
        documents.prepare(source, None, {"n": 49})
        with pytest.raises(RefusedDocument) as refused:
            documents.prepare(source, None, {"n": 50})
        (error,) = refused.value.errors
        assert error.message == "The operation may resolve 51 fields, lists at their longest; 50 are allowed."
        assert error.extensions == {"code": "LIMIT_EXCEEDED", "limit": "max_cost", "allowed": 50}


def test_a_cost_with_too_many_open_sizes_is_refused():
    below = " ".join(f"a{i}: users(first: $n) {{ name }}" for i in range(STEPS + 1))
    with pytest.raises(RefusedDocument, match="too complex"):
        Documents(
            SCHEMA, Limits(max_cost=10**9, max_tokens=10**5, max_aliases=10**5), introspection=False, suggestions=False
        ).prepare(f"query ($n: Int) {{ me {{ {below} }} }}", None, {})


@pytest.mark.parametrize(
    ("owner", "name", "arguments", "allowed"),
    [
        ("Query", "users", {}, 20),
        ("Query", "users", {"first": 3}, 3),
        ("Query", "users", {"first": 101}, 100),
        ("Query", "users", {"first": None}, 100),
        ("Query", "users", {"first": 0}, 1),
        ("Query", "few", {}, 2),
        ("User", "friends", {}, 7),
    ],
)
def test_the_executor_can_ask_what_was_assumed_of_a_list(owner, name, arguments, allowed):
    assert allowed_items(SCHEMA.type_map[owner].fields[name], arguments, LIMITS) == allowed
