"""Casbin policies are loaded, checked and compiled into abilities; `enforce` is only asked by the tests."""

import asyncio
import random
import sys

import casbin
import pytest
from authz_world import Org, Post, User
from casbin.persist.adapters import StringAdapter

from nestpy_authz import Abilities, AbilityFactory, AuthzModule, CasbinPolicies, PolicyStoreError, RuleError
from nestpy_core import AbilitySource, App, StartError, module

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
"""
DOMAINS = """
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft, fields, where
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
"""
POLICY = """
p, editor, Post, read, allow
p, editor, Post, update, allow
p, admin, Post, manage, allow
p, ada, Post, update, deny
p, auditor, all, read, allow
g, admin, editor
g, ada, admin
"""


async def loaded(*arguments, **options):
    policies = CasbinPolicies(*arguments, **options)
    await policies.load()
    return policies


def abilities_of(*factories):
    from nestpy_authz._entities import NO_ENTITIES

    return Abilities(entities=NO_ENTITIES, factories=list(factories), kept=16)


async def test_roles_of_roles_and_denials_are_compiled():
    abilities = abilities_of(await loaded(MODEL, POLICY, subjects=[Post]))
    editor, admin, ada = (abilities.of(User(name)) for name in ("eve", "bob", "ada"))
    assert not editor.can("read", Post)
    assert abilities.of(User("eve", ("editor",))).can("read", Post)
    assert not abilities.of(User("eve", ("editor",))).can("delete", Post)
    assert abilities.of(User("bob", ("admin",))).can("delete", Post)
    assert not admin.can("read", Post)
    assert ada.can("delete", Post)
    assert ada.can("read", Post)
    assert not ada.can("update", Post)
    assert abilities.of(User("x", ("auditor",))).can("read", Org)
    assert not abilities.of(User("x", ("auditor",))).can("update", Org)


async def test_domains_fields_and_conditions():
    policy = """
    p, editor, one, Post, read, allow, id title, ({"org_id": "$org_id"})
    p, editor, one, Post, read, allow, , ({"published": true, "id": {"gte": 5, "in": [5, 6, 7]}})
    p, editor, one, Post, read, deny, , ({"title": "no", "author.org_id": {"is_null": true}})
    g, ada, editor, one
    g, bob, editor, two
    """
    policies = await loaded(DOMAINS, policy, subjects=[Post], domain=lambda actor: actor.scopes[0])
    abilities = abilities_of(policies)
    ada = abilities.of(User("ada", org_id=3, scopes=("one",)))
    assert ada.fields("read", Post(id=1, title="t", org_id=3)) == {"id", "title"}
    assert ada.fields("read", Post(id=5, title="t", org_id=4, published=True)) is None
    assert not ada.can("read", Post(id=4, title="t", org_id=4, published=True))
    assert not ada.can("read", Post(id=8, title="t", org_id=4, published=True))
    assert not ada.can("read", Post(id=1, org_id=3, title="no"))
    assert not abilities.of(User("ada", org_id=3, scopes=("two",))).can("read", Post)
    assert not abilities.of(User("bob", org_id=3, scopes=("two",))).can("read", Post)
    with pytest.raises(RuleError, match="cannot be told"):
        abilities.of(object.__new__(type("Odd", (), {"id": "ada", "roles": (), "scopes": ("one",)})))


async def test_the_same_answers_as_enforce_where_its_question_is_not_empty():
    source = random.Random(5)
    names, objects, actions = ["ada", "bob", "eve", "r1", "r2", "r3"], ["a", "b", "c"], ["read", "write", "x"]
    for _ in range(150):
        lines = [
            f"p, {source.choice(names)}, {source.choice(objects)}, {source.choice(actions)}, "
            f"{source.choice(['allow', 'allow', 'deny'])}"
            for _ in range(source.randint(0, 8))
        ]
        lines += [
            f"g, {source.choice(names)}, {source.choice(['r1', 'r2', 'r3'])}" for _ in range(source.randint(0, 4))
        ]
        text = "\n".join([*lines, "# end", ""])
        enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL), StringAdapter(text))
        policies = await loaded(MODEL, text, names=lambda actor: [actor.id])
        abilities = abilities_of(policies)
        for name in names:
            ability = abilities.of(User(name))
            for subject in objects:
                for action in actions:
                    assert ability.can(action, subject) == enforcer.enforce(name, subject, action), (text, name)


async def test_casbin_says_yes_to_an_empty_question_and_the_ability_does_not():
    enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL), StringAdapter("# nothing"))
    assert enforcer.enforce("", "", "") is True
    abilities = abilities_of(await loaded(MODEL, "# nothing\n"))
    for actor in (User(""), User("", ("",)), User("ada")):
        ability = abilities.of(actor)
        for question in (("", ""), ("read", ""), ("", Post), ("read", None), (None, None), ("", None)):
            assert ability.can(*question) is False


@pytest.mark.parametrize(
    "line",
    [
        "p, , Post, read, allow",
        "p, ada, , read, allow",
        "p, ada, Post, , allow",
        "p, ada, Post, read",
        "p, ada, Post, read, allow, more",
        "p, ada, Post, read, maybe",
        "g, ada",
        "g, ada, ",
    ],
)
async def test_a_policy_with_missing_or_empty_parts_is_not_loaded(line):
    policies = CasbinPolicies(MODEL, f"p, bob, Post, read, allow\n{line}\n", subjects=[Post])
    with pytest.raises(PolicyStoreError):
        await policies.load()
    with pytest.raises(RuleError, match="the policies are not loaded"):
        abilities_of(policies).of(User("bob"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("&& r.act == p.act", "", "matcher compares obj, sub, and policies have act, obj, sub"),
        ("&& r.act == p.act", "|| r.act == p.act", "cannot become a condition of a query"),
        ("r.act == p.act", "regexMatch(r.act, p.act)", "cannot become a condition of a query"),
        ("r.act == p.act", "r.act == p.act && r.sub.age > 18", "cannot become a condition of a query"),
        ("g(r.sub, p.sub)", "true", "cannot become a condition of a query"),
        ("g(r.sub, p.sub)", "r.sub == p.sub", "do not both speak of roles"),
        ("some(where (p.eft == allow)) && ", "", "none that denies by default"),
        ("!some(where (p.eft == deny))", "!some(where (p.eft == other))", "none that denies by default"),
        ("sub, obj, act, eft", "sub, obj, act, eft, ttl", "have the fields sub, obj, act, eft, ttl"),
        ("sub, obj, act, eft", "sub, obj", "have the fields sub, obj"),
        ("g = _, _", "g = _, _\ng2 = _, _", "several kinds of roles"),
    ],
)
def test_a_model_that_no_query_could_carry_is_refused(old, new, message):
    assert old in MODEL
    with pytest.raises(RuleError, match=message):
        CasbinPolicies(MODEL.replace(old, new), POLICY)


def test_a_model_with_domains_needs_to_know_the_actors():
    with pytest.raises(RuleError, match="nothing tells an actor's"):
        CasbinPolicies(DOMAINS, POLICY)
    with pytest.raises(RuleError, match="cannot be read"):
        CasbinPolicies("nowhere.conf", POLICY)


async def test_an_actor_without_a_domain_has_no_rules():
    policies = await loaded(
        DOMAINS, "p, ada, , Post, read, allow, , \n".replace(", ,", ", one,", 1), domain=lambda _: None
    )
    assert not abilities_of(policies).of(User("ada")).can("read", "Post")


async def test_an_actor_that_is_called_like_a_role_gets_nothing():
    abilities = abilities_of(await loaded(MODEL, POLICY, subjects=[Post]))
    with pytest.raises(RuleError, match="is called `editor` like a role"):
        abilities.of(User("editor"))
    assert abilities.of(User("editor", ("editor",))).can("read", Post)


async def test_policies_come_from_files(tmp_path):
    (tmp_path / "model.conf").write_text(MODEL)
    (tmp_path / "policy.csv").write_text(POLICY)
    policies = await loaded(tmp_path / "model.conf", str(tmp_path / "policy.csv"), subjects=[Post])
    assert abilities_of(policies).of(User("ada")).can("read", Post)
    with pytest.raises(PolicyStoreError, match="there is no file"):
        await loaded(MODEL, tmp_path / "none.csv")


class Store:
    """An adapter as a database's: async, and as slow or broken as a test wants."""

    def __init__(self, text):
        self.text = text
        self.delay = 0.0
        self.error = None

    async def load_policy(self, model):
        for line in self.text.strip().splitlines():
            key, *values = [part.strip() for part in line.split(",")]
            model[key[0]][key].policy.append(values)
            await asyncio.sleep(self.delay)
        if self.error:
            raise self.error


async def test_a_reload_counts_for_the_next_question_and_a_failed_one_changes_nothing():
    store = Store("p, ada, Post, read, allow")
    policies = await loaded(MODEL, store, subjects=[Post])
    abilities = abilities_of(policies)
    before = abilities.of(User("ada"))
    assert before.can("read", Post)
    assert abilities.of(User("ada")) is before
    for text, error in (("p, ada, Post, read", None), ("p, ada, Post, update, allow", OSError("away"))):
        store.text, store.error = text, error
        with pytest.raises(PolicyStoreError, match="version 1 stays in force"):
            await policies.reload()
        assert abilities.of(User("ada")) is before
    store.error = None
    await policies.reload()
    after = abilities.of(User("ada"))
    assert after.can("update", Post)
    assert not after.can("read", Post)
    assert before.can("read", Post)


async def test_nobody_sees_half_of_a_reload():
    half = "p, ada, Post, read, allow\n"
    store = Store(half + "p, ada, Post, read, deny")
    policies = await loaded(MODEL, store, subjects=[Post])
    abilities = abilities_of(policies)
    store.delay = 0.002
    task = asyncio.create_task(policies.reload())
    while not task.done():
        assert not abilities.of(User("ada")).can("read", Post)
        await asyncio.sleep(0)
    await task


async def test_a_store_that_does_not_answer_fails_the_start():
    store = Store("p, ada, Post, read, allow")
    store.delay = 30

    @module(imports=[AuthzModule.for_root(CasbinPolicies(MODEL, store, timeout=0.05))])
    class SlowModule: ...

    with pytest.raises(StartError):
        async with App(SlowModule, environ={"NESTPY_ENV": "test"}).create_context():
            pass


async def test_code_and_policies_make_one_ability():
    class Rules(AbilityFactory):
        def define(self, actor, can, cannot):
            can("read", Org)
            cannot("delete", Post)

    @module(imports=[AuthzModule.for_root(Rules, CasbinPolicies(MODEL, POLICY, subjects=[Post]))])
    class BothModule: ...

    async with App(BothModule, environ={"NESTPY_ENV": "test"}).create_context() as context:
        abilities = await context.get(Abilities)
        assert await context.get(AbilitySource) is abilities
        ability = abilities.of(User("bob", ("admin",)))
        assert ability.can("read", Org)
        assert ability.can("update", Post)
        assert not ability.can("delete", Post)


def test_enforce_is_never_called(monkeypatch):
    assert "casbin" in sys.modules

    def refuse(*_):
        raise AssertionError("enforce was called")

    for name in ("enforce", "enforce_ex", "batch_enforce"):
        monkeypatch.setattr(casbin.core_enforcer.CoreEnforcer, name, refuse)

    async def ask():
        abilities = abilities_of(await loaded(MODEL, POLICY, subjects=[Post]))
        return [abilities.of(User("ada")).can("read", Post(id=number)) for number in range(10)]

    assert asyncio.run(ask()) == [True] * 10
