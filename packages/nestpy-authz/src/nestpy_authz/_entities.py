"""What the app's storage knows of its entities: which fields they show, and how they are encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nestpy_core.contracts import MaskableSupport, SchemaSupport


class Entities:
    """Asks the schema plugins of one app, once for each class.

    Attributes:
        shown: what shows an entity to whoever acts; None before the app has started.
    """

    def __init__(self, schema_of: Callable[[type], SchemaSupport | None]) -> None:
        self._schema_of = schema_of
        self.shown: Callable[[Any], Any] | None = None
        self._known: dict[type, SchemaSupport | None] = {}

    def support(self, cls: type) -> SchemaSupport | None:
        """Return what serves a foreign class."""
        if cls not in self._known:
            self._known[cls] = self._schema_of(cls)
        return self._known[cls]

    def maskable(self, cls: type) -> MaskableSupport | None:
        """Return what serves an entity; None for any other class."""
        found: Any = self.support(cls)
        return found if hasattr(found, "encode_fields") else None

    def fields(self, cls: type) -> Sequence[str] | None:
        """Return all fields that instances of an entity show, and its relations; None where nobody knows."""
        support: Any = self.maskable(cls)
        if support is None:
            return None
        relations = support.relations(cls) if hasattr(support, "relations") else ()
        return (*support.fields(cls), *relations)

    def key(self, value: Any) -> Any:
        """Return the primary key of an entity that a field holds; the value itself where it is none."""
        support: Any = self.maskable(value.__class__)
        return support.key(value) if hasattr(support, "key") else value


NO_ENTITIES = Entities(lambda _: None)
"""What knows of no entity."""
