"""The example API end to end, on SQLite and PostgreSQL: demo data, the four refusals, tenants and masks."""

from __future__ import annotations

import uuid

import msgspec
import pytest
from example_db import ACME, GLOBEX

from nestpy_core import acting_as
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

ADA = "01890a5d-ac96-7740-8000-000000000011"
DAN = "01890a5d-ac96-7740-8000-000000000021"


def caller(org=ACME, roles="user"):
    return {"x-api-key": "demo", "x-org-id": str(org), "x-roles": roles}


class Admin(msgspec.Struct, frozen=True):
    id: str
    org_id: uuid.UUID
    roles: tuple[str, ...] = ("admin",)


LISTS = ("/orgs", "/users")
ADMIN = caller(roles="admin")
USER = caller()


@pytest.fixture(params=["sqlite", "postgres"])
async def app(main, request, tmp_path, start_app):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"
    return await start_app(TestApp(main.ApiModule).with_settings({"DATABASE_URL": url}))


def new_user(**more):
    return {"name": "Fay", "email": "fay@acme.example", "org_id": str(ACME), **more}


@pytest.mark.parametrize(
    ("missing", "says"), [("x-api-key", "`x-api-key`"), ("x-org-id", "`x-org-id`"), ("x-roles", "`x-roles`")]
)
async def test_without_credentials_the_answer_says_which_header_is_missing(app, missing, says):
    headers = {name: value for name, value in ADMIN.items() if name != missing}
    if missing == "x-roles":
        headers["x-roles"] = "king"
    for path in ("/users", f"/users/{ADA}", "/orgs", f"/orgs/{ACME}"):
        answer = await app.http.get(path, headers=headers)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "ApiKey")
        assert says in answer.json()["detail"]


async def test_an_admin_sees_and_manages_the_own_organisation_alone(app):
    listed = (await app.http.get("/users?sort=name", headers=ADMIN)).json()
    assert [user["name"] for user in listed] == ["Ada", "Bob", "Cyd"]
    assert set(listed[0]) == {"id", "name", "email", "org_id", "created_at"}
    made = await app.http.post("/users", headers=ADMIN, json=new_user())
    assert made.status == 201
    path = made.headers["location"]
    assert (await app.http.patch(path, headers=ADMIN, json={"name": "Fay F."})).json()["name"] == "Fay F."
    moved = await app.http.patch(path, headers=ADMIN, json={"org_id": str(GLOBEX)})
    assert moved.status == 403
    assert (await app.http.get(path, headers=ADMIN)).json()["org_id"] == str(ACME)
    assert (await app.http.delete(path, headers=ADMIN)).status == 204
    assert (await app.http.post("/users", headers=ADMIN, json=new_user(org_id=str(GLOBEX)))).status == 403
    assert len((await app.http.get("/users", headers=ADMIN)).json()) == 3


async def test_a_plain_user_sees_id_and_name_alone(app):
    listed = (await app.http.get("/users", headers=USER)).json()
    assert [set(user) for user in listed] == [{"id", "name"}] * 3
    assert set((await app.http.get(f"/users/{ADA}", headers=USER)).json()) == {"id", "name"}


async def test_a_plain_user_may_create_and_neither_change_nor_delete(app):
    made = await app.http.post("/users", headers=USER, json=new_user())
    assert (made.status, set(made.json())) == (201, {"id", "name"})
    assert (await app.http.patch(f"/users/{ADA}", headers=USER, json={"name": "X"})).status == 403
    assert (await app.http.delete(f"/users/{ADA}", headers=USER)).status == 403
    assert (await app.http.get(f"/users/{ADA}", headers=ADMIN)).json()["name"] == "Ada"


async def test_an_organisation_leads_to_its_users_and_a_user_to_its_organisation(app):
    found = {(one.entity.__name__, one.name): one for one in app.app.graph.relations}
    assert {name: one.kind for name, one in found.items()} == {("Org", "users"): "many", ("User", "org"): "one"}
    users, org = found["Org", "users"], found["User", "org"]
    with acting_as(Admin("demo", ACME)):
        pages = await getattr(await app.get(users.host), users.method)([ACME, GLOBEX], first=2)
        assert [user.name for user in pages[ACME].items] == ["Ada", "Bob"]
        assert pages[GLOBEX].items == []
        assert [one.name for one in (await getattr(await app.get(org.host), org.method)([ACME])).values()] == ["Acme"]


async def test_a_hidden_field_neither_sorts_nor_filters(app):
    for query in ("sort=email", "email=ada@acme.example", "sort=-created_at"):
        assert (await app.http.get(f"/users?{query}", headers=USER)).status == 403
        assert (await app.http.get(f"/users?{query}", headers=ADMIN)).status == 200


async def test_a_foreign_user_is_forbidden_and_a_missing_one_not_found(app):
    unknown = "01890a5d-ac96-7740-8000-00000000ffff"
    for headers in (ADMIN, USER):
        assert (await app.http.get(f"/users/{DAN}", headers=headers)).status == 403
        assert (await app.http.get(f"/users/{unknown}", headers=headers)).status == 404
    assert (await app.http.get(f"/orgs/{unknown}", headers=ADMIN)).status == 404
    assert (await app.http.patch(f"/users/{DAN}", headers=ADMIN, json={"name": "X"})).status == 404
    assert (await app.http.delete(f"/users/{DAN}", headers=ADMIN)).status == 404
    assert len((await app.http.get("/users", headers=caller(GLOBEX, "admin"))).json()) == 2


async def test_malformed_input_names_its_fields(app):
    for path in ("/users/x", f"/users/{uuid.uuid4()}", "/orgs/x", f"/orgs/{uuid.uuid4()}"):
        answer = await app.http.get(path, headers=ADMIN)
        assert (answer.status, list(answer.json()["errors"])) == (400, ["id"])
    answer = await app.http.post("/users", headers=ADMIN, json={"name": "", "email": "x", "age": 3})
    codes = {field: failures[0]["code"] for field, failures in answer.json()["errors"].items()}
    assert answer.status == 400
    assert codes == {"name": "length", "email": "pattern", "org_id": "required", "age": "unknown_field"}
    assert (await app.http.post("/orgs", headers=ADMIN, json={})).json()["errors"]["name"][0]["code"] == "required"
    assert (await app.http.patch(f"/users/{ADA}", headers=ADMIN, json={"email": "x"})).status == 400


async def test_what_fails_leaves_nothing_behind(app):
    taken = await app.http.post("/users", headers=ADMIN, json=new_user(email="ada@acme.example"))
    assert (taken.status, list(taken.json()["errors"])) == (409, ["email"])
    assert (await app.http.post("/orgs", headers=ADMIN, json={"name": "Acme"})).status == 409
    changed = await app.http.patch(f"/users/{ADA}", headers=ADMIN, json={"name": "X", "email": "bob@acme.example"})
    assert changed.status == 409
    assert (await app.http.get(f"/users/{ADA}", headers=ADMIN)).json()["name"] == "Ada"
    assert len((await app.http.get("/users", headers=ADMIN)).json()) == 3
    assert len((await app.http.get("/orgs", headers=ADMIN)).json()) == 2


GLOBEX_USER = {"name": "Gil", "email": "gil@globex.example", "org_id": str(GLOBEX)}

NEGATIVES = {
    ("GET", "/orgs"): {
        "malformed": [("?first=0", None, {"first": "range"}), ("?after=x", None, {"after": "invalid"})],
    },
    ("POST", "/orgs"): {
        "malformed": [("", {}, {"name": "required"}), ("", {"name": ""}, {"name": "length"})],
        "failing": {"name": "Acme"},
    },
    ("GET", f"/orgs/{ACME}"): {"malformed": [("x", None, {"id": "invalid"})]},
    ("GET", "/users"): {
        "malformed": [("?first=0", None, {"first": "range"}), ("?sort=shoe", None, {"sort": "unknown_field"})],
        "hidden": DAN,
    },
    ("POST", "/users"): {
        "malformed": [("", {"name": "x"}, {"email": "required", "org_id": "required"})],
        "foreign": ("", GLOBEX_USER, 403),
        "failing": {**GLOBEX_USER, "org_id": str(ACME), "email": "ada@acme.example"},
    },
    ("GET", f"/users/{ADA}"): {"malformed": [("x", None, {"id": "invalid"})], "foreign": (DAN, None, 403)},
    ("PATCH", f"/users/{ADA}"): {
        "malformed": [("x", {}, {"id": "invalid"}), ("", {"email": "x"}, {"email": "pattern"})],
        "foreign": (DAN, {"name": "X"}, 404),
        "failing": {"name": "X", "email": "bob@acme.example"},
    },
    ("DELETE", f"/users/{ADA}"): {"malformed": [("x", None, {"id": "invalid"})], "foreign": (DAN, None, 404)},
}


async def everything(app):
    """Return all rows of both organisations, as their admins see them."""
    found = [
        (await app.http.get(path, headers=caller(org, "admin"))).json() for org in (ACME, GLOBEX) for path in LISTS
    ]
    return sorted(str(row) for rows in found for row in rows)


async def test_every_endpoint_has_its_four_negatives(app):
    paths = (await app.http.get("/api-json")).json()["paths"]
    public = ("/health", "/api", "/mcp", "/graphql")
    served = {(verb.upper(), path) for path in paths if not path.startswith(public) for verb in paths[path]}
    ids = {ADA: "{id}", str(ACME): "{id}"}
    assert {(verb, "/".join(ids.get(part, part) for part in path.split("/"))) for verb, path in NEGATIVES} == served


@pytest.mark.parametrize(("verb", "path"), NEGATIVES)
async def test_an_endpoint_refuses_and_changes_nothing(app, verb, path):
    case, before = NEGATIVES[verb, path], await everything(app)
    one = path.rsplit("/", 1)[0] + "/" if path.count("/") > 1 else path

    async def refused(end, body, headers):
        whole = f"{one}{end}" if one.endswith("/") and end else f"{path}{end}"
        return await app.http.request(verb, whole, headers=headers, **({} if body is None else {"json": body}))

    valid = case.get("failing")
    assert (await refused("", valid, {})).status == 401
    for end, body, codes in case["malformed"]:
        answer = await refused(end, body, ADMIN)
        assert answer.status == 400, answer.text
        assert {name: failures[0]["code"] for name, failures in answer.json()["errors"].items()} == codes
    if "foreign" in case:
        end, body, status = case["foreign"]
        assert (await refused(end, body, ADMIN)).status == status
    if "hidden" in case:
        assert case["hidden"] not in (await refused("", None, ADMIN)).text
    if valid is not None:
        assert (await refused("", valid, ADMIN)).status == 409
    assert await everything(app) == before


async def test_an_organisation_that_was_created_is_listed(app):
    made = await app.http.post("/orgs", headers=USER, json={"name": "Initech"})
    assert (made.status, made.headers["location"]) == (201, f"/orgs/{made.json()['id']}")
    assert "Initech" in [org["name"] for org in (await app.http.get("/orgs", headers=USER)).json()]
    assert (await app.http.get(made.headers["location"], headers=USER)).json() == made.json()


async def test_probes_document_and_page_need_no_credentials(app):
    for path in ("/health/live", "/health/ready", "/api"):
        assert (await app.http.get(path)).status == 200
    document = (await app.http.get("/api-json")).json()
    assert {"/orgs", "/users", "/users/{id}"} <= set(document["paths"])
    assert "database" in (await app.http.get("/health/ready")).text


async def test_answers_tell_their_time_and_trace(app):
    answer = await app.http.get("/users", headers=ADMIN)
    assert "total;dur=" in answer.headers["server-timing"]
    assert len(answer.headers["x-trace-id"]) == 32
