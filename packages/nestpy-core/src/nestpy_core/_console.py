"""What a person sees of a running app: plain log lines, and why it ended."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from .errors import DeniedError, DomainError, NestPyError, StartError, StrayCancellationError, StrayExitError

if TYPE_CHECKING:
    from ._app_config import AppConfig

logger = logging.getLogger("nestpy.lifecycle")


def configure_logging(config: AppConfig) -> None:
    """Give the root logger a plain handler, unless the app configured logging itself."""
    if logging.getLogger().handlers:
        return
    logging.basicConfig(
        level=config.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s  %(message)s",
        stream=sys.stderr,
    )


def report_failure(failure: BaseException, what: str = "") -> None:
    """Say why the app ended, with the traceback of what nobody foresaw: a user's own code raised it.

    Args:
        failure: what ended it.
        what: what failed, where the failure does not say it, for instance ``transport http failed``.
    """
    text = str(failure) if isinstance(failure, NestPyError) else f"{type(failure).__name__}: {failure}"
    logger.error("%s", f"{what}: {text}" if what else text, exc_info=_unforeseen(failure))


def _unforeseen(failure: BaseException | None) -> BaseException | None:
    if isinstance(failure, StartError | StrayCancellationError | StrayExitError):
        return _unforeseen(failure.__cause__)
    raised_here = isinstance(failure, NestPyError) and not isinstance(failure, DomainError | DeniedError)
    return None if raised_here else failure
