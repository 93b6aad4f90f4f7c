"""Writes the MCP part of each compiled function: arguments, results, refusals and failures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from nestpy_core import (
    Call,
    CallKind,
    Denial,
    DenialKind,
    Handler,
    HandlerMarker,
    Parameter,
    Source,
    ViolationsError,
    log_denial,
    name_of,
)
from nestpy_core.errors import DeniedError, DomainError, FailureKind

from ._content import ToolResult
from ._protocol import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    MODERN,
    REFUSED,
    RESOURCE_NOT_FOUND,
    RpcError,
)
from ._request import McpCall, McpContext, McpRequest, answers_of
from ._results import escaped
from ._schemas import from_context_of, plain
from .errors import InputRequiredError, ResourceNotFoundError, ToolError

logger = logging.getLogger("nestpy.mcp")

STATUS = {
    DenialKind.UNAUTHORIZED: 401,
    DenialKind.FORBIDDEN: 403,
    DenialKind.RATE_LIMITED: 429,
    DenialKind.INSUFFICIENT_SCOPE: 403,
}
MAX_FAILURE = 65_536
"""Characters of what a failed tool says."""
WORDS = {401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}


class DoorMarker(HandlerMarker, frozen=True, kw_only=True):
    """Stands for the decorator of what only admits, for what instruments it."""

    edge: ClassVar[str] = "mcp"
    word: ClassVar[str] = "a door"

    @property
    def safe(self) -> bool:
        """Admission changes nothing."""
        return True


def data_parameters(handler: Handler) -> list[Parameter]:
    """Return the parameters that clients fill: neither injected nor of the operation itself."""
    return [
        one
        for one in handler.parameters
        if one.inject is None and plain(one.hint) not in (McpRequest, McpContext) and from_context_of(one) is None
    ]


class OperationCode:
    """The MCP part of one handler: ``handle(request)`` returns a result, or an `RpcError`."""

    signature = "request"
    subject = "request"

    def __init__(
        self,
        handler: Handler,
        name: str,
        *,
        kind: str,
        decode: Callable[[McpRequest], Any] | None = None,
        make: Callable[[Any, McpRequest], Any] | None = None,
        fields: list[Parameter] | None = None,
        label: str = "",
    ) -> None:
        self.handler = handler
        self.name = name
        self.filename = f"nestpy:mcp {name}"
        self.wants_context = any(
            plain(one.hint) is McpContext or from_context_of(one) is not None for one in handler.parameters
        )
        self._kind = kind
        self._decode = decode
        self._make = make
        self._fields = [] if fields is None else fields
        self._label = label or handler.label

    def call(self, out: Source) -> str:
        """Write what tells instruments of the operation."""
        door = self._kind == "door"
        kind = CallKind(
            edge="mcp",
            name="mcp.admission" if door else "mcp.operation",
            operation=self.name,
            kind="internal" if door else "server",
            labels={"operation": self.name},
            attributes={"rpc.system": "jsonrpc"},
            level="debug" if door else "info",
        )
        made = out.fresh("call")
        build = out.constant(Call if door else McpCall, "McpCall")
        out.line(f"{made} = {build}({out.constant(kind, 'kind')}, request)")
        return made

    def context(self, out: Source) -> str:
        """Return what builds a `McpContext`."""
        return f"{out.constant(McpContext, 'McpContext')}({out.constant(self.handler, 'handler')}, request=request)"

    def carrier(self, token: type, out: Source) -> str:
        """Return the operation itself."""
        del token, out
        return "request"

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:  # the pipes of core
        """Write the decoding of the arguments."""
        taken: dict[str, str] = {}
        decoded = ""
        if self._decode is not None and self._fields:
            decoded = out.fresh("decoded")
            out.line(f"{decoded} = {out.constant(self._decode, 'decode')}(request)")
        elif self._decode is not None:
            out.line(f"{out.constant(self._decode, 'decode')}(request)")
        for parameter in self.handler.parameters:
            if parameter.inject is None:
                taken[parameter.name] = self._argument(parameter, decoded, out, pipes)
        return taken

    def _argument(self, parameter: Parameter, decoded: str, out: Source, pipes: Any) -> str:
        found = plain(parameter.hint)
        if found is McpRequest:
            return "request"
        if found is McpContext:
            return "context"
        variable = out.fresh(parameter.name)
        reader = from_context_of(parameter)
        if reader is not None:
            out.line(f"{variable} = {out.constant(reader.read, 'read')}(context)")
            with out.block(f"if hasattr({variable}, '__await__'):"):
                out.line(f"{variable} = await {variable}")
        else:
            out.line(f"{variable} = {decoded}.{parameter.name}")
        pipes.apply(variable, parameter)
        return variable

    def shape(self, out: Source, call: str, handler: str) -> None:
        """Write the shaping of what the result carries."""
        out.line(f"result = {out.constant(shaped_result, 'shaped_result')}(result, {call}, {handler})")

    def refusal(self, out: Source) -> str:
        """Return what turns a verdict into an error."""
        return f"{out.constant(self._refused, 'refused')}(verdict)"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the return."""
        del context
        if self._make is not None:
            make = f"result = {out.constant(self._make, 'make')}(result, request)"
            if plain:
                out.line(make)
            else:
                with out.block(f"if result.__class__ is not {out.constant(RpcError, 'RpcError')}:"):
                    out.line(make)
        if observed:
            out.line(f"outcome = {out.constant(outcome_of, 'outcome_of')}(result)")
        out.line("return result")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Write the answer to an exception."""
        out.line(f"result = {out.constant(self._fail, 'fail')}(error, request)")
        if observed:
            out.line(f"outcome = {out.constant(outcome_of, 'outcome_of')}(result)")
        out.line("return result")

    def _refused(self, verdict: object) -> RpcError:
        if isinstance(verdict, DeniedError):
            verdict = verdict.denial
        if isinstance(verdict, Exception):
            return self._opaque(verdict)
        denial = log_denial(verdict, self._label)
        return refusal_of(denial)

    def _fail(self, error: Exception, request: McpRequest) -> Any:
        if isinstance(error, RpcError):
            return error
        if isinstance(error, InputRequiredError):
            return input_required(error, request)
        if isinstance(error, DeniedError):
            return self._refused(error)
        if isinstance(error, ViolationsError):
            return RpcError(INVALID_PARAMS, "Invalid arguments", {"errors": error.errors})
        if isinstance(error, ToolError) and self._kind == "tool":
            return failed(str(error))
        if isinstance(error, ResourceNotFoundError) and self._kind == "resource":
            return not_found(request)
        if isinstance(error, DomainError):
            return self._domain(error, request)
        return self._opaque(error)

    def _domain(self, error: DomainError, request: McpRequest) -> Any:
        if error.kind is FailureKind.INVALID:
            return RpcError(INVALID_PARAMS, escaped(error.detail) or "Invalid arguments", {"errors": error.errors})
        if self._kind == "tool":
            return failed(error.detail or error.kind.value)
        if self._kind == "resource" and error.kind is FailureKind.NOT_FOUND:
            return not_found(request)
        return RpcError(INTERNAL_ERROR, escaped(error.detail) or error.kind.value)

    def _opaque(self, error: Exception) -> RpcError:
        logger.error("%s failed: %s", self._label, name_of(type(error)), exc_info=error)
        return RpcError(INTERNAL_ERROR, "Internal error")


def shaped_result(result: Any, shape: Callable[[Any, Handler], Any], handler: Handler) -> Any:
    """Return *result* with the data that it carries shaped: what is masked elsewhere is masked here."""
    if isinstance(result, RpcError):
        return result
    if isinstance(result, ToolResult):
        return result if result.structured is None else _shaped(result, shape(result.structured, handler))
    return shape(result, handler)


def _shaped(result: ToolResult, structured: Any) -> ToolResult:
    return msgspec.structs.replace(result, structured=structured)


def refusal_of(denial: Denial) -> RpcError:
    """Return the error of a guard's refusal: its own HTTP status, and -32001 in JSON-RPC."""
    status = STATUS[denial.kind]
    headers: dict[str, str] = {}
    if denial.kind is DenialKind.UNAUTHORIZED:
        headers["www-authenticate"] = denial.challenge or "Bearer"
    elif denial.kind is DenialKind.INSUFFICIENT_SCOPE:
        headers["www-authenticate"] = f'Bearer error="insufficient_scope", scope="{" ".join(denial.scopes)}"'
    elif denial.retry_after is not None:
        headers["retry-after"] = str(max(1, int(-(-denial.retry_after // 1))))
    return RpcError(REFUSED, escaped(denial.detail) or WORDS[status], status=status, headers=headers)


def failed(text: str) -> dict[str, Any]:
    """Return the result of a tool that could not do its work, in few enough words."""
    return {"content": [{"type": "text", "text": escaped(text[:MAX_FAILURE])}], "isError": True}


def not_found(request: McpRequest) -> RpcError:
    """Return the error of a resource that there is not, as the revision has it."""
    code = INVALID_PARAMS if request.version in MODERN else RESOURCE_NOT_FOUND
    return RpcError(code, "Resource not found", {"uri": request.params.get("uri")})


def input_required(error: InputRequiredError, request: McpRequest) -> dict[str, Any]:
    """Return the result that asks the client for more (2026-07-28, multi-round-trip requests)."""
    state = msgspec.json.encode(answers_of(request.params)).decode()
    return {"resultType": "input_required", "inputRequests": {error.key: error.asked}, "requestState": state}


def outcome_of(result: Any) -> str:
    """Return how an operation ended, for instruments."""
    if isinstance(result, RpcError):
        return {REFUSED: "refused", INTERNAL_ERROR: "error"}.get(result.code, "invalid")
    return "failed" if isinstance(result, dict) and result.get("isError") else "ok"
