"""Finds patterns whose matching time explodes: a repetition inside a repetition that can share its characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_parser: Any = vars(re)["_parser"]  # the only parser of Python's patterns there is; `sre_parse` before 3.11
_PROBED = range(0x180)
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def explodes(pattern: str) -> bool:
    """Say whether a pattern nests repetitions ambiguously, as ``(a+)+`` does and ``[a-z]+(-[a-z]+)*`` does not.

    A nested repetition is let pass where a character that it cannot itself match opens or closes each turn
    of the outer one: then a text can be divided into turns in one way only.
    """
    return any(_is_ambiguous(body, highest) for body, _, highest in _repeats(_parser.parse(pattern)))


def _is_ambiguous(body: Any, highest: int) -> bool:
    if highest <= 1:
        return False
    inner = [inside for inside, lowest, most in _repeats(body) if most != lowest and most > 1]
    if not inner:
        return False
    taken = frozenset[int]().union(*(_characters(inside) for inside in inner))
    nodes = list(body)
    if len(nodes) == 1 and str(nodes[0][0]) == "SUBPATTERN":
        nodes = list(nodes[0][1][-1])
    ends = [_single(node) for node in (nodes[0], nodes[-1])] if nodes else []
    return not any(end and end.isdisjoint(taken) for end in ends)


def _repeats(nodes: Any) -> Iterator[tuple[Any, int, int]]:
    """Yield body, lowest and highest count of every backtracking repetition, wherever it stands."""
    for operation, argument in nodes:
        if str(operation) in _REPEATS:
            lowest, highest, body = argument
            yield body, int(lowest), int(highest)
        for inside in _inside(argument):
            yield from _repeats(inside)


def _inside(argument: Any) -> Iterator[Any]:
    for item in argument if isinstance(argument, tuple | list) else (argument,):
        if isinstance(item, _parser.SubPattern):
            yield item
        elif isinstance(item, list):
            yield from (one for one in item if isinstance(one, _parser.SubPattern))


def _characters(nodes: Any) -> frozenset[int]:
    """Return every probed character that stands somewhere in a part of a pattern."""
    found: set[int] = set()
    for node in nodes:
        single = _single(node)
        if single is not None:
            found |= single
        for inside in _inside(node[1]):
            found |= _characters(inside)
    return frozenset(found)


def _single(node: tuple[Any, Any]) -> frozenset[int] | None:
    """Return the probed characters that a node takes one of; None where it takes no single character."""
    operation, argument = str(node[0]), node[1]
    if operation == "LITERAL":
        return frozenset({argument})
    if operation == "NOT_LITERAL":
        return frozenset(_PROBED) - {argument}
    if operation == "ANY":
        return frozenset(_PROBED)
    return _set_of(argument) if operation == "IN" else None


def _set_of(items: Iterable[tuple[Any, Any]]) -> frozenset[int]:
    found: set[int] = set()
    negated = False
    for operation, argument in items:
        name = str(operation)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            found.add(argument)
        elif name == "RANGE":
            found.update(range(argument[0], min(argument[1], _PROBED.stop) + 1))
        elif name == "CATEGORY":
            test = re.compile(_CATEGORIES[str(argument)])
            found.update(code for code in _PROBED if test.match(chr(code)))
    return frozenset(_PROBED) - found if negated else frozenset(found)
