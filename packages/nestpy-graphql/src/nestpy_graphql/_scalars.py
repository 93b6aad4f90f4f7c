"""The scalars beside GraphQL's own, and how a type gets one."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any, NewType

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
)
from graphql.pyutils import Undefined

from nestpy_core import Record
from nestpy_http import Upload

__all__ = ("ID", "Scalar")

ID = NewType("ID", str)
"""An identifier: a text that clients need not understand, GraphQL's ``ID``."""


class Scalar(Record, frozen=True, kw_only=True):
    """How a class becomes a scalar; ``GraphqlModule.for_root(scalars={Money: Scalar(…)})``.

    Attributes:
        name: in the schema.
        serialize: makes JSON-like data of an instance.
        parse: makes an instance of JSON-like data; a ValueError refuses it.
        description: what documents say.
        specified_by: the URL of its specification.
    """

    name: str
    serialize: Callable[[Any], Any]
    parse: Callable[[Any], Any]
    description: str = ""
    specified_by: str | None = None


def _text(
    name: str, kinds: tuple[type, ...], write: Callable[[Any], str], description: str, url: str | None = None
) -> Any:
    """Return a scalar that is written as text; what reads it is the decoder of the argument."""

    def serialize(value: Any) -> str:
        if isinstance(value, kinds):
            return write(value)
        if isinstance(value, str):
            return value
        raise GraphQLError(f"{name} cannot represent a {type(value).__name__}")

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            raise GraphQLError(f"{name} is written as text")
        return value

    return GraphQLScalarType(
        name, coerce_output_value=serialize, coerce_input_value=parse, description=description, specified_by_url=url
    )


def _as_text(value: Any) -> str:
    return str(msgspec.to_builtins(value))


UUID_SCALAR = _text(
    "UUID", (uuid.UUID,), str, "A UUID in hexadecimal with hyphens.", "https://www.rfc-editor.org/rfc/rfc9562"
)
DATE_TIME = _text(
    "DateTime",
    (dt.datetime,),
    _as_text,
    "A moment as RFC 3339 writes it.",
    "https://scalars.graphql.org/andimarek/date-time",
)
DATE = _text("Date", (dt.date,), _as_text, "A day, ``2030-12-31``.", "https://scalars.graphql.org/andimarek/local-date")
TIME = _text(
    "Time", (dt.time,), _as_text, "A time of day, ``23:59:59``.", "https://scalars.graphql.org/andimarek/local-time"
)
DURATION = _text("Duration", (dt.timedelta,), _as_text, "A length of time as ISO 8601 writes it, ``PT3600S``.")
DECIMAL = _text("Decimal", (decimal.Decimal,), str, "A decimal number of any precision, as text.")
BYTES = _text(
    "Bytes", (bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode(), "Bytes in Base64."
)


def _json(value: Any) -> Any:
    """Return a value without what a variable that was not given leaves in a literal."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items() if item is not Undefined}
    if isinstance(value, list):
        return [None if item is Undefined else _json(item) for item in value]
    return value


JSON = GraphQLScalarType(
    "JSON",
    coerce_output_value=msgspec.to_builtins,
    coerce_input_value=_json,
    description="Any JSON value.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
)


def _no_upload(value: Any) -> Any:
    raise GraphQLError(f"Upload cannot be shown, a {type(value).__name__} least of all")


def _upload(value: Any) -> Any:
    if not isinstance(value, Upload):
        raise GraphQLError("Upload is filled by a part of a multipart request")
    return value


UPLOAD = GraphQLScalarType(
    "Upload",
    coerce_output_value=_no_upload,
    coerce_input_value=_upload,
    description="A file, sent as a part of a multipart request.",
    specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
)

SCALARS: dict[Any, GraphQLScalarType] = {
    str: GraphQLString,
    int: GraphQLInt,
    float: GraphQLFloat,
    bool: GraphQLBoolean,
    ID: GraphQLID,
    uuid.UUID: UUID_SCALAR,
    dt.datetime: DATE_TIME,
    dt.date: DATE,
    dt.time: TIME,
    dt.timedelta: DURATION,
    decimal.Decimal: DECIMAL,
    bytes: BYTES,
    bytearray: BYTES,
    Any: JSON,
    object: JSON,
    dict: JSON,
    msgspec.Raw: JSON,
    Upload: UPLOAD,
}


def custom_scalar(one: Scalar) -> GraphQLScalarType:
    """Return the GraphQL type of a scalar that the app declares."""

    def parse(value: Any) -> Any:
        try:
            return one.parse(value)
        except (ValueError, TypeError) as error:
            raise GraphQLError(f"{one.name} is written otherwise") from error

    return GraphQLScalarType(
        one.name,
        coerce_output_value=one.serialize,
        coerce_input_value=parse,
        description=one.description or None,
        specified_by_url=one.specified_by,
    )
