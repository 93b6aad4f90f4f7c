"""The module that brings authorization into an app."""

from __future__ import annotations

from nestpy_core import DynamicModule, dynamic, module, provide
from nestpy_core.contracts import AbilitySource

from ._abilities import KEPT, Abilities
from ._authorize import AuthorizeGuard
from ._factory import AbilityFactory
from ._mask import Mask
from ._visit import Visit
from .errors import RuleError

__all__ = ("AuthzModule",)


@module(
    providers=[
        Abilities,
        AuthorizeGuard,
        Mask,
        Visit,
        provide(AbilitySource, use_existing=Abilities),
        provide(AbilityFactory, use_value=AbilityFactory(), multi=True),
        provide(KEPT, use_value=1024, default=True),
    ],
    shared=True,
)
class AuthzModule:
    """Decides who may do what; import it once, in the root module.

    From then on storage reads and writes only what the ability of whoever acts allows, and results show no more.
    """

    @classmethod
    def for_root(cls, *factories: type[AbilityFactory] | AbilityFactory, kept: int | None = None) -> DynamicModule:
        """Take rules from *factories*.

        Args:
            factories: subclasses of `AbilityFactory`, which are injected, and instances such as `CasbinPolicies`.
            kept: how many abilities are remembered, by default 1,024.

        Raises:
            RuleError: something else than a factory, or one that writes no rules.
        """
        providers = [_provider(factory) for factory in factories]
        if kept is not None:
            providers.append(provide(KEPT, use_value=kept))
        return dynamic(cls, providers=providers)


def _provider(factory: object) -> object:
    if isinstance(factory, type) and issubclass(factory, AbilityFactory):
        if all(getattr(factory, name) is getattr(AbilityFactory, name) for name in ("define", "define_visitor")):
            raise RuleError(
                f"`{factory.__name__}` writes no rules, so nothing would be allowed.\n"
                "Hint: write `def define(self, actor, can, cannot):` in it"
            )
        return provide(AbilityFactory, use_class=factory, multi=True)
    if isinstance(factory, AbilityFactory):
        return provide(AbilityFactory, use_value=factory, multi=True)
    raise RuleError(f"`AuthzModule.for_root` takes subclasses of `AbilityFactory`, not {factory!r}")
