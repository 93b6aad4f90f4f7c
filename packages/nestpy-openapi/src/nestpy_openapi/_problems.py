"""What the bodies of errors look like, as types: problem documents, or NestJS's where the app answers those."""

from __future__ import annotations

from typing import Annotated

import msgspec


class FieldFailure(msgspec.Struct):
    """Why a field does not fit; never with its value."""

    code: Annotated[str, msgspec.Meta(description="For instance `required`, `type`, `range`, `length` or `pattern`.")]
    message: str


class ProblemDetails(msgspec.Struct):
    """A problem document (RFC 9457); some errors have members of their own."""

    type: str
    title: str
    status: int
    detail: str | msgspec.UnsetType = msgspec.UNSET
    errors: Annotated[
        dict[str, list[FieldFailure]] | msgspec.UnsetType,
        msgspec.Meta(description="Of input that does not fit: the failures of each field."),
    ] = msgspec.UNSET


class NestError(msgspec.Struct, rename="camel"):
    """An error as NestJS answers it; some have other members."""

    message: str | list[str] | msgspec.UnsetType = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET
    status_code: int | msgspec.UnsetType = msgspec.UNSET
