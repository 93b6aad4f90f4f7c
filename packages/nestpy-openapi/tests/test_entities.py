"""What one declaration of the ORM makes of an entity is described like any other route."""

import json
import re
import uuid

import pytest
from openapi_spec_validator import validate

from nestpy_core import AbilitySource, App, module, provide
from nestpy_http import HttpModule
from nestpy_openapi import OpenApiModule
from nestpy_openapi._document import compose, encoded

piccolo = pytest.importorskip("piccolo.columns")
table = pytest.importorskip("piccolo.table")
orm = pytest.importorskip("nestpy_orm")


@pytest.fixture(scope="module")
def described():
    """Return ``described(*providers)``: the document of an app with an entity's operations and these."""

    @orm.expose(write_only=["password"])
    class User(table.Table, tablename="openapi_users"):
        id = piccolo.UUID(primary_key=True, default=orm.uuid7)
        name = piccolo.Varchar(length=40)
        password = piccolo.Varchar(length=80)
        token = piccolo.Varchar(secret=True, default="")

    @orm.crud(User, path="/users")
    class UserCrud(orm.Crud[User]): ...

    def make(*providers):
        @module(shared=True, providers=list(providers))
        class SharedModule: ...

        imports = [HttpModule, OpenApiModule, orm.OrmModule.for_root(url="sqlite:///:memory:"), SharedModule]

        @module(imports=imports, providers=[UserCrud])
        class AppModule: ...

        return json.loads(encoded(compose(App(AppModule, environ={"NESTPY_ENV": "test"}).graph)))

    return make


@pytest.fixture(scope="module")
def document(described):
    return described()


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


def test_an_identifier_and_an_order_say_what_they_look_like(document):
    item = document["paths"]["/users/{id}"]
    for method in ("get", "patch", "delete"):
        schema = item[method]["parameters"][0]["schema"]
        assert re.search(schema["pattern"], str(orm.uuid7()))
        assert not re.search(schema["pattern"], str(uuid.uuid4()))
    given = {one["name"]: one["schema"] for one in document["paths"]["/users"]["get"]["parameters"]}
    assert all(re.search(given["sort"]["pattern"], one) for one in ("", "name", "-name,id"))
    assert not any(re.search(given["sort"]["pattern"], one) for one in ("password", "x", "name;", "--id"))


def test_texts_are_without_nul(document):
    sent = document["paths"]["/users"]["post"]["requestBody"]["content"]
    name = document["components"]["schemas"][schema_of(sent)]["properties"]["name"]
    listed = {one["name"]: one["schema"] for one in document["paths"]["/users"]["get"]["parameters"]}
    for schema in (name, listed["name"]):
        assert re.search(schema["pattern"], "Ada\tÄ")
        assert not re.search(schema["pattern"], "A\0da")


def test_an_entity_whose_fields_may_be_masked_promises_none(described, document):
    class Abilities:
        def current(self):
            return None

    masked = described(provide(AbilitySource, use_value=Abilities()))
    plain, shown = (user_schema(each) for each in (document, masked))
    assert plain["required"] == ["id", "name"]
    assert "required" not in shown
    assert shown["properties"] == plain["properties"]
    assert shown["description"] == "Fields that the caller may not read are left out."


def user_schema(document):
    created = document["paths"]["/users"]["post"]["responses"]["201"]
    return document["components"]["schemas"][schema_of(created["content"])]


def schema_of(content):
    return content["application/json"]["schema"]["$ref"].rpartition("/")[2]
