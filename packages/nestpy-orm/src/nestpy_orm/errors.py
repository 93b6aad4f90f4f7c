"""Every error that nestpy-orm raises.

NestPyError
├── OrmError                             anything this distribution refuses
│   ├── EntityError (TypeError)          a class, a field or a condition cannot be served; found when it is first used
│   ├── WriteInQueryError                a handler that only reads tried to write
│   ├── UnitEndedError                   a task outlived the unit of work that it belongs to and tried to write
│   ├── CommitError                      the transaction could not be committed
│   ├── QueryError                       the database refused a statement; the driver's error is chained
│   ├── MigrationError                   migrations cannot run as asked
│   └── SeedError                        seeds cannot run as asked
├── Problem
│   └── ExposureError                    an entity is returned, mounted or exposed in a way that cannot work
├── DeniedError
│   └── FieldDeniedError                 the actor may not touch this field
└── DomainError
    ├── EntityNotFoundError              404  no row, or none that the actor may know of
    ├── InvalidCursorError               400  a cursor that this app did not make
    ├── InvalidFieldError                400  a field that cannot be sorted or filtered by, or a value that does not fit
    ├── IntegrityError                   409  a constraint of the database does not hold
    │   ├── UniqueViolationError         409  another row has the same values
    │   ├── ForeignKeyViolationError     409  a row that is referred to is missing, or still referred to
    │   ├── NotNullViolationError        400  a required value is missing
    │   └── CheckViolationError          400  a value breaks a rule of the table
    ├── StaleEntityError                 409  the row has changed since it was read
    ├── SerializationConflictError       409  concurrent transactions collided; running it again may succeed
    ├── QueryTimeoutError                504  a statement or a lock took longer than allowed
    └── DatabaseUnavailableError         503  no connection, or none in time
        └── PoolTimeoutError             503  every connection of the pool was busy for too long
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from nestpy_core import Denial, DenialKind
from nestpy_core.errors import DeniedError, DomainError, FailureKind, NestPyError, Problem

__all__ = (
    "CheckViolationError",
    "CommitError",
    "DatabaseUnavailableError",
    "EntityError",
    "EntityNotFoundError",
    "ExposureError",
    "FieldDeniedError",
    "ForeignKeyViolationError",
    "IntegrityError",
    "InvalidCursorError",
    "InvalidFieldError",
    "MigrationError",
    "NotNullViolationError",
    "OrmError",
    "PoolTimeoutError",
    "QueryError",
    "QueryTimeoutError",
    "SeedError",
    "SerializationConflictError",
    "StaleEntityError",
    "UniqueViolationError",
    "UnitEndedError",
    "WriteInQueryError",
)


class OrmError(NestPyError):
    """The base of every error that nestpy-orm raises on purpose, beside those that edges answer."""


class EntityError(OrmError, TypeError):
    """A class is no entity, a field does not exist, or a condition cannot become SQL."""


class WriteInQueryError(OrmError):
    """A handler that only reads (GET, a GraphQL query) tried to write, and does not say `@transactional`."""


class UnitEndedError(OrmError):
    """A task outlived the unit of work that it was started in, and tried to write."""


class CommitError(OrmError):
    """The transaction could not be committed; nothing of it was kept."""


class QueryError(OrmError):
    """The database refused a statement for a reason that has no class of its own; the driver's error is chained."""


class MigrationError(OrmError):
    """Migrations cannot run as asked: an unknown name, a changed order, a step that failed."""


class SeedError(OrmError):
    """Seeds cannot run as asked."""


class ExposureError(Problem):
    """An entity is returned, mounted or exposed in a way that cannot work; found at boot."""


class FieldDeniedError(DeniedError):
    """The actor may not touch this field.

    Attributes:
        field: its name.
    """

    def __init__(self, field: str) -> None:
        super().__init__(Denial(DenialKind.FORBIDDEN, f"The field `{field}` is not yours to use."))
        self.field = field


class EntityNotFoundError(DomainError):
    """There is no such row, or none that the actor may know of."""

    kind = FailureKind.NOT_FOUND


class InvalidCursorError(DomainError):
    """A cursor was not made by this app, for this order."""

    kind = FailureKind.INVALID

    def __init__(self) -> None:
        super().__init__(
            "validation failed", errors={"after": [{"code": "invalid", "message": "Expected a cursor of this list"}]}
        )


class InvalidFieldError(DomainError):
    """A field cannot be sorted or filtered by, or a value does not fit it.

    Attributes:
        field: its name as the caller gave it.
    """

    kind = FailureKind.INVALID

    def __init__(self, field: str, message: str, *, code: str = "invalid") -> None:
        super().__init__("validation failed", errors={field: [{"code": code, "message": message}]})
        self.field = field


class IntegrityError(DomainError):
    """A constraint of the database does not hold.

    Attributes:
        fields: what it is about, as far as the database tells.
        constraint: its name in the database; empty where the database does not tell.
    """

    code: ClassVar[str] = "constraint"
    message: ClassVar[str] = "Breaks a constraint"
    text: ClassVar[str] = "A constraint does not hold"

    def __init__(self, fields: Sequence[str] = (), constraint: str = "") -> None:
        failure = [{"code": self.code, "message": self.message}]
        super().__init__(self.text, errors=dict.fromkeys(fields, failure))
        self.fields = tuple(fields)
        self.constraint = constraint


class UniqueViolationError(IntegrityError):
    """Another row has the same values."""

    code = "unique"
    message = "Is taken"
    text = "This already exists"


class ForeignKeyViolationError(IntegrityError):
    """A row that is referred to is missing, or a row to be deleted is still referred to."""

    code = "foreign_key"
    message = "Refers to nothing, or is still referred to"
    text = "What this refers to is missing, or it is still referred to"


class NotNullViolationError(IntegrityError):
    """A required value is missing."""

    kind = FailureKind.INVALID
    code = "required"
    message = "Is required"
    text = "validation failed"


class CheckViolationError(IntegrityError):
    """A value breaks a rule of the table."""

    kind = FailureKind.INVALID
    code = "invalid"
    message = "Breaks a rule"
    text = "validation failed"


class StaleEntityError(DomainError):
    """The row has changed since it was read, so that its new values would overwrite somebody else's."""

    kind = FailureKind.CONFLICT

    def __init__(self) -> None:
        super().__init__("This has changed in the meantime")


class SerializationConflictError(DomainError):
    """Concurrent transactions collided and this one lost; running it again may succeed."""

    kind = FailureKind.CONFLICT

    def __init__(self) -> None:
        super().__init__("This collided with a concurrent change; try again")


class QueryTimeoutError(DomainError):
    """A statement, or its wait for a lock, took longer than allowed."""

    kind = FailureKind.TIMEOUT

    def __init__(self) -> None:
        super().__init__("The database did not answer in time")


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached."""

    kind = FailureKind.UNAVAILABLE

    def __init__(self, detail: str = "The database is not available") -> None:
        super().__init__(detail)


class PoolTimeoutError(DatabaseUnavailableError):
    """Every connection of the pool was busy for longer than ``orm.pool_timeout``."""

    def __init__(self) -> None:
        super().__init__("The database is busy")
