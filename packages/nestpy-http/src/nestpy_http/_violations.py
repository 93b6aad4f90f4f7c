"""Says what is wrong with an input as HTTP: which argument, and every failure of each of its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nestpy_core import Failure, Failures, ForeignDecoder, ViolationsError, failures_of

from ._body import Packed, plain_value
from ._depth import NestingError
from ._strict_json import StrictJsonError
from .errors import BadRequestError, HttpError, InvalidInputError

_ITEM = re.compile(r" - at `\$\.value\[(\d+)\]")


def body_error(
    kind: Any,  # any annotation
    body: bytes,
    error: Exception,
    foreign: ForeignDecoder,
    *,
    refuse_unknown: bool = False,
) -> HttpError | Failures:
    """Return a 400 for a body that is not JSON, else the failures of its fields, without any value.

    Types of other libraries are asked through *foreign* and name their own failures (`ViolationsError`).
    """
    if isinstance(error, StrictJsonError | NestingError):
        return BadRequestError(str(error))
    try:
        value = plain_value(body)
    except (ValueError, RecursionError):
        return BadRequestError(f"The body is not valid {'MessagePack' if isinstance(body, Packed) else 'JSON'}")
    try:
        return failures_of(kind, value, error, foreign, refuse_unknown=refuse_unknown)
    except RecursionError:
        return BadRequestError("The body is nested too deep")


def pipe_error(name: str, kind: Any, error: ValueError, value: object, *, body: bool = False) -> InvalidInputError:
    """Return the 400 of a pipe's refusal of the argument called *name*, which is declared *kind*, a body or not."""
    if not isinstance(error, ViolationsError):
        return InvalidInputError({name: [_refusal(error, value)]})
    prefix = "" if body else name
    failures = {
        f"{prefix}.{path}" if prefix and path else prefix or path: found for path, found in error.errors.items()
    }
    return invalid(failures, {prefix: kind})


def _refusal(error: ValueError, value: object) -> Failure:
    """Return what a pipe says, unless it quotes the refused text."""
    message = str(error)
    if isinstance(value, str) and value and value in message:
        message = "Invalid value"
    return {"code": "pipe", "message": message}


def item_path(name: str, error: Exception) -> str:
    """Return the path of what is wrong inside the converted value called *name*: ``ids.1``."""
    found = _ITEM.search(str(error))
    return name if found is None else f"{name}.{found[1]}"


def invalid(
    failures: Mapping[str, Sequence[Mapping[str, str]]], kinds: Mapping[str, Any] | None = None
) -> InvalidInputError:
    """Return the 400 that lists the failures of every field."""
    return InvalidInputError(failures, kinds=kinds)
