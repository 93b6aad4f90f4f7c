"""What tools, prompts and resources return when text or data alone does not say it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = (
    "Audio",
    "Content",
    "EmbeddedResource",
    "Image",
    "PromptMessage",
    "ResourceContent",
    "ResourceLink",
    "Text",
    "ToolResult",
)


class Text(msgspec.Struct, frozen=True, tag_field="type", tag="text", omit_defaults=True):
    """Text for the model."""

    text: str


class Image(msgspec.Struct, frozen=True, tag_field="type", tag="image", rename="camel"):
    """An image; *data* are its bytes."""

    data: bytes
    mime_type: str


class Audio(msgspec.Struct, frozen=True, tag_field="type", tag="audio", rename="camel"):
    """A sound; *data* are its bytes."""

    data: bytes
    mime_type: str


class ResourceContent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The content of one resource: *text*, or *blob* in bytes.

    Attributes:
        uri: by default what was asked for.
        mime_type: what it is.
    """

    uri: str = ""
    mime_type: str | None = None
    text: str | None = None
    blob: bytes | None = None


class EmbeddedResource(msgspec.Struct, frozen=True, tag_field="type", tag="resource"):
    """A resource as part of a result."""

    resource: ResourceContent


class ResourceLink(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="resource_link", rename="camel", omit_defaults=True
):
    """A resource that the client may read."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None


Content = Text | Image | Audio | EmbeddedResource | ResourceLink
"""One block of a result or of a message."""


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's whole result, for one that decides on its blocks itself.

    Attributes:
        content: blocks and texts.
        structured: data for programs: an object.
        is_error: whether the tool failed, in a way that the model may read.
    """

    content: list[Content | str] = []
    structured: Any = None  # a JSON object
    is_error: bool = False


class PromptMessage(msgspec.Struct, frozen=True):
    """One message of a prompt."""

    content: Content | str
    role: Literal["user", "assistant"] = "user"
