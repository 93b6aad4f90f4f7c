"""The rows that foreign keys refer to, kept beside an entity to be shown with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RELATED = "_nestpy_related"
REFERENCE = "_nestpy_reference"


def keep_related(entity: Any, name: str, related: Any) -> None:
    """Keep what a foreign key refers to, or None where the actor may not read it; the key itself stays."""
    vars(entity).setdefault(RELATED, {})[name] = related
    if related is not None:
        vars(related)[REFERENCE] = True


def is_reference(entity: Any) -> bool:
    """Say whether an entity is shown within another one: its own relations are then shown as their keys."""
    return REFERENCE in vars(entity)


def related_to(entity: Any) -> Mapping[str, Any]:
    """Return what was kept, by field."""
    found: Mapping[str, Any] = vars(entity).get(RELATED, {})
    return found
