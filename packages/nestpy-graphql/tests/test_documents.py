"""Documents are prepared once: what comes back, which codes refusals bear, and what the caches hold."""

import random

import pytest
from graphql import GraphQLSyntaxError, OperationType, build_schema, parse, print_ast, specified_rules, validate

from nestpy_graphql._cache import Cache
from nestpy_graphql._documents import Documents, RefusedDocument
from nestpy_graphql._duplicates import merged
from nestpy_graphql._limits import Limits
from nestpy_graphql._rules import OF_VARIABLES
from nestpy_graphql._usages import with_variables

SCHEMA = build_schema("""
    type Query { node: Node, name: String, any: [Any], n(i: Int, s: String): Node }
    type Node { node: Node, name: String, n(i: Int, s: String): Node, any: [Any] }
    type Other { name: Int, node: Other }
    union Any = Node | Other
    type Mutation { rename: Node }
    type Subscription { renamed: Node }
""")


USES = build_schema("""
    type Query { node(x: [[Int]], s: String, o: In): Node }
    type Node { node(x: [[Int]], s: String, o: In): Node, name: String }
    input In { in: In, x: [Int] }
""")


def documents_of(**options):
    return Documents(SCHEMA, Limits(), introspection=False, suggestions=False, **options)


def refused(source, name=None, variables=None):
    with pytest.raises(RefusedDocument) as caught:
        documents_of().prepare(source, name, variables)
    return [(error.extensions["code"], error.message) for error in caught.value.errors]


@pytest.mark.parametrize("kind", ["query", "mutation", "subscription"])
def test_a_prepared_operation_says_its_kind_and_name(kind):
    field = {"query": "name", "mutation": "rename { name }", "subscription": "renamed { name }"}[kind]
    prepared = documents_of().prepare(f"{kind} Named {{ {field} }}", None, None)
    assert (prepared.kind, prepared.name) == (kind, "Named")
    assert prepared.operation.operation is OperationType(kind)
    assert prepared.operation in prepared.document.definitions
    assert documents_of().prepare("{ name }", None, {}).name is None


def test_the_operation_is_the_one_that_is_named():
    documents = documents_of()
    source = "query A { name } mutation B { rename { name } }"
    assert documents.prepare(source, "A", None).kind == "query"
    assert documents.prepare(source, "B", None).kind == "mutation"


@pytest.mark.parametrize(
    ("source", "name", "code", "message"),
    [
        ("{ name", None, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        ("", None, "GRAPHQL_PARSE_FAILED", "Syntax Error: Unexpected <EOF>."),
        ("{ nope }", None, "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nope' on type 'Query'."),
        ("query A { name } query B { name }", None, "OPERATION_NOT_FOUND",
         "The document defines several operations: `operationName` must say which."),
        ("query A { name }", "B", "OPERATION_NOT_FOUND", "The document defines no operation `B`."),
        ("{ name }", "", "OPERATION_NOT_FOUND", "The document defines no operation ``."),
        ("{ name }", 5, "BAD_USER_INPUT", "`operationName` must be a string or null."),
        ("{ name }", ["A"], "BAD_USER_INPUT", "`operationName` must be a string or null."),
        (b"{ name }", None, "BAD_USER_INPUT", "`query` must be a string."),
        (None, None, "BAD_USER_INPUT", "`query` must be a string."),
        ("type A { b: Int }", None, "GRAPHQL_VALIDATION_FAILED", "The 'A' definition is not executable."),
        ("{ node " * 250, None, "LIMIT_EXCEEDED", None),
        ("{ node " * 5000, None, "LIMIT_EXCEEDED", None),
        ("{ name } \ud800", None, "GRAPHQL_PARSE_FAILED", None),
    ],
)  # fmt: skip
def test_a_refusal_has_a_code_and_says_what_is_wrong(source, name, code, message):
    ((found, text), *_) = refused(source, name)
    assert found == code
    assert message is None or text == message


@pytest.mark.parametrize("variables", [[], "x", 5, [{"n": 1}]])
def test_variables_that_are_no_object_are_refused(variables):
    code, message = refused("query ($n: Int) { n(i: $n) { name } }", None, variables)[0]
    assert (code, message) == ("BAD_USER_INPUT", "`variables` must be an object or null.")


def test_the_fragments_of_25_components_that_ask_for_the_same_can_be_combined():
    names = [f"F{number}" for number in range(25)]
    fragments = " ".join(f"fragment {name} on Node {{ name n(i: 1) {{ name }} }}" for name in names)
    documents_of().prepare(f"{{ node {{ {' '.join(f'...{name}' for name in names)} }} }} {fragments}", None, None)


def test_a_document_of_fragments_alone_defines_no_operation():
    assert [code for code, _ in refused("fragment A on Query { name }")] == ["GRAPHQL_VALIDATION_FAILED"]


def test_a_document_is_parsed_and_validated_once():
    documents = documents_of()
    first = documents.prepare("{ name }", None, None)
    assert documents.prepare("{ name }", None, {"unused": 1}) is first
    assert documents.prepare("{  name }", None, None) is not first


def test_what_was_refused_is_refused_again_with_the_same_errors_and_no_growing_traceback():
    documents = documents_of()
    seen = []
    for _ in range(3):
        with pytest.raises(RefusedDocument) as caught:
            documents.prepare("{ nope }", None, None)
        seen.append(caught.value)
    assert seen[0].errors[0] is seen[1].errors[0] is seen[2].errors[0]
    assert seen[1] is not seen[2]
    assert seen[0].errors[0].__traceback__ is None


def test_a_flood_of_others_evicts_no_document_that_is_in_use():
    documents = documents_of(cache_size=50)
    kept = documents.prepare("{ name }", None, None)
    documents.prepare("{ name }", None, None)
    for number in range(500):
        documents.prepare(f"query Q{number} {{ name }}", None, None)
        with pytest.raises(RefusedDocument):
            documents.prepare(f"{{ nope{number} }}", None, None)
    assert documents.prepare("{ name }", None, None) is kept


def test_an_answered_refusal_may_be_changed_without_changing_the_next():
    documents = documents_of()
    with pytest.raises(RefusedDocument) as caught:
        documents.prepare("{ nope }", None, None)
    caught.value.errors.clear()
    with pytest.raises(RefusedDocument) as caught:
        documents.prepare("{ nope }", None, None)
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_cache_holds_no_more_than_its_bounds(seed):
    rng = random.Random(seed)
    cache = Cache(entries=20, weight=1000)
    truth = {}
    for number in range(2000):
        key = f"k{rng.randint(0, 60)}"
        if (value := cache.get(key)) is None:
            truth[key] = number
            cache.put(key, number, rng.choice([1, 10, 100, 400, 5000]))
        else:
            assert value == truth[key]
        assert len(cache) <= 20
        assert cache.weight <= 1000


def test_an_entry_heavier_than_its_segment_is_not_kept():
    cache = Cache(entries=10, weight=100)
    cache.put("a", 1, 21)
    assert cache.get("a") is None
    assert len(cache) == 0


GOOD = {
    "leaf": ["name", "name", "b: name", "__typename", "name @skip(if: true)"],
    "spread": ["...F", "...F", "...G", "...F @include(if: true)"],
    "field": ["node", "node", "c: node", "n(i: 1)", "d: n(i: 2)", 'e: n(i: 1, s: "x")', 'e: n(s: "x", i: 1)', "any"],
    "inline": ["...", "... on Node", "... on Node @include(if: true)", "... on Any"],
}
BAD = {
    "leaf": ["node", "b: __typename", "nope", "name(x: 1)", "name @nope", "...on Node"],
    "spread": ["...H", "...F @skip"],
    "field": ["name", "n(i: 3)", "c: n(i: 1)", 'n(i: "x")', "nope"],
    "inline": ["... on Other", "... on Query", "... on Nope", "... on Int"],
}


def random_document(rng):
    """A document that repeats itself and often breaks a rule, at random."""
    wrong = rng.choice([0, 0, 0.05])

    def selections(depth, kinds):
        made = []
        for _ in range(rng.randint(1, 4)):
            kind = rng.choice(kinds)
            head = rng.choice(BAD[kind] if rng.random() < wrong else GOOD[kind])
            if kind in {"leaf", "spread"}:
                made.append(head)
            elif depth and (head == "any" or head.endswith("Any")):
                made.append(f"{head} {{ ... on Node {{ {selections(depth - 1, kinds)} }} }}")
            elif depth:
                made.append(f"{head} {{ {selections(depth - 1, kinds)} }}")
        return " ".join(made) or "name"

    kinds = ["leaf", "leaf", "field", "field", "inline"]
    fragments = f"fragment F on Node {{ {selections(2, kinds)} }} fragment G on Node {{ {selections(1, kinds)} }}"
    return f"{{ node {{ ...F ...G {selections(3, [*kinds, 'spread'])} }} }} {fragments}"


def test_merging_equal_fields_changes_no_verdict_of_the_rules():
    valid = merges = 0
    for seed in range(200):
        source = random_document(random.Random(seed))
        try:
            document = parse(source)
        except GraphQLSyntaxError:
            continue
        smaller = merged(document)
        verdicts = [not validate(SCHEMA, one, specified_rules) for one in (document, smaller)]
        assert verdicts[0] == verdicts[1], source
        valid += verdicts[0]
        merges += smaller != document
    assert merges > 50
    assert 30 < valid < 170


@pytest.mark.parametrize(
    "source",
    [
        "{ node { name } node }",
        '{ name @include(if: true) name @include(if: "no") }',
        '{ n(i: 1) { name } n(i: "no") { name } }',
        "{ n(i: 1) { name } n(i: 2) { name } }",
        "{ node { name } node { nope } }",
        "{ node { a: name } node { a: __typename } }",
        "query ($a: Int) { n(i: $a) { name } n(i: $b) { name } }",
        '{ n(s: "1") { name } n(s: 1) { name } }',
        "{ node { name } ... { node } }",
        "{ node { ... on Node { name } ... on Other { name } } }",
    ],
)
def test_merging_hides_no_mistake_behind_its_like(source):
    document = parse(source)
    assert validate(SCHEMA, document)
    assert validate(SCHEMA, merged(document))


VALUES = ["1", "$a", "[1 $b]", "[[$c] 2]", '"x"', "{in: {x: $a}}", "{x: 1 in: $d}", "{x: [$b]}", "null"]


def random_usages(rng):
    """A document that uses variables here and there, defined or not, at random."""

    def given():
        names = [name for name in ("x", "s", "o") if rng.random() < 0.3]
        return f"({' '.join(f'{name}: {rng.choice(VALUES)}' for name in names)})" if names else ""

    def directive():
        return rng.choice(["", "", "", "@include(if: $e)", "@skip(if: true)", "@nope(x: $a)"])

    def selections(depth):
        made = ["name"]
        for _ in range(rng.randint(0, 3)):
            kind = rng.choice(["node", "...", "... on Node", "...F", "...G", "nope"])
            if kind in ("...F", "...G"):
                made.append(f"{kind} {directive()}")
            elif kind == "nope":
                made.append(f"nope{given()}")
            elif depth:
                arguments = given() if kind == "node" else ""
                made.append(f"{kind}{arguments} {directive()} {{ {selections(depth - 1)} }}")
        return " ".join(made)

    types = ["Int", "Int!", "[Int]", "String", "In", "Boolean!", "Nope"]
    defined = [f"${name}: {rng.choice(types)}" for name in "abcde" if rng.random() < 0.6]
    head = f"query Q{f'({chr(32).join(defined)})' if defined else ''} {directive()}"
    fragments = f"fragment F on Node {directive()} {{ {selections(2)} }} fragment G on Node {{ {selections(1)} }}"
    return f"{head} {{ node{given()} {{ {selections(3)} }} }} {fragments}"


def test_what_is_left_for_the_rules_about_variables_breaks_the_same_ones_at_the_same_places():
    broken, smaller = set(), 0
    for seed in range(400):
        document = parse(random_usages(random.Random(seed)))
        left = with_variables(document)
        found = [validate(USES, one, OF_VARIABLES, max_errors=1000) for one in (document, left)]
        assert [str(error) for error in found[0]] == [str(error) for error in found[1]]
        broken |= {error.message.split('"')[0] for error in found[0]}
        smaller += len(print_ast(left)) < len(print_ast(document))
    assert len(broken) >= 3
    assert smaller > 300


def test_fields_that_repeat_each_other_are_compared_once():
    below = "node { name } " * 300
    documents_of().prepare(f"{{ node {{ {below} }} }}", None, None)


def test_nothing_that_carries_a_label_is_merged():
    document = parse('{ ... @defer(label: "a") { name } ... @defer(label: "a") { name } }')
    assert merged(document) == document
