"""OpenAPI 3.1 composed from the compiled routes, and Swagger UI that needs no network."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._api import ApiResponse as ApiResponse, api as api
    from ._config import OpenApiConfig as OpenApiConfig
    from ._module import OpenApiModule as OpenApiModule
    from .errors import DescriptionError as DescriptionError, OpenapiError as OpenapiError

__all__ = [
    "ApiResponse", "DescriptionError", "OpenApiConfig", "OpenApiModule", "OpenapiError", "api",
]

_NAMES_OF_MODULES = {
    "_api": "ApiResponse api",
    "_config": "OpenApiConfig",
    "_module": "OpenApiModule",
    "errors": "DescriptionError OpenapiError",
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
