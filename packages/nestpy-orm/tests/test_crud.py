"""The operations that one declaration gives, as REST."""

import uuid

import pytest
import shop

from nestpy_core import DefinitionError
from nestpy_http import ConflictError
from nestpy_orm import Creation, Crud, Repository, crud

pytestmark = pytest.mark.anyio


@crud(shop.Org, path="/orgs")
class OrgCrud(Crud[shop.Org]):
    async def create(self, body: Creation[shop.Org]) -> shop.Org:
        if body.name == "Initech":
            raise ConflictError("Not them")
        return await super().create(body)


@crud(shop.User, path="/users")
class UserCrud(Crud[shop.User]): ...


@crud(shop.Note, path="/notes", only=("list", "get"))
class NoteCrud(Crud[shop.Note]): ...


@pytest.fixture
async def app(database_url, shop_app):
    async with shop_app(database_url, OrgCrud, UserCrud, NoteCrud) as started:
        yield started


@pytest.fixture
async def acme(app):
    return (await app.http.post("/orgs", json={"name": "Acme"})).json()["id"]


def user(org, name, **more):
    return {"name": name, "email": f"{name.lower()}@acme.test", "org": org, **more}


async def test_a_resource_is_made_read_changed_and_deleted(app, acme):
    made = await app.http.post("/users", json=user(acme, "Ada", password="secret"))
    assert made.status == 201
    assert made.headers["location"] == f"/users/{made.json()['id']}"
    assert set(made.json()) == {"id", "name", "email", "org", "role", "age", "notes", "created_at", "updated_at"}
    path = made.headers["location"]
    assert (await app.http.get(path)).json() == made.json()
    changed = await app.http.patch(path, json={"age": 36, "role": "admin"})
    assert (changed.status, changed.json()["age"], changed.json()["role"], changed.json()["name"]) == (
        200,
        36,
        "admin",
        "Ada",
    )
    assert (await app.http.patch(path, json={"age": None})).json()["age"] is None
    assert (await app.http.delete(path)).status == 204
    assert (await app.http.delete(path)).status == 404
    assert (await app.http.get(path)).status == 404
    assert (await app.http.patch(path, json={"age": 1})).status == 404
    assert (await app.http.get("/users/not-an-id")).status == 400


async def test_an_override_stands_for_the_operation(app):
    assert (await app.http.post("/orgs", json={"name": "Initech"})).status == 409
    assert (await app.http.get("/orgs")).json() == []


async def test_what_is_not_offered_is_not_there(app):
    assert (await app.http.get("/notes")).json() == []
    assert (await app.http.post("/notes", json={"text": "x"})).status == 405


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"name": "x" * 101}, "name", "length"),
        ({"email": "nobody"}, "email", "pattern"),
        ({"role": "king"}, "role", "enum"),
        ({"age": 2**31}, "age", "range"),
        ({"age": "old"}, "age", "type"),
        ({"org": "acme"}, "org", "invalid"),
        ({"id": str(uuid.uuid4())}, "id", "unknown_field"),
        ({"created_at": "2026-01-01T00:00:00Z"}, "created_at", "unknown_field"),
    ],
)
async def test_inputs_are_held_to_their_columns(app, acme, change, field, code):
    answer = await app.http.post("/users", json={**user(acme, "Ada"), **change})
    assert answer.status == 400
    assert code in {failure["code"] for failure in answer.json()["errors"][field]}
    assert (await app.http.get("/users")).json() == []


async def test_a_missing_reference_and_a_taken_value_are_conflicts(app, acme):
    missing = await app.http.post("/users", json=user(str(uuid.uuid4()), "Ada"))
    assert missing.status == 409
    await app.http.post("/users", json=user(acme, "Ada"))
    taken = await app.http.post("/users", json=user(acme, "Ada"))
    assert (taken.status, list(taken.json()["errors"])) == (409, ["email"])
    assert (await app.http.delete(f"/orgs/{acme}")).status == 409


async def test_lists_are_paged_sorted_and_filtered(app, acme):
    for name, age in [("Ada", 36), ("Bob", None), ("Cyd", 20), ("Dan", 36), ("Eve", None)]:
        await app.http.post("/users", json=user(acme, name, age=age))

    async def pages(query):
        found, after = [], ""
        while True:
            answer = await app.http.get(f"/users?first=2&{query}{after}")
            assert answer.status == 200
            found += [item["name"] for item in answer.json()]
            if "x-next-cursor" not in answer.headers:
                return found
            after = f"&after={answer.headers['x-next-cursor']}"

    assert await pages("sort=name") == ["Ada", "Bob", "Cyd", "Dan", "Eve"]
    assert await pages("sort=-name") == ["Eve", "Dan", "Cyd", "Bob", "Ada"]
    assert await pages("sort=age,-name") == ["Cyd", "Dan", "Ada", "Eve", "Bob"]
    assert await pages("sort=-age,name") == ["Ada", "Dan", "Cyd", "Bob", "Eve"]
    assert sorted(await pages("")) == ["Ada", "Bob", "Cyd", "Dan", "Eve"]
    assert await pages("age=36&sort=name") == ["Ada", "Dan"]
    assert len((await app.http.get("/users?first=1000")).json()) == 5
    assert (await app.http.get("/users?sort=password")).status == 400
    assert (await app.http.get("/users?sort=shoe_size")).status == 400
    assert (await app.http.get("/users?age=old")).status == 400


async def test_a_page_goes_on_behind_its_last_row_however_many_rows_come_before(app, acme):
    for name in ("Bob", "Cyd", "Dan"):
        await app.http.post("/users", json=user(acme, name))
    first = await app.http.get("/users?first=2&sort=name")
    await app.http.post("/users", json=user(acme, "Ada"))
    rest = await app.http.get(f"/users?first=2&sort=name&after={first.headers['x-next-cursor']}")
    assert [item["name"] for item in rest.json()] == ["Dan"]


async def test_a_cursor_of_another_list_or_a_changed_one_is_refused(app, acme):
    for name in ("Ada", "Bob"):
        await app.http.post("/users", json=user(acme, name))
    cursor = (await app.http.get("/users?first=1&sort=name")).headers["x-next-cursor"]
    forged = f"{'B' if cursor[0] == 'A' else 'A'}{cursor[1:]}"
    for bad in (f"sort=age&after={cursor}", f"sort=name&after={forged}", "after=zzz", "after=%C3%A9"):
        assert (await app.http.get(f"/users?{bad}")).status == 400


async def test_an_insert_without_any_field_and_unknown_words_are_no_server_errors(app, acme):
    assert (await app.http.post("/users", json={})).status == 400
    nul = await app.http.post("/users", json=user(acme, "A\0da"))
    assert nul.status == 400


def test_a_class_that_cannot_serve_is_refused_at_once():
    with pytest.raises(DefinitionError, match=r"write `class Plain\(Crud\[User\]\):`"):

        @crud(shop.User, path="/users")
        class Plain: ...

    with pytest.raises(DefinitionError, match="needs a path such as"):
        crud(shop.User, path="users")


async def test_the_repository_of_a_crud_class_is_the_apps(app):
    assert isinstance((await app.get(UserCrud)).repository, Repository)
