"""Writes what is the edge's own of one compiled command."""

from __future__ import annotations

from typing import Any

import msgspec

from nestpy_core import ForeignTypes, Handler, Parameter, Pipes, Source, ViolationsError, failures_of

from ._answers import Answer, failed, refused
from ._context import Line, LinesContext


def arguments_of(handler: Handler) -> list[Parameter]:
    """Return the parameters that callers write."""
    return [
        one
        for one in handler.parameters
        if one.inject is None and one.context_reader is None and one.plain_hint not in (Line, LinesContext)
    ]


class LineCode:
    """The edge's part of one command: ``handle(line)`` returns the line to answer."""

    signature = "line"
    subject = "line"

    def __init__(self, name: str, handler: Handler, types: ForeignTypes) -> None:
        self.name = name
        self.filename = f"nestpy:lines {name}"
        self.wants_context = any(
            one.context_reader is not None or one.plain_hint is LinesContext for one in handler.parameters
        )
        self._handler = handler
        self._types = types

    def context(self, out: Source) -> str:
        """Return what builds a `LinesContext`."""
        return f"{out.constant(LinesContext, 'LinesContext')}({out.constant(self._handler, 'handler')}, line=line)"

    def carrier(self, token: type, out: Source) -> str:
        """Return the line itself."""
        del token, out
        return "line"

    def arguments(self, out: Source, pipes: Pipes) -> dict[str, str]:
        """Write the decoding of the arguments, where there are any."""
        written = arguments_of(self._handler)
        if written:
            decode = out.constant(Decoder(self._handler.name, written, self._types).decode, "decode")
            out.line(f"arguments = {decode}(line.arguments)")
        taken: dict[str, str] = {}
        for parameter in self._handler.parameters:
            if parameter.inject is None:
                taken[parameter.name] = self._argument(parameter, out, pipes)
        return taken

    def _argument(self, parameter: Parameter, out: Source, pipes: Pipes) -> str:
        if parameter.plain_hint is LinesContext:
            return "context"
        if parameter.plain_hint is Line:
            return "line"
        if parameter.context_reader is not None:
            variable = parameter.context_reader.emit(out, parameter.name)
        else:
            variable = out.fresh(parameter.name)
            out.line(f"{variable} = arguments.{parameter.name}")
        pipes.apply(variable, parameter)
        return variable

    def refusal(self, out: Source) -> str:
        """Return what answers to a refusal."""
        return f"{out.constant(refused, 'refused')}(verdict, {self._handler.label!r})"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write what encodes the result, unless a guard has refused."""
        del plain, context
        answer, encode = out.constant(Answer, "Answer"), out.constant(Encoder(self._types).encode, "encode")
        if observed:
            out.line(f"outcome = 'error' if isinstance(result, {answer}) else 'ok'")
        out.line(f"return {encode}(result)")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Write what answers to an exception."""
        if observed:
            out.line("outcome = 'error'")
        out.line(f"return {out.constant(failed, 'failed')}(error, {self._handler.label!r}).encoded()")


class Decoder:
    """Decodes the arguments of one command as a Struct with a field for each."""

    def __init__(self, name: str, parameters: list[Parameter], types: ForeignTypes) -> None:
        fields: list[Any] = [
            (one.name, one.hint) if one.required else (one.name, one.hint, one.default) for one in parameters
        ]
        self._kind = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
        self._types = types
        self._decode = msgspec.json.Decoder(self._kind, dec_hook=types.decode).decode

    def decode(self, written: bytes) -> Any:
        """Return the arguments.

        Raises:
            ViolationsError: they are no JSON, or do not fit.
        """
        try:
            return self._decode(written)
        except (ValueError, RecursionError) as error:
            raise ViolationsError(self._failures(written, error)) from None

    def _failures(self, written: bytes, error: Exception) -> Any:
        try:
            return failures_of(self._kind, msgspec.json.decode(written), error, self._types.decode)
        except (ValueError, RecursionError):
            return {"": [{"code": "invalid", "message": "Expected an object in JSON"}]}


class Encoder:
    """Encodes what the layers made of a result."""

    def __init__(self, types: ForeignTypes) -> None:
        self._encode = msgspec.json.Encoder(enc_hook=types.encode).encode

    def encode(self, result: Any) -> bytes:
        """Return a line."""
        if isinstance(result, Answer):
            return result.encoded()
        return b"ok " + self._encode(result) + b"\n"
