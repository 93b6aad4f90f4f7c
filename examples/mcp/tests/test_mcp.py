"""The weather server end to end, against a local stand-in of the upstream API."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from nestpy_core import module, public
from nestpy_http import HttpModule, Query, Request, Response, controller, get
from nestpy_mcp import McpRefusedError
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


SEEN = []


@public
@controller("/v1")
class Upstream:
    @get("/forecast")
    async def forecast(
        self, latitude: Query[float], longitude: Query[float], current: Query[str], request: Request
    ) -> Response:
        SEEN.append(f"{request.path}?{request.query_string} {list(request.headers.items())}")
        if latitude == 13:
            return Response({"error": "secret upstream detail"}, 500)
        if latitude == 14:
            await asyncio.sleep(5)
        if latitude == 15:
            return Response({"current": {}})
        measured = {"temperature_2m": latitude + longitude, "wind_speed_10m": 7.5, "time": "2026-01-01T12:00"}
        return Response({"current": measured if current == "temperature_2m,wind_speed_10m" else None})


@module(imports=[HttpModule.for_root()], providers=[Upstream])
class UpstreamModule: ...


@contextlib.asynccontextmanager
async def started(main, timeout):
    async with TestApp(UpstreamModule, socket=True) as upstream:
        settings = {"NESTPY_WEATHER__BASE_URL": upstream.url, "NESTPY_WEATHER__REQUEST_TIMEOUT": timeout}
        async with TestApp(main.AppModule).with_settings(settings) as app:
            yield app


@pytest.fixture
async def app(main):
    async with started(main, "60") as app:
        yield app


async def test_initialize_names_the_server(app):
    answer = await app.mcp().initialize()
    assert answer["serverInfo"] == {"name": "weather", "title": "Weather", "version": "1.0.0"}


async def test_the_tool_is_listed_with_the_bounds_of_the_earth(app):
    (tool,) = await app.mcp().tools()
    properties = tool["inputSchema"]["properties"]
    assert (tool["name"], tool["annotations"]["readOnlyHint"]) == ("current_weather", True)
    assert (properties["latitude"]["minimum"], properties["latitude"]["maximum"]) == (-90, 90)
    assert (properties["longitude"]["minimum"], properties["longitude"]["maximum"]) == (-180, 180)


async def test_tells_what_the_upstream_measured(app):
    result = await app.mcp().call_tool("current_weather", {"latitude": 1, "longitude": 2})
    assert result["structuredContent"] == {"temperature": 3.0, "wind_speed": 7.5, "time": "2026-01-01T12:00"}


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ({"latitude": 90.1, "longitude": 0}, "latitude"),
        ({"latitude": -91, "longitude": 0}, "latitude"),
        ({"latitude": 0, "longitude": 180.5}, "longitude"),
        ({"latitude": 0}, "longitude"),
    ],
)
async def test_refuses_places_that_are_not_on_earth(app, place, field):
    with pytest.raises(McpRefusedError) as refused:
        await app.mcp().call_tool("current_weather", place)
    assert refused.value.code == -32602
    assert list(refused.value.data["errors"]) == [field]


AWAY = {"content": [{"type": "text", "text": "The weather service is not available"}], "isError": True}


@pytest.mark.parametrize("latitude", [13, 15])
async def test_a_broken_or_odd_upstream_is_an_error_of_the_tool(app, latitude):
    assert await app.mcp().call_tool("current_weather", {"latitude": latitude, "longitude": 0}) == AWAY


async def test_a_slow_upstream_is_an_error_of_the_tool(main):
    async with started(main, "0.3") as app:
        assert await app.mcp().call_tool("current_weather", {"latitude": 14, "longitude": 0}) == AWAY


async def test_nothing_that_the_caller_sent_but_the_place_travels_on(app):
    SEEN.clear()
    headers = {"authorization": "Bearer canary", "cookie": "a=canary", "x-api-key": "canary"}
    await app.mcp(headers=headers).call_tool("current_weather", {"latitude": 1, "longitude": 2})
    (seen,) = SEEN
    assert "latitude=1" in seen
    assert "canary" not in seen


async def test_probes_answer(app):
    for probe in ("live", "ready", "startup"):
        assert (await app.http.get(f"/health/{probe}")).status == 200
