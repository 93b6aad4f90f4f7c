"""Other origins read answers only where the settings grant it; preflights never reach a guard."""

import pytest

from nestpy_core import Denial, use_guards
from nestpy_http import NotFoundError, controller, get, post

pytestmark = pytest.mark.anyio
APP = "https://app.example.com"


class Refusing:
    def can_activate(self, context):
        return Denial.unauthorized("Log in")


@controller("/")
class PagesController:
    @get("/page")
    async def page(self) -> str:
        return "page"

    @get("/missing")
    async def missing(self) -> str:
        raise NotFoundError("none")

    @get("/broken")
    async def broken(self) -> str:
        raise LookupError

    @use_guards(Refusing)
    @post("/guarded")
    async def guarded(self) -> str:
        return "in"


def granted(answer):
    return {name for name in answer.headers if name.startswith("access-control-")}


async def ask(http, origin, method="POST", path="/guarded", names="content-type"):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": names}
    return await http.options(path, headers=asked)


async def test_without_settings_no_answer_grants_anything(serving):
    async with serving(PagesController) as http:
        answer = await http.get("/page", headers={"origin": APP})
        assert (answer.status, granted(answer), answer.headers.get("vary")) == (200, set(), None)


async def test_a_listed_origin_reads_every_answer(serving):
    async with serving(PagesController, cors_origins=[APP]) as http:
        for path in ("/page", "/missing", "/broken", "/nowhere"):
            answer = await http.get(path, headers={"origin": APP})
            assert answer.headers["access-control-allow-origin"] == APP
            assert answer.headers["vary"] == "origin"
        assert (await http.get("/page")).headers["vary"] == "origin"
        assert (await http.head("/page", headers={"origin": APP})).headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://app.example.com.evil", "http://app.example.com", "null", f"{APP}:8443", ""],
)
async def test_any_other_origin_is_granted_nothing(serving, origin):
    async with serving(PagesController, cors_origins=[APP]) as http:
        assert not granted(await http.get("/page", headers={"origin": origin}))
        refused = await ask(http, origin)
        assert (refused.status, granted(refused)) == (403, set())


async def test_a_preflight_is_answered_before_any_guard(serving):
    async with serving(PagesController, cors_origins=[APP], cors_credentials=True, cors_exposed=["x-total"]) as http:
        answer = await ask(http, APP)
        assert (answer.status, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
        assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
        assert answer.headers["access-control-max-age"] == "600"
        refused = await http.post("/guarded", headers={"origin": APP})
        assert refused.status == 401
        assert refused.headers["access-control-expose-headers"] == "x-total"


async def test_a_preflight_is_refused_beyond_what_is_granted(serving):
    async with serving(PagesController, cors_origins=[APP], cors_methods=["GET"]) as http:
        assert (await ask(http, APP, method="DELETE")).status == 403
        assert (await ask(http, APP, method="GET", names="X-Secret")).status == 403
        assert (await ask(http, APP, method="GET", names="Content-Type")).status == 204


async def test_a_plain_options_is_no_preflight(serving):
    async with serving(PagesController, cors_origins=[APP]) as http:
        answer = await http.options("/page", headers={"origin": APP})
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_star_grants_any_origin_but_null(serving):
    async with serving(PagesController, cors_origins=["*"]) as http:
        answer = await http.get("/page", headers={"origin": "https://anyone.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert not granted(await http.get("/page", headers={"origin": "null"}))


@pytest.mark.parametrize(
    ("origins", "credentials", "rule"),
    [
        (["*"], True, "cannot be `*` with `http.cors_credentials`"),
        (["*", APP], False, "holds `*` beside other origins"),
        (["app.example.com"], False, "holds `app.example.com`, which is no origin"),
        ([f"{APP}/"], False, "which is no origin"),
        (["null"], False, "holds `null`, which is no origin"),
    ],
)
def test_origins_that_grant_too_much_or_nothing_do_not_boot(boot_problems, origins, credentials, rule):
    problems = boot_problems(PagesController, cors_origins=origins, cors_credentials=credentials)
    assert len(problems) == 1
    assert problems[0].startswith("Setting `http.cors_origins`")
    assert rule in problems[0]
