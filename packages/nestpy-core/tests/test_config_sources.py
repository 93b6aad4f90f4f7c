"""Which source gives a setting its value, and what is wrong with a source itself."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from nestpy_core._config import config, setting
from nestpy_core._section import Pin, Section
from nestpy_core._settings import Settings

MODULE = "HttpModule.for_root(...) in AppModule"
CANARY = "canary-1f9c"


@config("http")
class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    server: str = "default"


@config("orm")
class OrmConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[str, setting(alias="DATABASE_URL")] = "default"


def write(directory, files):
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")


def loaded(config_type, directory, environ, pins=()):
    settings = Settings.read(environ=environ, directory=directory)
    built, problems = settings.load([Section(config_type, pins)])
    assert problems == []
    return built[config_type]


def complaints(directory, environ=None, **options):
    settings = Settings.read(environ=environ or {}, directory=directory, **options)
    return [str(problem) for problem in settings.load([])[1]]


ENVIRON = {"NESTPY_HTTP__SERVER": "environment"}
PINS = (Pin({"server": "code"}, MODULE),)
DOTENV = {".env": "NESTPY_HTTP__SERVER=dotenv"}
TOML = {"nestpy.toml": "[http]\nserver = 'toml'"}


@pytest.mark.parametrize(
    ("environ", "pins", "files", "winner"),
    [
        (ENVIRON, PINS, DOTENV | TOML, "environment"),
        ({}, PINS, DOTENV | TOML, "code"),
        ({}, (), DOTENV | TOML, "dotenv"),
        ({}, (), TOML, "toml"),
        ({}, (), {}, "default"),
        (ENVIRON, (), TOML, "environment"),
        ({}, PINS, TOML, "code"),
    ],
)
def test_one_key_at_every_layer_is_decided_by_the_highest(tmp_path, environ, pins, files, winner):
    write(tmp_path, files)
    assert loaded(HttpConfig, tmp_path, environ, pins).server == winner


CASCADE = {
    name: f"NESTPY_HTTP__SERVER={name}"
    for env in ("test", "staging", "production", "development")
    for name in (f".env.{env}.local", ".env.local", f".env.{env}", ".env")
}


@pytest.mark.parametrize(
    ("environment", "order"),
    [
        ("development", [".env.development.local", ".env.local", ".env.development", ".env"]),
        ("production", [".env.production.local", ".env.local", ".env.production", ".env"]),
        ("staging", [".env.staging.local", ".env.local", ".env.staging", ".env"]),
        ("test", [".env.test.local", ".env.test", ".env"]),
    ],
)
def test_the_cascade_goes_from_the_most_special_file_to_the_least(tmp_path, environment, order):
    write(tmp_path, CASCADE)
    seen = []
    while (winner := loaded(HttpConfig, tmp_path, {"NESTPY_ENV": environment}).server) != "default":
        seen.append(winner)
        (tmp_path / winner).unlink()
    assert seen == order


@pytest.mark.parametrize(
    ("named", "environment"),
    [
        (None, "development"),
        ("", "development"),
        ("development", "development"),
        ("test", "test"),
        ("stage", "staging"),
        ("staging", "staging"),
        ("prod", "production"),
        ("production", "production"),
    ],
)
def test_the_environment_has_four_names_and_two_aliases(tmp_path, named, environment):
    environ = {} if named is None else {"NESTPY_ENV": named}
    assert Settings.read(environ=environ, directory=tmp_path).environment == environment


def test_an_unknown_environment_is_a_problem_and_counts_as_production(tmp_path):
    assert Settings.read(environ={"NESTPY_ENV": CANARY}, directory=tmp_path).environment == "production"
    assert complaints(tmp_path, {"NESTPY_ENV": CANARY}) == [
        (
            "Setting `env` must be one of `development`, `test`, `staging`, `production` (from `NESTPY_ENV`)\n"
            "Hint: Set `NESTPY_ENV=production`, or leave it unset for `development`."
        )
    ]


@pytest.mark.parametrize(
    ("environ", "pins", "files", "winner"),
    [
        ({"NESTPY_HTTP__SERVER": ""}, (), DOTENV | TOML, "default"),
        ({"NESTPY_HTTP__SERVER": ""}, PINS, DOTENV | TOML, "code"),
        ({}, (), {".env.local": "NESTPY_HTTP__SERVER="} | DOTENV | TOML, "default"),
        ({}, (), {".env": 'NESTPY_HTTP__SERVER=""'} | TOML, "default"),
        ({}, (), {"nestpy.toml": "[http]\nserver = ''"}, "default"),
        ({}, (Pin({"server": ""}, MODULE),), DOTENV, ""),
    ],
)
def test_an_empty_text_hides_the_files_below_it_but_neither_code_nor_default(tmp_path, environ, pins, files, winner):
    write(tmp_path, files)
    assert loaded(HttpConfig, tmp_path, environ, pins).server == winner


@pytest.mark.parametrize(
    ("environ", "dotenv", "winner"),
    [
        ({"NESTPY_ORM__URL": "name", "DATABASE_URL": "alias"}, "", "name"),
        ({"DATABASE_URL": "alias"}, "", "alias"),
        ({"DATABASE_URL": "alias"}, "NESTPY_ORM__URL=file", "alias"),
        ({}, "DATABASE_URL=alias\nNESTPY_ORM__URL=name", "name"),
        ({}, "DATABASE_URL=alias", "alias"),
        ({"NESTPY_ORM__URL": "", "DATABASE_URL": "alias"}, "", "default"),
    ],
)
def test_an_alias_stands_below_the_name_in_the_same_layer(tmp_path, environ, dotenv, winner):
    write(tmp_path, {".env": dotenv})
    assert loaded(OrmConfig, tmp_path, environ).url == winner


def test_an_alias_in_the_real_environment_beats_code(tmp_path):
    pins = (Pin({"url": "code"}, "OrmModule.for_root(...) in AppModule"),)
    assert loaded(OrmConfig, tmp_path, {"DATABASE_URL": "alias"}, pins).url == "alias"


def test_reading_changes_neither_the_process_environment_nor_the_mapping_given(tmp_path):
    write(tmp_path, DOTENV)
    environ = {"NESTPY_ENV": "test"}
    before = dict(os.environ)
    assert loaded(HttpConfig, tmp_path, environ).server == "dotenv"
    assert dict(os.environ) == before
    assert environ == {"NESTPY_ENV": "test"}


def test_sources_are_read_once(tmp_path):
    write(tmp_path, DOTENV)
    environ = dict(ENVIRON)
    settings = Settings.read(environ=environ, directory=tmp_path)
    environ.clear()
    (tmp_path / ".env").unlink()
    assert settings.load([Section(HttpConfig)])[0][HttpConfig].server == "environment"


def test_by_default_the_process_environment_and_the_working_directory_are_read():
    assert "HOME" not in os.environ or Settings.read().sources.real.values["HOME"] == os.environ["HOME"]


def test_the_prefix_can_be_renamed_and_the_old_names_are_then_not_read(tmp_path):
    environ = {"NESTPY_ENV_PREFIX": "ACME", "ACME_ENV": "prod", "NESTPY_ENV": "test"}
    settings = Settings.read(environ=environ, directory=tmp_path)
    assert (settings.prefix, settings.environment) == ("ACME", "production")
    assert loaded(HttpConfig, tmp_path, environ | {"ACME_HTTP__SERVER": "new"}).server == "new"
    assert loaded(HttpConfig, tmp_path, environ | ENVIRON).server == "default"


@pytest.mark.parametrize("prefix", ["acme", "ACME_", "_ACME", "A-B", "1A", "A__B", "ACME\n", CANARY])
def test_a_malformed_prefix_is_a_problem(tmp_path, prefix):
    assert complaints(tmp_path, {"NESTPY_ENV_PREFIX": prefix}) == [
        (
            "Setting `env_prefix` must be upper snake case without an underscore at its end "
            "(from `NESTPY_ENV_PREFIX`)\n"
            "Hint: Write `NESTPY_ENV_PREFIX=ACME` to read `ACME_HTTP__PORT`."
        )
    ]


def test_the_environment_cannot_be_chosen_by_a_file_that_it_chooses(tmp_path):
    write(tmp_path, {".env": f"NESTPY_ENV={CANARY}"})
    assert complaints(tmp_path) == [
        (
            "Setting `env` must be set in the real environment, because it decides how files are read "
            "(from `NESTPY_ENV` in `.env`)\n"
            "Hint: Remove `NESTPY_ENV` from the file and export it instead."
        )
    ]


def test_the_prefix_cannot_be_chosen_by_a_file(tmp_path):
    write(tmp_path, {".env": "NESTPY_ENV_PREFIX=ACME"})
    assert complaints(tmp_path) == [
        (
            "Setting `env_prefix` must be set in the real environment, because it decides how files are read "
            "(from `NESTPY_ENV_PREFIX` in `.env`)\n"
            "Hint: Remove `NESTPY_ENV_PREFIX` from the file and export it instead."
        )
    ]


@pytest.mark.parametrize(
    ("environ", "dotenv"),
    [
        ({"NESTPY_ENV": "production"}, "NESTPY_ENV=prod"),
        ({}, "NESTPY_ENV=development"),
        ({}, "NESTPY_ENV="),
        ({"NESTPY_ENV": "test"}, "NESTPY_ENV=development"),
        ({}, "NESTPY_ENV_PREFIX=NESTPY"),
        ({"NESTPY_ENV_PREFIX": "ACME", "ACME_ENV": "test"}, "NESTPY_ENV_PREFIX=ACME\nACME_ENV=test"),
    ],
)
def test_a_file_may_restate_what_is_real(tmp_path, environ, dotenv):
    write(tmp_path, {".env": dotenv})
    assert complaints(tmp_path, environ) == []


def test_malformed_lines_are_counted_with_their_file_and_numbers(tmp_path):
    write(tmp_path, {".env.local": f"{CANARY}\nA=1\nB='{CANARY}", ".env": f'C="{CANARY}'})
    hint = "Hint: Close every quote on its own line; a line break inside double quotes is written `\\n`."
    assert complaints(tmp_path) == [
        f"Setting `.env.local` must hold `NAME=value` lines, and 2 lines are malformed: 1, 3\n{hint}",
        f"Setting `.env` must hold `NAME=value` lines, and 1 line is malformed: 1\n{hint}",
    ]


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"A=\xff" + CANARY.encode())
    assert complaints(tmp_path) == [f"Setting `.env` must be UTF-8\nHint: Repair or remove `{tmp_path / '.env'}`."]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / ".env").mkdir()
    [problem] = complaints(tmp_path)
    assert problem.startswith("Setting `.env` must be a readable file (")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (f"[http]\nserver = {CANARY}", "at line 2, column 10"),
        (f'a = "{CANARY}', "at end of document"),
        (f"a = 1\n\na = 2 # {CANARY}", "at line 3, column 6"),
        ("a = " + "[" * 100_000, "in a value nested too deeply"),
    ],
)
def test_toml_that_cannot_be_parsed_is_named_with_its_line_and_without_its_content(tmp_path, text, position):
    write(tmp_path, {"nestpy.toml": text})
    assert complaints(tmp_path) == [
        f"Setting `nestpy.toml` must be valid TOML, and it is not {position}\nHint: Texts need quotes in TOML."
    ]


def test_the_toml_file_can_be_named_by_a_variable_or_an_argument(tmp_path):
    write(tmp_path, TOML | {"other.toml": "[http]\nserver = 'other'"})
    assert loaded(HttpConfig, tmp_path, {"NESTPY_CONFIG_FILE": "other.toml"}).server == "other"
    assert loaded(HttpConfig, tmp_path, {"NESTPY_CONFIG_FILE": str(tmp_path / "other.toml")}).server == "other"
    assert loaded(HttpConfig, tmp_path, {"NESTPY_CONFIG_FILE": ""}).server == "toml"
    settings = Settings.read(environ={"NESTPY_CONFIG_FILE": "x"}, directory=tmp_path, toml=Path("other.toml"))
    assert settings.load([Section(HttpConfig)])[0][HttpConfig].server == "other"
    write(tmp_path, {".env": "NESTPY_CONFIG_FILE=other.toml"})
    assert loaded(HttpConfig, tmp_path, {}).server == "other"


def test_a_named_toml_file_that_does_not_exist_is_a_problem(tmp_path):
    assert complaints(tmp_path, {"NESTPY_CONFIG_FILE": "missing.toml"}) == [
        (
            "Setting `config_file` must name a file that exists, and `missing.toml` does not\n"
            "Hint: Create `missing.toml`, or remove what names it."
        )
    ]


def test_a_namespace_that_is_no_table_is_a_problem(tmp_path):
    write(tmp_path, {"nestpy.toml": f"http = '{CANARY}'"})
    settings = Settings.read(environ={}, directory=tmp_path)
    assert [str(problem) for problem in settings.load([Section(HttpConfig)])[1]] == [
        "Setting `http` must be a table (from `nestpy.toml`)\nHint: Write `[http]` above its settings."
    ]


def test_the_snapshot_shows_its_files_and_no_value(tmp_path):
    write(tmp_path, {".env": f"NESTPY_HTTP__SERVER={CANARY}", "nestpy.toml": f"[http]\nserver = '{CANARY}'"})
    shown = repr(Settings.read(environ={"NESTPY_HTTP__SERVER": CANARY}, directory=tmp_path))
    assert shown == "Settings(sources=<settings of development from the environment, .env, nestpy.toml>)"


def test_no_part_of_the_snapshot_shows_a_value(tmp_path):
    write(tmp_path, {".env": f"NESTPY_HTTP__SERVER={CANARY}"})
    settings = Settings.read(environ={"NESTPY_HTTP__SERVER": CANARY}, directory=tmp_path)
    section = Section(HttpConfig, (Pin({"server": CANARY}, MODULE),))
    assert CANARY not in repr((settings.sources.files, settings.sources.real, section))


SECTIONS = [Section(HttpConfig), Section(OrmConfig)]


def unknown(directory, environ):
    return [str(each) for each in Settings.read(environ=environ, directory=directory).unknown(SECTIONS)]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("NESTPY_HTPP__SERVER", "NESTPY_HTTP__SERVER"),
        ("NESTPY_HTTP_SERVER", "NESTPY_HTTP__SERVER"),
        ("nestpy_http__server", "NESTPY_HTTP__SERVER"),
        ("NESTPY_ENVV", "NESTPY_ENV"),
        ("NESTPY_LOG__LEVLE", "NESTPY_LOG__LEVEL"),
    ],
)
def test_an_unknown_variable_is_reported_with_the_nearest_known_name(tmp_path, name, nearest):
    assert unknown(tmp_path, {name: CANARY}) == [f"Nothing reads `{name}`; the nearest known name is `{nearest}`."]


def test_an_unknown_variable_that_resembles_nothing_is_reported_alone(tmp_path):
    assert unknown(tmp_path, {"NESTPY_ZZ": "1"}) == ["Nothing reads `NESTPY_ZZ`."]


def test_known_reserved_and_foreign_variables_are_not_reported(tmp_path):
    names = ["NESTPY_HTTP__SERVER", "NESTPY_ENV_PREFIX", "NESTPY_ENV", "NESTPY_CONFIG_FILE", "NESTPY_LOG"]
    names += ["NESTPY_LOG__LEVEL", "NESTPY_LOG__FORMAT", "DATABASE_URL", "PATH", "NESTPYTHON"]
    assert unknown(tmp_path, dict.fromkeys(names, "")) == []


def test_unknown_variables_of_files_and_unknown_keys_of_toml_are_reported_where_they_stand(tmp_path):
    write(
        tmp_path, {".env": "NESTPY_ORM__URI=1\nFOREIGN=1", "nestpy.toml": "htp.x = 1\n[http]\nservr = 1\nserver = ''"}
    )
    assert unknown(tmp_path, {}) == [
        "Nothing reads `NESTPY_ORM__URI` in `.env`; the nearest known name is `NESTPY_ORM__URL`.",
        "Nothing reads `htp` in `nestpy.toml`; the nearest known name is `http`.",
        "Nothing reads `http.servr` in `nestpy.toml`; the nearest known name is `http.server`.",
    ]


def test_after_a_rename_the_old_names_are_reported(tmp_path):
    environ = {"NESTPY_ENV_PREFIX": "ACME", "NESTPY_HTTP__SERVER": "1", "ACME_ENV": "test"}
    assert unknown(tmp_path, environ) == [
        "Nothing reads `NESTPY_HTTP__SERVER`; the nearest known name is `ACME_HTTP__SERVER`."
    ]
