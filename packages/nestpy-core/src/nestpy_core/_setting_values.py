"""Turns what a source holds, text or a typed value, into the value of one field."""

from __future__ import annotations

import math
from functools import partial
from pathlib import PurePath
from typing import Any, get_args, get_origin

from ._secret import Secret
from ._setting_types import alternatives, expectation, inside_secret, kind, normal, optional, split, type_text

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_OPENING = {"list": "[", "object": "{"}
# The other texts of msgspec quote the value, which a report must never hold.
_HARMLESS = ("Expected ", "Object missing required field ")


class ConversionError(ValueError):
    """A value does not fit its field. The text continues "must be" and never holds the value."""


def from_text(text: str, annotation: Any) -> object:
    """Convert the *text* of a variable to a field's type.

    Lists are separated by commas or written as JSON, Structs are JSON, and a type that msgspec does not
    know is called with the text.

    Raises:
        ConversionError: the text does not fit.
    """
    secret = inside_secret(annotation)
    if secret is not None:
        return Secret(from_text(text, secret))
    try:
        prepared = _prepared(text, annotation)
    except (ValueError, RecursionError):
        prepared = None
    if prepared is None:
        raise ConversionError(expectation(annotation))
    return _checked(prepared, annotation, strict=False)


def from_value(value: object, annotation: Any, *, code: bool) -> object:
    """Convert a *value* that already has a type, from a file or, when *code*, from Python.

    Raises:
        ConversionError: the value does not fit.
    """
    secret = inside_secret(annotation)
    if secret is None:
        return _checked(value, annotation, strict=code or not _counts_seconds(value, annotation), code=code)
    if value is None and optional(annotation):
        return None
    inner = value.reveal() if isinstance(value, Secret) else value
    return Secret(from_value(inner, secret, code=code))


def _counts_seconds(value: object, annotation: Any) -> bool:
    """Say whether *value* is a number and the field a duration, which msgspec would read from a text alone."""
    from datetime import timedelta

    return type(value) in (int, float) and all(split(each)[0] is timedelta for each in alternatives(annotation))


def _prepared(text: str, annotation: Any) -> object:
    """Return what msgspec converts leniently: words for bool, lists and objects taken apart."""
    bases = [split(each)[0] for each in alternatives(annotation)]
    if bases == [bool]:
        return _flag(text)
    if all(base in _numbers() for base in bases):
        return text.strip()
    kinds = {kind(base) for base in bases}
    if text.lstrip()[:1] in {_OPENING.get(each) for each in kinds}:
        import msgspec

        return msgspec.json.decode(text)
    if kinds == {"list"}:
        return _items(text, bases[0])
    return text


def _numbers() -> frozenset[object]:
    from decimal import Decimal

    return frozenset({int, float, Decimal})


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConversionError("`true` or `false`")
    return word in _TRUE


def _items(text: str, base: Any) -> list[object]:
    items = [item.strip() for item in text.split(",")]
    types = get_args(base)
    if get_origin(base) is tuple and types and types[-1] is not Ellipsis:
        return [_prepared(item, each) for item, each in zip(items, types, strict=True)]
    inner = types[0] if types else str
    return [_prepared(item, inner) for item in items if item]


def _checked(value: object, annotation: Any, *, strict: bool, code: bool = False) -> object:
    import msgspec

    converted = reason = None
    hook = partial(_hooked, strict=strict, code=code)
    try:
        converted = msgspec.convert(value, normal(annotation), strict=strict, dec_hook=hook)
    except msgspec.ValidationError as error:
        reason = _reason(error, annotation)
    except TypeError:
        # msgspec cannot convert such a type at all: code vouches for its own value, text cannot.
        if code:
            return value
        reason = f"given in code, because `{type_text(annotation)}` cannot be read from text"
    except Exception:  # noqa: BLE001  # a constructor may raise anything, with the value in its text
        reason = expectation(annotation)
    if reason is None and _is_nan(converted):
        reason = expectation(annotation)
    if reason is not None:
        raise ConversionError(reason)
    return converted


def _reason(error: Exception, annotation: Any) -> str:
    """Add where inside a nested value msgspec stopped, if its text is one that quotes no value."""
    text = str(error)
    if error.__cause__ is not None or " - at `" not in text or not text.startswith(_HARMLESS):
        return expectation(annotation)
    return f"{expectation(annotation)}: {text[0].lower()}{text[1:].replace(' - at ', ' at ')}"


def _is_nan(value: object) -> bool:
    """NaN passes every bound, so no setting may be NaN."""
    from decimal import Decimal

    return value.is_nan() if isinstance(value, Decimal) else isinstance(value, float) and math.isnan(value)


def _hooked(wanted: Any, value: Any, *, strict: bool, code: bool) -> object:
    """Build what msgspec does not know; it calls this for every custom class, also inside of lists."""
    secret = inside_secret(wanted)
    if secret is not None:
        inner = value.reveal() if isinstance(value, Secret) else value
        return Secret(_checked(inner, secret, strict=strict, code=code))
    base = get_origin(wanted) or wanted
    if getattr(base, "_is_protocol", False) or isinstance(value, base):
        return value
    if isinstance(value, str) and not issubclass(base, type) and (not code or issubclass(base, PurePath)):
        return base(value)
    raise ConversionError(expectation(wanted))
