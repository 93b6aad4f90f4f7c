"""Whatever raises, hangs or answers with something else than True never lets a request through."""

import itertools
from typing import Any

import pytest
from authz_world import EntitySupport, Login, Post

from nestpy_authz import Abilities, AbilityFactory, AuthorizeGuard, authorize
from nestpy_authz._ability import CompiledAbility
from nestpy_authz._entities import Entities
from nestpy_authz._mask import Mask
from nestpy_http import controller, get


class Rules(AbilityFactory):
    def define(self, actor: Any, can: Any, cannot: Any) -> None:
        can("read", Post)
        cannot("read", Post, title="hidden")


@controller("/")
class Handlers:
    @authorize("read", Post)
    @get("/one")
    async def one(self) -> Post:
        return Post(id=1, title="canary", secret="canary")

    @authorize("read", Post)
    @get("/many")
    async def many(self) -> list[Post]:
        return [Post(id=1, title="canary"), Post(id=2, title="canary")]


def raises(*_: Any, **__: Any) -> Any:
    raise OSError("away: canary")


def times_out(*_: Any, **__: Any) -> Any:
    raise TimeoutError


SITES = [
    (Abilities, "current"),
    (Abilities, "of"),
    (Rules, "define"),
    (Rules, "version"),
    (CompiledAbility, "_decision"),
    (CompiledAbility, "can"),
    (CompiledAbility, "_shown"),
    (Mask, "shape"),
    (Entities, "maskable"),
    (EntitySupport, "encode_fields"),
]


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        pytest.param(site, fault, id=f"{site[0].__name__}.{site[1]}-{fault.__name__}")
        for site, fault in itertools.product(SITES, [raises, times_out])
    ],
)
async def test_a_fault_at_any_call_is_never_a_success(serving, monkeypatch, site, fault):
    async with serving(Handlers, rules=[Rules]) as client:
        for target in ("/one", "/many"):
            assert (await client.get(target, headers={"x-user": "ada"})).status == 200
        monkeypatch.setattr(*site, fault)
        for target in ("/one", "/many"):
            answer = await client.get(target, headers={"x-user": "eve"})
            assert answer.status in (403, 500)
            assert "canary" not in answer.text


@pytest.mark.parametrize("guard", [Login, AuthorizeGuard])
@pytest.mark.parametrize("fault", [raises, times_out])
async def test_a_guard_that_fails_refuses(serving, monkeypatch, guard, fault):
    monkeypatch.setattr(guard, "can_activate", lambda self, context: fault())
    async with serving(Handlers, rules=[Rules]) as client:
        answer = await client.get("/many", headers={"x-user": "ada"})
        assert answer.status == 500
        assert "canary" not in answer.text


@pytest.mark.parametrize("verdict", [None, 0, 1, "True", "", [], [True], NotImplemented, object, b"1"], ids=repr)
@pytest.mark.parametrize("guard", [Login, AuthorizeGuard])
async def test_a_guard_that_says_something_else_than_true_refuses(serving, monkeypatch, guard, verdict):
    monkeypatch.setattr(guard, "can_activate", lambda self, context: verdict)
    async with serving(Handlers, rules=[Rules]) as client:
        answer = await client.get("/many", headers={"x-user": "ada"})
        assert answer.status in (401, 403, 500)
        assert "canary" not in answer.text
