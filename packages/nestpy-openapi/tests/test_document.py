"""The document says what the compiled routes do: inputs, answers, names, security, and nothing else."""

import json
import re
import subprocess
import sys
from typing import Generic, TypeVar

import msgspec
import pytest
from openapi_spec_validator import validate

from nestpy_core import APP_GUARD, Denial, injectable, provide, public, use_guards
from nestpy_core.errors import DefinitionError, DomainError, FailureKind
from nestpy_http import (
    GoneError,
    NotFoundError,
    Query,
    controller,
    get,
    post,
    route,
    served_routes,
    version,
)
from nestpy_openapi import OpenapiError, api
from nestpy_openapi._document import compose, encoded

T = TypeVar("T")


@pytest.fixture(scope="module")
def document(shelter):
    return json.loads(encoded(compose(shelter.app.graph)))


@pytest.fixture
def described(make_app):
    """Return the document of an app of these providers."""

    def describe(*providers, **options):
        return json.loads(encoded(compose(make_app(*providers, **options).graph)))

    return describe


def resolved(document, found):
    for part in found["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


# -- the whole


def test_it_is_valid_openapi(document):
    validate(document)
    assert document["openapi"] == "3.1.1"
    assert document["info"] == {
        "title": "The shelter",
        "version": "1.2.0",
        "description": "Cats and *who cares for them*.",
        "contact": {"name": "The shelter"},
    }


def test_an_app_without_routes_has_a_valid_document(described):
    empty = described()
    validate(empty)
    assert empty == {"openapi": "3.1.1", "info": {"title": "API", "version": "0.1.0"}, "paths": {}, "components": {}}


def test_every_mounted_route_is_there_with_its_path_parameters_in_braces(shelter, document):
    mounted = {
        (one.path.replace("...}", "}"), one.method.lower())
        for one in served_routes(shelter.app.graph)
        if not one.endpoint and one.handler.name != "hidden"
    }
    listed = {(path, method) for path, item in document["paths"].items() for method in item}
    # Routes of one path share the names of its parameters.
    assert listed == {(path.replace("{id}", "{cat_id}"), method) for path, method in mounted}
    for path, item in document["paths"].items():
        for operation in item.values():
            inside = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert inside == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_request_and_response_schemas_stand_under_components(document):
    create = document["paths"]["/cats"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewCat"}
    assert create["responses"]["201"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Cat"}
    assert sorted(document["components"]["schemas"]) == list(document["components"]["schemas"])


def test_operation_ids_are_unique(described, document):
    found = [one["operationId"] for item in document["paths"].values() for one in item.values()]
    assert len(found) == len(set(found))
    assert "cats_list" in found

    @controller("/a", version=["1", "2"])
    class BlogPostsController:
        @get("/")
        async def list(self) -> str: ...

        @route("/all", methods=["GET", "POST"])
        async def both(self) -> str: ...

    many = described(BlogPostsController)
    found = {path: {one["operationId"] for one in item.values()} for path, item in many["paths"].items()}
    assert found == {
        "/v1/a": {"blog_posts_list_v1"},
        "/v2/a": {"blog_posts_list_v2"},
        "/v1/a/all": {"blog_posts_both_v1", "blog_posts_both_v1_post"},
        "/v2/a/all": {"blog_posts_both_v2", "blog_posts_both_v2_post"},
    }


PRINT = """
import sys
from main import app
from nestpy_openapi._document import compose, encoded
sys.stdout.buffer.write(encoded(compose(app.graph)))
"""


@pytest.mark.e2e
def test_two_boots_write_the_same_bytes_whatever_the_hashes(shelter):
    directory = shelter.__file__.rpartition("/")[0]

    def boot(seed):
        environ = {"PYTHONHASHSEED": seed, "PYTHONPATH": directory, "NESTPY_ENV": "test"}
        return subprocess.run([sys.executable, "-c", PRINT], env=environ, check=True, capture_output=True).stdout

    assert boot("1") == boot("2") == encoded(compose(shelter.app.graph))


# -- inputs


def test_parameters_carry_types_constraints_and_defaults(document):
    listed = {one["name"]: one for one in document["paths"]["/cats"]["get"]["parameters"]}
    assert listed["page"] == {
        "name": "page",
        "in": "query",
        "description": "from 1 on, a thousand at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1},
    }
    assert listed["color"]["schema"] == {"$ref": "#/components/schemas/Color"}
    assert listed["names"]["schema"] == {"type": "array", "items": {"type": "string"}, "default": []}
    assert listed["sort"]["schema"] == {"enum": ["age", "name"], "default": "name"}
    assert listed["since"]["schema"] == {"type": "string", "format": "date-time"}
    headers = {one["name"]: one for one in document["paths"]["/inputs/headers"]["get"]["parameters"]}
    assert headers["x-token"] == {"name": "x-token", "in": "header", "required": True, "schema": {"type": "string"}}
    assert headers["limit"]["schema"] == {"type": "integer", "minimum": 0, "format": "int64", "default": 1}
    assert headers["sid"]["in"] == "cookie"
    assert "accept" not in headers


def test_each_field_of_a_whole_query_is_a_parameter(document):
    operation = document["paths"]["/inputs/search"]["get"]
    assert operation["parameters"] == [
        {
            "name": "reason",
            "in": "query",
            "description": "Why they came.",
            "required": True,
            "schema": {"type": "string", "maxLength": 50, "description": "Why they came."},
        },
        {"name": "minAge", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 30}},
        {
            "name": "colors",
            "in": "query",
            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Color"}, "default": []},
        },
        {"name": "since", "in": "query", "schema": {"type": "string", "format": "date"}},
        {"name": "price", "in": "query", "schema": {"type": "number", "default": 0.0}},
        {
            "name": "exact",
            "in": "query",
            "description": "letter by letter.",
            "schema": {"type": "boolean", "default": False},
        },
    ]
    assert "400" in operation["responses"]
    assert "VisitFilters" not in document["components"]["schemas"]


def test_what_pipes_take_is_what_callers_send(document):
    listed = {one["name"]: one for one in document["paths"]["/inputs/pipes/{slug}"]["get"]["parameters"]}
    assert listed["slug"]["schema"] == {"type": "string", "pattern": r"^[^/\\;\x00-\x1f\x7f]+$"}
    assert (listed["ids"]["style"], listed["ids"]["explode"]) == ("form", False)
    assert listed["ids"]["schema"]["items"] == {"type": "integer", "format": "int64"}
    assert listed["number"]["schema"] == {"type": "integer", "format": "int64", "default": 7}
    assert "required" not in listed["number"]
    version_7, version_4 = (listed[name]["schema"] for name in ("key", "keys"))
    assert re.search(version_7["pattern"], "01890a5d-ac96-7740-8000-000000000011")
    assert not re.search(version_7["pattern"], "01890a5d-ac96-4740-8000-000000000011")
    assert re.search(version_4["items"]["pattern"], "01890a5d-ac96-4740-8000-000000000011")


def test_bodies_have_their_media_types(document):
    inputs = {path.rpartition("/")[2]: item["post"] for path, item in document["paths"].items() if "post" in item}
    form = inputs["form"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert form == {"$ref": "#/components/schemas/SignUp"}
    upload = inputs["upload"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert upload["required"] == ["name", "age", "photo"]
    assert upload["properties"]["photo"] == {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": "of the cat.",
    }
    assert list(inputs["raw"]["requestBody"]["content"]) == ["application/octet-stream"]
    assert list(inputs["packed"]["requestBody"]["content"]) == [
        "application/json",
        "application/msgpack",
        "application/vnd.msgpack",
    ]
    assert (inputs["maybe"]["requestBody"]["required"], inputs["form"]["requestBody"]["required"]) == (False, True)


def test_requests_are_closed_and_answers_hold_every_field_that_has_a_value(document):
    schemas = document["components"]["schemas"]
    assert schemas["NewCat"]["additionalProperties"] is False
    assert schemas["NewCat"]["required"] == ["name"]
    assert "additionalProperties" not in schemas["Cat"]
    assert schemas["Cat"]["required"] == list(schemas["Cat"]["properties"])
    assert schemas["CatChanges"]["required"] == []
    assert schemas["Cat"]["properties"]["weight"]["format"] == "decimal"
    nested = schemas["Visit"]["properties"]["things"]["items"]
    assert nested["discriminator"]["mapping"] == {
        "walk": "#/components/schemas/Walk",
        "nap": "#/components/schemas/Nap",
    }


def test_types_of_one_name_are_told_apart(described):
    def cat_of(kind):
        class Cat(msgspec.Struct):
            value: kind

        Cat.__qualname__ = f"{kind.__name__}.Cat"
        return Cat

    first, second = cat_of(int), cat_of(str)

    @controller("/")
    class CatsController:
        @get("/one")
        async def one(self) -> first: ...

        @get("/other")
        async def other(self) -> second: ...

    names = described(CatsController)["components"]["schemas"]
    assert sorted(name.rpartition("test_document.")[2] for name in names) == ["int.Cat", "str.Cat"]


def test_generic_types_have_a_component_for_each_parametrisation(described):
    class Dog(msgspec.Struct):
        name: str

    class Page(msgspec.Struct, Generic[T]):
        items: list[T]

    @controller("/")
    class DogsController:
        @get("/dogs")
        async def dogs(self) -> Page[Dog]: ...

        @get("/names")
        async def names(self) -> Page[str]: ...

    assert list(described(DogsController)["components"]["schemas"]) == ["Dog", "Page_Dog_", "Page_str_"]


def test_two_parametrisations_that_would_share_a_name_are_refused(make_app):
    class Page(msgspec.Struct, Generic[T]):
        items: list[T]

    def page_of(kind):
        class Cat(msgspec.Struct):
            value: kind

        return Page[Cat]

    first, second = page_of(int), page_of(str)

    @controller("/")
    class CatsController:
        @get("/one")
        async def one(self) -> first: ...

        @get("/other")
        async def other(self) -> second: ...

    with pytest.raises(OpenapiError, match="in the document") as caught:
        compose(make_app(CatsController).graph)
    assert str(caught.value).endswith("Hint: rename one of them")


def test_models_of_a_schema_plugin_and_what_they_hold_are_components(described):
    pydantic = pytest.importorskip("pydantic")

    class Owner(pydantic.BaseModel):
        name: str

    class House(pydantic.BaseModel):
        owner: Owner
        rooms: int = pydantic.Field(ge=1)

    class Box(msgspec.Struct):
        houses: list[House]

    @controller("/")
    class HousesController:
        @post("/")
        async def create(self, house: House) -> Box: ...

        @get("/")
        async def owner(self) -> Owner: ...

    made = described(HousesController)
    validate(made)
    schemas = made["components"]["schemas"]
    assert sorted(schemas) == ["Box", "FieldFailure", "House", "Owner", "ProblemDetails"]
    assert schemas["House"]["properties"]["owner"] == {"$ref": "#/components/schemas/Owner"}
    assert schemas["House"]["properties"]["rooms"]["minimum"] == 1
    assert schemas["Box"]["properties"]["houses"]["items"] == {"$ref": "#/components/schemas/House"}


# -- answers


def test_success_has_its_status_media_type_and_headers(document):
    paths = document["paths"]
    create = paths["/cats"]["post"]["responses"]["201"]
    assert create["headers"]["Location"]["schema"] == {"type": "string", "format": "uri-reference"}
    assert paths["/cats/{cat_id}"]["delete"]["responses"]["204"] == {"description": "No Content"}
    old = paths["/answers/old"]["get"]["responses"]["308"]
    assert (old["description"], list(old["headers"])) == ("Permanent Redirect", ["Location"])
    tagged = paths["/answers/tagged"]["get"]["responses"]
    assert list(tagged["200"]["headers"]) == ["X-Served-By"]
    assert list(tagged) == ["200", "304", "412"]
    events = paths["/answers/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert events["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/Cat"}
    lines = paths["/answers/lines"]["get"]["responses"]["200"]["content"]["application/jsonl"]
    assert lines["x-item-schema"] == {"$ref": "#/components/schemas/Cat"}
    assert list(paths["/answers/chunks"]["get"]["responses"]["200"]["content"]) == ["text/csv"]
    assert list(paths["/inputs/packed"]["post"]["responses"]["201"]["content"]) == [
        "application/json",
        "application/msgpack",
    ]


def statuses(document, path, method):
    return list(document["paths"][path][method]["responses"])


def test_only_errors_that_can_happen_are_listed(document):
    assert statuses(document, "/cats", "get") == ["200", "400"]
    assert statuses(document, "/cats", "post") == ["201", "400", "409", "413", "415"]
    assert statuses(document, "/cats/{cat_id}", "get") == ["200", "400", "404"]
    assert statuses(document, "/answers/chunks", "get") == ["200"]
    assert statuses(document, "/inputs/raw", "post") == ["201", "413", "415"]
    assert statuses(document, "/inputs/packed", "post") == ["201", "400", "406", "413", "415"]
    assert statuses(document, "/staff", "get") == ["200", "401", "429"]
    assert statuses(document, "/staff/pay", "get") == ["200", "401", "403", "429"]


def test_errors_are_problem_documents_and_say_when_to_try_again(document):
    refused = resolved(document, document["paths"]["/staff"]["get"]["responses"]["429"])
    assert list(refused["headers"]) == ["Retry-After"]
    assert refused["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    }
    unauthorized = resolved(document, document["paths"]["/staff"]["get"]["responses"]["401"])
    assert list(unauthorized["headers"]) == ["WWW-Authenticate"]


def test_errors_of_injected_services_count_unless_they_are_caught(described):
    class TakenError(DomainError):
        kind = FailureKind.CONFLICT

    @injectable
    class Store:
        def find(self) -> str:
            raise NotFoundError

        def keep(self) -> str:
            raise TakenError

        def lose(self) -> str:
            raise GoneError

    @controller("/")
    class ThingsController:
        store: Store

        @get("/found")
        async def found(self) -> str:
            return self.store.find()

        @get("/kept")
        async def kept(self) -> str:
            return self._through()

        @get("/caught")
        async def caught(self) -> str:
            try:
                return self.store.lose()
            except GoneError:
                return "gone"

        def _through(self) -> str:
            return self.store.keep()

    made = described(Store, ThingsController)
    assert {path: list(item["get"]["responses"]) for path, item in made["paths"].items()} == {
        "/caught": ["200"],
        "/found": ["200", "404"],
        "/kept": ["200", "409"],
    }


def test_the_app_that_answers_as_nestjs_does_says_so(described):
    @controller("/")
    class OneController:
        @get("/{number}")
        async def one(self, number: int) -> str: ...

    made = described(OneController, http={"errors": "nest"})
    refused = resolved(made, made["paths"]["/{number}"]["get"]["responses"]["400"])
    assert refused["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/NestError"}}}
    assert list(made["components"]["schemas"]["NestError"]["properties"]) == ["message", "error", "statusCode"]


def test_the_status_of_validation_follows_its_setting(described):
    @controller("/")
    class OneController:
        @get("/")
        async def one(self, number: Query[int]) -> str: ...

    made = described(OneController, http={"validation_status": 422})
    assert statuses(made, "/", "get") == ["200", "400", "422"]


# -- security


class SomeGuard:
    posture = True

    def can_activate(self, context) -> bool | Denial: ...


class RolesGuard(SomeGuard):
    security_scheme = None


@public
@controller("/open")
class OpenController:
    @get("/")
    async def read(self) -> str: ...


@controller("/closed")
class ClosedController:
    @get("/")
    async def read(self) -> str: ...


def test_guarded_routes_carry_security_and_public_ones_none(document, described):
    assert document["paths"]["/cats"]["get"]["security"] == []
    assert document["paths"]["/staff"]["get"]["security"] == [{"apiKey": []}]
    assert document["components"]["securitySchemes"] == {
        "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}
    }
    guarded = described(OpenController, ClosedController, provide(APP_GUARD, use_class=SomeGuard, multi=True))
    assert guarded["paths"]["/closed"]["get"]["security"] == [{"bearerAuth": []}]
    assert statuses(guarded, "/closed", "get") == ["200", "401", "403"]
    assert guarded["paths"]["/open"]["get"]["security"] == []
    assert statuses(guarded, "/open", "get") == ["200"]
    assert guarded["components"]["securitySchemes"] == {"bearerAuth": {"type": "http", "scheme": "bearer"}}


def test_a_guard_that_names_no_scheme_on_purpose_adds_none(described):
    made = described(ClosedController, provide(APP_GUARD, use_class=RolesGuard, multi=True))
    assert made["paths"]["/closed"]["get"]["security"] == []


def test_a_scheme_that_nothing_declares_does_not_boot(make_app):
    class KeyGuard(SomeGuard):
        security_scheme = "key"

    @use_guards(KeyGuard)
    @controller("/")
    class KeyController:
        @get("/")
        async def read(self) -> str: ...

    with pytest.raises(ExceptionGroup) as caught:
        make_app(KeyController)
    (problem,) = caught.value.exceptions
    assert str(problem) == (
        "`KeyGuard` names the security scheme `key`, which nothing declares.\n"
        'Hint: write `OpenApiModule.for_root(security_schemes={"key": {"type": …}})`'
    )


# -- what people write


def test_docstrings_become_summary_and_description_without_their_sections(document):
    listed = document["paths"]["/cats"]["get"]
    assert listed["summary"] == "List cats."
    assert listed["description"] == "They come in order.\n\n    as code stays"
    assert document["paths"]["/cats/{cat_id}"]["get"]["responses"]["404"]["description"] == "No cat has this number."


def test_api_enriches(document):
    remove = document["paths"]["/cats/{cat_id}"]["delete"]
    assert (remove["summary"], remove["deprecated"], remove["tags"]) == ("Let a cat go", True, ["Cats", "Leaving"])
    anything = document["paths"]["/answers/anything"]["get"]
    assert (anything["operationId"], anything["x-internal"]) == ("anything", True)
    assert anything["responses"]["200"] == {
        "description": "A cat, this time.",
        "headers": {"X-Mood": {"description": "how it feels", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}},
    }
    assert anything["responses"]["418"]["description"] == "It is a teapot"
    assert "application/problem+json" in anything["responses"]["418"]["content"]
    assert "/answers/hidden" not in document["paths"]
    assert {one["name"]: one.get("description") for one in document["tags"]} == {
        "Answers": None,
        "Cats": "The cats of the shelter.",
        "Inputs": None,
        "Leaving": None,
        "Staff": None,
    }


def test_api_refuses_unknown_keys_and_statuses():
    with pytest.raises(TypeError, match="sumary"):
        api(sumary="x")
    with pytest.raises(DefinitionError) as caught:
        api(responses={99: "no"})
    assert str(caught.value) == "`@api` was given the status 99; a response's is from 200 to 599"


def test_two_handlers_of_one_operation_id_do_not_boot(make_app):
    @controller("/")
    class TwoController:
        @api(operation_id="same")
        @get("/one")
        async def one(self) -> str: ...

        @api(operation_id="same")
        @get("/two")
        async def two(self) -> str: ...

    with pytest.raises(ExceptionGroup) as caught:
        make_app(TwoController)
    (problem,) = caught.value.exceptions
    assert str(problem) == (
        "`TwoController.one` and `TwoController.two` both have the operation id `same`.\n"
        "Hint: give one of them another `operation_id=` in `@api`"
    )


# -- versions


@controller("/cats", version=["1", "2", "10"])
class VersionedController:
    @get("/")
    async def list(self) -> str: ...

    @version("10")
    @get("/new")
    async def new(self) -> str: ...


@controller("/plain")
class PlainController:
    @get("/")
    async def read(self) -> str: ...


def test_versions_in_a_header_have_a_document_each(make_app):
    app = make_app(VersionedController, PlainController, http={"versioning": "header", "default_version": "2"})

    def listed(number):
        made = compose(app.graph, number)
        validate(made)
        return {
            path: [one.get("required", False) for one in item["get"].get("parameters", ())]
            for path, item in made["paths"].items()
        }

    assert listed("1") == {"/cats": [True], "/plain": []}
    assert listed("10") == {"/cats": [True], "/cats/new": [True], "/plain": []}
    assert listed(None) == listed("2") == {"/cats": [False], "/plain": []}


def test_without_a_default_the_highest_version_is_described(make_app):
    app = make_app(VersionedController, http={"versioning": "media_type"})
    made = compose(app.graph)
    assert list(made["paths"]) == ["/cats", "/cats/new"]
    assert list(made["paths"]["/cats"]["get"]["responses"]["200"]["content"]) == ["text/plain;v=10"]


def test_versions_in_the_path_stand_in_one_document(described):
    assert list(described(VersionedController)["paths"]) == ["/v1/cats", "/v10/cats", "/v10/cats/new", "/v2/cats"]


def test_routes_of_a_host_name_their_server(described):
    @controller("/", host="*.example.com")
    class HostController:
        @get("/")
        async def read(self) -> str: ...

    made = described(HostController)
    validate(made)
    assert made["paths"]["/"]["get"]["servers"] == [
        {"url": "//{name}.example.com", "variables": {"name": {"default": "www"}}}
    ]


@pytest.mark.parametrize(
    ("given", "words"), [({"model": dict, "description": "gone"}, "a dict"), (5, "an int"), (["gone"], "a list")]
)
def test_api_refuses_what_is_no_response(given, words):
    with pytest.raises(DefinitionError) as caught:
        api(responses={404: given})
    assert str(caught.value) == (
        f"`@api` was given {words} for 404, which is no sentence and no type.\n"
        "Hint: write `ApiResponse(description=…, body=…)`"
    )


def test_api_refuses_a_status_that_is_no_number():
    with pytest.raises(DefinitionError, match=r"`@api` was given the status '404'; a response's is from 200 to 599"):
        api(responses={"404": "no"})


def test_api_refuses_to_stand_bare():
    with pytest.raises(DefinitionError) as caught:
        api(test_api_refuses_what_is_no_response)
    assert str(caught.value) == (
        "`@api` stands above what it decorates without its arguments.\nHint: write `@api(summary=…)`, for one"
    )
