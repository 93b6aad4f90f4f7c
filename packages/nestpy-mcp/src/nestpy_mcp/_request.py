"""One MCP operation as handlers and layers see it, and what it may tell or ask the client meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import msgspec

from nestpy_core import Call, ExecutionContext

from ._protocol import LEVELS, META_LOG_LEVEL, MODERN
from ._schemas import json_schema
from .errors import ClientCapabilityError, InputRequiredError

__all__ = ("Elicitation", "McpContext", "McpRequest")

T = TypeVar("T")


class Elicitation(msgspec.Struct, frozen=True):
    """What a person answered.

    Attributes:
        action: whether they accepted, declined, or closed the question.
        content: the answer, by name; empty unless they accepted.
    """

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] = {}


class Channel(Protocol):
    """Leads to the client while a request runs."""

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification; it is dropped where no stream leads to the client."""
        ...

    def hang_up(self) -> None:
        """Close the connection, where the client may come back for the answer."""
        ...

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result.

        Raises:
            ClientCapabilityError: no stream leads to the client, or the client refused.
        """
        ...


class Silent:
    """The channel of a request that is answered by one document."""

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Drop it."""

    def hang_up(self) -> None:
        """Nothing is open."""

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Refuse: nothing leads there."""
        del params
        raise ClientCapabilityError(
            f"`{method}` cannot be sent: no session leads to the client.\n"
            "Hint: write `@mcp(stateful=True)`, and let the client accept `text/event-stream`"
        )


SILENT = Silent()


class McpRequest:
    """The operation that runs. A handler takes it as a parameter of this type; request-scoped providers may inject it.

    Attributes:
        method: for instance ``tools/call``.
        params: as they came.
        version: the revision that the client speaks.
        headers: of the HTTP request, by lower-case name; empty over stdio.
        session_id: of a stateful server.
        resource: this server's own URL, which a token must be meant for; empty over stdio.
        issuer: who gave the caller's token, and
        client_id: the OAuth client that it was given to, as a guard says; a session is bound to both and to the actor.
        client: name and version of the client, where it told them.
        capabilities: what the client offers.
    """

    __slots__ = (
        "_asked",
        "_channel",
        "_level",
        "_token",
        "arguments",
        "capabilities",
        "client",
        "client_id",
        "headers",
        "issuer",
        "method",
        "params",
        "resource",
        "session_id",
        "version",
    )

    def __init__(  # noqa: PLR0917  # as many as an operation has
        self,
        method: str,
        params: dict[str, Any],
        version: str,
        headers: Mapping[str, str],
        channel: Channel = SILENT,
        session_id: str | None = None,
        client: Mapping[str, Any] | None = None,
        capabilities: Mapping[str, Any] | None = None,
        level: str | None = None,
        resource: str = "",
    ) -> None:
        self.method = method
        self.params = params
        self.arguments: dict[str, Any] = {}
        self.version = version
        self.headers = headers
        self.session_id = session_id
        self.resource = resource
        self.issuer = ""
        self.client_id = ""
        self.client = client or {}
        self.capabilities = capabilities or {}
        self._channel = channel
        self._asked = 0
        meta = params.get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        self._token = meta.get("progressToken")
        asked = meta.get(META_LOG_LEVEL)
        self._level = asked if version in MODERN else level

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is; nothing happens unless the client asked to be told.

        Args:
            done: grows with every call.
            total: what it grows to, where that is known.
            message: what people are shown.
        """
        if self._token is None:
            return
        params: dict[str, Any] = {"progressToken": self._token, "progress": done}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self._channel.notify("notifications/progress", params)

    async def log(self, level: str, data: Any, *, logger: str | None = None) -> None:  # any JSON
        """Send a log message to the client, if it wants those of this level.

        Args:
            level: ``debug``, ``info``, ``notice``, ``warning``, ``error``, ``critical``, ``alert``, ``emergency``.
            data: text or any JSON; never put secrets here.
            logger: who says it.
        """
        wanted = self._level if self._level in LEVELS else None
        if wanted is None or LEVELS.index(level) < LEVELS.index(wanted):
            return
        params = {"level": level, "data": data, **({} if logger is None else {"logger": logger})}
        await self._channel.notify("notifications/message", params)

    async def hang_up(self) -> None:
        """Close the connection while the work goes on: the client comes back for the answer (2025-11-25, SEP-1699).

        Nothing happens without a session. It spares connections where work takes minutes.
        """
        self._channel.hang_up()

    async def elicit(self, message: str, schema: Any) -> Elicitation:
        """Ask the person in front of the client.

        In the revisions before 2026-07-28 this needs a session. Since then the call ends with the question and is made
        again with the answer: what stands before it in the handler runs again.

        Args:
            message: what they are asked.
            schema: a class with flat fields (a msgspec Struct), or a JSON Schema.

        Raises:
            ClientCapabilityError: the client does not offer it, or nothing leads there.
        """
        self._need("elicitation")
        requested = schema if isinstance(schema, dict) else json_schema(schema)
        result = await self._ask("elicitation/create", {"message": message, "requestedSchema": requested})
        return _read(result, Elicitation)

    async def sample(self, messages: list[dict[str, Any]], *, max_tokens: int, **options: Any) -> dict[str, Any]:
        """Ask the client's model.

        Args:
            messages: as the protocol has them, with ``role`` and ``content``.
            max_tokens: of the answer.
            options: further parameters of ``sampling/createMessage``, as the protocol calls them.

        Raises:
            ClientCapabilityError: the client does not offer it, or nothing leads there.
        """
        self._need("sampling")
        params = {"messages": messages, "maxTokens": max_tokens, **options}
        return _read(await self._ask("sampling/createMessage", params), dict[str, Any])

    async def roots(self) -> list[dict[str, Any]]:
        """Ask for the folders that the client works on.

        Raises:
            ClientCapabilityError: the client does not offer it, or nothing leads there.
        """
        self._need("roots")
        found = _read(await self._ask("roots/list", {}), dict[str, Any])
        return _read(found.get("roots", []), list[dict[str, Any]])

    def _need(self, capability: str) -> None:
        if capability not in self.capabilities:
            raise ClientCapabilityError(f"The client does not offer `{capability}`")

    async def _ask(self, method: str, params: dict[str, Any]) -> Any:
        if self.version not in MODERN:
            return await self._channel.ask(method, params)
        self._asked += 1
        key = f"ask-{self._asked}"
        answers = answers_of(self.params)
        if key in answers:
            return answers[key]
        raise InputRequiredError(key, {"method": method, "params": params})


def answers_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the client answered so far: its state comes back as it was sent, and holds its answers alone."""
    earlier: dict[str, Any] = {}
    state = params.get("requestState")
    if isinstance(state, str):
        try:
            earlier = msgspec.json.decode(state, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            earlier = {}
    latest = params.get("inputResponses")
    return {**earlier, **(latest if isinstance(latest, dict) else {})}


def _read(value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise ClientCapabilityError("The client's answer is not what the protocol has for it") from None


class McpContext(ExecutionContext, eq=False):
    """What layers know of an operation.

    Attributes:
        request: the operation.
    """

    edge: ClassVar[str] = "mcp"

    request: Any = None  # a McpRequest

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the HTTP request by lower-case name; none over stdio."""
        return self.request.headers  # type: ignore[no-any-return]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as they came: unchecked while guards run."""
        found = self.request.params.get("arguments")
        return found if isinstance(found, dict) else {}


class McpCall(Call):
    """What instruments learn of an operation."""

    __slots__ = ()

    def incoming(self) -> Mapping[str, str]:
        """Return the trace of the client, as HTTP carries it."""
        headers = self.subject.headers
        return {name: headers[name] for name in ("traceparent", "tracestate") if headers.get(name)}

    trusted = False

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return ``ok``, ``error``, ``refused`` or ``cancelled``."""
        return outcome if isinstance(outcome, str) else super().outcome(outcome, error)

    def failed(self, outcome: str) -> bool:
        """Say whether the failure is ours."""
        return outcome == "error"
