"""The MCP edge: reads the hosts of a graph, verifies and compiles their methods; nestpy-http carries the calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nestpy_core import (
    Compiler,
    ConfigurationError,
    EdgeEntry,
    Graph,
    Handler,
    HandlerError,
    Problem,
    ViolationsError,
    needs_of,
    reachable,
)

from ._config import McpConfig, redis_url_of
from ._entries import Entries, Entry
from ._markers import McpMarker
from ._operation_code import DoorMarker, OperationCode, data_parameters
from ._request import McpContext, McpRequest
from ._results import Results, deceives
from ._schemas import Schemas, plain
from ._server import McpServer
from ._table import McpTable


class McpEdge:
    """Everything MCP of one app."""

    name = "mcp"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.config: McpConfig = graph.sections.get(McpConfig) or McpConfig()
        self._table: McpTable = graph.bindings_of(McpTable)[0].source
        self._results = Results(Schemas(graph), self.config.max_result_bytes)
        self._entries: list[Entry] = []
        self._doors: list[tuple[McpServer, Entry]] = []
        self._problems: list[Problem] = []
        self._identities: dict[str, tuple[str, McpMarker]] = {}
        self._table.servers.clear()
        reader = Entries(graph, Schemas(graph), self._results)
        for host, entry in reader.read():
            self._take(host, entry)
        self._problems += reader.problems
        self._check_completions()

    def _take(self, host: McpMarker, entry: Entry) -> None:
        server = self._table.servers.setdefault(host.path, McpServer(host.path, self.config))
        self._identify(server, host, entry.handler)
        known = server.add(entry)
        if known is not None:
            word = "template" if entry.kind == "template" else entry.kind
            self._problems.append(
                HandlerError(
                    f"`{known.handler.label}` and `{entry.handler.label}` are both the {word} `{entry.key}` of "
                    f"`{host.path}`.",
                    hints=("give one of them another name, or its host another path",),
                )
            )
            return
        entry.door = self._door(server, entry)
        self._entries.append(entry)

    def _check_completions(self) -> None:
        for server in self._table.servers.values():
            known = {one.key: one for kind in ("prompt", "template") for one in server.entries.get(kind, ())}
            for entry in server.entries.get("completion", ()):
                marker: Any = entry.marker
                target = known.get(marker.of)
                what = f"`{entry.handler.label}` completes `{marker.argument}` of `{marker.of}`"
                if target is None:
                    text = f"{what}, and `{server.path}` has no such prompt and no such template."
                    there = " and ".join(f"`{key}`" for key in known) or "none"
                    self._problems.append(HandlerError(text, hints=(f"there are {there}",)))
                elif marker.argument not in target.completed:
                    taken = " and ".join(f"`{one}`" for one in target.completed) or "nothing"
                    hints = (f"it takes {taken}",)
                    self._problems.append(HandlerError(f"{what}, which does not take it.", hints=hints))

    def _identify(self, server: McpServer, host: McpMarker, handler: Handler) -> None:
        if not any((host.name, host.title, host.version, host.instructions, host.stateful is not None)):
            return
        if deceives([host.name, host.title, host.version, host.instructions]):
            self._problems.append(
                HandlerError(
                    f"What `{handler.host.label}` says of its server holds control characters or some reordering text.",
                    hints=("write plain text: a model reads it as it is",),
                )
            )
        label, known = self._identities.setdefault(host.path, (handler.host.label, host))
        if label != handler.host.label and known != host:
            self._problems.append(
                HandlerError(
                    f"`{label}` and `{handler.host.label}` both say what the server at `{host.path}` is.",
                    hints=("write `name=`, `title=`, `version=`, `instructions=` and `stateful=` on one of them",),
                )
            )
            return
        server.identify(host)

    def _door(self, server: McpServer, entry: Entry) -> int:
        """Return the door before an entry: one for all entries whose guards and whose metadata are the same."""
        for number, (_, known) in enumerate(one for one in self._doors if one[0] is server):
            if _same_door(known.handler, entry.handler, known, entry):
                return number
        self._doors.append((server, entry))
        return sum(1 for one in self._doors if one[0] is server) - 1

    # -- verify

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with settings, hosts and methods."""
        try:
            redis_url_of(self.config)
        except ConfigurationError as error:
            return [error, *self._problems]
        return self._problems

    def entries(self) -> Iterable[EdgeEntry]:
        """List what clients may call."""
        return [EdgeEntry(entry.label, entry.handler) for entry in self._entries]

    # -- compile

    def compile(self, compiler: Compiler) -> None:
        """Compile every method, and what admits callers to it."""
        for entry in self._entries:
            code = self._code(entry)
            entry.function = compiler.handler(entry.handler, entry.marker, code).function
            entry.talks = code.wants_context or _talks(entry.handler, self.graph)
        for server, entry in self._doors:
            server.doors.append(self._compiled_door(compiler, server, entry))

    def _compiled_door(self, compiler: Compiler, server: McpServer, entry: Entry) -> Any:
        guards = entry.guards
        if not guards and not entry.handler.public:
            return None
        binding = self.graph.bindings_of(McpTable)[0]
        handler = msgspec.structs.replace(
            entry.handler,
            host=binding,
            name="admit",
            function=McpTable.admit,
            parameters=(),
            returns=None,
            layers={"guards": guards, "pipes": (), "interceptors": (), "filters": ()},
            blocking=False,
        )
        label = f"the door to {entry.handler.host.label}"
        code = OperationCode(handler, f"{server.path} door", kind="door", label=label)
        return compiler.handler(handler, DoorMarker(), code).function

    def _code(self, entry: Entry) -> OperationCode:
        fields = data_parameters(entry.handler)
        arguments = entry.arguments
        if entry.kind == "completion":
            return OperationCode(
                entry.handler,
                entry.label,
                kind="completion",
                decode=_completion_reader(fields),
                make=_completed,
                fields=fields,
            )
        assert arguments is not None  # noqa: S101  # only completions have none
        if entry.kind == "tool":
            tool = self._results.tool(entry.shape)
            return OperationCode(
                entry.handler,
                f"tool {entry.key}",
                kind="tool",
                decode=lambda request: arguments.decode(request.params.get("arguments")),
                make=lambda result, _: tool(result),
                fields=fields,
            )
        if entry.kind == "prompt":
            described = {"description": entry.listed["description"]}
            return OperationCode(
                entry.handler,
                f"prompt {entry.key}",
                kind="prompt",
                decode=lambda request: arguments.decode(request.params.get("arguments"), texts=True),
                make=lambda result, _: {**described, "messages": self._results.prompt(result)},
                fields=fields,
            )
        mime_type = entry.listed.get("mimeType")

        def made(result: Any, request: McpRequest) -> dict[str, Any]:
            return {"contents": self._results.resource(result, str(request.params["uri"]), mime_type)}

        return OperationCode(
            entry.handler,
            f"resource {entry.key}",
            kind="resource",
            decode=lambda request: arguments.decode(entry.match(str(request.params["uri"])) or {}, texts=True),
            make=made,
            fields=fields,
        )

    # -- serve

    def transport(self) -> None:
        """Return nothing: nestpy-http carries the calls."""


def _talks(handler: Handler, graph: Graph) -> bool:
    """Say whether a handler takes the operation, itself or through what is made for it; layers alone do not."""
    parameters = [plain(one.hint) for one in handler.parameters]
    carried = [one.token for one in reachable(needs_of(handler, graph)) if one.kind == "carrier"]
    return any(one in (McpRequest, McpContext) for one in (*parameters, *carried))


def _same_door(one: Handler, other: Handler, known: Entry, entry: Entry) -> bool:
    same = one.public == other.public and known.guards == entry.guards
    return same and (not known.guards or dict(one.meta) == dict(other.meta))


def _completion_reader(fields: list[Any]) -> Any:
    names = {one.name for one in fields}

    class Given(msgspec.Struct):
        value: str = ""
        arguments: dict[str, str] = {}

    def read(request: McpRequest) -> Given:
        argument, context = request.params.get("argument"), request.params.get("context")
        known = context.get("arguments", {}) if isinstance(context, dict) else {}
        value = argument.get("value") if isinstance(argument, dict) else None
        try:
            return msgspec.convert({"value": value, "arguments": known if "arguments" in names else {}}, Given)
        except msgspec.ValidationError:
            failure = {"code": "type", "message": "Expected `str`"}
            raise ViolationsError({"argument.value": [failure]}) from None

    return read


def _completed(result: Any, request: McpRequest) -> dict[str, Any]:
    del request
    values = [str(value) for value in result]
    return {"completion": {"values": values[:100], "total": len(values), "hasMore": len(values) > 100}}
