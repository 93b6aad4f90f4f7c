"""The queue edge: which processor takes which job, what is wrong with them, and the worker that runs them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from nestpy_core import (
    CompiledFunction,
    Compiler,
    ConfigurationError,
    EdgeEntry,
    Graph,
    Handler,
    HandlerError,
    MissingProviderError,
    Outbox,
    Parameter,
    Problem,
    name_of,
)

from ._actors import ActorCodec
from ._config import QueueConfig, url_of
from ._job_code import JobCode, data_parameters
from ._lane import Consumer
from ._once import once_problems
from ._processor import ProcessMarker, ProcessorMarker
from ._queue import Queue
from ._relay import Relay
from ._store import JobStore
from ._types import JobOwner, JobType, JobTypes
from ._worker import QueueWorker

__all__ = ("QueueEdge",)

_FEATURE = "QueueModule.for_feature"


class QueueEdge:
    """Compiles processors and offers the worker that runs them."""

    name = "queue"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.types: JobTypes = graph.bindings_of(JobTypes)[0].source
        self._problems: list[Problem] = []
        self._hosts: dict[str, tuple[str, ProcessorMarker]] = {}
        self._handlers: list[tuple[Handler, ProcessMarker, JobType]] = []
        self._functions: dict[str, dict[str, CompiledFunction]] = {}
        self._parts: CompiledFunction | None = None
        for handler, host, marker in graph.handlers_of("queue"):
            if isinstance(host, ProcessorMarker) and isinstance(marker, ProcessMarker):
                self._take(handler, host, marker)
        self._take_owners()
        self._check_names()
        self._check_producers()

    # -- what belongs where

    def _take(self, handler: Handler, host: ProcessorMarker, marker: ProcessMarker) -> None:
        known, _ = self._hosts.setdefault(host.queue, (handler.host.label, host))
        if known != handler.host.label:
            self._problem(
                f"`{known}` and `{handler.host.label}` are both processors of the queue `{host.queue}`.",
                "give one of them another queue, or make their methods one class",
            )
        found = data_parameters(handler)
        if len(found) != 1:
            self._problem(
                f"`{handler.label}` must take one job, and has {len(found)} parameters that could be it.",
                "annotate one parameter with the class of the job; others take `RunningJob` or `Inject[…]`",
            )
            return
        cls = found[0].plain_hint
        refusal = _refusal(handler, found[0])
        if refusal is not None:
            self._problem(*refusal)
            return
        name = marker.name or _name(cls)
        kind = JobType(
            cls=cls,
            queue=host.queue,
            name=name,
            owner=handler.label,
            returns=handler.returns,
            support=self._support(cls),
        )
        self._add(kind)
        if marker.once:
            self._problems += once_problems(handler, self.graph)
        self._handlers.append((handler, marker, kind))

    def _support(self, cls: Any) -> Any:
        return self.graph.schema_of(cls) if isinstance(cls, type) else None

    def _take_owners(self) -> None:
        for binding in self.graph.bindings_of(JobOwner):
            for cls, queue in binding.source.queues.items():
                support = self._support(cls)
                self._add(JobType(cls=cls, queue=queue, name=_name(cls), owner=_FEATURE, support=support))

    def _add(self, kind: JobType) -> None:
        earlier = self.types.add(kind)
        if earlier is None:
            return
        if earlier.queue == kind.queue:
            if kind.owner != _FEATURE:
                self._problem(
                    f"`{earlier.owner}` and `{kind.owner}` both handle `{_name(kind.cls)}`.",
                    "a type of job has one handler; make them one, or give one of them a job of its own class",
                )
            return
        self._problem(
            f"`{_name(kind.cls)}` belongs to the queue `{earlier.queue}` by `{earlier.owner}` and to `{kind.queue}` by "
            f"`{kind.owner}`.",
            "a type of job has one owner: its processor, or `for_feature` in an app that only enqueues it",
        )

    def _check_names(self) -> None:
        taken: dict[tuple[str, str], JobType] = {}
        for _, _, kind in self._handlers:
            earlier = taken.setdefault((kind.queue, kind.name), kind)
            if earlier.cls != kind.cls:
                self._problem(
                    f"`{earlier.owner}` and `{kind.owner}` both handle jobs called `{kind.name}` of the queue "
                    f"`{kind.queue}`.",
                    "give one of them a name of its own: `@process(name=…)`",
                )

    def _check_producers(self) -> None:
        for binding in self.graph.bindings:
            if get_origin(binding.token) is not Queue:
                continue
            (cls,) = get_args(binding.token)
            if self.types.get(cls) is None:
                text = f"`Queue[{_name(cls)}]` is injected, and no queue takes `{_name(cls)}`."
                hint = f"write a processor of it, or `QueueModule.for_feature({{{_name(cls)}: …}})`"
                self._problems.append(MissingProviderError(text, hints=(hint,)))

    def _problem(self, text: str, hint: str) -> None:
        self._problems.append(HandlerError(text, hints=(hint,)))

    # -- the edge

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with the settings, processors and producers."""
        config = self.graph.sections.get(QueueConfig)
        if config is not None:
            try:
                url_of(config)
            except ConfigurationError as error:
                return [error, *self._problems]
        return self._problems

    def entries(self) -> Iterable[EdgeEntry]:
        """Return each type of job with its handler."""
        return [EdgeEntry(f"{kind.queue} {kind.name}", handler) for handler, _, kind in self._handlers]

    def compile(self, compiler: Compiler) -> None:
        """Compile each handler, and what hands the worker its store at every start."""
        for handler, marker, kind in self._handlers:
            outbox = self.graph.bindings_of(Outbox)[0].settled if marker.once else None
            function = compiler.handler(handler, marker, JobCode(handler, kind, outbox))
            self._functions.setdefault(kind.queue, {})[kind.name] = function
        self._parts = compiler.providers("queue parts", JobStore, QueueConfig, ActorCodec, Relay)

    def transport(self) -> QueueWorker | None:
        """Return the worker, where the app has processors, or an outbox to be emptied, and this process is to work."""
        config: QueueConfig = self.graph.sections[QueueConfig]
        work = self._handlers or (self.types.queues() and self.graph.bindings_of(Outbox))
        if not work or not config.work or self._parts is None:
            return None
        return QueueWorker([self._consumer(queue) for queue in self._hosts], self._parts)

    def _consumer(self, queue: str) -> Consumer:
        return Consumer(processor=self._hosts[queue][1], functions=self._functions.get(queue, {}))


def _refusal(handler: Handler, parameter: Parameter) -> tuple[str, str] | None:
    """Return what is wrong with the annotation of a job, and what to write."""
    cls = parameter.plain_hint
    one_class = "give the job a msgspec Struct or a dataclass: the class says which queue it belongs to"
    if cls is inspect.Parameter.empty:
        return f"`{handler.label}` does not say of which class its job `{parameter.name}` is.", one_class
    origin = get_origin(cls) or cls
    union = origin in (Union, UnionType)
    builtin = getattr(origin, "__module__", "") in ("builtins", "typing", "datetime", "uuid", "decimal")
    if isinstance(origin, type) and not builtin and not union:
        return None
    text = f"The job of `{handler.label}` is annotated `{name_of(cls)}`, which is no class of its own."
    return text, "write a method for each of them" if union else one_class


def _name(cls: Any) -> str:
    return getattr(cls, "__name__", None) or str(cls)
