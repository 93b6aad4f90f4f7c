"""What a GraphQL document may hold and cost: the settings, their units and their reasons."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ("Limits",)

Count = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one document may hold and one operation may cost; more is refused with the code ``LIMIT_EXCEEDED``.

    Counts are taken as if every fragment stood written out where it is spread, so no rewriting of a document passes a
    limit that the plain one fails. Everything under ``__schema`` and ``__type`` has a depth of its own (20), so that
    the standard introspection query passes where introspection is on.

    Attributes:
        max_bytes: the size of the source in UTF-8. Bounds the lexer, which reads character by character.
        max_tokens: names, punctuators and values; comments are counted apart, with the same bound. Bounds parser,
            rules and memory; the standard introspection query has 250.
        max_depth: fields inside each other; ``{ a { b } }`` is 2 deep.
        max_aliases: fields renamed, in an operation. Aliases are how one field is asked many times at once.
        max_root_fields: fields of the operation's own type: each is a unit of work that may not share the others' data.
        max_directives: directives in an operation.
        max_fragments: fragments that a document defines; validation compares them with each other.
        max_operations: operations that a document defines; validation looks at every fragment for each.
        max_cost: fields that would be resolved if every list were as long as it may be; more is refused.
        list_size: how long a list is taken to be when its field has neither a size argument nor a stated bound.
        max_errors: errors that one refusal reports; the rest is left out.
        max_message: characters of an error's message, which may quote the source; the rest is cut.
    """

    max_bytes: Count = 65_536
    max_tokens: Count = 2_000
    max_depth: Count = 15
    max_aliases: Count = 30
    max_root_fields: Count = 20
    max_directives: Count = 50
    max_fragments: Count = 100
    max_operations: Count = 10
    max_cost: Count = 2_000
    list_size: Count = 100
    max_errors: Count = 10
    max_message: Count = 300

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1: a limit cannot be switched off, only raised")
