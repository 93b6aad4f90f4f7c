"""The neutral contracts through which capabilities meet without knowing each other."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

__all__ = (
    "Ability",
    "AbilitySource",
    "Actor",
    "All",
    "AnyOf",
    "Compare",
    "Condition",
    "DurableOccurrences",
    "Endpoint",
    "EndpointAnswer",
    "EndpointRequest",
    "Gauge",
    "GaugeSource",
    "HealthIndicator",
    "MaskableSupport",
    "Never",
    "Not",
    "OccurrenceStore",
    "Operation",
    "Outbox",
    "OutboxMessage",
    "Page",
    "Reading",
    "Relation",
    "SchemaSupport",
    "UnitOfWork",
    "ViolationsError",
)

T = TypeVar("T")


class EndpointRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an `Endpoint` is given, by whichever listener mounts it.

    Attributes:
        method: upper case.
        path: decoded, beginning with a slash, without the prefix it is mounted under.
        query: the raw query string without the question mark.
        headers: by lower-case name; repeated ones joined with a comma and a space.
        client: the address that it comes from, without a port; empty where the listener knows none.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    client: str = ""


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
        path: below which edges that have paths mount it, for instance ``/users``; empty where they shall not.
        key: the field, and the parameter, that tells which one.
    """

    name: str
    kind: Literal["query", "command"]
    entity: type
    host: Any  # a token
    method: str
    action: str
    path: str = ""
    key: str = "id"


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """What leads from the rows of an entity to those of another, for many rows with one query.

    Its method tells only of rows that the actor may read. Keys that lead nowhere are absent from a ``one``, and have
    an empty page in a ``many``. Of the parent, the actor must be allowed to read the field *key* for a ``one``, and the
    field *name* for a ``many``, which is granted like any field; the edge that shows it sees to that.

    Attributes:
        entity: the class that it leads from.
        name: unique within its entity; where a field has the same name, the relation stands in its place.
        target: the class that it leads to.
        kind: ``one`` for the row that a foreign key refers to, ``many`` for those that refer to a row.
        key: the attribute of the entity whose value it is looked up by; None leads nowhere.
        host: the token of the provider that reads it.
        method: its method: ``async (keys) -> Mapping[key, target]`` for ``one``, and for ``many``
            ``async (keys, *, first: int | None = None, after: str | None = None) -> Mapping[key, Page[target]]``,
            where *first* counts for each key, and *after* is the `Page.next` of one of them.
    """

    entity: type
    name: str
    target: type
    kind: Literal["one", "many"]
    key: str
    host: Any  # a token
    method: str


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list.

    Attributes:
        items: what is on it.
        next: the cursor to ask for what follows; None on the last page.
    """

    items: list[T]
    next: str | None = None


class Condition(Protocol):
    """A tree of comparisons over the fields of an entity; authorization builds it, storage compiles it.

    Nodes are `Compare`, `All`, `AnyOf`, `Not` and `Never`. Whoever meets a node it does not know refuses.
    """


class Compare(msgspec.Struct, frozen=True):
    """A field path such as ``author.org_id`` compared with a value, as SQL compares them.

    A null on either side makes it unknown, and so the `Not` of it; ``is_null`` alone is always known, its value being
    whether the field shall be null. Nothing is in an empty tuple. Texts have the order of their code points, whatever
    the collation of the column. Where a path leads through an absent entity, every field beyond is null. What
    is unknown is not allowed.
    """

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
    def id(self) -> object:
        """A stable identifier: a text, a number, a UUID. Its `str` tells actors apart and may stand in logs.

        Conditions compare it as it is, and a text equals no UUID and no number: it is of the type of the fields that
        refer to it, so ``UUID(claims["sub"])`` for a column of UUIDs. A job carries its `str`.
        """
        ...

    @property
    def roles(self) -> Sequence[str]:
        """The actor's roles."""
        ...


class Ability(Protocol):
    """What one actor may do: immutable, and the same answer from gate, query filter and response mask."""

    def can(self, action: str, subject: object, field: str | None = None) -> bool:
        """Return whether *action* is allowed.

        Args:
            action: for instance ``read``.
            subject: an instance, whose conditions are then tested, or a class, which asks whether any instance
                could be allowed.
            field: ask about one field of it; None asks about the subject as a whole.
        """
        ...

    def condition(self, action: str, entity: type) -> Condition:
        """Return what the instances that *action* is allowed on have in common: `Never` without any grant."""
        ...

    def fields(self, action: str, subject: object) -> frozenset[str] | None:
        """Return the fields that *action* may touch; None for all.

        Args:
            action: for instance ``read``.
            subject: an instance, or a class: then the fields of whichever instance is allowed, by which a list may
                be sorted and filtered without telling what a single instance hides.
        """
        ...

    def vouch(self, action: str, instances: Sequence[object]) -> None:
        """Take notice that storage read *instances* with the condition for *action*.

        What `can` and `fields` then cannot tell of one, because it needs a related entity that is not loaded, the
        query has told already.
        """
        ...


class AbilitySource(Protocol):
    """Gives the ability of the unit of work that runs. Authorization provides one; without it storage is unscoped.

    Storage injects ``AbilitySource | None``.
    """

    def current(self) -> Ability | None:
        """Return the ability, which allows nothing when nobody acts; None where code asked to act as the system."""
        ...


class UnitOfWork(Protocol):
    """Around the work of one unit on any edge: begun before the handler, ended before its answer is written."""

    def begin(self, context: object) -> AbstractAsyncContextManager[Any]:
        """Return a context manager; leaving it with an exception, or after `fail`, rolls back."""
        ...


class OutboxMessage(msgspec.Struct, frozen=True):
    """A message that was recorded and is still to be sent.

    Attributes:
        id: whoever receives it twice knows it by this.
        payload: what is to be sent.
    """

    id: str
    payload: bytes


class Outbox(Protocol):
    """Records messages, and what has been done, in the transaction of the unit of work that runs.

    Storage provides one. Who sends the messages asks for those that are pending, sends them, and settles them; a
    crash in between sends again what receivers know by its id.
    """

    def prepare(self) -> Awaitable[None]:
        """Make what it stores in, where that is missing; called before anything else."""
        ...

    def enlist(self, topic: str, payload: bytes, *, id: str) -> Awaitable[bool]:  # noqa: A002  # what it is called
        """Record a message in the unit of work that runs: it is lost with it, and pending once it is kept.

        Args:
            topic: whose message it is; it begins with the name of the capability that sends it.
            payload: what is to be sent. Who acts and the trace go along only in here (`outgoing_trace`).
            id: new for each message.

        Returns:
            False where no unit of work runs that may write: the caller sends by itself.
        """
        ...

    def pending(self, topic: str, limit: int) -> Awaitable[Sequence[OutboxMessage]]:
        """Return kept messages of *topic*, the oldest first; until they are settled, to every process that asks."""
        ...

    def settle(self, ids: Sequence[str]) -> Awaitable[None]:
        """Forget messages that were sent."""
        ...

    def mark(self, key: str) -> Awaitable[bool]:
        """Record in the unit of work that runs that *key* is done; False when it was recorded before."""
        ...

    def prune(self, older_than: float) -> Awaitable[None]:
        """Forget marks that are older than so many seconds."""
        ...


class OccurrenceStore(Protocol):
    """Grants each occurrence of a schedule to one process of a fleet."""

    def claim(self, key: str, due: datetime, *, keep: float, holder: str = "", lease: float = 0.0) -> Awaitable[bool]:
        """Return True to exactly one caller for (*key*, *due*); remember it for *keep* seconds.

        With a *holder* it stays open until that one settles it, and may be taken over once its *lease* is over.
        """
        ...

    def renew(self, key: str, due: datetime, holder: str, *, lease: float) -> Awaitable[bool]:
        """Let the lease of an open occurrence begin anew; False where it is no longer *holder*'s."""
        ...

    def settle(self, key: str, due: datetime, holder: str) -> Awaitable[bool]:
        """Close an open occurrence, because it has run; False where it is no longer *holder*'s."""
        ...

    def take_over(self, key: str, holder: str, *, lease: float) -> Awaitable[datetime | None]:
        """Give *holder* the oldest open occurrence of *key* whose lease is over; None where there is none."""
        ...

    def latest(self, key: str) -> Awaitable[datetime | None]:
        """Return the latest occurrence of *key* that anybody claimed; None where none is remembered."""
        ...

    def hold(self, key: str, holder: str, *, lease: float) -> Awaitable[bool]:
        """Return whether *holder* alone may run *key* for the next *lease* seconds; a second call prolongs it."""
        ...

    def free(self, key: str, holder: str) -> Awaitable[None]:
        """Give back what *holder* holds; nothing happens where somebody else does."""
        ...


class DurableOccurrences(OccurrenceStore, Protocol):
    """The occurrences that a database keeps; storage provides one, and schedules use it where there is no Redis."""

    def prepare(self) -> Awaitable[None]:
        """Make what it stores in, where that is missing; called before anything else."""
        ...


class HealthIndicator(Protocol):
    """One check of a probe; several are bound with ``multi=True``."""

    @property
    def name(self) -> str:
        """What the probe's answer calls it."""
        ...

    def check(self) -> Awaitable[None]:
        """Return when healthy, raise otherwise; the text of the error stays in the process."""
        ...


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """Something whose size is measured now and then, because nobody counts it: a backlog, a pool.

    Attributes:
        name: its parts joined by dots, for instance ``queue.depth``.
        text: one sentence on what it is.
        unit: ``s`` for seconds, ``By`` for bytes, empty for a number of things.
    """

    name: str
    text: str
    unit: Literal["", "s", "By"] = ""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one gauge shows for one set of labels.

    Attributes:
        gauge: one of those of its source.
        value: in the unit of the gauge.
        labels: the same names in each reading of a gauge; their values are few, whatever callers send.
    """

    gauge: Gauge
    value: float
    labels: Mapping[str, str] = {}


class GaugeSource(Protocol):
    """Reads the gauges of one capability; several are bound with ``multi=True``.

    Telemetry asks when somebody wants to know, gives what it was told again for some seconds, and asks no two times at
    once. What concerns a whole fleet is read alike in each process.
    """

    @property
    def gauges(self) -> Sequence[Gauge]:
        """What it may show."""
        ...

    def read(self) -> Awaitable[Sequence[Reading]]:
        """Return what the gauges show now; raise where nobody can tell."""
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

    A schema plugin returns one from `nestpy_schema`; edges ask it for types they meet, through `ForeignTypes`.
    """

    def decode(self, cls: type, value: Any) -> Any:
        """Build an instance of *cls* from JSON-like *value*; raise `ViolationsError` when it does not fit.

        Its messages are answered to callers: they name what is expected, never the value.
        """
        ...

    def encode(self, value: Any) -> Any:
        """Return JSON-like data for an instance, in which anything may stand that msgspec or another plugin encodes."""
        ...

    def json_schema(self, cls: type) -> Mapping[str, Any]:
        """Return the JSON Schema (draft 2020-12) of *cls*; what it refers to stands in ``$defs`` at its top."""
        ...


class MaskableSupport(SchemaSupport, Protocol):
    """Schema support for entities, of which an actor may be shown a part."""

    def name(self, cls: type) -> str:
        """Return what documents and schemas call an entity."""
        ...

    def description(self, cls: type) -> str:
        """Return a sentence about an entity; empty where nobody wrote one."""
        ...

    def hints(self, cls: type) -> Mapping[str, Any]:
        """Return the Python type of each field that may leave the process, in order.

        Types are written as annotations are: with ``| None``, enumerations, and what is said of the field in
        ``Annotated[…, msgspec.Meta(description=…)]``. A field that refers to another entity has the type of its key;
        instances hold the values of enumerations, not their members. What an `Operation` takes stands on its method.
        """
        ...

    def fields(self, cls: type) -> Sequence[str]:
        """Return the names of the fields that may leave the process, in order."""
        ...

    def relations(self, cls: type) -> Sequence[str]:
        """Return the names of the ``many`` relations, which are granted like fields and never encoded."""
        ...

    def key(self, value: Any) -> Any:
        """Return the primary key of an entity: what a field that refers to it holds before it is loaded."""
        ...

    def encode_fields(self, value: Any, fields: frozenset[str] | None) -> Mapping[str, Any]:
        """Return data with those of *fields* that may leave the process; None for all of them.

        Entities within it stay entities: each is shown in its own right.
        """
        ...
