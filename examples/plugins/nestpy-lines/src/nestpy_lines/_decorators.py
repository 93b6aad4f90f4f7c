"""The decorators of the edge, and what they leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, dataclass_transform

from nestpy_core import HandlerMarker, HostMarker, Scope, declare_handler, declare_host

__all__ = ("command", "commands")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


class CommandsMarker(HostMarker, frozen=True):
    """What `commands` leaves on a class."""

    edge: ClassVar[str] = "lines"
    word: ClassVar[str] = "@commands"
    prefix: str = ""


class CommandMarker(HandlerMarker, frozen=True):
    """What `command` leaves on a method."""

    edge: ClassVar[str] = "lines"
    word: ClassVar[str] = "@command"
    host_word: ClassVar[str] = "@commands"
    exposed: ClassVar[bool] = True
    name: str = ""
    reads: bool = False

    @property
    def safe(self) -> bool:
        """Whether the command only reads; it then holds no transaction."""
        return self.reads


@dataclass_transform(kw_only_default=True, eq_default=False)
def commands(prefix: str = "", *, scope: Scope | None = None) -> Callable[[C], C]:
    """Make a class a host of commands, whose names begin with *prefix*."""
    return lambda cls: declare_host(cls, CommandsMarker(prefix=prefix), scope)


def command(name: str, *, reads: bool = False) -> Callable[[F], F]:
    """Let a method answer the command *name*; one that only *reads* holds no transaction."""
    return lambda function: declare_handler(function, CommandMarker(name=name, reads=reads))
