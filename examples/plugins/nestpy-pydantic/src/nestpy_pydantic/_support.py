"""Decodes, encodes and describes Pydantic models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from nestpy_core import ViolationsError

_CODES = {
    "enum": "enum",
    "extra_forbidden": "unknown_field",
    "greater_than": "range",
    "greater_than_equal": "range",
    "less_than": "range",
    "less_than_equal": "range",
    "literal_error": "enum",
    "missing": "required",
    "multiple_of": "multiple_of",
    "string_pattern_mismatch": "pattern",
    "string_too_long": "length",
    "string_too_short": "length",
    "too_long": "length",
    "too_short": "length",
}
_AUTHORS_OWN = ("value_error", "assertion_error")


class PydanticSupport:
    """Decodes, encodes and describes Pydantic models."""

    def decode(self, cls: type[BaseModel], value: Any) -> BaseModel:
        """Build a model; Pydantic's own rules decide, its field aliases are the names."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise ViolationsError(_failures(error)) from None

    def encode(self, value: BaseModel) -> Any:
        """Return what stands for a model in JSON."""
        return value.model_dump(mode="json", by_alias=True)

    def json_schema(self, cls: type[BaseModel]) -> Mapping[str, Any]:
        """Return the model's own JSON Schema."""
        return cls.model_json_schema()


def _failures(error: ValidationError) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(step) for step in item["loc"])
        found.setdefault(path, []).append(_failure(item["type"], item["msg"]))
    return found


def _failure(kind: str, message: str) -> dict[str, str]:
    """Keep the texts that name the rule; others may quote the value, which an answer never holds."""
    if kind in _CODES:
        return {"code": _CODES[kind], "message": message}
    if kind.endswith(("_type", "_parsing")):
        return {"code": "type", "message": f"Expected `{kind.rsplit('_', 1)[0]}`"}
    return {"code": "invalid", "message": message if kind in _AUTHORS_OWN else "Invalid value"}
