"""Migrations and seeds: programmatic and as commands, on every database, one runner at a time."""

import asyncio
import sys
import textwrap

import pytest
import shop
from click.testing import CliRunner

from nestpy_orm import MigrationError, Migrator, Repository, SeedError, SeedSource, ensure, uuid7
from nestpy_orm._commands import db as commands

pytestmark = pytest.mark.anyio

FIRST = """
-- up
CREATE TABLE orgs (id UUID PRIMARY KEY, name VARCHAR(100) NOT NULL);
INSERT INTO orgs (id, name) VALUES ('01890000-0000-7000-8000-000000000001', 'semi;colon');

-- down
DROP TABLE orgs;
"""
SECOND = """
-- up postgres
ALTER TABLE orgs ADD COLUMN motto VARCHAR(100);
-- up sqlite
ALTER TABLE orgs ADD COLUMN motto VARCHAR(100);
-- down
ALTER TABLE orgs DROP COLUMN motto;
"""
THIRD = """
async def up(database):
    await database.execute("CREATE INDEX orgs_name ON orgs (name)")

async def down(database):
    await database.execute("DROP INDEX orgs_name")
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_orgs.sql").write_text(FIRST)
    (folder / "0002_motto.sql").write_text(SECOND)
    (folder / "0003_index.py").write_text(THIRD)
    return folder


@pytest.fixture
async def migrator(database_url, folder, open_database):
    async with open_database(database_url, tables=False, migrations=str(folder)) as database:
        yield Migrator(database=database)


async def columns(database):
    rows = await database.raw("SELECT * FROM orgs")
    return set(rows[0])


async def test_migrations_run_up_and_down_in_order_and_once(migrator):
    assert [state.applied for state in await migrator.status()] == ["", "", ""]
    assert await migrator.up("0001_orgs") == ["0001_orgs"]
    assert await columns(migrator.database) == {"id", "name"}
    assert await migrator.up() == ["0002_motto", "0003_index"]
    assert await migrator.up() == []
    assert await columns(migrator.database) == {"id", "name", "motto"}
    assert await migrator.down() == ["0003_index"]
    assert await migrator.down(5) == ["0002_motto", "0001_orgs"]
    assert await migrator.up() == ["0001_orgs", "0002_motto", "0003_index"]
    assert await migrator.reset() == ["0003_index", "0002_motto", "0001_orgs"]
    assert [bool(state.applied) for state in await migrator.status()] == [False, False, False]


async def test_fresh_drops_everything_first(migrator):
    await migrator.up()
    await migrator.database.execute("CREATE TABLE stray (id INTEGER)")
    assert len(await migrator.fresh()) == 3
    assert len(await migrator.database.raw("SELECT * FROM orgs")) == 1
    with pytest.raises(Exception, match="refused a statement"):
        await migrator.database.raw("SELECT * FROM stray")


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(migrator, folder):
    (folder / "0004_bad.sql").write_text("-- up\nCREATE TABLE half (id INTEGER);\nSELECT * FROM nowhere;\n")
    with pytest.raises(MigrationError, match="`0004_bad` failed going up"):
        await migrator.up()
    assert [bool(state.applied) for state in await migrator.status()] == [False, False, False, False]


async def test_what_cannot_be_run_is_named(migrator, folder):
    with pytest.raises(MigrationError, match="There is no migration `0009_x`"):
        await migrator.up("0009_x")
    await migrator.up()
    (folder / "0003_index.py").unlink()
    assert [state.missing for state in await migrator.status()] == [False, False, True]
    with pytest.raises(MigrationError, match="its file is not in"):
        await migrator.down()
    (folder / "latest.sql").write_text("-- up")
    with pytest.raises(MigrationError, match="is no name of a migration"):
        await migrator.up()


async def test_two_runners_at_once_run_each_migration_once(shared_url, folder, open_database):
    settings = {"tables": False, "migrations": str(folder)}
    async with open_database(shared_url, **settings) as one, open_database(shared_url, **settings) as two:
        done = await asyncio.gather(*(Migrator(database=database).up() for database in (one, two)))
    assert sorted(map(len, done)) == [0, 3]


async def test_seeds_may_run_again(database, users, orgs):
    acme = uuid7()

    async def seed(target):
        await ensure(target, shop.Org, {"id": acme, "name": "Acme"})

    migrator = Migrator(database=database, seeds=[SeedSource(seed)])
    assert await migrator.seed() == ["seed"]
    assert await migrator.seed() == ["seed"]
    assert await orgs.count() == 1


async def test_a_seed_that_fails_leaves_nothing(database, orgs):
    async def seed(target):
        await Repository(shop.Org, target).create(name="Acme")
        raise KeyError

    with pytest.raises(SeedError, match="`seed` failed: KeyError"):
        await Migrator(database=database, seeds=[SeedSource(seed)]).seed()
    assert await orgs.count() == 0
    with pytest.raises(SeedError, match="no seeds"):
        await Migrator(database=database).seed()


@pytest.fixture
def db(tmp_path, folder, monkeypatch):
    (tmp_path / "seeded_main.py").write_text(
        textwrap.dedent("""
        from nestpy_core import App, module
        from nestpy_orm import OrmModule

        async def seed(database):
            await database.raw("INSERT INTO orgs (id, name) VALUES ({}, {}) ON CONFLICT DO NOTHING", ID, "Acme")

        ID = "01890000-0000-7000-8000-000000000002"

        @module(imports=[OrmModule.for_root(url="sqlite:///commands.db", seeds=[seed])])
        class AppModule: ...

        app = App(AppModule)
    """)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    runner = CliRunner()

    def run(*words):
        sys.modules.pop("seeded_main", None)
        answer = runner.invoke(commands, [*words])
        return answer.exit_code, answer.output

    return run


def test_the_command_migrates_seeds_and_tells(db, monkeypatch):
    assert db("up", "seeded_main") == (0, "up   0001_orgs\nup   0002_motto\nup   0003_index\n")
    assert db("up", "seeded_main") == (0, "Nothing to do.\n")
    assert db("seed", "seeded_main") == (0, "seed seed\n")
    assert db("down", "seeded_main") == (0, "down 0003_index\n")
    code, text = db("status", "seeded_main")
    assert (code, text.split()[:2], text.split()[-2:]) == (0, ["applied", "0001_orgs"], ["pending", "0003_index"])
    assert db("new", "seeded_main", "Add users!") == (0, "migrations/0004_add_users.sql\n")
    assert db("fresh", "seeded_main")[1].endswith("up   0004_add_users\n")
    monkeypatch.setenv("NESTPY_ENV", "production")
    code, text = db("reset", "seeded_main")
    assert (code, "add `--yes`" in text) == (1, True)
    assert db("reset", "seeded_main", "--yes")[1].startswith("down 0004_add_users\ndown 0003_index\n")


def test_the_command_asks_the_database_that_is_named_only_at_the_start(db, tmp_path):
    main = (tmp_path / "seeded_main.py").read_text()
    pinned = 'OrmModule.for_root(url="sqlite:///commands.db", seeds=[seed])'
    assert pinned in main
    late = 'OrmModule.for_root_async(lambda: {"url": "sqlite:///late.db", "migrations": "steps"})'
    (tmp_path / "seeded_main.py").write_text(main.replace(pinned, late))
    assert db("status", "seeded_main") == (0, "There are no migrations.\n")
    assert db("new", "seeded_main", "first") == (0, "steps/0001_first.sql\n")
    assert db("up", "seeded_main") == (0, "up   0001_first\n")
    assert (tmp_path / "late.db").exists()


def test_a_database_that_cannot_be_opened_ends_the_command_as_it_ends_an_app(db, monkeypatch, unused_port):
    monkeypatch.setenv("DATABASE_URL", f"postgresql://root:hunter2@127.0.0.1:{unused_port}/x")
    code, text = db("up", "seeded_main")
    assert (code, "`orm.url`" in text, "hunter2" in text) == (78, True, False)
