"""Writes what is the queue's own of one compiled handler."""

from __future__ import annotations

from typing import Any

import msgspec

from nestpy_core import Binding, CallKind, Handler, Parameter, Source, ViolationsError, log_denial

from ._context import DoneBeforeError, JobCall, JobContext, RunningJob
from ._types import JobType
from .errors import PayloadError, UnrecoverableError


def data_parameters(handler: Handler) -> list[Parameter]:
    """Return the parameters that take the job: neither injected nor of the attempt itself."""
    return [
        one
        for one in handler.parameters
        if one.inject is None and one.plain_hint not in (RunningJob, JobContext) and one.context_reader is None
    ]


class JobCode:
    """The queue's part of one handler: ``handle(job)`` leaves what came of it in ``job.result`` and ``job.error``."""

    signature = "job"
    subject = "job"

    def __init__(self, handler: Handler, job_type: JobType, outbox: Binding | None = None) -> None:
        self.handler = handler
        self.job_type = job_type
        self.outbox = outbox
        self.name = f"{job_type.queue}.{job_type.name}"
        self.filename = f"nestpy:queue {self.name}"
        self.wants_context = any(
            one.plain_hint is JobContext or one.context_reader is not None for one in handler.parameters
        )

    def call(self, out: Source) -> str:
        """Write what tells instruments of the job."""
        kind = CallKind(
            edge="queue",
            name="queue.job",
            operation=self.name,
            kind="consumer",
            labels={"queue": self.job_type.queue, "job": self.job_type.name},
            attributes={"messaging.destination.name": self.job_type.queue, "messaging.operation.type": "process"},
        )
        made = out.fresh("call")
        out.line(f"{made} = {out.constant(JobCall, 'JobCall')}({out.constant(kind, 'kind')}, job)")
        return made

    def context(self, out: Source) -> str:
        """Return what builds a `JobContext`."""
        return f"{out.constant(JobContext, 'JobContext')}({out.constant(self.handler, 'handler')}, job=job)"

    def carrier(self, token: type, out: Source) -> str:
        """Return the attempt itself."""
        del token, out
        return "job"

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:  # the pipes of core
        """Write the decoding of the job, and before it the question whether it was done before."""
        taken: dict[str, str] = {}
        if self.outbox is not None:
            mark = out.method(self.outbox, "mark")
            with out.block(f"if not await {mark}('queue:' + job.queue + ':' + job.id):"):
                out.line(f"raise {out.constant(DoneBeforeError, 'DoneBeforeError')}")
        for parameter in self.handler.parameters:
            if parameter.inject is None:
                taken[parameter.name] = self._argument(parameter, out, pipes)
        return taken

    def _argument(self, parameter: Parameter, out: Source, pipes: Any) -> str:
        found = parameter.plain_hint
        if found is RunningJob:
            return "job"
        if found is JobContext:
            return "context"
        reader = parameter.context_reader
        if reader is not None:
            variable = reader.emit(out, parameter.name)
        else:
            variable = out.fresh(parameter.name)
            decode = out.constant(self.job_type.decoder(), "decode")
            out.line(f"{variable} = {out.constant(read_job, 'read_job')}({decode}, job)")
        pipes.apply(variable, parameter)
        return variable

    def refusal(self, out: Source) -> str:
        """Return what makes a refusal final."""
        return f"{out.constant(refused, 'refused')}(job, verdict, {self.handler.label!r})"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write where the result goes."""
        del plain, context
        if observed:
            out.line("outcome = 'ok' if job.error is None else 'error'")
        out.line("job.result = result")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Write where the exception goes."""
        if observed:
            out.line("outcome = 'error'")
        out.line("job.error = error")


def read_job(decode: Any, job: RunningJob) -> Any:  # a decoder, and what it returns
    """Return the decoded job.

    Raises:
        PayloadError: it does not fit its type, which no other attempt will change.
    """
    try:
        return decode(job.payload)
    except (msgspec.DecodeError, ViolationsError, RecursionError) as error:
        raise PayloadError(f"the payload does not fit `{job.envelope.type}`: {error}") from error


def refused(job: RunningJob, verdict: object, label: str) -> None:
    """Leave the refusal of a guard as the job's end."""
    if isinstance(verdict, Exception):
        job.error = verdict
    else:
        denial = log_denial(verdict, label)
        job.error = UnrecoverableError(f"refused: {denial.detail or denial.kind.value}")
