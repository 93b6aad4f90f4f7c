"""Calls made at once become one call, and each of them is answered, whatever becomes of that."""

import asyncio

import pytest

from nestpy_core import Batch


async def gathered(batch, *items):
    return await asyncio.wait_for(asyncio.gather(*map(batch, items), return_exceptions=True), 5)


async def test_calls_that_come_together_are_one_call():
    calls = []

    async def double(items):
        calls.append(list(items))
        return [item * 2 for item in items]

    assert await gathered(Batch(double, most=2), 1, 2, 3) == [2, 4, 6]
    assert calls == [[1, 2], [3]]


@pytest.mark.parametrize("answers", [[], [1, 2, 3]])
async def test_an_answer_too_few_or_too_many_is_a_failure_of_all(answers):
    async def wrong(items):
        return answers

    assert [type(each) for each in await gathered(Batch(wrong), 1, 2)] == [RuntimeError, RuntimeError]


async def test_nobody_waits_for_a_call_that_was_cancelled_nor_for_those_after_it():
    async def cancelled(items):
        raise asyncio.CancelledError

    batch = Batch(cancelled, most=1)
    assert [type(each) for each in await gathered(batch, 1, 2)] == [ConnectionError, ConnectionError]
