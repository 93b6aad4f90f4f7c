"""Guards, interceptors, pipes and filters around HTTP handlers, as one order without exceptions."""

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from nestpy_core import (
    APP_FILTER,
    APP_GUARD,
    APP_INTERCEPTOR,
    APP_PIPE,
    BootError,
    Denial,
    Reflector,
    Scope,
    blocking,
    catch,
    injectable,
    meta,
    provide,
    public,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from nestpy_http import ConflictError, HttpContext, NotFoundError, Query, Request, Response, controller, get, post

pytestmark = pytest.mark.anyio

CANARY = "canary-1b9e"


@injectable
class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []


def layer(kind, name):
    """Make a layer class that logs under *name*."""

    class Guard:
        log: Log

        async def can_activate(self, context) -> bool:
            self.log.lines.append(f"guard {name}")
            return context.headers.get("refuse") != name

    class Interceptor:
        log: Log

        async def intercept(self, context, call_next):
            self.log.lines.append(f"> {name}")
            try:
                return await call_next()
            finally:
                self.log.lines.append(f"< {name}")

    class Pipe:
        log: Log

        def transform(self, value, parameter):
            self.log.lines.append(f"pipe {name}")
            return value

    class Filter:
        log: Log

        def catch(self, error, context):
            self.log.lines.append(f"filter {name}")
            if context.headers.get("answer") == name:
                return Response("filtered", 409)
            raise error

    cls = {"guard": Guard, "interceptor": Interceptor, "pipe": Pipe, "filter": Filter}[kind]
    cls.__qualname__ = cls.__name__ = f"{name.title()}{kind.title()}"
    return injectable(cls)


LAYERS = {(kind, name): layer(kind, name) for kind in ("guard", "interceptor", "pipe", "filter") for name in "ghm"}
USES = {"guard": use_guards, "interceptor": use_interceptors, "pipe": use_pipes, "filter": use_filters}
TOKENS = {"guard": APP_GUARD, "interceptor": APP_INTERCEPTOR, "pipe": APP_PIPE, "filter": APP_FILTER}
GLOBALS = [provide(token, use_class=LAYERS[kind, "g"], multi=True) for kind, token in TOKENS.items()]


def used(name):
    def declare(target):
        for kind, use in USES.items():
            target = use(LAYERS[kind, name])(target)
        return target

    return declare


@used("h")
@controller("/ordered")
class OrderedController:
    log: Log

    @used("m")
    @get("/")
    async def handle(self, value: Query[int] = 0) -> str:
        self.log.lines.append("handler")
        if value == 13:
            raise LookupError(CANARY)
        return "handled"

    @used("m")
    @get("/{id}")
    async def one(self, id: int) -> str:  # named by the route
        return str(id)


async def lines_of(http_request, log):
    log.lines.clear()
    answer = await http_request
    return answer, log.lines


async def test_layers_run_in_one_order(make_app):
    from nestpy_http import HttpClient

    app = make_app(OrderedController, Log, *GLOBALS)
    async with app.create_context() as context:
        log, http = await context.get(Log), HttpClient(app.__rsgi__)

        answer, lines = await lines_of(http.get("/ordered?value=1"), log)
        assert answer.text == "handled"
        assert lines == [
            *("> g", "guard g", "guard h", "guard m", "> h", "> m"),
            *("pipe g", "pipe h", "pipe m", "handler", "< m", "< h", "< g"),
        ]

        for refusing, before in (("g", ["guard g"]), ("h", ["guard g", "guard h"])):
            answer, lines = await lines_of(http.get("/ordered", headers={"refuse": refusing}), log)
            assert answer.status == 403
            assert lines == ["> g", *before, "< g"]

        answer, lines = await lines_of(http.get("/ordered?value=13"), log)
        assert (answer.status, CANARY in answer.text) == (500, False)
        assert [line for line in lines if line.startswith("filter")] == ["filter m", "filter h", "filter g"]

        for name, seen in (("m", ["filter m"]), ("h", ["filter m", "filter h"])):
            answer, lines = await lines_of(http.get("/ordered?value=13", headers={"answer": name}), log)
            assert (answer.status, answer.text) == (409, "filtered")
            assert [line for line in lines if line.startswith("filter")] == seen
            assert lines[-1] == "< g"

        answer, lines = await lines_of(http.get("/ordered/x"), log)
        assert answer.status == 400
        assert [line for line in lines if line.startswith("filter")] == ["filter m", "filter h", "filter g"]

        for target, status in (("/nowhere", 404), ("/..", 400)):
            answer, lines = await lines_of(http.get(target), log)
            assert (answer.status, lines) == (status, ["> g", "< g"])
        answer, lines = await lines_of(http.put("/ordered"), log)
        assert (answer.status, answer.headers["allow"], lines) == (405, "GET, HEAD", ["> g", "< g"])

        answer, lines = await lines_of(http.head("/ordered", headers={"refuse": "m"}), log)
        assert (answer.status, lines) == (403, ["> g", "guard g", "guard h", "guard m", "< g"])


async def test_layer_declared_at_several_levels_runs_once(serving):
    counted = []

    class Once:
        async def intercept(self, context, call_next):
            counted.append(1)
            return await call_next()

    once = Once()

    @use_interceptors(once)
    @controller("/")
    class OnceController:
        @use_interceptors(once)
        @get("/")
        async def root(self) -> str:
            return "root"

    async with serving(OnceController) as http:
        await http.get("/")
    assert counted == [1]


async def test_global_interceptor_may_change_every_answer(serving):
    class Stamp:
        async def intercept(self, context, call_next):
            result = await call_next()
            context.response.set("x-stamp", context.handler.name if context.handler else "none")
            return result

    async with serving(OrderedController, Log, provide(APP_INTERCEPTOR, use_class=Stamp, multi=True)) as http:
        assert (await http.get("/ordered")).headers["x-stamp"] == "handle"
        assert (await http.get("/ordered", headers={"refuse": "h"})).headers["x-stamp"] == "handle"
        missing = await http.get("/nowhere")
        assert (missing.status, missing.headers["x-stamp"]) == (404, "none")
        refused = await http.put("/ordered")
        assert (refused.headers["x-stamp"], refused.headers["allow"]) == ("none", "GET, HEAD")


async def test_interceptor_may_answer_instead_of_the_handler_or_replace_its_result(serving):
    class Cached:
        async def intercept(self, context, call_next):
            if context.headers.get("cached"):
                return Response("cached", 203)
            return {"wrapped": await call_next()}

    @controller("/")
    class WrappedController:
        @use_interceptors(Cached)
        @get("/")
        async def root(self) -> str:
            return "root"

        @use_interceptors(Cached)
        @get("/none")
        async def none(self) -> None: ...

        @use_interceptors(Cached)
        @get("/stream")
        async def stream(self) -> AsyncIterator[bytes]:
            yield b"chunk"

    class Drop:
        def after(self, context, result):
            return None

    @use_interceptors(Drop)
    @controller("/dropped")
    class DroppedController:
        @get("/")
        async def root(self) -> str:
            return "root"

    async with serving(WrappedController, DroppedController) as http:
        answer = await http.get("/")
        assert (answer.json(), answer.media_type) == ({"wrapped": "root"}, "application/json")
        assert (await http.get("/none")).status == 204
        for path in ("/", "/none", "/stream"):
            cached = await http.get(path, headers={"cached": "1"})
            assert (cached.status, cached.text) == (203, "cached")
        assert (await http.get("/dropped")).content == b""


async def test_before_and_after_are_an_interceptor_without_a_closure(serving):
    class Timed:
        def before(self, context) -> None:
            context.state["n"] = 1

        async def after(self, context, result):
            return f"{result} {context.state['n']}"

    @controller("/")
    class TimedController:
        @use_interceptors(Timed)
        @get("/")
        async def root(self, context: HttpContext) -> str:
            context.state["n"] += 1
            return "root"

    async with serving(TimedController) as http:
        assert (await http.get("/")).text == "root 2"


class Denying:
    def __init__(self, verdict):
        self.verdict = verdict

    def can_activate(self, context):
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


@pytest.mark.parametrize(
    ("verdict", "status", "headers", "detail"),
    [
        (Denial.unauthorized("Log in"), 401, {"www-authenticate": "Bearer"}, "Log in"),
        (Denial.unauthorized(challenge='Basic realm="x"'), 401, {"www-authenticate": 'Basic realm="x"'}, None),
        (Denial.forbidden("Not yours"), 403, {}, "Not yours"),
        (Denial.rate_limited(2.1), 429, {"retry-after": "3"}, None),
        (
            Denial.insufficient_scope(("read", "write")),
            403,
            {"www-authenticate": 'Bearer error="insufficient_scope", scope="read write"'},
            None,
        ),
        (False, 403, {}, None),
        (None, 403, {}, None),
        (0, 403, {}, None),
        (1, 403, {}, None),
        ("yes", 403, {}, None),
        (object(), 403, {}, None),
        (RuntimeError(CANARY), 500, {}, None),
        (ConflictError("Busy"), 409, {}, "Busy"),
    ],
)
@pytest.mark.parametrize("outer", [False, True])
async def test_whatever_is_not_true_refuses(verdict, status, headers, detail, outer, serving):
    called = []

    @controller("/")
    class GuardedController:
        @use_guards(Denying(verdict))
        @get("/")
        async def root(self) -> str:
            called.append(1)
            return "root"

    globals_ = [provide(APP_INTERCEPTOR, use_class=LAYERS["interceptor", "g"], multi=True), Log] if outer else []
    async with serving(GuardedController, *globals_) as http:
        answer = await http.get("/")
    assert (answer.status, called) == (status, [])
    assert headers.items() <= dict(answer.headers.items()).items()
    if detail is not None:
        assert answer.json()["detail"] == detail
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("verdict", "reason", "detail", "remedy"),
    [
        (Denial.unauthorized("Log in"), "unauthorized", "Log in", "send credentials that answer the challenge"),
        (False, "forbidden", "", "grant the caller what the guard asks for"),
        (Denial.rate_limited(2), "rate_limited", "", "let the caller wait, or raise its limit"),
        (Denial.insufficient_scope(("a", "b")), "insufficient_scope", "a b", "give the token the scopes"),
    ],
)
async def test_refusal_is_a_warning_with_reason_detail_and_remedy(verdict, reason, detail, remedy, serving, caplog):
    @controller("/")
    class GuardedController:
        @use_guards(Denying(verdict))
        @get("/")
        async def root(self) -> str:
            return "root"

    async with serving(GuardedController) as http:
        await http.get(f"/?token={CANARY}", headers={"authorization": CANARY})
    (record,) = [each for each in caplog.records if each.name == "nestpy.guards"]
    assert record.levelname == "WARNING"
    assert (record.handler, record.reason, record.detail) == ("GuardedController.root", reason, detail)
    assert record.remedy.startswith(remedy)
    assert record.getMessage() == (
        f"GuardedController.root was refused: reason={reason} detail={detail!r} remedy={record.remedy!r}"
    )
    assert CANARY not in caplog.text


async def test_later_guards_do_not_run_after_a_refusal(serving):
    asked = []

    class Asking:
        def can_activate(self, context):
            asked.append(1)
            return True

    @controller("/")
    class GuardedController:
        @use_guards(Denying(False), Asking())
        @get("/")
        async def root(self) -> str:
            return "root"

    async with serving(GuardedController) as http:
        assert (await http.get("/")).status == 403
    assert asked == []


async def test_refusal_never_reaches_filters(serving):
    @catch(Exception)
    class CatchAll:
        def catch(self, error, context):
            return Response("caught", 200)

    @use_filters(CatchAll)
    @controller("/")
    class FilteredController:
        @use_guards(Denying(Denial.forbidden()))
        @get("/")
        async def refused(self) -> str:
            return "never"

        @get("/raised")
        async def raised(self) -> str:
            raise LookupError

    async with serving(FilteredController, provide(APP_FILTER, use_class=CatchAll, multi=True)) as http:
        assert (await http.get("/")).status == 403
        assert (await http.get("/raised")).text == "caught"


async def test_filters_catch_by_type_and_pass_on_what_they_raise(serving):
    @catch(LookupError)
    class Lookups:
        def catch(self, error, context):
            return {"missing": True}

    @catch(ValueError)
    class Values:
        async def catch(self, error, context):
            raise NotFoundError("Translated") from error

    @catch(OSError)
    class Broken:
        def catch(self, error, context):
            raise RuntimeError(CANARY)

    @use_filters(Lookups, Values, Broken)
    @controller("/")
    class TypedController:
        @get("/{kind}")
        async def raises(self, kind: str) -> dict[str, bool]:
            raise {"key": KeyError, "value": ValueError, "os": OSError, "other": ArithmeticError}[kind](CANARY)

    async with serving(TypedController) as http:
        assert (await http.get("/key")).json() == {"missing": True}
        translated = await http.get("/value")
        assert (translated.status, translated.json()["detail"]) == (404, "Translated")
        for path in ("/os", "/other"):
            answer = await http.get(path)
            assert (answer.status, CANARY in answer.text) == (500, False)


@pytest.mark.parametrize("place", ["guard", "before", "intercept", "after", "pipe", "handler", "filter", "provider"])
@pytest.mark.parametrize("outer", [False, True])
async def test_exception_of_any_layer_is_a_silent_500(place, outer, serving, caplog):
    def at(here):
        if place == here:
            raise RuntimeError(CANARY)

    class Guarding:
        def can_activate(self, context):
            at("guard")
            return True

    class Around:
        async def intercept(self, context, call_next):
            at("intercept")
            return await call_next()

    class BeforeAfter:
        def before(self, context):
            at("before")

        def after(self, context, result):
            at("after")
            return result

    class Piping:
        def transform(self, value, parameter):
            at("pipe")
            return value

    class Filtering:
        def catch(self, error, context):
            raise RuntimeError(CANARY)

    @injectable(scope=Scope.REQUEST)
    class Session:
        def __init__(self):
            at("provider")

    @controller("/", scope=Scope.REQUEST)
    class CanaryController:
        session: Session

        @use_guards(Guarding)
        @use_interceptors(Around, BeforeAfter)
        @use_pipes(Piping)
        @use_filters(*([Filtering] if place == "filter" else []))
        @get("/")
        async def root(self, value: Query[str]) -> str:
            at("handler")
            at("filter")
            return value

    globals_ = [provide(APP_INTERCEPTOR, use_class=LAYERS["interceptor", "g"], multi=True), Log] if outer else []
    async with serving(CanaryController, Session, *globals_) as http:
        answer = await http.get("/?value=x")
        assert (answer.status, answer.media_type) == (500, "application/problem+json")
        assert CANARY not in answer.text + repr(answer.headers)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_handler_that_awaits_a_task_it_cancelled_is_a_500_like_any_other_failure(serving, caplog):
    @controller("/")
    class StoppingController:
        @get("/")
        async def root(self) -> str:
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task
            return "stopped"

    async with serving(StoppingController) as http:
        answer = await http.get("/")
        assert (answer.status, answer.media_type) == (500, "application/problem+json")
    assert [str(record.exc_info[1]).partition(".")[0] for record in caplog.records if record.exc_info] == [
        "A task was awaited that somebody had cancelled"
    ]


@injectable
class Authentication:
    posture = True

    def can_activate(self, context) -> bool:
        return context.headers.get("authorization") == "yes"


async def test_public_routes_are_free_of_global_posture_guards(serving):
    @controller("/")
    class MixedController:
        @get("/")
        async def private(self) -> str:
            return "private"

        @public
        @get("/open")
        async def open(self) -> str:
            return "open"

    async with serving(MixedController, provide(APP_GUARD, use_class=Authentication, multi=True)) as http:
        assert (await http.get("/")).status == 403
        assert (await http.head("/")).status == 403
        assert (await http.get("/", headers={"authorization": "yes"})).text == "private"
        assert (await http.get("/open")).text == "open"
        assert (await http.get("/nowhere")).status == 404


def test_route_without_a_posture_is_a_boot_error_once_one_guard_has_it(make_app):
    @controller("/")
    class ForgottenController:
        @use_guards(Authentication)
        @get("/guarded")
        async def guarded(self) -> str: ...

        @get("/forgotten")
        async def forgotten(self) -> str: ...

        @public
        @get("/open")
        async def open(self) -> str: ...

    with pytest.raises(BootError) as caught:
        make_app(ForgottenController)
    assert "ForgottenController.forgotten" in str(caught.value)
    assert "ForgottenController.open" not in str(caught.value)


class Roles(msgspec.Struct, frozen=True):
    names: tuple[str, ...]


async def test_guards_read_the_typed_metadata_of_the_matched_route(serving):
    class RolesGuard:
        reflector: Reflector

        def can_activate(self, context) -> bool:
            roles = self.reflector.get(Roles, context)
            return roles is None or context.headers.get("role") in roles.names

    @meta(Roles(("admin",)))
    @controller("/roles")
    class RolesController:
        @get("/host")
        async def host(self) -> str:
            return "host"

        @meta(Roles(("user",)))
        @get("/method")
        async def method(self) -> str:
            return "method"

    guard = provide(APP_GUARD, use_class=injectable(RolesGuard), multi=True)
    async with serving(RolesController, Reflector, guard) as http:
        for path, role, status in (("host", "admin", 200), ("host", "user", 403), ("method", "user", 200)):
            assert (await http.get(f"/roles/{path}", headers={"role": role})).status == status


# -- request scope and threads


async def test_request_scoped_providers_are_shared_in_a_request_and_new_in_the_next(serving):
    made = []

    @injectable(scope=Scope.REQUEST)
    class Session:
        request: Request

        def __init__(self, request: Request):
            self.request = request
            made.append(self)

    class SessionGuard:
        session: Session

        def can_activate(self, context) -> bool:
            return self.session.request.headers.get("x") == "1"

    injectable(scope=Scope.REQUEST)(SessionGuard)

    @controller("/", scope=Scope.REQUEST)
    class SessionController:
        session: Session

        @use_guards(SessionGuard)
        @get("/")
        async def root(self) -> str:
            return self.session.request.path

    async with serving(SessionController, Session) as http:
        assert (await http.get("/", headers={"x": "1"})).text == "/"
        assert len(made) == 1
        assert (await http.get("/", headers={"x": "2"})).status == 403
        assert len(made) == 2


async def test_clean_up_of_a_request_runs_after_the_last_byte_even_when_the_handler_fails(make_app):
    from nestpy_http import HttpClient

    class Session:
        pass

    events = []

    async def session():
        events.append("open")
        try:
            yield Session()
        finally:
            events.append("close")

    @controller("/", scope=Scope.REQUEST)
    class CleanController:
        session: Session

        @get("/")
        async def root(self) -> str:
            events.append("handler")
            return "root"

        @get("/failing")
        async def failing(self) -> str:
            raise LookupError

        @get("/stream")
        async def stream(self) -> AsyncIterator[bytes]:
            yield b"1"
            events.append("between")
            yield b"2"

        @post("/")
        async def wrong(self, value: Query[int]) -> str:
            return "never"

    app = make_app(CleanController, provide(Session, use_factory=session, scope=Scope.REQUEST))
    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        for method, path, status, expected in (
            ("GET", "/", 200, ["open", "handler", "close"]),
            ("GET", "/failing", 500, ["open", "close"]),
            ("GET", "/stream", 200, ["open", "between", "close"]),
            ("HEAD", "/stream", 200, ["open", "close"]),
        ):
            events.clear()
            assert (await http.request(method, path)).status == status
            assert events == expected, path
        events.clear()
        assert (await http.post("/")).status == 400
        assert events.count("open") == events.count("close")
        events.clear()
        async with http.stream("GET", "/stream") as answer:
            assert await anext(aiter(answer)) == b"1"
        assert (events[0], events[-1]) == ("open", "close")


async def test_blocking_handlers_run_in_a_thread_and_sync_ones_inline(serving):
    import threading

    @controller("/")
    class ThreadsController:
        @blocking
        @get("/blocking")
        def slow(self, value: Query[int] = 1) -> str:
            return f"{threading.current_thread() is threading.main_thread()} {value}"

        @get("/inline")
        def inline(self) -> str:
            return str(threading.current_thread() is threading.main_thread())

        @blocking
        @get("/raises")
        def raises(self) -> str:
            raise ConflictError("From a thread")

    async with serving(ThreadsController) as http:
        assert (await http.get("/blocking?value=2")).text == "False 2"
        assert (await http.get("/inline")).text == "True"
        assert (await http.get("/raises")).status == 409


@pytest.mark.parametrize("code", [0, 3, "no more"])
async def test_a_handler_that_exits_is_a_failure_with_a_log_line_and_the_next_request_is_answered(
    code, serving, caplog
):
    @controller("/")
    class ExitingController:
        @get("/exit")
        async def exit(self) -> str:
            raise SystemExit(code)

        @get("/")
        async def root(self) -> str:
            return "root"

    async with serving(ExitingController) as http:
        answer = await http.get("/exit")
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        assert (await http.get("/")).text == "root"
    assert f"StrayExitError: `SystemExit({code!r})` was raised" in caplog.text
