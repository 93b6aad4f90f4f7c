"""Generated functions: hostile names, every kind of parameter, readable source and tracebacks."""

import functools
import gc
import traceback
from typing import NamedTuple

import pytest
from line_edge import Failed, app_of, calling, edge_of, on_line, problem, station

from nestpy_core import (
    APP_INTERCEPTOR,
    CompiledFunction,
    Inject,
    Scope,
    Source,
    from_context,
    injectable,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)

HOSTILE = [
    *("result", "error", "verdict", "context", "outcome", "failure", "stack", "line", "words", "code"),
    *("Exception", "getattr", "type", "True_", "print", "settle", "CleanUp", "apply_filters", "handler"),
    *("_line", "__name__", "__loader__", "__builtins__", "größe", "имя", "名", "_", "__", "self_", "Failed", "await_"),
]


def everything_called(name):
    """Return a host whose class, method, parameters, dependencies and layers all have one name."""
    service = injectable(scope=Scope.REQUEST)(type(name, (), {"value": "service"}))
    single = injectable(type(name, (), {"value": "single"}))

    def make_generator():
        yield 1

    class Passing:
        def can_activate(self, context):
            return True

        async def intercept(self, context, call_next):
            return await call_next()

        def transform(self, value, parameter):
            return value

        def catch(self, error, context):
            raise error

    Layer = type(name, (Passing,), {})
    namespace = {"Inject": Inject, "service": service, "single": single}
    exec(  # the names are the test
        f"def {name}(self, {name}, other_{name}: Inject[service], more: Inject[single], *, kw_{name}='default'):\n"
        f"    return {name}, other_{name}.value, more.value, kw_{name}",
        namespace,
    )
    function = namespace[name]
    for layers, use in (("guards", use_guards), ("i", use_interceptors), ("p", use_pipes), ("f", use_filters)):
        del layers
        function = use(Layer)(function)
    host = station(scope=Scope.REQUEST)(type(name, (), {name: on_line("go")(function)}))
    return [host, service, single, provide(int, use_factory=make_generator, scope=Scope.REQUEST)]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_shadow_nothing(name):
    async with calling(*everything_called(name)) as send:
        assert await send("go word") == ("word", "service", "single", "default")
        assert await send("go word kw") == ("word", "service", "single", "kw")
        assert await send("go") == Failed("IndexError")


@pytest.mark.parametrize(
    "trigger", ["class", "404", "", "Exception", "{}", "a b", "\n", "'", "print", "ü", "_x", "None"]
)
async def test_a_function_may_be_called_anything(trigger):
    @station
    class Host:
        @on_line(trigger)
        def go(self) -> str:
            raise ValueError

    app = app_of(Host)
    function = next(one for one in edge_of(app).functions.values())
    assert function.function.__qualname__ == function.name
    async with app.create_context():
        line = type("Line", (), {"text": "", "words": [], "answer": None})()
        await function.function(line)
        assert line.answer == Failed("ValueError")


async def test_positional_only_keyword_only_and_default_parameters():
    @station
    class Host:
        @on_line("go")
        def go(self, first: str, second: int = 2, /, third: str = "3", *, fourth: int = 4):
            return first, second, third, fourth

    async with calling(Host) as send:
        assert await send("go 1") == ("1", 2, "3", 4)
        assert await send("go 1 5 6 7") == ("1", 5, "6", 7)


async def test_a_mutable_default_is_the_functions_own():
    default = []

    @station
    class Host:
        @on_line("go")
        def go(self, values=default) -> bool:
            return values is default

    async with calling(Host) as send:
        assert await send("go") is True


async def test_a_method_with_a_name_that_is_no_identifier_is_called():
    def go(self) -> str:
        return "here"

    Host = station(scope=Scope.REQUEST)(type("Host", (), {"not-a-name": on_line("go")(go)}))
    async with calling(Host) as send:
        assert await send("go") == "here"


async def test_a_traceback_shows_the_generated_line():
    caught = []

    class Keep:
        def catch(self, error, context):
            caught.append("".join(traceback.format_exception(error)))
            raise error

    @use_filters(Keep)
    @station
    class Host:
        @on_line("go")
        async def go(self, word: int) -> None:
            raise ValueError("deep inside")

    async with calling(Host) as send:
        await send("go 1")
    assert 'File "nestpy:line go", line ' in caught[0]
    assert "result = await _handle(_word)" in caught[0]


def test_names_of_a_source_never_collide():
    out = Source()
    names = [out.fresh(name) for name in ("a", "a", "a_2", "a", "A", "_a", "1", "n1", "if", "if_", "", "value")]
    names.append(out.constant(object(), "a"))
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.startswith("_") for name in names)


def test_one_object_has_one_name_and_equal_ones_have_two():
    out = Source()
    value = object()
    assert out.constant(value, "a") == out.constant(value, "b")
    assert out.constant(1, "one") != out.constant(True, "true")


async def test_the_source_of_a_guarded_request_scoped_handler_can_be_read():
    @injectable(scope=Scope.REQUEST)
    class Session: ...

    @injectable
    class Login:
        async def can_activate(self, context) -> bool:
            return True

    @use_guards(Login)
    @station
    class Host:
        @on_line("go")
        async def go(self, session: Inject[Session]) -> str:
            return "in"

    app = app_of(Session, Login, Host)
    assert edge_of(app).functions["go"].source == (
        "async def handle(line):\n"
        "    try:\n"
        "        context = _LineContext(_handler, line=line)\n"
        "        verdict = await _Login_can_activate(context)\n"
        "        if verdict is True:\n"
        "            _Session = _make_Session()\n"
        "            result = await _handle(_Session)\n"
        "        else:\n"
        "            result = _refused(verdict)\n"
        "        line.answer = result\n"
        "    except _raised as error:\n"
        "        if (error := _own_failure(error)) is None:\n"
        "            raise\n"
        "        line.answer = _Failed(type(error).__name__)\n"
    )


async def test_handlers_of_one_shape_share_their_code_and_nothing_else():
    @station
    class Host:
        @on_line("one")
        def one(self, word: str) -> str:
            return f"one {word}"

        @on_line("two")
        def two(self, word: str) -> str:
            return f"two {word}"

    app = app_of(Host)
    one, two = edge_of(app).functions["one"], edge_of(app).functions["two"]
    assert one.source is two.source
    assert one.function.__code__.co_code == two.function.__code__.co_code
    assert one.function.__code__.co_filename != two.function.__code__.co_filename
    async with calling(Host) as send:
        assert [await send("one x"), await send("two x")] == ["one x", "two x"]


async def test_what_reads_the_context_is_written_once_for_every_edge():
    async def later(context: str) -> str:
        return f"later {context}"

    for read, value in ((str.upper, "SEEN"), (later, "later seen")):
        out = Source()
        with out.block("async def handle(context):"):
            name = from_context(read).emit(out, "user")
            out.line(f"return {name}")
        assert await CompiledFunction("one", "nestpy:one", out).function("seen") == value


def test_a_boot_keeps_nothing_of_what_it_wrote_sources_with():
    @station
    class Host:
        @on_line("go")
        def go(self, word: str) -> str:
            return word

    gc.collect()
    gc.disable()
    try:
        app = app_of(Host)
        assert edge_of(app).functions
        assert [one for one in gc.get_objects() if isinstance(one, Source)] == []
    finally:
        gc.enable()


def written_beginning(memory, first=None):
    """Return a source whose beginning may come from memory, and what its writer returned."""
    out = Source()
    with out.block("async def handle(line):"):
        if first is not None:
            out.line(f"{out.fresh(first)} = line")

        def begin(beginning):
            with beginning.block("if line:"):
                beginning.line(f"{beginning.fresh('word')} = {beginning.constant(begin_constant, 'word')}")
            return beginning.indented(["pass"])

        returned = begin(out) if memory is None else out.replay("begin", memory, begin)
        out.line(f"{out.fresh('word')} = {out.constant(begin_constant, 'other')}")
        out.line(f"{out.constant(written_beginning, 'word')} = 1")
    return out, returned


begin_constant = object()


@pytest.mark.parametrize("first", [None, "word", "elsewhere"])
def test_a_beginning_that_is_replayed_reads_as_if_it_were_written(first):
    written, returned = written_beginning(None, first)
    memory = {}
    written_beginning(memory)
    replayed, known = written_beginning(memory, first)
    assert replayed.lines == written.lines
    assert replayed.constants.keys() == written.constants.keys()
    assert known == returned == ["    pass"]
    assert len(set(replayed.constants)) == 2


def test_what_is_replayed_belongs_to_one_function_only():
    memory = {}
    first, _ = written_beginning(memory)
    second, _ = written_beginning(memory)
    first.line("more")
    first.constant([], "more")
    third, _ = written_beginning(memory)
    assert third.lines == second.lines
    assert third.constants.keys() == second.constants.keys()


def by_keyword(function):
    """Return a function that shows another's signature and takes both its parameters as keywords."""

    @functools.wraps(function)
    def called(*own, **given):
        assert set(given) == {"first", "again"}
        return function(*own, **given)

    return called


class Keywords(type):
    def __call__(cls, **given):
        return super().__call__(**given)


@injectable(scope=Scope.REQUEST)
class First: ...


@injectable(scope=Scope.REQUEST)
class Wired:
    def __init__(self, first: First, *, again: First) -> None:
        self.parts = (first, again)


@injectable(scope=Scope.REQUEST)
class Wrapped:
    @by_keyword
    def __init__(self, first: First, again: First) -> None:
        self.parts = (first, again)


@injectable(scope=Scope.REQUEST)
class Called(metaclass=Keywords):
    def __init__(self, first: First, again: First) -> None:
        self.parts = (first, again)


@injectable(scope=Scope.REQUEST)
class Created:
    def __new__(cls, *, first: First, again: First):
        return super().__new__(cls)

    def __init__(self, first: First, again: First) -> None:
        self.parts = (first, again)


class Made(NamedTuple):
    parts: tuple[First, First]


def make(first: First, skipped: int = 1, *, again: First) -> Made:
    return Made((first, again))


@by_keyword
def make_by_keyword(first: First, again: First) -> Made:
    return Made((first, again))


@pytest.mark.parametrize(
    ("wanted", "call"),
    [
        (Wired, "_make_Wired(_First, again=_First)"),
        (Wrapped, "_make_Wrapped(first=_First, again=_First)"),
        (Called, "_make_Called(first=_First, again=_First)"),
        (Created, "_make_Created(first=_First, again=_First)"),
        (make, "_make_Made(_First, again=_First)"),
        (make_by_keyword, "_make_Made(first=_First, again=_First)"),
    ],
)
async def test_what_a_plain_call_takes_is_given_by_position_and_by_keyword_wherever_that_might_fail(wanted, call):
    token = wanted if isinstance(wanted, type) else Made

    @station
    class Host:
        @on_line("go")
        def go(self, made: Inject[token]) -> bool:
            first, again = made.parts
            return first is again

    made = wanted if isinstance(wanted, type) else provide(Made, use_factory=wanted, scope=Scope.REQUEST)
    app = app_of(First, made, Host)
    assert f"        {'_' + token.__name__} = {call}\n" in edge_of(app).functions["go"].source
    async with app.create_context():
        assert await edge_of(app).send("go") is True


async def test_a_handler_takes_as_many_interceptors_as_python_nests_and_says_so_beyond():
    def around(count):
        return [provide(APP_INTERCEPTOR, use_value=Passing(), multi=True) for _ in range(count)]

    class Passing:
        async def intercept(self, context, call_next):
            return await call_next()

    @station
    class Host:
        @on_line("go")
        def go(self) -> str:
            return "gone"

    async with calling(Host, *around(64)) as send:
        assert await send("go") == "gone"
    assert problem(Host, *around(65)) == (
        "65 interceptors stand with `intercept` around `line go`, and the code of one call nests at most 64.\n"
        "Hint: write some of them with `before` and `after`, or join them in one class"
    )


async def test_an_interceptor_that_calls_on_again_has_what_lies_inside_made_anew():
    made = []

    @injectable(scope=Scope.REQUEST)
    class Attempt:
        def __init__(self) -> None:
            made.append(self)

    class Again:
        async def intercept(self, context, call_next):
            await call_next()
            return await call_next()

    @station
    class Host:
        @use_interceptors(Again())
        @on_line("go")
        def go(self, attempt: Inject[Attempt]) -> int:
            return made.index(attempt)

    async with calling(Host, Attempt) as send:
        assert await send("go") == 1
