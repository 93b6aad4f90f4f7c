"""A factory that could only deny is refused where it is written."""

import pytest

from nestpy_authz import AbilityFactory, AuthzModule, RuleError, authorize, predicate
from nestpy_core import DefinitionError


@pytest.mark.parametrize("name", ["define", "define_visitor"])
def test_rules_are_written_in_a_function_that_awaits_nothing(name):
    async def define(self, *given): ...

    with pytest.raises(RuleError) as caught:
        type("Rules", (AbilityFactory,), {name: define})
    assert str(caught.value) == (
        f"`Rules.{name}` is async, and rules are told at once.\n"
        "Hint: read what they need beforehand, when the actor is made or when the app starts"
    )


def test_a_factory_writes_rules():
    class Rules(AbilityFactory):
        def defines(self, actor, can, cannot):
            can("read", "reports")

    with pytest.raises(RuleError) as caught:
        AuthzModule.for_root(Rules)
    assert str(caught.value) == (
        "`Rules` writes no rules, so nothing would be allowed.\n"
        "Hint: write `def define(self, actor, can, cannot):` in it"
    )


class Report: ...


@pytest.mark.parametrize("decorator", [authorize, predicate])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((Report,), "` stands above what it decorates without its arguments."),
        ((), "` stands above what it decorates without its arguments."),
        (("read",), "('read')` names no subject."),
    ],
)
def test_a_decorator_without_its_action_or_subject_is_refused(decorator, given, said):
    with pytest.raises(DefinitionError) as caught:
        decorator(*given)
    word = f"@{decorator.__name__}"
    assert str(caught.value) == f'`{word}{said}\nHint: write `{word}("read", Report)`'


def test_a_predicate_is_about_a_class():
    with pytest.raises(RuleError, match="A predicate is given instances of a class, not 'Report'"):
        predicate("read", "Report")
