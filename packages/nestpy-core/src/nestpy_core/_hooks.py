"""The hook specifications: everything that a plugin can add, and nothing that is called per request."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import pluggy

from ._record import Record

if TYPE_CHECKING:
    import click

    from ._app import App
    from ._compile import Compiler
    from ._graph import Graph
    from ._handler import Handler, HandlerMarker
    from ._handler_code import Instrument
    from ._serve import Serving
    from ._supervisor import Shared
    from .contracts import SchemaSupport
    from .errors import Problem

__all__ = ("Carrier", "Edge", "EdgeEntry", "Hooks", "PooledTransport", "Transport", "hookimpl")

API = (0, 1)
"""The version of these hooks; a plugin module states the one it was written for as ``nestpy_api = "0.1"``."""

hookspec = pluggy.HookspecMarker("nestpy")
hookimpl = pluggy.HookimplMarker("nestpy")


class Carrier(Record, frozen=True):
    """A token whose value an edge gives anew for each call: its request, job or message.

    Request-scoped providers and handler parameters may inject it, on these edges alone. An edge whose calls come
    through another one's contributes that one's token with its own name: their edges are joined.
    """

    token: type
    edges: tuple[str, ...]


class Transport(Protocol):
    """What serves an edge while the app runs: a listener, a worker, a ticker."""

    @property
    def name(self) -> str:
        """What logs and errors call it."""
        ...

    async def serve(self, serving: Serving) -> None:
        """Serve until ``serving.stopping`` is set, then accept no more, finish what runs and return.

        Call ``serving.ready()`` once calls are accepted. The task is cancelled at the drain deadline, and whatever
        runs should then be, too. Whatever this raises ends the other transports too and is the process's result.

        Every instance exists by now, and every setting: what ``for_root_async`` gives stands in the graph's
        ``sections`` from here on. Instances that no handler has come from `Compiler.providers`.
        """
        ...


class PooledTransport(Transport, Protocol):
    """A transport that several processes serve together.

    With ``processes > 1`` each of them starts the whole app and serves this transport alone; the transports
    that are not pooled run together in one process more. All are replaced when they die.
    """

    @property
    def processes(self) -> int:
        """How many processes serve it; with one it is a transport like any other."""
        ...

    def share(self) -> Shared:
        """Open, in the parent, what the processes have in common: a listening socket."""
        ...

    def adopt(self, shared: Any) -> None:  # what `share` returned
        """Take it, in each process, before `serve`."""
        ...


def is_pooled(transport: Transport) -> TypeGuard[PooledTransport]:
    """Return whether *transport* wants processes of its own."""
    return getattr(transport, "processes", 1) > 1


class EdgeEntry(Record, frozen=True):
    """One thing that callers reach through an edge, as ``nestpy routes`` lists it.

    Attributes:
        what: how they reach it, for instance ``GET /users/{id}``.
        handler: what answers.
    """

    what: str
    handler: Handler


class Edge(Protocol):
    """A surface of the app: http, graphql, queue. `nestpy_edge` returns one for a graph that has work for it.

    An edge may have a method ``entries() -> Iterable[EdgeEntry]``, which ``nestpy routes`` calls; without it
    the command lists the edge's handlers by their decorators. One that serves the graph's endpoints says
    ``mounts_endpoints = True``, so that no other listener opens for them. One whose calls come from inside the
    process, so that no transport ends them, may have ``async finish()``: it is awaited at every end of the app, when
    all transports have ended and before the first shutdown hook, and cancelled when the time to finish is over. One
    that cannot do everything over RSGI may have ``under_rsgi()``: called when a foreign RSGI server starts the app,
    it logs what will not work there.

    Handlers are not a must: one that only sends, such as the relay of an outbox, has a transport or `finish` alone.
    """

    @property
    def name(self) -> str:
        """What its markers, carriers and contexts have as ``edge``."""
        ...

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with this edge's handlers; nothing has been constructed.

        `ForeignTypes.problem` tells of each annotation that arguments are decoded to whether anything decodes it.
        """
        ...

    def compile(self, compiler: Compiler) -> None:
        """Compile every handler to one function, as code without instances; `Graph.handlers_of` has them.

        Core binds what `Compiler` gave at every start. What the edge needs beside its handlers, `Compiler.providers`
        compiles.
        """
        ...

    def transport(self) -> Transport | None:
        """Return what serves this edge, or None when another edge carries it; asked before anything is constructed."""
        ...


class Hooks:
    """Implement any of these with `hookimpl` in the module that the entry point names.

    Entry points stand in the group ``nestpy``. The module imports its real code inside its hooks, so
    that an installed capability which the app does not import costs nothing: ``graph.has("nestpy_foo:FooModule")``
    asks without importing either. Hooks are synchronous and run at boot. Each takes the parameters that it names.

    ``nestpy_api = "0.1"`` in that module says which version of these hooks it was written for; a nestpy-core that
    speaks another one then names both, instead of failing somewhere in them.
    """

    @hookspec
    def nestpy_collect(self, graph: Graph) -> Iterable[Any] | None:
        """Contribute to a graph whose modules and hosts are known and whose dependencies are not yet joined.

        Returns:
            `Provider`, `Carrier`, `Endpoint`, `Operation` and `Relation` objects, visible everywhere. Health
            indicators are providers of `HealthIndicator` with ``multi=True``. Endpoints, operations and relations
            that depend on settings or on what handlers return are returned by a function, given the graph once
            those are loaded and read. None when the app does not import this capability.

            A provider that the capability's own module lists needs no second line here, but for what is found by
            type: ``provide(HealthIndicator, use_existing=CacheIndicator, multi=True)``.
        """

    @hookspec
    def nestpy_verify(self, graph: Graph) -> Iterable[Problem] | None:
        """Return what this capability finds wrong with the joined graph; all problems are reported at once.

        A generator is best: a `Problem` that it raises joins those that it has yielded. The graph may be one in which
        others have found problems: providers may be missing, and ``links`` be empty.
        """

    @hookspec
    def nestpy_edge(self, graph: Graph) -> Edge | None:
        """Return the edge when the graph holds work for it, else None.

        That is mostly when its module is imported. Where it is not, and somebody wrote the edge's decorators, core
        says so by itself.
        """

    @hookspec
    def nestpy_instrument(
        self, graph: Graph, handler: Handler | None, marker: HandlerMarker | None
    ) -> Iterable[Instrument] | None:
        """Return what wraps each call of this handler, of any edge; None of an edge means its "not found"."""

    @hookspec
    def nestpy_around(self, graph: Graph, supervising: bool) -> AbstractContextManager[Any] | None:  # noqa: FBT001  # hooks are called by name
        """Return what stands around a run in this process: from before its first log line until after its last.

        It is synchronous and entered outside of the loop or before anything runs in it. Several apps may run in one
        process, one inside the other.

        Args:
            graph: the graph of the app.
            supervising: whether this process only starts and watches those that serve; they begin as its copies or
                anew, with its environment.
        """

    @hookspec(firstresult=True)
    def nestpy_schema(self, cls: type) -> SchemaSupport | None:
        """Return support for *cls* when it is a type of the library that this plugin serves, else None.

        Asked for classes that msgspec does not know by itself: never for a Struct, a dataclass, a TypedDict, an attrs
        class, an enumeration or a builtin, which keep msgspec's own rules. The first plugin that answers serves it.
        """

    @hookspec
    def nestpy_commands(self, group: click.Group) -> None:
        """Add commands to ``nestpy``; `load_app` gives the app of a target. One of the same name is left out."""

    @hookspec
    def nestpy_client(self, app: App) -> tuple[str, Any] | None:
        """Return a name and a client of this edge for the test kit, for instance ``("http", client)``.

        It becomes the attribute ``http`` of a `TestApp`. The client runs each unit of work in a task, and so in a
        copy of the test's context, as the edge does in production. None when the app does not use this edge, which
        ``app.edges`` tells: nothing has to listen for a client that calls the edge itself.
        """
