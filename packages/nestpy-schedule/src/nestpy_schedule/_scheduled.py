"""The decorators of the schedule edge: `@scheduled`, `@cron`, `@every`, `@after` and `@rocketry`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform, get_args, overload

from nestpy_core import (
    DefinitionError,
    HandlerMarker,
    HostMarker,
    Record,
    Scope,
    declare_handler,
    declare_host,
    name_of,
)

from ._expression import Cron, zone_of
from ._trigger import ConditionTrigger, CronTrigger, DelayTrigger, IntervalTrigger, Trigger, seconds_of
from .errors import ExpressionError

__all__ = ("Misfire", "Overlap", "Policy", "RunAll", "after", "cron", "every", "rocketry", "scheduled")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


class RunAll(Record, frozen=True):
    """Catch up on every missed occurrence, the latest *most* of them at the most."""

    most: int = 100


Misfire = Literal["run_once", "skip"] | RunAll
"""What becomes of occurrences that were missed: one run for all of them, none, or each."""
Overlap = Literal["skip", "queue", "allow", "cancel_previous"]
"""What becomes of an occurrence while the one before runs: nothing, one waits, both run, the earlier is cancelled."""


class Policy(Record, frozen=True, kw_only=True):
    """How a schedule treats what is late, long or many.

    Attributes:
        jitter: seconds of which each run waits a random part, so that many processes do not start as one.
        misfire: what becomes of missed occurrences.
        grace: seconds that one occurrence may be late and still counts as on time.
        overlap: what happens when the one before still runs, in any process of the fleet.
        recover: whether another process of the fleet runs an occurrence again whose process died before the run had
            ended; it waits for its turn then, unless runs may overlap.
    """

    jitter: float = 0.0
    misfire: Misfire = "run_once"
    grace: float = 60.0
    overlap: Overlap = "skip"
    recover: bool = False


class ScheduledMarker(HostMarker, frozen=True, kw_only=True):
    """What `@scheduled` leaves."""

    edge: ClassVar[str] = "schedule"
    word: ClassVar[str] = "@scheduled"


class TriggerMarker(HandlerMarker, frozen=True, kw_only=True, eq=False):
    """What `@cron`, `@every`, `@after` and `@rocketry` leave."""

    edge: ClassVar[str] = "schedule"
    host_word: ClassVar[str] = "@scheduled"
    exposed: ClassVar[bool] = False
    decorator: str
    trigger: Any  # a Trigger
    policy: Policy
    name: str | None
    key: str | None = None

    @property
    def word(self) -> str:  # type: ignore[override]  # each decorator has its own
        """The decorator as users write it."""
        return self.decorator


@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def scheduled(cls: C, /) -> C: ...
@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def scheduled(*, scope: Scope | None = ...) -> Callable[[C], C]: ...
def scheduled(cls: Any = None, /, *, scope: Scope | None = None) -> Any:
    """Make a class a host of schedules: its decorated methods run when they are due.

    Args:
        cls: the class, when written without parentheses.
        scope: lifetime of the instance, a singleton by default.
    """
    if cls is not None:
        return declare_host(cls, ScheduledMarker(), scope)
    return lambda target: declare_host(target, ScheduledMarker(), scope)


def cron(
    expression: str,
    *,
    tz: str = "UTC",
    jitter: float = 0.0,
    misfire: Misfire = "run_once",
    grace: float = 60.0,
    overlap: Overlap = "skip",
    recover: bool = False,
    name: str | None = None,
) -> Callable[[F], F]:
    """Run the method whenever a cron expression is due, once in the whole fleet.

    Args:
        expression: five fields, six with the second first, seven with the year last; an alias such as ``@daily``; or
            a `CronExpression`.
        tz: the IANA time zone of its times.
        jitter: see `Policy`; as the next four.
        misfire: what becomes of occurrences that were missed while no process ran, or none could.
        grace: seconds that one may be late.
        overlap: what happens when the one before still runs.
        recover: whether one whose process died runs again elsewhere.
        name: what logs, `Schedules` and the fleet call it; by default ``Class.method``.

    Raises:
        DefinitionError: the expression, the zone or a policy cannot be.
    """
    word = "@cron"
    if not isinstance(expression, str):
        raise DefinitionError(f'`@cron` takes an expression, not `{name_of(expression)}`.\nHint: `@cron("0 3 * * *")`')
    policy = _policy(word, jitter, misfire, grace, overlap, recover=recover)
    return _marked(word, lambda: CronTrigger(Cron(expression, tz)), policy, name)


def every(
    interval: str | float | timedelta,
    *,
    jitter: float = 0.0,
    misfire: Misfire = "run_once",
    grace: float = 60.0,
    overlap: Overlap = "skip",
    recover: bool = False,
    name: str | None = None,
) -> Callable[[F], F]:
    """Run the method again and again, the first time after one interval, once in the whole fleet.

    Args:
        interval: ``"30s"``, ``"1h30m"``, ``"250ms"``, seconds or a timedelta. Where processes share their occurrences
            (Redis), the times are multiples of it since 1970.
        jitter: see `Policy`; as the next four.
        misfire: what becomes of missed occurrences.
        grace: seconds that one may be late.
        overlap: what happens when the one before still runs.
        recover: whether one whose process died runs again elsewhere.
        name: by default ``Class.method``.

    Raises:
        DefinitionError: the interval or a policy cannot be.
    """
    word = "@every"
    policy = _policy(word, jitter, misfire, grace, overlap, recover=recover)
    return _marked(word, lambda: IntervalTrigger(seconds_of(interval, word)), policy, name)


def after(
    delay: str | float | timedelta,
    *,
    once_per_fleet: str | None = None,
    recover: bool = False,
    name: str | None = None,
) -> Callable[[F], F]:
    """Run the method once, some time after the process has started.

    Args:
        delay: as the interval of `every`.
        once_per_fleet: a key: of all processes that ever start with it only one runs the method.
        recover: whether another one runs it where that one died in the middle.
        name: by default ``Class.method``.

    Raises:
        DefinitionError: the delay cannot be, or nobody could recover it.
    """
    word = "@after"
    if recover and once_per_fleet is None:
        raise DefinitionError(
            "`recover` of `@after` is for what runs once in a fleet: each process that starts runs this one.\n"
            'Hint: `once_per_fleet="key"`, or leave `recover` out'
        )
    policy = Policy(recover=recover)
    return _marked(word, lambda: DelayTrigger(seconds_of(delay, word)), policy, name, once_per_fleet)


def rocketry(
    condition: str,
    *,
    tz: str = "UTC",
    poll: str | float | timedelta = 1.0,
    jitter: float = 0.0,
    name: str | None = None,
) -> Callable[[F], F]:
    """Run the method whenever a condition of Rocketry holds; wants ``nestpy-schedule[rocketry]``.

    Rocketry checks the condition and nothing else: the run is that of any schedule. One run at a time; a condition such
    as ``daily`` no longer holds once it has run.

    Args:
        condition: Rocketry's language: ``"daily between 10:00 and 12:00 & after task 'Jobs.first'"``. Tasks are the
            names of schedules of this app.
        tz: the IANA time zone of its times.
        poll: how often it is checked; a run begins up to that much late, and each check costs.
        jitter: see `Policy`.
        name: by default ``Class.method``.

    Raises:
        DefinitionError: the zone, the poll or the jitter cannot be. A condition that cannot be is a problem at boot.
    """
    word = "@rocketry"
    policy = _policy(word, jitter, "skip", 60.0, "skip")
    return _marked(word, lambda: ConditionTrigger(condition, seconds_of(poll, word), zone_of(tz).key), policy, name)


def _marked(
    word: str, trigger: Callable[[], Trigger], policy: Policy, name: str | None, key: str | None = None
) -> Callable[[F], F]:
    try:
        found = trigger()
    except ExpressionError as error:
        raise DefinitionError(str(error)) from error
    marker = TriggerMarker(decorator=word, trigger=found, policy=policy, name=name, key=key)
    return lambda function: declare_handler(function, marker)


def _policy(
    word: str, jitter: float, misfire: Misfire, grace: float, overlap: Overlap, *, recover: bool = False
) -> Policy:
    if not 0 <= jitter < 86_400 or not grace >= 0:
        raise DefinitionError(f"`jitter` and `grace` of `{word}` are seconds, not negative, and jitter less than a day")
    if not isinstance(misfire, RunAll) and misfire not in ("run_once", "skip"):
        raise DefinitionError(f'`misfire={misfire}` of `{word}` must be "run_once", "skip" or `RunAll(…)`')
    if overlap not in get_args(Overlap):
        allowed = ", ".join(f'"{one}"' for one in get_args(Overlap))
        raise DefinitionError(f"`overlap={overlap}` of `{word}` must be one of {allowed}")
    return Policy(jitter=jitter, misfire=misfire, grace=grace, overlap=overlap, recover=recover)
