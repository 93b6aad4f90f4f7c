"""The settings of the document and of its page."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nestpy_core import config, setting

__all__ = ("OpenApiConfig",)


@config("openapi")
class OpenApiConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the document says about the app, and where it and its page are served.

    Attributes:
        title: of the app; by default the root module's name without ``Module``.
        version: of the API, not of OpenAPI.
        description: in CommonMark.
        info: more members of ``info``: ``contact``, ``license``, ``termsOfService``.
        servers: where the app answers, as URLs; by default where the document came from.
        security_schemes: security schemes by name, as OpenAPI writes them; guards name them.
        default_security: the scheme of a guard that authenticates or authorizes and names none; empty for none.
        path: where the document is served; empty for nowhere.
        ui_path: where the page is served.
        ui: whether the page is served; by default only in development.
        public: whether document and page are exempt from guards that authenticate or authorize.
    """

    title: str = ""
    version: str = "0.1.0"
    description: str = ""
    info: dict[str, Any] = {}
    servers: tuple[str, ...] = ()
    security_schemes: dict[str, dict[str, Any]] = {}
    default_security: str = "bearerAuth"
    path: Annotated[str, setting(shape=True)] = "/api-json"
    ui_path: Annotated[str, setting(shape=True)] = "/api"
    ui: Annotated[bool | None, setting(shape=True)] = None
    public: Annotated[bool, setting(shape=True)] = True
