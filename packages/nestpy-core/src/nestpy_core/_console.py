"""What a person sees of a running app: plain log lines, and why it ended."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from .errors import NestPyError

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


def report_failure(failure: BaseException) -> None:
    """Say in one line why the app ended, with the traceback of what a user's own code raised."""
    if isinstance(failure, NestPyError):
        logger.error("%s", failure, exc_info=failure.__cause__)
    else:
        logger.error("%s: %s", type(failure).__name__, failure, exc_info=failure)
