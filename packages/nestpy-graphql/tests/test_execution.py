"""Operations get what the specification says (October 2021, sections 6 and 7), and errors tell where and why alone."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

from nestpy_graphql import GraphqlRequest, Scalar, field, interface, mutation, query, resolver
from nestpy_testing import TestApp


class Pet(msgspec.Struct):
    name: str
    age: int | None = None


class Person(msgspec.Struct):
    name: str
    pets: list[Pet] = []
    maybe: list[Pet | None] = []
    best: Pet | None = None


class Secretive:
    def __repr__(self):
        return "canary"

    __str__ = __repr__


ANN = Person("Ann", [Pet("Rex", 3), Pet("Tom")], [Pet(None), None])


@resolver(Person)
class People:
    @field()
    def greeting(self, person: Person, word: str = "Hello") -> str:
        return f"{word} {person.name}"

    @field()
    async def sure(self, person: Person) -> Pet:
        await asyncio.sleep(0)
        return None

    @field()
    async def unsure(self, person: Person) -> Pet | None:
        return Pet("fine")


@resolver()
class Root:
    def __init__(self):
        self.log = []
        self.done = asyncio.Event()

    @query()
    def ann(self) -> Person | None:
        return ANN

    @query()
    def surely(self) -> Person:
        return ANN

    @query()
    async def echo(
        self,
        text: str = "none",
        number: int = 3,
        flag: bool = False,
        anything: Any = None,
        all: list[int] | None = None,
    ) -> str:
        return f"{text} {number} {flag} {anything} {all}"

    @query()
    def generated(self) -> Iterable[int]:
        return (number for number in range(3))

    @query()
    def yielded(self) -> Iterator[int]:
        return iter([4])

    @query()
    def tampered(self, given: Any) -> str:
        given["seen"] = given.get("seen", 0) + 1
        return str(given)

    @query()
    def wrong_text(self) -> str | None:
        return Secretive()

    @query()
    def wrong_number(self) -> int | None:
        return Secretive()

    @query()
    def too_large(self) -> int | None:
        return 2**40

    @query()
    def no_list(self) -> list[int] | None:
        return Secretive()

    @mutation()
    async def slow(self, name: str) -> str:
        self.log.append(f"begin {name}")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.log.append(f"end {name}")
        return name

    @mutation()
    async def fail(self) -> str | None:
        self.log.append("fail")
        raise ValueError("canary")

    @mutation()
    def told(self) -> list[str]:
        return self.log


@pytest.fixture
async def ask(app_of):
    async with TestApp(app_of(Root, People)) as app:
        yield app.graphql


async def test_fields_come_in_the_order_in_which_they_are_asked(ask):
    found = await ask(
        '{ surely { greeting b: greeting(word: "Bye") unsure { name } pets { age name } name __typename } }'
    )
    assert msgspec.json.encode(found.data) == (
        b'{"surely":{"greeting":"Hello Ann","b":"Bye Ann","unsure":{"name":"fine"},'
        b'"pets":[{"age":3,"name":"Rex"},{"age":null,"name":"Tom"}],"name":"Ann","__typename":"Person"}}'
    )


async def test_a_null_where_none_may_stand_is_passed_on_to_the_nearest_place_that_allows_it(ask):
    found = await ask("{ ann { name\n  sure { name } } }")
    assert found.data == {"ann": None}
    [error] = found.errors
    assert (error["path"], error["locations"]) == (["ann", "sure"], [{"line": 2, "column": 3}])
    assert (error["message"], error["extensions"]["code"]) == ("Internal server error", "INTERNAL")

    found = await ask("{ surely { sure { name } } }")
    assert (found.data, found.status) == (None, 200)

    found = await ask("{ ann { maybe { name } } }")
    assert found.data == {"ann": {"maybe": [None, None]}}
    assert [error["path"] for error in found.errors] == [["ann", "maybe", 0, "name"]]


async def test_fragments_aliases_and_conditions_choose_what_is_told(ask):
    source = """
        query Chosen($more: Boolean!, $less: Boolean = false) {
            ann { ...F ... on Person { name } ... @include(if: $more) { again: name } }
            skipped: ann @skip(if: true) { name }
            gone: ann @include(if: $less) { name }
        }
        fragment F on Person { pets { name @skip(if: $less) ...G } }
        fragment G on Pet { age }
    """
    expected = {"pets": [{"name": "Rex", "age": 3}, {"name": "Tom", "age": None}], "name": "Ann"}
    assert (await ask(source, {"more": False})).data == {"ann": expected}
    assert (await ask(source, {"more": True})).data == {"ann": {**expected, "again": "Ann"}}
    found = await ask(source, {"more": False, "less": True})
    assert found.data == {"ann": {**expected, "pets": [{"age": 3}, {"age": None}]}, "gone": {"name": "Ann"}}


async def test_a_condition_without_a_value_is_refused_and_ends_nothing_else(ask):
    source = "query($if: Boolean = true) { ann { name @include(if: $if) } }"
    assert (await ask(source)).data == {"ann": {"name": "Ann"}}
    found = await ask(source, {"if": None})
    assert (found.status, found.codes) == (200, ["BAD_USER_INPUT"])
    assert "INTERNAL" not in found.codes


async def test_variables_and_defaults_reach_arguments(ask):
    definitions = "$t: String, $n: Int! = 5, $a: JSON, $all: [Int!]"
    source = f"query({definitions}) {{ echo(text: $t, number: $n, anything: {{of: [$a]}}, all: $all) }}"
    assert (await ask(source)).data == {"echo": "none 5 False {'of': [None]} None"}
    found = await ask(source, {"t": "x", "n": 6, "a": {"b": 1}, "all": 3})
    assert found.data == {"echo": "x 6 False {'of': [{'b': 1}]} [3]"}


async def test_null_for_an_argument_with_a_default_is_refused_by_name(ask):
    found = await ask("query($t: String) { echo(text: $t) }", {"t": None})
    assert (found.data, found.codes) == (None, ["BAD_USER_INPUT"])
    assert found.errors[0]["path"] == ["echo"]
    assert "`text`" in found.errors[0]["message"]


@pytest.mark.parametrize(
    ("definition", "value", "where", "code"),
    [
        ("$v: Int!", "canary", "v", "type"),
        ("$v: Int", 2**31, "v", "type"),
        ("$v: Int", 1.5, "v", "type"),
        ("$v: Int", True, "v", "type"),
        ("$v: [Int!]", [1, "canary"], "v.1", "type"),
        ("$v: [Int!]", [1, None], "v.1", "type"),
        ("$v: String!", None, "v", "type"),
        ("$v: Boolean", "canary", "v", "type"),
    ],
)
async def test_what_is_wrong_with_variables_is_named_and_never_echoed(ask, definition, value, where, code):
    argument = {"I": "number", "S": "text", "B": "flag", "[": "all"}[definition[4]]
    found = await ask(f"query({definition}) {{ echo({argument}: $v) }}", {"v": value})
    assert (found.data, found.status, found.codes) == (None, 200, ["BAD_USER_INPUT"])
    failures = found.errors[0]["extensions"]["errors"]
    assert [(name, failure["code"]) for name, several in failures.items() for failure in several] == [(where, code)]
    assert "canary" not in str(found.errors)


async def test_a_required_variable_that_is_missing_is_named(ask):
    found = await ask("query($v: Int!) { echo(number: $v) }")
    assert found.errors[0]["extensions"]["errors"] == {"v": [{"code": "required", "message": "Expected `Int!`"}]}


async def test_arguments_written_in_a_document_are_new_for_each_call(ask):
    for _ in range(3):
        assert (await ask("{ tampered(given: {a: 1}) }")).data == {"tampered": "{'a': 1, 'seen': 1}"}


async def test_anything_iterable_is_a_list(ask):
    assert (await ask("{ generated yielded }")).data == {"generated": [0, 1, 2], "yielded": [4]}


@pytest.mark.parametrize("name", ["wrongText", "wrongNumber", "tooLarge", "noList"])
async def test_a_result_of_another_type_is_an_error_that_does_not_show_it(ask, name, caplog):
    found = await ask(f"{{ {name} }}")
    assert found.data == {name: None}
    assert found.codes == ["INTERNAL"]
    assert "canary" not in str(found.errors)
    assert str(2**40) not in str(found.errors)
    assert found.errors[0]["extensions"]["errorId"] in caplog.text


async def test_mutations_run_one_after_the_other_and_go_on_after_a_failure(ask):
    found = await ask('mutation { a: slow(name: "a") fail b: slow(name: "b") told }')
    assert found.data == {
        "a": "a",
        "fail": None,
        "b": "b",
        "told": ["begin a", "end a", "fail", "begin b", "end b"],
    }
    assert [error["path"] for error in found.errors] == [["fail"]]


async def test_fields_of_a_query_run_side_by_side(app_of):
    @resolver()
    class Meeting:
        def __init__(self):
            self.here = 0
            self.all = asyncio.Event()

        @query()
        async def meet(self) -> int:
            self.here += 1
            if self.here == 2:
                self.all.set()
            await self.all.wait()
            return self.here

    async with TestApp(app_of(Meeting)) as app:
        assert (await app.graphql("{ a: meet b: meet }")).data == {"a": 2, "b": 2}


async def test_one_of_several_operations_is_named(ask):
    source = "query A { surely { name } } query B { echo }"
    assert (await ask(source, operation_name="B")).data == {"echo": "none 3 False None None"}
    assert (await ask(source)).codes == ["OPERATION_NOT_FOUND"]
    assert (await ask(source, operation_name="C")).codes == ["OPERATION_NOT_FOUND"]


async def test_an_operation_tells_of_itself(app_of):
    @resolver()
    class Telling:
        @query()
        def told(self, request: GraphqlRequest, number: int) -> str:
            return f"{request.kind} {request.operation_name} {dict(request.variables)} {request.headers.get('x-a')}"

    async with TestApp(app_of(Telling)) as app:
        found = await app.graphql("query Who($n: Int = 2) { told(number: $n) }", headers={"x-a": "here"})
        assert found.data == {"told": "query Who {'n': 2} here"}


INTROSPECTION = (
    '{ __schema { queryType { name } } __type(name: "Pet") { fields { name } } ann { greeting pets { name } } }'
)


async def test_the_schema_is_told_beside_data_where_introspection_is_on(ask):
    found = await ask(INTROSPECTION)
    assert found.data == {
        "__schema": {"queryType": {"name": "Query"}},
        "__type": {"fields": [{"name": "name"}, {"name": "age"}]},
        "ann": {"greeting": "Hello Ann", "pets": [{"name": "Rex"}, {"name": "Tom"}]},
    }


async def test_errors_beside_introspection_are_as_opaque_as_elsewhere(ask):
    found = await ask("{ __typename __schema { queryType { name } } ann { sure { name } } wrongText }")
    assert found.data == {
        "__typename": "Query",
        "__schema": {"queryType": {"name": "Query"}},
        "ann": None,
        "wrongText": None,
    }
    assert found.codes == ["INTERNAL", "INTERNAL"]
    assert "canary" not in str(found.errors)


async def test_the_schema_is_not_told_where_introspection_is_off(app_of):
    async with TestApp(app_of(Root, People, introspection=False)) as app:
        assert (await app.graphql("{ __typename ann { name __typename } }")).data == {
            "__typename": "Query",
            "ann": {"name": "Ann", "__typename": "Person"},
        }
        for source in (INTROSPECTION, "{ ... on Query { x: __schema { types { name } } } }"):
            found = await app.graphql(source)
            assert (found.data, found.codes) == (None, ["GRAPHQL_VALIDATION_FAILED"])


class Token(msgspec.Struct):
    value: str


def read(value):
    if value != "good":
        raise ValueError(f"not good: {value}")
    return Token(value)


async def test_a_scalar_of_the_app_refuses_without_echo_and_fails_opaquely(app_of):
    @resolver()
    class Tokens:
        @query()
        def echo(self, token: Token) -> Token | None:
            return token

        @query()
        def broken(self) -> Token | None:
            return "canary"

    scalar = Scalar(name="Token", serialize=lambda token: token.value, parse=read)
    async with TestApp(app_of(Tokens, scalars={Token: scalar})) as app:
        assert (await app.graphql('{ echo(token: "good") }')).data == {"echo": "good"}
        assert (await app.graphql("query($t: Token!) { echo(token: $t) }", {"t": "good"})).data == {"echo": "good"}
        found = await app.graphql("query($t: Token!) { echo(token: $t) }", {"t": "canary"})
        assert (found.codes, "canary" in str(found.errors)) == (["BAD_USER_INPUT"], False)
        found = await app.graphql("{ broken }")
        assert (found.codes, "canary" in str(found.errors)) == (["INTERNAL"], False)


async def test_a_list_longer_than_it_declares_is_refused(app_of):
    @resolver()
    class Lists:
        @query(items=2)
        def some(self, size: int) -> list[int] | None:
            return list(range(size))

    async with TestApp(app_of(Lists)) as app:
        assert (await app.graphql("{ some(size: 2) }")).data == {"some": [0, 1]}
        assert (await app.graphql("{ some(size: 3) }")).codes == ["INTERNAL"]


async def test_an_instance_of_an_interface_itself_is_named(app_of, caplog):
    @interface
    class Activity(msgspec.Struct):
        at: int

    class Comment(Activity):
        pass

    @resolver()
    class Root:
        @query()
        def activity(self) -> Activity:
            return Activity(1)

    async with TestApp(app_of(Root)) as test:
        found = await test.graphql("{ activity { at } }")
    assert found.errors[0]["extensions"]["code"] == "INTERNAL"
    assert "`Activity` is an interface; return an instance of a class that derives from it" in caplog.text
