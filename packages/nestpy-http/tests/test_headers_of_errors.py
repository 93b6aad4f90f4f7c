"""What layers set before something failed: cookies and headers about the request hold, those about a body do not."""

import pytest

from nestpy_core import APP_INTERCEPTOR, catch, provide, use_filters, use_guards, use_interceptors
from nestpy_http import (
    ConflictError,
    HttpContext,
    Query,
    SignedCookie,
    TooManyRequestsError,
    UnauthorizedError,
    controller,
    etag,
    get,
)

pytestmark = pytest.mark.anyio

ABOUT_A_BODY = {
    "content-type": "text/csv",
    "content-disposition": "attachment",
    "content-language": "de",
    "content-encoding": "gzip",
    "etag": '"v1"',
    "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
    "cache-control": "public, max-age=3600",
    "expires": "Wed, 21 Oct 2099 07:28:00 GMT",
    "location": "/elsewhere",
    "refresh": "0; url=/elsewhere",
    "accept-ranges": "bytes",
}


class Marks:
    def can_activate(self, context: HttpContext) -> bool:
        response = context.response
        for name, value in ABOUT_A_BODY.items():
            response.set(name, value)
        response.status = 202
        response.set("X-Rate-Left", "7")
        response.set("retry-after", "9")
        response.set("content-security-policy", "default-src 'self'")
        response.delete_cookie("old")
        response.set_cookie("new", "1")
        if "refuse" in context.headers:
            raise UnauthorizedError("Sign in")
        return True


class Stamps:
    def before(self, context: HttpContext) -> None:
        context.response.set("x-request-id", "abc")


class Broken(Exception): ...


@catch(KeyError)
class Caught:
    def catch(self, error: KeyError, context: HttpContext) -> str:
        raise Broken


@use_guards(Marks)
@use_interceptors(Stamps)
@controller("/")
class FailingController:
    @get("/number")
    async def number(self, number: Query[int]) -> int:
        return number

    @get("/conflict")
    async def conflict(self) -> None:
        raise ConflictError("Taken", headers={"X-Rate-Left": "0"})

    @get("/plain")
    async def plain(self) -> None:
        raise ConflictError

    @get("/busy")
    async def busy(self) -> None:
        raise TooManyRequestsError("Later", retry_after=3)

    @etag
    @get("/bug")
    async def bug(self) -> str:
        raise LookupError

    @use_filters(Caught)
    @get("/filtered")
    async def filtered(self) -> str:
        raise KeyError

    @get("/streams")
    async def streams(self):
        raise ConflictError("Too late")
        yield b""


@controller("/")
class SessionController:
    @get("/me")
    async def me(self, session: SignedCookie[int]) -> int:
        return session

    @get("/set")
    async def set(self, context: HttpContext) -> None:
        context.response.set("x-seen", "yes")
        raise ConflictError


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/number?number=x", 400, {}),
        ("/conflict", 409, {}),
        ("/plain", 409, {}),
        ("/bug", 500, {}),
        ("/filtered", 500, {}),
        ("/streams", 409, {}),
        ("/number?number=1", 401, {"refuse": "yes"}),
    ],
)
async def test_cookies_and_headers_about_the_request_hold_where_something_fails(serving, path, status, headers):
    async with serving(FailingController) as http:
        answer = await http.get(path, headers=headers)
    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert not (ABOUT_A_BODY.keys() - {"content-type"}) & set(answer.headers.keys())
    assert answer.headers["x-rate-left"] == ("0" if path == "/conflict" else "7")
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    cookies = [value.partition(";")[0] for value in answer.headers.get_all("set-cookie")]
    assert cookies == ["__Host-old=", "__Host-new=1"]
    assert ("x-request-id" in answer.headers) == ("refuse" not in headers)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_the_error_says_itself_is_stronger(serving):
    async with serving(FailingController) as http:
        answer = await http.get("/busy")
        assert answer.headers.get_all("retry-after") == ["3"]


async def test_tampered_signed_cookie_that_is_required_is_cleared_with_its_400(serving):
    async with serving(SessionController, cookie_secrets=["s" * 32]) as http:
        answer = await http.get("/me", headers={"cookie": "__Host-session=forged"})
        assert answer.status == 400
        assert answer.headers["set-cookie"].startswith("__Host-session=; Path=/; Max-Age=0")
        assert "set-cookie" not in (await http.get("/me")).headers
        assert (await http.get("/set")).headers["x-seen"] == "yes"


async def test_errors_where_nothing_matched_hold_what_interceptors_set(serving):
    class Fails:
        def after(self, context, result):
            raise ConflictError("after")

    layers = [provide(APP_INTERCEPTOR, use_class=one, multi=True) for one in (Stamps, Fails)]
    async with serving(SessionController, *layers, cookie_secrets=["s" * 32]) as http:
        answer = await http.get("/nowhere")
        assert (answer.status, answer.headers["x-request-id"]) == (409, "abc")


async def test_shared_headers_of_errors_stay_as_they_are(serving):
    async with serving(FailingController, SessionController, cookie_secrets=["s" * 32]) as http:
        await http.get("/plain")
        assert "x-rate-left" not in (await http.get("/nowhere")).headers
        assert "set-cookie" not in (await http.get("/set")).headers
