"""Wraps values that must never reach a log, a report or a response by accident."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar, final

__all__ = ("Secret",)

T_co = TypeVar("T_co", covariant=True)


@final
class Secret(Generic[T_co]):
    """A value that prints as ``***`` and has to be asked for with `reveal`.

    It is immutable, hashable and true when the inner value is. Two secrets are equal when their
    values are; text and bytes are compared in constant time. Neither pickle nor msgspec encodes one.
    """

    __slots__ = ("__value",)
    __value: T_co

    def __init__(self, value: T_co) -> None:
        if hasattr(self, "_Secret__value"):
            raise AttributeError("a `Secret` is immutable")
        object.__setattr__(self, "_Secret__value", value)

    def reveal(self) -> T_co:
        """Return the inner value."""
        return self.__value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, format_spec: str, /) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return _equal(self.__value, other.reveal())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a `Secret` is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a `Secret` is immutable")

    def __copy__(self) -> Secret[T_co]:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret[T_co]:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a `Secret` cannot be pickled; pickle what `reveal()` returns if you mean to")

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        self.__getstate__()


def _equal(left: object, right: object) -> bool:
    import hmac  # it loads OpenSSL, which an import of nestpy_core must not

    if isinstance(left, str) and isinstance(right, str):
        return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
    if isinstance(left, bytes) and isinstance(right, bytes):
        return hmac.compare_digest(left, right)
    return bool(left == right)
