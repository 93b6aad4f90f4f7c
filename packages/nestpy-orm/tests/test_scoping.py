"""Every read and write carries the ability that is in force."""

import asyncio
import contextlib
import uuid

import pytest
import shop

from nestpy_core import AbilitySource, All, Compare, DeniedError, Never, module, provide
from nestpy_orm import Crud, EntityNotFoundError, FieldDeniedError, Repository, crud

pytestmark = pytest.mark.anyio


class Rules:
    """An ability whose condition and fields are whatever the test says."""

    def __init__(self, condition=None, fields=None):
        self.conditions = condition or {}
        self.visible = fields or {}

    def can(self, action, subject, field=None):
        return action in self.conditions

    def condition(self, action, entity):
        return self.conditions.get(action, Never())

    def vouch(self, action, instances): ...

    def fields(self, action, subject):
        return self.visible.get(action)


class Source:
    def __init__(self, rules):
        self.rules = rules

    def current(self):
        return self.rules


@pytest.fixture
async def tenants(orgs, users):
    acme, globex = [await orgs.create(name=name) for name in ("Acme", "Globex")]
    for name, org in [("Ada", acme), ("Bob", acme), ("Cyd", globex)]:
        await users.create(name=name, email=f"{name}@x.test", org=org.id)
    return acme, globex


def own(org, *actions):
    return Rules({action: Compare("org.name", "eq", org.name) for action in actions})


async def row(users, name):
    return await users.first(shop.User.name == name)


async def test_without_an_ability_nothing_is_added_and_with_none_granted_nothing_is_there(database, users, tenants):
    assert await Repository(shop.User, database, Source(None)).count() == 3
    nobody = Repository(shop.User, database, Source(Rules()))
    assert await nobody.count() == 0
    assert await nobody.find() == []
    assert [user async for user in nobody.stream()] == []
    assert (await nobody.page()).items == []
    assert not await nobody.exists()
    with pytest.raises(EntityNotFoundError):
        await nobody.get((await row(users, "Ada")).id)


async def test_every_read_is_limited_to_what_the_actor_may_read(database, users, tenants):
    acme, _ = tenants
    mine = Repository(shop.User, database, Source(own(acme, "read")))
    assert sorted(user.name for user in await mine.find()) == ["Ada", "Bob"]
    assert await mine.count() == 2
    assert sorted(user.name for user in (await mine.page()).items) == ["Ada", "Bob"]
    assert [user.name async for user in mine.stream(order=["name"])] == ["Ada", "Bob"]
    assert not await mine.exists(shop.User.name == "Cyd")
    assert await mine.find_one((await row(users, "Cyd")).id) is None


async def test_a_row_is_read_under_whichever_ability_is_in_force_however_many_there_were(database, users, tenants):
    acme, globex = tenants
    ada, cyd = await row(users, "Ada"), await row(users, "Cyd")
    source = Source(None)
    seen = Repository(shop.User, database, source)
    theirs = {org.id: own(org, "read") for org in tenants}
    for number in range(300):
        source.rules = Rules({"read": Compare("age", "eq", number)})
        assert await seen.find_one(ada.id) is None
        for org, mine, foreign in ((acme, ada, cyd), (globex, cyd, ada)) if number % 50 == 0 else ():
            source.rules = theirs[org.id]
            assert (await seen.get(mine.id)).name == mine.name
            assert await seen.find_one(foreign.id) is None
            source.rules = None
            assert (await seen.get(foreign.id)).name == foreign.name
    assert len(seen._ready) <= 256


async def test_rows_out_of_scope_are_neither_changed_nor_deleted(database, users, tenants):
    acme, _ = tenants
    cyd = await row(users, "Cyd")
    mine = Repository(shop.User, database, Source(own(acme, "read", "update", "delete")))
    for attempt in (mine.update(cyd.id, name="X"), mine.delete(cyd.id)):
        with pytest.raises(EntityNotFoundError):
            await attempt
    assert (await users.get(cyd.id)).name == "Cyd"


async def test_a_row_that_may_be_read_and_not_changed_is_refused(database, users, tenants):
    acme, _ = tenants
    ada = await row(users, "Ada")
    reader = Repository(shop.User, database, Source(own(acme, "read")))
    for attempt in (reader.update(ada.id, name="X"), reader.delete(ada.id)):
        with pytest.raises(DeniedError):
            await attempt
    assert (await users.get(ada.id)).name == "Ada"


async def test_a_row_is_made_and_moved_only_into_what_the_actor_may_reach(database, users, tenants):
    acme, globex = tenants
    mine = Repository(shop.User, database, Source(own(acme, "read", "create", "update")))
    with pytest.raises(DeniedError):
        await mine.create(name="Eve", email="eve@x.test", org=globex.id)
    ada = await row(users, "Ada")
    with pytest.raises(DeniedError):
        await mine.update(ada.id, org=globex.id)
    assert await users.count() == 3
    assert (await users.get(ada.id)).org == acme.id
    assert (await mine.create(name="Eve", email="eve@x.test", org=acme.id)).name == "Eve"


async def test_a_field_that_is_not_the_actors_is_not_written_sorted_or_filtered_by(database, users, tenants):
    everything = {action: All() for action in ("read", "create", "update")}
    names = frozenset({"id", "name"})
    limited = Repository(shop.User, database, Source(Rules(everything, {"read": names, "update": names})))
    ada = await row(users, "Ada")
    for attempt in (
        limited.update(ada.id, email="x@x.test"),
        limited.page(order=["email"]),
        limited.page(filters={"email": "Ada@x.test"}),
        limited.find(order=["-age"]),
    ):
        with pytest.raises(FieldDeniedError):
            await attempt
    assert (await limited.update(ada.id, name="Ada L.")).name == "Ada L."


async def test_what_may_be_written_and_not_read_is_neither_sorted_nor_filtered_by(database, tenants):
    everything = {action: All() for action in ("read", "update")}
    blind = Repository(shop.User, database, Source(Rules(everything, {"read": frozenset({"id", "name"})})))
    for attempt in (
        blind.page(filters={"email": "Ada@x.test"}, action="update"),
        blind.page(order=["email"], action="update"),
        blind.find(order=["email"], action="update"),
    ):
        with pytest.raises(FieldDeniedError):
            await attempt
    assert len((await blind.page(filters={"name": "Ada"}, order=["name"], action="update")).items) == 1


async def test_a_cursor_of_one_actor_opens_nothing_to_another(database, tenants):
    acme, globex = tenants
    mine = Repository(shop.User, database, Source(own(acme, "read")))
    theirs = Repository(shop.User, database, Source(own(globex, "read")))
    page = await mine.page(first=1, order=["name"])
    assert [user.name for user in (await theirs.page(order=["name"], after=page.next)).items] == ["Cyd"]


async def test_unscoped_access_is_explicit_and_logged(database, tenants, caplog):
    caplog.set_level("INFO")
    nobody = Repository(shop.User, database, Source(Rules()))
    assert await nobody.unscoped("the nightly report").count() == 3
    assert "Unscoped access to User: the nightly report" in caplog.text


def abiding(rules):
    @module(providers=[provide(AbilitySource, use_value=Source(rules))], shared=True)
    class RulesModule: ...

    return RulesModule


@crud(shop.User, path="/users")
class UserCrud(Crud[shop.User]): ...


async def test_a_condition_that_is_not_understood_refuses_everything(database_url, shop_app):
    rules = Rules({"read": "everything"})
    async with shop_app(database_url, UserCrud, imports=[abiding(rules)]) as app:
        assert (await app.http.get("/users")).status == 500
        assert (await app.http.get(f"/users/{uuid.uuid4()}")).status == 400
        assert (await app.http.delete("/users/01890a5d-ac96-7740-8000-000000000011")).status == 403


async def test_without_any_grant_the_gate_refuses_before_the_query(database_url, shop_app):
    async with shop_app(database_url, UserCrud, imports=[abiding(Rules())]) as app:
        assert (await app.http.get("/users")).status == 403
        assert (
            await app.http.post("/users", json={"name": "x", "email": "a@b.test", "org": str(uuid.uuid4())})
        ).status == 403


async def test_a_row_that_leaves_the_actors_reach_meanwhile_is_never_written(shared_url, open_database):
    async with open_database(shared_url) as database, open_database(shared_url, tables=False) as other:
        orgs = Repository(shop.Org, database)
        acme, globex = [await orgs.create(name=name) for name in ("Acme", "Globex")]
        ada = await Repository(shop.User, database).create(name="Ada", email="a@x.test", org=acme.id)
        rules = Rules({action: Compare("org", "eq", acme.id) for action in ("read", "update")})
        mine, everybody = Repository(shop.User, database, Source(rules)), Repository(shop.User, other)
        written = []

        async def move():
            for number in range(60):
                await everybody.update(ada.id, org=(globex if number % 2 else acme).id)

        async def write():
            for number in range(60):
                with contextlib.suppress(EntityNotFoundError, DeniedError):
                    written.append((await mine.update(ada.id, age=number)).org)

        await asyncio.gather(move(), write())
        assert set(written) <= {acme.id}
