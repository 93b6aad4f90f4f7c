"""What nestpy-pydantic adds to an app, through core's hooks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import SchemaSupport

nestpy_api = "0.1"


@hookimpl
def nestpy_schema(cls: type) -> SchemaSupport | None:
    """Serve Pydantic's models; an app that never imports Pydantic does not import it here either."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not issubclass(cls, pydantic.BaseModel):
        return None
    from ._support import PydanticSupport

    return PydanticSupport()
