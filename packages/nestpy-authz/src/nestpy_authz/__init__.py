"""One ability from code and casbin policies: gate, query filter and response mask."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._abilities import Abilities as Abilities, as_system as as_system
    from ._ability import CompiledAbility as CompiledAbility
    from ._authorize import AuthorizeGuard as AuthorizeGuard, authorize as authorize
    from ._casbin import CasbinPolicies as CasbinPolicies
    from ._conditions import (
        Operator as Operator, Related as Related, all_of as all_of, any_of as any_of, gt as gt, gte as gte,
        is_in as is_in, is_not_null as is_not_null, is_null as is_null, lt as lt, lte as lte, ne as ne, not_ as not_,
        related as related, where as where,
    )
    from ._factory import AbilityFactory as AbilityFactory
    from ._module import AuthzModule as AuthzModule
    from ._rules import ALL as ALL, Declare as Declare, MANAGE as MANAGE, Predicate as Predicate, predicate as predicate
    from .errors import (
        AuthorizationError as AuthorizationError, AuthzError as AuthzError, PolicyStoreError as PolicyStoreError,
        PredicateError as PredicateError, RuleError as RuleError,
    )

__all__ = [
    "ALL", "Abilities", "AbilityFactory", "AuthorizationError", "AuthorizeGuard", "AuthzError", "AuthzModule",
    "CasbinPolicies", "CompiledAbility", "Declare", "MANAGE", "Operator", "PolicyStoreError", "Predicate",
    "PredicateError", "Related", "RuleError", "all_of", "any_of", "as_system", "authorize", "gt", "gte", "is_in",
    "is_not_null", "is_null", "lt", "lte", "ne", "not_", "predicate", "related", "where",
]

_NAMES_OF_MODULES = {
    "_abilities": "Abilities as_system",
    "_ability": "CompiledAbility",
    "_authorize": "AuthorizeGuard authorize",
    "_casbin": "CasbinPolicies",
    "_conditions": "Operator Related all_of any_of gt gte is_in is_not_null is_null lt lte ne not_ related where",
    "_factory": "AbilityFactory",
    "_module": "AuthzModule",
    "_rules": "ALL Declare MANAGE Predicate predicate",
    "errors": "AuthorizationError AuthzError PolicyStoreError PredicateError RuleError",
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
