"""Reads the tools, prompts, resources and completions of a graph, and what is wrong with them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import unquote

from nestpy_core import ExecutionContext, Graph, Handler, HandlerError, LayerUse, Problem, name_of
from nestpy_http import Request

from ._markers import CompletionMarker, EntryMarker, McpMarker, PromptMarker, ResourceMarker, ToolMarker
from ._operation_code import data_parameters
from ._results import Results, deceives, shape_of
from ._schemas import Arguments, Schemas, docstring_of, plain

_DESCRIBED = "annotate it with a type that msgspec knows, or install a schema plugin for it"
_VARIABLE = re.compile(r"\{\+?([A-Za-z_]\w*)\}")


class Entry:
    """One tool, prompt, resource or completion.

    Attributes:
        kind: ``tool``, ``prompt``, ``resource``, ``template`` or ``completion``.
        key: what clients call it by: a name or a URI.
        listed: how lists show it.
        function: the compiled handler; `McpEdge` sets it.
        door: which of the server's doors leads to it.
        talks: whether the handler may tell or ask the client something while it runs.
    """

    def __init__(self, handler: Handler, marker: EntryMarker, kind: str, key: str) -> None:
        self.handler = handler
        self.marker = marker
        self.kind = kind
        self.key = key
        self.name = marker.name or handler.name
        self.listed: dict[str, Any] = {}
        self.arguments: Arguments | None = None
        self.shape = "text"
        self.template: re.Pattern[str] | None = None
        self.function: Any = None
        self.door = 0
        self.talks = False

    @property
    def guards(self) -> tuple[LayerUse, ...]:
        """The guards that authenticate or authorize."""
        return tuple(use for use in self.handler.layers["guards"] if use.posture)

    @property
    def completed(self) -> Collection[str]:
        """What may be completed of it: the arguments of a prompt, the variables of a template."""
        if self.kind == "prompt":
            return [one["name"] for one in self.listed["arguments"]]
        return _VARIABLE.findall(self.key) if self.kind == "template" else ()

    @property
    def label(self) -> str:
        """What `nestpy routes` calls it."""
        return f"{self.kind} {self.key}"

    def match(self, uri: str) -> dict[str, str] | None:
        """Return the variables of a URI that this template stands for, else None."""
        found = self.template.fullmatch(uri) if self.template is not None else None
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


class Entries:
    """Makes the entries of one app."""

    def __init__(self, graph: Graph, schemas: Schemas, results: Results) -> None:
        self._graph = graph
        self._schemas = schemas
        self._results = results
        self.problems: list[Problem] = []

    def read(self) -> Iterator[tuple[McpMarker, Entry]]:
        """Yield every entry with its host's marker."""
        for handler, host, marker in self._graph.handlers_of("mcp"):
            if isinstance(host, McpMarker) and isinstance(marker, EntryMarker):
                entry = self._entry(handler, marker)
                if entry is None:
                    continue
                if deceives(entry.listed):
                    self._problem(
                        f"What `{handler.label}` says of itself holds control characters or some that reorder text.",
                        "write plain text: a model reads it as it is",
                    )
                yield host, entry

    def _entry(self, handler: Handler, marker: EntryMarker) -> Entry | None:
        refusal = _not_given(handler)
        if refusal is not None:
            self._problem(*refusal)
            return None
        summary, texts = docstring_of(inspect.getdoc(handler.function) or "")
        description = marker.description or summary
        if not description and isinstance(marker, ToolMarker | PromptMarker):
            self._problem(
                f"`{handler.label}` is decorated with `{marker.word}` and says nothing of what it does.",
                "write a docstring, or `description=…`: it is all that a model knows of it",
            )
        try:
            if isinstance(marker, ToolMarker):
                return self._tool(handler, marker, description, texts)
            if isinstance(marker, PromptMarker):
                return self._prompt(handler, marker, description, texts)
            if isinstance(marker, ResourceMarker):
                return self._resource(handler, marker, description, texts)
        except (TypeError, NameError, ValueError) as error:
            self._problem(*self._indescribable(handler, error))
            return None
        return self._completion(handler, marker) if isinstance(marker, CompletionMarker) else None

    def _tool(self, handler: Handler, marker: ToolMarker, description: str, texts: dict[str, str]) -> Entry:
        entry = Entry(handler, marker, "tool", marker.name or handler.name)
        entry.arguments = self._schemas.arguments(handler, data_parameters(handler), texts)
        entry.shape = shape_of(None if handler.returns is inspect.Parameter.empty else handler.returns)
        entry.listed = _named(entry, description)
        entry.listed["inputSchema"] = entry.arguments.schema()
        if entry.shape == "data":
            schema = self._schemas.json_schema(handler.returns)
            entry.shape = "object" if schema.get("type") == "object" else "wrapped"
            entry.listed["outputSchema"] = schema if entry.shape == "object" else _wrapped(schema)
        hints = {
            "readOnlyHint": marker.read_only,
            "destructiveHint": marker.destructive,
            "idempotentHint": marker.idempotent,
            "openWorldHint": marker.open_world,
        }
        given = {name: value for name, value in hints.items() if value is not None}
        if given:
            entry.listed["annotations"] = given
        return entry

    def _prompt(self, handler: Handler, marker: PromptMarker, description: str, texts: dict[str, str]) -> Entry:
        entry = Entry(handler, marker, "prompt", marker.name or handler.name)
        parameters = data_parameters(handler)
        entry.arguments = self._schemas.arguments(handler, parameters, texts)
        properties = entry.arguments.schema().get("properties", {})
        entry.listed = _named(entry, description)
        entry.listed["arguments"] = [
            {
                "name": one.name,
                "required": one.required,
                **({"description": text} if (text := properties.get(one.name, {}).get("description")) else {}),
            }
            for one in parameters
        ]
        return entry

    def _resource(self, handler: Handler, marker: ResourceMarker, description: str, texts: dict[str, str]) -> Entry:
        variables = _VARIABLE.findall(marker.uri)
        parameters = data_parameters(handler)
        names = [one.name for one in parameters]
        missing = sorted(set(variables) - set(names))
        if missing:
            self._problem(
                f"`{handler.label}` does not take `{missing[0]}`, which stands in `{marker.uri}`.",
                f"give it a parameter `{missing[0]}`",
            )
        for one in parameters:
            if one.name not in variables and one.required:
                self._problem(
                    f"`{handler.label}` takes `{one.name}`, which does not stand in `{marker.uri}`.",
                    f"write `{{{one.name}}}` into the URI, or give the parameter a default",
                )
        entry = Entry(handler, marker, "template" if variables else "resource", marker.uri)
        entry.arguments = self._schemas.arguments(handler, parameters, texts)
        entry.listed = _named(entry, description)
        entry.listed["uriTemplate" if variables else "uri"] = marker.uri
        if marker.mime_type:
            entry.listed["mimeType"] = marker.mime_type
        if variables:
            entry.template = _pattern(marker.uri)
        return entry

    def _completion(self, handler: Handler, marker: CompletionMarker) -> Entry:
        entry = Entry(handler, marker, "completion", f"{marker.of} {marker.argument}")
        names = {one.name for one in data_parameters(handler)}
        if "value" not in names or not names <= {"value", "arguments"}:
            self._problem(
                f"`{handler.label}` is decorated with `@completion` and does not take `value`.",
                "write `value: str`, and `arguments: dict[str, str]` for what is known already",
            )
        return entry

    def _indescribable(self, handler: Handler, error: Exception) -> tuple[str, str]:
        """Return which parameter it is that has no schema, or that it is the result, and what to write."""
        for one in data_parameters(handler):
            if not self._schemas.describes(one.hint):
                text = f"`{handler.label}({one.name})` is `{name_of(one.hint)}`, which JSON Schema cannot describe."
                return text, _DESCRIBED
        if not self._schemas.describes(handler.returns):
            text = f"`{handler.label}` returns `{name_of(handler.returns)}`, which JSON Schema cannot describe."
            return text, _DESCRIBED
        return f"`{handler.label}` has a parameter or a result that JSON Schema cannot describe: {error}.", _DESCRIBED

    def _problem(self, text: str, hint: str) -> None:
        self.problems.append(HandlerError(text, hints=(hint,)))


def _not_given(handler: Handler) -> tuple[str, str] | None:
    """Return which parameter says nothing, or asks for what another edge gives, and what to write."""
    for one in data_parameters(handler):
        kind, label = plain(one.hint), f"{handler.label}({one.name})"
        if kind is inspect.Parameter.empty:
            return f"`{label}` says nothing of its type.", _DESCRIBED
        if kind is Request or (isinstance(kind, type) and issubclass(kind, ExecutionContext)):
            taken = "McpRequest" if kind is Request else "McpContext"
            return f"`{label}` is `{name_of(kind)}`, which an operation is not given.", f"take `{taken}`"
    return None


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.pop("$defs", None)
    whole: dict[str, Any] = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    return {**whole, "$defs": components} if components else whole


def _named(entry: Entry, description: str) -> dict[str, Any]:
    listed: dict[str, Any] = {"name": entry.name}
    if entry.marker.title:
        listed["title"] = entry.marker.title
    if description:
        listed["description"] = description
    return listed


def _pattern(uri: str) -> re.Pattern[str]:
    parts: list[str] = []
    last = 0
    for found in _VARIABLE.finditer(uri):
        parts.append(re.escape(uri[last : found.start()]))
        inner = ".+" if found[0].startswith("{+") else "[^/?#]+"
        parts.append(f"(?P<{found[1]}>{inner})")
        last = found.end()
    return re.compile("".join([*parts, re.escape(uri[last:])]))
