"""Annotations are resolved once, across files and under `TYPE_CHECKING`; what cannot be names its place."""

import functools
import importlib
import inspect
import sys
import types
from typing import Annotated, NewType

import pytest
from line_edge import QUIET, app_of, on_line, problem, report, root_of, started, station

from nestpy_core import App, DefinitionError, Inject, Token, UnresolvedHintError, injectable, provide
from nestpy_core._hints import Names, callable_arguments


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write modules to disk and import them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            names.append(name)
        importlib.invalidate_caches()
        return [importlib.import_module(name) for name in sources]

    yield write
    for name in names:
        sys.modules.pop(name, None)


HEAD = "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nfrom nestpy_core import injectable\n"


def test_a_cycle_across_files_under_type_checking_is_drawn(files):
    eggs, hens = files(
        hint_eggs=HEAD + "if TYPE_CHECKING:\n    from hint_hens import Hen\n@injectable\nclass Egg:\n    layer: Hen\n",
        hint_hens=HEAD + "if TYPE_CHECKING:\n    from hint_eggs import Egg\n@injectable\nclass Hen:\n    origin: Egg\n",
    )
    assert problem(eggs.Egg, hens.Hen) == (
        "`Egg` and `Hen` wait on each other.\n"
        "  ╭─▶ Egg (RootModule)\n"
        "  │     ▼ layer\n"
        "  │   Hen (RootModule)\n"
        "  ╰─────╯ origin\n"
        "Hint: move what they share into a provider of its own, and inject that into each of them"
    )


async def test_a_name_under_type_checking_that_the_app_provides_is_found(files):
    source, user = files(
        hint_source=HEAD + "@injectable\nclass Source: ...\n",
        hint_user=HEAD
        + "if TYPE_CHECKING:\n    from hint_source import Source\n@injectable\nclass User:\n    source: Source\n",
    )
    async with started(source.Source, user.User) as context:
        assert (await context.get(user.User)).source is await context.get(source.Source)


def test_a_name_that_two_classes_share_is_not_guessed(files):
    one, two, user = files(
        hint_one=HEAD + "@injectable\nclass Source: ...\n",
        hint_two=HEAD + "@injectable\nclass Source: ...\n",
        hint_reader=HEAD
        + "if TYPE_CHECKING:\n    from hint_one import Source\n@injectable\nclass Reader:\n    source: Source\n",
    )
    text = problem(one.Source, two.Source, user.Reader)
    assert text.startswith(
        "Field `source` of `Reader` is annotated `Source`, which cannot be evaluated: name 'Source' is not defined ("
    )
    assert text.endswith("Hint: import `Source` where it is annotated, outside `if TYPE_CHECKING:`")
    assert "hint_reader.py:6)" in text


LOCAL = """\
from __future__ import annotations
from nestpy_core import injectable

def make():
    class Dto: ...

    @injectable
    class Reader:
        dto: Dto

    return Reader
"""


def test_a_class_inside_a_function_has_to_move_to_the_module(files):
    (local,) = files(hint_local=LOCAL)
    text = problem(local.make())
    assert text == (
        "Field `dto` of `Reader` is annotated `Dto`, which cannot be evaluated: name 'Dto' is not defined "
        f"({local.__file__}:7)\n"
        "Hint: define `Dto` at module level, outside of the function"
    )


def test_a_name_that_is_neither_imported_nor_defined_may_be_either(files):
    (lost,) = files(hint_lost=HEAD + "@injectable\nclass Reader:\n    source: Lost\n")
    assert problem(lost.Reader).splitlines()[1:] == [
        "Hint: import `Lost` where it is annotated, outside `if TYPE_CHECKING:`",
        "Hint: or define `Lost` at module level",
    ]


def test_a_module_without_a_source_is_told_both(monkeypatch):
    bare = types.ModuleType("hint_without_source")
    monkeypatch.setitem(sys.modules, bare.__name__, bare)
    exec(HEAD + "@injectable\nclass Reader:\n    source: Lost\n", vars(bare))  # as a notebook does
    assert problem(bare.Reader).splitlines()[1:] == [
        "Hint: import `Lost` where it is annotated, outside `if TYPE_CHECKING:`",
        "Hint: or define `Lost` at module level",
    ]


@pytest.mark.parametrize("annotation", ["List[", "1 / 0", "undefined.name", "Token[", "[0][1]", "print.nothing"])
def test_a_hostile_annotation_is_a_problem_and_not_a_traceback(annotation):
    @injectable
    class Reader:
        source: annotation

    Reader.__annotations__["source"] = annotation
    error = report(Reader)
    assert f"Field `source` of `Reader` is annotated `{annotation}`, which cannot be evaluated:" in error
    assert __file__ in error


def test_every_kind_of_signature_reports_its_own_place():
    @station
    class Host:
        @on_line("go")
        def go(self, word: "Nowhere", other: Inject["Missing"]) -> "Never_": ...  # noqa: F821

    def make(thing: "Unknown") -> int:  # noqa: F821
        return 1

    error = report(Host, provide(int, use_factory=make))
    for what in ("Parameter `word` of `Host.go`", "Parameter `other` of `Host.go`", "The result of `Host.go`"):
        assert what in error
    assert "Parameter `thing` of `make` is annotated `Unknown`" in error


def test_unresolved_hints_are_name_errors():
    @injectable
    class Reader:
        source: "Nowhere"  # noqa: F821

    with pytest.raises(ExceptionGroup) as caught:
        app_of(Reader)
    assert caught.group_contains(UnresolvedHintError)
    assert caught.group_contains(NameError)


def test_what_has_no_annotation_or_asks_for_nothing_injectable():
    @injectable
    class Loose:
        def __init__(self, thing) -> None: ...

    @injectable
    class Either:
        thing: int | str

    @injectable
    class Gaps:
        things: list[Loose | None]

    identifier = NewType("identifier", int)

    @injectable
    class New:
        thing: identifier

    assert problem(Loose).startswith("`thing` of `Loose` has no annotation, so cannot be injected (")
    assert problem(Either).startswith("`thing` of `Either` is annotated `int | str`, which cannot be injected (")
    assert problem(Gaps).startswith("`things` of `Gaps` is annotated `list[Loose | None]`, which cannot be injected (")
    assert problem(New).startswith("`thing` of `New` is annotated `identifier`, which cannot be injected (")


async def test_a_method_that_is_called_like_a_type_does_not_shadow_it(files):
    (module,) = files(
        hint_shadow=HEAD
        + "from nestpy_core import provide\n"
        + "class Rule: ...\n"
        + "@injectable\nclass Book:\n    rules: list[Rule]\n    def list(self) -> None: ...\n"
    )
    async with started(module.Book, provide(module.Rule, multi=True)) as context:
        assert len((await context.get(module.Book)).rules) == 1


async def test_nested_annotated_optional_and_forward_references_find_their_token():
    token = Token[str]("TOKEN")

    @injectable
    class Reader:
        plain: Annotated[str, token]
        nested: Annotated[Annotated[str, "doc"], token]
        optional: Annotated[str | None, token]
        absent: Annotated[str, Token[str]("ABSENT")] | None
        forward: "Annotated[str, Token[str]('ELSE')] | None" = None

    async with started(Reader, provide(token, use_value="x")) as context:
        reader = await context.get(Reader)
        assert (reader.plain, reader.nested, reader.optional, reader.absent) == ("x", "x", "x", None)


def test_an_undecorated_base_with_fields_or_an_init_is_refused():
    class Base:
        name: int

    class Initial:
        def __init__(self) -> None: ...

    with pytest.raises(DefinitionError) as caught:

        @injectable
        class Child(Base): ...

    assert str(caught.value) == (
        "`Child` inherits annotated fields (`name`) from `Base`, which is not decorated.\n"
        "Hint: decorate `Base` with `@injectable`, or declare the fields in `Child`"
    )
    with pytest.raises(DefinitionError) as caught:

        @injectable
        class Other(Initial): ...

    assert str(caught.value) == (
        "`Other` inherits an `__init__` from `Initial`, which is not decorated.\n"
        "Hint: decorate `Initial` with `@injectable`, or declare the fields in `Other`"
    )


async def test_an_own_init_answers_for_its_base():
    class Initial:
        def __init__(self, size: int) -> None:
            self.size = size

    @injectable
    class Child(Initial):
        def __init__(self) -> None:
            super().__init__(3)

    async with started(Child) as context:
        assert (await context.get(Child)).size == 3


async def test_fields_are_inherited_from_decorated_bases():
    @injectable
    class Clock: ...

    @injectable
    class Base:
        clock: Clock

    @injectable
    class Child(Base):
        other: Base

    async with started(Clock, Base, Child) as context:
        child = await context.get(Child)
        assert child.clock is child.other.clock


def test_fields_beside_a_written_init_of_a_base_are_refused():
    @injectable
    class Base:
        def __init__(self) -> None: ...

    with pytest.raises(DefinitionError) as caught:

        @injectable
        class Child(Base):
            name: int

    assert str(caught.value) == (
        "`Child` adds the field `name` to `Base`, which writes its own `__init__`.\n"
        "Hint: write an `__init__` in `Child` that takes both"
    )


def test_decorators_return_the_same_class_and_metadata_is_not_inherited():
    class Plain: ...

    assert injectable(Plain) is Plain

    class Child(Plain): ...

    assert "`RootModule` provides `Child`, which is not decorated." in problem(Child)
    with pytest.raises(DefinitionError, match="`@injectable` decorates classes, not `print`"):
        injectable(print)
    with pytest.raises(DefinitionError, match="`@on_line` decorates methods, not `Plain`"):
        on_line("a")(Plain)
    with pytest.raises(DefinitionError, match="`Plain` is decorated with `@station` twice"):
        station(station(Plain))


def test_an_app_of_the_root_can_be_made_twice():
    root = root_of()
    assert App(root, environ=QUIET).graph is not App(root, environ=QUIET).graph


def every_kind(self, a: int, /, b: str = "b", *rest: int, c: bytes, d: float = 0.5, **more: int) -> None: ...


@functools.wraps(every_kind)
def wrapped(*arguments, **named): ...


def nothing(): ...


@pytest.mark.parametrize(
    "function",
    [every_kind, wrapped, nothing, functools.partial(every_kind, c=b"")],
    ids=["every kind", "wrapped", "none", "partial"],
)
def test_parameters_are_those_that_the_signature_tells(function):
    arguments, problems = callable_arguments(function, Names())
    assert problems == []
    assert [(one.name, one.default, one.kind) for one in arguments] == [
        (one.name, one.default, one.kind)
        for one in inspect.signature(function).parameters.values()
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
