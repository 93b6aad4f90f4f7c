"""Types and fields in schema language beside those of classes."""

import subprocess
import sys

import msgspec
import pytest

from nestpy_core import App, BootError, module, public
from nestpy_graphql import GraphqlModule, field, mutation, query, resolver
from nestpy_http import HttpModule
from nestpy_testing import TestApp

LANGUAGE = """
type Query { legacy(id: ID!): Legacy }
type Mutation { put(input: PutInput!): Legacy! }
input PutInput { legacyName: String!, size: Int = 3 }
type Legacy { id: ID! createdAt: String user: User size: Int }
extend type User { nick: String }
"""


class User(msgspec.Struct):
    id: int


class Put(msgspec.Struct):
    legacy_name: str
    size: int


@public
@resolver("Legacy")
class LegacyResolver:
    @query()
    async def me(self) -> User:
        return User(1)

    @query()
    async def legacy(self, id: str):
        return {"id": id, "created_at": "now"}

    @mutation()
    async def put(self, input: Put):
        return {"id": input.legacy_name, "size": input.size}

    @field()
    async def user(self, legacy: dict[str, str]):
        return User(int(legacy["id"]))


@public
@resolver(User)
class UserResolver:
    @field()
    async def nick(self, user: User):
        return f"nick{user.id}"


def root_of(*providers, sdl):
    @module(imports=[HttpModule, GraphqlModule.for_root(sdl=sdl)], providers=list(providers))
    class Root: ...

    return Root


def problems_of(*providers, sdl):
    with pytest.raises(BootError) as failed:
        App(root_of(*providers, sdl=sdl))
    return [str(one) for one in failed.value.exceptions]


async def test_fields_of_a_text_are_resolved_by_methods_and_read_from_mappings():
    async with TestApp(root_of(LegacyResolver, UserResolver, sdl=(LANGUAGE,))) as app:
        found = await app.graphql('{ me { id nick } legacy(id: "7") { id createdAt user { id nick } size } }')
        assert found.errors == []
        assert found.data == {
            "me": {"id": 1, "nick": "nick1"},
            "legacy": {"id": "7", "createdAt": "now", "user": {"id": 7, "nick": "nick7"}, "size": None},
        }


async def test_inputs_of_a_text_become_what_the_method_takes():
    async with TestApp(root_of(LegacyResolver, UserResolver, sdl=(LANGUAGE,))) as app:
        found = await app.graphql('mutation { put(input: {legacyName: "5"}) { id size } }')
        assert found.data == {"put": {"id": "5", "size": 3}}


async def test_a_folder_of_files_is_read_whole(tmp_path):
    (tmp_path / "legacy.graphql").write_text("type Query { hello: String! }")
    (tmp_path / "more.graphql").write_text("extend type Query { bye: String! }")

    @public
    @resolver()
    class Greeting:
        @query()
        async def hello(self):
            return "hello"

        @query()
        async def bye(self):
            return "bye"

    async with TestApp(root_of(Greeting, sdl=(str(tmp_path),))) as app:
        assert (await app.graphql("{ hello bye }")).data == {"hello": "hello", "bye": "bye"}


def test_a_field_that_nobody_resolves_fails_the_boot():
    assert problems_of(
        LegacyResolver, UserResolver, sdl=(f"{LANGUAGE}\nextend type Query {{ lostAndFound: Int }}",)
    ) == [
        (
            "`Query.lostAndFound` stands in schema language and is resolved by nobody.\n"
            "Hint: decorate a method `lost_and_found` with `@query()`"
        )
    ]


def test_arguments_that_differ_fail_the_boot():
    sdl = LANGUAGE.replace("legacy(id: ID!)", "legacy(key: ID!)")
    assert problems_of(LegacyResolver, UserResolver, sdl=(sdl,)) == [
        (
            "`Query.legacy` has the argument `key`, which `LegacyResolver.legacy` does not take.\n"
            "Hint: take a parameter `key`"
        ),
        (
            "`LegacyResolver.legacy` takes `id`, which `Query.legacy` in schema language has not.\n"
            "Hint: write the argument `id` there, or give the parameter a default"
        ),
    ]


def test_what_is_no_schema_language_and_no_file_fails_the_boot():
    found = problems_of(LegacyResolver, UserResolver, sdl=("type Query { broken",))
    assert any(one.startswith("What `sdl=` defines cannot be read: ") for one in found)
    found = problems_of(UserResolver, sdl=("absent.graphql",))
    assert "`absent.graphql` of `sdl=` is no file.\nHint: name a file, a folder, or write the schema" in found


def test_a_resolver_of_a_type_that_no_text_defines_fails_the_boot():
    @public
    @resolver("Absent")
    class Absent:
        @query()
        async def hello(self) -> str:
            return "hello"

        @field()
        async def name(self, parent: dict[str, str]) -> str:
            return "name"

    assert problems_of(Absent, sdl=()) == [
        (
            "`Absent.name` is a field of the text `Absent`, and no file in schema language defines that type.\n"
            "Hint: write the class: `@resolver(Absent)`"
        )
    ]


def test_ariadne_is_loaded_by_an_app_with_such_files_alone():
    script = (
        "import sys; from nestpy_core import App, module, public; from nestpy_http import HttpModule\n"
        "from nestpy_graphql import query, resolver\n"
        "class Hello:\n"
        "    @query()\n"
        "    async def hello(self) -> str: return ''\n"
        "@module(imports=[HttpModule], providers=[public(resolver()(Hello))])\n"
        "class Root: ...\n"
        "App(Root); sys.exit('ariadne' in sys.modules or 'starlette' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
