"""An instrument of the result changes what an answer carries, however it is wrapped, and may refuse."""

from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import pytest

from nestpy_core import Denial, Instrument, hookimpl, injectable, use_filters
from nestpy_core.errors import DeniedError
from nestpy_http import FileResponse, HttpClient, Response, ServerEvent, controller, get, sse

pytestmark = pytest.mark.anyio


@injectable
class Hide:
    def shape(self, result, handler):
        if isinstance(result, DeniedError):
            raise result
        if isinstance(result, list):
            return [self.shape(item, handler) for item in result if item != "hidden"]
        return {**result, "secret": None, "by": handler.name} if isinstance(result, dict) else result


class Swallow:
    def catch(self, error, context):
        return {"swallowed": True}


@use_filters(Swallow)
@controller("/")
class ShapedController:
    kept = Response({"secret": 1}, 202)

    @get("/object")
    async def object(self) -> dict[str, Any]:
        return {"secret": 1}

    @get("/response")
    async def response(self) -> Response:
        return self.kept

    @get("/ready")
    async def ready(self) -> Response:
        return Response(b"bytes")

    @get("/file")
    async def file(self) -> FileResponse:
        return FileResponse(__file__)

    @get("/lines")
    async def lines(self) -> AsyncIterator[Any]:
        yield "one,"
        yield "hidden"
        yield "two"

    @get("/steps")
    def steps(self) -> Iterator[str]:
        yield "hidden"
        yield "three"

    @sse("/events")
    async def events(self) -> AsyncIterator[Any]:
        yield ServerEvent({"secret": 1}, event="first")
        yield ServerEvent("hidden", event="second")
        yield "third"

    @get("/denied/{kind}")
    async def denied(self, kind: str) -> Any:
        return DeniedError(
            {
                "unauthorized": Denial.unauthorized("Log in"),
                "forbidden": Denial.forbidden(),
                "scope": Denial.insufficient_scope(("users:read", "x")),
            }[kind]
        )


def hiding():
    plugin = ModuleType("hiding_plugin")
    plugin.nestpy_api = "0.1"
    plugin.nestpy_collect = hookimpl(lambda graph: [Hide], specname="nestpy_collect")
    plugin.nestpy_instrument = hookimpl(
        lambda handler, marker: [Instrument(Hide, "result")], specname="nestpy_instrument"
    )
    return [plugin]


@pytest.fixture
async def client(make_app):
    app = make_app(ShapedController, plugins=hiding())
    async with app.create_context():
        yield HttpClient(app.__rsgi__)


async def test_bodies_are_shaped_and_a_response_is_not_changed_in_place(client):
    assert (await client.get("/object")).json() == {"secret": None, "by": "object"}
    for _ in range(2):
        answer = await client.get("/response")
        assert (answer.status, answer.json()) == (202, {"secret": None, "by": "response"})
    assert ShapedController.kept.body == {"secret": 1}


async def test_bytes_files_and_problems_pass(client):
    assert (await client.get("/ready")).text == "bytes"
    assert (await client.get("/file")).status == 200
    assert (await client.get("/nowhere")).status == 404


async def test_items_of_streams_are_shaped_one_by_one_and_may_be_dropped(client):
    assert (await client.get("/lines")).text == "one,two"
    assert (await client.get("/steps")).text == "three"
    assert (await client.get("/events")).text == (
        ':\n\nevent: first\ndata: {"secret":null,"by":"events"}\n\ndata: third\n\n'
    )


async def test_what_it_denies_is_answered_as_a_guards_refusal_and_no_filter_sees_it(client):
    unauthorized = await client.get("/denied/unauthorized")
    assert (unauthorized.status, unauthorized.headers["www-authenticate"]) == (401, "Bearer")
    assert unauthorized.json()["detail"] == "Log in"
    assert (await client.get("/denied/forbidden")).status == 403
    scope = await client.get("/denied/scope")
    assert scope.status == 403
    assert scope.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="users:read x"'
