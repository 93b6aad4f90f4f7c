"""One ability of a hundred rules: its gate, casbin's answer to the same question, and the mask of a hundred rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import casbin
import msgspec
from casbin.persist.adapters import StringAdapter

from nestpy_authz import Abilities, AbilityFactory, AuthzModule
from nestpy_core import App, acting_as, hookimpl, module

GATE = "can() of an instance, 100 rules"
ENFORCE = "casbin enforce, 100 policies"
MASK = "mask of 100 rows"
COLUMNS = ("id", "title", "body", "author", "org_id", "published", "secret", "margin")
MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
"""


class Member(msgspec.Struct, frozen=True):
    """Who asks."""

    id: str
    roles: tuple[str, ...]
    org_id: int


class Row:
    """What is asked about."""

    def __init__(self, number: int) -> None:
        for column in COLUMNS:
            setattr(self, column, number)
        self.title = f"title {number}"
        self.published = number % 2 == 0
        self.org_id = number % 4


class Rules(AbilityFactory):
    """A hundred rules about 25 names and four actions, of which four are about rows."""

    def define(self, actor: Any, can: Any, cannot: Any) -> None:
        """Write them."""
        for name in range(24):
            for action in ("create", "read", "update", "delete"):
                can(action, f"subject{name}")
        can("read", Row, published=True, fields=["id", "title", "body", "author", "published"])
        can("read", Row, org_id=actor.org_id)
        can("update", Row, org_id=actor.org_id)
        cannot("read", Row, title="hidden")


class _Support:
    """Serves rows, as nestpy-orm does its entities."""

    def __init__(self) -> None:
        self._picks: dict[frozenset[str] | None, Callable[[dict[str, Any]], dict[str, Any]]] = {}

    def fields(self, cls: type) -> tuple[str, ...]:
        return COLUMNS

    def encode_fields(self, value: Row, fields: frozenset[str] | None) -> dict[str, Any]:
        pick = self._picks.get(fields)
        if pick is None:
            written = ", ".join(f"{name!r}: held[{name!r}]" for name in COLUMNS if fields is None or name in fields)
            pick = self._picks[fields] = eval(f"lambda held: {{{written}}}")  # of names above
        return pick(value.__dict__)


class _Storage:
    """A storage of rows, as its plugin."""

    nestpy_api = "0.1"

    @hookimpl
    def nestpy_schema(self, cls: type) -> Any:
        return _Support() if cls is Row else None


@module(imports=[AuthzModule.for_root(Rules)])
class RulesApp:
    """Nothing but the rules."""


@contextmanager
def deciding() -> Iterator[dict[str, Callable[[], object]]]:
    """Every call by name; the application stays started meanwhile."""
    from nestpy_authz._mask import Mask

    lines = [
        f"p, member, subject{name}, {act}, allow" for name in range(25) for act in ("create", "read", "update", "x")
    ]
    enforcer = casbin.Enforcer(
        casbin.Enforcer.new_model(text=MODEL), StringAdapter("\n".join([*lines, "g, ada, member"]))
    )
    ada = Member("ada", ("member",), 1)
    rows = [Row(number) for number in range(100)]
    asked = rows[1]
    with asyncio.Runner() as runner:
        starting = App(RulesApp, environ={"NESTPY_ENV": "production"}, plugins=[_Storage()]).create_context()
        context = runner.run(starting.__aenter__())
        ability = runner.run(context.get(Abilities)).of(ada)
        mask: Any = runner.run(context.get(Mask))
        with acting_as(ada):
            yield {
                GATE: lambda: ability.can("read", asked),
                ENFORCE: lambda: enforcer.enforce("ada", "subject12", "read"),
                MASK: lambda: mask.shape(rows, None),
            }
        runner.run(starting.__aexit__(None, None, None))
