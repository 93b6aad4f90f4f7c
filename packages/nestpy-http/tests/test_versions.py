"""A route can belong to versions and to a host; requests name them in the path, in a header or in `Accept`."""

import pytest

from nestpy_core.errors import DefinitionError
from nestpy_http import controller, get, post, route, version

pytestmark = pytest.mark.anyio


@controller("/cats", version=["1", "2"])
class CatsController:
    @version("1")
    @get("/")
    async def first(self) -> str:
        return "first"

    @version("2")
    @get("/")
    async def second(self) -> str:
        return "second"

    @get("/{name}")
    async def both(self, name: str) -> str:
        return name


@controller("/dogs")
class DogsController:
    @get("/")
    async def plain(self) -> str:
        return "plain"

    @version("3")
    @get("/new")
    async def new(self) -> str:
        return "new"

    @get("/new")
    async def old(self) -> str:
        return "old"


async def test_the_path_names_the_version(serving):
    async with serving(CatsController, DogsController, prefix="/api") as http:
        assert (await http.get("/api/v1/cats")).text == "first"
        assert (await http.get("/api/v2/cats")).text == "second"
        assert {(await http.get(f"/api/v{number}/cats/tom")).text for number in (1, 2)} == {"tom"}
        assert (await http.get("/api/v3/dogs/new")).text == "new"
        assert (await http.get("/api/dogs/new")).text == "old"
        for path in ("/api/cats", "/api/v3/cats", "/v1/cats", "/api/v1/dogs"):
            assert (await http.get(path)).status == 404


HEADER = {"versioning": "header"}
MEDIA_TYPE = {"versioning": "media_type"}


def naming(options, value):
    return {"x-api-version": value} if options is HEADER else {"accept": f"application/json;v={value}"}


@pytest.mark.parametrize("options", [HEADER, MEDIA_TYPE], ids=["header", "media type"])
async def test_a_header_names_the_version(serving, options):
    async with serving(CatsController, DogsController, **options) as http:
        assert (await http.get("/cats", headers=naming(options, "1"))).text == "first"
        assert (await http.get("/cats", headers=naming(options, "2"))).text == "second"
        assert (await http.head("/cats", headers=naming(options, "2"))).headers["content-length"] == "6"
        assert (await http.get("/cats/tom", headers=naming(options, "2"))).text == "tom"
        assert (await http.get("/v1/cats")).status == 404


@pytest.mark.parametrize("options", [HEADER, MEDIA_TYPE], ids=["header", "media type"])
async def test_an_unknown_version_is_404_and_a_malformed_one_400(serving, options):
    async with serving(CatsController, **options) as http:
        assert (await http.get("/cats", headers=naming(options, "7"))).status == 404
        assert (await http.get("/cats")).status == 404
        for malformed in ("../1", "1 2", "-", "x" * 33, '"'):
            answer = await http.get("/cats", headers=naming(options, malformed))
            assert (answer.status, answer.json()["detail"]) == (400, "The version is malformed")


@pytest.mark.parametrize("options", [HEADER, MEDIA_TYPE], ids=["header", "media type"])
async def test_caches_are_told_that_the_answer_depends_on_the_version(serving, options):
    name = "x-api-version" if options is HEADER else "accept"
    async with serving(CatsController, DogsController, **options) as http:
        for version in ("1", "2", "7", "-"):
            assert (await http.get("/cats", headers=naming(options, version))).headers.get_all("vary") == [name]
        assert (await http.get("/cats")).headers["vary"] == name
        assert "vary" not in (await http.get("/dogs")).headers


async def test_two_versions_contradict_each_other(serving):
    async with serving(CatsController, **HEADER) as http:
        pair = [("x-api-version", "1"), ("x-api-version", "2")]
        assert (await http.get("/cats", headers=pair)).status == 400
    async with serving(CatsController, **MEDIA_TYPE) as http:
        assert (await http.get("/cats", headers={"accept": "text/html;v=1, application/json;v=2"})).status == 400
        assert (await http.get("/cats", headers={"accept": "text/html;q=0.5, application/json; v=2"})).text == "second"


@pytest.mark.parametrize("options", [HEADER, MEDIA_TYPE], ids=["header", "media type"])
async def test_a_route_without_versions_ignores_them(serving, options):
    async with serving(DogsController, **options) as http:
        assert (await http.get("/dogs", headers=naming(options, "9"))).text == "plain"
        assert (await http.get("/dogs/new", headers=naming(options, "3"))).text == "new"
        assert (await http.get("/dogs/new", headers=naming(options, "9"))).text == "old"
        assert (await http.get("/dogs/new")).text == "old"


async def test_the_default_version_serves_who_names_none(serving):
    async with serving(CatsController, default_version="1", **HEADER) as http:
        assert (await http.get("/cats")).text == "first"
        assert (await http.get("/cats", headers={"x-api-version": "2"})).text == "second"
        assert (await http.get("/cats", headers={"x-api-version": "7"})).status == 404


async def test_the_header_can_be_another(serving):
    async with serving(CatsController, version_header="Api-Version", **HEADER) as http:
        assert (await http.get("/cats", headers={"api-version": "2"})).text == "second"


async def test_an_unversioned_app_has_no_code_for_versions(make_app):
    app = make_app(DogsController)
    kernel = app.functions[-1].source
    assert "version" not in kernel
    assert "headers" not in kernel


def test_a_version_that_the_controller_does_not_declare_does_not_boot(boot_problems):
    @controller("/birds", version="1")
    class BirdsController:
        @version("2")
        @get("/")
        async def read(self) -> str:
            return "read"

    (problem,) = boot_problems(BirdsController)
    assert problem == (
        "`BirdsController.read` is of version `2`, which its controller does not declare.\n"
        'Hint: add `"2"` to `version=` of `@controller`'
    )


def test_two_routes_of_one_version_collide(boot_problems):
    @controller("/cats", version="1")
    class OtherController:
        @get("/")
        async def read(self) -> str:
            return "read"

    (problem,) = boot_problems(CatsController, OtherController, **HEADER)
    assert "both answer GET `/cats`" in problem


def test_what_is_no_version_is_refused_where_it_stands():
    with pytest.raises(DefinitionError, match="`@controller` was given the version `1/2`"):
        controller("/", version="1/2")
    with pytest.raises(DefinitionError, match="`@version` was given the version ``"):
        version("")


async def test_the_prefix_leaves_paths_out(serving):
    async with serving(DogsController, prefix="/api", prefix_exclude=["/dogs"]) as http:
        assert (await http.get("/dogs")).text == "plain"
        assert (await http.get("/api/dogs")).status == 404
        assert (await http.get("/api/dogs/new")).text == "old"
    async with serving(DogsController, prefix="/api", prefix_exclude=["/dogs/*"]) as http:
        assert (await http.get("/dogs/new")).text == "old"
        assert (await http.get("/api/dogs")).text == "plain"


# -- hosts


@controller("/", host="admin.example.com")
class AdminController:
    @get("/")
    async def index(self) -> str:
        return "admin"

    @get("/only")
    async def only(self) -> str:
        return "only admin"


@controller("/", host="*.example.com")
class TenantController:
    @get("/")
    async def index(self) -> str:
        return "tenant"


@controller("/")
class SiteController:
    @get("/")
    async def index(self) -> str:
        return "site"


async def test_a_controller_answers_for_its_host_alone(serving):
    async with serving(AdminController, TenantController, SiteController) as http:
        answers = {}
        for host in ("admin.example.com", "ADMIN.example.com:8080", "a.example.com", "example.com", "evil"):
            answers[host] = (await http.get("/", headers={"host": host})).text
            only = await http.get("/only", headers={"host": host})
            assert only.status == (200 if host.lower().startswith("admin") else 404)
        assert answers == {
            "admin.example.com": "admin",
            "ADMIN.example.com:8080": "admin",
            "a.example.com": "tenant",
            "example.com": "site",
            "evil": "site",
        }


# -- methods


@controller("/")
class MethodsController:
    @route("/some", methods=["get", "POST", "PURGE"])
    async def some(self) -> str:
        return "some"

    @route("/any")
    async def anything(self) -> str:
        return "any"

    @post("/created")
    async def created(self) -> str:
        return "created"


async def test_one_handler_answers_several_methods(serving):
    async with serving(MethodsController) as http:
        for method in ("GET", "POST", "PURGE"):
            assert (await http.request(method, "/some")).text == "some"
        refused = await http.delete("/some")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, POST, PURGE")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert (await http.request(method, "/any")).text == "any"
        assert (await http.head("/any")).status == 200


@pytest.mark.parametrize("methods", ["GET", [], ["GE T"], [""]])
def test_what_is_no_method_is_refused_where_it_stands(methods):
    with pytest.raises(DefinitionError, match="`@route` takes methods"):
        route("/", methods=methods)
