"""The pipes of core: what they let through, what they refuse and what they say about it."""

import datetime as dt
import enum
import uuid
from typing import Annotated

import msgspec
import pytest
from line_edge import LinePlugin, calling, on_line, problem, station

from nestpy_core import (
    APP_PIPE,
    Carrier,
    DefaultValue,
    DefinitionError,
    Lowercase,
    Parameter,
    ParameterOptions,
    ParseArray,
    ParseBool,
    ParseDate,
    ParseEnum,
    ParseFloat,
    ParseInt,
    ParseUUID,
    Scope,
    Trim,
    Uppercase,
    Validate,
    ValidationPipe,
    ViolationsError,
    injectable,
    provide,
    use_pipes,
)

CANARY = "canary-77"
V4 = uuid.UUID("0e3f6a2c-5b1d-4c6e-9f00-1a2b3c4d5e6f")
V7 = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Color(enum.Enum):
    RED = "red"
    ONE = 1


def parameter(hint):
    return Parameter("value", hint, None)


def violations(pipe, value, hint=None):
    with pytest.raises(ViolationsError) as caught:
        pipe.transform(value, parameter(hint))
    assert caught.value.source is pipe
    assert CANARY not in f"{caught.value}{caught.value.errors}"
    return caught.value.errors


@pytest.mark.parametrize(
    ("pipe", "value", "parsed"),
    [
        (ParseInt(), "12", 12),
        (ParseInt(), "-9223372036854775808", -(2**63)),
        (ParseInt(), 12, 12),
        (ParseInt(), ["1", "2"], [1, 2]),
        (ParseFloat(), "1.5e3", 1500.0),
        (ParseFloat(), "-0.5", -0.5),
        (ParseBool(), "true", True),
        (ParseBool(), "0", False),
        (ParseBool(), False, False),
        (ParseUUID(), str(V4), V4),
        (ParseUUID(version=7), str(V7), V7),
        (ParseUUID(version=4), V4, V4),
        (ParseEnum(Color), "red", Color.RED),
        (ParseEnum(Color), "1", Color.ONE),
        (ParseEnum(Color), Color.RED, Color.RED),
        (ParseDate(), "2024-02-29", dt.date(2024, 2, 29)),
        (ParseDate(dt.datetime), "2024-02-29T12:00:00Z", dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)),
        (ParseArray(), " a, b ,,c", ["a", "b", "", "c"]),
        (ParseArray(), "  ", []),
        (ParseArray(items=int), "1, 2 ,3", [1, 2, 3]),
        (ParseArray(items=int), ["1,2", "3"], [1, 2, 3]),
        (ParseArray(items=Color, separator=";"), "red;1", [Color.RED, Color.ONE]),
        (ParseArray(items=ParseUUID(version=7)), f"{V7}", [V7]),
        (Trim(), "  a ", "a"),
        (Trim(), [" a", "b ", 3], ["a", "b", 3]),
        (Trim(), 3, 3),
        (Lowercase(), "ÄB", "äb"),
        (Uppercase(), "äb", "ÄB"),
        (DefaultValue(7), None, 7),
        (DefaultValue(7), "", ""),
        (DefaultValue(7), 0, 0),
    ],
)
def test_what_a_pipe_gives_on(pipe, value, parsed):
    given = pipe.transform(value, parameter(object))
    assert (given, type(given)) == (parsed, type(parsed))


@pytest.mark.parametrize(
    ("pipe", "value", "code", "message"),
    [
        (ParseInt(), CANARY, "type", "Expected `int`"),
        (ParseInt(), "1.0", "type", "Expected `int`"),
        (ParseInt(), "1_0", "type", "Expected `int`"),
        (ParseInt(), " 1", "type", "Expected `int`"),
        (ParseInt(), "\u0661", "type", "Expected `int`"),
        (ParseInt(), "9223372036854775808", "type", "Expected `int`"),
        (ParseInt(), "9" * 5000, "type", "Expected `int`"),
        (ParseInt(), True, "type", "Expected `int`"),
        (ParseInt(), None, "type", "Expected `int`"),
        (ParseFloat(), "nan", "type", "Expected `float`"),
        (ParseFloat(), "Infinity", "type", "Expected `float`"),
        (ParseFloat(), CANARY, "type", "Expected `float`"),
        (ParseFloat(), False, "type", "Expected `float`"),
        (ParseBool(), "yes", "type", "Expected `bool`"),
        (ParseBool(), 1, "type", "Expected `bool`"),
        (ParseUUID(), CANARY, "type", "Expected `UUID`"),
        (ParseUUID(), V4.hex, "type", "Expected `UUID`"),
        (ParseUUID(version=7), str(V4), "type", "Expected `UUID` of version 7"),
        (ParseEnum(Color), CANARY, "enum", "Expected `Color`"),
        (ParseEnum(Color), "RED", "enum", "Expected `Color`"),
        (ParseDate(), "2024-02-30", "type", "Expected `date`"),
        (ParseDate(dt.datetime), "2024-02-29", "type", "Expected `datetime`"),
    ],
)
def test_refusals_name_the_type_and_never_the_value(pipe, value, code, message):
    assert violations(pipe, value) == {"": [{"code": code, "message": message}]}


def test_a_hundred_bad_items_are_named_and_no_more():
    with pytest.raises(ViolationsError) as caught:
        ParseArray(int).transform("," * 5_000)
    assert len(caught.value.errors) == 100


def test_bad_items_are_named_by_their_position():
    expected = [{"code": "type", "message": "Expected `int`"}]
    assert violations(ParseArray(items=int), f"1,{CANARY},3,x") == {"1": expected, "3": expected}
    assert violations(ParseInt(), ["1", CANARY]) == {"1": expected}


def test_an_item_pipe_of_ones_own_is_not_quoted():
    class Refuse:
        def transform(self, value, parameter):
            raise ValueError(f"{value} is bad")

    found = violations(ParseArray(items=Refuse()), CANARY)
    assert found == {"0": [{"code": "invalid", "message": "Invalid value"}]}


@pytest.mark.parametrize("hint", [str, Annotated[str, "somewhere"], str | None])
def test_a_parameter_that_is_text_stays_text(hint):
    assert ParseUUID().transform(str(V4), parameter(hint)) == str(V4)
    assert ParseInt().transform("7", parameter(hint)) == "7"
    assert violations(ParseInt(), CANARY, hint) == {"": [{"code": "type", "message": "Expected `int`"}]}


def test_a_date_follows_its_parameter():
    assert type(ParseDate().transform("2024-01-01T00:00:00Z", parameter(dt.datetime))) is dt.datetime
    assert type(ParseDate().transform("2024-01-01", parameter(dt.date))) is dt.date
    found = violations(ParseDate(), "2024-01-01", dt.datetime | None)
    assert found == {"": [{"code": "type", "message": "Expected `datetime`"}]}


def test_a_default_is_never_shared():
    pipe = DefaultValue([1])
    first = pipe.transform(None)
    first.append(2)
    assert pipe.transform(None) == [1]


@pytest.mark.parametrize(
    ("pipe", "argument"),
    [
        (ParseUUID, {"version": 9}),
        (ParseEnum, {"kind": int}),
        (ParseDate, {"kind": int}),
        (ParseArray, {"separator": ""}),
        (ParseArray, {"items": dict}),
        (ParseArray, {"items": Trim}),
        (Validate, {"kind": object()}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(next(iter(value.values())))[:12],
)
def test_what_a_pipe_cannot_do_is_refused_where_it_stands(pipe, argument):
    with pytest.raises(DefinitionError):
        pipe(**argument)


class Inner(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=2)]


class Cat(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    age: Annotated[int, msgspec.Meta(ge=0)] = 0
    inner: Inner | None = None


def test_validation_finds_everything_that_is_wrong():
    found = violations(Validate(Cat), {"age": -1, "inner": {"text": "x"}})
    assert {path: [failure["code"] for failure in failures] for path, failures in found.items()} == {
        "name": ["required"],
        "age": ["range"],
        "inner.text": ["length"],
    }
    assert Validate(Cat).transform({"name": "Tom"}) == Cat(name="Tom")


def test_notes_for_a_schema_hide_no_constraint():
    class Noted(msgspec.Struct):
        email: Annotated[str, msgspec.Meta(pattern="@", description="where to write", extra_json_schema={"a": 1})]
        age: Annotated[int, msgspec.Meta(ge=3, title="Age")] | None = None

    assert list(violations(Validate(Noted), {"email": "x", "age": 1})) == ["email", "age"]


def test_objects_built_by_hand_are_checked_too():
    assert list(violations(ValidationPipe(), Cat(name="", age=-1), Cat)) == ["name", "age"]
    cat = Cat(name="Tom", inner=Inner("ab"))
    assert ValidationPipe().transform(cat, parameter(Cat)) == cat


def test_texts_are_checked_against_the_parameters_constraints():
    few = Annotated[int, msgspec.Meta(le=9)]
    assert ValidationPipe().transform("7", parameter(few)) == 7
    assert [failure["code"] for failure in violations(ValidationPipe(), "12", few)[""]] == ["range"]
    assert ValidationPipe().transform(CANARY) == CANARY


def piped(hint, *pipes):
    return Annotated[hint, ParameterOptions(pipes=pipes)]


@injectable
class Animals:
    names = ("tom", "jerry")


class Elsewhere:
    """What another edge carries."""


class AnimalByNumber:
    def __init__(self, animals: Animals) -> None:
        self.animals = animals

    async def transform(self, value, parameter):
        return self.animals.names[int(value)]


async def test_a_pipe_class_of_one_parameter_comes_from_the_container():
    @station
    class Zoo:
        @on_line("animal")
        async def animal(self, name: piped(str, Trim, AnimalByNumber), other: str) -> str:
            return f"{name} {other}"

    async with calling(Zoo, Animals) as send:
        assert await send("animal 1 1") == "jerry 1"


async def test_a_pipe_class_of_one_parameter_may_live_for_one_call():
    built = []

    @injectable(scope=Scope.REQUEST)
    class Unit:
        def __init__(self) -> None:
            built.append(self)

    @injectable(scope=Scope.REQUEST)
    class Counted:
        unit: Unit

        def transform(self, value, parameter):
            return f"{value}{len(built)}"

    @station
    class Zoo:
        @on_line("count")
        async def count(self, one: piped(str, Counted), two: piped(str, Counted)) -> str:
            return one + two

    async with calling(Zoo, Unit) as send:
        assert await send("count a b") == "a1b1"
        assert await send("count a b") == "a2b2"


async def test_a_pipe_class_of_one_parameter_may_be_overridden():
    @station
    class Zoo:
        @on_line("animal")
        async def animal(self, name: piped(str, AnimalByNumber)) -> str:
            return name

    async with calling(Zoo, Animals, overrides=[provide(AnimalByNumber, use_value=Uppercase())]) as send:
        assert await send("animal x") == "X"


def test_a_pipe_class_that_needs_another_edge_is_a_problem():
    @injectable(scope=Scope.REQUEST)
    class Foreign:
        carried: Elsewhere

        def transform(self, value, parameter):
            return value

    @station
    class Zoo:
        @on_line("animal")
        async def animal(self, name: piped(str, Foreign)) -> str:
            return name

    plugin = LinePlugin(contributions=[Carrier(Elsewhere, ("other",))])
    assert problem(Zoo, plugin=plugin).startswith(
        "`Zoo.animal` is called by the edge `line` and reaches `Elsewhere`, which only other calls carry."
    )


def test_a_pipe_class_that_lacks_something_is_a_problem():
    @station
    class Zoo:
        @on_line("animal")
        async def animal(self, name: piped(str, AnimalByNumber)) -> str:
            return name

    assert problem(Zoo).startswith("`AnimalByNumber` in `RootModule` needs `Animals` (`animals`)")


async def test_a_pipe_that_is_bound_already_does_not_run_again_for_a_parameter():
    class Double:
        def transform(self, value, parameter):
            return value * 2

    @use_pipes(Double)
    @station
    class Zoo:
        @on_line("say")
        async def say(self, one: piped(str, Double, Double()), two: str) -> str:
            return f"{one} {two}"

    async with calling(Zoo) as send:
        assert await send("say a b") == "aaaa bb"


async def test_pipes_run_from_the_app_to_the_parameter():
    @use_pipes(Uppercase())
    @station
    class Zoo:
        @on_line("say")
        async def say(self, one: piped(str, Lowercase)) -> str:
            return one

    async with calling(Zoo, provide(APP_PIPE, use_class=ValidationPipe, multi=True)) as send:
        assert await send("say aB") == "ab"
