"""Who acts decides what is current: nobody may do anything, the system everything; a changed role counts at once."""

import asyncio
import contextvars
import dataclasses
import functools
import logging
from typing import NamedTuple

import pytest
from authz_world import Post, User

from nestpy_authz import Abilities, AbilityFactory, RuleError, as_system
from nestpy_authz._entities import NO_ENTITIES
from nestpy_core import acting_as


class Rules(AbilityFactory):
    def __init__(self):
        self.defined = 0
        self.state = 0

    def version(self):
        return self.state

    def define(self, actor, can, cannot):
        self.defined += 1
        for role in actor.roles:
            can(role, Post)


@pytest.fixture
def rules():
    return Rules()


@pytest.fixture
def abilities(rules):
    return Abilities(entities=NO_ENTITIES, factories=[rules], kept=4)


def in_a_unit_of_work(test):
    """Run a test in a context of its own, as every unit of work is."""

    @functools.wraps(test)
    def run(**fixtures):
        contextvars.copy_context().run(test, **fixtures)

    return run


@in_a_unit_of_work
def test_nobody_may_do_anything_and_is_warned_about_once_in_a_unit_of_work(abilities, caplog):
    for _ in range(3):
        assert not abilities.current().can("read", Post)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name == "nestpy.authz"
    assert record.reason == "no_actor"
    assert record.remedy == (
        "authenticate the caller, or write `with acting_as(actor):`, `with as_system(reason):` or `unscoped()`"
    )


@in_a_unit_of_work
def test_the_system_is_explicit_and_logged_and_ends_with_its_block(abilities, caplog):
    with caplog.at_level(logging.INFO, logger="nestpy.authz"):
        with as_system("nightly clean-up"):
            assert abilities.current() is None
        assert abilities.current() is not None
    assert "acting as the system: nightly clean-up" in caplog.text
    with pytest.raises(RuleError), as_system(""):
        pass


async def test_tasks_inherit_who_acts_and_do_not_change_it_for_others(abilities):
    async def asked():
        await asyncio.sleep(0)
        return abilities.current().can("read", Post)

    async def as_(actor):
        with acting_as(actor):
            return await asyncio.create_task(asked())

    found = await asyncio.gather(*(as_(User(str(n), ("read",) if n % 2 else ())) for n in range(20)), asked())
    assert found == [bool(n % 2) for n in range(20)] + [False]


@dataclasses.dataclass(frozen=True)
class Frozen:
    id: str
    roles: tuple[str, ...]


class Named(NamedTuple):
    id: str
    roles: tuple[str, ...]


@pytest.mark.parametrize("kind", [User, Frozen, Named])
def test_equal_actors_that_cannot_change_share_one_ability(abilities, rules, kind):
    assert abilities.of(kind("ada", ("read",))) is abilities.of(kind("ada", ("read",)))
    assert rules.defined == 1
    assert abilities.of(kind("ada", ("write",))) is not abilities.of(kind("ada", ("read",)))
    rules.state += 1
    abilities.of(kind("ada", ("read",)))
    assert rules.defined == 3


class Mutable:
    """Equal by its id alone, as rows of many libraries are."""

    def __init__(self, name, *roles):
        self.id, self.roles = name, list(roles)

    def __eq__(self, other):
        return isinstance(other, Mutable) and self.id == other.id

    def __hash__(self):
        return hash(self.id)


@dataclasses.dataclass
class Row:
    id: str
    roles: list[str]


async def test_a_role_change_of_an_actor_that_can_change_is_seen_by_the_next_unit_of_work(abilities):
    async def unit(actor):
        return abilities.of(actor).can("read", Post)

    for actor in (Mutable("ada", "read"), Row("ada", ["read"])):
        assert await asyncio.create_task(unit(actor))
        actor.roles.clear()
        assert not await asyncio.create_task(unit(actor))
    assert not await asyncio.create_task(unit(Mutable("ada")))


def test_an_actor_that_can_change_is_compiled_once_in_a_unit_of_work(abilities, rules):
    ada = Mutable("ada", "read")
    assert abilities.of(ada) is abilities.of(ada)
    assert rules.defined == 1


def test_frozen_actors_that_hold_lists_and_actors_of_other_types_are_told_apart(abilities):
    assert abilities.of(User("ada", ["read"])).can("read", Post)
    assert not abilities.of(User("ada", ["write"])).can("read", Post)
    assert abilities.of(Named("ada", ("read",))) is not abilities.of(Frozen("ada", ("read",)))


def test_the_memory_of_abilities_is_bounded(abilities, rules):
    for number in range(20):
        abilities.of(User(str(number)))
    assert abilities._kept.cache_info().currsize == 4


def test_rules_that_raise_are_told_about_and_not_remembered(abilities, rules):
    class Broken(Rules):
        def define(self, actor, can, cannot):
            raise LookupError("away")

    broken = Abilities(entities=NO_ENTITIES, factories=[rules, Broken()], kept=4)
    for _ in range(2):
        with pytest.raises(RuleError) as caught:
            broken.of(User("ada", ("read",)))
        assert str(caught.value) == "The rules of the actor `ada` cannot be told, so nothing is allowed: away"
    assert rules.defined == 2
