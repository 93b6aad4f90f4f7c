"""The tools of the example API: the rows and the fields that REST shows each caller, and nothing else."""

from __future__ import annotations

import pytest
from example_db import ACME, GLOBEX

from nestpy_mcp import McpRefusedError
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


def caller(org=ACME, roles="user"):
    return {"x-api-key": "demo", "x-org-id": str(org), "x-roles": roles}


CALLERS = [caller(roles="admin"), caller(), caller(GLOBEX, "admin"), caller(GLOBEX)]


@pytest.fixture(params=["sqlite", "postgres"])
async def app(main, request, tmp_path, start_app):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"
    return await start_app(TestApp(main.ApiModule).with_settings({"DATABASE_URL": url}))


async def found(app, headers, **arguments):
    return (await app.mcp(headers=headers).call_tool("find_users", arguments))["structuredContent"]


@pytest.mark.parametrize("headers", CALLERS, ids=["admin", "user", "foreign admin", "foreign user"])
async def test_each_caller_is_told_the_rows_and_fields_that_rest_shows(app, headers):
    listed = (await app.http.get("/users?sort=name", headers=headers)).json()
    assert (await found(app, headers))["items"] == listed
    page = await found(app, headers, first=1)
    assert page["items"] == listed[:1]
    assert (await found(app, headers, after=page["next"]))["items"] == listed[1:]
    for org in (ACME, GLOBEX):
        shown = (await app.http.get(f"/orgs/{org}", headers=headers)).json()
        told = await app.mcp(headers=headers).call_tool("get_organisation", {"id": str(org)})
        assert told["structuredContent"] == shown


async def test_a_plain_user_is_told_id_and_name_and_an_admin_all(app):
    admin, user = await found(app, CALLERS[0]), await found(app, CALLERS[1])
    assert [set(one) for one in user["items"]] == [{"id", "name"}] * 3
    assert [one["email"] for one in admin["items"]] == [f"{one}@acme.example" for one in ("ada", "bob", "cyd")]


@pytest.mark.parametrize("headers", CALLERS[:2], ids=["admin", "user"])
async def test_nobody_is_told_of_another_organisations_people(app, headers):
    assert (await found(app, headers, name="Dan"))["items"] == []
    result = await app.mcp(headers=headers).call_tool("find_users", {"first": 100})
    assert "Dan" not in str(result)
    assert "globex" not in str(result)


async def test_a_hidden_field_is_no_way_to_find_people(app):
    assert [one["name"] for one in (await found(app, CALLERS[0], email="ada@acme.example"))["items"]] == ["Ada"]
    with pytest.raises(McpRefusedError) as refused:
        await found(app, CALLERS[1], email="ada@acme.example")
    assert (refused.value.status, refused.value.code) == (403, -32001)


@pytest.mark.parametrize("missing", ["x-api-key", "x-org-id"])
async def test_without_credentials_everything_is_denied(app, missing):
    client = app.mcp(headers={name: value for name, value in CALLERS[0].items() if name != missing})
    for method, params in (
        ("initialize", {"protocolVersion": "2025-11-25"}),
        ("tools/list", {}),
        ("tools/call", {"name": "find_users"}),
        ("tools/call", {"name": "nobody"}),
    ):
        with pytest.raises(McpRefusedError) as refused:
            await client.call(method, params)
        assert (refused.value.status, refused.value.headers["www-authenticate"]) == (401, "ApiKey")
        assert missing in str(refused.value)


async def test_an_unknown_organisation_and_malformed_arguments_are_told_apart(app):
    client = app.mcp(headers=CALLERS[0])
    unknown = await client.call_tool("get_organisation", {"id": "01890a5d-ac96-7740-8000-00000000ffff"})
    assert unknown["isError"] is True
    for arguments, field in (({"id": "x"}, "id"), ({}, "id")):
        with pytest.raises(McpRefusedError) as refused:
            await client.call_tool("get_organisation", arguments)
        assert (refused.value.code, list(refused.value.data["errors"])) == (-32602, [field])
    with pytest.raises(McpRefusedError) as refused:
        await client.call_tool("find_users", {"first": 101})
    assert list(refused.value.data["errors"]) == ["first"]
