"""Reads documents: limits first, then the rules, then a cache, so that no document costs more than a few milliseconds.

The order is bytes → tokens, in the lexer → counts, in one pass → what lists of a known length cost → the rules, on a
document whose equal fields are merged → per request, what lists cost whose length hangs on variables. Each step makes
the next one cheap. What passed is cached by its source, what was refused in a smaller cache of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from graphql import GraphQLError, GraphQLSchema, GraphQLSyntaxError, parse

from ._cache import Cache
from ._cost import Cost, Costs, TooComplexError, evaluate, least
from ._counts import Definitions, describes_schema, excesses, readable
from ._limits import Limits
from ._refused import Code, RefusedDocument, limit_exceeded, refusal, rewritten
from ._rules import broken_rules

if TYPE_CHECKING:
    from graphql.language import DocumentNode, OperationDefinitionNode

ABORTED = "Parsing aborted."
"""How graphql-core ends the message of a document that it stopped reading."""

REFUSED = 128
"""Refused documents that are remembered at most: enough for a client that repeats a mistake."""

REFUSED_BYTES = 1024 * 1024

TOKEN_BYTES = 1_100
"""What a document of *n* tokens holds in memory, per token: tree and token list 700, a plan 400; measured."""


class Prepared:
    """An operation that may be executed.

    Attributes:
        document: the whole document as it was parsed.
        operation: the operation in it.
        kind: query, mutation or subscription.
        name: the operation's name; None if it has none.
        cost: what it may cost, for `nestpy_graphql._cost.evaluate`.
        planned: what the executor remembers of it.
    """

    __slots__ = ("cost", "document", "kind", "name", "operation", "planned")

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode, cost: Cost) -> None:
        self.document = document
        self.operation = operation
        self.kind: Literal["query", "mutation", "subscription"] = operation.operation.value
        self.name = operation.name.value if operation.name else None
        self.cost = cost
        self.planned: Any = None


Operations: TypeAlias = dict[str | None, Prepared]
"""A document's operations by name; under None the one that needs no name, if there is just one."""


class Documents:
    """Prepares documents of one schema.

    Args:
        schema: what documents are valid against.
        limits: what they may hold and cost.
        introspection: whether ``__schema`` and ``__type`` may be asked for; ``__typename`` always may.
        suggestions: whether errors may say what the client may have meant, which tells names of the schema.
        cache_size: documents that are kept.
        cache_bytes: what they may take in memory together, by estimate.
    """

    __slots__ = ("_cache", "_costs", "_introspection", "_limits", "_refused", "_schema", "_suggestions")

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        introspection: bool,
        suggestions: bool,
        cache_size: int = 1000,
        cache_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._suggestions = suggestions
        self._costs = Costs(schema, limits)
        self._cache: Cache[Operations] = Cache(cache_size, cache_bytes)
        self._refused: Cache[tuple[GraphQLError, ...]] = Cache(REFUSED, REFUSED_BYTES)

    def prepare(self, source: str, operation_name: str | None, variables: Mapping[str, Any] | None) -> Prepared:
        """Return the operation that *operation_name* names in the document *source*.

        Args:
            source: the document.
            operation_name: may be None if the document defines one operation.
            variables: as they came; they are read for the sizes of lists alone, and coerced by the executor.

        Raises:
            RefusedDocument: with every error that is to be answered.
        """
        if not isinstance(source, str):
            raise RefusedDocument([refusal("BAD_USER_INPUT", "`query` must be a string.")])
        if variables is not None and not isinstance(variables, Mapping):
            raise RefusedDocument([refusal("BAD_USER_INPUT", "`variables` must be an object or null.")])
        operations = self._cache.get(source)
        if operations is None:
            operations = self._read(source)
        try:
            prepared = operations[operation_name]
        except (KeyError, TypeError):
            raise RefusedDocument([_not_found(operation_name, operations)]) from None
        if not isinstance(prepared.cost, int):
            self._refuse_too_dear(evaluate(prepared.cost, variables or {}), prepared.operation)
        return prepared

    def _read(self, source: str) -> Operations:
        refused = self._refused.get(source)
        if refused is not None:
            raise RefusedDocument(refused)
        size = _bytes(source)
        if size > self._limits.max_bytes:
            allowed = self._limits.max_bytes
            message = f"The document has {size} bytes; {allowed} are allowed."
            raise RefusedDocument([limit_exceeded("max_bytes", allowed, message)])
        try:
            document = self._parsed(source)
            operations = self._checked(document)
        except RefusedDocument as error:
            del error.errors[self._limits.max_errors :]
            weight = size + (200 + self._limits.max_message) * len(error.errors)
            self._refused.put(source, tuple(error.errors), weight)
            raise
        self._cache.put(source, operations, size + TOKEN_BYTES * _tokens(document))
        return operations

    def _parsed(self, source: str) -> DocumentNode:
        limits = self._limits
        try:
            return parse(source, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
        except GraphQLSyntaxError as error:
            if not error.message.endswith(ABORTED):
                code: Code = "GRAPHQL_PARSE_FAILED"
                found = rewritten(error, code, length=limits.max_message, suggestions=self._suggestions)
                raise RefusedDocument([found]) from None
            message = error.message.removeprefix("Syntax Error: ").removesuffix(ABORTED).strip()
            limit = "max_depth" if "nested" in message else "max_tokens"
            raise RefusedDocument([limit_exceeded(limit, getattr(limits, limit), message)]) from None

    def _checked(self, document: DocumentNode) -> Operations:
        definitions = Definitions(document)
        _refuse(excesses(definitions, self._limits))
        if not self._introspection and (node := describes_schema(document)) is not None:
            text = f"Introspection is off: `{node.name.value}` cannot be asked for."
            _refuse([refusal("GRAPHQL_VALIDATION_FAILED", text, node)])
        operations = [self._prepared(document, definitions, node) for node in definitions.operations]
        _refuse(broken_rules(self._schema, document, self._limits, suggestions=self._suggestions))
        by_name: Operations = {one.name: one for one in operations}
        if len(operations) == 1:
            by_name[None] = operations[0]
        return by_name

    def _prepared(self, document: DocumentNode, definitions: Definitions, node: OperationDefinitionNode) -> Prepared:
        try:
            cost = self._costs.of(node, definitions.fragments)
        except TooComplexError:
            message = "The operation is too complex for its cost to be found."
            raise RefusedDocument([limit_exceeded("max_cost", self._limits.max_cost, message, node)]) from None
        self._refuse_too_dear(least(cost), node)
        return Prepared(document, node, cost)

    def _refuse_too_dear(self, cost: int, node: OperationDefinitionNode) -> None:
        allowed = self._limits.max_cost
        if cost > allowed:
            message = (
                f"The operation may resolve {readable(cost)} fields, lists at their longest; {allowed} are allowed."
            )
            raise RefusedDocument([limit_exceeded("max_cost", allowed, message, node)])


def _refuse(errors: list[GraphQLError]) -> None:
    if errors:
        raise RefusedDocument(errors)


def _bytes(source: str) -> int:
    return len(source) if source.isascii() else len(source.encode("utf-8", "surrogatepass"))


def _tokens(document: DocumentNode) -> int:
    count, token = 0, document.loc.start_token if document.loc else None
    while token is not None:
        count, token = count + 1, token.next
    return count


def _not_found(name: object, operations: Operations) -> GraphQLError:
    if name is None:
        text = "The document defines several operations: `operationName` must say which."
        return refusal("OPERATION_NOT_FOUND", text if operations else "The document defines no operation.")
    if not isinstance(name, str):
        return refusal("BAD_USER_INPUT", "`operationName` must be a string or null.")
    return refusal("OPERATION_NOT_FOUND", f"The document defines no operation `{name[:40]}`.")
