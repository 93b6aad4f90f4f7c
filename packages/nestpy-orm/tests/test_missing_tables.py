"""`nestpy db new --entities`: the tables that entities have and the database has not, as a migration, on each."""

import asyncio
import sys
import textwrap

import pytest
from click.testing import CliRunner

from nestpy_orm import Database, OrmConfig
from nestpy_orm._commands import db as commands

SHOP = """
from piccolo.columns import UUID, ForeignKey, Integer, OnDelete, Serial, Varchar
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from nestpy_core import App, injectable, module
from nestpy_orm import OrmModule, Repository, uuid7


class Org(Table, tablename="orgs"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100, unique=True)
    parent = ForeignKey("self", null=True)


class Line(Table, tablename="lines"):
    number = Serial(primary_key=True)
    order = ForeignKey("Order", null=False, on_delete=OnDelete.restrict)
    amount = Integer()
    positive = Check(amount > 0)


class Order(Table, tablename="orders"):
    id = UUID(primary_key=True, default=uuid7)
    org = ForeignKey(Org, null=False, index=True)
    code = Varchar(length=20)
    code_of_org = Unique([org, code])


class Note(Table, tablename="notes"):
    id = UUID(primary_key=True, default=uuid7)
    text = Varchar()


@injectable
class Orders:
    lines: Repository[Line]


@module(imports=[OrmModule.for_root(entities=[Note])], providers=[Orders])
class AppModule: ...


app = App(AppModule)
"""
COMMON = """
CREATE TABLE "notes" (
  "id" UUID PRIMARY KEY NOT NULL,
  "text" VARCHAR(255) NOT NULL
);

CREATE TABLE "orgs" (
  "id" UUID PRIMARY KEY NOT NULL,
  "name" VARCHAR(100) UNIQUE NOT NULL,
  "parent" UUID REFERENCES "orgs" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "orders" (
  "id" UUID PRIMARY KEY NOT NULL,
  "org" UUID NOT NULL REFERENCES "orgs" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "code" VARCHAR(20) NOT NULL,
  CONSTRAINT "code_of_org" UNIQUE ("org", "code")
);

CREATE INDEX "orders_org" ON "orders" ("org");

CREATE TABLE "lines" (
  "number" {key} PRIMARY KEY NOT NULL,
  "order" UUID NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  "amount" INTEGER NOT NULL,
  CONSTRAINT "positive" CHECK ("amount" > 0)
);

-- down
DROP TABLE "lines";
DROP TABLE "orders";
DROP TABLE "orgs";
DROP TABLE "notes";
"""


@pytest.fixture
def db(tmp_path, monkeypatch, shared_url):
    """Return ``db(verb, *options)``, which gives the command's exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", shared_url)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def run(verb, *options):
        sys.modules.pop("tables_main", None)
        answer = CliRunner().invoke(commands, [verb, "tables_main", *options])
        return answer.exit_code, answer.output

    return run


@pytest.fixture
def app(tmp_path):
    """Return what writes the app that the command is about."""

    def write(text):
        (tmp_path / "tables_main.py").write_text(textwrap.dedent(text))

    return write


@pytest.fixture
def execute(shared_url):
    def run(*statements):
        async def work():
            database = Database(OrmConfig.of(shared_url))
            await database.open()
            try:
                for statement in statements:
                    await database.execute(statement)
            finally:
                await database.close()

        asyncio.run(work())

    return run


def test_a_new_database_gets_every_table_behind_what_it_refers_to(db, app, tmp_path, shared_url):
    app(SHOP)
    code, text = db("new", "First tables", "--entities")
    assert (code, text.splitlines()) == (
        0,
        [
            "migrations/0001_first_tables.sql",
            "table notes",
            "table orgs",
            "table orders",
            "table lines",
            "next  nestpy db up tables_main",
        ],
    )
    dialect, key = ("postgres", "SERIAL") if shared_url.startswith("postgres") else ("sqlite", "INTEGER")
    written = (tmp_path / "migrations/0001_first_tables.sql").read_text()
    assert written == f"-- up {dialect}{COMMON.replace('{key}', key)}"
    assert db("up") == (0, "up   0001_first_tables\n")
    assert db("new", "again", "--entities") == (0, "Nothing to do.\n")
    assert db("down") == (0, "down 0001_first_tables\n")
    assert db("up") == (0, "up   0001_first_tables\n")
    assert [path.name for path in (tmp_path / "migrations").iterdir()] == ["0001_first_tables.sql"]


def test_what_both_databases_take_is_written_for_both(db, app, tmp_path):
    app(SHOP.replace("number = Serial(primary_key=True)", "id = UUID(primary_key=True, default=uuid7)"))
    db("new", "first", "--entities")
    assert (tmp_path / "migrations/0001_first.sql").read_text().startswith('-- up\nCREATE TABLE "notes"')


def test_a_table_that_is_there_is_left_alone_and_what_it_lacks_is_listed(db, app, execute, tmp_path):
    app(SHOP)
    execute(
        "CREATE TABLE orgs (id UUID PRIMARY KEY, extra INTEGER)",
        "CREATE TABLE notes (id UUID PRIMARY KEY, text VARCHAR(255))",
    )
    note = "note  `orgs` is there and lacks `name`, `parent`: write the `ALTER TABLE` by hand\n"
    code, text = db("new", "more", "--entities")
    assert (code, text) == (
        0,
        f"migrations/0001_more.sql\ntable orders\ntable lines\n{note}next  nestpy db up tables_main\n",
    )
    written = (tmp_path / "migrations/0001_more.sql").read_text()
    assert ("orgs" in written.replace('REFERENCES "orgs"', ""), "ALTER" in written) == (False, False)
    assert db("up") == (0, "up   0001_more\n")
    assert db("new", "more", "--entities") == (0, f"Nothing to do.\n{note}")


def test_tables_that_refer_to_each_other_are_named_and_nothing_is_written(db, app, tmp_path):
    app(
        SHOP.replace("text = Varchar()", "text = Varchar()\n    line = ForeignKey('Line')").replace(
            "amount = Integer()", "amount = Integer()\n    note = ForeignKey('Note')"
        )
    )
    code, text = db("new", "first", "--entities")
    assert code == 1
    assert (
        "Tables that are not there refer to each other: `Note.line` → `Line.note` → `Note`, so that none of them can "
        "be made first.\nHint: write their migration by hand, from `table_sql`"
    ) in text
    assert not (tmp_path / "migrations").exists()


def test_two_entities_of_a_table_that_is_not_there_are_named(db, app, tmp_path):
    app(SHOP.replace('Table, tablename="notes"', 'Table, tablename="orgs"'))
    code, text = db("new", "first", "--entities")
    assert (code, "`Note` and `Org` are of one table, `orgs`, and it is not there." in text) == (1, True)
    assert not (tmp_path / "migrations").exists()


def test_migrations_that_have_not_run_come_first(db, app, tmp_path):
    app(SHOP)
    db("new", "first", "--entities")
    code, text = db("new", "second", "--entities")
    assert code == 1
    assert "`0001_first` has not run, so that the database does not tell what is missing." in text
    assert "Hint: run `nestpy db up tables_main` first" in text
    assert [path.name for path in (tmp_path / "migrations").iterdir()] == ["0001_first.sql"]


def test_an_app_without_entities_or_without_a_database_is_told_so(db, app):
    app("""
        from nestpy_core import App, module
        from nestpy_orm import OrmModule

        @module(imports=[OrmModule.for_root()])
        class AppModule: ...

        app = App(AppModule)
    """)
    code, text = db("new", "first", "--entities")
    assert (code, "The app has no entities." in text) == (1, True)
    app("from nestpy_core import App, module\n\n@module()\nclass AppModule: ...\n\napp = App(AppModule)\n")
    for options in ((), ("--entities",)):
        code, text = db("new", "first", *options)
        assert (code, "The app has no " in text) == (1, True)
    app(SHOP)
    code, text = db("new", "first", "--entities", "--python")
    assert (code, "leave out `--python`" in text) == (2, True)


def test_a_folder_that_holds_something_else_is_told_so(db, app, tmp_path):
    app(SHOP)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/latest.sql").write_text("-- up")
    for options in ((), ("--entities",)):
        code, text = db("new", "first", *options)
        assert (code, "`latest.sql` is no name of a migration." in text) == (1, True)
