"""One ability answers the gate, the query and the mask from the same rules, and denies whatever it cannot tell."""

import random
import re

import pytest
from authz_world import Entity, EntitySupport, Org, Person, Post, User
from hypothesis import given, settings, strategies as st

from nestpy_authz import (
    ALL,
    MANAGE,
    AbilityFactory,
    PredicateError,
    RuleError,
    all_of,
    any_of,
    gt,
    gte,
    is_in,
    is_not_null,
    is_null,
    lt,
    ne,
    not_,
    predicate,
    related,
    where,
)
from nestpy_authz._ability import CompiledAbility
from nestpy_authz._entities import NO_ENTITIES, Entities
from nestpy_authz._rules import RuleBook
from nestpy_core.contracts import All, AnyOf, Compare, Never, Not

WORLD = Entities(lambda _: EntitySupport())


class Columns:
    """What knows the fields of the tests' entities."""

    def fields(self, cls):
        return cls.columns if issubclass(cls, Entity) else None

    def key(self, value):
        return value.id


def ability(define, entities=None):
    book = RuleBook()
    define(book.can, book.cannot)
    return CompiledAbility(book.rules, entities or Columns())


def allowing(*conditions, **equal):
    return ability(lambda can, cannot: can("read", Post, *conditions, **equal))


# -- deny by default (A2)

ODD = [
    None,
    "",
    " ",
    "read",
    "Read",
    "READ",
    "*",
    "all",
    "manage",
    "rea",
    b"read",
    0,
    1,
    True,
    [],
    {},
    ("read",),
    object(),
]
SUBJECTS = [*ODD, Post, Org, Person, type, object, type(None), Post(), Org(), Exception(), "Post", "Org"]


def test_without_a_rule_nothing_is_allowed_whatever_is_asked():
    nothing = ability(lambda can, cannot: None)
    for action in ODD:
        for subject in SUBJECTS:
            for field in (None, "", "id", 5):
                assert nothing.can(action, subject, field) is False
    assert nothing.condition("read", Post) == Never()
    assert nothing.fields("read", Post) == nothing.fields("read", Post()) == frozenset()


def test_of_ten_thousand_questions_about_something_else_none_is_allowed():
    some = ability(lambda can, cannot: (can("read", Post, id=1), can("update", "report"), can(MANAGE, Org, id=2)))
    source = random.Random(3)
    asked = 0
    while asked < 10_000:
        action, subject = source.choice([*ODD, "update", "delete"]), source.choice([*SUBJECTS, Post(id=2), Org(id=1)])
        about = subject if isinstance(subject, type) else type(subject)
        granted = (action == "read" and about is Post and isinstance(subject, type)) or (
            about is Org and isinstance(subject, type) and isinstance(action, str) and action != ""
        )
        if not granted:
            asked += 1
            assert some.can(action, subject, source.choice([None, "id", ""])) is False, (action, subject)


def test_the_wildcards_allow_no_empty_question():
    everything = ability(lambda can, cannot: can(MANAGE, ALL))
    assert everything.can("anything", Post())
    assert everything.can("read", "report")
    for question in (
        ("", Post),
        (None, Post),
        ("read", ""),
        ("read", None),
        (b"read", Post),
        (1, Post),
        ("", ""),
        ([], Post),
    ):
        assert everything.can(*question) is False


@pytest.mark.parametrize("missing", ["colour", "author.colour", "id.real", "__class__x"])
def test_a_field_that_is_not_there_denies(missing):
    assert not allowing(where(**{missing: 1})).can("read", Post(id=1, author=Person()))
    assert not allowing(not_(where(**{missing: 1}))).can("read", Post(id=1, author=Person()))


def test_a_denial_that_cannot_be_decided_denies():
    unsure = ability(lambda can, cannot: (can("read", Post), cannot("read", Post, title="x")))
    assert unsure.can("read", Post(title="y"))
    assert not unsure.can("read", Post(title=None))
    assert not unsure.can("read", Post(title=5))
    del (post := Post(title="y")).title
    assert not unsure.can("read", post)


def test_a_condition_that_nobody_understands_denies(caplog):
    for odd in (Compare("id", "like", "1"), any_of(where(id=1), Compare("id", "like", "1")), Not(All(("nothing",)))):
        made = allowing(odd)
        assert not made.can("read", Post(id=1))
        assert not made.can("read", Post)
        assert made.condition("read", Post) == Never()
        assert made.fields("read", Post(id=1)) == frozenset()
    assert "could not be decided: A rule compares `id` by `like`, which is no operator" in caplog.text


# A7: the order of rules

RULES = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(["read", "manage", "update"]),
        st.sampled_from([Post, ALL, Org]),
        st.sampled_from([{}, {"id": 1}, {"id": gte(2)}, {"title": "a"}, {"title": ne("a")}]),
        st.sampled_from([None, ["id"], ["title", "secret"]]),
    ),
    max_size=6,
)
POSTS = [Post(id=number, title=title) for number in (None, 1, 2, 3) for title in (None, "a", "b")]


def answers(rules):
    def define(can, cannot):
        for allows, action, subject, equal, fields in rules:
            (can if allows else cannot)(action, subject, fields=fields, **equal)

    made = ability(define)
    asked = [(made.can("read", post), made.fields("read", post)) for post in POSTS]
    return [*asked, made.can("read", Post), made.can("update", Post, "title"), made.fields("read", Post)]


@settings(max_examples=150, database=None)
@given(rules=RULES, seed=st.randoms(use_true_random=False))
def test_the_order_of_rules_changes_no_answer(rules, seed):
    mixed = list(rules)
    seed.shuffle(mixed)
    assert answers(mixed) == answers(rules)


@settings(max_examples=100, database=None)
@given(rules=RULES)
def test_one_more_denial_never_allows_more_and_one_more_grant_never_less_of_what_is_not_denied(rules):
    before = answers(rules)[: len(POSTS)]
    denied = answers([*rules, (False, "read", Post, {"id": 1}, None)])[: len(POSTS)]
    assert all(was or not now for (was, _), (now, _) in zip(before, denied, strict=True))
    assert not any(now for post, (now, _) in zip(POSTS, denied, strict=True) if post.id in (1, None))
    granted = answers([*rules, (True, "read", Post, {"id": 2}, None)])[: len(POSTS)]
    assert all(now or not was for (was, _), (now, _) in zip(before, granted, strict=True))


# -- conditions


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        (where(id=1), {1}),
        (where(id=ne(1)), {2, 3}),
        (not_(where(id=1)), {2, 3}),
        (where(id=gt(1)), {2, 3}),
        (where(id=lt(2)), {1}),
        (where(id=is_in([1, 3])), {1, 3}),
        (where(id=is_in([])), set()),
        (not_(where(id=is_in([]))), {1, 2, 3, None}),
        (not_(where(id=is_in([1, None]))), set()),
        (where(id=is_in([1, None])), {1}),
        (where(id=is_null()), {None}),
        (where(id=is_not_null()), {1, 2, 3}),
        (not_(where(id=is_null())), {1, 2, 3}),
        (where(id=None), set()),
        (not_(where(id=None)), set()),
        (any_of(where(id=1), where(id=None)), {1}),
        (all_of(where(id=1), where(title=is_null())), {1}),
        (any_of(), set()),
        (not_(any_of()), {1, 2, 3, None}),
        (all_of(), {1, 2, 3, None}),
    ],
)
def test_conditions_have_the_three_values_of_sql(condition, allowed):
    made = allowing(condition)
    assert {post.id for post in (Post(id=number) for number in (1, 2, 3, None)) if made.can("read", post)} == allowed


def test_a_relation_is_followed_and_what_is_beyond_an_absent_one_is_null():
    made = allowing(author=related(org=related(plan="pro"), name=is_not_null()))
    assert made.can("read", Post(author=Person(name="Ada", org=Org(plan="pro"))))
    assert not made.can("read", Post(author=Person(name="Ada", org=Org(plan="free"))))
    assert not made.can("read", Post(author=Person(name="Ada")))
    assert not made.can("read", Post())
    assert not made.can("read", Post(author=7))
    assert allowing(author=related(org=is_null())).can("read", Post())
    assert allowing(author=7).can("read", Post(author=Person(id=7)))


def test_the_condition_of_a_query_is_every_grant_without_every_denial():
    grant, other, denial = (Compare("id", "eq", number) for number in (1, 2, 3))
    for define, expected in (
        (lambda can, _: can("read", Post), All()),
        (lambda can, _: can("read", Post, id=1), grant),
        (lambda can, _: (can("read", Post, id=1), can("read", Post, id=2)), AnyOf((grant, other))),
        (lambda can, _: (can("read", Post, id=1), can(MANAGE, ALL)), All()),
        (lambda can, cannot: (can("read", Post), cannot("read", Post, id=3)), Not(denial)),
        (lambda can, cannot: (can("read", Post, id=1), cannot(MANAGE, Post, id=3)), All((grant, Not(denial)))),
        (lambda can, cannot: (can("read", Post), cannot("read", Post)), Never()),
        (lambda can, cannot: cannot("read", Post, id=3), Never()),
        (lambda can, cannot: (can("read", Post), cannot("read", Post, fields=["id"])), All()),
        (lambda can, _: can("update", Post), Never()),
    ):
        assert ability(define).condition("read", Post) == expected


def test_a_class_includes_its_subclasses_and_not_its_bases():
    class Special(Post): ...

    made = ability(lambda can, cannot: (can("read", Post), cannot("update", Post), can("update", Special)))
    assert made.can("read", Special())
    assert not made.can("read", Entity())
    assert not made.can("update", Special())


# -- fields


def test_fields_add_up_over_the_grants_that_hold_and_denials_take_theirs_away():
    def define(can, cannot):
        can("read", Post, fields=["id", "title"])
        can("read", Post, fields=["secret"], org_id=1)
        can("read", Post, org_id=2)
        cannot("read", Post, fields=["title"], published=False)

    made = ability(define)
    assert made.fields("read", Post(published=True)) == {"id", "title"}
    assert made.fields("read", Post(org_id=1, published=True)) == {"id", "title", "secret"}
    assert made.fields("read", Post(org_id=2, published=True)) is None or "secret" in made.fields(
        "read", Post(org_id=2, published=True)
    )
    assert made.fields("read", Post(org_id=1, published=None)) == {"id", "secret"}
    assert made.fields("read", Post(org_id=2, published=False)) == set(Post.columns) - {"title"}
    assert made.can("read", Post(published=True), "title")
    assert not made.can("read", Post(published=True), "secret")
    assert made.can("read", Post, "secret")
    assert not made.can("update", Post, "id")


def test_a_list_is_sorted_by_what_every_allowed_row_shows():
    def define(can, cannot):
        can("read", Post, fields=["id", "title"], published=True)
        can("read", Post, fields=["id", "secret"], org_id=1)
        cannot("read", Post, fields=["title"], id=5)
        can("read", Org)
        can("read", Person, fields=["id"])
        can("read", Person, org_id=1)

    made = ability(define)
    assert made.fields("read", Post) == {"id"}
    assert made.fields("read", Org) is None
    assert made.fields("read", Person) == {"id"}


@pytest.mark.parametrize(("hidden", "shown"), [("plan", {"id", "name", "posts"}), ("posts", {"id", "name", "plan"})])
def test_a_relation_is_granted_like_a_field(hidden, shown):
    made = ability(lambda can, cannot: (can("read", Org), cannot("read", Org, fields=[hidden])), WORLD)
    assert made.fields("read", Org()) == shown
    assert made.can("read", Org(), "posts") is (hidden != "posts")


def test_where_nobody_knows_all_fields_hiding_one_hides_all():
    made = ability(lambda can, cannot: (can("read", Post), cannot("read", Post, fields=["id"])), NO_ENTITIES)
    assert made.fields("read", Post()) == frozenset()


# -- predicates


class Odd(AbilityFactory):
    @predicate("read", Post)
    def is_odd(self, post):
        if post.id == 9:
            raise LookupError
        return {1: True, 3: "yes", 5: 1, 7: None}.get(post.id, False)


def test_a_predicate_decides_in_the_gate_alone_and_only_true_is_true():
    odd = Odd()
    granted = ability(lambda can, cannot: can("read", Post, odd.is_odd, published=True))
    assert [n for n in range(10) if granted.can("read", Post(id=n, published=True))] == [1]
    assert not granted.can("read", Post(id=1, published=False))
    denied = ability(lambda can, cannot: (can("read", Post), cannot("read", Post, odd.is_odd)))
    assert [n for n in range(10) if denied.can("read", Post(id=n))] == [0, 2, 4, 6, 8]
    for made in (granted, denied):
        with pytest.raises(PredicateError) as caught:
            made.condition("read", Post)
        assert str(caught.value) == (
            "`read` on `Post` is decided by `is_odd`, which no query can carry.\n"
            "Hint: write the rule with `where(…)`, or ask for each instance with `ability.can(…)`"
        )


# -- rules that make no sense


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda can, _: can("", Post), "An action is a name, not ''"),
        (lambda can, _: can("read", ""), "A subject is a class or a name, not ''"),
        (lambda can, _: can("read", None), "'NoneType' object is not iterable"),
        (lambda can, _: can("read", Post, fields=[]), "`fields=` takes the names of some fields, not []"),
        (lambda can, _: can("read", Post, fields="title"), "`fields=` takes the names of some fields, not 'title'"),
        (
            lambda can, _: can("read", Post, 5),
            (
                "A rule takes conditions, not `5`.\n"
                "Hint: write `where(field=value)`, or a method of the factory that is marked with `@predicate`"
            ),
        ),
        (
            lambda can, _: can("read", Post, lambda post: True),
            (
                "A rule for `read` takes `<lambda>`, which is no condition.\n"
                "Hint: mark that method with `@predicate(…)`, if only Python can decide it"
            ),
        ),
        (
            lambda can, _: can("update", Post, Odd().is_odd),
            (
                "`is_odd` is marked for `read` on `Post`, and a rule for `update` uses it.\n"
                "Hint: mark a predicate for each action"
            ),
        ),
        (
            lambda can, _: can("read", Post, id=object),
            (
                "A rule compares `id` with <class 'object'>, which no column holds.\n"
                "Hint: compare it with text, bytes, a number, a date, a time, a UUID or None, or write `is_in([…])`"
            ),
        ),
        (
            lambda _, cannot: cannot("read", Post, requires_scope="x"),
            "`cannot` takes no scope (`x`): a token without it would be allowed more",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_says_so(declare, message):
    with pytest.raises((RuleError, TypeError), match=f"^{re.escape(message)}$"):
        ability(declare)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("nan"), float("inf"), "a\0b"])
def test_a_value_that_no_database_compares_is_refused(value):
    with pytest.raises(RuleError):
        where(id=value)


def test_nothing_of_an_actor_makes_an_ability_of_another(tmp_path):
    first, second = allowing(id=1), allowing(id=2)
    assert first.can("read", Post(id=1))
    assert not second.can("read", Post(id=1))
    assert User("x") == User("x")
