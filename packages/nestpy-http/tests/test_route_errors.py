"""Every route that cannot be served is a boot error with the edit to make."""

import decimal
import pathlib
from collections.abc import AsyncIterator, Generator, Iterator
from types import ModuleType
from typing import Annotated, Any

import click
import msgspec
import pytest

from nestpy_core import (
    App,
    BootError,
    DefinitionError,
    HandlerMarker,
    HostMarker,
    declare_handler,
    declare_host,
    hookimpl,
    module,
)
from nestpy_http import (
    Body,
    Cookie,
    Header,
    HttpError,
    Path,
    Query,
    Response,
    ResponseError,
    RouteError,
    controller,
    delete,
    get,
    header,
    http_code,
    param,
    post,
)


class CreateUser(msgspec.Struct):
    name: str


class Unserved:
    pass


def problem_of(boot_problems, declare, path="/users", verb=get, route="/"):
    @controller(path)
    class UsersController:
        handle = verb(route)(declare)

    found = boot_problems(UsersController)
    assert len(found) == 1, found
    return found[0]


def test_bare_scalar_that_is_no_path_parameter_is_ambiguous(boot_problems):
    async def handle(self, page: int): ...

    assert problem_of(boot_problems, handle) == (
        "`page` of `UsersController.handle` is `int`, which does not say where it comes from; `/users` has no "
        "`{page}`.\n"
        "Hint: write `page: Query[int]`, `Header[int]`, `Cookie[int]` or `Body[int]`\n"
        "Hint: or add `{page}` to the route"
    )


def test_two_bodies_are_refused(boot_problems):
    async def handle(self, user: CreateUser, extra: Body[dict[str, Any]]): ...

    assert problem_of(boot_problems, handle, verb=post) == (
        "`UsersController.handle` takes two bodies, `user` and `extra`; a request has one.\n"
        "Hint: join them in one Struct, or mark one `Query[…]`, `Header[…]` or `Inject[…]`"
    )


@pytest.mark.parametrize(("verb", "method"), [(get, "GET"), (delete, "DELETE")])
def test_body_on_a_verb_without_one_is_refused(verb, method, boot_problems):
    async def handle(self, user: CreateUser): ...

    assert problem_of(boot_problems, handle, verb=verb) == (
        f"`user` of `UsersController.handle` is a body, and {method} requests have none.\n"
        "Hint: use `@post`, `@put` or `@patch`\n"
        "Hint: or write `user: Query[CreateUser]`, whose fields stand in the query"
    )


@pytest.mark.parametrize(("place", "word"), [(Header, "Header"), (Cookie, "Cookie")])
@pytest.mark.parametrize("kind", [CreateUser, CreateUser | None, Annotated[CreateUser, msgspec.Meta(title="x")]])
def test_data_type_is_no_single_text(place, word, kind, boot_problems):
    async def handle(self, user: place[kind]): ...

    first, hint = problem_of(boot_problems, handle).split("\n")
    assert first.startswith("`user` of `UsersController.handle` is `")
    assert first.endswith(f"`, which no single text of a {word.lower()} can be.")
    assert hint == f"Hint: take its fields one by one, each as `{word}[…]`"


def test_struct_with_constraints_or_none_is_the_body_without_ceremony(make_app):
    @controller("/")
    class BodyController:
        @post("/a")
        async def optional(self, user: CreateUser | None): ...

        @post("/b")
        async def titled(self, user: Annotated[CreateUser, msgspec.Meta(title="x")]): ...

    assert make_app(BodyController)


@pytest.mark.parametrize("kind", [AsyncIterator[bytes], Iterator[str], Generator[int, None, None]])
def test_result_that_iterates_asks_for_an_async_generator(kind, boot_problems):
    async def handle(self) -> kind: ...

    assert problem_of(boot_problems, handle).endswith(
        "\nHint: make the handler an async generator, with `yield`, to stream"
    )


def test_type_of_the_standard_library_has_no_plugin(boot_problems):
    async def handle(self, body: Body[object]): ...

    assert problem_of(boot_problems, handle, verb=post) == (
        "`body` of `UsersController.handle` is `object`, and nothing decodes `object`.\n"
        "Hint: use a msgspec Struct, a dataclass, a TypedDict or an attrs class"
    )


def test_path_parameter_that_the_template_lacks_is_refused(boot_problems):
    async def handle(self, key: Path[int]): ...

    assert problem_of(boot_problems, handle, route="/{id}") == (
        "`key` of `UsersController.handle` is a path parameter, and `/users/{id}` has no `{key}`.\n"
        "Hint: add `{key}` to the route, or write `Query[int]`"
    )


def test_renamed_path_parameter_is_looked_up_by_its_name(boot_problems):
    async def handle(self, key: Annotated[Path[int], param(name="user")]): ...

    assert "has no `{user}`" in problem_of(boot_problems, handle, route="/{id}")


@pytest.mark.parametrize("kind", [pathlib.Path, pathlib.PurePosixPath])
def test_pathlibs_path_has_a_hint_of_its_own(kind, boot_problems):
    async def handle(self, name: kind): ...

    assert problem_of(boot_problems, handle) == (
        f"`name` of `UsersController.handle` is pathlib's `{kind.__name__}`.\n"
        "Hint: for a path parameter write `{name}` in the route\n"
        "Hint: and `http.Path[str]` after `import nestpy_http as http`"
    )


def test_parameter_without_annotation_is_refused(boot_problems):
    async def handle(self, page): ...

    assert problem_of(boot_problems, handle) == (
        "`page` of `UsersController.handle` has no annotation.\nHint: write `page: Query[str]`, for one"
    )


QUERY = "has `?`, and a path ends before the query."
DECODED = "routes are compared with the decoded path."
UNSAFE = "\nHint: leave out control characters, `;`, backslashes and the segments `.` and `..`"


@pytest.mark.parametrize(
    ("route", "end"),
    [
        ("/:id", "has `:`; a parameter is written `{name}`."),
        ("/{id", "has `{id`; a parameter is a whole segment, written `{name}`."),
        ("/x{id}", "has `x{id}`; a parameter is a whole segment, written `{name}`."),
        ("/{}", "has `{}`; a parameter is a whole segment, written `{name}`."),
        ("/{a b}", "has `{a b}`; a parameter is a whole segment, written `{name}`."),
        ("/{id}/{id}", "has `{id}` twice.\nHint: give each its own name, for instance `{id}` and `{other_id}`"),
        ("/../x", f"has a segment that no request may have.{UNSAFE}"),
        ("/a;b", f"has a segment that no request may have.{UNSAFE}"),
        ("/a\\b", f"has a segment that no request may have.{UNSAFE}"),
        (
            "/q?page=1",
            f"{QUERY}\nHint: take it as a parameter of the handler: `page: Query[str]`",
        ),
        ("/q?", f"{QUERY}\nHint: leave `?` out"),
        (
            "/{id}?a={b:c}",
            f"{QUERY}\nHint: take it as a parameter of the handler: `a: Query[str]`",
        ),
        ("/a#b", "has `#`, and no request carries what follows it.\nHint: leave `#b` out"),
        ("/x%20y", f"has `%20`; {DECODED}\nHint: write the character itself: ` `"),
        (
            "/caf%c3%A9/z",
            f"has `%c3%A9`; {DECODED}\nHint: write the character itself: `é`",
        ),
        (
            "/a%2Fb",
            f"has `%2F`; {DECODED}\nHint: write `/`, or take the rest of the path as `{{name...}}`",
        ),
        (
            "/a%00b",
            f"has `%00`; {DECODED}\nHint: leave it out: no request may have that character",
        ),
    ],
)
def test_path_that_no_request_can_have_is_refused(route, end, boot_problems):
    async def handle(self): ...

    problem = problem_of(boot_problems, handle, route=route)
    assert problem == f"The path `/users{route}` of `UsersController.handle` {end}"


def test_type_that_nothing_decodes_names_its_library_and_the_plugin(boot_problems):
    async def handle(self, body: Body[click.Command]): ...

    assert problem_of(boot_problems, handle, verb=post) == (
        "`body` of `UsersController.handle` is `Command`, and nothing installed decodes `Command` of `click`.\n"
        "Hint: install a schema plugin for it: `pip install nestpy-click`\n"
        "Hint: or use a msgspec Struct, a dataclass, a TypedDict or an attrs class"
    )


def test_type_that_nothing_decodes_is_found_inside_a_struct(boot_problems):
    class Order(msgspec.Struct):
        lines: list[dict[str, Unserved | None]]

    async def handle(self, body: Order): ...

    assert "nothing decodes `Unserved`" in problem_of(boot_problems, handle, verb=post)


def test_result_that_nothing_encodes_is_refused(boot_problems):
    async def handle(self) -> Unserved: ...

    assert problem_of(boot_problems, handle).startswith(
        "The result of `UsersController.handle` is `Unserved`, and nothing decodes `Unserved`."
    )


def test_two_routes_of_one_shape_collide_naming_both(boot_problems):
    @controller("/users")
    class UsersController:
        @get("/{id}")
        async def one(self, id: int): ...  # named by the route

    @controller("/")
    class OthersController:
        @get("/users/{name}")
        async def other(self, name: str): ...

    (problem,) = boot_problems(UsersController, OthersController)
    assert problem == (
        "`UsersController.one` and `OthersController.other` both answer GET `/users/{name}`.\n"
        "Hint: give one of them another path or method"
    )


def test_literal_braces_do_not_collide_with_other_literals(make_app):
    @controller("/x")
    class XController:
        @get("/{a}/b")
        async def one(self, a: str): ...

        @get("/a/{b}")
        async def two(self, b: str): ...

    assert len(make_app(XController).edges[0].routes) == 2


def test_controllers_without_the_module_are_not_served():
    @controller("/")
    class RootController:
        @get("/")
        async def root(self): ...

    @module(providers=[RootController])
    class AppModule: ...

    with pytest.raises(BootError) as caught:
        App(AppModule, environ={})
    (problem,) = caught.value.exceptions
    assert str(problem) == (
        "`AppModule` has controllers, and no module serves them.\n"
        "Hint: add `HttpModule.for_root()` to `imports=` of `AppModule`"
    )


def test_hosts_of_another_edge_without_the_module_are_called_what_they_are():
    class TalkMarker(HandlerMarker, frozen=True, kw_only=True):
        edge = "talk"
        host_word = "@talker"

    class TalkerMarker(HostMarker, frozen=True, kw_only=True):
        edge = "talk"
        word = "@talker"

    @controller("/talk")
    class DoorController:
        @post("/")
        async def talk(self) -> str: ...

    class Talker:
        async def say(self) -> str: ...

    declare_handler(Talker.say, TalkMarker())
    declare_host(Talker, TalkerMarker())
    plugin = ModuleType("talk_plugin")
    plugin.nestpy_api = "0.1"
    plugin.nestpy_collect = hookimpl(lambda graph: [DoorController], specname="nestpy_collect")

    def problem_of(*providers):
        @module(providers=list(providers))
        class AppModule: ...

        with pytest.raises(BootError) as caught:
            App(AppModule, environ={}, plugins=[plugin])
        return next(str(one) for one in caught.value.exceptions if isinstance(one, RouteError))

    assert problem_of(Talker) == (
        "`AppModule` has `@talker` classes, and no module serves HTTP.\n"
        "Hint: add `HttpModule.for_root()` to `imports=` of `AppModule`"
    )
    assert problem_of().startswith("`AppModule` has routes that plugins bring, and no module serves HTTP.")


def test_every_problem_of_every_route_is_reported_at_once(boot_problems):
    @controller("/{org}")
    class ManyController:
        @get("/a")
        @get("/b")
        async def scalar(self, page: int): ...

        @post("/:c")
        async def path(self): ...

        @get("/d")
        async def body(self, user: CreateUser, other: pathlib.Path): ...

    assert len(boot_problems(ManyController)) == 5


def test_decorators_refuse_what_they_cannot_mean():
    with pytest.raises(DefinitionError, match=r"`@get` takes a path, for instance `@get\(\"/\"\)`"):
        get(lambda self: None)
    with pytest.raises(DefinitionError, match="write `@controller"):
        controller(object)
    with pytest.raises(DefinitionError, match="must be from 200 to 399"):
        http_code(404)
    with pytest.raises(ResponseError, match="does not allow"):
        header("x-a", "a\r\nb: c")
    with pytest.raises(ResponseError, match="cannot be called"):
        header("x a", "b")
    with pytest.raises(ResponseError, match="from 400 to 599"):
        HttpError(status=200)


def test_verb_on_a_class_that_is_no_controller_is_refused(boot_problems):
    class Plain:
        @get("/")
        async def root(self): ...

    problems = boot_problems(Plain)
    assert problems


def test_places_and_results_that_can_be_served_boot(make_app):
    @controller("/good/{id}")
    class GoodController:
        @post("/")
        async def all(
            self,
            id: int,
            body: CreateUser,
            q: Query[decimal.Decimal],
            h: Header[str],
            c: Cookie[str] = "x",
        ) -> Response | CreateUser: ...

    assert make_app(GoodController)
