"""Chooses between routes of one path by the version that a request names, and by its host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nestpy_core import Handler, read_metadata

from ._config import HttpConfig
from ._request_shape import host_name
from ._router import Route
from ._wrapping import Headers, WrappedProtocol
from .errors import BadRequestError, HttpError, NotFoundError

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_MALFORMED = BadRequestError("The version is malformed")
_UNKNOWN = NotFoundError()

Versions = tuple[str, ...]


def versions_of(host_versions: Versions, handler: Handler) -> tuple[Versions, Versions]:
    """Return the versions that a route serves, and those of its own that its controller does not declare."""
    own: Versions = read_metadata(handler.function, "http_versions", ())
    if not own:
        return host_versions, ()
    return own, tuple(version for version in own if host_versions and version not in host_versions)


class VersionReader:
    """Reads the version that a request names, in a header or in the ``v`` parameter of ``Accept``.

    Attributes:
        varies: the header that tells caches what answers depend on.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._default = config.default_version or None
        self._header = config.version_header.lower()
        self._of_accept = config.versioning == "media_type"
        self.varies = ("vary", "accept" if self._of_accept else self._header)

    def read(self, headers: Any) -> str | HttpError | None:
        """Return the version, the default where none is named, or a 400 where it is malformed or contradictory."""
        named = set(_accepted(headers) if self._of_accept else headers.get_all(self._header))
        if not named:
            return self._default
        version = named.pop()
        return _MALFORMED if named or not VERSION.fullmatch(version) else version


def _accepted(headers: Any) -> Iterator[str]:
    for value in headers.get_all("accept"):
        for option in value.replace(",", ";").split(";"):
            name, separator, version = option.partition("=")
            if separator and name.strip().lower() == "v":
                yield version.strip().strip('"')


class _VaryingProtocol(WrappedProtocol):
    """Tells caches that the answer depends on the header that names the version."""

    __slots__ = ("_varies",)

    def __init__(self, inner: Any, varies: tuple[str, str]) -> None:
        super().__init__(inner)
        self._varies = varies

    def headers(self, headers: Headers) -> Headers:
        return [*headers, self._varies]


class ByVersion:
    """A route that is one of several, by the request's version; one without a version answers every other."""

    def __init__(self, routes: Mapping[str | None, Route], reader: VersionReader, unmatched: Route) -> None:
        self._routes = routes
        self._reader = reader
        self._unmatched = unmatched
        self._neutral = routes.get(None)

    def __call__(self, scope: Any, protocol: Any, segments: Any) -> Any:
        version = self._reader.read(scope.headers)
        protocol = _VaryingProtocol(protocol, self._reader.varies)
        if isinstance(version, HttpError):
            return self._unmatched(scope, protocol, version)
        route = self._neutral if version is None else self._routes.get(version, self._neutral)
        if route is None:
            return self._unmatched(scope, protocol, _UNKNOWN)
        return route(scope, protocol, segments)


class ByHost:
    """A route that is one of several, by the request's host; one without a host answers every other."""

    def __init__(self, routes: Mapping[str | None, Route], unmatched: Route) -> None:
        self._exact = {host: route for host, route in routes.items() if host is not None and host[:2] != "*."}
        self._below = [(host[1:], route) for host, route in routes.items() if host is not None and host[:2] == "*."]
        self._below.sort(key=lambda pair: -len(pair[0]))
        self._neutral = routes.get(None)
        self._unmatched = unmatched

    def __call__(self, scope: Any, protocol: Any, segments: Any) -> Any:
        route = self._find(host_name(scope.headers.get("host") or scope.authority or "") or "")
        if route is None:
            return self._unmatched(scope, protocol, _UNKNOWN)
        return route(scope, protocol, segments)

    def _find(self, name: str) -> Route | None:
        exact = self._exact.get(name)
        if exact is not None:
            return exact
        return next((route for suffix, route in self._below if name.endswith(suffix)), self._neutral)


def choice(routes: Sequence[tuple[str | None, str | None, Route]], reader: VersionReader, unmatched: Route) -> Route:
    """Return one route for several ``(host, version, route)`` of one method and path; a plain one is itself."""
    by_host: dict[str | None, dict[str | None, Route]] = {}
    for host, version, route in routes:
        by_host.setdefault(host, {})[version] = route
    chosen: dict[str | None, Route] = {
        host: versions[None] if versions.keys() == {None} else ByVersion(versions, reader, unmatched)
        for host, versions in by_host.items()
    }
    return chosen[None] if chosen.keys() == {None} else ByHost(chosen, unmatched)


def listed(given: str | Iterable[str] | None) -> Versions:
    """Return what a decorator was given as a tuple of versions.

    Raises:
        ValueError: says which is no version.
    """
    versions = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    wrong = next((version for version in versions if not VERSION.fullmatch(version)), None)
    if wrong is not None:
        raise ValueError(wrong)
    return versions
