"""Rules that stand in casbin policies: loaded once, checked, and compiled into abilities like those in code."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from nestpy_core import on_module_init

from ._casbin_model import ModelShape, read_model
from ._factory import AbilityFactory
from ._policy_line import PolicyLine
from .errors import PolicyStoreError, RuleError

if TYPE_CHECKING:
    from ._rules import Declare

__all__ = ("CasbinPolicies",)

Names = Callable[[Any], Iterable[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Loaded:
    """One version of the policies; replaced as a whole."""

    version: int
    lines: dict[str, list[PolicyLine]]  # by subject
    parents: dict[tuple[str, str], list[str]]  # the roles that a user or a role has, by domain and name
    roles: frozenset[str]


class CasbinPolicies(AbilityFactory):
    """Gives the rules of casbin policies: RBAC with domains and role hierarchies. casbin's ``enforce`` is never called.

    The model's matcher must compare subject, domain, object and action and nothing else, and its effect must deny by
    default: what it says further could not become a query. A policy has the fields ``sub, obj, act`` and of ``dom, eft,
    fields, where`` those that the model names. ``manage`` and ``all`` are the wildcards of actions and objects.

    Args:
        model: the text of a model, or the path of a file with it.
        policy: the text of policies, the path of a file, or an adapter of casbin, async or not.
        subjects: the entities that policies may name, by the names of their classes; other objects are mere names.
        domain: returns an actor's domain; needed where the model has one.
        names: returns the names that policies may have for an actor; by default its ``id`` and its ``roles``.
        timeout: seconds that loading may take.

    Raises:
        RuleError: the model says what no query could carry.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        policy: Any,  # text, path or an adapter, sync or async
        *,
        subjects: Collection[type] = (),
        domain: Callable[[Any], str | None] | None = None,
        names: Names | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._shape: ModelShape = read_model(model)
        self._policy = policy
        self._subjects = _by_name(subjects)
        self._names = names or _names
        self._timeout = timeout
        self._loaded: _Loaded | None = None
        self._loading = asyncio.Lock()
        if self._shape.domains and domain is None:
            raise RuleError(
                "The model has domains, and nothing tells an actor's.\nHint: give `CasbinPolicies` a `domain=`"
            )
        self._domain = domain

    @on_module_init
    async def load(self) -> None:
        """Load the policies when the app starts."""
        await self.reload()

    async def reload(self) -> None:
        """Load the policies anew; all of them count from the next question on, or none.

        Raises:
            PolicyStoreError: they cannot be loaded, take too long or make no sense. Those from before stay in force.
        """
        async with self._loading:
            try:
                async with asyncio.timeout(self._timeout):
                    model = await self._read()
                version = self._loaded.version + 1 if self._loaded else 1
                self._loaded = self._checked(model, version)
            except Exception as error:
                kept = f"; version {self._loaded.version} stays in force" if self._loaded else ""
                raise PolicyStoreError(
                    f"The policies cannot be loaded{kept}: {str(error) or type(error).__name__}"
                ) from error

    async def _read(self) -> Any:
        model, adapter = self._shape.new_model(), _adapter(self._policy)
        if inspect.iscoroutinefunction(adapter.load_policy):
            await adapter.load_policy(model)
        else:
            await anyio.to_thread.run_sync(adapter.load_policy, model, abandon_on_cancel=True)
        return model

    def _checked(self, model: Any, version: int) -> _Loaded:
        lines: dict[str, list[PolicyLine]] = {}
        for values in model["p"]["p"].policy:
            line = PolicyLine.of(values, self._shape.fields, self._subjects)
            lines.setdefault(line.sub, []).append(line)
        parents: dict[tuple[str, str], list[str]] = {}
        grouping = model["g"]["g"].policy if self._shape.hierarchy else ()
        for values in grouping:
            if len(values) != (3 if self._shape.grouped_by_domain else 2) or not all(values):
                raise RuleError(f"The role line `g, {', '.join(values)}` does not have the parts of the model")
            parents.setdefault((values[2] if self._shape.grouped_by_domain else "", values[0]), []).append(values[1])
        return _Loaded(version, lines, parents, frozenset(values[1] for values in grouping))

    # -- as a factory of abilities

    def version(self) -> Hashable:
        """Return the number of the load that counts."""
        return self._loaded.version if self._loaded else 0

    def define(self, actor: Any, can: Declare, cannot: Declare) -> None:
        """Write the rules of every name that *actor* has, roles of roles included."""
        loaded = self._loaded
        if loaded is None:
            raise RuleError("the policies are not loaded")
        domain = self._domain(actor) if self._domain else ""
        if self._shape.domains and not (isinstance(domain, str) and domain):
            return
        for name in _closure(self._known(actor, loaded), domain or "", loaded, self._shape):
            for line in loaded.lines.get(name, ()):
                if not self._shape.domains or line.dom == domain:
                    line.write(actor, can, cannot)

    def _known(self, actor: Any, loaded: _Loaded) -> list[str]:
        names = [name for name in self._names(actor) if isinstance(name, str) and name]
        if self._names is _names and str(actor.id) in loaded.roles and actor.id not in actor.roles:
            raise RuleError(
                f"an actor is called `{actor.id}` like a role, which policies cannot tell apart.\n"
                f'Hint: give `CasbinPolicies` `names=lambda actor: [f"user:{{actor.id}}", *actor.roles]`'
            )
        return names


def _names(actor: Any) -> list[str]:
    return [str(actor.id), *actor.roles]


def _by_name(subjects: Collection[type]) -> dict[str, type]:
    found: dict[str, type] = {}
    for cls in subjects:
        if found.setdefault(cls.__name__, cls) is not cls:
            raise RuleError(f"Two subjects are called `{cls.__name__}`, so policies could not tell them apart")
    return found


def _closure(names: Sequence[str], domain: str, loaded: _Loaded, shape: ModelShape) -> list[str]:
    """Return *names* and every role above them, each once; roles may have each other in a loop."""
    found = dict.fromkeys(names)
    queue = list(found)
    where = domain if shape.grouped_by_domain else ""
    while queue:
        for role in loaded.parents.get((where, queue.pop()), ()):
            if role not in found:
                found[role] = None
                queue.append(role)
    return list(found)


def _adapter(policy: Any) -> Any:
    if hasattr(policy, "load_policy"):
        return policy
    from casbin.persist.adapters import FileAdapter, StringAdapter

    if isinstance(policy, os.PathLike) or (isinstance(policy, str) and "\n" not in policy and "," not in policy):
        path = os.fspath(policy)
        if not Path(path).is_file():
            raise RuleError(f"there is no file `{path}`")
        return FileAdapter(path)
    with contextlib.suppress(AttributeError):
        return StringAdapter("\n".join(line.strip() for line in policy.splitlines()))
    raise RuleError(f"`CasbinPolicies` takes text, a path or an adapter, not {policy!r}")
