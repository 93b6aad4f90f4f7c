"""How sections are filled, and what the report says when they cannot be."""

import datetime as dt
import enum
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NewType, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec import Meta

from nestpy_core._config import config, setting
from nestpy_core._secret import Secret
from nestpy_core._section import Pin, Section
from nestpy_core._settings import Settings
from nestpy_core.errors import ConfigurationError

CANARY = "canary-1f9c"
MODULE = "HttpModule.for_root(...) in AppModule"


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Limits(msgspec.Struct):
    rate: Annotated[int, Meta(ge=1)]
    level: Level = Level.LOW
    keys: list[Secret[str]] = []


@dataclass
class Window:
    days: int


class Point(TypedDict):
    x: int


class Strategy:
    def __init__(self, name: str) -> None:
        if name != "known":
            raise KeyError(name)
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strategy) and other.name == self.name

    __hash__ = None


Port = NewType("Port", int)
UTC = dt.UTC


def section(annotation: Any, **options: Any) -> type:
    return config("s")(msgspec.defstruct("Some", [("key", annotation)], **options))


def load(*sections: Section, environ=None, directory=Path("/nonexistent")):
    return Settings.read(environ=environ or {}, directory=directory).load(sections)


def from_variable(annotation, text):
    cls = section(annotation)
    built, problems = load(Section(cls), environ={"NESTPY_S__KEY": text})
    return built[cls].key if built else [str(problem) for problem in problems]


def from_code(annotation, value):
    cls = section(annotation)
    built, problems = load(Section(cls, (Pin({"key": value}, MODULE),)))
    return built[cls].key if built else [str(problem) for problem in problems]


TEXTS = [
    (str, "a b ", "a b "),
    (str, "null", "null"),
    (int, "5", 5),
    (int, " 5\n", 5),
    (int, "-5", -5),
    (float, "1e3", 1000.0),
    (float, "5", 5.0),
    (Decimal, "1.10", Decimal("1.10")),
    (bytes, "aGk=", b"hi"),
    *((bool, text, True) for text in ["1", "true", "yes", "on", "TRUE", "Yes", "On "]),
    *((bool, text, False) for text in ["0", "false", "no", "off", "FALSE", "No", "oFF"]),
    (bool | None, "on", True),
    (Level, "high", Level.HIGH),
    (Number, "2", Number.TWO),
    (Literal["a", "b"], "b", "b"),
    (Literal[1, 2], "2", 2),
    (UUID, "6f2c1b1e-7b64-4d3b-9d0f-2a1f0a2d9c11", UUID("6f2c1b1e-7b64-4d3b-9d0f-2a1f0a2d9c11")),
    (dt.datetime, "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
    (dt.time, "03:04:05", dt.time(3, 4, 5)),
    (dt.timedelta, "PT90S", dt.timedelta(seconds=90)),
    (dt.timedelta, "90", dt.timedelta(seconds=90)),
    (int | None, "5", 5),
    (int | None, "null", None),
    (int | str, "x", "x"),
    (None, "null", None),
    (Annotated[int | None, Meta(ge=1)], "1", 1),
    (Annotated[list[int] | None, Meta(max_length=2)], "1,2", [1, 2]),
    (Port, "80", 80),
    (Path, "/tmp/x", Path("/tmp/x")),
    (ZoneInfo, "Europe/Paris", ZoneInfo("Europe/Paris")),
    (IPv4Address, "127.0.0.1", IPv4Address("127.0.0.1")),
    (Strategy, "known", Strategy("known")),
    (list[str], "a, b,,c ,", ["a", "b", "c"]),
    (list, "a,b", ["a", "b"]),
    (list[str], " , ", []),
    (list[str], '["a,b", ""]', ["a,b", ""]),
    (list[int], "1,2", [1, 2]),
    (list[int], "[1, 2]", [1, 2]),
    (list[bool], "yes,off", [True, False]),
    (tuple[int, ...], "1,2", (1, 2)),
    (tuple[int, str], "1,b", (1, "b")),
    (set[Level], "low,high", {Level.LOW, Level.HIGH}),
    (frozenset[str], "a,a", frozenset({"a"})),
    (Sequence[int], "1,2", [1, 2]),
    (list[str] | None, "a", ["a"]),
    (list[Path], "/a,/b", [Path("/a"), Path("/b")]),
    (list[Secret[str]], "a,b", [Secret("a"), Secret("b")]),
    (Limits, '{"rate": 5, "level": "high", "keys": ["k"]}', Limits(5, Level.HIGH, [Secret("k")])),
    (Limits | None, '{"rate": 5}', Limits(5)),
    (list[Limits], '[{"rate": 5}]', [Limits(5)]),
    (Window, '{"days": 2}', Window(2)),
    (Point, '{"x": 2}', {"x": 2}),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (Secret[str], "x", Secret("x")),
    (Secret[str] | None, "x", Secret("x")),
    (Secret[int], "5", Secret(5)),
    (Secret[bytes], "aGk=", Secret(b"hi")),
    (Secret[list[str]], "a,b", Secret(["a", "b"])),
    (Annotated[Secret[str], Meta(min_length=1)], "x", Secret("x")),
    (Any, "x", "x"),
]


@pytest.mark.parametrize(("annotation", "text", "value"), TEXTS, ids=[str(index) for index in range(len(TEXTS))])
def test_a_text_becomes_the_type_of_its_field(annotation, text, value):
    found = from_variable(annotation, text)
    assert found == value
    assert type(found) is type(value)


LETTERS = "a list separated by commas, each item text of length at most 1: expected `str` of length <= 1 at `$[0]`"
WRONG = [
    (int, "an integer"),
    (float, "a number"),
    (Decimal, "a decimal number"),
    (bool, "`true` or `false`"),
    (bool | None, "`true` or `false`"),
    (bytes, "base64 text"),
    (Level, "one of `low`, `high`"),
    (Number, "one of `1`, `2`"),
    (Literal["a", "b"], "one of `a`, `b`"),
    (UUID, "a UUID"),
    (dt.datetime, "an RFC 3339 date and time"),
    (dt.date, "a date as YYYY-MM-DD"),
    (dt.time, "a time as HH:MM:SS"),
    (dt.timedelta, "a number of seconds or an ISO 8601 duration"),
    (int | None, "an integer"),
    (int | bool, "an integer or `true` or `false`"),
    (Port, "an integer"),
    (ZoneInfo, "a valid `ZoneInfo`"),
    (Strategy, "a valid `Strategy`"),
    (IPv4Address, "a valid `IPv4Address`"),
    (type, "a valid `type`"),
    (list[int], "a list separated by commas, each item an integer: expected `int`, got `str` at `$[0]`"),
    (set[UUID], "a list separated by commas, each item a UUID"),
    (list[Annotated[str, Meta(max_length=1)]], LETTERS),
    (tuple[int, int], "a list separated by commas: an integer, an integer"),
    (tuple[int, str], "a list separated by commas: an integer, text"),
    (tuple[int, ...], "a list separated by commas, each item an integer: expected `int`, got `str` at `$[0]`"),
    (Limits, "a JSON object for `Limits`"),
    (Window, "a JSON object for `Window`"),
    (Point, "a JSON object for `Point`"),
    (dict[str, int], "a JSON object for `dict[str, int]`"),
    (Secret[int], "an integer"),
    (Annotated[int, Meta(ge=0, le=9)], "an integer from 0 to 9"),
    (Annotated[int, Meta(ge=1)], "an integer of at least 1"),
    (Annotated[int, Meta(le=9)], "an integer of at most 9"),
    (Annotated[int, Meta(gt=0, lt=9)], "an integer above 0 and below 9"),
    (Annotated[float, Meta(gt=0.5)], "a number above 0.5"),
    (Annotated[float, Meta(lt=1)], "a number below 1"),
    (Annotated[int, Meta(multiple_of=8)], "an integer divisible by 8"),
    (Annotated[str, Meta(min_length=1, max_length=3)], "text of length 1 to 3"),
    (Annotated[str, Meta(min_length=99)], "text of length at least 99"),
    (Annotated[str, Meta(max_length=3)], "text of length at most 3"),
    (Annotated[str, Meta(pattern="^a+$")], "text matching `^a+$`"),
    (Annotated[Secret[str], Meta(min_length=99)], "text of length at least 99"),
    (Secret[Annotated[str, Meta(min_length=99)]], "text of length at least 99"),
    (Annotated[int | None, Meta(ge=1)], "an integer of at least 1"),
    (Annotated[int, Meta(ge=1)] | None, "an integer of at least 1"),
    (str | Callable[[], str], "given in code, because `str | Callable[[], str]` cannot be read from text"),
]


@pytest.mark.parametrize(("annotation", "wanted"), WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_a_text_that_does_not_fit_is_told_what_it_must_be(annotation, wanted):
    assert from_variable(annotation, CANARY) == [
        f"Setting `s.key` must be {wanted} (from `NESTPY_S__KEY`)\nHint: Correct `NESTPY_S__KEY`."
    ]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Annotated[int, Meta(ge=0, le=65535)], "65536"),
        (int, "1.5"),
        (int, "1_0"),
        (float, "nan"),
        (Decimal, "NaN"),
        (Decimal, "sNaN"),
        (Annotated[float, Meta(ge=0)], "nan"),
        (bool, "2"),
        (list[int], "1,x"),
        (list[int], "[1"),
        (list[int], '{"a": 1}'),
        (tuple[int, int], "1"),
        (tuple[int, int], "1,2,3"),
        (dict[str, int], "[1]"),
        (Limits, "[" * 100_000),
        (Limits, '{"rate": ' + "[" * 100_000),
    ],
    ids=[str(index) for index in range(16)],
)
def test_a_text_near_the_edge_is_refused(annotation, text):
    [problem] = from_variable(annotation, text)
    assert problem.startswith("Setting `s.key` must be ")


def test_a_nested_value_names_the_place_inside_of_it():
    assert from_variable(list[Limits], '[{"rate": 1}, {"rate": 0}]') == [
        (
            "Setting `s.key` must be a list separated by commas, each item a JSON object for `Limits`: "
            "expected `int` >= 1 at `$[1].rate` (from `NESTPY_S__KEY`)\n"
            "Hint: Correct `NESTPY_S__KEY`."
        )
    ]


def test_a_wrong_setting_with_a_default_may_be_removed_instead():
    cls = config("s")(msgspec.defstruct("Some", [("key", int, 5)]))
    [problem] = load(Section(cls), environ={"NESTPY_S__KEY": "x"})[1]
    assert problem.hints == ("Correct `NESTPY_S__KEY`, or remove it for the default.",)


CODE = [
    (int, 5),
    (Level, Level.HIGH),
    (Secret[str], Secret("x")),
    (Path, Path("/x")),
    (Strategy, Strategy("known")),
    (Callable[[], int], lambda: 1),
    (type[Strategy], Strategy),
    (str | Callable[[], str], lambda: "x"),
    (tuple[type, ...], (int, str)),
    (Limits, Limits(3)),
    (int | None, None),
    (Secret[str] | None, None),
    (dt.timedelta, dt.timedelta(1)),
    (Any, object()),
]


@pytest.mark.parametrize(("annotation", "value"), CODE, ids=[str(index) for index in range(len(CODE))])
def test_code_gives_values_of_the_fields_own_type(annotation, value):
    assert from_code(annotation, value) == value


def test_code_may_give_the_bare_value_of_a_secret_and_the_text_of_a_path():
    assert from_code(Secret[str], "x") == Secret("x")
    assert from_code(Path, "/x") == Path("/x")
    assert from_code(list[Secret[str]], ["x"]) == [Secret("x")]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(int, "5"), (int, True), (bool, 1), (Strategy, "known"), (float, float("nan")), (Secret[int], "5"), (int, None)],
    ids=[str(index) for index in range(7)],
)
def test_code_is_not_converted_from_text(annotation, value):
    [problem] = from_code(annotation, value)
    assert problem.endswith(f"(from {MODULE})\nHint: Correct {MODULE}.")


def test_toml_gives_typed_values_and_tables(tmp_path):
    (tmp_path / "nestpy.toml").write_text(
        '[s]\nport = 5\nlimits = {rate = 2}\ndates = [2026-01-02]\npath = "/x"\nkey = "k"\nratio = 1\non = true\n'
        "pause = 90\nshort = 0.5\n"
    )

    @config("s")
    class Some(msgspec.Struct):
        port: int
        limits: Limits
        dates: tuple[dt.date, ...]
        path: Path
        key: Secret[str]
        ratio: float
        on: bool
        pause: dt.timedelta
        short: dt.timedelta | None

    built, problems = load(Section(Some), directory=tmp_path)
    assert problems == []
    waits = dt.timedelta(seconds=90), dt.timedelta(seconds=0.5)
    assert built[Some] == Some(5, Limits(2), (dt.date(2026, 1, 2),), Path("/x"), Secret("k"), 1.0, True, *waits)


def test_a_toml_text_is_no_number(tmp_path):
    (tmp_path / "nestpy.toml").write_text('[s]\nkey = "5"')
    [problem] = load(Section(section(int)), directory=tmp_path)[1]
    assert str(problem) == (
        "Setting `s.key` must be an integer (from `s.key` in `nestpy.toml`)\nHint: Correct `s.key` in `nestpy.toml`."
    )


@config("orm")
class OrmConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[Secret[str], setting(alias="DATABASE_URL")]
    pool: Annotated[int, Meta(ge=1)] = 5
    prefix: Annotated[str, setting(shape=True)] = ""


@config("http")
class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=0, le=65535)] = 3000
    host: str


def test_every_problem_of_every_section_is_in_one_report():
    environ = {"NESTPY_HTTP__PORT": "x", "NESTPY_ORM__POOL": "0", "NESTPY_ENV": "x"}
    built, problems = load(Section(HttpConfig), Section(OrmConfig), environ=environ)
    assert built == {}
    assert [problem.setting for problem in problems] == ["env", "http.port", "http.host", "orm.url", "orm.pool"]
    assert all(isinstance(problem, ConfigurationError) for problem in problems)


def test_a_section_without_problems_is_built_beside_one_with_problems():
    built, problems = load(Section(HttpConfig), Section(OrmConfig), environ={"DATABASE_URL": "x"})
    assert built == {OrmConfig: OrmConfig(url=Secret("x"))}
    assert [problem.setting for problem in problems] == ["http.host"]


def test_a_required_setting_names_its_variable_and_alias():
    problems = load(Section(OrmConfig), Section(HttpConfig))[1]
    assert [str(problem) for problem in problems] == [
        (
            "Setting `orm.url` must be set\n"
            "Hint: Set `NESTPY_ORM__URL` or its alias `DATABASE_URL` in the environment or in `.env`, "
            "or give `url=` in code."
        ),
        (
            "Setting `http.host` must be set\n"
            "Hint: Set `NESTPY_HTTP__HOST` in the environment or in `.env`, or give `host=` in code."
        ),
    ]


def test_a_required_setting_that_is_empty_says_so():
    [problem] = load(Section(OrmConfig), environ={"DATABASE_URL": ""})[1]
    assert str(problem).splitlines()[:2] == [
        "Setting `orm.url` must be set",
        "Hint: Give `DATABASE_URL` a value: it is empty, and empty counts as unset.",
    ]


def test_messages_use_the_renamed_prefix():
    [problem] = load(Section(HttpConfig), environ={"NESTPY_ENV_PREFIX": "ACME"})[1]
    assert "`ACME_HTTP__HOST`" in str(problem)


def test_two_origins_that_give_one_setting_different_values_are_contested():
    pins = (Pin({"host": "a", "port": 1}, MODULE), Pin({"host": "b", "port": 1}, "HttpModule.for_root(...) in Other"))
    assert [str(problem) for problem in load(Section(HttpConfig, pins))[1]] == [
        (
            "Setting `http.host` is contested: HttpModule.for_root(...) in AppModule and "
            "HttpModule.for_root(...) in Other give it different values\n"
            "Hint: Keep `host=` in one of the two."
        )
    ]


def test_it_is_contested_too_when_the_two_stand_in_sections_of_their_own_or_the_environment_decides():
    first, second = (Section(HttpConfig, (Pin({"host": host}, f"origin {host}"),)) for host in "ab")
    [problem] = load(first, second, environ={"NESTPY_HTTP__HOST": "c"})[1]
    assert problem.rule == "is contested: origin a and origin b give it different values"


def test_two_origins_may_give_equal_values_or_different_settings():
    built, problems = load(
        Section(HttpConfig, (Pin({"host": "a"}, "one"), Pin({"host": "a"}, "two"), Pin({"port": 1}, "three")))
    )
    assert problems == []
    assert built[HttpConfig] == HttpConfig(host="a", port=1)


def test_a_pinned_value_without_a_field_is_told_the_nearest_field():
    problems = load(Section(HttpConfig, (Pin({"host": "a", "prot": 1, "zzz": 1}, MODULE),)))[1]
    assert [str(problem) for problem in problems] == [
        f"Setting `http.prot` must be a field of `HttpConfig`, and it is none (from {MODULE})\nHint: Write `port=`.",
        f"Setting `http.zzz` must be a field of `HttpConfig`, and it is none (from {MODULE})\nHint: Remove `zzz=`.",
    ]


def test_one_setting_is_read_by_one_class():
    other = config("http")(msgspec.defstruct("Other", [("port", int, 1), ("unlike", int, 1)], module="elsewhere"))
    [problem] = load(Section(HttpConfig), Section(other), environ={"NESTPY_HTTP__HOST": "a"})[1]
    assert str(problem) == (
        f"Setting `http.port` must be read by one class, and `{__name__}.HttpConfig` and `elsewhere.Other` do\n"
        "Hint: Give one of them another namespace than `http`."
    )


def test_an_alias_may_be_shared():
    classes = [
        config(name)(msgspec.defstruct(name, [("url", Annotated[str, setting(alias="REDIS_URL")])])) for name in "ab"
    ]
    built, problems = load(*map(Section, classes), environ={"REDIS_URL": "x"})
    assert problems == []
    assert [built[cls].url for cls in classes] == ["x", "x"]


def test_default_factories_and_renamed_fields_work():
    cls = config("s")(
        msgspec.defstruct(
            "Some", [("max_age", int), ("tags", list[str], msgspec.field(default_factory=list))], rename="camel"
        )
    )
    built, problems = load(Section(cls), environ={"NESTPY_S__MAX_AGE": "1"})
    assert problems == []
    assert (built[cls].max_age, built[cls].tags) == (1, [])


# -- a rule of the section's own


@config("tls")
class TlsConfig(msgspec.Struct, kw_only=True):
    key: Secret[str] = Secret("")
    port: int = 443
    limits: Limits | None = None
    names: list[str] = []
    error: ClassVar[Callable[["TlsConfig"], Exception]]

    def __post_init__(self) -> None:
        raise self.error()


def refused(error, **environ):
    cls = config("tls")(type("TlsConfig", (TlsConfig,), {"error": error}))
    environ = {f"NESTPY_TLS__{name.upper()}": value for name, value in environ.items()}
    [problem] = load(Section(cls), environ=environ)[1]
    return problem


def test_what_a_section_says_about_itself_is_reported():
    assert str(refused(lambda self: ValueError("key and port exclude each other"), port="8443")) == (
        "Setting `tls` must pass `TlsConfig.__post_init__`: key and port exclude each other\n"
        "Hint: Correct what comes from `NESTPY_TLS__PORT`."
    )


def test_values_are_blotted_out_of_what_a_section_says():
    def error(self):
        key = self.key.reveal()
        return ValueError(f"{key} {key.upper()}x {self.port} 84430 {self.limits} {self.names} {self.names[0]!r}")

    limits = '{"rate": 77, "keys": ["hidden-key"]}'
    problem = refused(error, key=CANARY, port="8443", limits=limits, names="ab,secret-name")
    assert problem.rule == "must pass `TlsConfig.__post_init__`: *** ***x *** ***0 *** *** ***"


def test_a_short_value_is_blotted_out_where_it_stands_as_a_word():
    assert refused(lambda self: ValueError("5 is no 50"), port="5").rule.endswith(": *** is no 50")


def test_an_unexpected_exception_is_named_without_its_text():
    assert refused(lambda self: KeyError(self.key.reveal()), key=CANARY).rule == (
        "must pass `TlsConfig.__post_init__`, which raised `KeyError`"
    )


# -- nothing leaks


def leaking(*sections, environ, directory):
    """Return everything that a boot report, a log or a debugger could print about the problems."""
    settings = Settings.read(environ=environ, directory=directory)
    _, problems = settings.load(sections)
    assert problems
    try:
        raise ExceptionGroup("boot", problems)
    except ExceptionGroup as group:
        printed = "".join(traceback.format_exception(group))
    chained = [(problem.__cause__, problem.__context__) for problem in problems]
    assert chained == [(None, None)] * len(problems)
    return printed + repr(problems) + repr([vars(problem) for problem in problems]) + repr(settings)


@pytest.mark.parametrize(
    "annotation", [annotation for annotation, _ in WRONG], ids=[str(index) for index in range(len(WRONG))]
)
def test_a_value_never_leaks_from_any_source(tmp_path, annotation):
    cls = section(annotation)
    report = leaking(Section(cls), environ={"NESTPY_S__KEY": CANARY}, directory=tmp_path)
    (tmp_path / ".env").write_text(f"NESTPY_S__KEY={CANARY}")
    report += leaking(Section(cls), environ={}, directory=tmp_path)
    assert CANARY not in report


@pytest.mark.parametrize("annotation", [int, Level, Literal["a"], Limits, list[int], Secret[int], dt.date, Strategy])
@pytest.mark.parametrize(
    "shape", [CANARY, [CANARY], {CANARY: CANARY}, {"rate": CANARY}, {"rate": 1, "level": CANARY}], ids=range(5)
)
def test_a_value_of_any_shape_never_leaks(tmp_path, annotation, shape):
    cls = section(annotation)
    report = leaking(Section(cls, (Pin({"key": shape}, MODULE),)), environ={}, directory=tmp_path)
    text = msgspec.json.encode(shape).decode()
    report += leaking(Section(cls), environ={"NESTPY_S__KEY": text}, directory=tmp_path)
    if isinstance(shape, str):
        (tmp_path / "nestpy.toml").write_text(f"[s]\nkey = {text}")
        if annotation is not Strategy:
            report += leaking(Section(cls), environ={}, directory=tmp_path)
    assert CANARY not in report


def test_a_contested_value_does_not_leak(tmp_path):
    pins = (Pin({"host": CANARY}, "one"), Pin({"host": f"{CANARY}2"}, "two"))
    assert CANARY not in leaking(Section(HttpConfig, pins), environ={}, directory=tmp_path)


def test_a_nested_rule_does_not_leak(tmp_path):
    class Strict(msgspec.Struct):
        key: str

        def __post_init__(self) -> None:
            raise ValueError(f"Expected {self.key}")

    cls = section(list[Strict])
    report = leaking(Section(cls), environ={"NESTPY_S__KEY": f'[{{"key": "{CANARY}"}}]'}, directory=tmp_path)
    assert CANARY not in report
