"""What type checkers take for an actor; checked, never run."""

import dataclasses
import uuid
from typing import NamedTuple

from nestpy_core import acting_as, current_actor


@dataclasses.dataclass(frozen=True)
class User:
    id: uuid.UUID
    roles: tuple[str, ...] = ()


class Service(NamedTuple):
    id: int
    roles: list[str]


class Anonymous:
    roles: tuple[str, ...] = ()


acting_as(User(uuid.uuid4()))
acting_as(Service(1, []))
acting_as(Anonymous())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

actor = current_actor()
if actor is not None:
    name: str = actor.id  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
