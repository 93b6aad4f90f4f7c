"""Every error that nestpy-core raises.

NestPyError
├── DefinitionError (TypeError)              a decorator or `provide` got something it cannot serve
├── PluginError                              an installed plugin cannot be used
├── StartError                               a factory or an init hook failed while the app started
├── NotProvidedError (LookupError)           a script asked a context for something it cannot give
├── SectionError (KeyError)                  a plugin read a configuration section that is not there
├── DeniedError (PermissionError)            the actor may not do this; edges answer as to a guard's refusal
├── StrayCancellationError                   a call awaited a task of its own that was cancelled
├── StrayExitError                           a call raised `SystemExit`
├── DomainError                              the work cannot be done, for a reason that the caller may know
├── BootError (ExceptionGroup)               everything that is wrong with an application, at once
└── Problem                                  one thing that is wrong with an application
    ├── MissingProviderError (LookupError)   nobody provides what a consumer needs
    ├── AccessError                          somebody provides it, beyond the consumer's module
    ├── CycleError                           providers wait on each other
    ├── ScopeError                           a singleton reaches something that lives shorter
    ├── DuplicateProviderError               one token, two bindings
    ├── ModuleError                          an export, an override or a listed class makes no sense
    ├── HandlerError                         a handler, hook or layer cannot be compiled
    ├── PostureError                         a handler says neither who may call it nor `@public`
    ├── UnresolvedHintError (NameError)      an annotation cannot be evaluated
    └── ConfigurationError (ValueError)      a setting is missing, unreadable or contested
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from ._graph import Graph
    from ._layer import Denial

__all__ = (
    "AccessError",
    "BootError",
    "ConfigurationError",
    "CycleError",
    "DefinitionError",
    "DeniedError",
    "DomainError",
    "DuplicateProviderError",
    "FailureKind",
    "HandlerError",
    "MissingProviderError",
    "ModuleError",
    "NestPyError",
    "NotProvidedError",
    "PluginError",
    "PostureError",
    "Problem",
    "ScopeError",
    "SectionError",
    "StartError",
    "StrayCancellationError",
    "StrayExitError",
    "UnresolvedHintError",
)


class NestPyError(Exception):
    """The base of every error that a NestPy distribution raises on purpose."""


class DefinitionError(NestPyError, TypeError):
    """A decorator, `provide` or a module declaration got something it cannot serve.

    Uncaught, it prints as its text and ends the process with 78.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        from ._uncaught import report_when_uncaught

        report_when_uncaught()


class PluginError(NestPyError):
    """An installed plugin clashes with another, does not import, speaks another hook version or fails in a hook."""


class StartError(NestPyError):
    """A factory, constructor or init hook failed while the app started. The cause is chained."""


class NotProvidedError(NestPyError, LookupError):
    """A script asked a context for a token that the graph does not bind, or outside its scope."""


class SectionError(NestPyError, KeyError):
    """A plugin read a configuration section of the graph that is not there.

    Raised by a hook because a setting is wrong, it stays out of the way of the report of that setting.

    Attributes:
        section: the configuration class.
        wrong: whether its settings are wrong, which the boot's report says.
    """

    def __init__(self, section: type, sentence: str, *, wrong: bool = False) -> None:
        super().__init__(sentence)
        self.section = section
        self.wrong = wrong

    def __str__(self) -> str:
        return str(self.args[0])


class StrayCancellationError(NestPyError):
    """What a call awaited was cancelled, and the call itself was not: it has failed like any other."""

    def __init__(self) -> None:
        super().__init__(
            "A task was awaited that somebody had cancelled.\n"
            "Hint: suppress `asyncio.CancelledError` where you await a task that you cancelled"
        )


class StrayExitError(NestPyError):
    """What a call uses meant to end the process, as `sys.exit` does: the call has failed, and the process goes on.

    Attributes:
        code: what it would have ended with.
    """

    def __init__(self, code: object) -> None:
        super().__init__(
            f"`SystemExit({code!r})` was raised, which ends a call of a served app and not its process.\n"
            f"Hint: catch it around what calls `sys.exit`; an app ends itself by a signal: "
            f"`os.kill(os.getpid(), signal.SIGTERM)`"
        )
        self.code = code


class DeniedError(NestPyError, PermissionError):
    """The actor may not do this, as code behind the guards found out; every edge answers as to a guard's refusal.

    Attributes:
        denial: what the guard would have said.
    """

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.detail or denial.kind.value)
        self.denial = denial


class FailureKind(enum.Enum):
    """Why the work of a `DomainError` cannot be done; each edge has words of its own for each.

    Attributes:
        INVALID: a value cannot be taken (HTTP: 400, or as ``http.validation_status`` says).
        NOT_FOUND: there is no such thing, or none that the caller may know of (404).
        CONFLICT: it contradicts the present state (409).
        TIMEOUT: something that this process waits for did not answer in time (504).
        UNAVAILABLE: something that this process needs is away or full; try again (503).
    """

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"


def reason_of(error: BaseException) -> str:
    """Return class and text of an error, and of each one that a group holds."""
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, BaseExceptionGroup) or isinstance(error, BootError):
        return text
    return f"{text}: {'; '.join(map(reason_of, error.exceptions))}"


class DomainError(NestPyError):
    """The work cannot be done, for a reason that the caller may know: storage and business logic raise subclasses.

    Attributes:
        kind: why; each edge answers accordingly. A subclass says another one as ``kind = FailureKind.NOT_FOUND``.
        detail: a sentence for the caller; never put anything internal, or a value, here.
        errors: for each field its failures, as in `ViolationsError`; empty where it is about no field.
    """

    kind: ClassVar[FailureKind] = FailureKind.CONFLICT

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a kind that no edge knows."""
        super().__init_subclass__(**options)
        kind: object = cls.__dict__.get("kind", cls.kind)
        if not isinstance(kind, FailureKind | property):
            near = next((known.name for known in FailureKind if known.value == kind), "CONFLICT")
            raise DefinitionError(
                f"`{cls.__qualname__}.kind` must be a `FailureKind`, not `{kind!r}`.\n"
                f"Hint: write `kind = FailureKind.{near}`"
            )

    def __init__(self, detail: str = "", *, errors: Mapping[str, Sequence[Mapping[str, str]]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = dict(errors or {})


class Problem(NestPyError):  # noqa: N818  # a finding; its subclasses are the errors
    """One thing that is wrong with an application, found before anything was constructed.

    Attributes:
        sentence: what is wrong, naming the consumer, its module and the dependency.
        drawing: the drawn path, empty when there is none.
        hints: edits that would mend it, without the word ``Hint``.
    """

    def __init__(self, sentence: str, *, drawing: Sequence[str] = (), hints: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.drawing = tuple(drawing)
        self.hints = tuple(hints)

    def __str__(self) -> str:
        """Render the sentence, the drawing and one `Hint:` line for each edit."""
        return "\n".join([self.sentence, *self.drawing, *(f"Hint: {hint}" for hint in self.hints)])


class MissingProviderError(Problem, LookupError):
    """Nobody provides what a consumer needs."""


class AccessError(Problem):
    """Somebody provides it, but the consumer's module cannot see it."""


class CycleError(Problem):
    """Providers wait on each other; the drawing shows the loop."""


class ScopeError(Problem):
    """A provider reaches something that lives shorter than itself; the drawing shows the path."""


class DuplicateProviderError(Problem):
    """One token has two bindings."""


class ModuleError(Problem):
    """A module lists, exports or overrides something that makes no sense."""


class HandlerError(Problem):
    """A handler, a lifecycle hook or a layer cannot be compiled."""


class PostureError(Problem):
    """Handlers say neither who may call them nor `@public`, in an app that guards others."""


class UnresolvedHintError(Problem, NameError):
    """An annotation cannot be evaluated; the text names the parameter, the function, file and line."""


class ConfigurationError(Problem, ValueError):
    """A setting is missing, unreadable, contested or breaks its rule. The text never holds the value.

    Attributes:
        setting: dotted name, for instance ``http.port``.
        rule: what the setting must be, as the end of the sentence "Setting `http.port` …".
    """

    def __init__(self, setting: str, rule: str, *, hints: Sequence[str] = ()) -> None:
        super().__init__(f"Setting `{setting}` {rule}", hints=hints)
        self.setting = setting
        self.rule = rule


class BootError(ExceptionGroup[Problem], NestPyError):
    """Everything that is wrong with an application, found before anything was constructed or bound.

    `str()` is the whole report. The process exit code for it is 78 (``EX_CONFIG``).

    Attributes:
        root: the root module's name.
        graph: what was collected of the application, for drawing; None when there is nothing.
    """

    graph: Graph | None = None

    def __new__(cls, root: str, problems: Sequence[Problem]) -> Self:
        """Group *problems* of the application whose root module is called *root*."""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        return super().__new__(cls, f"`{root}` cannot boot: {count}.", problems)

    def __init__(self, root: str, problems: Sequence[Problem]) -> None:
        super().__init__(root, problems)
        self.root = root

    def derive(self, excs: Sequence[Problem]) -> BootError:  # type: ignore[override]  # problems only
        """Keep the class when the group is split."""
        part = BootError(self.root, excs)
        part.graph = self.graph
        return part

    def __str__(self) -> str:
        """Render the numbered report."""
        blocks = [self.message]
        for number, problem in enumerate(self.exceptions, 1):
            first, *rest = str(problem).splitlines()
            blocks.append("\n".join([f"{number}. {first}", *(f"   {line}" for line in rest)]))
        return "\n\n".join(blocks)
