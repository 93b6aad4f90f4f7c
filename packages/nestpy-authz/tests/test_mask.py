"""Results hold what the actor may read, at every depth; what nobody understands is refused."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from authz_world import Org, Person, Post

from nestpy_authz import AbilityFactory, as_system, authorize, gte
from nestpy_core import public
from nestpy_http import Response, controller, get, post


class Rules(AbilityFactory):
    def define(self, actor, can, cannot):
        can("read", Post, published=True, fields=["id", "title", "author"])
        can("read", Post, org_id=actor.org_id)
        cannot("read", Post, title="forbidden")
        can("read", Person, fields=["id", "name", "org"])
        can("read", Person, org_id=actor.org_id)
        cannot("read", Person, id=gte(100), fields=["email"])
        can("create", Post)

    def define_visitor(self, can, cannot):
        can("read", Post, published=True, fields=["title"])


class Page(msgspec.Struct, rename="camel"):
    next_cursor: str | None
    found_items: list[Post]
    extra: Any = None


@dataclasses.dataclass
class Box:
    post: Any
    count: int = 1


class Strange:
    pass


SECRET = "canary"
PUBLISHED = Post(id=1, title="a", secret=SECRET, org_id=9, published=True)
OWN = Post(id=2, title="b", secret="own", org_id=3, published=False)
HIDDEN = Post(id=3, title=SECRET, secret=SECRET, org_id=9, published=None)
DENIED = Post(id=4, title="forbidden", secret=SECRET, org_id=3, published=True)
AUTHORED = Post(
    id=5,
    title="c",
    org_id=9,
    published=True,
    author=Person(id=7, name="Ada", email=SECRET, org_id=8, org=Org(id=1, name=SECRET)),
)


@controller("/")
class ShownController:
    @authorize("read", Post)
    @get("/list")
    async def listed(self) -> list[Post]:
        return [PUBLISHED, OWN, HIDDEN, DENIED, AUTHORED]

    @authorize("read", Post)
    @get("/one/{which}")
    async def one(self, which: int) -> Post:
        return [PUBLISHED, OWN, HIDDEN, DENIED, AUTHORED][which - 1]

    @authorize("read", Post)
    @get("/page")
    async def page(self) -> Page:
        return Page("next", [HIDDEN, PUBLISHED], {"inner": [HIDDEN, OWN], "lost": HIDDEN, "boxes": (Box(HIDDEN),)})

    @authorize("read", Post)
    @get("/response")
    async def response(self) -> Response:
        return Response({"post": PUBLISHED, "number": 1.5}, 202)

    @authorize("read", Post)
    @get("/stream")
    async def stream(self) -> AsyncIterator[Post]:
        for item in (HIDDEN, PUBLISHED, DENIED):
            yield item

    @authorize("create", Post)
    @post("/create")
    async def create(self) -> Post:
        return HIDDEN

    @authorize("read", Post)
    @get("/strange")
    async def strange(self) -> Any:
        return [PUBLISHED, Strange()]

    @authorize("read", Post)
    @get("/liar")
    async def liar(self) -> list[str]:
        return [AUTHORED]  # type: ignore[list-item]  # what the mask must bear

    @authorize("read", Post)
    @get("/hidden-liar")
    async def hidden_liar(self) -> list[str]:
        return [HIDDEN]  # type: ignore[list-item]  # as above

    @public
    @get("/public")
    async def open(self) -> list[Post]:
        return [PUBLISHED, OWN]

    @authorize("read", Post)
    @get("/system")
    async def system(self) -> list[Post]:
        with as_system("to see whether it leaks"):
            return [PUBLISHED, HIDDEN]

    @authorize("read", Post)
    @get("/text")
    async def text(self) -> str:
        return "plain"


@pytest.fixture
async def client(serving):
    async with serving(ShownController, rules=[Rules]) as client:

        async def ask(path, method="get"):
            return await getattr(client, method)(path, headers={"x-user": "ada"})

        client.ask = ask
        yield client


async def test_lists_lose_rows_and_rows_lose_fields(client):
    answer = await client.ask("/list")
    assert answer.json() == [
        {"id": 1, "title": "a", "author": None},
        {"id": 2, "title": "b", "secret": "own", "org_id": 3, "published": False, "author": None},
        {"id": 5, "title": "c", "author": {"id": 7, "name": "Ada"}},
    ]
    assert SECRET not in answer.text


async def test_a_single_entity_is_masked_or_refused(client):
    assert (await client.ask("/one/1")).json() == {"id": 1, "title": "a", "author": None}
    for which in (3, 4):
        answer = await client.ask(f"/one/{which}")
        assert answer.status == 403
        assert SECRET not in answer.text


async def test_pages_structs_dataclasses_and_mappings_are_entered(client):
    answer = await client.ask("/page")
    assert answer.json() == {
        "nextCursor": "next",
        "foundItems": [{"id": 1, "title": "a", "author": None}],
        "extra": {
            "inner": [{"id": 2, "title": "b", "secret": "own", "org_id": 3, "published": False, "author": None}],
            "boxes": [{"count": 1}],
        },
    }


async def test_responses_and_streams_are_entered(client):
    answer = await client.ask("/response")
    assert (answer.status, answer.json()) == (
        202,
        {"post": {"id": 1, "title": "a", "author": None}, "number": 1.5},
    )
    assert (await client.ask("/stream")).text == '{"id":1,"title":"a","author":null}\n'


async def test_what_was_written_is_shown_without_a_field_to_whom_may_not_read_it(client):
    answer = await client.ask("/create", "post")
    assert (answer.status, answer.json()) == (201, {})


async def test_what_nobody_understands_is_a_silent_500(client):
    answer = await client.ask("/strange")
    assert answer.status == 500
    assert SECRET not in answer.text


async def test_an_entity_that_the_annotation_hides_is_masked_by_the_encoder(client):
    assert (await client.ask("/liar")).json() == [{"id": 5, "title": "c", "author": {"id": 7, "name": "Ada"}}]
    assert (await client.ask("/hidden-liar")).status == 403


async def test_visitors_see_what_their_rules_say(client):
    assert (await client.get("/public")).json() == [{"title": "a"}]


async def test_a_block_of_the_system_does_not_reach_the_answer(client):
    assert (await client.ask("/system")).json() == [{"id": 1, "title": "a", "author": None}]


def test_only_handlers_whose_result_may_hold_an_entity_are_compiled_with_the_mask(make_app):
    app = make_app(ShownController, rules=[Rules])
    masked = {function.name for function in app.functions if "shaped_result" in function.source}
    assert "ShownController.listed" in masked
    assert "ShownController.text" not in masked
    assert "ShownController.liar" not in masked
