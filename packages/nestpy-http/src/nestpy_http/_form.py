"""Reads forms: the fields of ``application/x-www-form-urlencoded``, and what a handler makes of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import Failure, failure_of

from ._shape import HIGHEST, LOWEST
from ._upload import Upload
from .errors import BadRequestError, PayloadTooLargeError, UnsupportedMediaTypeError

URLENCODED = "application/x-www-form-urlencoded"
CHECKED = {"on": "true", "off": "false"}
"""What a browser sends for a ticked box."""

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


class FormReader:
    """Makes a Struct, dataclass or TypedDict of a form's fields, each converted as a query parameter is."""

    def __init__(
        self,
        kind: Any,  # any annotation of data
        converter: Callable[[Any], Callable[[Any], Any]],
        is_collection: Callable[[Any], bool],
        foreign: Callable[[type, Any], Any],
        *,
        refuse_unknown: bool,
    ) -> None:
        self._kind = kind
        self._foreign = foreign
        info: Any = msgspec_inspect.type_info(kind)
        hints = get_type_hints(get_origin(kind) or kind, include_extras=True)
        self._fields = {field.encode_name: (field, hints[field.name]) for field in info.fields}
        self._converters = {name: converter(_plain(hint)) for name, (_, hint) in self._fields.items()}
        self._lists = {name for name, (_, hint) in self._fields.items() if is_collection(_plain(hint))}
        self._ticks = {name for name, (field, _) in self._fields.items() if _is_bool(field.type)}
        self._refuses = refuse_unknown or getattr(info, "forbid_unknown_fields", False)

    def __call__(self, fields: Fields) -> Any:
        """Convert a whole form.

        Raises:
            ValueError: it does not fit.
        """
        if self._refuses and not fields.keys() <= self._fields.keys():
            raise ValueError("Object contains unknown field")
        given: dict[str, Any] = {name: self._prepared(name, value) for name, value in fields.items()}
        made = msgspec.convert(given, self._kind, strict=False, dec_hook=self._foreign)
        for name in self._fields:
            number: Any = made.get(name) if isinstance(made, dict) else getattr(made, self._fields[name][0].name, None)
            if number.__class__ is int and not LOWEST <= number <= HIGHEST:
                raise ValueError("Integer value out of range")
        return made

    def _prepared(self, name: str, value: Any) -> Any:
        if name in self._lists and isinstance(value, str):
            return [value]
        return CHECKED.get(value, value) if name in self._ticks and isinstance(value, str) else value

    def failures(self, fields: Fields, error: Exception) -> Iterator[tuple[str, list[Failure]]]:
        """Yield what is wrong with each field, and with the whole where no single one is."""
        found = list(self._each(fields))
        yield from found or [("", [failure_of(error)])]

    def _each(self, fields: Fields) -> Iterator[tuple[str, list[Failure]]]:
        for name, (field, _) in self._fields.items():
            if name not in fields:
                if field.required:
                    yield name, [{"code": "required", "message": "This field is required"}]
                continue
            value = fields[name]
            if isinstance(value, list) and name not in self._lists:
                yield name, [{"code": "repeated", "message": "This field is given more than once"}]
                continue
            try:
                self._converters[name](self._prepared(name, value))
            except (ValueError, RecursionError) as refused:
                yield name, [failure_of(refused)]
        for name in sorted(fields.keys() - self._fields.keys()) if self._refuses else ():
            yield name[:100], [{"code": "unknown_field", "message": "This field is not known"}]


def _plain(hint: Any) -> Any:
    """Return an annotation without `msgspec.UnsetType`, which no form can say."""
    arguments = getattr(hint, "__args__", ())
    if msgspec.UnsetType not in arguments or get_origin(hint) is None:
        return hint
    kept = [each for each in arguments if each is not msgspec.UnsetType]
    found = kept[0]
    for each in kept[1:]:
        found |= each
    return found


def _is_bool(info: Any) -> bool:
    several = info.types if isinstance(info, msgspec_inspect.UnionType) else (info,)
    return any(isinstance(each, msgspec_inspect.BoolType) for each in several)


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
