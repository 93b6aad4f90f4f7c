"""Redirects stay at home, cookies are safe by default, signed ones are believed only as they were written."""

import gc
import weakref
from typing import Annotated, Any

import msgspec
import pytest

from nestpy_core import injectable, use_interceptors
from nestpy_http import (
    BadRequestError,
    HttpContext,
    Query,
    Response,
    ResponseError,
    SignedCookie,
    SignedCookies,
    controller,
    get,
    param,
    redirect,
)

pytestmark = pytest.mark.anyio

OLD, NEW = "o" * 32, "n" * 32


@injectable
class LoginInterceptor:
    async def intercept(self, context: HttpContext, call_next: Any) -> Any:
        return redirect("/login", 303)


@controller("/")
class RedirectsController:
    @get("/go")
    async def go(self, to: Query[str]) -> Response:
        return redirect(to)

    @get("/moved")
    @redirect("/new?a=é", 308)
    async def moved(self) -> None: ...

    @get("/moved-or-not")
    @redirect("/new")
    async def moved_or_not(self, stay: Query[bool] = False) -> str | None:
        return "here" if stay else None

    @use_interceptors(LoginInterceptor)
    @get("/private")
    async def private(self) -> dict[str, int]:
        return {}


async def test_redirect_answers_with_its_status_and_location(serving):
    async with serving(RedirectsController, redirect_hosts=("docs.example", "api.example:8443")) as http:
        answer = await http.get("/moved")
        assert (answer.status, answer.headers["location"], answer.content) == (308, "/new?a=%C3%A9", b"")
        assert (await http.get("/moved-or-not")).headers["location"] == "/new"
        assert (await http.get("/moved-or-not?stay=true")).text == "here"
        private = await http.get("/private")
        assert (private.status, private.headers["location"]) == (303, "/login")
        for target in ("/a?b=c#d", "https://docs.example/x", "https://api.example:8443/"):
            answer = await http.get("/go?" + "to=" + target.replace("#", "%23").replace("?", "%3F"))
            assert (answer.status, answer.headers["location"]) == (307, target)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "https://evil.example",
        "https://docs.example:444/",
        "https://docs.example@evil.example/",
        "https:/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "%09//evil.example",
        "/%09/evil.example",
        "/a%0d%0aset-cookie:a=1",
        "evil.example",
        "",
        "http://[",
    ],
)
async def test_redirect_that_leads_elsewhere_is_a_400_without_location(target, serving):
    async with serving(RedirectsController, redirect_hosts=("docs.example",)) as http:
        answer = await http.get(f"/go?to={target}")
        assert (answer.status, answer.headers.get("location"), answer.headers.get("set-cookie")) == (400, None, None)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("target", ["//evil.example", "ftp://evil.example", "/a b"])
def test_refused_redirect_is_gone_with_its_request_and_waits_for_no_collector(target):
    refused = []
    gc.disable()
    try:
        try:
            redirect(target)
        except BadRequestError as error:
            refused.append(weakref.ref(error))
        assert [reference() for reference in refused] == [None]
    finally:
        gc.enable()


def test_redirect_to_an_unlisted_host_does_not_boot(boot_problems):
    @controller("/")
    class AwayController:
        @get("/away")
        @redirect("https://docs.example/")
        async def away(self) -> None: ...

    (problem,) = boot_problems(AwayController)
    assert "redirects to `docs.example`" in problem
    assert 'redirect_hosts=("docs.example",)' in problem
    with pytest.raises(ValueError, match="301"):
        redirect("/", 200)


@controller("/")
class CookiesController:
    @get("/set")
    async def set(self, context: HttpContext) -> str:
        context.response.set_cookie("sid", "abc", max_age=60)
        context.response.set_cookie("theme", "dark", http_only=False, prefix=False, path="/ui", same_site="Strict")
        context.response.delete_cookie("old")
        return "set"

    @get("/response")
    async def response(self) -> Response:
        response = Response("x")
        response.set_cookie("a", "1")
        response.delete_cookie("b", prefix=False, domain="example.com")
        return response

    @get("/oversized")
    async def oversized(self, context: HttpContext) -> str:
        context.response.set_cookie("big", "x" * 4096)
        return "no"


async def test_cookies_are_host_only_secure_and_out_of_scripts_reach_by_default(serving):
    async with serving(CookiesController) as http:
        assert (await http.get("/set")).headers.get_all("set-cookie") == [
            "__Host-sid=abc; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax",
            "theme=dark; Path=/ui; Secure; SameSite=Strict",
            "__Host-old=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
        assert (await http.get("/response")).headers.get_all("set-cookie") == [
            "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax",
            "b=; Path=/; Domain=example.com; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
        oversized = await http.get("/oversized")
        assert (oversized.status, oversized.headers.get("set-cookie")) == (500, None)


@pytest.mark.parametrize(
    ("name", "value", "attributes"),
    [
        ("a b", "1", {}),
        ("a", "1;Path=/", {}),
        ("a", "1\r\nx: y", {}),
        ("a", "é", {}),
        ("a", "x" * 4096, {}),
        ("a", "1", {"path": "/x"}),
        ("a", "1", {"domain": "example.com"}),
        ("a", "1", {"secure": False}),
        ("a", "1", {"secure": False, "prefix": False, "same_site": "None"}),
        ("a", "1", {"prefix": False, "path": "/;x"}),
    ],
)
def test_cookie_that_no_client_would_keep_is_refused_when_it_is_set(name, value, attributes):
    with pytest.raises(ResponseError):
        Response().set_cookie(name, value, **attributes)


@controller("/")
class SessionController:
    cookies: SignedCookies

    @get("/login")
    async def login(self, context: HttpContext) -> str:
        self.cookies.set(context.response, "session", {"user": 7}, max_age=60)
        return "in"

    @get("/me")
    async def me(self, context: HttpContext) -> dict[str, Any]:
        return {"session": self.cookies.get(context, "session", dict)}

    @get("/other")
    async def other(self, context: HttpContext) -> dict[str, Any]:
        return {"other": self.cookies.get(context, "other", dict)}


def cookie_of(answer):
    return answer.headers["set-cookie"].partition(";")[0]


async def test_signed_cookie_is_read_as_it_was_written_and_by_a_rotated_key(serving):
    async with serving(SessionController, cookie_secrets=[OLD]) as http:
        cookie = cookie_of(await http.get("/login"))
        assert cookie.startswith("__Host-session=")
        mine = await http.get("/me", headers={"cookie": cookie})
        assert (mine.json(), mine.headers.get("set-cookie")) == ({"session": {"user": 7}}, None)
    async with serving(SessionController, cookie_secrets=[NEW, OLD]) as http:
        assert (await http.get("/me", headers={"cookie": cookie})).json() == {"session": {"user": 7}}
    async with serving(SessionController, cookie_secrets=[NEW]) as http:
        assert (await http.get("/me", headers={"cookie": cookie})).json() == {"session": None}


async def test_tampered_cookie_is_ignored_and_cleared(serving):
    async with serving(SessionController, cookie_secrets=[OLD]) as http:
        cookie = cookie_of(await http.get("/login"))
        value = cookie.partition("=")[2]
        ends, body, signature = value.split(".")
        forged = [
            f"{int(ends) + 1}.{body}.{signature}",
            f"{ends}.{body}A.{signature}",
            f"{ends}.{body}.{signature[:-2]}",
            f"{ends}.{body}.",
            f"{ends}.{body}",
            "",
            "é",
            "a.b.c",
        ]
        for one in forged:
            answer = await http.get("/me", headers={"cookie": f"__Host-session={one}"})
            if not one.isascii():
                continue
            assert answer.json() == {"session": None}
            assert answer.headers["set-cookie"].startswith("__Host-session=; Path=/; Max-Age=0")
        stolen = await http.get("/other", headers={"cookie": f"__Host-other={value}"})
        assert stolen.json() == {"other": None}


async def test_signed_cookie_ends_whatever_its_client_says(make_app):
    app = make_app(SessionController, cookie_secrets=[OLD])
    from nestpy_http import HttpClient

    async with app.create_context() as context:
        http = HttpClient(app.__rsgi__)
        cookie = cookie_of(await http.get("/login"))
        signer = await context.get(SignedCookies)
        now = signer.clock()
        signer.clock = lambda: now + 61
        assert (await http.get("/me", headers={"cookie": cookie})).json() == {"session": None}


def test_short_or_missing_secret_does_not_boot(boot_problems):
    (short,) = boot_problems(SessionController, cookie_secrets=["changeme"])
    assert short.startswith("Setting `http.cookie_secrets` must hold secrets of at least 32 bytes")
    assert "changeme" not in short
    (missing,) = boot_problems(SessionController)
    assert missing.startswith("Setting `http.cookie_secrets` is required")


class Session(msgspec.Struct):
    user: int
    roles: list[str] = []


@controller("/typed")
class TypedController:
    cookies: SignedCookies

    @get("/login")
    async def login(self, context: HttpContext) -> None:
        self.cookies.set(context.response, "session", Session(7, ["admin"]))

    @get("/other")
    async def other(self, context: HttpContext) -> None:
        self.cookies.set(context.response, "session", {"name": "no session"})

    @get("/me")
    async def me(self, session: SignedCookie[Session]) -> str:
        return f"{session.user} {session.roles}"

    @get("/maybe")
    async def maybe(self, who: Annotated[SignedCookie[Session | None], param(name="session")] = None) -> str:
        return f"{who}"


async def test_signed_cookie_is_a_typed_parameter(serving):
    async with serving(TypedController, cookie_secrets=[OLD]) as http:
        sent = {"cookie": cookie_of(await http.get("/typed/login"))}
        assert (await http.get("/typed/me", headers=sent)).text == "7 ['admin']"
        assert (await http.get("/typed/maybe", headers=sent)).text == "Session(user=7, roles=['admin'])"
        absent = await http.get("/typed/me")
        assert (absent.status, absent.json()["errors"]) == (
            400,
            {"session": [{"code": "required", "message": "This field is required"}]},
        )
        assert (await http.get("/typed/maybe")).text == "None"
        misfit = {"cookie": cookie_of(await http.get("/typed/other"))}
        for forged in (misfit, {"cookie": f"{sent['cookie'][:-2]}AA"}):
            assert (await http.get("/typed/me", headers=forged)).status == 400
            answer = await http.get("/typed/maybe", headers=forged)
            assert answer.text == "None"
            assert answer.headers["set-cookie"].startswith("__Host-session=; Path=/; Max-Age=0")


def test_route_that_reads_a_signed_cookie_needs_a_secret(boot_problems):
    @controller("/")
    class ReadingController:
        @get("/")
        async def me(self, session: SignedCookie[Session]) -> str:
            return f"{session.user}"

    (missing,) = boot_problems(ReadingController)
    assert missing.startswith("Setting `http.cookie_secrets` is required: cookies are signed")
