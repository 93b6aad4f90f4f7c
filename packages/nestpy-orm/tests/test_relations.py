"""What leads from one entity to another: one query however many rows, and no row that the actor may not read."""

import contextlib
import enum
import uuid
from typing import Annotated, Any, get_args

import msgspec
import pytest
from piccolo.columns import JSON, UUID, Array, ForeignKey, Integer, Timestamptz, Varchar
from piccolo.table import Table
from test_scoping import Rules, Source, abiding

from nestpy_core import AnyOf, App, BootError, Compare, DefinitionError, Page, module
from nestpy_orm import (
    Crud,
    Database,
    EntityError,
    FieldDeniedError,
    InvalidCursorError,
    InvalidFieldError,
    Many,
    OrmModule,
    Repository,
    create_table,
    crud,
    expose,
    uuid7,
)

pytestmark = pytest.mark.anyio


class Genre(enum.Enum):
    prose = "prose"
    verse = "verse"


@expose(name="Writer", many={"books": Many("Book", by="author_id"), "translations": Many("Book", by="translator")})
class Author(Table, tablename="authors", help_text="Who writes."):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=50, unique=True, help_text="As on the cover.")
    born = Integer(null=True, default=None)


@expose(soft_delete="burnt_at", many={"chapters": Many(f"{__name__}.Chapter")})
class Book(Table, tablename="books"):
    id = UUID(primary_key=True, default=uuid7)
    title = Varchar(length=50)
    genre = Varchar(choices=Genre, default=Genre.prose)
    author_id = ForeignKey(Author, null=False)
    translator = ForeignKey(Author, null=True, default=None)
    tags = Array(base_column=Varchar(), default=list)
    extra = JSON(null=True, default=None)
    shelf = Varchar(secret=True)
    burnt_at = Timestamptz(null=True, default=None)


@expose(hidden=["editor"])
class Chapter(Table, tablename="chapters"):
    id = UUID(primary_key=True, default=uuid7)
    title = Varchar(length=50)
    book = ForeignKey(Book, null=False)
    book_id = Integer(default=0)
    writer_name = ForeignKey(Author, target_column=Author.name, null=True, default=None)
    editor = ForeignKey(Author, null=True, default=None)
    draft = ForeignKey("Draft", null=True, default=None)


class Draft(Table, tablename="drafts"):
    id = UUID(primary_key=True, default=uuid7)


@crud(Author, path="/authors")
class Authors(Crud[Author]): ...


@pytest.fixture
async def library(database):
    await create_library(database)
    return database


async def create_library(database):
    for entity in (Author, Book, Draft, Chapter):
        await create_table(database, entity)


@contextlib.contextmanager
def counting(database, monkeypatch):
    """Give a list to which each statement adds how many rows it has read."""
    statements, fetch = [], database.fetch

    async def counted(*arguments, **options):
        rows = await fetch(*arguments, **options)
        statements.append(len(rows))
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(database, "fetch", counted)
        yield statements


async def written(database, authors, books):
    """Return so many authors with so many books each."""
    made = [await Repository(Author, database).create(name=f"author {number:03}") for number in range(authors)]
    for author in made:
        for number in range(books):
            await Repository(Book, database).create(title=f"book {number}", author_id=author.id)
    return made


async def test_fifty_parents_cost_one_query_either_way(library, monkeypatch):
    authors = await written(library, 50, 4)
    with counting(library, monkeypatch) as statements:
        pages = await Repository(Book, library).related("author_id", [author.id for author in authors], first=2)
    assert statements == [150]
    assert [[book.title for book in pages[author.id].items] for author in authors] == [["book 0", "book 1"]] * 50
    assert {book.author_id for book in pages[authors[7].id].items} == {authors[7].id}
    with counting(library, monkeypatch) as statements:
        found = await Repository(Author, library).by_keys([author.id for author in authors])
    assert statements == [50]
    assert {key: author.name for key, author in found.items()} == {author.id: author.name for author in authors}


async def test_each_parent_has_its_own_page_and_cursor(library):
    first, second = await written(library, 2, 5)
    books = Repository(Book, library)
    pages = await books.related("author_id", [first.id, second.id], first=3)
    seen = {key: [book.title for book in page.items] for key, page in pages.items()}
    assert all(titles == ["book 0", "book 1", "book 2"] for titles in seen.values())
    for key in (first.id, second.id):
        rest = (await books.related("author_id", [key], first=3, after=pages[key].next))[key]
        assert ([book.title for book in rest.items], rest.next) == (["book 3", "book 4"], None)
        assert {book.author_id for book in rest.items} == {key}
    last = (await books.related("author_id", [first.id], first=5))[first.id]
    assert (len(last.items), last.next) == (5, None)


async def test_pages_are_ordered_filtered_and_limited_as_lists_are(library):
    (author,) = await written(library, 1, 4)
    books = Repository(Book, library)

    async def titles(*where, **options):
        page = (await books.related("author_id", [author.id], *where, **options))[author.id]
        return [book.title for book in page.items]

    assert await titles(order=["-title"], first=2) == ["book 3", "book 2"]
    assert await titles(Book.title > "book 1") == ["book 2", "book 3"]
    assert await titles(Compare("title", "in", ("book 0", "book 2"))) == ["book 0", "book 2"]
    assert await titles(first=0) == ["book 0"]
    with pytest.raises(InvalidFieldError):
        await titles(order=["shelf"])


async def test_pages_are_no_longer_than_the_app_allows(database_url, open_database):
    async with open_database(database_url, tables=False, page_limit=2, max_page_limit=3) as database:
        await create_library(database)
        (author,) = await written(database, 1, 5)
        books = Repository(Book, database)
        for first, length in ((None, 2), (100, 3)):
            page = (await books.related("author_id", [author.id], first=first))[author.id]
            assert (len(page.items), page.next is None) == (length, False)


async def test_a_cursor_that_was_changed_or_is_of_another_order_is_refused(library):
    (author,) = await written(library, 1, 3)
    books = Repository(Book, library)
    cursor = (await books.related("author_id", [author.id], first=1))[author.id].next
    for bad, order in ((cursor[:-2] + "AA", []), ("x", []), (cursor, ["title"])):
        with pytest.raises(InvalidCursorError):
            await books.related("author_id", [author.id], after=bad, order=order)


async def test_keys_that_lead_nowhere_have_no_row_and_an_empty_page(library, monkeypatch):
    (author,) = await written(library, 1, 1)
    nobody = uuid.uuid4()
    assert await Repository(Author, library).by_keys([nobody, None]) == {}
    assert list(await Repository(Author, library).by_keys([author.id, author.id, nobody])) == [author.id]
    pages = await Repository(Book, library).related("author_id", [nobody, None])
    assert pages == {nobody: Page(items=[]), None: Page(items=[])}
    with counting(library, monkeypatch) as statements:
        assert await Repository(Author, library).by_keys([None]) == {}
        assert await Repository(Book, library).related("author_id", []) == {}
    assert statements == []


async def test_rows_can_be_found_by_another_unique_field(library):
    await written(library, 2, 0)
    found = await Repository(Author, library).by_keys(["author 001", "nobody"], field="name")
    assert [author.name for author in found.values()] == ["author 001"]


async def test_a_key_of_another_kind_and_a_field_that_refers_to_nothing_are_refused(library):
    with pytest.raises(InvalidFieldError):
        await Repository(Author, library).by_keys([7])
    with pytest.raises(EntityError, match=r"`Book.title` is no foreign key"):
        await Repository(Book, library).related("title", ["x"])


async def test_rows_that_are_deleted_softly_are_left_out(library):
    (author,) = await written(library, 1, 2)
    books = Repository(Book, library)
    gone = await books.first(Book.title == "book 0")
    await books.delete(gone.id)
    assert [book.title for book in (await books.related("author_id", [author.id]))[author.id].items] == ["book 1"]
    assert await books.by_keys([gone.id]) == {}


async def test_more_keys_than_a_statement_takes_are_asked_for_in_parts(library):
    (author,) = await written(library, 1, 1)
    keys = [uuid.uuid4() for _ in range(33_000)]
    assert list(await Repository(Author, library).by_keys([*keys, author.id])) == [author.id]
    pages = await Repository(Book, library).related("author_id", [*keys, author.id])
    assert len(pages) == 33_001
    assert len(pages[author.id].items) == 1


async def test_each_parent_leads_only_to_rows_that_the_actor_may_read(library):
    first, second = await written(library, 2, 3)
    readable = AnyOf((Compare("title", "eq", "book 1"), Compare("author_id.name", "eq", second.name)))
    books = Repository(Book, library, Source(Rules({"read": readable})))
    pages = await books.related("author_id", [first.id, second.id], first=2)
    assert [book.title for book in pages[first.id].items] == ["book 1"]
    assert pages[first.id].next is None
    assert [book.title for book in pages[second.id].items] == ["book 0", "book 1"]
    authors = Repository(Author, library, Source(Rules({"read": Compare("name", "eq", first.name)})))
    assert list(await authors.by_keys([first.id, second.id])) == [first.id]
    nothing = Repository(Book, library, Source(Rules()))
    assert (await nothing.related("author_id", [first.id]))[first.id].items == []


async def test_pages_are_not_ordered_by_a_field_that_is_not_the_actors(library):
    (author,) = await written(library, 1, 2)
    rules = Rules({"read": Compare("title", "is_null", False)}, {"read": frozenset({"id", "genre"})})
    books = Repository(Book, library, Source(rules))
    assert len((await books.related("author_id", [author.id]))[author.id].items) == 2
    with pytest.raises(FieldDeniedError):
        await books.related("author_id", [author.id], order=["title"])


def app_of(*providers):
    @module(imports=[OrmModule.for_root(url="sqlite://:memory:")], providers=list(providers))
    class LibraryModule: ...

    return App(LibraryModule, environ={"NESTPY_ENV": "test"})


def test_the_graph_tells_what_leads_from_each_entity_that_is_reached():
    found = [(one.entity, one.name, one.target, one.kind, one.key) for one in app_of(Authors).graph.relations]
    assert found == [
        (Author, "books", Book, "many", "id"),
        (Author, "translations", Book, "many", "id"),
        (Book, "author", Author, "one", "author_id"),
        (Book, "translator", Author, "one", "translator"),
        (Book, "chapters", Chapter, "many", "id"),
        (Chapter, "book", Book, "one", "book"),
        (Chapter, "writer_name", Author, "one", "writer_name"),
    ]


def test_an_app_without_exposed_entities_has_no_relations():
    assert app_of().graph.relations == []


async def test_an_edge_reads_relations_through_their_providers(database_url, shop_app, monkeypatch):
    rules = Rules({action: Compare("id", "is_null", False) for action in ("read", "create")})
    async with shop_app(database_url, Authors, imports=[abiding(rules)]) as app:
        database = await app.get(Database)
        await create_library(database)
        ada, bob = await written(database, 2, 2)
        book = await Repository(Book, database).first(Book.author_id == ada.id)
        await Repository(Chapter, database).create(title="1", book=book.id, writer_name=bob.name)
        relations = {(one.entity, one.name): one for one in app.app.graph.relations}

        async def load(entity, name, *keys, **options):
            relation = relations[entity, name]
            return await getattr(await app.get(relation.host), relation.method)(keys, **options)

        with counting(database, monkeypatch) as statements:
            pages = await load(Author, "books", ada.id, bob.id, first=1)
            rest = await load(Author, "books", ada.id, first=1, after=pages[ada.id].next)
            assert {page.items[0].author_id for page in pages.values()} == {ada.id, bob.id}
            assert [one.title for one in rest[ada.id].items] == ["book 1"]
            assert list(await load(Book, "author", ada.id, None)) == [ada.id]
            assert list(await load(Chapter, "writer_name", bob.name)) == [bob.name]
        assert len(statements) == 4
        rules.conditions = {"read": Compare("title", "eq", "book 0")}
        assert [one.title for one in (await load(Author, "books", ada.id))[ada.id].items] == ["book 0"]


def test_an_edge_knows_the_type_of_each_field_that_may_leave():
    graph = app_of(Authors).graph
    support = graph.schema_of(Book)
    assert support.hints(Book) == {
        "id": uuid.UUID,
        "title": str,
        "genre": Genre,
        "author_id": uuid.UUID,
        "translator": uuid.UUID | None,
        "tags": list[str],
        "extra": Any | None,
    }
    assert (support.relations(Book), support.relations(Author)) == (("chapters",), ("books", "translations"))
    assert (support.name(Author), support.description(Author)) == ("Writer", "Who writes.")
    assert (support.name(Book), support.description(Book)) == ("Book", "")
    name = support.hints(Author)["name"]
    assert name == Annotated[str, msgspec.Meta(description="As on the cover.")]
    assert get_args(name)[0] is str


def test_what_documents_say_of_a_field_is_what_its_column_says():
    properties = next(iter(app_of(Authors).graph.schema_of(Author).json_schema(Author)["$defs"].values()))["properties"]
    assert properties["name"]["description"] == "As on the cover."


def refused(entity):
    @crud(entity, path="/things")
    class Things(Crud[entity]): ...

    with pytest.raises(BootError) as caught:
        app_of(Things)
    return [str(problem) for problem in caught.value.exceptions]


@expose()
class Match(Table, tablename="matches"):
    home = ForeignKey("Team", null=False)
    guest = ForeignKey("Team", null=False)


@expose(many={"matches": Many("Match")})
class Team(Table, tablename="teams"):
    name = Varchar()


@expose(many={"drafts": Many(Draft), "ghosts": Many("Ghost"), "lost": Many("no.such.Thing"), "sum": Many("uuid")})
class Studio(Table, tablename="studios"):
    name = Varchar()


@expose(many={"chapters": Many(Chapter), "titles": Many(Match, by="home")})
class Cinema(Table, tablename="cinemas"):
    name = Varchar()


def test_two_foreign_keys_to_one_entity_are_told_apart():
    assert refused(Team) == [
        (
            "`Team.matches` may be by `Match.home` and by `Match.guest`.\n"
            'Hint: write `"matches": Many("Match", by="home")`\n'
            'Hint: write `"matches": Many("Match", by="guest")`'
        )
    ]


def test_relations_that_lead_nowhere_are_refused_at_boot():
    assert refused(Studio) == [
        "`Studio.drafts` leads to `Draft`, which is not exposed.\nHint: decorate `Draft` with `@expose()`",
        (
            "`Studio.ghosts` leads to `Ghost`, which is no entity that can be found.\n"
            f'Hint: write its full path, for instance `Many("{__name__}.Ghost")`'
        ),
        (
            "`Studio.lost` leads to `no.such.Thing`, which is no entity that can be found.\n"
            'Hint: write its full path, for instance `Many("shop.entities.Thing")`'
        ),
        (
            "`Studio.sum` leads to `uuid`, which is no entity that can be found.\n"
            f'Hint: write its full path, for instance `Many("{__name__}.uuid")`'
        ),
    ]
    assert refused(Cinema) == [
        (
            "`Cinema.chapters` leads to `Chapter`, which has no foreign key to `Cinema`.\n"
            "Hint: add one to `Chapter`, or take `chapters` out of `many=`"
        ),
        (
            "`Cinema.titles` leads to `Match`, which has no foreign key to `Cinema`.\n"
            "Hint: add one to `Match`, or take `titles` out of `many=`"
        ),
    ]


def test_a_relation_by_something_else_is_refused_at_boot():
    @expose(many={"books": Many(Book, by="title")})
    class Shelf(Author, tablename="authors"): ...

    assert refused(Shelf) == [
        (
            "`Shelf.books` is by `Book.title`, which is no foreign key to `Shelf`.\n"
            'Hint: write `"books": Many("Book", by="author_id")`\n'
            'Hint: write `"books": Many("Book", by="translator")`'
        )
    ]


@pytest.mark.parametrize(("name", "what"), [("name", "a field"), ("two words", "no name")])
def test_a_relation_has_a_name_of_its_own(name, what):
    with pytest.raises(DefinitionError) as caught:
        expose(many={name: Many(Match)})(Cinema)
    assert str(caught.value) == (
        f"`@expose` on `Cinema`: `{name}` in `many=` is {what}.\n"
        "Hint: give the relation a name of its own, for instance `users`"
    )
