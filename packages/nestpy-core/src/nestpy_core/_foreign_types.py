"""Decodes and encodes the types of other libraries in one app, as its schema plugins serve them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_origin

from msgspec import inspect as msgspec_inspect

from ._names import name_of
from .errors import HandlerError

if TYPE_CHECKING:
    from ._graph import Graph
    from .contracts import SchemaSupport

__all__ = ("ForeignTypes",)


class ForeignTypes:
    """The types of other libraries in one app, as its schema plugins serve them; an edge that decodes data makes one.

    ``msgspec.json.Decoder(kind, dec_hook=types.decode)`` and ``msgspec.json.Encoder(enc_hook=types.encode)`` then
    take them wherever they stand in a type, and `failures_of` asks `decode` for the failures of their fields.

    Args:
        graph: each class is looked up once, however many handlers name it.
    """

    def __init__(self, graph: Graph) -> None:
        self._schema_of = graph.schema_of
        self._supports: dict[type, SchemaSupport | None] = {}

    def support(self, cls: type) -> SchemaSupport | None:
        """Return what serves *cls*; None where no schema plugin does."""
        if cls not in self._supports:
            self._supports[cls] = self._schema_of(cls)
        return self._supports[cls]

    def decode(self, cls: type, value: Any) -> Any:
        """Build an instance of *cls* from JSON-like *value*; what a pipe has made of it already passes as it is.

        Raises:
            ViolationsError: it does not fit.
            NotImplementedError: no schema plugin serves *cls*.
        """
        if isinstance(value, get_origin(cls) or cls):
            return value
        support = self.support(get_origin(cls) or cls)
        if support is None:
            raise NotImplementedError(f"`{name_of(cls)}` cannot be decoded")
        return support.decode(cls, value)

    def encode(self, value: Any) -> Any:
        """Return JSON-like data for an instance.

        Raises:
            NotImplementedError: no schema plugin serves its class.
        """
        support = self.support(type(value))
        if support is None:
            raise NotImplementedError(f"`{name_of(type(value))}` cannot be encoded")
        return support.encode(value)

    def problem(self, what: str, kind: Any) -> HandlerError | None:  # any annotation
        """Return why *kind* cannot be decoded, or None; an edge asks while it verifies.

        Args:
            what: names it in the message: ``Parameter `order` of `Orders.place` ``.
            kind: the annotation.
        """
        try:
            info = msgspec_inspect.type_info(kind)
        except (TypeError, NameError) as error:
            return HandlerError(f"{what} is `{name_of(kind)}`, which cannot be decoded: {error}.")
        cls = self.unserved(info)
        return None if cls is None else _unserved(what, kind, cls)

    def unserved(self, info: Any) -> type | None:
        """Return the first class that msgspec leaves to hooks and no schema plugin serves, wherever it stands.

        Args:
            info: of a type, by `msgspec.inspect.type_info`.
        """
        return next((cls for cls in dict.fromkeys(_foreign(info, set())) if self.support(cls) is None), None)

    @staticmethod
    def library(kind: type) -> str:
        """Return the top-level module of the library that a class comes from, looking through the user's subclasses."""
        bases = [base for base in kind.__mro__[:-1] if base.__module__ not in ("builtins", "abc", "typing")]
        return bases[-1].__module__.partition(".")[0] if bases else kind.__module__


def _unserved(what: str, kind: Any, cls: type) -> HandlerError:
    library = ForeignTypes.library(cls)
    own = "use a msgspec Struct, a dataclass, a TypedDict or an attrs class"
    if library in sys.stdlib_module_names:
        return HandlerError(f"{what} is `{name_of(kind)}`, and nothing decodes `{name_of(cls)}`.", hints=(own,))
    return HandlerError(
        f"{what} is `{name_of(kind)}`, and nothing installed decodes `{name_of(cls)}` of `{library}`.",
        hints=(f"install a schema plugin for it: `pip install nestpy-{library}`", f"or {own}"),
    )


def _foreign(info: Any, seen: set[int]) -> Iterator[type]:
    """Yield the classes that msgspec leaves to hooks, wherever they stand in a type."""
    if isinstance(info, msgspec_inspect.CustomType):
        yield get_origin(info.cls) or info.cls
        return
    cls = getattr(info, "cls", None)
    if cls is not None:
        if id(cls) in seen:
            return
        seen.add(id(cls))
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = getattr(item, "type", None) if isinstance(item, msgspec_inspect.Field) else item
            if isinstance(inner, msgspec_inspect.Type):
                yield from _foreign(inner, seen)
