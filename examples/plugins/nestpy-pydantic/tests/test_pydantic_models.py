"""Pydantic models as bodies and results, over HTTP and without the plugin."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Literal

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nestpy_core import BootError, _plugins, module
from nestpy_http import Body, HttpModule, controller, get, post
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    article: str = Field(min_length=2, pattern="^[a-z]+$")
    amount: int = Field(ge=1, alias="count")


class Order(BaseModel):
    placed: dt.date
    state: Literal["open", "paid"] = "open"
    lines: list[Line] = []

    @field_validator("placed")
    @classmethod
    def not_in_the_past(cls, value: dt.date) -> dt.date:
        if value.year < 2000:
            raise ValueError("too long ago")
        return value


class Envelope(msgspec.Struct):
    order: Order
    note: str = ""


@controller("/orders")
class OrdersController:
    @post("/")
    async def create(self, order: Body[Order]) -> Order:
        assert isinstance(order, Order)
        return order

    @post("/bare")
    async def create_bare(self, order: Order) -> str:
        return order.state

    @post("/many")
    async def create_many(self, orders: Body[list[Order]]) -> list[Line]:
        return [line for order in orders for line in order.lines]

    @post("/envelope")
    async def create_envelope(self, envelope: Envelope) -> Envelope:
        return envelope

    @get("/")
    async def newest(self) -> Order | None:
        return None


@module(imports=[HttpModule.for_root()], providers=[OrdersController])
class AppModule: ...


ORDER = {"placed": "2030-01-02", "state": "paid", "lines": [{"article": "tea", "count": 2}]}


@pytest.fixture
async def http(start_app):
    return (await start_app(AppModule)).http


async def test_model_is_body_and_result(http):
    answer = await http.post("/orders", json=ORDER)
    assert (answer.status, answer.media_type, answer.json()) == (201, "application/json", ORDER)


async def test_model_is_the_body_without_ceremony(http):
    assert (await http.post("/orders/bare", json=ORDER)).text == "paid"


async def test_models_stand_inside_other_types(http):
    assert (await http.post("/orders/many", json=[ORDER, ORDER])).json() == ORDER["lines"] * 2
    envelope = {"order": ORDER, "note": "x"}
    assert (await http.post("/orders/envelope", json=envelope)).json() == envelope
    assert (await http.get("/orders")).json() is None


WRONG = {
    "placed": "1999-01-01",
    "state": "secret-1",
    "lines": [
        {"article": "secret-2", "count": 0, "more": 1},
        {"article": "tea"},
        {"article": "tea", "count": "secret-3"},
    ],
}
FAILURES = {
    "placed": [{"code": "invalid", "message": "Value error, too long ago"}],
    "state": [{"code": "enum", "message": "Input should be 'open' or 'paid'"}],
    "lines.0.article": [{"code": "pattern", "message": "String should match pattern '^[a-z]+$'"}],
    "lines.0.count": [{"code": "range", "message": "Input should be greater than or equal to 1"}],
    "lines.0.more": [{"code": "unknown_field", "message": "Extra inputs are not permitted"}],
    "lines.1.count": [{"code": "required", "message": "Field required"}],
    "lines.2.count": [{"code": "type", "message": "Expected `int`"}],
}


async def test_every_field_that_does_not_fit_is_named_and_no_value(http):
    answer = await http.post("/orders", json=WRONG)
    assert (answer.status, answer.media_type) == (400, "application/problem+json")
    assert answer.json()["errors"] == FAILURES
    assert "secret" not in answer.text


async def test_failures_of_a_nested_model_carry_the_whole_path(http):
    answer = await http.post("/orders/envelope", json={"order": WRONG, "note": 1})
    expected = {f"order.{path}": found for path, found in FAILURES.items()}
    assert {path: found for path, found in answer.json()["errors"].items() if path != "note"} == expected

    answer = await http.post("/orders/many", json=[ORDER, {"placed": "2030-01-02", "state": "x"}])
    assert list(answer.json()["errors"]) == ["1.state"]


async def test_body_that_is_no_object_fails_as_a_whole(http):
    answer = await http.post("/orders", json=[1])
    assert answer.json()["errors"] == {"": [{"code": "type", "message": "Expected `model`"}]}


async def test_without_the_plugin_a_boot_error_names_it(monkeypatch):
    without = [item for item in _plugins.entries() if item[0].name != "pydantic"]
    monkeypatch.setattr(_plugins, "entries", lambda: without)
    with pytest.raises(BootError) as caught:
        await TestApp(AppModule).__aenter__()
    assert "nothing installed decodes `Order` of `pydantic`" in str(caught.value)
    assert "Hint: install a schema plugin for it: `pip install nestpy-pydantic`" in str(caught.value)


def test_pydantic_is_not_imported_for_an_app_without_models():
    code = (
        "import sys\n"
        "from nestpy_core import App, module\n"
        "from nestpy_http import HttpModule\n"
        "@module(imports=[HttpModule.for_root()])\n"
        "class AppModule: ...\n"
        "App(AppModule)\n"
        "assert 'nestpy_pydantic._plugin' in sys.modules\n"
        "assert 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_model_describes_itself():
    from nestpy_pydantic._support import PydanticSupport

    schema = PydanticSupport().json_schema(Line)
    assert schema["properties"]["count"] == {"minimum": 1, "title": "Count", "type": "integer"}


def test_only_models_are_served():
    from nestpy_pydantic import _plugin

    assert _plugin.nestpy_schema(int) is None
    assert _plugin.nestpy_schema(Order) is not None
