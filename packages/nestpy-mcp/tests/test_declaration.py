"""What cannot be offered to agents is told at boot, by name, with the edit to make."""

from typing import Any

import pytest

from nestpy_core import App, BootError, DefinitionError, module, public
from nestpy_http import HttpContext, HttpModule, Request
from nestpy_mcp import completion, mcp, prompt, resource, tool


class Opaque:
    pass


def report(*hosts: Any) -> list[str]:
    @module(imports=[HttpModule.for_root()], providers=hosts)
    class RootModule: ...

    with pytest.raises(BootError) as caught:
        App(RootModule, environ={"NESTPY_ENV": "test"})
    return [str(one) for one in caught.value.exceptions]


def test_a_parameter_and_a_result_that_no_schema_describes_are_named() -> None:
    @public
    @mcp()
    class Host:
        @tool()
        async def taken(self, fine: int, opaque: Opaque) -> str:
            """Take."""
            return ""

        @tool()
        async def unsaid(self, number) -> str:  # type: ignore[no-untyped-def]  # what is refused
            """Take."""
            return ""

        @tool()
        async def given(self) -> Opaque:
            """Give."""
            return Opaque()

        @tool()
        async def of_request(self, request: Request) -> str:
            """Take."""
            return ""

        @resource("station://{id}")
        async def of_context(self, id: int, context: HttpContext) -> str:
            """Take."""
            return ""

    hint = "Hint: annotate it with a type that msgspec knows, or install a schema plugin for it"
    assert report(Host) == [
        f"`Host.taken(opaque)` is `Opaque`, which JSON Schema cannot describe.\n{hint}",
        f"`Host.unsaid(number)` says nothing of its type.\n{hint}",
        f"`Host.given` returns `Opaque`, which JSON Schema cannot describe.\n{hint}",
        "`Host.of_request(request)` is `Request`, which an operation is not given.\nHint: take `McpRequest`",
        "`Host.of_context(context)` is `HttpContext`, which an operation is not given.\nHint: take `McpContext`",
    ]


def test_a_completion_completes_something() -> None:
    @public
    @mcp()
    class Host:
        @prompt()
        async def greet(self, name: str) -> str:
            """Greet."""
            return name

        @resource("station://{id}")
        async def station(self, id: int) -> str:
            """One station."""
            return str(id)

        @completion("name", of="great")
        async def of_nothing(self, value: str) -> list[str]:
            return [value]

        @completion("nam", of="greet")
        async def of_no_argument(self, value: str) -> list[str]:
            return [value]

        @completion("key", of="station://{id}")
        async def of_no_variable(self, value: str) -> list[str]:
            return [value]

        @completion("name", of="greet")
        async def of_name(self, value: str) -> list[str]:
            return [value]

        @completion("id", of="station://{id}")
        async def of_id(self, value: str) -> list[str]:
            return [value]

    assert report(Host) == [
        (
            "`Host.of_nothing` completes `name` of `great`, and `/mcp` has no such prompt and no such template.\n"
            "Hint: there are `greet` and `station://{id}`"
        ),
        "`Host.of_no_argument` completes `nam` of `greet`, which does not take it.\nHint: it takes `name`",
        "`Host.of_no_variable` completes `key` of `station://{id}`, which does not take it.\nHint: it takes `id`",
    ]


def test_a_server_is_told_its_path() -> None:
    with pytest.raises(DefinitionError) as caught:
        mcp(Opaque)  # type: ignore[arg-type]  # what is refused
    assert str(caught.value) == "`@mcp` is written with parentheses.\nHint: write `@mcp()`"
