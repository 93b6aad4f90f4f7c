"""What errors say of themselves, and what a subclass of one may say."""

import msgspec
import pytest
from line_edge import QUIET, root_of

from nestpy_core import App, DefinitionError, DomainError, FailureKind, StartError, config, dynamic, module, provide


def test_a_domain_error_says_its_kind_as_one_of_the_kinds():
    with pytest.raises(DefinitionError) as caught:
        type("Taken", (DomainError,), {"kind": "not_found"})
    assert str(caught.value) == (
        "`Taken.kind` must be a `FailureKind`, not `'not_found'`.\nHint: write `kind = FailureKind.NOT_FOUND`"
    )


def test_a_domain_error_may_decide_its_kind_for_each_one():
    class Answered(DomainError):
        @property
        def kind(self) -> FailureKind:
            return FailureKind.TIMEOUT if "late" in self.detail else FailureKind.UNAVAILABLE

    assert Answered("late").kind is FailureKind.TIMEOUT


async def test_the_failure_of_a_start_says_what_a_group_of_errors_holds():
    def fail() -> int:
        raise ExceptionGroup("several", [ValueError("one"), ExceptionGroup("inner", [OSError("two")])])

    with pytest.raises(StartError) as caught:
        async with App(root_of(provide(int, use_factory=fail)), environ=QUIET).create_context():
            raise AssertionError("it starts")
    assert str(caught.value) == (
        "`int` in `RootModule` could not be built: ExceptionGroup: several (2 sub-exceptions): "
        "ValueError: one; ExceptionGroup: inner (1 sub-exception): OSError: two"
    )


async def test_a_factory_of_settings_gives_a_mapping():
    @config("mail")
    class MailConfig(msgspec.Struct, frozen=True, kw_only=True):
        host: str = "localhost"

    @module(providers=[MailConfig])
    class MailModule: ...

    filled = dynamic(MailModule, late={MailConfig: lambda: None}, label="for_root_async")
    with pytest.raises(StartError, match="`for_root_async` of `MailConfig` must give a mapping of settings, not"):
        async with App(root_of(imports=[filled]), environ=QUIET).create_context():
            raise AssertionError("it starts")
