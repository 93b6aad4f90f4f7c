"""Every error that nestpy-authz raises.

NestPyError
├── AuthzError                anything this distribution refuses
│   ├── RuleError             a rule, condition or policy makes no sense
│   ├── PredicateError        a rule that Python decides was asked for as a condition of a query
│   └── PolicyStoreError      policies could not be loaded; the former ones stay in force
└── Problem
    └── AuthorizationError    the app authorizes something that cannot be decided; found at boot
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError, Problem

__all__ = ("AuthorizationError", "AuthzError", "PolicyStoreError", "PredicateError", "RuleError")


class AuthzError(NestPyError):
    """The base of every error that nestpy-authz raises on purpose."""


class RuleError(AuthzError, ValueError):
    """A rule, a condition or a policy makes no sense; whoever it is about may do nothing until it does."""


class PredicateError(AuthzError, TypeError):
    """A rule that Python decides was asked for as a condition of a query."""


class PolicyStoreError(AuthzError):
    """Policies could not be loaded; those loaded before stay in force. The cause is chained."""


class AuthorizationError(Problem):
    """The app authorizes something that cannot be decided; found at boot."""
