"""Reads a casbin model, and refuses what could not be compiled into conditions."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from typing import Any

from .errors import RuleError

_EFFECTS = {
    "some(where(p_eft==allow))",
    "some(where(p_eft==allow))&&!some(where(p_eft==deny))",
}
_FIELDS = ("sub", "dom", "obj", "act", "eft", "fields", "where")
_CLAUSES = {
    "g(r_sub,p_sub)": "sub",
    "g(r_sub,p_sub,r_dom)": "sub",
    "r_sub==p_sub": "sub",
    "r_dom==p_dom": "dom",
    "r_obj==p_obj": "obj",
    "r_act==p_act": "act",
}


@dataclasses.dataclass(frozen=True, slots=True)
class ModelShape:
    """What a model says, as far as policies may go.

    Attributes:
        new_model: makes the model anew, without policies.
        fields: of a policy, in order.
        hierarchy: whether roles are given to subjects.
        grouped_by_domain: whether they are given for one domain each.
    """

    new_model: Callable[[], Any]
    fields: tuple[str, ...]
    hierarchy: bool
    grouped_by_domain: bool

    @property
    def domains(self) -> bool:
        """Whether policies are about one domain each."""
        return "dom" in self.fields


def read_model(source: str | os.PathLike[str]) -> ModelShape:
    """Read a model from its text, or from a file.

    Raises:
        RuleError: it cannot be read, or says what no query could carry.
    """
    from casbin import Enforcer

    text = isinstance(source, str) and "\n" in source

    def new_model() -> Any:
        return (
            Enforcer.new_model(text="\n".join(map(str.strip, str(source).splitlines())))
            if text
            else Enforcer.new_model(os.fspath(source))
        )

    try:
        model = new_model()
        tokens = [token.removeprefix("p_") for token in model["p"]["p"].tokens]
        effect, matcher = (re.sub(r"\s", "", model[key][key].value) for key in ("e", "m"))
        groups = dict(model["g"]) if "g" in model.keys() else {}  # noqa: SIM118  # a Model is no mapping: `in` never ends
    except Exception as error:
        raise RuleError(f"The model cannot be read: {str(error) or type(error).__name__}") from error
    _check_fields(tokens, model)
    if effect.replace("p.eft", "p_eft") not in _EFFECTS:
        raise RuleError(
            f"The model's effect `{model['e']['e'].value}` is none that denies by default.\n"
            f"Hint: write `some(where (p.eft == allow)) && !some(where (p.eft == deny))`"
        )
    clauses = _check_matcher(matcher.replace("r.", "r_").replace("p.", "p_"), tokens)
    if set(groups) - {"g"}:
        raise RuleError("The model has several kinds of roles; only `g` can be compiled")
    hierarchy = any(clause.startswith("g(") for clause in clauses)
    if hierarchy is not bool(groups):
        raise RuleError("The model's matcher and its `role_definition` do not both speak of roles")
    return ModelShape(new_model, tuple(tokens), hierarchy, "g(r_sub,p_sub,r_dom)" in clauses)


def _check_fields(tokens: list[str], model: Any) -> None:
    unknown = [token for token in tokens if token not in _FIELDS]
    if unknown or not {"sub", "obj", "act"} <= set(tokens) or set(model["p"]) != {"p"}:
        raise RuleError(
            f"The model's policies have the fields {', '.join(tokens)}.\n"
            f"Hint: they need sub, obj and act, and may have dom, eft, fields and where"
        )


def _check_matcher(matcher: str, tokens: list[str]) -> list[str]:
    clauses = matcher.split("&&")
    for clause in clauses:
        if clause not in _CLAUSES:
            raise RuleError(
                f"The model's matcher says `{clause}`, which cannot become a condition of a query.\n"
                f"Hint: compare subject, domain, object and action alone, and put conditions into a `where` field"
            )
    compared = sorted(_CLAUSES[clause] for clause in clauses)
    wanted = sorted({"sub", "obj", "act", "dom"} & set(tokens))
    if compared != wanted:
        raise RuleError(f"The model's matcher compares {', '.join(compared)}, and policies have {', '.join(wanted)}")
    return clauses
