"""Code-first GraphQL resolvers on graphql-core, composed from the graph."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._client import GraphqlResult as GraphqlResult, GraphqlTestClient as GraphqlTestClient
    from ._config import GraphqlConfig as GraphqlConfig
    from ._limits import Limits as Limits
    from ._loaders import Loader as Loader
    from ._markers import (
        dataloader as dataloader, field as field, interface as interface, mutation as mutation, query as query,
        reference as reference, resolver as resolver, subscription as subscription,
    )
    from ._module import GraphqlModule as GraphqlModule
    from ._request import GraphqlContext as GraphqlContext, GraphqlRequest as GraphqlRequest
    from ._scalars import ID as ID, Scalar as Scalar
    from ._type_options import type_options as type_options
    from .errors import GraphqlError as GraphqlError, TypeMappingError as TypeMappingError

__all__ = [
    "GraphqlConfig", "GraphqlContext", "GraphqlError", "GraphqlModule", "GraphqlRequest", "GraphqlResult",
    "GraphqlTestClient", "ID", "Limits", "Loader", "Scalar", "TypeMappingError", "dataloader", "field", "interface",
    "mutation", "query", "reference", "resolver", "subscription", "type_options",
]

_NAMES_OF_MODULES = {
    "_client": "GraphqlResult GraphqlTestClient",
    "_config": "GraphqlConfig",
    "_limits": "Limits",
    "_loaders": "Loader",
    "_markers": "dataloader field interface mutation query reference resolver subscription",
    "_module": "GraphqlModule",
    "_request": "GraphqlContext GraphqlRequest",
    "_scalars": "ID Scalar",
    "_type_options": "type_options",
    "errors": "GraphqlError TypeMappingError",
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
