"""What waits for a commit, with storage and without."""

from collections.abc import Callable
from typing import Any

import pytest

from nestpy_core import acting_as, after_commit, current_actor, detached_context, running_unit

pytestmark = pytest.mark.anyio


class Unit:
    def __init__(self) -> None:
        self.waiting: list[Callable[[], Any]] = []
        self.ended = False

    def after_commit(self, callback: Callable[[], Any]) -> bool:
        if not self.ended:
            self.waiting.append(callback)
        return not self.ended


async def test_without_a_unit_of_work_it_runs_at_once():
    seen: list[str] = []

    async def later() -> None:
        seen.append("async")

    await after_commit(lambda: seen.append("sync"))
    await after_commit(later)
    assert seen == ["sync", "async"]


async def test_in_a_unit_of_work_it_waits_for_the_commit_and_after_its_end_it_runs_at_once():
    seen: list[str] = []
    unit = Unit()
    token = running_unit.set(unit)
    try:
        await after_commit(lambda: seen.append("first"))
        assert seen == []
        unit.waiting[0]()
        unit.ended = True
        await after_commit(lambda: seen.append("second"))
    finally:
        running_unit.reset(token)
    assert seen == ["first", "second"]


class Ada:
    id = "ada"
    roles = ()


def test_background_work_knows_who_acts_and_stands_outside_of_the_unit():
    token = running_unit.set(Unit())
    try:
        with acting_as(Ada()):
            context = detached_context()
        assert context.run(running_unit.get) is None
        assert context.run(current_actor).id == "ada"
        assert running_unit.get() is not None
    finally:
        running_unit.reset(token)
