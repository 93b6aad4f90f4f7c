from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import msgspec

from nestpy_core import config, injectable, module, provide, public
from nestpy_mcp import ToolError, mcp, tool

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90, description="Degrees north of the equator.")]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180, description="Degrees east of Greenwich.")]


@config("weather")
class WeatherConfig(msgspec.Struct, frozen=True, kw_only=True):
    base_url: str = "https://api.open-meteo.com"
    request_timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0


class Weather(msgspec.Struct, frozen=True):
    temperature: float
    wind_speed: float
    time: str


class _Current(msgspec.Struct):
    temperature_2m: float
    wind_speed_10m: float
    time: str


class _Forecast(msgspec.Struct):
    current: _Current


@injectable
class WeatherService:
    client: httpx.AsyncClient

    async def current(self, latitude: float, longitude: float) -> Weather:
        answer = await self.client.get(
            "/v1/forecast",
            params={"latitude": latitude, "longitude": longitude, "current": "temperature_2m,wind_speed_10m"},
        )
        answer.raise_for_status()
        found = msgspec.json.decode(answer.content, type=_Forecast).current
        return Weather(found.temperature_2m, found.wind_speed_10m, found.time)


@public
@mcp(name="weather", title="Weather", version="1.0.0", instructions="Tells the current weather anywhere on Earth.")
class WeatherTools:
    weather: WeatherService

    @tool(title="Current weather", read_only=True, open_world=True)
    async def current_weather(self, latitude: Latitude, longitude: Longitude) -> Weather:
        """Tell the temperature in °C and the wind speed in km/h at a place, as measured now."""
        try:
            return await self.weather.current(latitude, longitude)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise ToolError("The weather service is not available") from error


async def weather_client(config: WeatherConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=config.base_url, timeout=config.request_timeout) as client:
        yield client


@module(providers=[WeatherConfig, WeatherService, WeatherTools, provide(httpx.AsyncClient, use_factory=weather_client)])
class WeatherModule: ...
