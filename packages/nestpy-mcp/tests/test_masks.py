"""Under nestpy-authz results are masked as over HTTP, schemas allow for that, and what fails tells nothing."""

import logging
import os
import random
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jsonschema
import msgspec
import pytest

from nestpy_authz import AbilityFactory, AuthzModule, Declare, authorize
from nestpy_core import APP_GUARD, Denial, Page, hookimpl, injectable, module, provide
from nestpy_http import HttpContext, HttpModule, controller, get
from nestpy_mcp import McpClient, McpContext, McpModule, McpRefusedError, Text, ToolResult, mcp, prompt, resource, tool
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
POLICIES, SEED = int(os.environ.get("MCP_POLICIES", "300")), int(os.environ.get("MCP_SEED", "7"))
"""`make soak` asks for many more."""
SECRET = "canary"
FIELDS = ("id", "name", "email", "team")


class Person:
    """A row of a storage that is nobody's."""

    def __init__(self, id: int, name: str, email: str, team: int) -> None:
        self.id, self.name, self.email, self.team = id, name, email, team


class Opaque:
    """What nobody can encode."""


class PersonSupport:
    """The schema support of that storage; one field cannot be read of a row that is broken."""

    def decode(self, cls: type, value: Any) -> Any:
        return cls(**value)

    def encode(self, value: Person) -> Any:
        return self.encode_fields(value, None)

    def json_schema(self, cls: type) -> Mapping[str, Any]:
        del cls
        texts = {name: {"type": "string"} for name in ("name", "email")}
        numbers = {name: {"type": "integer"} for name in ("id", "team")}
        whole = {"type": "object", "properties": {**numbers, **texts}, "required": list(FIELDS)}
        return {"$ref": "#/$defs/Person", "$defs": {"Person": whole}}

    def fields(self, cls: type) -> tuple[str, ...]:
        del cls
        return FIELDS

    def key(self, value: Person) -> int:
        return value.id

    def encode_fields(self, value: Person, fields: frozenset[str] | None) -> Mapping[str, Any]:
        if value.name == "broken":
            raise RuntimeError(f"{SECRET} cannot be read")
        return {name: getattr(value, name) for name in FIELDS if fields is None or name in fields}


def storage() -> ModuleType:
    plugin: Any = ModuleType("person_plugin")
    plugin.nestpy_api = "0.1"
    support = PersonSupport()
    plugin.nestpy_schema = hookimpl(lambda cls: support if cls is Person else None, specname="nestpy_schema")
    return plugin  # type: ignore[no-any-return]


OWN = [Person(1, "Ada", f"{SECRET}-1", 1), Person(2, "Bob", f"{SECRET}-2", 1)]
FOREIGN = [Person(3, SECRET, f"{SECRET}-3", 2)]
PEOPLE = [*OWN, *FOREIGN]
BROKEN = Person(4, "broken", SECRET, 1)


class Caller(msgspec.Struct, frozen=True):
    id: str
    roles: tuple[str, ...] = ()


class Card(msgspec.Struct):
    """A card.

    Attributes:
        person: whose.
    """

    title: str
    person: Person
    others: list[Person] = []


@injectable
class HeaderGuard:
    posture = True

    def can_activate(self, context: HttpContext | McpContext) -> bool | Denial:
        name = context.headers.get("x-user")
        if name is None:
            return Denial.unauthorized()
        context.actor = Caller(name)
        return True


class Rules(AbilityFactory):
    def define(self, actor: Caller, can: Declare, cannot: Declare) -> None:
        if actor.id == "failing":
            raise RuntimeError(f"the rules of {SECRET} cannot be read")
        if actor.id.startswith("policy"):
            for grants, team, fields in policy(actor.id):
                conditions: dict[str, Any] = {} if team is None else {"team": team}
                (can if grants else cannot)("read", Person, fields=fields, **conditions)
        elif actor.id != "nobody":
            can("read", Person, team=1, fields=["id", "name"])


@authorize("read", Person)
@mcp()
class Tools:
    """Its handlers are careless: they return whatever there is."""

    @tool()
    async def everybody(self) -> list[Person]:
        """Find everybody."""
        return PEOPLE

    @tool()
    async def page(self) -> Page[Person]:
        """Find a page."""
        return Page(items=PEOPLE)

    @tool()
    async def one(self, id: int) -> Person:
        """Find one."""
        return PEOPLE[id - 1]

    @tool()
    async def card(self, id: int) -> Card:
        """Make a card."""
        return Card("card", PEOPLE[id - 1], PEOPLE)

    @tool()
    async def whole(self) -> ToolResult:
        """Decide everything."""
        return ToolResult(content=[Text("people")], structured={"people": PEOPLE})

    @tool()
    async def anything(self) -> Any:
        """Return anything."""
        return {"people": PEOPLE}

    @tool()
    async def texts(self) -> list[str]:
        """Return what the annotation does not say."""
        return PEOPLE  # type: ignore[return-value]  # what the mask must bear

    @tool()
    async def text(self) -> str:
        """Return what the annotation does not say."""
        return FOREIGN[0]  # type: ignore[return-value]  # as above

    @tool()
    async def broken(self) -> list[Person]:
        """Return a row that cannot be shown."""
        return [*OWN, BROKEN]

    @tool()
    async def opaque(self) -> Any:
        """Return what nobody understands."""
        return {"people": OWN, "opaque": Opaque()}

    @resource("people://all")
    async def listed(self) -> list[Person]:
        return PEOPLE

    @prompt()
    async def greet(self) -> Any:
        """Greet everybody."""
        return PEOPLE


@authorize("read", Person)
@controller("/people")
class People:
    @get("/")
    async def index(self) -> list[Person]:
        return PEOPLE


@module(
    imports=[HttpModule.for_root(), McpModule, AuthzModule.for_root(Rules)],
    providers=[Tools, People, provide(APP_GUARD, use_class=HeaderGuard, multi=True)],
)
class PeopleModule: ...


@pytest.fixture
async def app() -> Any:
    async with TestApp(PeopleModule, plugins=[storage()]) as app:
        yield app


def client(app: Any, name: str = "ada") -> McpClient:
    found: McpClient = app.mcp(headers={"x-user": name})
    return found


SHOWN = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}]


async def test_lists_lose_rows_and_rows_lose_fields_in_every_shape_of_result(app: Any) -> None:
    ada = client(app)
    for name, arguments, wanted in (
        ("everybody", {}, {"result": SHOWN}),
        ("page", {}, {"items": SHOWN, "next": None}),
        ("one", {"id": 1}, SHOWN[0]),
        ("card", {"id": 2}, {"title": "card", "person": SHOWN[1], "others": SHOWN}),
        ("card", {"id": 3}, {"title": "card", "others": SHOWN}),
        ("whole", {}, {"people": SHOWN}),
    ):
        result = await ada.call_tool(name, arguments)
        assert result["structuredContent"] == wanted, name
        assert SECRET not in str(result), name
    for method, params in (
        ("tools/call", {"name": "anything"}),
        ("resources/read", {"uri": "people://all"}),
        ("prompts/get", {"name": "greet"}),
    ):
        told = str(await ada.call(method, params))
        assert "Ada" in told
        assert SECRET not in told


async def test_results_fit_the_schemas_that_clients_hold_them_to(app: Any) -> None:
    ada = client(app)
    schemas = {one["name"]: one["outputSchema"] for one in await ada.tools() if "outputSchema" in one}
    assert {"everybody", "page", "one", "card"} <= set(schemas)
    for name in ("everybody", "page", "one", "card"):
        for number in (1, 3) if name == "card" else (1,):
            result = await ada.call_tool(name, {"id": number} if name in ("one", "card") else {})
            jsonschema.Draft202012Validator(schemas[name]).validate(result["structuredContent"])
    wrong = {"items": [{"id": "x"}]}
    assert not jsonschema.Draft202012Validator(schemas["page"]).is_valid(wrong), "references lead somewhere"
    assert schemas["card"]["description"] == "A card."


@pytest.mark.parametrize(("name", "arguments"), [("one", {"id": 3}), ("text", {}), ("texts", {})])
async def test_a_single_row_that_the_caller_may_not_read_is_forbidden(
    app: Any, name: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(McpRefusedError) as refused:
        await client(app).call_tool(name, arguments)
    assert (refused.value.status, refused.value.code) == (403, -32001)
    assert SECRET not in f"{refused.value} {refused.value.data}"


async def test_who_may_read_nothing_neither_sees_nor_calls_a_tool(app: Any) -> None:
    nobody = client(app, "nobody")
    for method, params in (
        ("tools/call", {"name": "everybody"}),
        ("resources/read", {"uri": "people://all"}),
        ("tools/list", {}),
    ):
        with pytest.raises(McpRefusedError) as refused:
            await nobody.call(method, params)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("name", "user"), [("broken", "ada"), ("opaque", "ada"), ("everybody", "failing"), ("whole", "failing")]
)
async def test_a_mask_that_fails_is_an_opaque_error_without_a_row(
    app: Any, name: str, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(McpRefusedError) as refused:
        await client(app, user).call_tool(name)
    told = f"{refused.value} {refused.value.data} {dict(refused.value.headers)}"
    assert refused.value.code in (-32603, -32001)
    assert SECRET not in told
    assert "Ada" not in told


Line = tuple[bool, int | None, list[str] | None]
"""Whether it grants, of which team, which fields."""


def policy(seed: str) -> list[Line]:
    source = random.Random(seed)
    return [
        (
            source.random() < 0.7,
            source.choice((None, 1, 2)),
            None if source.random() < 0.4 else source.sample(FIELDS, source.randint(1, 3)),
        )
        for _ in range(source.randint(1, 4))
    ]


def allowed(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the rows and fields of a policy, by brute force."""
    found: list[dict[str, Any]] = []
    for row in PEOPLE:
        fields: set[str] = set()
        for grants, team, named in lines:
            if grants and team in (None, row.team):
                fields |= set(FIELDS if named is None else named)
        for grants, team, named in lines:
            if not grants and team in (None, row.team):
                fields -= set(FIELDS if named is None else named)
        found.append({name: getattr(row, name) for name in FIELDS if name in fields})
    return found


@pytest.mark.timeout(120 + POLICIES // 20)
async def test_random_policies_show_over_mcp_what_they_show_over_http_and_no_more(app: Any) -> None:
    compared = 0
    for number in range(POLICIES):
        name = f"policy-{SEED}-{number}"
        whole = allowed(policy(name))
        answer = await app.http.get("/people", headers={"x-user": name})
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "everybody"}}
        result = await client(app, name).post(call)
        assert result.status == answer.status, name
        if answer.status == 403:
            continue
        told = result.json()["result"]["structuredContent"]["result"]
        assert told == answer.json(), name
        assert [row for row in told if row] == [row for row in whole if row], name
        compared += 1
    assert compared > POLICIES / 4
