"""The schema and the demo data of the examples, on both databases."""

from __future__ import annotations

import pytest
from example_db import ACME, GLOBEX, Org, User

from nestpy_core import Compare
from nestpy_orm import Migrator, Repository, table_sql
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"


@pytest.fixture
async def migrator(main, url, start_app):
    app = await start_app(TestApp(main.DbModule).with_settings({"DATABASE_URL": url}))
    return await app.get(Migrator)


async def test_two_organisations_with_three_and_two_users_however_often_it_is_seeded(migrator):
    await migrator.up()
    for _ in range(2):
        await migrator.seed()
    users = Repository(User, migrator.database)
    assert await Repository(Org, migrator.database).count() == 2
    assert await users.count(Compare("org_id", "eq", ACME)) == 3
    assert await users.count(Compare("org_id", "eq", GLOBEX)) == 2


async def test_up_down_fresh_status_and_reset(migrator):
    name = "0001_orgs_and_users"
    assert await migrator.up() == [name]
    assert await migrator.down() == [name]
    assert await migrator.fresh() == [name]
    assert [bool(state.applied) for state in await migrator.status()] == [True]
    assert await migrator.reset() == [name]


async def test_the_migrations_make_the_columns_that_the_entities_have(migrator):
    await migrator.up()
    await migrator.seed()
    for entity in (Org, User):
        rows = await Repository(entity, migrator.database).find(limit=1)
        assert rows
        assert table_sql(entity, migrator.database.dialect)
