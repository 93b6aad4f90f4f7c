"""Headers with the interface of granian's: names in any case, repeated ones kept in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar, overload

__all__ = ("Headers",)

T = TypeVar("T")


class Headers:
    """Headers of a request or an answer, by name in any case.

    `get` and ``[]`` give the first value of a name, `get_all` every one, `items` all pairs in order.
    """

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]
        self._values: dict[str, str] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, value)

    @classmethod
    def of_request(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """Leave out values beyond ASCII, as granian does: what one server hides the other must not show."""
        return cls((name, value) for name, value in pairs if value.isascii())

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: T) -> str | T: ...
    def get(self, name: str, default: T | None = None) -> str | T | None:
        """Return the first value of *name*, else *default*."""
        return self._values.get(name.lower(), default)

    def get_all(self, name: str) -> list[str]:
        """Return every value of *name* in order."""
        wanted = name.lower()
        return [value for key, value in self._pairs if key == wanted]

    def items(self) -> list[tuple[str, str]]:
        """Return every pair in order, repeated names included."""
        return list(self._pairs)

    def keys(self) -> list[str]:
        """Return each name once, in lower case."""
        return list(self._values)

    def values(self) -> list[str]:
        """Return every value in order."""
        return [value for _, value in self._pairs]

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    __hash__ = None  # type: ignore[assignment]  # compared by value, like a list

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"
