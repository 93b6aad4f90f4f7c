"""Controllers, routing, validation and problem details over RSGI and ASGI."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._answer import Response as Response
    from ._client import ClientResponse as ClientResponse, ClientStream as ClientStream, HttpClient as HttpClient
    from ._config import HttpConfig as HttpConfig
    from ._context import HttpContext as HttpContext, Request as Request
    from ._controllers import (
        controller as controller, delete as delete, get as get, head as head, header as header, http_code as http_code,
        options as options, patch as patch, post as post, put as put,
    )
    from ._headers import Headers as Headers
    from ._module import HttpModule as HttpModule
    from ._parameters import (
        Body as Body, Cookie as Cookie, Header as Header, Path as Path, Query as Query, param as param,
    )
    from .errors import (
        BadRequest as BadRequest, Conflict as Conflict, Forbidden as Forbidden, Gone as Gone, HttpError as HttpError,
        InternalServerError as InternalServerError, InvalidInput as InvalidInput, MethodNotAllowed as MethodNotAllowed,
        NotAcceptable as NotAcceptable, NotFound as NotFound, NotImplemented_ as NotImplemented_,
        PayloadTooLarge as PayloadTooLarge, RequestTimeout as RequestTimeout, ResponseError as ResponseError,
        RouteError as RouteError, ServiceUnavailable as ServiceUnavailable, TooManyRequests as TooManyRequests,
        Unauthorized as Unauthorized, UnprocessableEntity as UnprocessableEntity,
        UnsupportedMediaType as UnsupportedMediaType,
    )

__all__ = [
    "BadRequest", "Body", "ClientResponse", "ClientStream", "Conflict", "Cookie", "Forbidden", "Gone", "Header",
    "Headers", "HttpClient", "HttpConfig", "HttpContext", "HttpError", "HttpModule", "InternalServerError",
    "InvalidInput", "MethodNotAllowed", "NotAcceptable", "NotFound", "NotImplemented_", "Path", "PayloadTooLarge",
    "Query", "Request", "RequestTimeout", "Response", "ResponseError", "RouteError", "ServiceUnavailable",
    "TooManyRequests", "Unauthorized", "UnprocessableEntity", "UnsupportedMediaType", "controller", "delete", "get",
    "head", "header", "http_code", "options", "param", "patch", "post", "put",
]

_NAMES_OF_MODULES = {
    "_answer": "Response",
    "_client": "ClientResponse ClientStream HttpClient",
    "_config": "HttpConfig",
    "_context": "HttpContext Request",
    "_controllers": "controller delete get head header http_code options patch post put",
    "_headers": "Headers",
    "_module": "HttpModule",
    "_parameters": "Body Cookie Header Path Query param",
    "errors": (
        "BadRequest Conflict Forbidden Gone HttpError InternalServerError InvalidInput MethodNotAllowed NotAcceptable "
        "NotFound NotImplemented_ PayloadTooLarge RequestTimeout ResponseError RouteError ServiceUnavailable "
        "TooManyRequests Unauthorized UnprocessableEntity UnsupportedMediaType"
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
