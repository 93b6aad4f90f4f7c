"""Pydantic models as bodies and results in NestPy."""

__all__: list[str] = []
