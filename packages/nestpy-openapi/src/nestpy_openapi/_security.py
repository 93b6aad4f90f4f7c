"""What the guards of a route tell its callers: which security schemes they want, and how they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nestpy_core import DenialKind, Graph, Handler, LayerUse

from ._config import OpenApiConfig
from ._raises import errors_raised, names_used, statuses_raised
from .errors import DescriptionError

WELL_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "basicAuth": {"type": "http", "scheme": "basic"},
    "bearerAuth": {"type": "http", "scheme": "bearer"},
}
STATUSES = {
    DenialKind.UNAUTHORIZED: 401,
    DenialKind.FORBIDDEN: 403,
    DenialKind.INSUFFICIENT_SCOPE: 403,
    DenialKind.RATE_LIMITED: 429,
}
_RATE_LIMITED = frozenset({"rate_limited", "RATE_LIMITED"})


class Security:
    """Reads the guards of one app.

    Attributes:
        schemes: the security schemes that the settings declare, and the well-known ones.
    """

    def __init__(self, config: OpenApiConfig) -> None:
        self.schemes = {**WELL_KNOWN, **config.security_schemes}
        self._default = config.default_security

    def required(self, handler: Handler) -> tuple[str, ...]:
        """Return the schemes that a route wants, all of them at once, sorted; none where everybody may call it."""
        guards = handler.layers.get("guards", ())
        named = {name for use in guards for name in declared(use)}
        if not named and self._default and any(use.posture and not _names_none(use) for use in guards):
            named.add(self._default)
        return tuple(sorted(named))

    def problems(self, graph: Graph) -> Iterator[DescriptionError]:
        """Yield a problem for each scheme that a guard names and nothing declares."""
        seen = set()
        if self._default and self._default not in self.schemes:
            yield _undeclared("`default_security`", self._default)
        for handler in graph.handlers:
            for use in handler.layers.get("guards", ()):
                for name in declared(use):
                    if name not in self.schemes and (use.layer, name) not in seen:
                        seen.add((use.layer, name))
                        yield _undeclared(f"`{use.layer.__name__}`", name)


def declared(use: LayerUse) -> tuple[str, ...]:
    """Return the schemes that a guard names in ``security_scheme``: one name, several, or None for none."""
    found: str | Iterable[str] | None = getattr(use.instance or use.layer, "security_scheme", None)
    return (found,) if isinstance(found, str) else tuple(found or ())


def _names_none(use: LayerUse) -> bool:
    guard = use.instance or use.layer
    return getattr(guard, "security_scheme", "unsaid") in (None, ())


def refusals(handler: Handler) -> set[int]:
    """Return the statuses that the guards of a route refuse with.

    A guard's ``denials``, the kinds of its `Denial`, say so exactly. Without them one with a posture refuses with 401
    and 403, any other with 403, and both with 429 where their code names that kind.
    """
    return {status for use in handler.layers.get("guards", ()) for status in _refusals(use)}


def _refusals(use: LayerUse) -> Iterator[int]:
    guard: Any = use.instance or use.layer
    function = guard.can_activate
    yield from statuses_raised(errors_raised(function), 400)
    kinds: Iterable[DenialKind] | None = getattr(guard, "denials", None)
    if kinds is not None:
        yield from (STATUSES[kind] for kind in kinds)
        return
    yield 403
    if use.posture:
        yield 401
    if names_used(function) & _RATE_LIMITED:
        yield 429


def _undeclared(owner: str, name: str) -> DescriptionError:
    return DescriptionError(
        f"{owner} names the security scheme `{name}`, which nothing declares.",
        hints=(f'write `OpenApiModule.for_root(security_schemes={{"{name}": {{"type": …}}}})`',),
    )
