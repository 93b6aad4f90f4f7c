"""How much of a request's body is taken, and how slowly it may come; settings of the app, changed by a route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from nestpy_core import DefinitionError, Record, attach_metadata, read_metadata

from ._bare import refuse_bare
from ._config import HttpConfig

__all__ = ("body_limit", "consumes")

C = TypeVar("C", bound=Callable[..., Any])

JSON = "application/json"
MSGPACK = ("application/msgpack", "application/vnd.msgpack")


class Intake(Record, frozen=True):
    """What one route takes.

    Attributes:
        limit: bytes of a body.
        upload_limit: bytes of a body with files.
        files: files of a form.
        fields: fields of a form, beside its files.
        field_limit: bytes of one field.
        memory: bytes of a form's files that are held in memory; what goes beyond goes to disk.
        seconds: how long a body may take.
        rate: bytes that must come in each second, on average, once `GRACE` seconds have passed.
        consumes: the media types of a body that is decoded.
        validation_status: of the answer to input that does not fit.
    """

    limit: int = 1024 * 1024
    upload_limit: int = 10 * 1024 * 1024
    files: int = 20
    fields: int = 100
    field_limit: int = 16 * 1024
    memory: int = 1024 * 1024
    seconds: float = 30.0
    rate: int = 240
    consumes: tuple[str, ...] = (JSON,)
    validation_status: int = 400

    @classmethod
    def of(cls, config: HttpConfig) -> Intake:
        """Return what the settings say."""
        return cls(
            limit=config.max_body_bytes,
            upload_limit=config.max_upload_bytes,
            files=config.max_upload_files,
            fields=config.max_form_fields,
            field_limit=config.max_field_bytes,
            memory=config.upload_memory_bytes,
            seconds=config.body_timeout,
            rate=config.min_body_rate,
            validation_status=config.validation_status,
        )

    def of_route(self, function: Any) -> Intake:
        """Return what a route's decorators make of it."""
        changes = dict(read_metadata(function, "http_intake", {}))
        return replace(self, **changes) if changes else self


def consumed_by(function: Any) -> tuple[str, ...]:
    """Return the media types that a route decodes."""
    found: tuple[str, ...] = read_metadata(function, "http_intake", {}).get("consumes", (JSON,))
    return found


def body_limit(limit: int, *, files: int | None = None, fields: int | None = None) -> Callable[[C], C]:
    """Take bodies of at most *limit* bytes on this route, whatever the settings say; over it the answer is 413.

    Args:
        limit: bytes, those of files included.
        files: files of a form.
        fields: fields of a form, beside its files.
    """
    refuse_bare(limit, "@body_limit(1048576)")
    changes: dict[str, Any] = {"limit": limit, "upload_limit": limit}
    changes |= {name: value for name, value in (("files", files), ("fields", fields)) if value is not None}
    return _changing(changes)


def consumes(*media_types: str) -> Callable[[C], C]:
    """Decode bodies of these types on this route: ``application/json``, ``application/msgpack``.

    Raises:
        DefinitionError: one of them is another.
    """
    for each in media_types:
        if each not in (JSON, *MSGPACK):
            raise DefinitionError(f"`@consumes` takes `{JSON}` and `{MSGPACK[0]}`, not `{each}`")
    named = tuple(dict.fromkeys(name for each in media_types for name in (MSGPACK if each in MSGPACK else (each,))))
    return _changing({"consumes": named})


def _changing(changes: dict[str, Any]) -> Callable[[C], C]:
    def decorate(function: C) -> C:
        attach_metadata(function, "http_intake", {**read_metadata(function, "http_intake", {}), **changes})
        return function

    return decorate
