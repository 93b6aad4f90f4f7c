"""What clients are told when something fails: a code, where, and never the text of what nobody foresaw."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import pytest

from nestpy_core import ViolationsError
from nestpy_core.errors import DomainError, FailureKind
from nestpy_graphql import field, query, resolver, subscription
from nestpy_http import ConflictError, HttpError, NotFoundError, TooManyRequestsError, UnauthorizedError
from nestpy_testing import TestApp


class Item(msgspec.Struct):
    name: str


class TakenError(DomainError):
    kind = FailureKind.CONFLICT


FAILURES = {
    "value": ValueError("canary"),
    "lookup": LookupError("canary"),
    "server": HttpError("canary", status=503),
    "notFound": NotFoundError("No such item"),
    "conflict": ConflictError("Taken"),
    "unauthorized": UnauthorizedError("Who are you?"),
    "tooMany": TooManyRequestsError("Slowly"),
    "taken": TakenError("The name is taken"),
    "violations": ViolationsError({"first_name.0": [{"code": "x", "message": "Wrong"}]}),
    "group": ExceptionGroup("canary", [ValueError("canary")]),
    "stop": StopAsyncIteration("canary"),
    "cancelled": asyncio.CancelledError("canary"),
}


@resolver(Item)
class Items:
    @field()
    async def broken(self, item: Item) -> str:
        raise ValueError(f"canary {item.name}")

    @field()
    def fine(self, item: Item) -> str:
        return item.name


@resolver()
class Root:
    @query()
    async def fail(self, how: str) -> str | None:
        raise FAILURES[how]

    @query()
    def items(self) -> list[Item]:
        return [Item("a"), Item("b")]

    @query()
    def maybe(self) -> list[Item | None]:
        return [Item("a"), Item("b")]

    @subscription()
    async def events(self) -> AsyncIterator[str]:
        yield "one"
        raise ValueError("canary")


@pytest.fixture
async def app(app_of):
    async with TestApp(app_of(Root, Items)) as app:
        yield app


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("value", "INTERNAL", "Internal server error"),
        ("lookup", "INTERNAL", "Internal server error"),
        ("server", "INTERNAL", "Internal server error"),
        ("group", "INTERNAL", "Internal server error"),
        ("stop", "INTERNAL", "Internal server error"),
        ("cancelled", "INTERNAL", "Internal server error"),
        ("notFound", "NOT_FOUND", "No such item"),
        ("conflict", "CONFLICT", "Taken"),
        ("unauthorized", "UNAUTHENTICATED", "Who are you?"),
        ("tooMany", "RATE_LIMITED", "Slowly"),
        ("taken", "CONFLICT", "The name is taken"),
        ("violations", "INVALID_ARGUMENT", "Invalid arguments"),
    ],
)
async def test_each_kind_of_failure_has_its_code(app, how, code, message, caplog):
    found = await app.graphql("query($how: String!) { fail(how: $how) }", {"how": how})
    assert (found.status, found.data) == (200, {"fail": None})
    [error] = found.errors
    assert (error["extensions"]["code"], error["message"]) == (code, message)
    assert (error["path"], error["locations"]) == (["fail"], [{"line": 1, "column": 24}])
    assert "canary" not in str(found)
    if code == "INTERNAL":
        assert len(error["extensions"]["errorId"]) == 16
        assert error["extensions"]["errorId"] in caplog.text
        assert "canary" in caplog.text


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_every_kind_of_a_domain_error_has_a_code(app, kind, monkeypatch):
    class OwnError(DomainError):
        pass

    OwnError.kind = kind
    monkeypatch.setitem(FAILURES, "own", OwnError("of the domain"))
    found = await app.graphql('{ fail(how: "own") }')
    assert found.errors[0]["message"] == "of the domain"
    assert found.codes[0] in {"INVALID_ARGUMENT", "NOT_FOUND", "CONFLICT", "TIMEOUT", "UNAVAILABLE"}


async def test_violations_name_each_field_as_clients_know_it(app):
    found = await app.graphql('{ fail(how: "violations") }')
    assert found.errors[0]["extensions"]["errors"] == {"firstName.0": [{"code": "x", "message": "Wrong"}]}


async def test_one_failure_in_a_list_takes_no_more_than_it_must(app):
    found = await app.graphql("{ maybe { fine broken } }")
    assert found.data == {"maybe": [None, None]}
    assert [error["path"] for error in found.errors] == [["maybe", 0, "broken"], ["maybe", 1, "broken"]]
    assert len({error["extensions"]["errorId"] for error in found.errors}) == 2
    assert "canary" not in str(found)
    found = await app.graphql("{ items { fine broken } }")
    assert found.data is None


async def test_what_fails_tells_the_log_of_its_field_and_of_nothing_that_clients_sent(app, caplog):
    await app.graphql("query($how: String!) { secret: fail(how: $how) }", {"how": "value"})
    [record] = [one for one in caplog.records if one.name == "nestpy.graphql"]
    assert record.handler == "Root.fail"


async def test_arguments_that_break_a_rule_are_named_and_not_echoed(app_of):
    class Wish(msgspec.Struct):
        full_name: Annotated[str, msgspec.Meta(max_length=5)]
        size: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3

    @resolver()
    class Wishes:
        @query()
        def wish(self, wish: Wish, how_many: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1) -> str:
            return wish.full_name

    async with TestApp(app_of(Wishes)) as app:
        found = await app.graphql(
            "query($w: WishInput!) { wish(wish: $w, howMany: 99) }", {"w": {"fullName": "canary canary", "size": 0}}
        )
        [error] = found.errors
        assert (error["message"], error["extensions"]["code"]) == ("Invalid arguments", "INVALID_ARGUMENT")
        assert set(error["extensions"]["errors"]) == {"wish.fullName", "wish.size", "howMany"}
        assert "canary" not in str(error)
        assert (await app.graphql('{ wish(wish: {fullName: "ok"}) }')).data == {"wish": "ok"}
