"""What the edge of one app hands to what serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._federation import FederationService
from ._persisted import Persisted

if TYPE_CHECKING:
    from ._schema import Composition


class GraphqlTable:
    """The composition of one app.

    Attributes:
        composition: set when the graph is linked.
        open: whether the schema is told to whoever asks, as in development and in tests.
        persisted: finds documents by their hash.
        service: tells the schema to the gateway of a federation.
    """

    def __init__(self) -> None:
        self.composition: Composition | None = None
        self.open = False
        self.persisted = Persisted(None, automatic=False, only=False)
        self.service = FederationService()
