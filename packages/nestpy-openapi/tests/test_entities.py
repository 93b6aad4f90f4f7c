"""What one declaration of the ORM makes of an entity is described like any other route."""

import json

import pytest
from openapi_spec_validator import validate

from nestpy_core import App, module
from nestpy_http import HttpModule
from nestpy_openapi import OpenApiModule
from nestpy_openapi._document import compose, encoded

piccolo = pytest.importorskip("piccolo.columns")
table = pytest.importorskip("piccolo.table")
orm = pytest.importorskip("nestpy_orm")


@pytest.fixture(scope="module")
def document():
    @orm.expose(write_only=["password"])
    class User(table.Table, tablename="openapi_users"):
        id = piccolo.UUID(primary_key=True, default=orm.uuid7)
        name = piccolo.Varchar(length=40)
        password = piccolo.Varchar(length=80)
        token = piccolo.Varchar(secret=True, default="")

    @orm.crud(User, path="/users")
    class UserCrud(orm.Crud[User]): ...

    @module(imports=[HttpModule, OpenApiModule, orm.OrmModule.for_root(url="sqlite:///:memory:")], providers=[UserCrud])
    class AppModule: ...

    return json.loads(encoded(compose(App(AppModule, environ={"NESTPY_ENV": "test"}).graph)))


def test_every_operation_is_there(document):
    validate(document)
    found = {
        (path, method): one["operationId"] for path, item in document["paths"].items() for method, one in item.items()
    }
    assert found == {
        ("/users", "get"): "user_list",
        ("/users", "post"): "user_create",
        ("/users/{id}", "get"): "user_get",
        ("/users/{id}", "patch"): "user_update",
        ("/users/{id}", "delete"): "user_delete",
    }


def test_hidden_columns_are_absent_and_inputs_follow_the_entity(document):
    text = json.dumps(document)
    assert "token" not in text
    create = document["paths"]["/users"]["post"]
    made = create["responses"]["201"]
    output = document["components"]["schemas"][schema_of(made["content"])]
    assert list(output["properties"]) == ["id", "name"]
    sent = document["components"]["schemas"][schema_of(create["requestBody"]["content"])]
    assert sorted(sent["properties"]) == ["name", "password"]


def test_a_new_entity_has_its_place_and_a_page_its_cursor(document):
    created = document["paths"]["/users"]["post"]["responses"]["201"]
    assert list(created["headers"]) == ["Location"]
    listed = document["paths"]["/users"]["get"]["responses"]["200"]
    assert list(listed["headers"]) == ["X-Next-Cursor"]
    assert listed["content"]["application/json"]["schema"]["type"] == "array"


def test_an_absent_entity_is_a_404(document):
    for method in ("get", "patch", "delete"):
        assert "404" in document["paths"]["/users/{id}"][method]["responses"]


def test_changes_may_contradict_what_is_stored(document):
    found = {method: "409" in one["responses"] for item in document["paths"].values() for method, one in item.items()}
    assert found == {"get": False, "post": True, "patch": True, "delete": True}


def test_nothing_is_denied_where_nothing_authorizes(document):
    assert not any("403" in one["responses"] for item in document["paths"].values() for one in item.values())


def schema_of(content):
    return content["application/json"]["schema"]["$ref"].rpartition("/")[2]
