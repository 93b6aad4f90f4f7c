"""Tells the log of each refusal by a guard: on which handler, why, and what would mend it."""

from __future__ import annotations

import logging

from ._layer import Denial, DenialKind

__all__ = ("log_denial",)

logger = logging.getLogger("nestpy.guards")

_REMEDIES = {
    DenialKind.UNAUTHORIZED: "send credentials that answer the challenge, or mark the handler `@public`",
    DenialKind.FORBIDDEN: "grant the caller what the guard asks for",
    DenialKind.RATE_LIMITED: "let the caller wait, or raise its limit",
    DenialKind.INSUFFICIENT_SCOPE: "give the token the scopes that are missing",
}


def log_denial(verdict: object, label: str) -> Denial:
    """Return a guard's refusal as a `Denial`, and log it as a warning; edges call this for each.

    The record has ``handler``, ``reason``, ``detail`` and ``remedy`` as attributes. Nothing of the caller's is in it.

    Args:
        verdict: what the guard returned; whatever is no `Denial` is one without a reason.
        label: what the log calls the handler.
    """
    denial = verdict if isinstance(verdict, Denial) else Denial()
    remedy = _REMEDIES[denial.kind]
    detail = denial.detail or " ".join(denial.scopes)
    logger.warning(
        "%s was refused: reason=%s detail=%r remedy=%r",
        label,
        denial.kind.value,
        detail,
        remedy,
        extra={"handler": label, "reason": denial.kind.value, "detail": detail, "remedy": remedy},
    )
    return denial
