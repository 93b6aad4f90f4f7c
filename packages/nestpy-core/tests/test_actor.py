import asyncio
from collections.abc import Sequence
from contextvars import copy_context

import pytest

from nestpy_core import ExecutionContext, acting_as, current_actor
from nestpy_core.contracts import Actor


class User:
    def __init__(self, name: str) -> None:
        self.id = name
        self.roles: Sequence[str] = ()


def name() -> str | None:
    actor = current_actor()
    return str(actor.id) if actor else None


def test_an_actor_that_a_guard_sets_is_seen_by_whatever_runs_later_in_the_unit_of_work_alone() -> None:
    def unit() -> str | None:
        ExecutionContext(None).actor = User("ada")
        return name()

    assert copy_context().run(unit) == "ada"
    assert name() is None


def test_a_block_acts_as_somebody_and_gives_back_who_acted_before_even_when_it_fails() -> None:
    with acting_as(User("ada")):
        with pytest.raises(ZeroDivisionError), acting_as(None):
            assert name() is None
            raise ZeroDivisionError
        assert name() == "ada"
    assert name() is None


@pytest.mark.anyio
async def test_a_task_inherits_who_acted_when_it_began() -> None:
    async def later() -> str | None:
        return name()

    with acting_as(User("ada")):
        task = asyncio.create_task(later())
    assert await task == "ada"
    assert isinstance(User("ada"), Actor)
