"""The execution context that layers receive, and the reflector that reads typed metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec

from ._actor import current_actor, set_actor
from ._provider import injectable

if TYPE_CHECKING:
    from ._handler import Handler  # noqa: TC004  # only a decoder reads a Struct's hints
    from .contracts import Actor

__all__ = ("ExecutionContext", "Reflector")

T = TypeVar("T")


class ExecutionContext(msgspec.Struct, eq=False):
    """One unit of work, as its layers see it; every edge subclasses it with what it knows.

    It exists only for handlers with a layer (or parameter) that reads it. It is a Struct because making
    one is then three times as fast. The subclass has its fields by keyword (``kw_only=True``) and says its `edge`:
    ``class JobContext(ExecutionContext, kw_only=True): job: Job``.

    Attributes:
        edge: the edge's name, for instance ``http``.
        handler: the matched handler; None where nothing matched (an HTTP 404 or 405), and for what several handlers
            share (the request-scoped providers of a GraphQL operation).
    """

    edge: ClassVar[str] = ""

    handler: Handler | None
    _state: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What layers attach for each other and for the handler; made when first read."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def actor(self) -> Actor | None:
        """Who acts. A guard that authenticates sets it; storage, authorization, logs and jobs read it."""
        return current_actor()

    @actor.setter
    def actor(self, actor: Actor | None) -> None:
        set_actor(actor)

    def meta(self, kind: type[T]) -> T | None:
        """Return the nearest `@meta` value of class *kind*: the method's, else its host's, else None."""
        found = () if self.handler is None else self.handler.meta.get(kind, ())
        return found[0] if found else None  # type: ignore[return-value]  # the mapping is by class


@injectable
class Reflector:
    """Reads the typed metadata that `@meta(…)` attached to the handler that a context is about."""

    def get(self, kind: type[T], context: ExecutionContext) -> T | None:
        """Return the nearest value of class *kind*, or None."""
        return context.meta(kind)

    def get_all(self, kind: type[T], context: ExecutionContext) -> tuple[T, ...]:
        """Return every value of class *kind*, the method's before its host's."""
        return () if context.handler is None else context.handler.meta.get(kind, ())  # type: ignore[return-value]  # the mapping is by class
