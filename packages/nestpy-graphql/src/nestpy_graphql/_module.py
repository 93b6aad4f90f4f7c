"""The module that configures GraphQL; resolvers are served without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from nestpy_core import DefinitionError, DynamicModule, dynamic, module, name_of, provide

from ._config import GraphqlConfig
from ._scalars import Scalar

__all__ = ("GraphqlModule",)


class GraphqlShape(msgspec.Struct, frozen=True, kw_only=True):
    """What shapes the schema and its routes; see `GraphqlModule.for_root`."""

    path: str = "/graphql"
    operations: bool = True
    scalars: Mapping[Any, Scalar] = {}
    directives: tuple[str, ...] = ()
    federation: bool = False
    sdl: tuple[str, ...] = ()


_PATH = re.compile(r"(?:/[\w.~-]+)+", re.ASCII)


@module(providers=[GraphqlConfig], shared=True)
class GraphqlModule:
    """Brings the settings of the GraphQL edge; import it once, in the root module."""

    @classmethod
    def for_root(
        cls,
        *,
        path: str = "/graphql",
        operations: bool = True,
        scalars: Mapping[Any, Scalar] | None = None,
        directives: str | Sequence[str] = (),
        federation: bool = False,
        sdl: str | Sequence[str] = (),
        **options: Any,  # the fields of GraphqlConfig
    ) -> DynamicModule:
        """Pin settings in code; only the real environment is stronger.

        Args:
            path: where the endpoint answers.
            operations: whether what `@crud` classes offer is in the schema.
            scalars: types of the app that are scalars, by class.
            directives: declarations of directives that types and fields bear, each as a schema writes it.
            federation: whether the app is a subgraph of an Apollo Federation 2.
            sdl: files, folders or texts in schema language. Methods resolve the fields that they define: those of a
                ``@query()`` and so on by their names, those of types by ``@field()``; others are read from the parent.
            options: any field of `GraphqlConfig`, for instance ``max_depth=8``.

        Raises:
            DefinitionError: *path* is none, or one of *scalars*.
        """
        if not _PATH.fullmatch(path):
            raise DefinitionError(f"`{path}` is no path of an endpoint.\nHint: write one such as `/graphql`")
        _check_scalars(scalars or {})
        shape = GraphqlShape(
            path=path,
            operations=operations,
            scalars=dict(scalars or {}),
            directives=_several(directives),
            federation=federation,
            sdl=_several(sdl),
        )
        return dynamic(cls, settings={GraphqlConfig: options}, providers=[provide(GraphqlShape, use_value=shape)])

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # returns fields of GraphqlConfig
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `GraphqlConfig` fields, but for those of persisted documents, the explorer and federation.
        """
        return dynamic(cls, late={GraphqlConfig: use_factory}, label="for_root_async")


def _check_scalars(scalars: Mapping[Any, object]) -> None:
    for kind, scalar in scalars.items():
        if not isinstance(scalar, Scalar):
            name = name_of(kind)
            raise DefinitionError(
                f"`{name}` in `scalars=` is described by a `{name_of(type(scalar))}`.\n"
                f'Hint: write `{name}: Scalar(name="{name}", serialize=…, parse=…)`'
            )


def _several(texts: str | Sequence[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)
