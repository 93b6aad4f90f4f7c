"""Replaces providers of the app under test, in the words of `provide`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nestpy_core import Provider, Scope, provide

if TYPE_CHECKING:
    from ._app import TestApp

__all__ = ("Override",)


class Override:
    """What `TestApp.override_provider` returns: say what stands in for the token.

    Each method returns the `TestApp`, so that overrides chain.
    """

    def __init__(self, app: TestApp, token: Any) -> None:  # a class, a generic alias or a Token
        self._app = app
        self._token = token

    def use_value(self, value: object) -> TestApp:
        """Give every consumer this object."""
        return self._with(provide(self._token, use_value=value))

    def use_class(self, cls: type, *, scope: Scope | None = None) -> TestApp:
        """Construct this class, injecting what it declares."""
        return self._with(provide(self._token, use_class=cls, scope=scope))

    def use_factory(self, factory: Callable[..., Any], *, scope: Scope | None = None) -> TestApp:
        """Call this function, sync or async, generator or context manager, injecting its parameters."""
        return self._with(provide(self._token, use_factory=factory, scope=scope))

    def use_existing(self, token: Any) -> TestApp:  # as above
        """Share the instance of another token."""
        return self._with(provide(self._token, use_existing=token))

    def _with(self, provider: Provider) -> TestApp:
        self._app.overrides[self._token] = provider
        return self._app
