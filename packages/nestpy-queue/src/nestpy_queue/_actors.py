"""Takes who enqueued a job along, and brings them back where it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nestpy_core import Actor

from ._envelope import CarriedActor

__all__ = ("ActorCodec",)


class ActorCodec(Protocol):
    """Writes an app's own actor into jobs and reads it back; provide one where ``id`` and ``roles`` are not enough."""

    def dump(self, actor: Actor) -> Mapping[str, Any]:
        """Return what to carry beside id and roles: JSON-like, and nothing secret."""
        ...

    def load(self, carried: CarriedActor) -> Actor:
        """Return who acts while the job runs."""
        ...


def carried(actor: Actor | None, codec: ActorCodec | None) -> CarriedActor | None:
    """Return an actor as jobs carry it."""
    if actor is None:
        return None
    if isinstance(actor, CarriedActor):
        return actor
    attributes = {} if codec is None else codec.dump(actor)
    scopes = getattr(actor, "scopes", None)
    if scopes is not None:
        scopes = tuple(scopes.split() if isinstance(scopes, str) else scopes)
    return CarriedActor(id=str(actor.id), roles=tuple(actor.roles), scopes=scopes, attributes=attributes)
