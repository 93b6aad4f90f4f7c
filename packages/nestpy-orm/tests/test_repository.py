"""What a repository reads and writes, on every database."""

import operator
import uuid

import pytest
import shop

from nestpy_core import AnyOf, Compare, Not
from nestpy_orm import (
    EntityError,
    EntityNotFoundError,
    ForeignKeyViolationError,
    InvalidFieldError,
    UniqueViolationError,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def acme(orgs):
    return await orgs.create(name="Acme")


async def test_a_created_row_is_read_back_with_its_defaults(users, acme):
    ada = await users.create(name="Ada", email="ada@acme.test", org=acme.id, notes={"likes": ["tea"]})
    read = await users.get(ada.id)
    assert read.id == ada.id
    assert read.id.version == 7
    assert (read.name, read.email, read.org, read.role, read.age) == ("Ada", "ada@acme.test", acme.id, "user", None)
    assert read.notes == {"likes": ["tea"]}
    assert read.created_at.tzinfo is not None


async def test_an_instance_can_be_created_and_enumerations_are_stored_by_value(users, acme):
    ada = await users.create(shop.User(name="Ada", email="ada@acme.test", org=acme.id, role=shop.Role.admin))
    assert (await users.get(ada.id)).role == "admin"


async def test_a_missing_row_is_not_found(users):
    with pytest.raises(EntityNotFoundError):
        await users.get(uuid.uuid4())
    assert await users.find_one(uuid.uuid4()) is None


async def test_update_changes_what_it_is_given_and_stamps_the_row(users, acme):
    ada = await users.create(name="Ada", email="ada@acme.test", org=acme.id)
    changed = await users.update(ada.id, {"name": "Ada L."})
    assert (changed.name, changed.email) == ("Ada L.", "ada@acme.test")
    assert changed.updated_at > ada.updated_at
    assert changed.created_at == ada.created_at
    assert (await users.update(ada.id, {})).name == "Ada L."
    with pytest.raises(EntityNotFoundError):
        await users.update(uuid.uuid4(), name="Nobody")


async def test_delete_removes_the_row_once(users, acme):
    ada = await users.create(name="Ada", email="ada@acme.test", org=acme.id)
    await users.delete(ada.id)
    with pytest.raises(EntityNotFoundError):
        await users.delete(ada.id)


async def test_lists_are_filtered_by_conditions_of_piccolo_and_of_core(users, orgs, acme):
    other = await orgs.create(name="Globex")
    for name, org, age in [("Ada", acme, 36), ("Bob", acme, None), ("Cyd", other, 20)]:
        await users.create(name=name, email=f"{name}@x.test", org=org.id, age=age)

    async def names(*where, **options):
        return [user.name for user in await users.find(*where, order=["name"], **options)]

    assert await names() == ["Ada", "Bob", "Cyd"]
    assert await names(shop.User.age > 30) == ["Ada"]
    assert await names((shop.User.name == "Ada") | (shop.User.name == "Cyd"), shop.User.org == acme.id) == ["Ada"]
    assert await names(shop.User.org.name == "Globex") == ["Cyd"]
    assert await names(Compare("org.name", "eq", "Acme"), limit=1, offset=1) == ["Bob"]
    assert await names(AnyOf((Compare("age", "is_null", True), Compare("age", "lt", 30)))) == ["Bob", "Cyd"]
    assert await names(offset=2) == ["Cyd"]
    assert await users.count(shop.User.org == acme.id) == 2
    assert await users.exists(shop.User.name == "Bob")
    assert not await users.exists(shop.User.name == "Eve")
    assert (await users.first(order=["-name"])).name == "Cyd"
    assert [user.name async for user in users.stream(order=["name"])] == ["Ada", "Bob", "Cyd"]


async def test_a_condition_is_unknown_where_a_field_is_null_and_so_is_its_negation(users, acme):
    await users.create(name="Ada", email="a@x.test", org=acme.id, age=36)
    await users.create(name="Bob", email="b@x.test", org=acme.id)
    forty = Compare("age", "eq", 40)
    assert await users.count(Not(forty)) == 1
    assert await users.count(Compare("age", "ne", 40)) == 1
    assert await users.count(Compare("age", "eq", None)) == await users.count(Not(Compare("age", "eq", None))) == 0
    assert await users.count(Compare("age", "in", (36, None))) == 1
    assert await users.count(Not(Compare("age", "in", (40, None)))) == 0
    assert await users.count(Not(Compare("age", "is_null", True))) == 1


async def test_nothing_is_in_an_empty_list_where_piccolo_refuses_it(users, acme):
    await users.create(name="Ada", email="a@x.test", org=acme.id)
    with pytest.raises(ValueError, match="at least one"):
        shop.User.age.is_in([])
    assert await users.count(Compare("age", "in", ())) == 0
    assert await users.count(Not(Compare("age", "in", ()))) == 1


async def test_a_negated_condition_reaches_the_database_where_piccolo_has_no_word_for_it(users, acme):
    await users.create(name="Ada", email="a@x.test", org=acme.id, age=1)
    with pytest.raises(TypeError):
        operator.invert(shop.User.age == 1)
    assert await users.count(Not(Compare("age", "eq", 1))) == 0
    assert await users.count(Not(Compare("age", "eq", 2))) == 1


async def test_texts_are_compared_by_code_point_on_every_database(users, acme):
    for name in ("a", "B", "ä"):
        await users.create(name=name, email=f"{uuid.uuid4()}@x.test", org=acme.id)
    assert {user.name for user in await users.find(Compare("name", "lt", "a"))} == {"B"}
    assert {user.name for user in await users.find(Compare("name", "gt", "a"))} == {"ä"}


async def test_what_is_unknown_in_a_condition_is_refused(users):
    with pytest.raises(EntityError, match="no field `shoe_size`"):
        await users.find(Compare("shoe_size", "eq", 1))
    with pytest.raises(EntityError, match="operator `like`"):
        await users.find(Compare("name", "like", "A%"))
    with pytest.raises(EntityError, match="node of type `str`"):
        await users.find("1 = 1")
    with pytest.raises(EntityError, match="a value of type `str`"):
        await users.find(Compare("age", "eq", "36"))
    with pytest.raises(EntityError, match="refers to no other entity"):
        await users.find(Compare("name.org", "eq", "36"))


async def test_a_second_row_with_a_unique_value_is_a_conflict_that_names_the_field(users, acme):
    await users.create(name="Ada", email="ada@x.test", org=acme.id)
    with pytest.raises(UniqueViolationError) as caught:
        await users.create(name="Eve", email="ada@x.test", org=acme.id)
    assert caught.value.fields == ("email",)
    assert "ada@x.test" not in f"{caught.value}{caught.value.errors}"


async def test_a_reference_to_nothing_is_refused_by_the_database(users):
    with pytest.raises(ForeignKeyViolationError):
        await users.create(name="Ada", email="ada@x.test", org=uuid.uuid4())


async def test_values_of_another_type_are_refused_before_the_database_sees_them(users, acme):
    for values in ({"name": 1}, {"age": True}, {"age": "1"}, {"org": "acme"}):
        with pytest.raises(InvalidFieldError):
            await users.create({"name": "Ada", "email": "a@x.test", "org": acme.id, **values})


async def test_rows_that_are_deleted_softly_are_nowhere(database):
    from nestpy_orm import Repository

    notes = Repository(shop.Note, database)
    note = await notes.create(text="hello")
    await notes.delete(note.id)
    assert await notes.find_one(note.id) is None
    assert await notes.count() == 0
    assert not await notes.exists(key=note.id)
    with pytest.raises(EntityNotFoundError):
        await notes.update(note.id, text="again")
    rows = await database.raw("SELECT text, deleted_at FROM notes")
    assert rows[0]["text"] == "hello"
    assert rows[0]["deleted_at"] is not None


async def test_a_row_that_changed_in_the_meantime_is_not_overwritten(database):
    from nestpy_orm import Repository, StaleEntityError

    notes = Repository(shop.Note, database)
    note = await notes.create(text="one")
    second = await notes.update(note, text="two")
    assert second.version == 2
    with pytest.raises(StaleEntityError):
        await notes.update(note, text="three")
    assert (await notes.get(note.id)).text == "two"
