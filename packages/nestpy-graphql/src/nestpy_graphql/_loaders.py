"""Loads by key, many keys at once: what keeps a field of N parents at one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from nestpy_core import Binding, Graph, Record, Scope, name_of

from ._markers import is_dataloader
from ._shapes import metadata_of, without_metadata
from .errors import TypeMappingError

__all__ = ("Loader",)

K = TypeVar("K")
V = TypeVar("V")


class Loader(Generic[K, V]):
    """Loads values by key, for one operation: keys of one turn of the event loop together, each once.

    A resolver takes it by type, ``users: Loader[UUID, User]``, and gets the one that a `@dataloader` method of those
    types makes; where several do, ``Annotated[Loader[UUID, User], UserService.by_id]`` says which. In a unit test
    ``Loader(load)`` makes one of any function.

    Args:
        load: takes a list of distinct keys and returns a mapping, async or at once; what is absent from it is None.
    """

    __slots__ = ("_asked", "_known", "_load", "_tasks", "_waiting")

    def __init__(self, load: Callable[[list[K]], Awaitable[Mapping[K, V]] | Mapping[K, V]]) -> None:
        self._load = load
        self._known: dict[K, V | None] = {}
        self._asked: list[K] = []  # in this turn of the loop
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}  # for what is asked or being loaded
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, key: K) -> asyncio.Future[V | None]:
        """Return, once awaited, the value of *key*, or None; what loading raises, every caller gets."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V | None] = loop.create_future()
        if key in self._known:
            future.set_result(self._known[key])
            return future
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            if not self._asked:
                loop.call_soon(self._dispatch)
            self._asked.append(key)
        waiting.append(future)
        return future

    async def load_many(self, keys: Iterable[K]) -> list[V | None]:
        """Return the values of *keys*, in their order."""
        return list(await asyncio.gather(*map(self.load, keys)))

    def prime(self, key: K, value: V | None) -> None:
        """Tell a value that is known already; one that was loaded or told before stays."""
        self._known.setdefault(key, value)

    def clear(self, key: K) -> None:
        """Forget a value: it is loaded anew when it is asked for again."""
        self._known.pop(key, None)

    def cancel(self) -> None:
        """End what is being loaded: nobody waits for it any more."""
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Return when nothing is being loaded any more."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _dispatch(self) -> None:
        keys, self._asked = self._asked, []
        task = asyncio.get_running_loop().create_task(self._run(keys))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, keys: list[K]) -> None:
        try:
            found = self._load(list(keys))
            if isawaitable(found):
                found = await found
            if not isinstance(found, Mapping):
                raise TypeError(f"A dataloader returns a mapping of keys to values, not a {type(found).__name__}")
        except BaseException as error:  # every caller gets it
            failure = error if isinstance(error, Exception) else asyncio.CancelledError()
            for future in (one for key in keys for one in self._waiting.pop(key) if not one.done()):
                future.set_exception(failure)
                future.exception()  # a caller that was cancelled meanwhile asks no more
            if not isinstance(error, Exception):
                raise
            return
        for key in keys:
            value = self._known[key] = found.get(key)
            for future in self._waiting.pop(key):
                if not future.done():
                    future.set_result(value)


class LoaderSource(Record, frozen=True, eq=False):
    """One `@dataloader` method of the graph.

    Attributes:
        binding: whose method it is.
        name: the method's.
        function: the function itself, which an annotation may name.
        kinds: the types of key and value.
    """

    binding: Binding
    name: str
    function: Any
    kinds: tuple[Any, Any]


class Loaders:
    """The dataloaders of one app."""

    def __init__(self, graph: Graph) -> None:
        self._sources = [
            source
            for binding in graph.bindings
            if binding.kind == "class" and isinstance(binding.source, type)
            for source in _sources_of(binding)
        ]

    def find(self, hint: Any, label: str) -> LoaderSource:  # a parameter's annotation
        """Return the method that a parameter's loader is made of.

        Raises:
            TypeMappingError: none, or several, or one of a transient provider.
        """
        kinds = get_args(without_metadata(hint))
        named = metadata_of(hint)
        fitting = [one for one in self._sources if one.function in named or (not named and one.kinds == kinds)]
        wanted = name_of(without_metadata(hint))
        if not fitting:
            raise TypeMappingError(
                f"`{label}` is `{wanted}`, and no `@dataloader` of the app loads that.",
                "decorate a service's method `(self, keys: list[Key]) -> dict[Key, Value]` with `@dataloader`",
            )
        if len(fitting) > 1:
            listed = " and ".join(f"`{one.binding.label}.{one.name}`" for one in fitting)
            first = fitting[0]
            raise TypeMappingError(
                f"`{label}` is `{wanted}`, which {listed} load.",
                f"say which: `Annotated[{wanted}, {first.binding.label}.{first.name}]`",
            )
        if fitting[0].binding.settled.scope is Scope.TRANSIENT:
            raise TypeMappingError(
                f"`{label}` loads with `{fitting[0].binding.label}`, which is transient: each field has its own.",
                "make the service a singleton, or request-scoped; one loader serves the whole operation",
            )
        return fitting[0]


def is_loader(hint: Any) -> bool:  # any annotation
    """Say whether an annotation asks for a loader."""
    bare = without_metadata(hint)
    return (get_origin(bare) or bare) is Loader


def _sources_of(binding: Binding) -> list[LoaderSource]:
    found = []
    for name in dir(binding.source):
        function = getattr(binding.source, name, None)
        if callable(function) and is_dataloader(function):
            found.append(LoaderSource(binding, name, function, _kinds_of(function, f"{binding.label}.{name}")))
    return found


def _kinds_of(function: Any, label: str) -> tuple[Any, Any]:
    hints = get_type_hints(function, include_extras=True)
    returns = get_args(hints.pop("return", None))
    keys = [get_args(hint) for hint in hints.values()]
    if len(keys) != 1 or len(keys[0]) != 1 or len(returns) != 2 or keys[0][0] != returns[0]:  # key and value
        raise TypeMappingError(
            f"`{label}` is decorated with `@dataloader` and takes or returns something else.",
            "write `(self, keys: list[Key]) -> dict[Key, Value]`",
        )
    return returns[0], returns[1]
