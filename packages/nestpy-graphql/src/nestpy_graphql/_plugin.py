"""What nestpy-graphql adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

nestpy_api = "0.1"
