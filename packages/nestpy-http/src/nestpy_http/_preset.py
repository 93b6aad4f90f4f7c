"""How the errors of an app look: the contract of a preset, and the default one, problem documents (RFC 9457)."""

from __future__ import annotations

from typing import Any, Protocol

from .errors import HttpError

PROBLEM = "application/problem+json"

_TITLES = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
_TYPED = frozenset({400, 401, 403, 404, 409, 422, 500})


class Preset(Protocol):
    """Makes the bodies of errors; one is chosen at boot by the setting ``http.errors``.

    Attributes:
        media_type: of every error's body.
        forbidden: what a guard's refusal says that has no sentence of its own.
    """

    media_type: str
    forbidden: str

    def document(self, error: HttpError) -> dict[str, Any]:
        """Return the body of an error, in the order of its members."""
        ...

    def unmatched(self, scope: Any) -> HttpError | None:
        """Return the error of a request that no route takes; None leaves it to the router: 404, 405, 501, ``Allow``."""
        ...


class StandardPreset:
    """Problem documents (RFC 9457)."""

    media_type = PROBLEM
    forbidden = ""

    def document(self, error: HttpError) -> dict[str, Any]:
        """Return type, title, status, what the error says and its extensions."""
        status = error.status
        document: dict[str, Any] = {
            "type": f"https://www.rfc-editor.org/rfc/rfc9110#status.{status}" if status in _TYPED else "about:blank",
            "title": title_of(status),
            "status": status,
        }
        if error.detail:
            document["detail"] = error.detail
        document.update(error.extensions)
        return document

    def unmatched(self, scope: Any) -> None:
        """Leave it to the router."""


def title_of(status: int) -> str:
    """Return the reason phrase of RFC 9110, the same on every Python."""
    if status in _TITLES:
        return _TITLES[status]
    try:
        from http import HTTPStatus

        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
