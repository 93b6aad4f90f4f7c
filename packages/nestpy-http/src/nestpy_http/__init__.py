"""Controllers, routing, validation and problem details over RSGI and ASGI."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._answer import Response as Response
    from ._client import ClientResponse as ClientResponse, ClientStream as ClientStream, HttpClient as HttpClient
    from ._client_address import ClientIp as ClientIp
    from ._compression import compress as compress
    from ._config import HttpConfig as HttpConfig
    from ._context import HttpContext as HttpContext, Request as Request
    from ._controllers import (
        controller as controller, delete as delete, get as get, head as head, header as header, http_code as http_code,
        options as options, patch as patch, post as post, put as put, route as route, sse as sse, timeout as timeout,
        version as version, websocket as websocket,
    )
    from ._etag import etag as etag
    from ._events import ServerEvent as ServerEvent
    from ._file_response import FileResponse as FileResponse
    from ._headers import Headers as Headers
    from ._intake import body_limit as body_limit, consumes as consumes
    from ._module import HttpModule as HttpModule
    from ._multipart import MultipartForm as MultipartForm
    from ._negotiation import produces as produces
    from ._parameters import (
        Body as Body, Cookie as Cookie, File as File, Form as Form, Header as Header, Path as Path, Query as Query,
        SignedCookie as SignedCookie, param as param,
    )
    from ._redirect import redirect as redirect
    from ._served import (
        RouteInput as RouteInput, ServedRoute as ServedRoute, served_routes as served_routes,
        served_versions as served_versions,
    )
    from ._signed_cookies import SignedCookies as SignedCookies
    from ._socket_client import ClientSocket as ClientSocket
    from ._stream_response import StreamResponse as StreamResponse
    from ._upload import Upload as Upload
    from ._websocket import WebSocket as WebSocket
    from .errors import (
        BadRequestError as BadRequestError, ConflictError as ConflictError, ForbiddenError as ForbiddenError,
        GoneError as GoneError, HandshakeError as HandshakeError, HttpError as HttpError,
        InternalServerError as InternalServerError, InvalidInputError as InvalidInputError,
        MethodNotAllowedError as MethodNotAllowedError, NotAcceptableError as NotAcceptableError,
        NotFoundError as NotFoundError, PayloadTooLargeError as PayloadTooLargeError,
        PreconditionFailedError as PreconditionFailedError, RequestTimeoutError as RequestTimeoutError,
        ResponseError as ResponseError, RouteError as RouteError, ServiceUnavailableError as ServiceUnavailableError,
        SocketClosedError as SocketClosedError, TooManyRequestsError as TooManyRequestsError,
        UnauthorizedError as UnauthorizedError, UnprocessableEntityError as UnprocessableEntityError,
        UnsupportedMediaTypeError as UnsupportedMediaTypeError,
    )

__all__ = [
    "BadRequestError", "Body", "ClientIp", "ClientResponse", "ClientSocket", "ClientStream", "ConflictError", "Cookie",
    "File", "FileResponse", "ForbiddenError", "Form", "GoneError", "HandshakeError", "Header", "Headers", "HttpClient",
    "HttpConfig", "HttpContext", "HttpError", "HttpModule", "InternalServerError", "InvalidInputError",
    "MethodNotAllowedError", "MultipartForm", "NotAcceptableError", "NotFoundError", "Path", "PayloadTooLargeError",
    "PreconditionFailedError", "Query", "Request", "RequestTimeoutError", "Response", "ResponseError", "RouteError",
    "RouteInput", "ServedRoute", "ServerEvent", "ServiceUnavailableError", "SignedCookie", "SignedCookies",
    "SocketClosedError", "StreamResponse", "TooManyRequestsError", "UnauthorizedError", "UnprocessableEntityError",
    "UnsupportedMediaTypeError", "Upload", "WebSocket", "body_limit", "compress", "consumes", "controller", "delete",
    "etag", "get", "head", "header", "http_code", "options", "param", "patch", "post", "produces", "put", "redirect",
    "route", "served_routes", "served_versions", "sse", "timeout", "version", "websocket",
]

_NAMES_OF_MODULES = {
    "_answer": "Response",
    "_client": "ClientResponse ClientStream HttpClient",
    "_client_address": "ClientIp",
    "_compression": "compress",
    "_config": "HttpConfig",
    "_context": "HttpContext Request",
    "_controllers": (
        "controller delete get head header http_code options patch post put route sse timeout version websocket"
    ),
    "_etag": "etag",
    "_events": "ServerEvent",
    "_file_response": "FileResponse",
    "_headers": "Headers",
    "_intake": "body_limit consumes",
    "_module": "HttpModule",
    "_multipart": "MultipartForm",
    "_negotiation": "produces",
    "_parameters": "Body Cookie File Form Header Path Query SignedCookie param",
    "_redirect": "redirect",
    "_served": "RouteInput ServedRoute served_routes served_versions",
    "_signed_cookies": "SignedCookies",
    "_socket_client": "ClientSocket",
    "_stream_response": "StreamResponse",
    "_upload": "Upload",
    "_websocket": "WebSocket",
    "errors": (
        "BadRequestError ConflictError ForbiddenError GoneError HandshakeError HttpError InternalServerError "
        "InvalidInputError MethodNotAllowedError NotAcceptableError NotFoundError PayloadTooLargeError "
        "PreconditionFailedError RequestTimeoutError ResponseError RouteError ServiceUnavailableError "
        "SocketClosedError TooManyRequestsError UnauthorizedError UnprocessableEntityError UnsupportedMediaTypeError"
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
