"""The pipes that parse texts: a refusal names what was expected, and never quotes what came."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import math
import re
import types
import typing
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec

from ._names import name_of
from .contracts import ViolationsError
from .errors import DefinitionError

if TYPE_CHECKING:
    from ._handler import Parameter

__all__ = ("ParseArray", "ParseBool", "ParseDate", "ParseEnum", "ParseFloat", "ParseInt", "ParseUUID")

_ANNOTATED: Any = type(Annotated[int, ""])
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class _Parse:
    """Parses one text, or each of several; what is parsed already passes.

    A parameter that is annotated ``str`` keeps its text: the pipe then only checks it.
    """

    code = "type"

    def expects(self, declared: Any) -> str:
        """Return what the value should be, as messages name it."""
        raise NotImplementedError

    def parse(self, value: Any, declared: Any) -> Any:
        """Return the parsed value for a parameter annotated *declared*; raise ValueError to refuse."""
        raise NotImplementedError

    def transform(self, value: Any, parameter: Parameter | None = None) -> Any:
        """Return the parsed value.

        Raises:
            ViolationsError: it is none; an item of several is named by its position.
        """
        declared = _declared(parameter)
        if isinstance(value, list):
            return _each(value, lambda item: self._one(item, declared), self)
        return self._one(value, declared)

    def _one(self, value: Any, declared: Any) -> Any:
        try:
            parsed = self.parse(value, declared)
        except ValueError:
            failure = {"code": self.code, "message": f"Expected {self.expects(declared)}"}
            raise ViolationsError({"": [failure]}, source=self) from None
        return value if declared is str and isinstance(value, str) else parsed


class ParseInt(_Parse):
    """Parses a decimal integer of up to 64 bits: ``-12``, and neither ``1.0`` nor ``1_000``."""

    def expects(self, declared: Any) -> str:
        """Name ``int``."""
        del declared
        return "`int`"

    def parse(self, value: Any, declared: Any) -> int:
        """Return the integer."""
        del declared
        number = value
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            number = int(value)
        if type(number) is not int or not -(2**63) <= number < 2**63:
            raise ValueError
        return number


class ParseFloat(_Parse):
    """Parses a finite decimal number."""

    def expects(self, declared: Any) -> str:
        """Name ``float``."""
        del declared
        return "`float`"

    def parse(self, value: Any, declared: Any) -> float:
        """Return the number."""
        del declared
        number = msgspec.convert(value, float, strict=False)
        if isinstance(value, bool) or not math.isfinite(number):
            raise ValueError
        return number


class ParseBool(_Parse):
    """Parses ``true`` and ``1``, ``false`` and ``0``."""

    def expects(self, declared: Any) -> str:
        """Name ``bool``."""
        del declared
        return "`bool`"

    def parse(self, value: Any, declared: Any) -> bool:
        """Return the truth value."""
        del declared
        found = value if isinstance(value, bool) else _BOOLEANS.get(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError
        return found


class ParseUUID(_Parse):
    """Parses a UUID in its canonical form of 36 characters (RFC 9562, section 4).

    Args:
        version: the only one that passes; by default any.
    """

    def __init__(self, version: int | None = None) -> None:
        if version is not None and version not in range(1, 9):
            raise DefinitionError(f"`ParseUUID(version={version!r})` must be from 1 to 8")
        self.version = version

    def expects(self, declared: Any) -> str:
        """Name ``UUID``, and of which version."""
        del declared
        return "`UUID`" if self.version is None else f"`UUID` of version {self.version}"

    def parse(self, value: Any, declared: Any) -> uuid.UUID:
        """Return the UUID."""
        del declared
        if not isinstance(value, uuid.UUID) and len(str(value)) != 36:
            raise ValueError
        found = msgspec.convert(value, uuid.UUID)
        if self.version is not None and found.version != self.version:
            raise ValueError
        return found


class ParseEnum(_Parse):
    """Parses the value of an enum's member, written as text: ``1`` is the member of value 1.

    Args:
        kind: the enum.
    """

    code = "enum"

    def __init__(self, kind: type[enum.Enum]) -> None:
        if not (isinstance(kind, type) and issubclass(kind, enum.Enum)):
            raise DefinitionError(f"`ParseEnum` takes an enum class, not `{name_of(kind)}`")
        self.kind = kind
        self._members = {str(member.value): member for member in kind}

    def expects(self, declared: Any) -> str:
        """Name the enum."""
        del declared
        return f"`{self.kind.__name__}`"

    def parse(self, value: Any, declared: Any) -> enum.Enum:
        """Return the member."""
        del declared
        if isinstance(value, self.kind):
            return value
        if not isinstance(value, str) or value not in self._members:
            raise ValueError
        return self._members[value]


class ParseDate(_Parse):
    """Parses a date or, for a parameter annotated ``datetime``, a date with time (RFC 3339).

    Args:
        kind: ``date`` or ``datetime``; by default what the parameter is annotated with, else ``date``.
    """

    def __init__(self, kind: type[dt.date] | None = None) -> None:
        if kind not in (None, dt.date, dt.datetime):
            raise DefinitionError(f"`ParseDate` takes `date` or `datetime`, not `{name_of(kind)}`")
        self.kind = kind

    def expects(self, declared: Any) -> str:
        """Name the kind of date."""
        return f"`{self._kind(declared).__name__}`"

    def parse(self, value: Any, declared: Any) -> dt.date:
        """Return the date."""
        return msgspec.convert(value, self._kind(declared))

    def _kind(self, declared: Any) -> type[dt.date]:
        return self.kind or (dt.datetime if declared is dt.datetime else dt.date)


_PARSERS: dict[Any, Callable[[], _Parse]] = {
    int: ParseInt,
    float: ParseFloat,
    bool: ParseBool,
    uuid.UUID: ParseUUID,
    dt.date: lambda: ParseDate(dt.date),
    dt.datetime: lambda: ParseDate(dt.datetime),
}


class ParseArray:
    """Splits a text, trims and parses each item; a blank text gives an empty list.

    Args:
        items: the type of each: ``str``, ``int``, ``float``, ``bool``, ``UUID``, ``date``, ``datetime``, an enum,
            or a sync pipe.
        separator: what stands between two.
    """

    def __init__(self, items: Any = str, separator: str = ",") -> None:  # a type or a pipe
        if not separator:
            raise DefinitionError("`ParseArray` takes a separator of at least one character")
        self.items = items
        self.separator = separator
        self._item = _item_parser(items)

    def transform(self, value: Any, parameter: Parameter | None = None) -> list[Any]:
        """Return the list.

        Raises:
            ViolationsError: an item is none; every such item is named by its position.
        """
        del parameter
        parts: list[Any] = []
        for given in value if isinstance(value, list) else [value]:
            if not isinstance(given, str):
                parts.append(given)
            elif given.strip():
                parts += [part.strip() for part in given.split(self.separator)]
        return _each(parts, self._item, self)


def _item_parser(items: Any) -> Callable[[Any], Any]:
    if items is str:
        return lambda item: item
    if isinstance(items, type) and issubclass(items, enum.Enum):
        items = ParseEnum(items)
    parser = _PARSERS[items]() if isinstance(items, type) and items in _PARSERS else items
    transform = getattr(parser, "transform", None)
    if isinstance(parser, type) or not callable(transform) or inspect.iscoroutinefunction(transform):
        raise DefinitionError(
            f"`ParseArray` cannot parse items of `{name_of(items)}`.\n"
            "Hint: give it a scalar type, an enum or a sync pipe"
        )
    return lambda item: transform(item, None)


def _declared(parameter: Parameter | None) -> Any:
    """Return a parameter's type without metadata and without ``None``."""
    hint: Any = None if parameter is None else parameter.hint
    if hint.__class__ is _ANNOTATED:
        hint = hint.__origin__
    if hint is None or hint.__class__ is type:
        return hint
    if get_origin(hint) in (typing.Union, types.UnionType):
        some = [item for item in get_args(hint) if item is not type(None)]
        hint = some[0] if len(some) == 1 else hint
    return hint


_MOST = 100
"""Refused items that are named: a query of commas must not become an answer of megabytes."""


def _each(values: Sequence[Any], parse: Callable[[Any], Any], source: object) -> list[Any]:
    """Parse every value; name each that is refused by its position, up to 100."""
    parsed: list[Any] = []
    errors: dict[str, Sequence[Any]] = {}
    for position, value in enumerate(values):
        if len(errors) >= _MOST:
            break
        try:
            parsed.append(parse(value))
        except ViolationsError as error:
            for path, failures in error.errors.items():
                errors[f"{position}.{path}" if path else str(position)] = failures
        except ValueError as error:
            errors[str(position)] = [{"code": "invalid", "message": _silent(error, value)}]
    if errors:
        raise ViolationsError(errors, source=source)
    return parsed


def _silent(error: ValueError, value: Any) -> str:
    message = str(error)
    return "Invalid value" if not message or (isinstance(value, str) and value and value in message) else message
