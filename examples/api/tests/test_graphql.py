"""The example API over GraphQL: the rows and masks of REST, transactions of mutations, one query for each level."""

from pathlib import Path

import pytest
from example_db import ACME, GLOBEX

from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

SCHEMA = Path(__file__).parents[1] / "schema.graphql"
ADA = "01890a5d-ac96-7740-8000-000000000011"
DAN = "01890a5d-ac96-7740-8000-000000000021"


def caller(org=ACME, roles="user"):
    return {"x-api-key": "demo", "x-org-id": str(org), "x-roles": roles}


ADMIN = caller(roles="admin")
USER = caller()


@pytest.fixture(params=["sqlite", "postgres"])
async def app(main, request, tmp_path, start_app):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"
    return await start_app(TestApp(main.ApiModule).with_settings({"DATABASE_URL": url}))


@pytest.mark.parametrize("who", [ADMIN, USER, caller(GLOBEX), caller(GLOBEX, "admin")])
async def test_graphql_shows_the_rows_and_fields_that_rest_shows(app, who):
    rows = (await app.http.get("/users?sort=name", headers=who)).json()
    names = ["id", "name", "email", "org_id", "created_at"]
    shown = [name for name in names if name in rows[0]]
    wire = {"org_id": "orgId", "created_at": "createdAt"}
    selected = " ".join(wire.get(name, name) for name in shown)
    found = await app.graphql(f'{{ users(sort: "name") {{ items {{ {selected} }} }} }}', headers=who)
    assert found.errors == []
    assert found.data["users"]["items"] == [{wire.get(key, key): row[key] for key in shown} for row in rows]


async def test_a_masked_field_that_must_be_told_fails_only_where_it_is_selected(app):
    found = await app.graphql('{ users(sort: "name") { items { id name } } }', headers=USER)
    assert [user["name"] for user in found.data["users"]["items"]] == ["Ada", "Bob", "Cyd"]
    found = await app.graphql('{ users(first: 1, sort: "name") { items { name email } } }', headers=USER)
    assert found.data is None
    [error] = found.errors
    assert error["extensions"] == {"code": "FORBIDDEN", "fields": ["email"]}
    assert error["path"] == ["users", "items", 0, "email"]
    assert "acme.example" not in str(found)


async def test_rows_that_may_not_be_read_drop_from_lists_and_refuse_alone(app):
    found = await app.graphql("{ orgs { items { name users { items { name } } } } }", headers=ADMIN)
    by_name = {org["name"]: [user["name"] for user in org["users"]["items"]] for org in found.data["orgs"]["items"]}
    assert (set(by_name["Acme"]), by_name["Globex"]) == ({"Ada", "Bob", "Cyd"}, [])
    found = await app.graphql("query($id: UUID!) { user(id: $id) { name } }", {"id": DAN}, headers=ADMIN)
    assert (found.data, found.codes) == (None, ["FORBIDDEN"])
    found = await app.graphql(
        "query($id: UUID!) { user(id: $id) { name } }", {"id": ADA.replace("0011", "0099")}, headers=ADMIN
    )
    assert (found.data, found.codes) == (None, ["NOT_FOUND"])


CREATE = "mutation($input: CreateUserInput!) { createUser(input: $input) { id name } }"


def new_user(**more):
    return {"input": {"name": "Fay", "email": "fay@acme.example", "orgId": str(ACME), **more}}


async def names(app):
    found = await app.graphql('{ users(sort: "name") { items { name } } }', headers=ADMIN)
    return [user["name"] for user in found.data["users"]["items"]]


async def test_a_mutation_persists_and_one_that_is_refused_does_not(app):
    found = await app.graphql(CREATE, new_user(), headers=ADMIN)
    assert (found.errors, found.data["createUser"]["name"]) == ([], "Fay")
    key = {"id": found.data["createUser"]["id"]}
    assert await names(app) == ["Ada", "Bob", "Cyd", "Fay"]
    changed = await app.graphql(
        'mutation($id: UUID!) { updateUser(id: $id, input: {name: "Fee"}) { name } }', key, headers=ADMIN
    )
    assert changed.data == {"updateUser": {"name": "Fee"}}
    found = await app.graphql("mutation($id: UUID!) { deleteUser(id: $id) }", key, headers=ADMIN)
    assert (found.errors, found.data) == ([], {"deleteUser": True})
    assert await names(app) == ["Ada", "Bob", "Cyd"]


@pytest.mark.parametrize(
    ("headers", "variables", "code"),
    [
        ({}, new_user(), "UNAUTHENTICATED"),
        (ADMIN, new_user(orgId=str(GLOBEX)), "FORBIDDEN"),
        (ADMIN, new_user(email="ada@acme.example"), "CONFLICT"),
        (ADMIN, new_user(name=""), "INVALID_ARGUMENT"),
        (ADMIN, new_user(orgId="nonsense"), "INVALID_ARGUMENT"),
        (ADMIN, {"input": {"name": "Fay"}}, "BAD_USER_INPUT"),
    ],
)
async def test_what_is_refused_has_its_code_and_persists_nothing(app, headers, variables, code):
    found = await app.graphql(CREATE, variables, headers=headers)
    assert (found.data, found.codes) == (None, [code])
    assert await names(app) == ["Ada", "Bob", "Cyd"]


async def test_each_mutation_of_a_document_stands_or_falls_alone(app):
    source = """
        mutation($a: CreateUserInput!, $b: CreateUserInput!) {
            one: createUser(input: $a) { name }
            two: createUser(input: $b) { name }
        }
    """
    same = new_user()["input"]
    found = await app.graphql(source, {"a": same, "b": same}, headers=ADMIN)
    assert (found.data, found.codes) == (None, ["CONFLICT"])
    assert await names(app) == ["Ada", "Bob", "Cyd", "Fay"]


@pytest.mark.parametrize("header", ["x-api-key", "x-org-id"])
async def test_without_credentials_no_operation_answers(app, header):
    headers = {name: value for name, value in ADMIN.items() if name != header}
    found = await app.graphql("{ users { items { name } } orgs { items { name } } }", headers=headers)
    assert (found.data, found.codes[0]) == (None, "UNAUTHENTICATED")


async def test_namesakes_are_loaded_for_all_users_at_once(app):
    await app.graphql(CREATE, new_user(name="Ada", email="ada2@acme.example"), headers=ADMIN)
    found = await app.graphql('{ users(sort: "name") { items { name namesakes { name } } } }', headers=ADMIN)
    assert [len(user["namesakes"]) for user in found.data["users"]["items"]] == [1, 1, 0, 0]


def test_the_committed_schema_is_that_of_the_app(main):
    edge = next(one for one in main.app.edges if one.name == "graphql")
    assert SCHEMA.read_text(encoding="utf-8") == edge.composition.sdl(), (
        "write it anew: nestpy graphql export main:app -o examples/api/schema.graphql"
    )
