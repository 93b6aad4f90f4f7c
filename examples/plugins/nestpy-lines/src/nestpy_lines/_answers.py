"""What is answered: a word that says how it went, and a value in JSON."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from nestpy_core import DeniedError, DomainError, ViolationsError, log_denial

__all__ = ("Answer",)

logger = logging.getLogger("nestpy.lines")


class Answer(msgspec.Struct, frozen=True):
    """What a command is answered.

    Attributes:
        status: ``ok``, ``invalid``, ``unknown``, ``failed``, why a guard refused, or the kind of a `DomainError`.
        value: the result, the failures by field, or a sentence; None for nothing.
    """

    status: str
    value: Any = None

    def encoded(self) -> bytes:
        """Return it as a line."""
        return self.status.encode() + b" " + msgspec.json.encode(self.value) + b"\n"


def failed(error: Exception, label: str) -> Answer:
    """Return the answer to what a layer or the handler raised."""
    match error:
        case ViolationsError():
            return Answer("invalid", error.errors)
        case DeniedError():
            return Answer(error.denial.kind.value, error.denial.detail or None)
        case DomainError():
            return Answer(error.kind.value, error.errors or error.detail or None)
    logger.error("%s failed: %s", label, type(error).__name__, exc_info=error)
    return Answer("failed")


def refused(verdict: object, label: str) -> Answer:
    """Return the answer to a guard's refusal, or to what it raised."""
    if isinstance(verdict, Exception):
        return failed(verdict, label)
    denial = log_denial(verdict, label)
    return Answer(denial.kind.value, denial.detail or None)
