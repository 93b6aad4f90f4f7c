"""The defects that were measured in the stock taskiq-redis, each as its regression tests: Q7."""

from __future__ import annotations

import asyncio
import sys
import tomllib

from harness.contestants import BENCHMARKS
from harness.goals import Goal
from harness.session import say

_ROOT = BENCHMARKS.parent


def rows() -> dict[str, list[str]]:
    """Return the tests of each row T1 to T13 of the acceptance table."""
    table = tomllib.loads((_ROOT / "tests/acceptance.toml").read_text())
    found = {name: tests for section in table.values() for name, tests in section.items() if name.startswith("Q7 ")}
    return {
        name: [test.replace("queue/", "packages/nestpy-queue/tests/", 1) for test in tests]
        for name, tests in found.items()
    }


async def defects(rounds: int) -> list[Goal]:
    """Q7: run the tests of T1 to T13 again and again, none of them twice in a round."""
    failed: dict[str, int] = dict.fromkeys(rows(), 0)
    for number in range(rounds):
        outcome: dict[str, bool] = {}
        for name, tests in rows().items():
            for test in tests:
                if test not in outcome:
                    outcome[test] = await _passes(test)
            failed[name] += not all(outcome[test] for test in tests)
        say(f"Q7  round {number + 1} of {rounds}: {sum(failed.values())} failures so far")
    return judge_defects(failed, rounds)


def judge_defects(failed: dict[str, int], rounds: int) -> list[Goal]:
    """Return a line for each defect."""
    return [
        Goal(f"{name}, {rounds} rounds", f"{rounds - count} of {rounds} green", count == 0)
        for name, count in failed.items()
    ] or [Goal("Q7 the acceptance table names its tests", "none", met=False)]


async def _passes(test: str) -> bool:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:rerunfailures", test),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        say("\n".join(output.decode().splitlines()[-20:]))
    return process.returncode == 0
