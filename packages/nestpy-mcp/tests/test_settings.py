"""Settings that cannot work fail the boot by their name, and never repeat a password."""

from typing import Any

import pytest

from nestpy_core import App, BootError, module, public
from nestpy_http import HttpModule
from nestpy_mcp import McpModule, mcp, tool


@public
@mcp()
class Tools:
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
