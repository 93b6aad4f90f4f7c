"""A factory that could only deny is refused where it is written."""

import pytest

from nestpy_authz import AbilityFactory, AuthzModule, RuleError


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
