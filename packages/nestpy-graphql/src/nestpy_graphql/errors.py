"""Every error that nestpy-graphql raises.

NestPyError
└── GraphqlError                     anything this distribution refuses
    └── TypeMappingError (TypeError)  GraphQL has no type for an annotation, or one name for two
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("GraphqlError", "TypeMappingError")


class GraphqlError(NestPyError):
    """The base of every error that nestpy-graphql raises on purpose."""


class TypeMappingError(GraphqlError, TypeError):
    """GraphQL has no type for an annotation, or one name for two.

    Attributes:
        sentence: what is wrong.
        hint: the edit that would mend it.
    """

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
