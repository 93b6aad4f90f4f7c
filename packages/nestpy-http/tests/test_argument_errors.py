"""A parameter that is written as other frameworks write it, or in the wrong place, is told how it is written here."""

import pathlib
from typing import Annotated, Generic, Optional, TypeVar

import msgspec
import pytest
from annotated_types import Ge
from pydantic import Field

from nestpy_core import BootError, DefinitionError, injectable, provide
from nestpy_http import (
    Body,
    Cookie,
    File,
    Form,
    Header,
    Path,
    Query,
    Response,
    SignedCookies,
    StreamResponse,
    Upload,
    body_limit,
    compress,
    controller,
    get,
    http_code,
    post,
    redirect,
    timeout,
    version,
)

T = TypeVar("T")


class NewCat(msgspec.Struct):
    name: str


@injectable
class Store:
    limit: int = 3


@injectable
class Cats:
    store: Store


class Boxes(Generic[T]):
    pass


@pytest.fixture
def problem_of(make_app):
    def find(declare, verb=get, route="/"):
        @controller("/cats")
        class CatsController:
            handle = verb(route)(declare)

        with pytest.raises(BootError) as caught:
            make_app(CatsController, Store, Cats, provide(Boxes[int], use_value=Boxes()))
        (problem,) = caught.value.exceptions
        return str(problem)

    return find


@pytest.mark.parametrize("verb", [get, post])
@pytest.mark.parametrize("kind", [Store, Cats, Boxes[int]])
def test_a_provider_is_injected(verb, kind, problem_of):
    async def handle(self, it: kind): ...

    name = "Boxes[int]" if kind == Boxes[int] else kind.__name__
    assert problem_of(handle, verb) == (
        f"`it` of `CatsController.handle` is `{name}`, which the container gives and no request.\n"
        f"Hint: write `it: Inject[{name}]`, or inject it as a field of its class"
    )


def test_data_that_is_provided_says_whether_it_is_the_body(boot_problems):
    @controller("/cats")
    class CatsController:
        @post("/")
        async def handle(self, cat: NewCat): ...

    (problem,) = boot_problems(CatsController, provide(NewCat, use_value=NewCat("Tom")))
    assert problem.endswith("\nHint: or `cat: Body[NewCat]`, where requests do send one")


@pytest.mark.parametrize("verb", [get, post])
def test_what_the_framework_provides_is_injected_too(verb, problem_of):
    async def handle(self, cookies: SignedCookies): ...

    assert "Hint: write `cookies: Inject[SignedCookies]`" in problem_of(handle, verb)


@pytest.mark.parametrize("kind", [Response, StreamResponse])
def test_an_answer_is_returned(kind, problem_of):
    async def handle(self, response: kind): ...

    assert problem_of(handle) == (
        f"`response` of `CatsController.handle` is `{kind.__name__}`, which is an answer.\n"
        f"Hint: return one\n"
        f"Hint: or take `context: HttpContext`, and write `context.response.set(name, value)`"
    )


@pytest.mark.parametrize(("kind", "word"), [(Upload, "Upload"), (list[Upload], "list[Upload]")])
def test_an_upload_is_a_file(kind, word, problem_of):
    async def handle(self, picture: kind): ...

    assert problem_of(handle, post) == (
        f"`picture` of `CatsController.handle` is `{word}`, which stands in a form with files.\n"
        f"Hint: write `picture: File[{word}]`"
    )


def test_data_beside_files_stands_in_the_form(problem_of):
    async def handle(self, cat: NewCat, picture: File[Upload]): ...

    assert problem_of(handle, post) == (
        "`CatsController.handle` takes two bodies, `cat` and `picture`; a request has one.\n"
        "Hint: write `cat: Form[NewCat]`, whose fields stand in one form with the files"
    )


@pytest.mark.parametrize(
    ("kind", "written", "right"),
    [
        (Query[int] | None, "Query[int] | None", "Query[int | None]"),
        (Optional[Header[str]], "Header[str] | None", "Header[str | None]"),  # noqa: UP045  # many write it so
        (list[Query[str]], "list[Query[str]]", "Query[list[str]]"),
        (Annotated[int, Query], "Annotated[int, Query]", "Query[int]"),
        (Annotated[str | None, Cookie], "Annotated[str | None, Cookie]", "Cookie[str | None]"),
    ],
)
def test_a_place_stands_around_the_whole_type(kind, written, right, problem_of):
    async def handle(self, page: kind = None): ...

    assert problem_of(handle) == (
        f"`page` of `CatsController.handle` is `{written}`; where it comes from stands around the whole type.\n"
        f"Hint: write `page: {right}`"
    )


@pytest.mark.parametrize(("kind", "name"), [(Query, "Query"), (Path, "Path"), (Header, "Header")])
def test_a_place_says_of_what_type(kind, name, problem_of):
    async def handle(self, page: kind): ...

    assert problem_of(handle) == (
        f"`page` of `CatsController.handle` is `{name}` of no type.\nHint: write `page: {name}[str]`, for one"
    )


@pytest.mark.parametrize(("place", "name"), [(Query, "Query"), (Body, "Body"), (File, "File"), (Form, "Form")])
def test_a_place_is_no_default(place, name):
    with pytest.raises(DefinitionError) as caught:
        place(1)
    assert str(caught.value) == (
        f"`{name}` is written as an annotation and not called.\n"
        f"Hint: write `name: {name}[…]`, with a default behind it, and constraints as "
        f"`{name}[Annotated[…, msgspec.Meta(…)]]`"
    )


@pytest.mark.parametrize("kind", [dict[str, int], list[NewCat], NewCat | dict[str, int]])
def test_what_no_text_can_be_is_a_body(kind, problem_of):
    async def handle(self, given: kind): ...

    hint = problem_of(handle, post).partition("\n")[2]
    assert hint.startswith("Hint: write `given: Body[")
    assert "Query" not in hint
    assert "route" not in hint


@pytest.mark.parametrize("kind", [pathlib.Path, pathlib.PurePosixPath])
def test_pathlibs_path_has_its_hint_where_the_route_names_it_too(kind, problem_of):
    async def handle(self, name: kind): ...

    problem = problem_of(handle, route="/{name}")
    assert problem.startswith(f"`name` of `CatsController.handle` is pathlib's `{kind.__name__}`.\n")
    assert "`http.Path[str]` after `import nestpy_http as http`" in problem


@pytest.mark.parametrize("constraint", [Field(ge=1), Ge(1)])
def test_a_constraint_that_nobody_reads_is_refused(constraint, problem_of):
    async def handle(self, page: Query[Annotated[int, constraint]] = 1): ...

    assert problem_of(handle) == (
        f"`page` of `CatsController.handle` holds the constraint `{type(constraint).__name__}` of "
        f"`{type(constraint).__module__.partition('.')[0]}`, which nobody would check.\n"
        "Hint: write it as `msgspec.Meta(…)`, for instance `Annotated[int, msgspec.Meta(ge=1)]`"
    )


def test_a_constraint_that_nobody_reads_is_found_inside_a_body(problem_of):
    class Line(msgspec.Struct):
        count: Annotated[int, Ge(1)]

    class Order(msgspec.Struct):
        lines: list[Line]

    async def handle(self, order: Order): ...

    assert "holds the constraint `Ge` of `annotated_types`" in problem_of(handle, post)


def test_a_name_that_a_body_cannot_find_is_named(problem_of):
    class Order(msgspec.Struct):
        total: "Decimal"  # noqa: F821  # that it is not there is the point

    async def handle(self, order: Order): ...

    assert problem_of(handle, post) == (
        "`order` of `CatsController.handle` is `Order`, which cannot be decoded: name 'Decimal' is not defined.\n"
        "Hint: import `Decimal` where it is annotated, outside `if TYPE_CHECKING:`"
    )


def test_a_class_of_the_app_itself_is_no_librarys(problem_of):
    class Plain:
        pass

    async def handle(self, it: Body[Plain]): ...

    assert problem_of(handle, post) == (
        "`it` of `CatsController.handle` is `Plain`, and nothing decodes `Plain`.\n"
        "Hint: use a msgspec Struct, a dataclass, a TypedDict or an attrs class"
    )


@pytest.mark.parametrize(
    ("route", "end"),
    [
        ("/:id", "has `:`; a parameter is written `{name}`."),
        (
            "/{id:int}",
            "has `:`; a parameter is written `{name}`, its type in the handler, and `{name...}` for all that follows.",
        ),
    ],
)
def test_a_parameter_that_is_written_as_elsewhere_is_told(route, end, problem_of):
    async def handle(self): ...

    assert problem_of(handle, route=route).endswith(end)


@pytest.mark.parametrize(
    ("decorator", "example"),
    [
        (body_limit, "@body_limit(1048576)"),
        (timeout, "@timeout(5)"),
        (http_code, "@http_code(202)"),
        (version, '@version("2")'),
        (compress, "@compress(False)"),
        (redirect, '@redirect("/elsewhere")'),
    ],
)
def test_a_decorator_without_its_arguments_is_refused(decorator, example):
    async def handle(self): ...

    with pytest.raises(DefinitionError) as caught:
        decorator(handle)
    name = example[: example.index("(")]
    assert (
        str(caught.value) == f"`{name}` stands above a handler without its arguments.\nHint: write `{example}`, for one"
    )
