"""Entities on this edge: which classes are, and the rows that an actor is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nestpy_core import Denial, Graph, Page
from nestpy_core.errors import DeniedError

Shape = Callable[[Any], Any]
"""What the mask makes of a result; see `nestpy_core.Instrument`."""


class Shown:
    """An entity with what its actor may read of it.

    Attributes:
        value: the entity itself, which resolvers of its fields get.
        data: the fields that are shown.
    """

    __slots__ = ("data", "value")

    def __init__(self, value: Any, data: Mapping[str, Any]) -> None:
        self.value = value
        self.data = data


class Entities:
    """The entities of one app."""

    def __init__(self, graph: Graph) -> None:
        self._schema_of = graph.schema_of
        self._supports: dict[type, Any] = {}

    def support(self, cls: Any) -> Any:  # a MaskableSupport, or None
        """Return what serves an entity; None for what is none."""
        if cls not in self._supports:
            found = self._schema_of(cls) if isinstance(cls, type) and not issubclass(cls, msgspec.Struct) else None
            self._supports[cls] = found if hasattr(found, "encode_fields") else None
        return self._supports[cls]

    def shown(self, value: Any) -> Any:
        """Return an entity that no mask has seen with what may be shown of it: nothing else leaves.

        Raises:
            DeniedError: the actor may not read it.
        """
        return Shown(value, self.support(value.__class__).encode(value))

    def shape(self, result: Any, shape: Shape) -> Any:
        """Return *result* with its entities as the mask shows them, without those that it drops.

        Raises:
            DeniedError: it is a single entity that the actor may not read.
        """
        cls = result.__class__
        if cls is list or cls is tuple:
            return self._rows(list(result), shape)
        if cls is dict:
            return self._mapping(result, shape)
        if isinstance(result, msgspec.Struct):
            return self._struct(result, shape)
        return Shown(result, shape(result)) if self.support(cls) is not None else result

    def event(self, value: Any, shape: Shape) -> Any:
        """Return an event of a stream as the mask shows it: an entity as if it stood in a list, which may lack it.

        Raises:
            DeniedError: the actor may not read it.
        """
        shown = self._unless_denied(value, shape)
        if shown is _DENIED:
            raise denied()
        return shown

    def _rows(self, rows: list[Any], shape: Shape) -> list[Any]:
        kinds = {row.__class__ for row in rows}
        if len(kinds) == 1 and self.support(next(iter(kinds))) is not None:
            shown = shape(rows)
            if len(shown) == len(rows):
                return [Shown(row, data) for row, data in zip(rows, shown, strict=True)]
        if not any(self._may_hold(kind) for kind in kinds):
            return rows
        return [shown for row in rows if (shown := self._unless_denied(row, shape)) is not _DENIED]

    def _unless_denied(self, row: Any, shape: Shape) -> Any:
        if self.support(row.__class__) is None:
            return self.shape(row, shape)
        found = shape([row])
        return Shown(row, found[0]) if found else _DENIED

    def _mapping(self, result: dict[Any, Any], shape: Shape) -> dict[Any, Any]:
        kinds = {value.__class__ for value in result.values()}
        if not any(self._may_hold(kind) for kind in kinds):
            return result
        shown = {key: self._unless_denied(value, shape) for key, value in result.items()}
        return {key: value for key, value in shown.items() if value is not _DENIED}

    def _struct(self, result: msgspec.Struct, shape: Shape) -> msgspec.Struct:
        if isinstance(result, Page):
            return Page(items=self._rows(result.items, shape), next=result.next)
        changed = {}
        for name in result.__struct_fields__:
            value = getattr(result, name)
            if self._may_hold(value.__class__):
                shown = self.shape(value, shape)
                if shown is not value:
                    changed[name] = shown
        return msgspec.structs.replace(result, **changed) if changed else result

    def _may_hold(self, cls: type) -> bool:
        return cls in (list, tuple, dict) or issubclass(cls, msgspec.Struct) or self.support(cls) is not None


_DENIED: Any = object()
"""Stands where a row is dropped."""


def parent_of(source: Any) -> Any:
    """Return what a resolver of a field gets as its parent."""
    return source.value if source.__class__ is Shown else source


def denied() -> DeniedError:
    """Return the refusal of something that may not be shown."""
    return DeniedError(Denial.forbidden())
