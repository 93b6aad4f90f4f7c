"""Sections whose values come from an async factory."""

from typing import Annotated

import msgspec
import pytest
from line_edge import QUIET

from nestpy_core import App, BootError, dynamic, module
from nestpy_core._config import config, setting
from nestpy_core._secret import Secret
from nestpy_core._section import Pin, Section
from nestpy_core._settings import Settings
from nestpy_core.errors import ConfigurationError

ORIGIN = "OrmModule.for_root_async(...) in AppModule"
SHAPES = f"must not come from {ORIGIN}: it shapes the graph, which is built before any factory runs"


@config("orm")
class OrmConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: Secret[str]
    pool: Annotated[int, msgspec.Meta(ge=1)] = 5
    prefix: Annotated[str, setting(shape=True)] = "default"

    def __post_init__(self) -> None:
        if self.pool == 13:
            raise ValueError("no pool of that size")


@config("shaped")
class ShapedConfig(msgspec.Struct, frozen=True, kw_only=True):
    mode: Annotated[str, setting(shape=True)]


def read(tmp_path, **environ):
    return Settings.read(environ=environ, directory=tmp_path)


DEFERRED = Section(OrmConfig, deferred=True)


def refusals(settings, values, section=DEFERRED):
    with pytest.raises(ExceptionGroup) as refused:
        settings.finish(section, values, ORIGIN)
    assert refused.value.message == "`OrmConfig` cannot be configured."
    assert all(isinstance(problem, ConfigurationError) for problem in refused.value.exceptions)
    return [str(problem) for problem in refused.value.exceptions]


def test_a_deferred_section_waits_for_its_factory(tmp_path):
    settings = read(tmp_path)
    assert settings.load([DEFERRED]) == ({}, [])
    assert settings.finish(DEFERRED, {"url": "x"}, ORIGIN) == OrmConfig(url=Secret("x"))


def test_what_is_known_of_it_is_checked_before(tmp_path):
    _, problems = read(tmp_path, NESTPY_ORM__POOL="0").load([DEFERRED])
    assert [problem.setting for problem in problems] == ["orm.pool"]


def test_a_setting_that_shapes_the_graph_is_required_before(tmp_path):
    _, problems = read(tmp_path).load([Section(ShapedConfig, deferred=True)])
    assert [str(problem).splitlines()[0] for problem in problems] == ["Setting `shaped.mode` must be set"]


def test_settings_that_shape_the_graph_are_known_before(tmp_path):
    assert read(tmp_path).shape(DEFERRED) == {"prefix": "default"}
    assert read(tmp_path, NESTPY_ORM__PREFIX="x", NESTPY_ORM__POOL="0").shape(DEFERRED) == {"prefix": "x"}
    assert read(tmp_path).shape(Section(OrmConfig, (Pin({"prefix": "p"}, "code"),), deferred=True)) == {"prefix": "p"}
    assert read(tmp_path).shape(Section(ShapedConfig, deferred=True)) == {}


def test_the_real_environment_beats_the_factory_and_the_factory_beats_files(tmp_path):
    (tmp_path / ".env").write_text("NESTPY_ORM__POOL=2\nNESTPY_ORM__URL=file")
    built = read(tmp_path, NESTPY_ORM__URL="real").finish(DEFERRED, {"url": "late", "pool": 3}, ORIGIN)
    assert (built.url.reveal(), built.pool) == ("real", 3)


def test_a_factory_cannot_shape_the_graph(tmp_path):
    assert refusals(read(tmp_path), {"url": "x", "prefix": "y"}) == [
        f"Setting `orm.prefix` {SHAPES}\nHint: Give `prefix=` to `for_root`."
    ]


def test_what_the_factory_leaves_out_is_missed_after(tmp_path):
    assert [line.splitlines()[0] for line in refusals(read(tmp_path), {})] == ["Setting `orm.url` must be set"]


def test_every_late_problem_is_reported_at_once(tmp_path):
    assert [line.splitlines()[0] for line in refusals(read(tmp_path), {"pool": 0, "uri": "x", "prefix": "y"})] == [
        f"Setting `orm.prefix` {SHAPES}",
        f"Setting `orm.uri` must be a field of `OrmConfig`, and it is none (from {ORIGIN})",
        "Setting `orm.url` must be set",
        f"Setting `orm.pool` must be an integer of at least 1 (from {ORIGIN})",
    ]


def test_a_late_value_contests_one_that_was_given_before(tmp_path):
    section = Section(OrmConfig, (Pin({"pool": 1}, "OrmModule.for_root(...) in Other"),), deferred=True)
    assert refusals(read(tmp_path), {"url": "x", "pool": 2}, section) == [
        (
            f"Setting `orm.pool` is contested: OrmModule.for_root(...) in Other and {ORIGIN} give it different values\n"
            "Hint: Keep `pool=` in one of the two."
        )
    ]


def test_the_rule_of_the_section_is_applied_after(tmp_path):
    settings = read(tmp_path, NESTPY_ORM__POOL="13")
    assert settings.load([DEFERRED])[1] == []
    assert refusals(settings, {"url": "x"}) == [
        (
            "Setting `orm` must pass `OrmConfig.__post_init__`: no pool of that size\n"
            f"Hint: Correct what comes from {ORIGIN}, `NESTPY_ORM__POOL`."
        )
    ]


def test_finishing_twice_gives_equal_sections(tmp_path):
    settings = read(tmp_path)
    first, second = (settings.finish(DEFERRED, {"url": "x"}, ORIGIN) for _ in range(2))
    assert first == second


def test_known_values_stand_until_the_factory_has_run_where_they_suffice(tmp_path):
    @config("edge")
    class EdgeConfig(msgspec.Struct, frozen=True, kw_only=True):
        workers: int = 1
        port: int = 3000

        def __post_init__(self) -> None:
            if self.workers > 8:
                raise ValueError("too many")

    settings = read(tmp_path, NESTPY_EDGE__WORKERS="4")
    assert settings.load([Section(EdgeConfig, deferred=True)]) == ({EdgeConfig: EdgeConfig(workers=4)}, [])
    assert settings.load([DEFERRED]) == ({}, [])
    assert read(tmp_path, NESTPY_EDGE__WORKERS="9").load([Section(EdgeConfig, deferred=True)]) == ({}, [])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"url": "x", "pool": 0},
            """\
Setting `orm.pool` must be an integer of at least 1 (from `for_root_async` of `OrmConfig`)
Hint: Correct `for_root_async` of `OrmConfig`, or remove it for the default.""",
        ),
        (
            {"pool": 0},
            """\
Setting `orm` has 2 problems.
1. Setting `orm.url` must be set
   Hint: Set `NESTPY_ORM__URL` in the environment or in `.env`, or give `url=` in code.
2. Setting `orm.pool` must be an integer of at least 1 (from `for_root_async` of `OrmConfig`)
   Hint: Correct `for_root_async` of `OrmConfig`, or remove it for the default.""",
        ),
    ],
)
async def test_what_a_factory_gives_wrong_ends_the_start_as_a_configuration_error(given, text):
    @module(providers=[OrmConfig])
    class OrmModule: ...

    @module(imports=[dynamic(OrmModule, late={OrmConfig: lambda: given})])
    class AppModule: ...

    with pytest.raises(ConfigurationError) as refused:
        async with App(AppModule, environ=QUIET).create_context():
            pass
    assert str(refused.value) == text


def test_a_section_that_cannot_be_read_is_one_problem_among_others():
    class Plain: ...

    @config("typed")
    class TypedConfig(msgspec.Struct, frozen=True, kw_only=True):
        one: "Nowhere"  # noqa: F821

    @module(providers=[TypedConfig, OrmConfig])
    class SectionsModule: ...

    @module(imports=[dynamic(SectionsModule, settings={Plain: {"one": 1}})])
    class AppModule: ...

    with pytest.raises(BootError) as refused:
        App(AppModule, environ=QUIET)
    assert [str(problem).splitlines() for problem in refused.value.exceptions] == [
        ["`Plain` is loaded as configuration without `@config`.", 'Hint: Write `@config("…")` above `class Plain`.'],
        [
            "The hints of `TypedConfig` cannot be evaluated: name 'Nowhere' is not defined",
            "Hint: Import the name at run time, not under `TYPE_CHECKING`.",
        ],
        [
            "Setting `orm.url` must be set",
            "Hint: Set `NESTPY_ORM__URL` in the environment or in `.env`, or give `url=` in code.",
        ],
    ]


def test_no_timeout_of_the_app_is_endless():
    @module
    class AppModule: ...

    with pytest.raises(BootError) as refused:
        App(AppModule, environ={**QUIET, "NESTPY_APP__SHUTDOWN_TIMEOUT": "inf"})
    assert "Setting `app.shutdown_timeout` must be a number from 0 to 31536000" in str(refused.value)
