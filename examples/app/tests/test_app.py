from __future__ import annotations

import pytest

from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


async def test_greets(main):
    async with TestApp(main.AppModule) as app:
        answer = await app.http.get("/")
        assert (answer.status, answer.media_type, answer.text) == (200, "text/plain", "Hello World")


async def test_greets_in_other_words(main):
    class Hallo(main.HelloService):
        def greeting(self):
            return "Hallo Welt"

    async with TestApp(main.app).override_provider(main.HelloService).use_value(Hallo()) as app:
        assert (await app.http.get("/")).text == "Hallo Welt"


async def test_other_paths_and_methods_are_problems(main):
    async with TestApp(main.AppModule) as app:
        absent = await app.http.get("/absent")
        assert (absent.status, absent.media_type) == (404, "application/problem+json")
        refused = await app.http.post("/")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_controller_is_a_plain_class(main):
    class Fake(main.HelloService):
        def greeting(self):
            return "Hi"

    assert main.HelloController(service=Fake()).service.greeting() == "Hi"


@pytest.mark.e2e
async def test_greets_over_a_socket(main):
    async with TestApp(main.AppModule, socket=True) as app:
        assert (await app.client.get("/")).text == "Hello World"
