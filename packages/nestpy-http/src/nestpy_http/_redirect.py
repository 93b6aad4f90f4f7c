"""Redirects that lead nowhere but to the app itself and to the hosts that its settings list."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote, urlsplit

from ._answer import Response
from ._bare import refuse_bare
from .errors import BadRequestError

__all__ = ("redirect",)

_REFUSED = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
STATUSES = frozenset({301, 302, 303, 307, 308})


def redirect(url: str, status: int = 307) -> Response:
    """Answer with a redirect, as a result or as a decorator: ``@redirect("/new", 308)``.

    A decorated handler that returns None is answered with the redirect; any other result is answered itself.

    Args:
        url: a path that begins with one ``/``, or an ``http(s)`` URL of a host in ``redirect_hosts``. A URL of this
            very app is written as a path: what the ``Host`` header claims is no evidence.
        status: 301, 302, 303, 307 or 308.

    Raises:
        BadRequestError: *url* leads elsewhere, or holds a backslash, a space or a control character. A host that
            the settings do not list is found when the answer is written; that is a 400 too.
    """
    refuse_bare(url, '@redirect("/elsewhere")')
    if status not in STATUSES:
        raise ValueError(f"A redirect's status is 301, 302, 303, 307 or 308, not {status}")
    host = host_of(url)
    response = Response(status=status, headers=[("location", quote(url, safe="/:?#[]@!$&'()*+,;=%-._~"))])
    response._host = host  # noqa: SLF001  # checked where the settings are known
    return response


def host_of(url: str) -> str | None:
    """Return the host that *url* names, None for a path of this app.

    Raises:
        BadRequestError: it is neither.
    """
    if _REFUSED.search(url):
        raise _refused()
    if url.startswith("/"):
        if url.startswith("//"):
            raise _refused()
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
        port = parts.port
    except ValueError:
        raise _refused() from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise _refused()
    if not url[len(parts.scheme) :].startswith("://"):
        raise _refused()
    return host if port is None else f"{host}:{port}"


def _refused() -> BadRequestError:
    return BadRequestError("The target of the redirect is not acceptable")


def check_host(host: str, allowed: Collection[str]) -> None:
    """Refuse a host that the settings do not list.

    Raises:
        BadRequestError: it is none of *allowed*.
    """
    if host not in allowed:
        raise _refused()
