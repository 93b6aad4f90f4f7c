"""How errors of storage and business logic, which know no HTTP, are answered."""

import pytest

from nestpy_core import module
from nestpy_core.errors import DomainError, FailureKind
from nestpy_http import HttpModule, controller, get
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

TAKEN = {"email": [{"code": "unique", "message": "is taken"}]}
STATUSES = {"invalid": 400, "not_found": 404, "conflict": 409, "timeout": 504, "unavailable": 503}


def failure_of(kind: FailureKind) -> DomainError:
    return type("ShopError", (DomainError,), {"kind": kind})("No cats today", errors=TAKEN)


@controller("/")
class ShopController:
    @get("/{kind}")
    async def fail(self, kind: str) -> str:
        raise failure_of(FailureKind(kind))


@module(imports=[HttpModule.for_root()], providers=[ShopController])
class ShopModule: ...


@pytest.mark.parametrize("kind", STATUSES)
async def test_a_domain_error_answers_by_its_kind(kind: str, caplog: pytest.LogCaptureFixture):
    async with TestApp(ShopModule) as app:
        answer = await app.http.get(f"/{kind}")
    assert answer.status == STATUSES[kind]
    assert answer.json()["detail"] == "No cats today"
    assert answer.json()["errors"] == TAKEN
    assert ("retry-after" in answer.headers) == (kind == "unavailable")
    assert ("ShopController.fail failed: ShopError" in caplog.text) == (kind in ("timeout", "unavailable"))


async def test_an_invalid_value_answers_as_validation_does():
    async with TestApp(ShopModule).with_settings({"NESTPY_HTTP__VALIDATION_STATUS": "422"}) as app:
        assert (await app.http.get("/invalid")).status == 422
