"""Probes and documents of plugins stand beside the routes."""

from types import ModuleType

import pytest

from nestpy_core import (
    APP_GUARD,
    APP_INTERCEPTOR,
    Endpoint,
    EndpointAnswer,
    EndpointRequest,
    hookimpl,
    injectable,
    provide,
    public,
)
from nestpy_http import HttpClient, controller, get, served_routes

pytestmark = pytest.mark.anyio


@injectable
class Probe:
    async def check(self, request: EndpointRequest) -> EndpointAnswer:
        headers = {"content-type": "text/plain"}
        body = f"{request.method} {request.path}?{request.query} {request.headers['x-a']}"
        return EndpointAnswer(status=203, headers=headers, body=body.encode())

    async def plain(self) -> EndpointAnswer:
        return EndpointAnswer(body=b"ok")

    async def wrong(self, number: int) -> EndpointAnswer:
        return EndpointAnswer(body=str(number).encode())


class Refusing:
    posture = True

    def can_activate(self, context):
        return False


class Marking:
    def after(self, context, result):
        context.response.set("x-seen", context.handler.label if context.handler else "nobody")
        return result


@public
@controller("/")
class RootController:
    @get("/")
    async def root(self) -> str:
        return "root"


def contributing(*found):
    plugin = ModuleType("probe_plugin")
    plugin.nestpy_api = "0.1"
    plugin.nestpy_collect = hookimpl(lambda graph: [Probe, *found], specname="nestpy_collect")
    return [plugin]


def test_routes_tell_whether_a_plugin_brings_them(make_app):
    @public
    @controller("/carried")
    class CarriedController:
        @get("/")
        async def carried(self) -> str: ...

    app = make_app(RootController, plugins=contributing(probe("/plain", "plain"), CarriedController))
    found = {route.path: route.endpoint for route in served_routes(app.graph)}
    assert found == {"/": False, "/plain": True, "/carried": True}


def probe(path, method, *, public=False):
    return Endpoint(path=path, host=Probe, method=method, owner="nestpy-probe", public=public)


async def test_endpoints_answer_under_prefix_guards_and_interceptors(make_app):
    plugins = contributing(probe("/live", "check", public=True), probe("/plain", "plain"))
    layers = [
        provide(APP_GUARD, use_class=Refusing, multi=True),
        provide(APP_INTERCEPTOR, use_class=Marking, multi=True),
    ]
    app = make_app(RootController, *layers, plugins=plugins, prefix="/api")
    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        answer = await http.get("/api/live?a=1", headers=[("x-a", "1"), ("x-a", "2")])
        assert (answer.status, answer.text) == (203, "GET /api/live?a=1 1, 2")
        assert (answer.media_type, answer.headers["x-seen"]) == ("text/plain", "Probe.check")
        assert (await http.head("/api/live", headers={"x-a": ""})).status == 203
        assert (await http.get("/api/plain")).status == 403
        assert (await http.get("/live")).headers["x-seen"] == "nobody"


async def test_endpoint_whose_path_no_request_can_have_does_not_boot(make_app):
    with pytest.raises(ExceptionGroup) as caught:
        make_app(RootController, plugins=contributing(probe("/live?deep=1", "plain")))
    (problem,) = caught.value.exceptions
    assert str(problem) == (
        "The path `/live?deep=1` of `Probe.plain` has `?`, and a path ends before the query.\n"
        "Hint: take it as a parameter of the handler: `deep: Query[str]`"
    )


async def test_endpoint_that_wants_more_than_the_request_does_not_boot(make_app):
    with pytest.raises(ExceptionGroup) as caught:
        make_app(RootController, plugins=contributing(probe("/live", "wrong")))
    (problem,) = caught.value.exceptions
    assert str(problem) == (
        "`number` of `Probe.wrong`, which nestpy-probe mounts, is no `EndpointRequest`.\n"
        "Hint: write `number: EndpointRequest`"
    )
