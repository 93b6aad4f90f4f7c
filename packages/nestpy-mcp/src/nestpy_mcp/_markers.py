"""The decorators of the MCP edge: `@mcp`, `@tool`, `@prompt`, `@resource` and `@completion`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, dataclass_transform

from nestpy_core import DefinitionError, HandlerMarker, HostMarker, Scope, declare_handler, declare_host

__all__ = ("completion", "mcp", "prompt", "resource", "tool")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")
_PATH = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+", re.IGNORECASE)


class McpMarker(HostMarker, frozen=True, kw_only=True):
    """What `@mcp` was given; see there."""

    edge: ClassVar[str] = "mcp"
    word: ClassVar[str] = "@mcp"
    path: str
    name: str | None = None
    title: str | None = None
    version: str | None = None
    instructions: str | None = None
    stateful: bool | None = None


class EntryMarker(HandlerMarker, frozen=True, kw_only=True):
    """What the decorators of methods have in common."""

    edge: ClassVar[str] = "mcp"
    host_word: ClassVar[str] = "@mcp"
    name: str | None = None
    title: str | None = None
    description: str | None = None


class ToolMarker(EntryMarker, frozen=True, kw_only=True):
    """What `@tool` was given; see there."""

    word: ClassVar[str] = "@tool"
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None

    @property
    def safe(self) -> bool:
        """Whether it says that it only reads."""
        return self.read_only is True


class PromptMarker(EntryMarker, frozen=True, kw_only=True):
    """What `@prompt` was given; see there."""

    word: ClassVar[str] = "@prompt"

    @property
    def safe(self) -> bool:
        """Prompts only read."""
        return True


class ResourceMarker(EntryMarker, frozen=True, kw_only=True):
    """What `@resource` was given; see there."""

    word: ClassVar[str] = "@resource"
    uri: str
    mime_type: str | None = None

    @property
    def safe(self) -> bool:
        """Resources only read."""
        return True


class CompletionMarker(EntryMarker, frozen=True, kw_only=True):
    """What `@completion` was given; see there."""

    word: ClassVar[str] = "@completion"
    argument: str
    of: str

    @property
    def safe(self) -> bool:
        """Completions only read."""
        return True


@dataclass_transform(kw_only_default=True, eq_default=False)
def mcp(
    path: str = "/mcp",
    *,
    name: str | None = None,
    title: str | None = None,
    version: str | None = None,
    instructions: str | None = None,
    stateful: bool | None = None,
    scope: Scope | None = None,
) -> Callable[[C], C]:
    """Make a class an MCP host: its decorated methods are what agents call at *path*.

    Several hosts on one path form one server, whose identity one of them declares.

    Args:
        path: where the server answers over HTTP.
        name: what the server calls itself; by default ``nestpy``.
        title: what people are shown.
        version: of the server; by default ``0.0.0``.
        instructions: what a model is told about the server as a whole.
        stateful: whether clients get sessions, which server-sent requests, subscriptions and resumable streams
            need in the revisions before 2026-07-28. Without them any replica can answer any request.
        scope: lifetime of the instance, a singleton by default.

    Raises:
        DefinitionError: *path* is none.
    """
    if callable(path):
        raise DefinitionError("`@mcp` is written with parentheses.\nHint: write `@mcp()`")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise DefinitionError(
            f"`{path}` in `@mcp` is no path of a server.\nHint: write a path without parameters, as in `/mcp`"
        )
    marker = McpMarker(path=path, name=name, title=title, version=version, instructions=instructions, stateful=stateful)
    return lambda cls: declare_host(cls, marker, scope)


def tool(
    name: str | None = None,
    *,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
) -> Callable[[F], F]:
    """Let agents call a method; its parameters become the tool's input schema, its result the output schema.

    Args:
        name: by default the method's.
        title: what people are shown.
        description: by default the docstring's summary; one of both must be.
        read_only: it changes nothing; storage then refuses writes.
        destructive: it may delete or overwrite.
        idempotent: calling it again changes nothing more.
        open_world: it reaches beyond this system.

    Raises:
        DefinitionError: the name is not allowed.
    """
    _check_name("@tool", name)
    marker = ToolMarker(
        name=name,
        title=title,
        description=description,
        read_only=read_only,
        destructive=destructive,
        idempotent=idempotent,
        open_world=open_world,
    )
    return lambda function: declare_handler(function, marker)


def prompt(name: str | None = None, *, title: str | None = None, description: str | None = None) -> Callable[[F], F]:
    """Offer a prompt: the method returns text, a `PromptMessage` or a list of both; its parameters are arguments.

    Args:
        name: by default the method's.
        title: what people are shown.
        description: by default the docstring's summary; one of both must be.

    Raises:
        DefinitionError: the name is not allowed.
    """
    _check_name("@prompt", name)
    marker = PromptMarker(name=name, title=title, description=description)
    return lambda function: declare_handler(function, marker)


def resource(
    uri: str,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    mime_type: str | None = None,
) -> Callable[[F], F]:
    """Offer a resource, or with ``{name}`` in its URI a template of resources (RFC 6570, level 1).

    The method returns text, bytes, a `ResourceContent`, a list of those, or an object that becomes JSON.

    Args:
        uri: for instance ``post://{id}``; each parameter of the method stands in it.
        name: by default the method's.
        title: what people are shown.
        description: by default the docstring's summary.
        mime_type: by default chosen by what the method returns.

    Raises:
        DefinitionError: *uri* is none.
    """
    _check_name("@resource", name)
    if not isinstance(uri, str) or not _URI.fullmatch(uri):
        raise DefinitionError(f"`{uri}` in `@resource` is no URI.\nHint: begin with a scheme, as in `post://{{id}}`")
    marker = ResourceMarker(uri=uri, name=name, title=title, description=description, mime_type=mime_type)
    return lambda function: declare_handler(function, marker)


def completion(argument: str, *, of: str) -> Callable[[F], F]:
    """Complete one argument of a prompt or of a resource template.

    The method is given ``value``, what was typed so far, and if it asks for ``arguments`` those known already, and
    returns texts: the best first, of which a client is shown 100.

    Args:
        argument: the argument's name.
        of: the prompt's name or the template's URI.
    """
    return lambda function: declare_handler(function, CompletionMarker(argument=argument, of=of))


def _check_name(word: str, name: object) -> None:
    if callable(name):
        raise DefinitionError(f"`{word}` is written with parentheses.\nHint: write `{word}()`")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise DefinitionError(
            f"`{name}` in `{word}` is no name.\nHint: up to 128 letters, digits, hyphens, underscores, dots and slashes"
        )
