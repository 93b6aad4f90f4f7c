"""The decorators of the events edge: `@listeners` and `@on_event`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, dataclass_transform, overload

from nestpy_core import HandlerMarker, HostMarker, Scope, declare_handler, declare_host, name_of
from nestpy_core.errors import DefinitionError

from ._names import check_pattern
from .errors import EventNameError

__all__ = ("listeners", "on_event")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


class ListenersMarker(HostMarker, frozen=True, kw_only=True):
    """What `@listeners` leaves."""

    edge: ClassVar[str] = "events"
    word: ClassVar[str] = "@listeners"


class ListenerMarker(HandlerMarker, frozen=True, kw_only=True):
    """What `@on_event` was given.

    Attributes:
        event: the class of the events, or a pattern of their names.
        priority: higher ones run first.
        background: whether emitters go on without waiting for it.
    """

    edge: ClassVar[str] = "events"
    word: ClassVar[str] = "@on_event"
    host_word: ClassVar[str] = "@listeners"
    exposed: ClassVar[bool] = False
    event: Any  # a class or a text
    priority: int = 0
    background: bool = False

    @property
    def label(self) -> str:
        """What messages and metrics call the event."""
        return self.event if isinstance(self.event, str) else name_of(self.event)


@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def listeners(cls: C, /) -> C: ...
@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def listeners(*, scope: Scope | None = None) -> Callable[[C], C]: ...
def listeners(cls: C | None = None, /, *, scope: Scope | None = None) -> C | Callable[[C], C]:
    """Make a class a host of listeners; its fields are injected.

    Args:
        cls: the class, where the decorator stands without parentheses.
        scope: lifetime of the instance, a singleton by default; ``REQUEST`` makes one for each call of a listener.
    """
    if cls is not None:
        return declare_host(cls, ListenersMarker(), scope)
    return lambda host: declare_host(host, ListenersMarker(), scope)


def on_event(event: type | str, *, priority: int = 0, background: bool = False) -> Callable[[F], F]:
    """Call a method for every event of a class and its subclasses, or of a name; repeatable.

    Args:
        event: the class, or a name such as ``order.created``, in which ``*`` stands for one part and ``**`` for any
            number of parts.
        priority: higher ones run first. Among equals those of the event's own class come before those of its bases,
            then they go by the qualified name of their class and the order in it.
        background: whether emitters go on without waiting for it.

    Raises:
        DefinitionError: *event* is neither.
    """
    if isinstance(event, str):
        try:
            check_pattern(event)
        except EventNameError as error:
            raise DefinitionError(str(error)) from None
    elif not isinstance(event, type) or (event.__module__ == "builtins" and event is not object):
        raise DefinitionError(
            f"`@on_event` takes an event class or a name, not `{name_of(event)}`.\n"
            "Hint: declare one, such as `class UserCreated(msgspec.Struct, frozen=True)`, or write a text"
        )
    marker = ListenerMarker(event=event, priority=priority, background=background)
    return lambda function: declare_handler(function, marker)
