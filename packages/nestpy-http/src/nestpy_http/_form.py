"""Reads forms: the fields of ``application/x-www-form-urlencoded``, and what a handler makes of fields."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from ._upload import Upload
from .errors import BadRequestError, PayloadTooLargeError, UnsupportedMediaTypeError

URLENCODED = "application/x-www-form-urlencoded"
Fields = dict[str, "str | list[str]"]


def check_urlencoded(headers: Any) -> None:
    """Refuse a body that does not say it is a form in UTF-8.

    Raises:
        UnsupportedMediaTypeError: it says something else, or nothing.
    """
    kind, _, options = (headers.get("content-type") or "").partition(";")
    if kind.strip().lower() != URLENCODED:
        raise UnsupportedMediaTypeError(f"The body must be `{URLENCODED}`")
    for option in options.split(";"):
        name, _, value = option.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaTypeError("The body must be encoded in UTF-8")


def urlencoded(body: bytes, fields: int, field_limit: int) -> Fields:
    """Return the fields of a form: a text for each name, a list of texts for a repeated one.

    Raises:
        BadRequestError: more than *fields* of them, or one that is not UTF-8.
        PayloadTooLargeError: one of more than *field_limit* bytes.
    """
    found: Fields = {}
    pairs = body.split(b"&", fields) if body else []
    if len(pairs) > fields:
        raise BadRequestError(f"The form has more than {fields} fields")
    for pair in pairs:
        if len(pair) > 3 * field_limit:
            raise PayloadTooLargeError(f"A field is over {field_limit} bytes")
        name, _, value = pair.partition(b"=")
        text = _decoded(value, field_limit)
        if name or value:
            add_field(found, _decoded(name, field_limit), text)
    return found


def _decoded(raw: bytes, limit: int) -> str:
    plain = unquote_to_bytes(raw.replace(b"+", b" ")) if b"%" in raw or b"+" in raw else raw
    if len(plain) > limit:
        raise PayloadTooLargeError(f"A field is over {limit} bytes")
    try:
        return plain.decode()
    except UnicodeDecodeError:
        raise BadRequestError("The form is not encoded in UTF-8") from None


def add_field(found: Fields, name: str, value: str) -> None:
    """Put one more value under *name*."""
    known = found.get(name)
    if known is None:
        found[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        found[name] = [known, value]


def one_file(files: list[Upload] | None) -> Upload:
    """Return the only file of a field.

    Raises:
        ValueError: there is none, or more than one.
    """
    if not files or len(files) > 1:
        raise ValueError("Expected one file")
    return files[0]


def all_files(files: list[Upload] | None) -> list[Upload]:
    """Return the files of a field.

    Raises:
        ValueError: there is none.
    """
    if not files:
        raise ValueError("Expected a file")
    return files
