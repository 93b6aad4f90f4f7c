"""Type checkers see through the lazy re-exports, and a misspelt name is still an error."""

from typing import assert_type

import nestpy_core
from nestpy_core import errors

assert_type(nestpy_core.NestPyError("text"), errors.NestPyError)

nestpy_core.Misspelt  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
