"""The decorators of the queue edge: `@processor` and `@process`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, dataclass_transform

from nestpy_core import DefinitionError, HandlerMarker, HostMarker, Record, Scope, declare_handler, declare_host

__all__ = ("Backoff", "process", "processor")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_QUEUE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Backoff(Record, frozen=True, kw_only=True):
    """How long to wait before another attempt: with full jitter, up to ``min(cap, base * 2**(failures - 1))`` seconds.

    Attributes:
        base: the longest wait after the first failure.
        cap: the longest wait after any.
        jitter: False waits the whole time.
    """

    base: float = 1.0
    cap: float = 300.0
    jitter: bool = True

    def limit(self, failures: int) -> float:
        """Return the longest wait after so many failures, the first being 1."""
        return min(self.cap, self.base * 2.0 ** min(failures - 1, 64))


class ProcessorMarker(HostMarker, frozen=True, kw_only=True):
    """What `@processor` was given; see there."""

    edge: ClassVar[str] = "queue"
    word: ClassVar[str] = "@processor"
    queue: str
    concurrency: int
    retries: int
    backoff: Backoff
    timeout: float | None
    max_deaths: int
    rate: tuple[int, float] | None


class ProcessMarker(HandlerMarker, frozen=True, kw_only=True):
    """What `@process` was given; see there."""

    edge: ClassVar[str] = "queue"
    word: ClassVar[str] = "@process"
    host_word: ClassVar[str] = "@processor"
    exposed: ClassVar[bool] = False
    name: str | None
    once: bool = False


@dataclass_transform(kw_only_default=True, eq_default=False)
def processor(
    queue: str,
    *,
    concurrency: int = 1,
    retries: int = 0,
    backoff: Backoff | float | None = None,
    timeout: float | None = None,
    max_deaths: int = 3,
    rate: tuple[int, float] | None = None,
    scope: Scope | None = None,
) -> Callable[[C], C]:
    """Make a class the processor of a queue: each of its `@process` methods handles one type of job.

    Args:
        queue: lower-case letters, digits, hyphens and underscores.
        concurrency: jobs that run at once in one process.
        retries: attempts after the first that failed; three retries are four attempts.
        backoff: the wait before another attempt; a number is the ``base`` of a `Backoff`.
        timeout: seconds that an attempt may take; then it is cancelled and has failed.
        max_deaths: workers that may die while they run one job, before it goes to the dead letters.
        rate: how many jobs the whole queue may start in how many seconds, for instance ``(100, 60)``.
        scope: lifetime of the instance, a singleton by default.

    Raises:
        DefinitionError: one of them cannot be.
    """
    _check_told(queue)
    check_queue(queue, "@processor")
    _check("concurrency", concurrency, least=1)
    _check("retries", retries, least=0)
    _check("max_deaths", max_deaths, least=1)
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise DefinitionError(f"`timeout={timeout}` of `@processor` must be more than 0 seconds, or None")
    if rate is not None and not _is_rate(rate):
        raise DefinitionError(f"`rate={rate}` of `@processor` must be a number of jobs and a number of seconds")
    marker = ProcessorMarker(
        queue=queue,
        concurrency=concurrency,
        retries=retries,
        backoff=_backoff(backoff),
        timeout=timeout,
        max_deaths=max_deaths,
        rate=rate,
    )
    return lambda cls: declare_host(cls, marker, scope)


def process(name: str | None = None, *, once: bool = False) -> Callable[[F], F]:
    """Handle the type of job that the method's one data parameter names.

    Args:
        name: what stored jobs of this type are called; by default the name of its class. Give one to rename a class
            whose jobs are still stored.
        once: record in the handler's own transaction (nestpy-orm) that this job has been done: an attempt that finds
            it done, because a worker died between its commit and its report, does nothing.
    """
    if callable(name):
        raise DefinitionError("`@process` is written with parentheses.\nHint: write `@process()`")
    return lambda function: declare_handler(function, ProcessMarker(name=name, once=once))


def check_queue(name: str, word: str) -> None:
    """Refuse what is no name of a queue.

    Raises:
        DefinitionError: with what a name consists of.
    """
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):
        raise DefinitionError(
            f"`{name}` in `{word}` is no name of a queue.\n"
            "Hint: up to 64 lower-case letters, digits, hyphens and underscores, a letter first"
        )


def _check_told(queue: object) -> None:
    if isinstance(queue, type):
        raise DefinitionError(
            f'`@processor` is told its queue: `{queue.__name__}` names none.\nHint: write `@processor("audio")`'
        )


def _check(name: str, value: int, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise DefinitionError(f"`{name}={value}` of `@processor` must be a whole number of at least {least}")


def _is_rate(given: object) -> bool:
    match given:
        case (int(starts), int() | float() as seconds):
            return starts >= 1 and seconds > 0
    return False


def _backoff(given: Backoff | float | None) -> Backoff:
    if not (given is None or isinstance(given, Backoff | int | float)):
        raise DefinitionError(f"`backoff={given}` of `@processor` must be seconds or a `Backoff`")
    found = given if isinstance(given, Backoff) else Backoff() if given is None else Backoff(base=given)
    if found.base < 0 or found.cap < 0:
        raise DefinitionError(f"`backoff` of `@processor` must not be negative, and is {found.base} to {found.cap}")
    return found
