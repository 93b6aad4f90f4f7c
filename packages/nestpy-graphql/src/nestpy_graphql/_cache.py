"""A bounded cache in two segments, so that a flood of things asked once cannot push out those asked often.

New entries stand on probation; the second time one is asked for it is protected. A flood of new ones turns over the
probation alone; what falls out of the protected segment goes back on probation (segmented LRU, Karedla et al. 1994).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

PROTECTED = 0.8
"""The share of entries and of weight that protected ones may have."""


class _Entry(NamedTuple, Generic[T]):
    value: T
    weight: int


class _Segment(OrderedDict[str, _Entry[T]]):
    """Entries from the one asked for longest ago to the latest, and what they weigh."""

    def __init__(self, entries: int, weight: int) -> None:
        super().__init__()
        self.most, self.heaviest, self.weight = entries, weight, 0

    def put(self, key: str, entry: _Entry[T]) -> None:
        self[key] = entry
        self.weight += entry.weight

    def take(self, key: str) -> _Entry[T]:
        entry = self.pop(key)
        self.weight -= entry.weight
        return entry

    def overflow(self) -> tuple[str, _Entry[T]] | None:
        """Take out the oldest entry while there are too many or they weigh too much."""
        if len(self) <= self.most and self.weight <= self.heaviest:
            return None
        key = next(iter(self))
        return key, self.take(key)


class Cache(Generic[T]):
    """At most *entries* values that together weigh at most *weight*, by text; a heavier one is not kept."""

    __slots__ = ("_probation", "_protected")

    def __init__(self, entries: int, weight: int) -> None:
        protected = int(entries * PROTECTED)
        heavy = int(weight * PROTECTED)
        self._protected: _Segment[T] = _Segment(protected, heavy)
        self._probation: _Segment[T] = _Segment(entries - protected, weight - heavy)

    def __len__(self) -> int:
        return len(self._protected) + len(self._probation)

    @property
    def weight(self) -> int:
        """What all entries weigh together."""
        return self._protected.weight + self._probation.weight

    def get(self, key: str) -> T | None:
        """Return what is kept, and remember that it was asked for."""
        entry = self._protected.get(key)
        if entry is not None:
            self._protected.move_to_end(key)
            return entry.value
        if key not in self._probation:
            return None
        entry = self._probation.take(key)
        self._protected.put(key, entry)
        while (fallen := self._protected.overflow()) is not None:
            self._probation.put(*fallen)
        self._shrink()
        return entry.value

    def put(self, key: str, value: T, weight: int) -> None:
        """Keep a value that was not kept."""
        self._probation.put(key, _Entry(value, weight))
        self._shrink()

    def _shrink(self) -> None:
        while self._probation.overflow() is not None:
            pass
