"""The decorators of the health edge: `@indicators`, `@liveness`, `@readiness`, `@startup`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform, overload

from nestpy_core import HandlerMarker, HostMarker, Scope, declare_handler, declare_host
from nestpy_core.errors import DefinitionError

__all__ = ("indicators", "liveness", "readiness", "startup")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])
Probe = Literal["liveness", "readiness", "startup"]


class IndicatorsMarker(HostMarker, frozen=True, kw_only=True):
    """What `@indicators` leaves."""

    edge: ClassVar[str] = "health"
    word: ClassVar[str] = "@indicators"


class IndicatorMarker(HandlerMarker, frozen=True, kw_only=True):
    """What `@liveness`, `@readiness` and `@startup` were given.

    Attributes:
        probe: which of the three.
        name: what the answer calls it; None for the method's name.
        timeout: seconds that it may take; None for the setting.
    """

    edge: ClassVar[str] = "health"
    host_word: ClassVar[str] = "@indicators"
    exposed: ClassVar[bool] = False
    probe: Probe
    name: str | None = None
    timeout: float | None = None

    @property
    def word(self) -> str:  # type: ignore[override]  # each probe has its own
        """The decorator as users write it."""
        return f"@{self.probe}"

    @property
    def safe(self) -> bool:
        """Return True: whoever looks changes nothing."""
        return True


@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def indicators(cls: C, /) -> C: ...
@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def indicators(*, scope: Scope | None = None) -> Callable[[C], C]: ...
def indicators(cls: C | None = None, /, *, scope: Scope | None = None) -> C | Callable[[C], C]:
    """Make a class a host of indicators; its fields are injected.

    Args:
        cls: the class, where the decorator stands without parentheses.
        scope: lifetime of the instance, a singleton by default.
    """
    if cls is not None:
        return declare_host(cls, IndicatorsMarker(), scope)
    return lambda host: declare_host(host, IndicatorsMarker(), scope)


@overload
def liveness(method: F, /) -> F: ...
@overload
def liveness(*, name: str | None = None, timeout: float | None = None) -> Callable[[F], F]: ...
def liveness(
    method: F | None = None, /, *, name: str | None = None, timeout: float | None = None
) -> F | Callable[[F], F]:
    """Let a method say whether this process must be restarted; it never asks another system.

    It is up when the method returns None or True, down when it raises, returns anything else or takes too long.

    Args:
        method: where the decorator stands without parentheses.
        name: what the answer calls it; by default the method's name.
        timeout: seconds that it may take, by default ``health.indicator_timeout``.
    """
    return _indicator("liveness", method, name, timeout)


@overload
def readiness(method: F, /) -> F: ...
@overload
def readiness(*, name: str | None = None, timeout: float | None = None) -> Callable[[F], F]: ...
def readiness(
    method: F | None = None, /, *, name: str | None = None, timeout: float | None = None
) -> F | Callable[[F], F]:
    """Let a method say whether calls should be sent to this process; up, down and arguments as for `liveness`."""
    return _indicator("readiness", method, name, timeout)


@overload
def startup(method: F, /) -> F: ...
@overload
def startup(*, name: str | None = None, timeout: float | None = None) -> Callable[[F], F]: ...
def startup(
    method: F | None = None, /, *, name: str | None = None, timeout: float | None = None
) -> F | Callable[[F], F]:
    """Let a method say whether this process has started; up, down and arguments as for `liveness`."""
    return _indicator("startup", method, name, timeout)


def _indicator(probe: Probe, method: F | None, name: str | None, timeout: float | None) -> F | Callable[[F], F]:
    if timeout is not None and not timeout > 0:
        raise DefinitionError(f"`@{probe}(timeout={timeout})` must be a number of seconds above 0.")
    if name is not None and not name:
        raise DefinitionError(f"`@{probe}(name={name!r})` must not be empty.")
    marker = IndicatorMarker(probe=probe, name=name, timeout=timeout)
    if method is not None:
        return declare_handler(method, marker)
    return lambda function: declare_handler(function, marker)
