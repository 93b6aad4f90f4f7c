"""Every limit is kept at its number, named in its error, and counted as if fragments were written out."""

import msgspec
import pytest
from graphql import build_schema, get_introspection_query

from nestpy_graphql._documents import Documents, RefusedDocument
from nestpy_graphql._limits import Limits

SCHEMA = build_schema("""
    directive @mark on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT | QUERY | FRAGMENT_DEFINITION | VARIABLE_DEFINITION
    type Query { node: Node, name: String, other(x: Int): String }
    type Node { node: Node, name: String, nodes: [Node] }
    type Mutation { rename: Node }
    type Subscription { renamed: Node, moved: Node }
""")

ONE_OF_EACH = {
    "max_depth": ("{ node { node { name } } }", 3),
    "max_aliases": ("{ a: name, b: name, name: name }", 2),
    "max_root_fields": ("{ a: name, b: name, node { name, nodes { name } } }", 3),
    "max_directives": ("query ($a: Int @mark) @mark { name @mark, ... @mark { other(x: $a) } }", 4),
    "max_operations": ("query A { name } query B { name }", 2),
    "max_fragments": ("{ ...A, ...B } fragment A on Query { name } fragment B on Query { name }", 2),
    "max_cost": ("{ node { nodes { name } } }", 102),
    "max_tokens": ("{ node { name } }", 6),
    "max_bytes": ("{ other(x: 1) }", 15),
}


def errors_of(source, name=None, variables=None, *, schema=SCHEMA, introspection=False, suggestions=False, **limits):
    documents = Documents(schema, Limits(**limits), introspection=introspection, suggestions=suggestions)
    try:
        documents.prepare(source, name, variables)
    except RefusedDocument as refused:
        return refused.errors
    return []


def codes_of(errors):
    return [error.extensions["code"] for error in errors]


@pytest.mark.parametrize("limit", ONE_OF_EACH)
def test_a_limit_is_the_last_number_that_passes(limit):
    source, number = ONE_OF_EACH[limit]
    name = "A" if limit == "max_operations" else None
    assert errors_of(source, name, **{limit: number}) == []
    (error,) = errors_of(source, name, **{limit: number - 1})
    assert error.extensions["code"] == "LIMIT_EXCEEDED"
    assert error.extensions["limit"] == limit
    assert error.extensions["allowed"] == number - 1
    assert str(number - 1) in error.message


@pytest.mark.parametrize("limit", Limits.__struct_fields__)
def test_no_limit_can_be_switched_off(limit):
    with pytest.raises(ValueError, match=f"`{limit}` must be at least 1"):
        Limits(**{limit: 0})
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({limit: 0}, Limits)


WRITTEN_OUT = {
    "{ ...A } fragment A on Query { node { ...B } } fragment B on Node { node { name } }": ("max_depth", 3),
    "{ ... { node { ... on Node { node { ... { name } } } } } }": ("max_depth", 3),
    "{ node { ...A, node { ...A } } } fragment A on Node { a: name, ... { b: name, name: name } }": ("max_aliases", 4),
    "{ ...A, ...B } fragment A on Query { name, other, ...B } fragment B on Query { name }": ("max_root_fields", 4),
    "{ ...A @mark, ...A } fragment A on Query @mark { name @mark }": ("max_directives", 5),
}


@pytest.mark.parametrize("source", WRITTEN_OUT)
def test_counts_are_those_of_the_document_with_its_fragments_written_out(source):
    limit, number = WRITTEN_OUT[source]
    assert errors_of(source, **{limit: number}) == []
    assert errors_of(source, **{limit: number - 1})[0].extensions["limit"] == limit


def test_counts_that_grow_exponentially_are_taken_in_linear_time():
    doubled = " ".join(
        f"fragment F{i} on Node {{ a: node {{ ...F{i + 1} }} b: node {{ ...F{i + 1} }} }}" for i in range(90)
    )
    source = f"{{ node {{ ...F0 }} }} {doubled} fragment F90 on Node {{ name }}"
    errors = errors_of(source)
    assert {error.extensions["limit"] for error in errors} == {"max_depth", "max_aliases"}
    assert any("over a million" in error.message for error in errors)


@pytest.mark.parametrize(
    "source",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { node { ...B } } fragment B on Node { ...C } fragment C on Node { ...B }",
    ],
)
def test_a_fragment_that_spreads_itself_is_refused_with_its_path(source):
    (error,) = errors_of(source)
    assert error.extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error.message in {
        "The fragment spreads itself: `A` → `A`.",
        "The fragment spreads itself: `B` → `C` → `B`.",
    }


def test_every_operation_of_a_document_keeps_the_limits_whichever_is_asked_for():
    source = "query Small { name } query Deep { node { node { name } } }"
    assert errors_of(source, "Small", max_depth=2)[0].extensions["limit"] == "max_depth"


def test_the_standard_introspection_query_passes_where_introspection_is_on():
    source = get_introspection_query(
        descriptions=True, specified_by_url=True, directive_is_repeatable=True,
        schema_description=True, input_value_deprecation=True,
    )  # fmt: skip
    assert errors_of(source, introspection=True) == []
    assert errors_of(source, introspection=True, max_depth=2) == []


def test_introspection_is_no_place_to_hide_depth_in():
    nested = "ofType { " * 25 + "name" + " }" * 25
    (error,) = errors_of(f"{{ __schema {{ queryType {{ {nested} }} }} }}", introspection=True)
    assert error.extensions["limit"] == "max_depth"
    (error,) = errors_of("{ node { node { name } } __schema { queryType { name } } }", introspection=True, max_depth=2)
    assert error.extensions["limit"] == "max_depth"


def test_fields_that_describe_the_schema_cannot_be_multiplied():
    source = "{" + " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(5)) + "}"
    (error,) = errors_of(source, introspection=True)
    assert error.extensions["limit"] == "max_cost"


@pytest.mark.parametrize(
    "source",
    [
        "{ __schema { queryType { name } } }",
        '{ harmless: __type(name: "Node") { name } }',
        "{ ...A } fragment A on Query { ... { __schema { queryType { name } } } }",
        "{ name } query B { name } fragment Unused on Query { __schema { queryType { name } } }",
        "{ node { ...name } } fragment name on Node { name: __schema { queryType { name } } }",
        "{ __schema @skip(if: true) { queryType { name } } }",
        "mutation { __schema { queryType { name } } }",
        "{ ...__schema } fragment __schema on Query { __schema { queryType { name } } }",
    ],
)
def test_the_schema_is_not_told_where_introspection_is_off(source):
    (error,) = errors_of(source)
    assert error.extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error.message.startswith("Introspection is off")


def test_typename_and_fragments_with_names_of_introspection_are_allowed():
    fragments = "fragment __schema on Query { name } fragment __type on Query { name }"
    assert errors_of(f"{{ __typename, ...__schema, ...__type }} {fragments}") == []


def test_a_fragment_named_like_introspection_gets_no_allowance_of_depth():
    source = "{ ...__schema } fragment __schema on Query { node { node { name } } }"
    for introspection in (True, False):
        assert errors_of(source, introspection=introspection, max_depth=2)[0].extensions["limit"] == "max_depth"


MISTAKES = [
    "{ nam }",
    "{ node { nodez { name } } }",
    "{ other(y: 1) }",
    "{ ...A } fragment A on Nod { name }",
    "{ name @mar }",
    "query ($x: In) { other(x: $x) }",
    "{ node { ...A } } fragment A on Node { nme }",
]


@pytest.mark.parametrize("source", MISTAKES)
def test_no_name_of_the_schema_is_suggested(source):
    assert not any("mean" in error.message for error in errors_of(source))


def test_suggestions_are_made_where_they_are_on():
    assert any("Did you mean 'name'?" in error.message for error in errors_of("{ nam }", suggestions=True))


def test_a_suggestion_that_a_scalar_writes_does_not_leave():
    schema = build_schema("scalar Colour type Query { paint(colour: Colour): String }")

    def parse_literal(node, variables=None):
        raise ValueError("No such colour. Did you mean 'secret green'?")

    schema.type_map["Colour"].parse_literal = parse_literal
    (error,) = errors_of('{ paint(colour: "red") }', schema=schema)
    assert "No such colour." in error.message
    assert "secret" not in error.message
    (error,) = errors_of('{ paint(colour: "red") }', schema=schema, suggestions=True)
    assert "secret green" in error.message


def test_errors_are_few_and_short_and_hold_no_source():
    unknown = " ".join(f"x{i}" for i in range(500))
    errors = errors_of(f"{{ node {{ {unknown} }} }}", max_errors=7)
    assert len(errors) == 7
    assert codes_of(errors) == ["GRAPHQL_VALIDATION_FAILED"] * 7
    for source in ("{" + "n" * 60_000 + "}", '{ other(x: "' + "n" * 60_000 + '") }', "{ name } " + "n" * 60_000):
        for error in errors_of(source, max_message=80):
            assert len(error.message) <= 81
            assert error.source is None
            assert error.nodes is None
            assert error.locations


def test_every_limit_that_is_passed_is_told_at_once():
    errors = errors_of("{ a: node { node { name } } b: name }", max_depth=2, max_aliases=1, max_root_fields=1)
    assert [error.extensions["limit"] for error in errors] == ["max_depth", "max_root_fields", "max_aliases"]
