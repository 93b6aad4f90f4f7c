"""`@authorize` on HTTP routes: 401 and 403, missing scopes, visitors, postures, and what the log says."""

import logging

import pytest
from authz_world import Login, Post

from nestpy_authz import Abilities, AbilityFactory, AuthzModule, RuleError, authorize, predicate
from nestpy_core import APP_GUARD, App, BootError, Inject, module, provide, public, use_guards
from nestpy_http import HttpModule, controller, get, post


class Rules(AbilityFactory):
    def define(self, actor, can, cannot):
        if "reader" in actor.roles:
            can("read", Post)
        if "writer" in actor.roles:
            can("manage", Post)
            cannot("delete", Post)
            can("publish", Post, requires_scope="posts:publish")
        if "publisher" in actor.roles:
            can("publish", Post, requires_scope="posts:publish")
        if "root" in actor.roles:
            can("manage", "all")
        if "broken" in actor.roles:
            raise LookupError("the rules are away")

    def define_visitor(self, can, cannot):
        can("read", "front page")


@authorize("read", Post)
@controller("/posts")
class PostsController:
    @get("/")
    async def index(self) -> str:
        return "all"

    @authorize("update", Post)
    @post("/")
    async def update(self) -> str:
        return "updated"

    @authorize("delete", Post)
    @get("/delete")
    async def delete(self) -> str:
        return "deleted"


@controller("/")
class RootController:
    @authorize("publish", Post)
    @get("/publish")
    async def publish(self) -> str:
        return "published"

    @public
    @authorize("read", "front page")
    @get("/front")
    async def front(self) -> str:
        return "welcome"

    @public
    @authorize("read", "back page")
    @get("/back")
    async def back(self) -> str:
        return "never"

    @public
    @get("/asked")
    async def asked(self, abilities: Inject[Abilities]) -> str:
        ability = abilities.current()
        return f"{ability.can('read', 'front page')} {ability.can('read', Post)}"


@pytest.fixture
async def client(serving):
    async with serving(PostsController, RootController, rules=[Rules]) as client:
        yield client


def by(*words):
    return {"x-user": " ".join(words)}


async def test_without_an_actor_it_is_401_with_a_challenge(client):
    answer = await client.get("/posts")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_what_was_granted_passes_and_everything_else_is_403(client):
    assert (await client.get("/posts", headers=by("ada", "reader"))).text == "all"
    assert (await client.get("/posts", headers=by("eve"))).status == 403
    assert (await client.get("/posts", headers=by("eve", "stranger"))).status == 403


async def test_what_stands_on_the_host_and_on_the_handler_must_both_hold(client):
    assert (await client.post("/posts", headers=by("ada", "reader"))).status == 403
    assert (await client.post("/posts", headers=by("ada", "writer"))).status == 201


async def test_a_denial_wins_over_the_wildcard_and_all_is_everything(client):
    assert (await client.get("/posts/delete", headers=by("ada", "writer"))).status == 403
    assert (await client.get("/posts/delete", headers=by("ada", "writer", "root"))).status == 403
    assert (await client.get("/posts/delete", headers=by("ada", "root"))).text == "deleted"


async def test_a_missing_scope_is_named_in_the_challenge(client):
    answer = await client.get("/publish", headers=by("ada", "publisher", "scope=posts:read"))
    assert answer.status == 403
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="posts:publish"'
    assert (await client.get("/publish", headers=by("ada", "publisher", "scope"))).status == 403
    assert (await client.get("/publish", headers=by("ada", "publisher", "scope=posts:publish"))).text == "published"
    assert (await client.get("/publish", headers=by("ada", "publisher"))).text == "published"
    assert "www-authenticate" not in (await client.get("/publish", headers=by("ada", "reader", "scope"))).headers


async def test_visitors_are_asked_on_public_handlers_alone(client):
    assert (await client.get("/front")).text == "welcome"
    assert (await client.get("/back")).status == 403
    assert (await client.get("/asked")).text == "True False"
    assert (await client.get("/posts")).status == 401


async def test_rules_that_raise_let_nobody_through_and_say_nothing(client):
    answer = await client.get("/posts", headers=by("ada", "root", "broken"))
    assert answer.status == 500
    assert "away" not in answer.text


async def test_a_denial_is_logged_with_reason_detail_and_remedy(client, caplog):
    with caplog.at_level(logging.WARNING, logger="nestpy.authz"):
        await client.get("/posts", headers=by("eve"))
        await client.get("/posts")
    found = [record for record in caplog.records if record.name == "nestpy.authz"]
    assert [record.reason for record in found] == ["no_grant", "no_actor"]
    assert found[0].detail == "`read` on `Post` is not granted"
    assert found[0].handler == "PostsController.index"
    assert "ability factory" in found[0].remedy


def test_once_one_handler_is_authorized_every_other_must_say_who_may_call_it():
    @controller("/")
    class Mixed:
        @authorize("read", Post)
        @get("/one")
        async def one(self) -> None: ...

        @get("/two")
        async def two(self) -> None: ...

    @module(imports=[HttpModule, AuthzModule.for_root(Rules)], providers=[Mixed])
    class MixedModule: ...

    with pytest.raises(BootError) as caught:
        App(MixedModule, environ={"NESTPY_ENV": "test"})
    assert "say neither who may call them nor `@public`: `Mixed.two`" in str(caught.value)


def test_without_the_module_the_error_says_what_to_import():
    @module(imports=[HttpModule], providers=[PostsController, provide(APP_GUARD, use_class=Login, multi=True)])
    class BareModule: ...

    with pytest.raises(BootError) as caught:
        App(BareModule, environ={"NESTPY_ENV": "test"})
    assert str(caught.value.exceptions[0]) == (
        "`@authorize` stands on `PostsController.index`, `PostsController.update`, `PostsController.delete`, and "
        "nothing decides about it.\nHint: import `AuthzModule.for_root(…)` in `BareModule`"
    )
    assert len(caught.value.exceptions) == 1


@pytest.mark.parametrize("given", [("", Post), (None, Post), ("read", ""), ("read", None), ("read", 5)])
def test_an_authorization_of_nothing_is_refused(given):
    with pytest.raises(RuleError):
        authorize(*given)


def test_a_list_that_only_python_could_filter_does_not_boot(boot_problems):
    class Odd(AbilityFactory):
        def define(self, actor, can, cannot):
            can("read", Post, self.is_odd)

        @predicate("read", Post)
        def is_odd(self, instance):
            return instance.id % 2 == 1

    @controller("/")
    class Lists:
        @authorize("read", Post)
        @get("/list")
        async def listed(self) -> list[Post]:
            return []

        @authorize("read", Post)
        @get("/one")
        async def one(self) -> Post | None:
            return None

    assert boot_problems(Lists, rules=[Odd]) == [
        (
            "`Lists.listed` lists `Post`, and a `@predicate` of `Odd` decides `read` on it in Python, which no query "
            "can carry.\n"
            "Hint: write that rule with `where(…)` instead\n"
            "Hint: or give what only Python can decide an action of its own, and ask `ability.can(…)` of each `Post`"
        )
    ]


def test_authorizing_before_the_guard_that_says_who_acts_does_not_boot():
    @controller("/")
    class Reversed:
        @authorize("read", Post)
        @use_guards(Login)
        @get("/one")
        async def one(self) -> None: ...

        @use_guards(Login)
        @authorize("read", Post)
        @get("/two")
        async def two(self) -> None: ...

    @module(imports=[HttpModule, AuthzModule.for_root(Rules)], providers=[Reversed])
    class ReversedModule: ...

    with pytest.raises(BootError) as caught:
        App(ReversedModule, environ={"NESTPY_ENV": "test"})
    assert [str(problem) for problem in caught.value.exceptions] == [
        (
            "`Reversed.one` authorizes before `Login` has said who acts, so it would refuse everybody.\n"
            "Hint: write `@authorize(…)` below `@use_guards(Login)`\n"
            "Hint: or bind that guard for all: `provide(APP_GUARD, use_class=Login, multi=True)`"
        )
    ]
