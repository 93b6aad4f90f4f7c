"""A1: gate, PostgreSQL, SQLite and a brute-force oracle agree on every row, in both directions."""

import datetime as dt
import decimal
import itertools
import os
import random
import uuid

import pytest
from agreement import by_gate, by_oracle, fields_by_gate, fields_by_oracle, related_by_oracle, world
from hypothesis import HealthCheck, given, settings
from policies import POLICIES, random_policy, random_rows

from nestpy_authz import CompiledAbility, _truth
from nestpy_authz._rules import RuleBook
from nestpy_orm import EntityError, Repository

CASES, SEED = int(os.environ.get("AGREEMENT_CASES", "1800")), int(os.environ.get("AGREEMENT_SEED", "11"))
"""`make soak` asks for many more, of several worlds."""


@pytest.fixture
async def worlds(postgres_url, tmp_path):
    owners, rows = random_rows(random.Random(SEED))
    sqlite_url = f"sqlite:///{tmp_path}/world.db"
    async with world(postgres_url, owners, rows) as postgres, world(sqlite_url, owners, rows) as sqlite:
        yield postgres, sqlite, rows


async def disagreements(worlds, policy):
    """Return who disagrees with the oracle about one policy, with the ids in question."""
    postgres, sqlite, rows = worlds
    wanted = by_oracle(policy, rows)
    found = {
        "the gate, of rows of PostgreSQL": by_gate(postgres, policy),
        "the gate, of rows of SQLite": by_gate(sqlite, policy),
        "PostgreSQL": await postgres.selected(policy),
        "SQLite": await sqlite.selected(policy),
    }
    wrong = {who: sorted(ids ^ wanted) for who, ids in found.items() if ids != wanted}
    if fields_by_gate(sqlite, policy) != fields_by_oracle(policy, rows):
        wrong["the mask"] = []
    return wrong


@pytest.mark.timeout(300)
@settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(policy=POLICIES)
async def test_policies_that_hypothesis_finds_are_decided_alike_everywhere(worlds, policy):
    assert await disagreements(worlds, policy) == {}


@pytest.mark.timeout(300 + CASES // 20)
async def test_random_policies_are_decided_alike_everywhere(worlds):
    source = random.Random(SEED)
    for _ in range(CASES):
        policy = random_policy(source)
        assert await disagreements(worlds, policy) == {}, policy


async def wrong_relations(worlds, policy):
    """Return whether relations lead elsewhere than the oracle says, on either database."""
    *databases, rows = worlds
    owners = sorted({row["owner"] for row in rows if row["owner"] is not None})
    wanted = related_by_oracle(policy, rows, owners)
    for one in databases:
        if await one.related(policy, owners, first=40) != wanted:
            return True
        if await one.by_keys(policy, [row["id"] for row in rows]) != by_oracle(policy, rows):
            return True
    return False


@pytest.mark.timeout(300)
async def test_relations_lead_to_what_the_oracle_allows_page_by_page(worlds):
    source = random.Random(SEED + 1)
    for _ in range(60):
        policy = random_policy(source)
        assert not await wrong_relations(worlds, policy), policy


@pytest.mark.timeout(300)
async def test_a_relation_that_ignores_the_ability_is_found(worlds, monkeypatch):
    no_where(monkeypatch)
    source = random.Random(13)
    for _ in range(300):
        if await wrong_relations(worlds, random_policy(source)):
            return
    pytest.fail("nobody noticed")


def no_where(patch):
    patch.setattr(Repository, "_scope", lambda *_: "")


def no_mask(patch):
    patch.setattr(CompiledAbility, "fields", lambda *_: None)


def denials_that_grant(patch):
    patch.setattr(RuleBook, "cannot", RuleBook.can)


def nulls_that_are_known(patch):
    patch.setattr("nestpy_orm._condition.UNKNOWN", "FALSE")


def the_collation_of_the_column(patch):
    patch.setattr("nestpy_orm._condition._collation", lambda *_: "")


def a_null_in_memory_that_differs(patch):
    patch.setattr(_truth, "compare", lambda found, wanted, operator, key_of: operator == "ne")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "plant",
    [
        no_where,
        no_mask,
        denials_that_grant,
        nulls_that_are_known,
        the_collation_of_the_column,
        a_null_in_memory_that_differs,
    ],
)
async def test_a_planted_bug_is_found(worlds, plant, monkeypatch):
    plant(monkeypatch)
    source = random.Random(13)
    for _ in range(1_500):
        if await disagreements(worlds, random_policy(source)):
            return
    pytest.fail("nobody noticed")


MISFITS = [
    ("number", "1"),
    ("number", 1.0),
    ("number", True),
    ("name", 1),
    ("name", b"a"),
    ("ratio", decimal.Decimal("0.1")),
    ("ratio", "0.1"),
    ("price", 0.1),
    ("price", "0.10"),
    ("flag", 1),
    ("flag", "true"),
    ("moment", dt.datetime(2020, 1, 1)),  # noqa: DTZ001  # what does not fit
    ("moment", dt.date(2020, 1, 1)),
    ("moment", "2020-01-01T00:00:00+00:00"),
    ("local", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
    ("day", dt.datetime(2020, 1, 1)),  # noqa: DTZ001  # what does not fit
    ("day", "2020-01-01"),
    ("key", 1),
    ("key", "no uuid"),
    ("blob", "a"),
    ("owner", "1"),
    ("owner.org", "1"),
]


async def test_a_value_of_another_type_than_its_field_grants_nothing_anywhere(worlds):
    for (field, value), operator in itertools.product(MISFITS, ["eq", "ne", "gte", "in"]):
        wanted = (value,) if operator == "in" else value
        policy = [(True, "read", "Thing", ("cmp", field, operator, wanted), None)]
        for one in worlds[:2]:
            assert by_gate(one, policy) == set(), (field, operator, value)
            with pytest.raises(EntityError):
                await one.selected(policy)


async def test_ids_may_be_compared_as_text_and_integers_with_fractions(worlds):
    for field, value, alike in [
        ("key", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("ratio", 7, 7.0),
        ("price", 7, decimal.Decimal(7)),
    ]:
        wanted = by_oracle([(True, "read", "Thing", ("cmp", field, "eq", alike), None)], worlds[2])
        policy = [(True, "read", "Thing", ("cmp", field, "eq", value), None)]
        assert wanted
        for one in worlds[:2]:
            assert by_gate(one, policy) == wanted == await one.selected(policy)
