"""Takes ``25.0`` for 25 where a body's type wants an integer, as JSON Schema does; looked at only after a refusal."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ._arguments import Argument, explain
from ._body import Packed
from ._parameters import Place

EXACT = 2**53
"""Up to here a float that is written without a fraction is the integer that is meant (RFC 8259, section 6)."""


def mended(arguments: Sequence[Argument], raw: Mapping[str, Any], errors: tuple[type[Exception], ...]) -> list[Any]:
    """Return the converted arguments of a request whose body holds whole numbers written with a fraction.

    Raises:
        HttpError: that is not all that is wrong with the request; everything that is.
    """
    given = {**raw, **{one.parameter.name: _whole(one, raw[one.parameter.name]) for one in arguments}}
    try:
        return [_made(one, given[one.parameter.name]) for one in arguments if one.make is not None]
    except errors:
        raise explain(arguments, given) from None


def _made(argument: Argument, value: Any) -> Any:
    if value is None and not argument.required:
        return copy.deepcopy(argument.default)
    assert argument.make is not None  # noqa: S101  # its caller asks only for those
    return argument.make(value)


def _whole(argument: Argument, value: Any) -> Any:
    """Return a JSON body whose whole numbers are written as such; anything else as it is."""
    if argument.place is not Place.BODY or argument.make is None or not isinstance(value, bytes):
        return value
    if isinstance(value, Packed):
        return value
    if not _wants_whole(argument.make, value):
        return value
    try:
        return msgspec.json.encode(_rewritten(msgspec.json.decode(value)))
    except (ValueError, RecursionError):  # the decoder met the number first; what follows may be no JSON at all
        return value


def _wants_whole(make: Callable[[Any], Any], value: bytes) -> bool:
    try:
        make(value)
    except msgspec.ValidationError as error:
        return "got `float`" in str(error)
    except (ValueError, RecursionError):
        return False
    return False


def _rewritten(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, list):
        return [_rewritten(item) for item in value]
    if isinstance(value, dict):
        return {name: _rewritten(item) for name, item in value.items()}
    return value
