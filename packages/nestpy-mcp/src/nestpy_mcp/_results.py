"""Makes the protocol's results of what handlers return; text that could deceive its reader is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from ._content import Audio, EmbeddedResource, Image, PromptMessage, ResourceContent, ResourceLink, Text, ToolResult
from ._protocol import INTERNAL_ERROR, RpcError
from ._schemas import Schemas, plain

BLOCKS = (Text, Image, Audio, EmbeddedResource, ResourceLink)
DECEPTIVE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters but tab and line breaks, and those that reorder what is shown (Unicode TR 9)."""


def escaped(text: str) -> str:
    r"""Return *text* with what could deceive its reader written as ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return DECEPTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def deceives(value: Any) -> bool:  # JSON-like data
    """Say whether any text in JSON-like data could deceive its reader."""
    if isinstance(value, str):
        return DECEPTIVE.search(value) is not None
    if isinstance(value, dict):
        return any(deceives(item) for pair in value.items() for item in pair)
    return isinstance(value, list | tuple) and any(deceives(item) for item in value)


def escaped_data(value: Any) -> Any:  # JSON-like data
    """Return JSON-like data with every text in it escaped."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {escaped(str(name)): escaped_data(item) for name, item in value.items()}
    return [escaped_data(item) for item in value] if isinstance(value, list) else value


def shape_of(returns: Any) -> str:  # any annotation
    """Return what a tool's result is: ``text``, ``content`` in blocks, or ``data``."""
    kind = plain(returns)
    if kind in (str, None, type(None)) or kind in (Any, object):
        return "text"
    inner = [item for one in _members(kind) for item in _members(get_args(one)[0] if _is_list(one) else one)]
    known = (*BLOCKS, ToolResult, str, type(None))
    if all(one in known for one in inner) and any(one in (*BLOCKS, ToolResult) for one in inner):
        return "content"
    return "data"


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list and bool(get_args(kind))


class Results:
    """Makes the results of one app."""

    def __init__(self, schemas: Schemas, limit: int) -> None:
        self._schemas = schemas
        self._limit = limit

    def tool(self, shape: str) -> Callable[[Any], dict[str, Any]]:
        """Return what makes a tool's result, for a shape: ``text``, ``content``, ``object``, ``wrapped``."""
        if shape in ("text", "content"):
            return self._content
        return self._wrapped if shape == "wrapped" else self._object

    def _content(self, value: Any) -> dict[str, Any]:
        if isinstance(value, ToolResult):
            result: dict[str, Any] = {"content": self.blocks(value.content), "isError": value.is_error}
            if value.structured is not None:
                result["structuredContent"] = escaped_data(self._schemas.builtins(value.structured))
            return self._bounded(result)
        return self._bounded({"content": self.blocks([] if value is None else value), "isError": False})

    def _object(self, value: Any) -> dict[str, Any]:
        if isinstance(value, ToolResult):
            return self._content(value)
        return self._structured(self._schemas.encode(value))

    def _wrapped(self, value: Any) -> dict[str, Any]:
        if isinstance(value, ToolResult):
            return self._content(value)
        return self._structured(self._schemas.encode({"result": value}))

    def _structured(self, encoded: bytes) -> dict[str, Any]:
        self._check(len(encoded))
        text = encoded.decode()
        if DECEPTIVE.search(text) is None and "\\" not in text:
            return {
                "content": [{"type": "text", "text": text}],
                "structuredContent": msgspec.Raw(encoded),
                "isError": False,
            }
        data = escaped_data(msgspec.json.decode(encoded))
        shown = msgspec.json.encode(data).decode()
        return {"content": [{"type": "text", "text": shown}], "structuredContent": data, "isError": False}

    def _bounded(self, result: dict[str, Any]) -> dict[str, Any]:
        self._check(len(msgspec.json.encode(result)))
        return result

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise RpcError(INTERNAL_ERROR, f"The result is over {self._limit} bytes")

    def blocks(self, value: Any) -> list[dict[str, Any]]:
        """Return the blocks of what is one, several, text or data."""
        items = value if isinstance(value, list) else [value]
        if isinstance(value, list) and not all(isinstance(item, (*BLOCKS, str)) for item in items):
            items = [value]
        return [self.block(item) for item in items]

    def block(self, item: Any) -> dict[str, Any]:
        """Return one block."""
        if isinstance(item, BLOCKS):
            found: dict[str, Any] = escaped_data(msgspec.to_builtins(item))
            return found
        if isinstance(item, str):
            return {"type": "text", "text": escaped(item)}
        return {"type": "text", "text": escaped(self._schemas.encode(item).decode())}

    def prompt(self, value: Any) -> list[dict[str, Any]]:
        """Return the messages of a prompt."""
        items = value if isinstance(value, list) else [value]
        messages = [item if isinstance(item, PromptMessage) else PromptMessage(item) for item in items]
        made = [{"role": one.role, "content": self.block(one.content)} for one in messages]
        self._check(len(msgspec.json.encode(made)))
        return made

    def resource(self, value: Any, uri: str, mime_type: str | None) -> list[dict[str, Any]]:
        """Return the contents of a resource."""
        several = isinstance(value, list) and all(isinstance(item, ResourceContent) for item in value)
        made = [self._resource(item, uri, mime_type) for item in (value if several else [value])]
        self._check(len(msgspec.json.encode(made)))
        return made

    def _resource(self, value: Any, uri: str, mime_type: str | None) -> dict[str, Any]:
        if isinstance(value, ResourceContent):
            found = msgspec.structs.replace(value, uri=value.uri or uri, mime_type=value.mime_type or mime_type)
        elif isinstance(value, bytes):
            found = ResourceContent(uri=uri, mime_type=mime_type or "application/octet-stream", blob=value)
        elif isinstance(value, str):
            found = ResourceContent(uri=uri, mime_type=mime_type or "text/plain", text=value)
        else:
            text = self._schemas.encode(value).decode()
            found = ResourceContent(uri=uri, mime_type=mime_type or "application/json", text=text)
        data: dict[str, Any] = msgspec.to_builtins(found)
        if "text" in data:
            data["text"] = escaped(data["text"])
        return data
