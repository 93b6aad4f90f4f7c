"""What is checked at boot, and which handlers get a unit of work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args, get_origin

from piccolo.table import Table

from nestpy_core import Binding, Graph, Handler, HandlerMarker, Instrument, Problem, name_of, needs_of
from nestpy_core.errors import ConfigurationError

from ._config import OrmConfig
from ._database import Database
from ._entity import entity_of
from ._reachable import entities_in
from ._relation_table import RelationTable
from ._repository import Repository
from ._url import read_url
from ._work import CommandWork, QueryWork, Transactional, TransactionalWork
from .errors import ExposureError


def problems_of(graph: Graph) -> Iterator[Problem]:
    """Yield what is wrong with the settings and with what handlers return."""
    config = graph.sections.get(OrmConfig)
    if config is not None:
        try:
            read_url(config.url.reveal())
        except ConfigurationError as error:
            yield error
    yield from RelationTable(graph).problems
    for binding in graph.bindings:
        about = get_args(binding.token) if get_origin(binding.token) is Repository else ()
        if about and not (isinstance(about[0], type) and issubclass(about[0], Table)):
            name = name_of(about[0])
            yield ExposureError(
                f"`{name_of(binding.token)}` is asked for, and `{name}` is no entity.",
                hints=(f"derive `{name}` from `piccolo.table.Table`",),
            )
    for handler in graph.handlers:
        for cls in entities_in(handler.returns):
            if not entity_of(cls).exposure.exposed:
                yield ExposureError(
                    f"`{handler.label}` returns `{cls.__name__}`, which is not exposed.",
                    hints=(f"decorate `{cls.__name__}` with `@expose()`", "or return a Struct of your own"),
                )
        given = {name for marker in handler.markers for name in marker.given(handler.parameters)}
        for parameter in handler.parameters:
            for cls in entities_in(parameter.hint) if parameter.inject is None and parameter.name not in given else ():
                yield ExposureError(
                    f"`{parameter.name}` of `{handler.label}` is the entity `{cls.__name__}` itself.",
                    hints=(f"annotate it `Creation[{cls.__name__}]` or `Changes[{cls.__name__}]`",),
                )


def instruments_of(graph: Graph, handler: Handler, marker: HandlerMarker | None) -> Iterable[Instrument]:
    """Return the unit of work of a handler that can reach the database."""
    database = graph.bindings_of(Database)
    if not database or not _reaches(needs_of(handler, graph), database[0]):
        return []
    if Transactional in handler.meta:
        return [Instrument(TransactionalWork, "work")]
    safe = marker is not None and marker.safe
    return [Instrument(QueryWork if safe else CommandWork, "work")]


def _reaches(starts: Iterable[Binding], wanted: Binding) -> bool:
    seen: set[int] = set()
    queue = list(starts)
    while queue:
        binding = queue.pop()
        if binding is wanted:
            return True
        if id(binding) not in seen:
            seen.add(id(binding))
            queue.extend(target for _, target in binding.dependencies())
    return False
