"""Repositories, transactions, exposed entities, migrations and seeds on piccolo."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import OrmConfig as OrmConfig
    from ._crud import Crud as Crud, crud as crud
    from ._database import Database as Database
    from ._expose import expose as expose
    from ._exposure import Many as Many
    from ._health import DatabaseIndicator as DatabaseIndicator
    from ._migrator import Migrator as Migrator, SeedSource as SeedSource, ensure as ensure
    from ._module import OrmModule as OrmModule
    from ._occurrences import DatabaseOccurrences as DatabaseOccurrences
    from ._outbox import DatabaseOutbox as DatabaseOutbox
    from ._repository import Repository as Repository
    from ._structs import Changes as Changes, Creation as Creation
    from ._tables import create_table as create_table, table_sql as table_sql
    from ._unit import Unit as Unit
    from ._uuid7 import UUID7 as UUID7, uuid7 as uuid7
    from ._work import Transactional as Transactional, transactional as transactional
    from .errors import (
        CheckViolationError as CheckViolationError, CommitError as CommitError,
        DatabaseUnavailableError as DatabaseUnavailableError, EntityError as EntityError,
        EntityNotFoundError as EntityNotFoundError, ExposureError as ExposureError,
        FieldDeniedError as FieldDeniedError, ForeignKeyViolationError as ForeignKeyViolationError,
        IntegrityError as IntegrityError, InvalidCursorError as InvalidCursorError,
        InvalidFieldError as InvalidFieldError, MigrationError as MigrationError,
        NotNullViolationError as NotNullViolationError, OrmError as OrmError, PoolTimeoutError as PoolTimeoutError,
        QueryError as QueryError, QueryTimeoutError as QueryTimeoutError, SeedError as SeedError,
        SerializationConflictError as SerializationConflictError, StaleEntityError as StaleEntityError,
        UniqueViolationError as UniqueViolationError, UnitEndedError as UnitEndedError,
        WriteInQueryError as WriteInQueryError,
    )

__all__ = [
    "Changes", "CheckViolationError", "CommitError", "Creation", "Crud", "Database", "DatabaseIndicator",
    "DatabaseOccurrences", "DatabaseOutbox", "DatabaseUnavailableError", "EntityError", "EntityNotFoundError",
    "ExposureError", "FieldDeniedError", "ForeignKeyViolationError", "IntegrityError", "InvalidCursorError",
    "InvalidFieldError", "Many", "MigrationError", "Migrator", "NotNullViolationError", "OrmConfig", "OrmError",
    "OrmModule", "PoolTimeoutError", "QueryError", "QueryTimeoutError", "Repository", "SeedError", "SeedSource",
    "SerializationConflictError", "StaleEntityError", "Transactional", "UUID7", "UniqueViolationError", "Unit",
    "UnitEndedError", "WriteInQueryError", "create_table", "crud", "ensure", "expose", "table_sql", "transactional",
    "uuid7",
]

_NAMES_OF_MODULES = {
    "_config": "OrmConfig",
    "_crud": "Crud crud",
    "_database": "Database",
    "_expose": "expose",
    "_exposure": "Many",
    "_health": "DatabaseIndicator",
    "_migrator": "Migrator SeedSource ensure",
    "_module": "OrmModule",
    "_occurrences": "DatabaseOccurrences",
    "_outbox": "DatabaseOutbox",
    "_repository": "Repository",
    "_structs": "Changes Creation",
    "_tables": "create_table table_sql",
    "_unit": "Unit",
    "_uuid7": "UUID7 uuid7",
    "_work": "Transactional transactional",
    "errors": (
        "CheckViolationError CommitError DatabaseUnavailableError EntityError EntityNotFoundError ExposureError "
        "FieldDeniedError ForeignKeyViolationError IntegrityError InvalidCursorError InvalidFieldError MigrationError "
        "NotNullViolationError OrmError PoolTimeoutError QueryError QueryTimeoutError SeedError "
        "SerializationConflictError StaleEntityError UniqueViolationError UnitEndedError WriteInQueryError"
    ),
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF_NAME[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return __all__
