from pathlib import Path
from typing import Any

import pytest

STORES = ("memory", "sqlite", "redis")


def settings_of(store: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    if store == "memory":
        return {"store": "memory"}
    if store == "sqlite":
        path: Path = request.getfixturevalue("tmp_path")
        return {"path": str(path / "queue.sqlite3"), "synchronous": "normal"}
    return {"url": request.getfixturevalue("redis_url"), "durability": "off", "timeout": 5.0}


@pytest.fixture(params=STORES)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of one kind of store after the other, each empty."""
    return settings_of(request.param, request)


@pytest.fixture(params=("sqlite", "redis"))
def shared_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of the stores that several processes share."""
    return settings_of(request.param, request)
