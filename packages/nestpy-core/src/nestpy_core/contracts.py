"""The neutral contracts through which capabilities meet without knowing each other."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

__all__ = (
    "Actor",
    "All",
    "AnyOf",
    "Compare",
    "Condition",
    "Endpoint",
    "EndpointAnswer",
    "EndpointRequest",
    "HealthIndicator",
    "Never",
    "Not",
    "OccurrenceStore",
    "Operation",
    "Outbox",
    "SchemaSupport",
    "UnitOfWork",
    "ViolationsError",
)


class EndpointRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an `Endpoint` is given, by whichever listener mounts it.

    Attributes:
        method: upper case.
        path: decoded, beginning with a slash, without the prefix it is mounted under.
        query: the raw query string without the question mark.
        headers: by lower-case name; repeated ones joined with a comma and a space.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}


class EndpointAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an `Endpoint` answers: status 100 to 599, headers by lower-case name, a body in bytes."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A plain request-and-answer surface of a capability: a probe, a metrics page, a document.

    http mounts it beside the routes; in an app without http a headless listener serves it.

    Attributes:
        path: absolute, without parameters.
        methods: upper case; HEAD follows from GET.
        host: the token of the provider that answers; the plugin provides it.
        method: its method, ``async (EndpointRequest) -> EndpointAnswer``.
        owner: the distribution or class that messages name.
        public: whether it needs no guard.
    """

    path: str
    host: Any  # a token
    method: str
    owner: str
    methods: tuple[str, ...] = ("GET",)
    public: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What a capability derives from an entity and any edge can mount: list, get, create, update, delete.

    Attributes:
        name: unique within its entity, for instance ``list``.
        kind: whether it only reads.
        entity: the class it is about.
        host: the token of the provider that runs it.
        method: its method; parameters and result are typed, and edges bind them by name.
        action: what authorization calls it, for instance ``read``.
    """

    name: str
    kind: Literal["query", "command"]
    entity: type
    host: Any  # a token
    method: str
    action: str


class Condition(Protocol):
    """A tree of comparisons over the fields of an entity; authorization builds it, storage compiles it.

    Nodes are `Compare`, `All`, `AnyOf`, `Not` and `Never`. Whoever meets a node it does not know refuses.
    """


class Compare(msgspec.Struct, frozen=True):
    """A field path such as ``author.org_id`` compared with a value."""

    field: str
    operator: Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "is_null"]
    value: Any  # whatever the field holds


class All(msgspec.Struct, frozen=True):
    """Every condition holds; an empty one always holds."""

    conditions: tuple[Condition, ...] = ()


class AnyOf(msgspec.Struct, frozen=True):
    """At least one condition holds; an empty one never does."""

    conditions: tuple[Condition, ...] = ()


class Not(msgspec.Struct, frozen=True):
    """The condition does not hold."""

    condition: Condition


class Never(msgspec.Struct, frozen=True):
    """Nothing matches: what a list becomes without any grant."""


@runtime_checkable
class Actor(Protocol):
    """Who acts: a user, a service or a job on somebody's behalf."""

    @property
    def id(self) -> str:
        """A stable identifier that may stand in logs."""
        ...

    @property
    def roles(self) -> Sequence[str]:
        """The actor's roles."""
        ...


class UnitOfWork(Protocol):
    """Around the work of one unit on any edge: begun before the handler, ended before its answer is written."""

    def begin(self, context: object) -> AbstractAsyncContextManager[Any]:
        """Return a context manager; leaving it with an exception, or after `fail`, rolls back."""
        ...


class Outbox(Protocol):
    """Records a message in the current unit of work, to be sent once that is committed."""

    def enlist(self, topic: str, payload: bytes) -> Awaitable[None]:
        """Store *payload* for *topic*; nothing is sent when the unit of work rolls back."""
        ...


class OccurrenceStore(Protocol):
    """Grants each occurrence of a schedule to one process of a fleet."""

    def claim(self, key: str, due: datetime, *, keep: float) -> Awaitable[bool]:
        """Return True to exactly one caller for (*key*, *due*); remember it for *keep* seconds."""
        ...


class HealthIndicator(Protocol):
    """One check of a probe; several are bound with ``multi=True``."""

    name: str

    def check(self) -> Awaitable[None]:
        """Return when healthy, raise otherwise; the text of the error stays in the process."""
        ...


class ViolationsError(ValueError):
    """A value does not fit its type; all of what is wrong, by field, without any value.

    Attributes:
        errors: for each field its failures, each with ``code`` and ``message``. A field is a path of names and
            indexes such as ``items.0.name``, empty for the value itself. Codes are ``required``, ``type``,
            ``range``, ``length``, ``pattern``, ``enum``, ``multiple_of``, ``unknown_field`` and ``invalid``.
        source: the pipe that refused, for an edge that has words of its own; None for a decoder.
    """

    def __init__(self, errors: Mapping[str, Sequence[Mapping[str, str]]], *, source: object = None) -> None:
        super().__init__("Invalid value")
        self.errors = errors
        self.source = source


class SchemaSupport(Protocol):
    """How values of a foreign library's types are decoded, encoded and described.

    A schema plugin returns one from `nestpy_schema`; edges ask it for types they meet.
    """

    def decode(self, cls: type, value: Any) -> Any:
        """Build an instance of *cls* from JSON-like *value*; raise `ViolationsError` when it does not fit."""
        ...

    def encode(self, value: Any) -> Any:
        """Return JSON-like data for an instance."""
        ...

    def json_schema(self, cls: type) -> Mapping[str, Any]:
        """Return the JSON Schema (draft 2020-12) of *cls*."""
        ...
