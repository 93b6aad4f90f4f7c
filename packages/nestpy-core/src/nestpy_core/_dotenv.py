r"""Parses the text of one ``.env`` file.

Each line is ``NAME=value``, with ``export`` in front if you like. A bare value stands as it is, up to a
``#`` that follows a blank. Double quotes expand ``\n \t \r \\ \"``; single quotes are literal. Nothing
is interpolated, a value never spans lines, and the last of two equal names wins.
"""

from __future__ import annotations

import re

from ._record import Record

_LINE = re.compile(r"(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=(?P<rest>.*)", re.DOTALL)
_QUOTED = re.compile(
    r"""[ \t]*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)')[ \t]*(?:#.*)?""",
    re.DOTALL,
)
_COMMENT = re.compile(r"[ \t]#")
_ESCAPE = re.compile(r'\\([ntr\\"])')
_EXPANDED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}


class Dotenv(Record, frozen=True):
    """What one file says: its values, and the numbers of the lines that say nothing readable."""

    values: dict[str, str]
    malformed: tuple[int, ...]


def parse_dotenv(text: str) -> Dotenv:
    """Parse the *text* of a ``.env`` file. Malformed lines are counted from 1 and skipped."""
    values: dict[str, str] = {}
    malformed: list[int] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        content = line.strip(" \t\r")
        if not content or content.startswith("#"):
            continue
        pair = _pair(content)
        if pair is None:
            malformed.append(number)
        else:
            values[pair[0]] = pair[1]
    return Dotenv(values, tuple(malformed))


def _pair(content: str) -> tuple[str, str] | None:
    line = _LINE.fullmatch(content)
    if line is None:
        return None
    value = _value(line["rest"])
    return None if value is None else (line["name"], value)


def _value(rest: str) -> str | None:
    if rest.lstrip(" \t")[:1] not in {'"', "'"}:
        comment = _COMMENT.search(rest)
        return (rest[: comment.start()] if comment else rest).strip(" \t")
    quoted = _QUOTED.fullmatch(rest)
    if quoted is None:
        return None
    if quoted["single"] is not None:
        return quoted["single"]
    return _ESCAPE.sub(lambda escape: _EXPANDED[escape[1]], quoted["double"])
