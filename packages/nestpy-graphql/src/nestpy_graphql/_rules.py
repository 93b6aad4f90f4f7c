"""The validation rules of the specification, run on a merged document and bounded in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import GraphQLError, GraphQLSchema, specified_rules, validate
from graphql.validation import (
    ASTValidationRule,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    VariablesInAllowedPositionRule,
)

from ._duplicates import merged
from ._limits import Limits
from ._refused import refusal, rewritten
from ._usages import with_variables

if TYPE_CHECKING:
    from graphql.language import DocumentNode

COMPARISONS = 8_000
"""Units of work that comparing overlapping fields may take; graphql-core's own bound is 60 times that."""

ABORTED = "Validation aborted."
"""What graphql-core says when a bound stopped it, in contrast to the end of its list of errors."""

TOO_MANY = "Too many validation errors"


class BoundedOverlapRule(OverlappingFieldsCanBeMergedRule):
    """Fields with one name in the answer can be merged; stops when finding that out takes too long."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS


RULES: tuple[type[ASTValidationRule], ...] = tuple(
    BoundedOverlapRule if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules
)

OF_VARIABLES = (NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule)
"""Rules that walk whole operations for variables: they get what is left of the document without anything else."""

OF_THE_REST = tuple(rule for rule in RULES if rule not in OF_VARIABLES)


def broken_rules(
    schema: GraphQLSchema, document: DocumentNode, limits: Limits, *, suggestions: bool
) -> list[GraphQLError]:
    """Return the rules of the specification that a document breaks, at most `Limits.max_errors`."""
    source = document.loc.source.body if document.loc else "$"
    document = merged(document)
    found = validate(schema, document, OF_THE_REST, max_errors=limits.max_errors, hide_suggestions=not suggestions)
    left = limits.max_errors - len(found)
    if left > 0 and "$" in source:
        found += validate(schema, with_variables(document), OF_VARIABLES, max_errors=left)
    errors = []
    for error in found:
        if error.message == ABORTED:
            text = "The document's fields and fragments overlap in too many ways to be compared."
            errors.append(refusal("LIMIT_EXCEEDED", text))
        elif not error.message.startswith(TOO_MANY):
            errors.append(
                rewritten(error, "GRAPHQL_VALIDATION_FAILED", length=limits.max_message, suggestions=suggestions)
            )
    return errors
