"""What NestJS's chapters on filters, interceptors, guards and custom decorators promise, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import pytest

from nestpy_core import (
    APP_FILTER,
    APP_GUARD,
    APP_INTERCEPTOR,
    APP_PIPE,
    DefinitionError,
    Denial,
    Inject,
    Lowercase,
    Reflector,
    Trim,
    apply_decorators,
    catch,
    from_context,
    injectable,
    meta,
    provide,
    public,
    use_filters,
    use_guards,
    use_interceptors,
)
from nestpy_http import (
    HttpContext,
    HttpError,
    InvalidInputError,
    NotFoundError,
    Query,
    Response,
    ServiceUnavailableError,
    UnauthorizedError,
    controller,
    get,
    http_code,
    param,
    post,
)

pytestmark = pytest.mark.anyio

CANARY = "canary-1b9e"


@injectable
class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []


# -- exception filters


@catch(KeyError, OSError)
class Several:
    def catch(self, error, context):
        return Response({"caught": type(error).__name__, "path": context.request.path}, 418)


@catch(Exception)
class Everything:
    log: Log

    def catch(self, error, context):
        self.log.lines.append(type(error).__name__)
        return Response("everything", 500)


@controller("/raises")
class RaisingController:
    @get("/{name}")
    async def raises(self, name: str, n: Query[int] = 0) -> str:
        raise {"key": KeyError, "file": FileNotFoundError, "value": ValueError, "http": NotFoundError}[name](CANARY)

    @use_filters(Several)
    @post("/{name}")
    async def posted(self, name: str) -> str:
        raise {"key": KeyError, "value": ValueError}[name](CANARY)


async def test_filter_of_several_types_catches_them_and_their_subclasses_alone(serving):
    async with serving(RaisingController, provide(APP_FILTER, use_class=Several, multi=True)) as http:
        assert (await http.get("/raises/key")).json() == {"caught": "KeyError", "path": "/raises/key"}
        assert (await http.get("/raises/file")).json()["caught"] == "FileNotFoundError"
        assert (await http.get("/raises/value")).status == 500
        assert (await http.get("/raises/http")).status == 404


async def test_global_filter_is_injected_and_comes_after_the_nearer_one(make_app):
    from nestpy_http import HttpClient

    app = make_app(RaisingController, Log, provide(APP_FILTER, use_class=Everything, multi=True))
    async with app.create_context() as context:
        http, log = HttpClient(app.__rsgi__), await context.get(Log)
        assert (await http.post("/raises/key")).status == 418
        assert (await http.post("/raises/value")).text == "everything"
        assert (await http.get("/raises/http")).text == "everything"
        assert log.lines == ["ValueError", "NotFoundError"]


async def test_input_errors_are_exceptions_that_filters_may_reshape(serving):
    @catch(InvalidInputError)
    class Reshape:
        def catch(self, error, context):
            return Response({"fields": sorted(error.errors)}, 422)

    async with serving(RaisingController, provide(APP_FILTER, use_class=Reshape, multi=True)) as http:
        answer = await http.get("/raises/key?n=x")
        assert (answer.status, answer.json()) == (422, {"fields": ["n"]})


async def test_filter_may_delegate_to_the_default_answer(serving):
    @catch(HttpError)
    class Note:
        def catch(self, error, context):
            context.response.set("x-noted", str(error.status))
            raise error

    async with serving(RaisingController, provide(APP_FILTER, use_class=Note, multi=True)) as http:
        answer = await http.get("/raises/http")
        assert (answer.status, answer.media_type) == (404, "application/problem+json")


async def test_success_passes_filters_untouched(serving):
    @use_filters(Several)
    @controller("/fine")
    class FineController:
        @get("/")
        async def fine(self) -> str:
            return "fine"

    async with serving(FineController) as http:
        assert (await http.get("/fine")).text == "fine"


# -- interceptors


async def test_interceptor_maps_results_and_exceptions(serving):
    class Wrap:
        async def intercept(self, context, call_next):
            try:
                return {"data": await call_next()}
            except LookupError:
                raise ServiceUnavailableError("try later", retry_after=5) from None

    @use_interceptors(Wrap)
    @controller("/wrapped")
    class WrappedController:
        @get("/")
        async def one(self) -> dict[str, int]:
            return {"a": 1}

        @http_code(202)
        @post("/")
        async def fails(self, fail: Query[bool] = True) -> str:
            if fail:
                raise KeyError(CANARY)
            return "in"

    async with serving(WrappedController) as http:
        assert (await http.get("/wrapped")).json() == {"data": {"a": 1}}
        refused = await http.post("/wrapped")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        accepted = await http.post("/wrapped?fail=false")
        assert (accepted.status, accepted.json()) == (202, {"data": "in"})


async def test_interceptor_ends_a_handler_that_takes_too_long(serving):
    class Timeout:
        async def intercept(self, context, call_next):
            try:
                async with asyncio.timeout(0):
                    return await call_next()
            except TimeoutError:
                raise HttpError("too slow", status=408) from None

    ended = []

    @use_interceptors(Timeout)
    @controller("/slow")
    class SlowController:
        @get("/")
        async def slow(self) -> str:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(1)
            return "never"

    async with serving(SlowController) as http:
        assert (await http.get("/slow")).json()["detail"] == "too slow"
    assert ended == [1]


async def test_interceptor_caches_by_what_the_context_tells(serving):
    calls = []

    @injectable
    class Cache:
        def __init__(self) -> None:
            self.known: dict[str, object] = {}

        async def intercept(self, context, call_next):
            key = f"{context.request.path}?{context.request.query_string}"
            if key not in self.known:
                self.known[key] = await call_next()
            return self.known[key]

    @use_interceptors(Cache)
    @controller("/cached")
    class CachedController:
        @get("/{name}")
        async def cached(self, name: str) -> dict[str, int]:
            calls.append(name)
            return {"n": len(calls)}

    async with serving(CachedController) as http:
        answers = [(await http.get(path)).json()["n"] for path in ("/cached/a", "/cached/a", "/cached/b", "/cached/a")]
    assert (answers, calls) == ([1, 1, 2, 1], ["a", "b"])


async def test_interceptor_sees_streams_as_they_are(serving):
    class Upper:
        async def intercept(self, context, call_next):
            source = await call_next()

            async def changed():
                async for chunk in source:
                    yield chunk.upper()

            return changed()

    @use_interceptors(Upper)
    @controller("/streamed")
    class StreamedController:
        @get("/")
        async def streamed(self) -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"c"

    async with serving(StreamedController) as http:
        assert (await http.get("/streamed")).content == b"ABC"


async def test_global_interceptor_sees_refusals_and_404s(serving):
    seen = []

    class Watch:
        async def intercept(self, context, call_next):
            result = await call_next()
            seen.append((context.handler.label if context.handler else None, getattr(result, "status", 200)))
            return result

    class Refuse:
        def can_activate(self, context):
            return Denial.rate_limited(2)

    @controller("/watched")
    class WatchedController:
        @use_guards(Refuse)
        @get("/")
        async def refused(self) -> str:
            return "never"

        @get("/in")
        async def admitted(self) -> str:
            return "in"

    async with serving(WatchedController, provide(APP_INTERCEPTOR, use_class=Watch, multi=True)) as http:
        assert (await http.get("/watched")).headers["retry-after"] == "2"
        await http.get("/watched/in")
        await http.get("/nowhere")
        await http.delete("/watched")
    assert seen == [("WatchedController.refused", 429), ("WatchedController.admitted", 200), (None, 404), (None, 405)]


# -- metadata and guards


class Roles(msgspec.Struct, frozen=True):
    names: tuple[str, ...]


class Needs(msgspec.Struct, frozen=True):
    what: str


@injectable
class RolesGuard:
    reflector: Reflector
    posture = True

    def can_activate(self, context):
        wanted = self.reflector.get(Roles, context)
        held = context.headers.get("roles", "").split(",")
        if wanted is None or any(name in held for name in wanted.names):
            return True
        return Denial.insufficient_scope(wanted.names)


def auth(*roles):
    return apply_decorators(meta(Roles(roles)), meta(Needs("a token")), http_code(203))


@meta(Roles(("reader",)))
@controller("/roles")
class RolesController:
    reflector: Reflector

    @get("/host")
    async def host(self) -> str:
        return "host"

    @auth("admin")
    @get("/method")
    async def method(self, context: HttpContext) -> str:
        return f"{self.reflector.get_all(Roles, context)}{self.reflector.get(Needs, context)}"

    @public
    @get("/open")
    async def open(self) -> str:
        return "open"


async def test_global_guard_reads_the_nearest_metadata_and_public_lifts_it(serving):
    async with serving(RolesController, provide(APP_GUARD, use_class=RolesGuard, multi=True)) as http:
        assert (await http.get("/roles/host", headers={"roles": "reader"})).status == 200
        refused = await http.get("/roles/host", headers={"roles": "admin"})
        assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="reader"'
        assert (await http.get("/roles/method", headers={"roles": "reader"})).status == 403
        answer = await http.get("/roles/method", headers={"roles": "admin"})
        both = "(Roles(names=('admin',)), Roles(names=('reader',)))"
        assert (answer.status, answer.text) == (203, f"{both}Needs(what='a token')")
        assert (await http.get("/roles/open")).text == "open"


# -- parameters of one's own


class User(msgspec.Struct):
    name: str


@injectable
class Attach:
    async def can_activate(self, context):
        name = context.headers.get("user")
        if name:
            context.state["user"] = User(name)
        return True


async def tenant_of(context):
    await asyncio.sleep(0)
    return context.headers.get("tenant")


def required_user(context):
    if "user" not in context.state:
        raise UnauthorizedError("who?")
    return context.state["user"]


CurrentUser = Annotated[User, from_context(lambda context: context.state["user"])]
RequiredUser = Annotated[User, from_context(required_user)]
Tenant = Annotated[str | None, from_context(tenant_of), param(pipes=[Trim, Lowercase()])]


@use_guards(Attach)
@controller("/me")
class MeController:
    @get("/")
    async def me(self, user: CurrentUser, tenant: Tenant, log: Inject[Log]) -> str:
        return f"{user.name} {tenant} {len(log.lines)}"

    @get("/required")
    async def required(self, *, user: RequiredUser) -> str:
        return user.name

    @post("/")
    async def with_body(self, user: CurrentUser, sent: User, context: HttpContext) -> str:
        return f"{user.name} {sent.name} {(await context.request.json())['name']}"


@controller("/bare")
class BareController:
    @get("/")
    async def tenant(self, tenant: Tenant) -> str:
        return repr(tenant)


async def test_parameters_may_come_from_the_context_and_run_through_pipes(serving):
    async with serving(MeController, BareController, Log) as http:
        assert (await http.get("/me", headers={"user": "ann", "tenant": " ACME "})).text == "ann acme 0"
        assert (await http.get("/me", headers={"user": "ann"})).text == "ann None 0"
        assert (await http.get("/bare", headers={"tenant": "A"})).text == "'a'"
        assert (await http.post("/me", json={"name": "bob"}, headers={"user": "ann"})).text == "ann bob bob"


async def test_what_no_guard_attached_is_a_silent_500_or_what_its_reader_raises(serving):
    async with serving(MeController, Log) as http:
        missing = await http.get("/me")
        assert missing.status == 500
        assert "User" not in missing.text
        assert "user" not in missing.text
        assert (await http.get("/me/required")).headers["www-authenticate"] == "Bearer"


async def test_global_pipes_run_for_parameters_of_ones_own_too(serving):
    class Note:
        def transform(self, value, parameter):
            seen.append((parameter.name, value))
            return value

    seen = []
    async with serving(BareController, provide(APP_PIPE, use_value=Note(), multi=True)) as http:
        await http.get("/bare", headers={"tenant": " A"})
        await http.get("/bare")
    assert seen == [("tenant", " A")]


def test_what_reads_the_context_must_be_a_function():
    with pytest.raises(DefinitionError, match="takes a function of the context"):
        from_context("user")


def test_apply_decorators_keeps_the_order_in_which_they_are_written():
    def mark(name):
        return lambda target: [name, *(target if isinstance(target, list) else [])]

    assert apply_decorators(mark("a"), mark("b"))("handler") == ["a", "b"]
