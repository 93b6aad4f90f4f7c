"""The clean-up of what was built for one call."""

from __future__ import annotations

import contextlib
import logging
from types import TracebackType

logger = logging.getLogger("nestpy.call")


class CallScope(contextlib.AsyncExitStack):
    """Leaves the factories of one call after its answer; they see what the call raised.

    A generator that holds ``async with session.begin(): yield session`` so rolls back when the handler
    failed, although the failure has been answered by then. What a clean-up raises is logged: nobody is
    left to answer it to.

    Attributes:
        failure: what the call raised, also where a filter turned it into an answer.
    """

    failure: Exception | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        failure = error or self.failure
        try:
            if failure is None:
                await super().__aexit__(None, None, None)
            else:
                await super().__aexit__(type(failure), failure, failure.__traceback__)
        except Exception as raised:
            if raised is not failure:
                logger.exception("the clean-up of a call failed")
        return False
