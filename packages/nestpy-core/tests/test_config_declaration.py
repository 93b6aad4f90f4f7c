"""What `config` and `setting` accept, attach and refuse."""

from typing import Annotated, Optional

import msgspec
import pytest

from nestpy_core._config import config, config_meta, setting
from nestpy_core._secret import Secret
from nestpy_core._section import Pin, Section
from nestpy_core._setting_info import describe
from nestpy_core._settings import Settings
from nestpy_core.errors import DefinitionError


@config("http")
class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 3000
    prefix: Annotated[str, setting(shape=True, description="Before every path.")] = ""
    url: Annotated[Secret[str], setting(alias="DATABASE_URL")]
    hosts: list[str] = msgspec.field(default_factory=list)


def test_the_decorator_returns_the_same_class_and_it_stays_constructible_by_hand():
    class Plain(msgspec.Struct):
        port: int

    assert config("plain")(Plain) is Plain
    assert Plain(port=1).port == 1


def test_metadata_names_the_namespace_and_every_field():
    meta = config_meta(HttpConfig)
    assert meta is not None
    assert meta.namespace == "http"
    assert [field.setting for field in meta.fields] == ["http.port", "http.prefix", "http.url", "http.hosts"]
    assert [field.variables("NESTPY") for field in meta.fields][2] == ("NESTPY_HTTP__URL", "DATABASE_URL")
    assert [field.name for field in meta.fields if field.meta.shape] == ["prefix"]
    assert [field.name for field in meta.fields if field.default is None] == ["url"]


def test_metadata_is_frozen():
    meta = config_meta(HttpConfig)
    assert meta is not None
    with pytest.raises(AttributeError):
        meta.namespace = "other"


def test_a_subclass_is_no_section_of_its_own():
    class Narrow(HttpConfig, frozen=True, kw_only=True):
        pass

    assert config_meta(Narrow) is None


def test_a_setting_is_found_whether_it_stands_around_the_union_or_inside_of_it():
    @config("both")
    class Both(msgspec.Struct):
        outside: Annotated[str | None, setting(alias="OUTSIDE")] = None
        inside: Optional[Annotated[str, setting(alias="INSIDE")]] = None  # noqa: UP045

    meta = config_meta(Both)
    assert meta is not None
    assert [field.meta.alias for field in meta.fields] == ["OUTSIDE", "INSIDE"]


def test_msgspec_ignores_the_metadata_of_a_setting():
    class Body(msgspec.Struct):
        name: Annotated[str, setting(alias="NAME"), msgspec.Meta(min_length=2)]

    assert msgspec.json.decode(b'{"name":"ab"}', type=Body) == Body("ab")
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"name":"a"}', type=Body)


def test_anything_but_a_struct_is_refused_with_the_line_to_write():
    with pytest.raises(DefinitionError) as refused:

        @config("http")
        class Plain:
            port: int = 1

    assert str(refused.value) == (
        '`@config("http")` needs a subclass of `msgspec.Struct`, and `Plain` is none.\n'
        "Hint: Write `class Plain(msgspec.Struct, frozen=True, kw_only=True):`."
    )


def test_a_function_is_refused():
    with pytest.raises(DefinitionError):
        config("http")(lambda: None)


@pytest.mark.parametrize("namespace", ["", "Http", "http__x", "_http", "http_", "http-x", "1http", "http.x", "http\n"])
def test_a_namespace_that_is_not_lower_snake_case_is_refused(namespace):
    with pytest.raises(DefinitionError):
        config(namespace)(msgspec.defstruct("Some", [("port", int)]))


@pytest.mark.parametrize("name", ["maxAge", "max__age", "_age", "age_"])
def test_a_field_whose_name_cannot_become_one_variable_is_refused(name):
    with pytest.raises(DefinitionError) as refused:
        config("http")(msgspec.defstruct("Some", [(name, int)]))
    assert str(refused.value) == (f'`@config("http")` on `Some`: `{name}` must be lower snake case, as `max_age`.')


@pytest.mark.parametrize("alias", ["", "DATABASE-URL", "1URL", "A B", "URL\n"])
def test_an_alias_that_names_no_variable_is_refused(alias):
    with pytest.raises(DefinitionError):
        setting(alias=alias)


def test_a_hint_that_cannot_be_evaluated_names_the_class():
    meta = config_meta(config("broken")(msgspec.defstruct("Broken", [("port", "Missing")])))
    assert meta is not None
    with pytest.raises(DefinitionError) as refused:
        _ = meta.fields
    assert str(refused.value) == (
        "The hints of `Broken` cannot be evaluated: name 'Missing' is not defined\n"
        "Hint: Import the name at run time, not under `TYPE_CHECKING`."
    )


def test_a_class_without_the_decorator_cannot_be_loaded(tmp_path):
    class Plain(msgspec.Struct):
        port: int = 1

    with pytest.raises(DefinitionError) as refused:
        Settings.read(environ={}, directory=tmp_path).load([Section(Plain)])
    assert str(refused.value) == (
        '`Plain` is loaded as configuration without `@config`.\nHint: Write `@config("…")` above `class Plain`.'
    )


def test_a_description_shows_types_defaults_and_what_decides_at_present(tmp_path):
    (tmp_path / ".env").write_text("DATABASE_URL=canary\n")
    settings = Settings.read(environ={"NESTPY_HTTP__PORT": "1"}, directory=tmp_path)
    found = describe(HttpConfig, settings, [Pin({"prefix": "/api"}, "HttpModule.for_root(...) in AppModule")])
    assert [(each.variable, each.type, each.default, each.source) for each in found] == [
        ("NESTPY_HTTP__PORT", "int", "3000", "`NESTPY_HTTP__PORT`"),
        ("NESTPY_HTTP__PREFIX", "str", "''", "HttpModule.for_root(...) in AppModule"),
        ("NESTPY_HTTP__URL", "Secret[str]", "required", "`DATABASE_URL` in `.env`"),
        ("NESTPY_HTTP__HOSTS", "list[str]", "[]", "default"),
    ]
    assert found[1].description == "Before every path."
    assert "canary" not in repr(found)


def test_a_description_without_settings_needs_no_source():
    assert [each.source for each in describe(HttpConfig)] == ["", "", "", ""]
