"""Settings that cannot work fail the boot by their name, and never repeat a password."""

from typing import Any

import pytest

from nestpy_core import App, BootError, ConfigurationError, injectable, module, provide, public
from nestpy_http import HttpModule
from nestpy_mcp import McpModule, McpRefusedError, McpRequest, SessionRecord, SessionStore, mcp, tool
from nestpy_testing import TestApp


@public
@mcp()
class Tools:
    @tool()
    async def hello(self, request: McpRequest) -> str:
        """Greet."""
        await request.progress(1, 2)
        return "hello"


@public
@mcp("/sessions", stateful=True)
class Sessions:
    @tool()
    async def hello(self) -> str:
        """Greet."""
        return "hello"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"session_store": "redis"}, "Setting `mcp.url` must name the Redis that keeps sessions"),
        ({"session_store": "redis", "url": "http://:hunter2@h"}, "Setting `mcp.url` must be a URL that begins with"),
        ({"session_store": "redis", "url": "redis://:hunter2@h:x"}, "Setting `mcp.url` must be a URL whose host"),
        ({"session_store": "disk"}, "Setting `mcp.session_store` must"),
        ({"max_batch": 0}, "Setting `mcp.max_batch` must"),
    ],
)
def test_a_setting_that_cannot_work_fails_the_boot(options: dict[str, Any], says: str) -> None:
    @module(imports=[HttpModule.for_root(), McpModule.for_root(**options)], providers=[Tools])
    class AppModule: ...

    with pytest.raises(BootError) as refused:
        App(AppModule, environ={})
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.anyio
async def test_json_only_answers_with_one_document_whatever_the_tool_tells() -> None:
    for json_only, kind in ((True, "application/json"), (False, "text/event-stream")):

        @module(imports=[HttpModule.for_root(), McpModule.for_root(json_only=json_only)], providers=[Tools])
        class AppModule: ...

        async with TestApp(App(AppModule)) as app:
            params = {"name": "hello", "_meta": {"progressToken": 1}}
            answer = await app.mcp().post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            assert answer.headers["content-type"].startswith(kind)
            assert '"hello"' in answer.text


@injectable
class Shelf:
    """A store of somebody else's."""

    def __init__(self) -> None:
        self.records: dict[str, SessionRecord] = {}

    async def create(self, record: SessionRecord, *, idle: float, cap: int) -> bool:
        if len(self.records) >= cap:
            return False
        self.records[record.id] = record
        return True

    async def get(self, session_id: str, *, idle: float) -> SessionRecord | None:
        return self.records.get(session_id)

    async def save(self, record: SessionRecord, *, idle: float) -> None:
        self.records[record.id] = record

    async def delete(self, session_id: str) -> None:
        self.records.pop(session_id, None)

    async def put_answer(self, session_id: str, answer: dict[str, Any]) -> None: ...

    async def take_answer(self, session_id: str, number: str, *, timeout: float) -> dict[str, Any] | None:
        return None

    async def close(self) -> None: ...


@pytest.mark.anyio
async def test_another_store_keeps_the_sessions_where_one_is_bound() -> None:
    @module(providers=[provide(SessionStore, use_class=Shelf)], shared=True)
    class ShelfModule: ...

    @module(imports=[HttpModule.for_root(), McpModule, ShelfModule], providers=[Sessions])
    class AppModule: ...

    async with TestApp(App(AppModule)) as app:
        client = app.mcp("/sessions")
        await client.initialize()
        await client.call("logging/setLevel", {"level": "error"})
        shelf: Any = await app.get(SessionStore)
        assert [(one, record.level) for one, record in shelf.records.items()] == [(client.session, "error")]
        shelf.records.clear()
        with pytest.raises(McpRefusedError) as refused:
            await client.tools()
        assert refused.value.status == 404


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["max_result_bytes", "page_size"])
async def test_what_is_read_at_boot_is_not_left_to_the_start(name: str) -> None:
    late = McpModule.for_root_async(use_factory=lambda: {name: 1})

    @module(imports=[HttpModule.for_root(), late], providers=[Tools])
    class LateModule: ...

    with pytest.raises(ConfigurationError, match=rf"`mcp\.{name}` must not come from"):
        async with TestApp(LateModule):
            pass
